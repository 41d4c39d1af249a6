"""Reports from a CSV file of a declared dialect.

Columns are found by their names, never by position (KF-116). A line that cannot be read is rejected with its reason
and its text; nothing is lost and nothing is repaired.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meteostream.contract.report import Value
from meteostream.contract.times import EPOCH, format_time
from meteostream.contract.variables import ALL
from meteostream.registry import Registry, RegistryError
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Profile, zone_of
from meteostream.sources.units import Conversion, conversion, convert
from meteostream.sources.wind import direction, variable_direction

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?")
_SURROGATE: Final = re.compile("[\udc80-\udcff]")
_BOM: Final = "\ufeff"


class _Refusal(ValueError):  # noqa: N818 - becomes a Reject
    """Why a line is rejected."""


class _Remembering:
    """Physical lines, of which the last record's are kept."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.kept.append(line)
        return line

    def take(self) -> str:
        """Text since the last call, without its line end."""
        text = "".join(self.kept).rstrip("\r\n")
        self.kept.clear()
        return text


class _Reader(NamedTuple):
    """A profile, bound to the header of one file."""

    profile: Profile
    registry: Registry
    zone: ZoneInfo
    width: int
    station: int
    time: tuple[int, ...]
    cells: tuple[tuple[int, str, Conversion], ...]
    nulls: frozenset[str]
    stations: dict[str, str]


def read_csv(path: Path, profile: Profile, registry: Registry) -> Iterator[Observation | Reject]:
    """Read a file, line by line.

    Raises
    ------
    SourceError
        If the file cannot be opened, or its header is not the profile's.
    """
    try:
        file = path.open(encoding=profile.encoding, errors="surrogateescape", newline="")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
    with file:
        lines = _Remembering(file)
        records = csv.reader(lines, delimiter=profile.delimiter, strict=True)
        header = _header(records, path)
        lines.take()
        reader = _bind(profile, registry, header, path)
        seen: dict[tuple[str, str], tuple[int, dict[str, Value]]] = {}
        while True:
            before = records.line_num + 1
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                yield Reject(before, f"expected CSV with {profile.delimiter!r}: {error}", lines.take())
                continue
            text = lines.take()
            if not text:
                continue
            try:
                found = _observation(reader, cells, before, text)
                if not _repeats(found, seen):
                    yield found
            except _Refusal as refusal:
                yield Reject(before, str(refusal), text)


def _header(records: Iterator[list[str]], path: Path) -> list[str]:
    try:
        header = next(records)
    except (StopIteration, csv.Error):
        raise SourceError(f"{path}, line 1: expected a header, found none") from None
    header[0] = header[0].removeprefix(_BOM)
    return [_name(cell) for cell in header]


def _name(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _bind(profile: Profile, registry: Registry, header: list[str], path: Path) -> _Reader:
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise SourceError(f"{path}, line 1: expected each column once, found {sorted(twice)} twice")
    used = [profile.station.column, *profile.time.columns, *(column.column for column in profile.variables)]
    optional = {column.column for column in profile.variables if column.optional}
    known = {_name(name) for name in (*used, *profile.ignore)}
    missing = [name for name in used if _name(name) not in header and name not in optional]
    unknown = [name for name in header if name not in known]
    if missing or unknown:
        raise SourceError(
            f"{path}, line 1: expected the columns of the profile; missing: {missing or 'none'}; "
            f"not in the profile: {unknown or 'none'}. Is the delimiter {profile.delimiter!r}, the encoding "
            f"{profile.encoding}? A column that means nothing here belongs into the profile's list 'ignore'"
        )
    return _Reader(
        profile=profile,
        registry=registry,
        zone=zone_of(profile),
        width=len(header),
        station=header.index(_name(profile.station.column)),
        time=tuple(header.index(_name(name)) for name in profile.time.columns),
        cells=tuple(
            (header.index(_name(column.column)), column.variable, conversion(column.unit, ALL[column.variable].unit))
            for column in profile.variables
            if _name(column.column) in header
        ),
        nulls=frozenset(profile.nulls),
        stations={},
    )


def _observation(reader: _Reader, cells: Sequence[str], line: int, text: str) -> Observation:
    if len(cells) != reader.width:
        raise _Refusal(f"expected {reader.width} cells, found {len(cells)}")
    undecoded = _SURROGATE.search(text)
    if undecoded:
        found = text[max(0, undecoded.start() - 8) : undecoded.start() + 8]
        raise _Refusal(f"expected text in {reader.profile.encoding}, found {found!a}")
    return Observation(
        line=line,
        station=_station(reader, cells[reader.station].strip()),
        observed_at=_time(reader, " ".join(cells[place].strip() for place in reader.time)),
        values=_values(reader, cells),
        text=text,
        report_type=reader.profile.report_type,
    )


def _station(reader: _Reader, text: str) -> str:
    if text in reader.stations:
        return reader.stations[text]
    name = reader.profile.station.names.get(text, text)
    try:
        station = reader.registry.resolve(name)
    except RegistryError as error:
        raise _Refusal(str(error)) from None
    if station.simulated:
        raise _Refusal(f"station {text!r}: expected a real station, found the simulated {station.wigos_id}")
    reader.stations[text] = station.wigos_id
    return station.wigos_id


def _time(reader: _Reader, text: str) -> str:
    time = reader.profile.time
    try:
        local = datetime.strptime(text, time.format)
    except ValueError:
        raise _Refusal(f"time: expected the form {time.format!r}, found {text!r}") from None
    if local.tzinfo is not None:
        moment = local.astimezone(UTC)
    else:
        placed = local.replace(tzinfo=reader.zone)
        moment = placed.astimezone(UTC)
        if moment != placed.replace(fold=1).astimezone(UTC):
            # The clock was put back (the time came twice) or forward (it never came).
            raise _Refusal(f"time: expected one moment in {time.zone}, found {text!r}, which came twice or never there")
    if moment.microsecond:
        raise _Refusal(f"time: expected whole seconds, found {text!r}")
    return format_time(round((moment - EPOCH).total_seconds()) * 1_000_000, fraction=False)


def _values(reader: _Reader, cells: Sequence[str]) -> dict[str, Value]:
    wind = reader.profile.wind
    values: dict[str, Value] = {}
    varying = False
    for place, variable, how in reader.cells:
        text = cells[place].strip()
        if text in reader.nulls:
            values[variable] = None
        elif wind and variable == wind.direction and text in wind.variable_tokens:
            values[variable], varying = None, True
        else:
            values[variable] = _number(reader, text, variable, how)
    if wind and wind.direction in values:
        speed, found = values.get(wind.speed), values[wind.direction]
        translated = variable_direction() if varying else direction(speed, found)
        values[wind.direction] = translated.degrees
        if translated.variable is not None:
            values["wind_variable"] = translated.variable
    return values


def _number(reader: _Reader, text: str, variable: str, how: Conversion) -> float:
    profile = reader.profile
    plain = text.translate(dict.fromkeys(map(ord, profile.thousands)))
    if profile.decimal == ",":
        # A point in a file with decimal commas is somebody's other habit: which one cannot be known (KF-106).
        plain = "?" if "." in plain else plain.replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        raise _Refusal(f"{variable}: expected a number with decimal {profile.decimal!r}, found {text!a}")
    return convert(plain, how)


def _repeats(found: Observation, seen: dict[tuple[str, str], tuple[int, dict[str, Value]]]) -> bool:
    """Whether a line says again what an earlier one said; another content for one report cannot be decided here."""
    line, values = seen.setdefault((found.station, found.observed_at), (found.line, found.values))
    if line == found.line:
        return False
    if values != found.values:
        raise _Refusal(
            f"station {found.station} at {found.observed_at}: expected one report, found line {line} with other values"
        )
    return True
