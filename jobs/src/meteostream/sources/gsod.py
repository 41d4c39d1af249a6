"""NOAA's Global Surface Summary of the Day (GSOD): the old fixed-width ``.op`` and the CSV that followed.

Days are of UTC and their values are complete at their end, so ``observed_at`` is 00 UTC of the next day. Means of dew
point, pressures and visibility have no daily variable in the contract and stay in the raw text, and so does the
greatest sustained wind. Source: GSOD's readme.txt (NCEI), whose columns, units, missing codes and flags are these.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.contract.variables import ALL
from meteostream.registry import Registry
from meteostream.sources.errors import Refusal, SourceError
from meteostream.sources.noaa import day_end, usaf_spellings
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import NUMBER, conversion, convert

SOURCE: Final = "gsod"
REPORT_TYPE: Final = "gsod-day"


class Column(NamedTuple):
    """A value of both forms: its name in the CSV, its place in the fixed form, what it is."""

    name: str
    begin: int
    end: int
    variable: str
    unit: str
    missing: str


COLUMNS: Final = (
    Column("TEMP", 24, 30, "tmean_24h", "degF", "9999.9"),
    Column("WDSP", 78, 83, "wind_mean_24h", "kt", "999.9"),
    Column("GUST", 95, 100, "gust_24h", "kt", "999.9"),
    Column("MAX", 102, 108, "tmax_24h", "degF", "9999.9"),
    Column("MIN", 110, 116, "tmin_24h", "degF", "9999.9"),
    Column("SNDP", 125, 130, "snow_depth", "inch", "999.9"),
)
"""What the contract has a variable for, but rain. A ``*`` behind MAX and MIN (taken from hourly values) stays raw."""
RAIN: Final = Column("PRCP", 118, 123, "rain_24h", "inch", "99.99")
_RAIN_FLAG: Final = slice(123, 124)
WHOLE_DAY: Final = frozenset({"", "D", "F", "G", "H"})
"""Flags of a rain that is of 24 hours: four reports of 6 hours (D), two of 12 (F), one of 24 (G); H says 0 although
hourly observations saw some (a trace). With A, B, C and E the amount is of a part of the day, and I reported none: no
sum of 24 hours is known. No flag is what old files have."""
_HEADER: Final = "STN---"
_STATION: Final = slice(0, 12)
_DAY: Final = slice(14, 22)
FIXED_WIDTH: Final = 138


def read_gsod(lines: Iterable[str], registry: Registry, origin: str = "GSOD") -> Iterator[Observation | Reject]:
    """Read the lines of a file of either form.

    Raises
    ------
    SourceError
        If the first line is the header of neither.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    if first.startswith(_HEADER):
        found = _fixed(numbered)
    else:
        header = next(csv.reader([first]), [])
        missing = [name for name in ("STATION", "DATE", *(column.name for column in COLUMNS)) if name not in header]
        if missing:
            raise SourceError(
                f'{origin}, line 1: expected GSOD\'s header (STN--- ... or "STATION","DATE",...), found {first[:60]!r}'
            )
        found = _csv(numbered, header)
    return settle(found, registry, spellings=usaf_spellings)


def _fixed(lines: Iterable[tuple[int, str]]) -> Iterator[Observation | Reject]:
    for number, line in lines:
        text = line.rstrip("\r\n")
        if not text or text.startswith(_HEADER):  # files were often joined
            continue
        try:
            if len(text) < FIXED_WIDTH:
                raise Refusal(f"expected {FIXED_WIDTH} characters, found {len(text)}")
            cells = {column.name: text[column.begin : column.end].strip() for column in (*COLUMNS, RAIN)}
            station = text[_STATION].replace(" ", "-")
            day = day_end(text[_DAY], "%Y%m%d")
            yield Observation(number, station, day, _values(cells, text[_RAIN_FLAG].strip()), text, REPORT_TYPE)
        except Refusal as refusal:
            yield Reject(number, str(refusal), text)


def _csv(lines: Iterable[tuple[int, str]], header: list[str]) -> Iterator[Observation | Reject]:
    for number, line in lines:
        text = line.rstrip("\r\n")
        if not text:
            continue
        try:
            try:
                (cells,) = csv.reader([text], strict=True)
            except (csv.Error, ValueError) as error:
                raise Refusal(f"expected CSV on one line: {error}") from None
            if len(cells) != len(header):
                raise Refusal(f"expected {len(header)} cells, found {len(cells)}")
            row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            station = row["STATION"]
            values = _values(row, row.get("PRCP_ATTRIBUTES", ""))
            yield Observation(
                number,
                f"{station[:6]}-{station[6:]}",
                day_end(row["DATE"], "%Y-%m-%d"),
                values,
                text,
                REPORT_TYPE,
            )
        except Refusal as refusal:
            yield Reject(number, str(refusal), text)


def _values(cells: Mapping[str, str], flag: str) -> dict[str, Value]:
    values: dict[str, Value] = {column.variable: _number(column, cells[column.name]) for column in COLUMNS}
    values[RAIN.variable] = _number(RAIN, cells[RAIN.name]) if flag in WHOLE_DAY else None
    return values


def _number(column: Column, text: str) -> float | None:
    if text == column.missing:
        return None
    if NUMBER.fullmatch(text) is None:
        raise Refusal(f"{column.name}: expected a number or {column.missing}, found {text[:40]!r}")
    return convert(text, conversion(column.unit, ALL[column.variable].unit))
