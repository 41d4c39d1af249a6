"""Published climate normals from a table of a declared dialect; nothing is computed or guessed.

A line holds a station's values of one element: a column a month (or dekad), or one value with its month's number in
another column. Columns are found by their names (KF-116).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from meteostream.contract.report import NAME
from meteostream.contract.variables import ALL
from meteostream.etl.products import BASE_NAMES, base_name
from meteostream.registry import Registry, RegistryError
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Reject
from meteostream.sources.profile import Licence
from meteostream.sources.units import conversion, convert

Period = Literal["month", "dekad", "year"]
Statistic = Literal["mean", "maximum", "minimum", "sum"]

LAST_NUMBER: Final[dict[Period, int]] = {"month": 12, "dekad": 36, "year": 1}
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")


class StationColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The column that names the station; ``names`` adds spellings that the registry does not know."""

    column: str
    names: dict[str, str] = msgspec.field(default_factory=dict)


class Element(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a line's values are: gold's variable, of which daily values, how they were combined, in which unit."""

    variable: str
    day_statistic: Statistic
    statistic: Statistic
    unit: str


class Elements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The column that names the element, and what its words mean; without a column all lines are ``only``."""

    column: str | None = None
    names: dict[str, Element] = msgspec.field(default_factory=dict)
    only: Element | None = None


class PeriodColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column that holds the values of one month, dekad or year."""

    column: str
    period: Period
    number: int


class LongColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two columns: the number of the month or dekad, and its value."""

    period: Period
    number_column: str
    value_column: str


class NormalsProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A dialect of a file of normals.

    Attributes
    ----------
    source
        Who published them.
    first_year, last_year
        The reference period, both included.
    nulls
        Cells that mean that there is no normal.
    ignore
        Columns that are known and not used. Any other column is an error.
    """

    source: str
    first_year: int
    last_year: int
    licence: Licence
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    decimal: Literal[".", ","] = "."
    nulls: tuple[str, ...] = ("",)
    station: StationColumn
    element: Elements
    periods: tuple[PeriodColumn, ...] = ()
    long: LongColumns | None = None
    ignore: tuple[str, ...] = ()


class Normal(NamedTuple):
    """One published value, in the contract's unit."""

    station: str
    variable: str
    day_statistic: str
    statistic: str
    period: str
    number: int
    value: float


UNITS: Final[dict[str, str]] = {base_name(variable.name): variable.unit for variable in ALL.values()}
"""Units of gold's variables."""


class _Refusal(ValueError):  # noqa: N818 - becomes a Reject
    """Why a line is rejected."""


def load_normals_profile(path: Path) -> NormalsProfile:
    """Read and check a dialect.

    Raises
    ------
    SourceError
        Naming what is wrong in it.
    """
    try:
        return parse_normals_profile(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: expected a profile of normals: {error}") from None


def parse_normals_profile(text: str, origin: str) -> NormalsProfile:
    """Read and check; ``origin`` names the file in errors."""
    try:
        profile = msgspec.toml.decode(text, type=NormalsProfile)
    except msgspec.MsgspecError as error:
        raise SourceError(f"{origin}: {error}") from None
    try:
        _check(profile)
    except ValueError as error:
        raise SourceError(f"{origin}: {error}") from None
    return profile


def _check(profile: NormalsProfile) -> None:
    if NAME.fullmatch(profile.source) is None:
        raise ValueError("source: expected lower-case letters, digits, dots and dashes")
    if profile.first_year >= profile.last_year:
        raise ValueError(f"expected first_year before last_year, found {profile.first_year} and {profile.last_year}")
    if len(profile.delimiter) != 1 or profile.delimiter == profile.decimal:
        raise ValueError("delimiter and decimal: expected two different characters")
    if bool(profile.periods) == (profile.long is not None):
        raise ValueError("expected either [[periods]] or [long]")
    if (profile.element.column is None) == (profile.element.only is None):
        raise ValueError("element: expected either column and names, or only")
    for column in profile.periods:
        if not 1 <= column.number <= LAST_NUMBER[column.period]:
            last = LAST_NUMBER[column.period]
            raise ValueError(f"periods: {column.column}: expected a number from 1 to {last}, found {column.number}")
    for element in _elements(profile):
        if element.variable not in BASE_NAMES:
            raise ValueError(f"element: expected one of {', '.join(sorted(BASE_NAMES))}, found {element.variable!r}")
        conversion(element.unit, UNITS[element.variable])


def _elements(profile: NormalsProfile) -> list[Element]:
    only = profile.element.only
    return [*profile.element.names.values(), *([only] if only is not None else [])]


def read_normals(file: Path, profile: NormalsProfile, registry: Registry) -> Iterator[Normal | Reject]:
    """Read a file, line by line. A line that cannot be read as a whole gives one Reject and no value.

    Raises
    ------
    SourceError
        If the file cannot be read, or its header is not the profile's.
    """
    try:
        text = file.read_text(profile.encoding)
    except (OSError, UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{file}: expected text in {profile.encoding}: {error}") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=profile.delimiter, strict=True)
    _check_header(list(rows.fieldnames or ()), profile, file)
    seen: dict[Normal, int] = {}
    while True:
        before = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(before, f"expected CSV with {profile.delimiter!r}: {error}", "")
            continue
        try:
            normals = _normals(row, profile, registry)
            for normal in normals:
                first = seen.setdefault(normal._replace(value=0.0), before)
                if first != before:
                    raise _Refusal(f"expected each normal once, found {normal.variable} as in line {first}")
            yield from normals
        except _Refusal as refusal:
            yield Reject(before, str(refusal), profile.delimiter.join(str(cell) for cell in row.values()))


def _check_header(header: list[str], profile: NormalsProfile, file: Path) -> None:
    used = [profile.station.column, *(column.column for column in profile.periods)]
    if profile.element.column is not None:
        used.append(profile.element.column)
    if profile.long is not None:
        used += [profile.long.number_column, profile.long.value_column]
    missing = [name for name in used if name not in header]
    unknown = [name for name in header if name not in {*used, *profile.ignore}]
    if missing or unknown or len(set(header)) != len(header):
        raise SourceError(
            f"{file}, line 1: expected the columns of the profile, each once; missing: {missing or 'none'}; not in the "
            f"profile: {unknown or 'none'}. A column that means nothing here belongs into the profile's list 'ignore'"
        )


def _normals(row: dict[str, str], profile: NormalsProfile, registry: Registry) -> list[Normal]:
    if None in row or None in row.values():
        raise _Refusal("expected as many cells as the header has")
    cells = {name: cell.strip() for name, cell in row.items()}
    station = _station(cells[profile.station.column], profile, registry)
    element = _element(cells, profile)
    found: list[tuple[Period, int, str]] = [
        (column.period, column.number, cells[column.column]) for column in profile.periods
    ]
    if profile.long is not None:
        number = cells[profile.long.number_column]
        last = LAST_NUMBER[profile.long.period]
        if not number.isdecimal() or not 1 <= int(number) <= last:
            raise _Refusal(f"{profile.long.number_column}: expected 1 to {last}, found {number!a}")
        found.append((profile.long.period, int(number), cells[profile.long.value_column]))
    how = conversion(element.unit, UNITS[element.variable])
    return [
        Normal(
            station, element.variable, element.day_statistic, element.statistic, period, number_, convert(plain, how)
        )
        for period, number_, cell in found
        if (plain := _plain(cell, profile)) is not None
    ]


def _station(cell: str, profile: NormalsProfile, registry: Registry) -> str:
    try:
        station = registry.resolve(profile.station.names.get(cell, cell))
    except RegistryError as error:
        raise _Refusal(str(error)) from None
    if station.simulated:
        raise _Refusal(f"station {cell!r}: expected a real station, found the simulated {station.wigos_id}")
    return station.wigos_id


def _element(cells: dict[str, str], profile: NormalsProfile) -> Element:
    if profile.element.only is not None:
        return profile.element.only
    word = cells[profile.element.column or ""]
    try:
        return profile.element.names[word]
    except KeyError:
        known = ", ".join(sorted(profile.element.names))
        raise _Refusal(f"{profile.element.column}: expected one of {known}, found {word!a}") from None


def _plain(cell: str, profile: NormalsProfile) -> str | None:
    """The cell as a number with a decimal point; None where there is no normal."""
    if cell in profile.nulls:
        return None
    plain = cell
    if profile.decimal == ",":
        # A point in a file with decimal commas is somebody's other habit: which one cannot be known (KF-106).
        plain = "?" if "." in cell else cell.replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        raise _Refusal(f"expected a number with decimal {profile.decimal!r}, found {cell!a}")
    return plain
