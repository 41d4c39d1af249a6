"""Which source is believed: a checked table of priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.contract.report import NAME
from meteostream.etl.errors import EtlError
from meteostream.etl.products import BASE_NAMES
from meteostream.shipped import decode_definitions, read_definitions

if TYPE_CHECKING:
    from pyspark.sql import Column

SHIPPED: Final = "sources.toml"
MOST_MINUTES: Final = 30
"""Half an hour: beyond it the next full hour is nearer."""


class Tolerance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far before and after the full hour a report may lie, minutes."""

    before_minutes: int
    after_minutes: int


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sources from the most to the least believed; ``variables`` has lists of their own, by gold's names."""

    default: list[str]
    variables: dict[str, list[str]] = msgspec.field(default_factory=dict)


class Priorities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    version: str
    hourly: Tolerance
    priority: Order

    def rank(self, variable: Column, source: Column) -> Column:
        """Place of a source for a variable, from 0; sources that are not listed share the last place."""
        found = _place(source, self.priority.default)
        for name, order in sorted(self.priority.variables.items()):
            found = F.when(variable == name, _place(source, order)).otherwise(found)
        return found


def _place(source: Column, order: list[str]) -> Column:
    found = F.lit(len(order))
    for place, name in reversed(list(enumerate(order))):
        found = F.when(source == name, place).otherwise(found)
    return found


def load_priorities(path: str | None = None) -> Priorities:
    """Priorities of a file, or the shipped ones.

    Raises
    ------
    EtlError
        It cannot be read, has an unknown key or variable, or names a source twice.
    """
    text = read_definitions(__package__, SHIPPED, path, "a file of source priorities", EtlError)
    return parse_priorities(text, path or SHIPPED)


def parse_priorities(text: str, origin: str) -> Priorities:
    """Read and check; ``origin`` names the file in errors."""
    found = decode_definitions(text, Priorities, origin, EtlError)
    for name in sorted(set(found.priority.variables) - BASE_NAMES):
        raise EtlError(
            f"{origin}: [priority.variables] {name}: expected a variable as gold names it, one of "
            f"{', '.join(sorted(BASE_NAMES))}"
        )
    for where, order in {"default": found.priority.default, **found.priority.variables}.items():
        for source in order:
            if NAME.fullmatch(source) is None or order.count(source) > 1:
                raise EtlError(f"{origin}: {where}: expected names of sources, each once, found {source!r}")
    for minutes in (found.hourly.before_minutes, found.hourly.after_minutes):
        if not 0 <= minutes < MOST_MINUTES:
            raise EtlError(f"{origin}: [hourly]: expected 0 to {MOST_MINUTES - 1} minutes, found {minutes}")
    return found
