"""A source's dialect, declared: how its file is written and what its columns mean. Nothing is guessed."""

from __future__ import annotations

import codecs
from fractions import Fraction
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
SQL_NULL: Final = "NULL"
"""How SQL's NULL reaches a profile's ``nulls``."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a profile."""


class Station(Table, frozen=True, kw_only=True):
    """Where the station's name stands: in a ``column``, nowhere (``value`` says it), or in TOA5's ``heading``.

    ``names`` adds spellings that the registry does not know.
    """

    column: str | None = None
    value: str | None = None
    heading: bool = False
    names: dict[str, str] = msgspec.field(default_factory=dict)


class Time(Table, frozen=True, kw_only=True):
    """The columns that make ``observed_at`` when joined by a space.

    Attributes
    ----------
    format
        strptime's.
    zone
        UTC, or an IANA name for local times.
    offset_s
        Seconds from the time in the file to the end of what the record describes: 86400 where a date names a day.
    slot_s, tolerance_s
        For stamps that miss the full minute (:59, KF-110): the nearest multiple of ``slot_s`` seconds counts if it is
        at most ``tolerance_s`` away, and else the record is rejected. 0 takes stamps as they are.
    """

    columns: tuple[str, ...]
    format: str
    zone: str = "UTC"
    offset_s: int = 0
    slot_s: int = 0
    tolerance_s: int = 0


class Counter(Table, frozen=True, kw_only=True):
    """A column that only ever counts up, such as a rain gauge's total; its variable is the growth over its period.

    Attributes
    ----------
    most
        Greatest growth over the period that is believed, in the variable's unit.
    wraps_at
        Total at which the counter begins again at 0, in the variable's unit; without it a total that falls is a reset,
        and what fell meanwhile is unknown.
    """

    most: float
    wraps_at: float | None = None


class Column(Table, frozen=True, kw_only=True):
    """One column (in the long form: one element's code): the variable it is, and the unit it is in.

    Attributes
    ----------
    unit
        Of the number in the file times ``scale``.
    scale
        A decimal number, for files that hold tenths ("0.1") or tips of a bucket ("0.2").
    nulls
        Further cells that mean missing, in this column.
    written_unit
        What the row of units (TOA5) must say, so that a changed program of the logger is noticed.
    """

    column: str
    variable: str
    unit: str
    optional: bool = False
    scale: str = "1"
    nulls: tuple[str, ...] = ()
    written_unit: str | None = None
    counter: Counter | None = None


class Long(Table, frozen=True, kw_only=True):
    """The long form: a line is one value; the variables' ``column`` is then the code in the column ``element``.

    ``flag`` names a column whose ``missing`` tokens make a value missing, and whose ``trace`` tokens make it a trace.
    Elements that are in no variable and not in ``ignore`` are rejected.
    """

    element: str
    value: str
    flag: str | None = None
    missing: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


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
    form
        ``csv``; ``toa5`` for a Campbell logger's file with its four header lines; ``sql`` for the INSERT statements of
        a database's export.
    table
        In an SQL export, the table that is read; other statements are passed over.
    escapes
        In an SQL export, whether a backslash escapes (``mysql``) or is itself (``standard``).
    preamble, after_header
        Lines before and after the line of column names that say nothing.
    nulls
        Cells that mean missing, compared after spaces are stripped.
    trace
        Cells that mean a trace of rain: too little to measure, stored as 0.
    thousands
        Characters between groups of digits, for example U+202F.
    ignore
        Columns that are known and not used, also as patterns with ``*``. Any other column is an error.
    """

    source: str
    report_type: str
    licence: Licence
    form: Literal["csv", "toa5", "sql"] = "csv"
    table: str | None = None
    escapes: Literal["mysql", "standard"] = "mysql"
    preamble: int = 0
    after_header: int = 0
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    thousands: str = ""
    nulls: tuple[str, ...] = ("",)
    trace: tuple[str, ...] = ()
    station: Station
    time: Time
    variables: tuple[Column, ...]
    long: Long | None = None
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
    _check_form(profile)
    _check_time(profile.time)
    for column in profile.variables:
        _check_column(column, profile)
    names = [column.variable for column in profile.variables]
    if len(set(names)) != len(names):
        raise ValueError("variables: expected each variable once")
    if profile.wind and not {profile.wind.speed, profile.wind.direction} <= set(names):
        raise ValueError("wind: speed and direction must be among the variables")
    if any(ALL[name].unit == "degree" for name in names) and not profile.wind:
        raise ValueError("wind: a direction needs its speed, to tell calm from north")


def _check_form(profile: Profile) -> None:
    station = profile.station
    if sum((station.column is not None, station.value is not None, station.heading)) != 1:
        raise ValueError("station: expected one of column, value and heading = true")
    if station.heading and profile.form != "toa5":
        raise ValueError("station.heading: only a file of form toa5 names its station in its first line")
    if (profile.form == "sql") != (profile.table is not None):
        raise ValueError("table: expected the table's name if form is sql, and only then")
    if profile.form == "sql" and SQL_NULL not in profile.nulls:
        raise ValueError(f"nulls: expected {SQL_NULL!r} among them if form is sql")
    if profile.form != "csv" and (profile.preamble or profile.after_header):
        raise ValueError(f"preamble, after_header: the form {profile.form} says where its header is")
    if profile.long and any(column.optional or column.counter for column in profile.variables):
        raise ValueError("variables: optional and counter have no meaning in the long form")


def _check_time(time: Time) -> None:
    try:
        ZoneInfo(time.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"time.zone: expected UTC or an IANA name, found {time.zone!r}") from None
    if not 0 <= 2 * time.tolerance_s <= time.slot_s:
        raise ValueError(
            f"time: expected slot_s of at least twice tolerance_s, found {time.slot_s} and {time.tolerance_s}"
        )


def _check_column(column: Column, profile: Profile) -> None:
    variable = ALL.get(column.variable)
    if variable is None or variable.is_boolean:
        raise ValueError(f"variables: {column.variable!r} is no numeric variable of the contract")
    conversion(column.unit, variable.unit)
    try:
        Fraction(column.scale)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"variables: scale of {column.column!r}: expected a number, found {column.scale!r}") from None
    if column.counter and (variable.statistic != "sum" or not variable.period_s):
        raise ValueError(f"variables: counter of {column.column!r}: {column.variable} is no sum over a period")
    if column.written_unit is None and profile.form == "toa5":
        raise ValueError(
            f"variables: written_unit of {column.column!r}: expected what the file's row of units says, found none"
        )
