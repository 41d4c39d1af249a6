"""Reports from tables of a declared dialect: CSV, a logger's TOA5, a database's export.

Columns are found by their names, never by position (KF-116). A line that cannot be read is rejected with its reason
and its text; nothing is lost and nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from meteostream.contract.report import Value
from meteostream.contract.times import EPOCH, format_time
from meteostream.contract.variables import ALL
from meteostream.registry import Registry
from meteostream.sources.counters import Gauge
from meteostream.sources.errors import Refusal, SourceError
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.opening import MAX_BYTES, open_text
from meteostream.sources.profile import Column, Profile, zone_of
from meteostream.sources.rows import Row, Rows, name, open_rows
from meteostream.sources.settle import settle, undecoded
from meteostream.sources.units import NUMBER, Conversion, conversion, convert
from meteostream.sources.wind import direction, variable_direction

SECOND_US: Final = 1_000_000


class _Cell(NamedTuple):
    """How one variable's text becomes a value."""

    variable: str
    scale: Fraction
    how: Conversion
    nulls: frozenset[str]
    gauge: Gauge | None


class _Reader(NamedTuple):
    """A profile, bound to the header of one file."""

    profile: Profile
    zone: ZoneInfo
    width: int
    station: int | None
    constant: str
    time: tuple[int, ...]
    cells: tuple[tuple[int, _Cell], ...]


class _LongReader(NamedTuple):
    """What the long form has besides."""

    element: int
    value: int
    flag: int | None
    elements: Mapping[str, _Cell]


def read_csv(
    path: Path, profile: Profile, registry: Registry, max_bytes: int = MAX_BYTES
) -> Iterator[Observation | Reject]:
    """Read a file (also .gz), line by line.

    Raises
    ------
    SourceError
        If the file cannot be opened, or its header is not the profile's.
    """
    with open_text(path, profile.encoding, max_bytes) as lines:
        yield from read_table(lines, profile, registry, str(path))


def read_table(
    lines: Iterable[str], profile: Profile, registry: Registry, origin: str
) -> Iterator[Observation | Reject]:
    """Read the lines of a file.

    Parameters
    ----------
    lines
        With their ends; undecodable bytes as surrogates.
    origin
        The file's name, for errors.

    Raises
    ------
    SourceError
        If the header is not the profile's.
    """
    rows = open_rows(lines, profile, origin)
    if profile.long:
        reader, long = _bind_long(profile, rows)
        found = _long(reader, long, rows.rows)
    else:
        reader = _bind_wide(profile, rows)
        found = _wide(reader, rows.rows)
    return settle(found, registry, profile.station.names)


def _wide(reader: _Reader, rows: Iterable[Row | Reject]) -> Iterator[Observation | Reject]:
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        try:
            _check_row(reader, row)
            yield _observation(reader, row)
        except Refusal as refusal:
            yield Reject(row.line, str(refusal), row.text)


def _long(reader: _Reader, long: _LongReader, rows: Iterable[Row | Reject]) -> Iterator[Observation | Reject]:
    """Gather the lines of each report; a whole file is held, because its order is nobody's promise."""
    reports: dict[tuple[str, str], tuple[int, dict[str, Value], list[str]]] = {}
    for row in rows:
        if isinstance(row, Reject):
            yield row
            continue
        try:
            _check_row(reader, row)
            key = (_station(reader, row), format_time(_time(reader, row), fraction=False))
            element = row.cells[long.element].strip()
            if reader.profile.long and element in reader.profile.long.ignore:
                continue
            cell = long.elements.get(element)
            if cell is None:
                raise Refusal(f"element: expected one of {', '.join(long.elements)}, found {element!r}")
            value = _long_value(reader, long, cell, row)
            _, values, texts = reports.setdefault(key, (row.line, {}, []))
            if cell.variable in values and values[cell.variable] != value:
                raise Refusal(
                    f"{cell.variable} of {key[0]} at {key[1]}: expected one value, found {values[cell.variable]} before"
                )
        except Refusal as refusal:
            yield Reject(row.line, str(refusal), row.text)
            continue
        if cell.variable not in values:
            values[cell.variable] = value
            texts.append(row.text)
    for (station, observed_at), (line, values, texts) in reports.items():
        _translate_wind(reader.profile, values, varying=False)
        yield Observation(line, station, observed_at, values, "\n".join(texts), reader.profile.report_type)


def _long_value(reader: _Reader, long: _LongReader, cell: _Cell, row: Row) -> Value:
    form = reader.profile.long
    flag = row.cells[long.flag].strip() if long.flag is not None else ""
    if form and flag in form.missing:
        return None
    if form and flag in form.trace:
        return 0.0
    text = row.cells[long.value].strip()
    return None if text in cell.nulls else _number(reader.profile, text, cell)


# --- Binding a profile to a header ---


def _bind_wide(profile: Profile, rows: Rows) -> _Reader:
    needed = [column.column for column in profile.variables if not column.optional]
    columns = [column for column in profile.variables if name(column.column) in rows.header or not column.optional]
    reader = _bind(profile, rows, needed, [column.column for column in profile.variables])
    if rows.units is not None:
        _check_units(columns, rows)
    cells = tuple((rows.header.index(name(column.column)), _cell(profile, column)) for column in columns)
    return reader._replace(cells=cells)


def _bind_long(profile: Profile, rows: Rows) -> tuple[_Reader, _LongReader]:
    long = profile.long
    assert long is not None  # noqa: S101 - asked by read_table
    columns = [long.element, long.value, *filter(None, [long.flag])]
    reader = _bind(profile, rows, columns, columns)
    index = rows.header.index
    return reader, _LongReader(
        element=index(name(long.element)),
        value=index(name(long.value)),
        flag=index(name(long.flag)) if long.flag else None,
        elements={column.column: _cell(profile, column) for column in profile.variables},
    )


def _bind(profile: Profile, rows: Rows, needed: Sequence[str], used: Sequence[str]) -> _Reader:
    header = rows.header
    twice = {column for column in header if header.count(column) > 1}
    if twice:
        raise SourceError(f"{rows.place}: expected each column once, found {sorted(twice)} twice")
    placing = [*filter(None, [profile.station.column]), *profile.time.columns]
    known = {name(column) for column in (*placing, *used, *profile.ignore)}
    missing = [column for column in (*placing, *needed) if name(column) not in header]
    unknown = [
        column
        for column in header
        if column not in known and not any(fnmatchcase(column, name(pattern)) for pattern in profile.ignore)
    ]
    if missing or unknown:
        hint = (
            f"Is the delimiter {profile.delimiter!r}, the encoding {profile.encoding}? "
            if profile.form == "csv"
            else ""
        )
        raise SourceError(
            f"{rows.place}: expected the columns of the profile; missing: {missing or 'none'}; "
            f"not in the profile: {unknown or 'none'}. {hint if profile.form == 'csv' else ''}"
            "A column that means nothing here belongs into the profile's list 'ignore'"
        )
    return _Reader(
        profile=profile,
        zone=zone_of(profile),
        width=len(header),
        station=header.index(name(profile.station.column)) if profile.station.column else None,
        constant=profile.station.value or rows.station or "",
        time=tuple(header.index(name(column)) for column in profile.time.columns),
        cells=(),
    )


def _cell(profile: Profile, column: Column) -> _Cell:
    variable = ALL[column.variable]
    counter = column.counter
    return _Cell(
        column.variable,
        Fraction(column.scale),
        conversion(column.unit, variable.unit),
        frozenset((*profile.nulls, *column.nulls)),
        Gauge(variable.period_s, counter.most, counter.wraps_at) if counter else None,
    )


def _check_units(columns: Iterable[Column], rows: Rows) -> None:
    """Refuse a file whose row of units is not the one that the profile was written for."""
    found = rows.units or {}
    for column in columns:
        written = found[name(column.column)].strip()
        if written != column.written_unit:
            raise SourceError(
                f"{rows.place}: column {column.column!r}: expected the unit {column.written_unit!r} in the row of "
                f"units, found {written!r}. Was the logger's program changed? Then the profile must follow"
            )


# --- One row ---


def _check_row(reader: _Reader, row: Row) -> None:
    if len(row.cells) != reader.width:
        raise Refusal(f"expected {reader.width} cells, found {len(row.cells)}")
    shown = undecoded(row.text)
    if shown:
        raise Refusal(f"expected text in {reader.profile.encoding}, found {shown}")


def _observation(reader: _Reader, row: Row) -> Observation:
    station, micros = _station(reader, row), _time(reader, row)
    return Observation(
        line=row.line,
        station=station,
        observed_at=format_time(micros, fraction=False),
        values=_values(reader, row.cells, station, micros // SECOND_US),
        text=row.text,
        report_type=reader.profile.report_type,
    )


def _station(reader: _Reader, row: Row) -> str:
    return reader.constant if reader.station is None else row.cells[reader.station].strip()


def _time(reader: _Reader, row: Row) -> int:
    """Microseconds since 1970."""
    time = reader.profile.time
    text = " ".join(row.cells[place].strip() for place in reader.time)
    try:
        local = datetime.strptime(text, time.format)
    except ValueError:
        raise Refusal(f"time: expected the form {time.format!r}, found {text!r}") from None
    if local.tzinfo is not None:
        moment = local.astimezone(UTC)
    else:
        placed = local.replace(tzinfo=reader.zone)
        moment = placed.astimezone(UTC)
        if moment != placed.replace(fold=1).astimezone(UTC):
            # The clock was put back (the time came twice) or forward (it never came).
            raise Refusal(f"time: expected one moment in {time.zone}, found {text!r}, which came twice or never there")
    if moment.microsecond:
        raise Refusal(f"time: expected whole seconds, found {text!r}")
    seconds = round((moment - EPOCH).total_seconds())
    if time.slot_s:
        slot = (seconds + time.slot_s // 2) // time.slot_s * time.slot_s
        if abs(slot - seconds) > time.tolerance_s:
            raise Refusal(
                f"time: expected at most {time.tolerance_s} s from a multiple of {time.slot_s} s, found {text!r}"
            )
        seconds = slot
    return (seconds + time.offset_s) * SECOND_US


def _values(reader: _Reader, cells: Sequence[str], station: str, seconds: int) -> dict[str, Value]:
    profile = reader.profile
    wind = profile.wind
    values: dict[str, Value] = {}
    varying = False
    for place, cell in reader.cells:
        text = cells[place].strip()
        if cell.gauge:
            total = None if text in cell.nulls else _exact(profile, text, cell)
            growth = cell.gauge.growth(station, seconds, total)
            if growth is not None:
                values[cell.variable] = growth.value
        elif text in cell.nulls:
            values[cell.variable] = None
        elif wind and cell.variable == wind.direction and text in wind.variable_tokens:
            values[cell.variable], varying = None, True
        elif text in profile.trace and ALL[cell.variable].unit == "mm":
            values[cell.variable] = 0.0
        else:
            values[cell.variable] = _number(profile, text, cell)
    _translate_wind(profile, values, varying=varying)
    return values


def _translate_wind(profile: Profile, values: dict[str, Value], *, varying: bool) -> None:
    wind = profile.wind
    if wind and wind.direction in values:
        speed, found = values.get(wind.speed), values[wind.direction]
        translated = variable_direction() if varying else direction(speed, found)
        values[wind.direction] = translated.degrees
        if translated.variable is not None:
            values["wind_variable"] = translated.variable


def _plain(profile: Profile, text: str, variable: str) -> str:
    """A number as Python writes it."""
    plain = text.translate(dict.fromkeys(map(ord, profile.thousands)))
    if profile.decimal == ",":
        # A point in a file with decimal commas is somebody's other habit: which one cannot be known (KF-106).
        plain = "?" if "." in plain else plain.replace(",", ".")
    if NUMBER.fullmatch(plain) is None:
        raise Refusal(f"{variable}: expected a number with decimal {profile.decimal!r}, found {text!a}")
    return plain


def _exact(profile: Profile, text: str, cell: _Cell) -> Fraction:
    return (Fraction(_plain(profile, text, cell.variable)) * cell.scale - cell.how.zero) * cell.how.factor


def _number(profile: Profile, text: str, cell: _Cell) -> float:
    plain = _plain(profile, text, cell.variable)
    return convert(plain, cell.how) if cell.scale == 1 else float(_exact(profile, text, cell))
