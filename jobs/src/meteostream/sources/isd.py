"""NOAA's Integrated Surface Data (ISD): one report a line, fixed positions and then groups.

Source: Federal Climate Complex Data Documentation for Integrated Surface Data (NCEI, 12 January 2018). Quality codes
are NOAA's opinion: they stay in the raw text, and our own quality control judges the value.

What has no variable of the contract, or does not say what it is, stays in the raw text as well: rain over other than 1,
3, 6, 12 or 24 hours, extremes over other than 12 or 24 hours, the altimeter setting (which is no pressure at sea
level), sunshine (GJ1 does not say over which period) and mean irradiance (GM1's is of an hour, the contract's of a
minute).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.registry import Registry
from meteostream.sources.errors import Refusal
from meteostream.sources.noaa import NO_WBAN, RAIN_OF_HOURS, SPECIAL, check_places, moment, rain, usaf_spellings
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.wind import direction, variable_direction

SOURCE: Final = "isd"
MANDATORY: Final = 105
"""Characters before the groups; positions 1-4 say how many follow."""
OBSCURED: Final = 9
"""From this total coverage code on the sky is obscured or described otherwise than in okta."""


class Field(NamedTuple):
    """A number at a fixed place: from, to (Python's), its missing code, and what divides it."""

    begin: int
    end: int
    missing: str
    scale: int = 1


LATITUDE: Final = Field(28, 34, "+99999", 1000)
LONGITUDE: Final = Field(34, 41, "+999999", 1000)
DIRECTION: Final = Field(60, 63, "999")
SPEED: Final = Field(65, 69, "9999", 10)
VISIBILITY: Final = Field(78, 84, "999999")
TEMPERATURE: Final = Field(87, 92, "+9999", 10)
DEW_POINT: Final = Field(93, 98, "+9999", 10)
SEA_LEVEL_PRESSURE: Final = Field(99, 104, "99999", 10)
_DIRECTION_TYPE: Final = 64
_CALM, _VARIABLE = "C", "V"

RAIN_HOURS: Final = Field(0, 2, "99")
RAIN_DEPTH: Final = Field(2, 6, "9999", 10)
_RAIN_CONDITION: Final = 6
COVERAGE: Final = Field(0, 2, "99")
EXTREME_PERIOD: Final = Field(0, 3, "999", 10)
EXTREME: Final = Field(4, 9, "+9999", 10)
_EXTREME_KIND: Final = 3
EXTREME_KINDS: Final = {"N": "tmin", "O": "tmin", "M": "tmax", "P": "tmax"}
"""Minimum, estimated minimum, maximum, estimated maximum."""
EXTREME_HOURS: Final = frozenset({12, 24})
STATION_PRESSURE: Final = Field(6, 11, "99999", 10)
GUST: Final = Field(0, 4, "9999", 10)
SNOW_DEPTH: Final = Field(0, 4, "9999", 100)
_SNOW_CONDITION: Final = 4

_GROUPS: Final = (
    "AA1-4:8 AB1:7 AC1:3 AD1:19 AE1:12 AG1:4 AH1-6:15 AI1-6:15 AJ1:14 AK1:12 AL1-4:7 AM1:18 AN1:9 AO1-4:8 AP1-4:6 "
    "AT1-8:9 AU1-9:8 AW1-4:3 AX1-6:6 AY1-2:5 AZ1-2:5 CB1-2:10 CF1-3:6 CG1-3:8 CH1-2:15 CI1:28 CN1:18 CN2:18 CN3:16 "
    "CN4:19 CO1:5 CO2-9:8 CR1:7 CT1-3:7 CU1-3:13 CV1-3:26 CW1:14 CX1-3:26 ED1:8 GA1-6:13 GD1-6:12 GE1:19 GF1:23 "
    "GG1-6:15 GH1:28 GJ1:5 GK1:4 GL1:6 GM1:30 GN1:28 GO1:19 GP1:31 GQ1:14 GR1:14 HL1:4 IA1:3 IA2:9 IB1:27 IB2:13 "
    "IC1:25 KA1-4:10 KB1-3:10 KC1-2:14 KD1-2:9 KE1:12 KF1:6 KG1-2:11 MA1:12 MD1:11 ME1:6 MF1:12 MG1:12 MH1:12 MK1:24 "
    "MV1-7:3 MW1-7:3 OA1-3:8 OB1-2:28 OC1:5 OD1-3:11 OE1-3:16 RH1-3:9 SA1:5 ST1:17 UA1:10 UG1:9 UG2:9 WA1:6 WD1:20 "
    "WG1:11 WJ1:19"
)
"""Groups of the additional data section: identifier, first and last number, characters behind the identifier."""
_END: Final = frozenset({"REM", "EQD", "QNN"})
_ADDITIONAL: Final = "ADD"
_IDENTIFIER: Final = 3


def _lengths(groups: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in groups.split():
        identifier, _, length = group.partition(":")
        first, last = identifier[2], identifier[-1]
        for number in range(int(first), int(last) + 1):
            found[f"{identifier[:2]}{number}"] = int(length)
    return found


LENGTHS: Final = _lengths(_GROUPS)


def read_isd(lines: Iterable[str], registry: Registry) -> Iterator[Observation | Reject]:
    """Read the lines of a file of one or more stations.

    The station is USAF and WBAN number; the USAF number is looked up as a WMO number where it is one. Winds are means
    of 10 minutes (WMO-No. 8), in the network of the United States (a WBAN number) of 2 (FMH-1).
    """
    return check_places(settle(_decode(lines), registry, spellings=usaf_spellings), registry, _position)


def _position(found: Observation) -> tuple[float, float] | None:
    """Degrees north and east of a record, None for the missing codes."""
    latitude, longitude = _number(found.text, LATITUDE), _number(found.text, LONGITUDE)
    return None if latitude is None or longitude is None else (latitude, longitude)


def _decode(lines: Iterable[str]) -> Iterator[Observation | Reject]:
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text:
            continue
        try:
            yield _observation(number, text)
        except Refusal as refusal:
            yield Reject(number, str(refusal), text)


def _observation(number: int, text: str) -> Observation:
    if not text.isascii():
        raise Refusal("expected ASCII, found other characters")
    if len(text) < MANDATORY or not text[:4].isdigit():
        raise Refusal(f"expected at least {MANDATORY} characters that begin with a number, found {len(text)}")
    if len(text) != MANDATORY + int(text[:4]):
        raise Refusal(f"expected {MANDATORY + int(text[:4])} characters as the line says, found {len(text)}")
    usaf, wban = text[4:10], text[10:15]
    for field in (LATITUDE, LONGITUDE):
        _number(text, field)
    report_type = text[41:46].strip().lower() or SOURCE
    groups = dict(_groups(text))
    values: dict[str, Value] = {
        "air_temperature": _number(text, TEMPERATURE),
        "dew_point_temperature": _number(text, DEW_POINT),
        "sea_level_pressure": _number(text, SEA_LEVEL_PRESSURE),
        "visibility": _number(text, VISIBILITY),
        **_wind(text, "wind_mean_10min" if wban == NO_WBAN else "wind_mean_2min"),
        **_rain(groups, report_type),
        **_extremes(groups),
        **_others(groups),
    }
    return Observation(
        line=number,
        station=f"{usaf}-{wban}",
        observed_at=moment(text[15:27], "%Y%m%d%H%M"),
        values=values,
        text=text,
        report_type=report_type,
    )


def _number(text: str, field: Field) -> float | None:
    """Value of a field, None for its missing code."""
    found = text[field.begin : field.end]
    if found == field.missing:
        return None
    if not found.lstrip("+-").isdigit():
        raise Refusal(f"positions {field.begin + 1}-{field.end}: expected a number or {field.missing}, found {found!r}")
    return int(found) / field.scale


def _groups(text: str) -> Iterator[tuple[str, str]]:
    """Groups of the additional data section: identifier and content."""
    place = MANDATORY
    if text[place : place + _IDENTIFIER] != _ADDITIONAL:
        if place < len(text) and text[place : place + _IDENTIFIER] not in _END:
            raise Refusal(f"position {place + 1}: expected ADD, found {text[place : place + 12]!r}")
        return
    place += _IDENTIFIER
    while place < len(text):
        identifier = text[place : place + _IDENTIFIER]
        if identifier in _END:
            return
        length = LENGTHS.get(identifier)
        if length is None or place + _IDENTIFIER + length > len(text):
            raise Refusal(f"position {place + 1}: expected a whole group, found {text[place : place + 12]!r}")
        place += _IDENTIFIER
        yield identifier, text[place : place + length]
        place += length


def _wind(text: str, mean: str) -> dict[str, Value]:
    kind = text[_DIRECTION_TYPE]
    speed, found = _number(text, SPEED), _number(text, DIRECTION)
    if kind == _CALM and speed is None:
        speed = 0.0
    translated = variable_direction() if kind == _VARIABLE and found is None else direction(speed, found)
    values: dict[str, Value] = {mean: speed, "wind_direction": translated.degrees}
    if translated.variable is not None:
        values["wind_variable"] = translated.variable
    return values


def _rain(groups: dict[str, str], report_type: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for number in range(1, 5):
        group = groups.get(f"AA{number}")
        if group is None:
            continue
        hours = _number(group, RAIN_HOURS)
        variable = RAIN_OF_HOURS.get(int(hours)) if hours is not None else None
        if variable and not (variable == "rain_1h" and report_type == SPECIAL):
            values[variable] = rain(_number(group, RAIN_DEPTH), group[_RAIN_CONDITION])
    return values


def _extremes(groups: dict[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for number in range(1, 5):
        group = groups.get(f"KA{number}")
        if group is None:
            continue
        hours, kind = _number(group, EXTREME_PERIOD), EXTREME_KINDS.get(group[_EXTREME_KIND])
        if kind and hours in EXTREME_HOURS:
            values[f"{kind}_{hours:.0f}h"] = _number(group, EXTREME)
    return values


def _others(groups: dict[str, str]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    if "MA1" in groups:
        values["station_pressure"] = _number(groups["MA1"], STATION_PRESSURE)
    if "OC1" in groups:
        values["gust_10min"] = _number(groups["OC1"], GUST)
    if "GF1" in groups:
        coverage = _number(groups["GF1"], COVERAGE)
        values["cloud_cover"] = None if coverage is None or coverage >= OBSCURED else coverage
    if "AJ1" in groups:
        values["snow_depth"] = rain(_number(groups["AJ1"], SNOW_DEPTH), groups["AJ1"][_SNOW_CONDITION])
    return values
