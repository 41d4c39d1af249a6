"""NOAA's Global Historical Climatology Network hourly (GHCNh), which follows ISD: pipes between columns, one header.

Each variable has a value and columns beside it (measurement, quality and source codes, report type). An empty value was
not reported. Sums over 9, 15, 18 and 21 hours, the altimeter setting and the depth of snow (whose unit the
documentation leaves open, 'centimeters/m') stay in the raw text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final

from meteostream.contract.report import NAME, Value
from meteostream.contract.variables import ALL
from meteostream.registry import Registry
from meteostream.sources.errors import Refusal, SourceError
from meteostream.sources.noaa import SPECIAL, check_places, ghcn_spellings, moment, rain
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import NUMBER, conversion, convert
from meteostream.sources.wind import direction, variable_direction

SOURCE: Final = "ghcnh"
SEPARATOR: Final = "|"
PLAIN: Final[dict[str, tuple[str, str]]] = {
    "temperature": ("air_temperature", "degC"),
    "dew_point_temperature": ("dew_point_temperature", "degC"),
    "relative_humidity": ("relative_humidity", "%"),
    "station_level_pressure": ("station_pressure", "hPa"),
    "sea_level_pressure": ("sea_level_pressure", "hPa"),
    "wind_gust": ("gust_10min", "m/s"),
    "visibility": ("visibility", "km"),
}
"""Columns that need nothing but their unit (GHCNh documentation, table of variables)."""
RAIN: Final[dict[str, str]] = {
    "precipitation": "rain_1h",
    "precipitation_3_hour": "rain_3h",
    "precipitation_6_hour": "rain_6h",
    "precipitation_12_hour": "rain_12h",
    "precipitation_24_hour": "rain_24h",
}
MISSING: Final = frozenset({"-9999", "-9999.0", "9999", "9999.0", "99999", "99999.0", "999999", "-999.9"})
NO_DIRECTION: Final = 999.0
_STATION: Final = ("STATION", "Station_ID")
_POSITION: Final = ("latitude", "longitude")
_PARTS: Final = ("Year", "Month", "Day", "Hour", "Minute")
_DATE: Final = "DATE"
_FM: Final = re.compile(r"FM-?([0-9]{2})")
_US_NETWORK: Final = re.compile(r"US[WCR1]")


def read_ghcnh(lines: Iterable[str], registry: Registry, origin: str = "GHCNh") -> Iterator[Observation | Reject]:
    """Read the lines of a file.

    Winds are means of 10 minutes (WMO-No. 8), in the networks of the United States of 2 (FMH-1).

    Raises
    ------
    SourceError
        If the header lacks the station, the time or the temperature.
    """
    numbered = enumerate(lines, 1)
    _, first = next(numbered, (1, ""))
    header = [name.strip() for name in first.split(SEPARATOR)]
    station = next((name for name in _STATION if name in header), None)
    dated = _DATE in header or all(part in header for part in _PARTS)
    if station is None or not dated or "temperature" not in header:
        raise SourceError(
            f"{origin}, line 1: expected GHCNh's header (STATION or Station_ID, DATE or Year to Minute, temperature), "
            f"found {first[:80]!r}"
        )
    found = settle(_decode(numbered, header, station), registry, spellings=ghcn_spellings)
    lower = [name.lower() for name in header]
    columns = [lower.index(name) for name in _POSITION if name in lower]
    return check_places(found, registry, partial(_position, columns))


def _position(columns: list[int], found: Observation) -> tuple[float, float] | None:
    """Degrees north and east of a record, None if it has none."""
    cells = found.text.split(SEPARATOR)
    texts = [cells[column].strip() for column in columns]
    if len(texts) != len(_POSITION) or not all(map(NUMBER.fullmatch, texts)):
        return None
    return float(texts[0]), float(texts[1])


def _decode(lines: Iterable[tuple[int, str]], header: list[str], station: str) -> Iterator[Observation | Reject]:
    for number, line in lines:
        text = line.rstrip("\r\n")
        if not text:
            continue
        cells = text.split(SEPARATOR)
        try:
            if len(cells) != len(header):
                raise Refusal(f"expected {len(header)} cells, found {len(cells)}")
            yield _observation(number, text, dict(zip(header, cells, strict=True)), station)
        except Refusal as refusal:
            yield Reject(number, str(refusal), text)


def _observation(number: int, text: str, row: Mapping[str, str], station: str) -> Observation:
    identifier = row[station].strip()
    report_type = _report_type(row)
    values: dict[str, Value] = {}
    for column, (variable, unit) in PLAIN.items():
        found = _value(row, column, variable, unit)
        if found is not None:
            values[variable] = found[0]
    values.update(_wind(row, "wind_mean_2min" if _US_NETWORK.match(identifier) else "wind_mean_10min"))
    for column, variable in RAIN.items():
        code = _code(row, column)
        found = _value(row, column, variable, "mm")
        if (found is not None or code) and not (variable == "rain_1h" and report_type == SPECIAL):
            values[variable] = rain(found[0] if found else None, code)
    return Observation(number, identifier, _moment(row), values, text, report_type)


def _value(row: Mapping[str, str], column: str, variable: str, unit: str) -> tuple[float | None] | None:
    """A column's value in a tuple; None if nothing was reported, ``(None,)`` if a missing code was."""
    text = row.get(column, "").strip()
    if not text:
        return None
    if text in MISSING:
        return (None,)
    if NUMBER.fullmatch(text) is None:
        raise Refusal(f"{column}: expected a number, found {text[:40]!r}")
    return (convert(text, conversion(unit, ALL[variable].unit)),)


def _code(row: Mapping[str, str], column: str) -> str:
    """First letter of a measurement code: ``V-Variable`` and ``2-Trace`` are V and 2."""
    return row.get(f"{column}_Measurement_Code", "").strip()[:1].upper()


def _wind(row: Mapping[str, str], mean: str) -> dict[str, Value]:
    speed = _value(row, "wind_speed", mean, "m/s")
    found = _value(row, "wind_direction", "wind_direction", "degree")
    values: dict[str, Value] = {}
    if speed is not None:
        values[mean] = speed[0]
    code = _code(row, "wind_direction")
    if found is None and not code:
        return values
    degrees = None if found is None or found[0] == NO_DIRECTION else found[0]
    varying = code == "V" and degrees is None
    translated = variable_direction() if varying else direction(speed[0] if speed else None, degrees)
    values["wind_direction"] = translated.degrees
    if translated.variable is not None:
        values["wind_variable"] = translated.variable
    return values


def _moment(row: Mapping[str, str]) -> str:
    text = row.get(_DATE, "").strip().replace(" ", "T")
    if text:
        return moment(text, "%Y-%m-%dT%H:%M:%S" if text.count(":") > 1 else "%Y-%m-%dT%H:%M")
    return moment(" ".join(row.get(part, "").strip() for part in _PARTS), "%Y %m %d %H %M")


def _report_type(row: Mapping[str, str]) -> str:
    """The report's type, written as ISD's; of several the first that is named."""
    for column in ("temperature", *PLAIN, "wind_speed", *RAIN):
        for suffix in ("Report_Type", "Report_Type_Code"):
            text = row.get(f"{column}_{suffix}", "").strip()
            if not text:
                continue
            match = _FM.match(text)
            plain = f"fm-{match[1]}" if match else text.split("-")[0].strip().lower()
            return plain if NAME.fullmatch(plain) else SOURCE
    return SOURCE
