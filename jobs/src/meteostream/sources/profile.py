"""A source's dialect, declared: how its file is written and what its columns mean. Nothing is guessed."""

from __future__ import annotations

import codecs
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from meteostream.contract.report import NAME
from meteostream.contract.variables import ALL
from meteostream.sources.errors import SourceError
from meteostream.sources.units import conversion

SUFFIX: Final = ".toml"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile."""


class Station(Table, frozen=True, kw_only=True):
    """The column that names the station; ``names`` adds spellings that the registry does not know."""

    column: str
    names: dict[str, str] = msgspec.field(default_factory=dict)


class Time(Table, frozen=True, kw_only=True):
    """The columns that make ``observed_at`` when joined by a space.

    ``format`` is strptime's; ``zone`` is UTC, or an IANA name for local times.
    """

    columns: tuple[str, ...]
    format: str
    zone: str = "UTC"


class Column(Table, frozen=True, kw_only=True):
    """One column: the variable it is, and the unit it is in."""

    column: str
    variable: str
    unit: str
    optional: bool = False


class Wind(Table, frozen=True, kw_only=True):
    """Customs of a wind direction's column; the contract's own are north 360, calm speed 0 and direction null."""

    speed: str
    direction: str
    variable_tokens: tuple[str, ...] = ()


class Licence(Table, frozen=True, kw_only=True):
    """What may be done with the data; what is not known may not be done."""

    name: str
    attribution: str
    commercial_use: bool = False
    redistribute: bool = False


class Profile(Table, frozen=True, kw_only=True):
    """A dialect.

    Attributes
    ----------
    source, report_type
        Of every report.
    nulls
        Cells that mean missing, compared after spaces are stripped.
    thousands
        Characters between groups of digits, for example U+202F.
    ignore
        Columns that are known and not used. Any other column is an error.
    """

    source: str
    report_type: str
    licence: Licence
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    thousands: str = ""
    nulls: tuple[str, ...] = ("",)
    station: Station
    time: Time
    variables: tuple[Column, ...]
    wind: Wind | None = None
    ignore: tuple[str, ...] = ()


def shipped() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(
        file.name.removesuffix(SUFFIX)
        for file in files(__package__).joinpath("profiles").iterdir()
        if file.name.endswith(SUFFIX)
    )


def load_profile(name: str) -> Profile:
    """A shipped profile by name, or one from a file by path.

    Raises
    ------
    SourceError
        Naming what is wrong in it.
    """
    if name.endswith(SUFFIX):
        try:
            return parse_profile(Path(name).read_text("utf-8"), name)
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{name}: expected a profile: {error}") from None
    if name not in shipped():
        raise SourceError(
            f"profile {name!r}: expected one of {', '.join(shipped())}, or a path that ends with {SUFFIX}"
        )
    return parse_profile(files(__package__).joinpath("profiles", name + SUFFIX).read_text("utf-8"), name)


def parse_profile(text: str, origin: str) -> Profile:
    """Read and check a profile."""
    try:
        profile = msgspec.toml.decode(text, type=Profile)
    except msgspec.MsgspecError as error:
        raise SourceError(f"{origin}: {error}") from None
    try:
        _check(profile)
    except (ValueError, LookupError) as error:
        raise SourceError(f"{origin}: {error}") from None
    return profile


def zone_of(profile: Profile) -> ZoneInfo:
    """Time zone of the file's times."""
    return ZoneInfo(profile.time.zone)


def _check(profile: Profile) -> None:
    for member in ("source", "report_type"):
        if NAME.fullmatch(getattr(profile, member)) is None:
            raise ValueError(f"{member}: expected lower-case letters, digits, dots and dashes")
    codecs.lookup(profile.encoding)
    if len(profile.delimiter) != 1 or profile.delimiter == profile.decimal or profile.decimal in profile.thousands:
        raise ValueError("delimiter, decimal and thousands: expected different characters, one for delimiter")
    try:
        zone_of(profile)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"time.zone: expected UTC or an IANA name, found {profile.time.zone!r}") from None
    for column in profile.variables:
        if column.variable not in ALL or ALL[column.variable].is_boolean:
            raise ValueError(f"variables: {column.variable!r} is no numeric variable of the contract")
        conversion(column.unit, ALL[column.variable].unit)
    names = [column.variable for column in profile.variables]
    if len(set(names)) != len(names):
        raise ValueError("variables: expected each variable once")
    if profile.wind and not {profile.wind.speed, profile.wind.direction} <= set(names):
        raise ValueError("wind: speed and direction must be among the variables")
    if any(ALL[name].unit == "degree" for name in names) and not profile.wind:
        raise ValueError("wind: a direction needs its speed, to tell calm from north")
