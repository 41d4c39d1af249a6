"""Rulesets: versioned tables of thresholds, read from TOML and checked.

A stored result names its ruleset's version, so a version never changes: its file is frozen by a test.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from meteostream.contract.variables import ALL, WIDE_NAMES

CURRENT: Final = "instrument-1"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A closed interval in the variable's unit, and where it comes from."""

    low: float
    high: float
    source: str


class Ruleset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of one version."""

    version: str
    instrument_range: dict[str, Limits]


class RulesetError(ValueError):
    """A ruleset that cannot be used; the message names the line of it."""


def parse_ruleset(text: str, origin: str) -> Ruleset:
    """Read and check a ruleset.

    Parameters
    ----------
    text
        TOML.
    origin
        Its file, for errors.

    Raises
    ------
    RulesetError
        For unknown keys, unknown or boolean variables, and limits in the wrong order.
    """
    try:
        ruleset = msgspec.toml.decode(text, type=Ruleset)
    except msgspec.MsgspecError as error:
        raise RulesetError(f"{origin}: {error}") from None
    for name, limits in ruleset.instrument_range.items():
        where = f"{origin}: instrument_range.{name}"
        if name not in WIDE_NAMES or ALL[name].is_boolean:
            raise RulesetError(f"{where}: expected a wide variable with a unit, found none of that name")
        if not limits.low < limits.high:
            raise RulesetError(f"{where}: expected low < high, found {limits.low} and {limits.high}")
    return ruleset


@cache
def load_ruleset(version: str = CURRENT) -> Ruleset:
    """Shipped ruleset of a version.

    >>> load_ruleset().instrument_range["wind_mean_10min"].high
    75.0
    """
    file = files(__package__).joinpath("rulesets", f"{version}.toml")
    if not file.is_file():
        raise RulesetError(f"expected a shipped ruleset, found none named {version!r} (current: {CURRENT})")
    ruleset = parse_ruleset(file.read_text("utf-8"), file.name)
    if ruleset.version != version:
        raise RulesetError(f"{file.name}: expected version {version!r}, found {ruleset.version!r}")
    return ruleset
