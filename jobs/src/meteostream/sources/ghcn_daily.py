"""NOAA's GHCN-Daily ``.dly``: a line is one element of one month of one station, 31 days beside each other.

The lines of a station's month follow each other and are read together; each day becomes one report. The archive does
not say when a station's day ends: ``observed_at`` is 00 UTC after the day it names, and the report type keeps these
days apart from others (they are never summed with another rule's). Source: readme.txt of GHCN-Daily (NCEI), section
III.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.contract.variables import ALL
from meteostream.registry import Registry
from meteostream.sources.errors import Refusal
from meteostream.sources.noaa import day_end, ghcn_spellings
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import conversion, convert

SOURCE: Final = "ghcn-daily"
REPORT_TYPE: Final = "ghcn-day"


class Element(NamedTuple):
    """An element: the variable it is, its unit, and how many of it make one of that unit."""

    variable: str
    unit: str
    parts: int


ELEMENTS: Final[dict[str, Element]] = {
    "PRCP": Element("rain_24h", "mm", 10),
    "TMAX": Element("tmax_24h", "degC", 10),
    "TMIN": Element("tmin_24h", "degC", 10),
    "TAVG": Element("tmean_24h", "degC", 10),
    "AWND": Element("wind_mean_24h", "m/s", 10),
    "WSFG": Element("gust_24h", "m/s", 10),
    "SNWD": Element("snow_depth", "mm", 1),
    "EVAP": Element("evaporation_24h", "mm", 10),
    "TSUN": Element("sunshine_24h", "min", 1),
    "RHAV": Element("relative_humidity_mean_24h", "%", 1),
}
"""Elements that the contract has a variable for; the others are passed over."""
MISSING: Final = "-9999"
TRACE: Final = "T"
PRESUMED_ZERO: Final = "P"
"""Measurement flag 'identified as missing presumed zero': nobody measured it, so it stays missing."""
_LINE: Final = re.compile(
    r"(?P<station>[A-Z0-9_-]{11})(?P<month>[0-9]{6})(?P<element>[A-Z0-9]{4})(?P<days>(?:[ -][ 0-9-]{3}[0-9].{3}){31})"
)
_DAY_WIDTH: Final = 8
_VALUE_WIDTH: Final = 5
_DAYS: Final = 31
LINE_WIDTH: Final = 269


class _Line(NamedTuple):
    number: int
    station: str
    month: str
    element: str
    days: str


def read_ghcn_daily(lines: Iterable[str], registry: Registry) -> Iterator[Observation | Reject]:
    """Read the lines of a file of one or more stations. Quality flags are NOAA's opinion and stay in the raw text."""
    return settle(_decode(lines), registry, spellings=ghcn_spellings)


def _decode(lines: Iterable[str]) -> Iterator[Observation | Reject]:
    for key, group in groupby(_parse(lines), _month_of):
        if key is None:
            yield from (line for line in group if isinstance(line, Reject))
        else:
            yield from _month(*key, [line for line in group if isinstance(line, _Line)])


def _month_of(line: _Line | Reject) -> tuple[str, str] | None:
    return None if isinstance(line, Reject) else (line.station, line.month)


def _parse(lines: Iterable[str]) -> Iterator[_Line | Reject]:
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n").ljust(LINE_WIDTH)
        if not text.strip():
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            yield Reject(
                number,
                f"expected station, year and month, element and {_DAYS} days in {LINE_WIDTH} characters, "
                f"found {line[:21]!r} and {len(line.rstrip())} characters",
                line.rstrip("\r\n"),
            )
        else:
            yield _Line(number, match["station"], match["month"], match["element"], match["days"])


def _month(station: str, month: str, lines: list[_Line]) -> Iterator[Observation | Reject]:
    for day in range(1, _DAYS + 1):
        cells = {
            line.element: line.days[(day - 1) * _DAY_WIDTH : day * _DAY_WIDTH]
            for line in lines
            if line.element in ELEMENTS
        }
        # Days without any value are the padding of short months, or days on which nobody observed.
        if all(cell[:_VALUE_WIDTH] == MISSING for cell in cells.values()):
            continue
        text = "\n".join(f"{station}{month}{element} {day:02d} {cell}" for element, cell in cells.items())
        try:
            observed_at = day_end(f"{month}{day:02d}", "%Y%m%d")
            values = {ELEMENTS[element].variable: _value(element, cell) for element, cell in cells.items()}
            yield Observation(lines[0].number, station, observed_at, values, text, REPORT_TYPE)
        except Refusal as refusal:
            yield Reject(lines[0].number, str(refusal), text)


def _value(element: str, cell: str) -> Value:
    text, measurement = cell[:_VALUE_WIDTH].strip(), cell[_VALUE_WIDTH]
    if text == MISSING or measurement == PRESUMED_ZERO:
        return None
    if element == "PRCP" and measurement == TRACE:
        return 0.0
    what = ELEMENTS[element]
    try:
        return convert(f"{int(text)}/{what.parts}", conversion(what.unit, ALL[what.variable].unit))
    except ValueError:
        raise Refusal(f"{element}: expected a number or {MISSING}, found {text!r}") from None
