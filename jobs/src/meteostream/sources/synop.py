"""SYNOP of land stations (WMO-No. 306 volume I.1, FM 12), by the position of each group.

pymetdecoder knows the code tables and reads each group. It loses what follows a group that it cannot read, so the
order of the groups is followed here: the others are kept (KF-101).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

from pymetdecoder import DecodeWarning
from pymetdecoder.synop import observations as codes

from meteostream.contract.report import Value
from meteostream.registry import Registry
from meteostream.sources.bulletins import Piece, indented, pieces
from meteostream.sources.dates import Reference, place, written
from meteostream.sources.errors import Refusal
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import CONVERSIONS, HOUR_S, Conversion, convert
from meteostream.sources.wind import direction, variable_direction

REPORT_TYPE: Final = "synop"
MAX_CHARACTERS: Final = 4_000
WIND_UNITS: Final = {"0": Conversion(Fraction(1)), "1": Conversion(Fraction(1))} | dict.fromkeys(
    "34", CONVERSIONS["kt", "m/s"]
)
"""Code table 1855, i_w: 0 and 1 are metres per second, 3 and 4 knots; the even ones of each pair are estimated."""
CALM: Final = 0
VARIABLE: Final = 99
LAST_TEN_DEGREES: Final = 36
"""Code table 0877, dd: tens of degrees; 00 calm, 99 variable or unknown."""
OVER_99: Final = 99
"""ff of a wind that the group 00fff tells."""
OBSCURED: Final = 9
"""Code table 2700, N: the sky cannot be seen, which is no amount."""
MAIN_HOURS: Final = frozenset({0, 6, 12, 18})
INTERMEDIATE_HOURS: Final = frozenset({3, 9, 15, 21})
NO_RAIN: Final = "3"
NOT_MEASURED: Final = "4"
"""Code table 1819, i_R: the group 6RRRt_R is left out because the amount is nil, or is not available."""
RAIN_IN: Final = {"1": frozenset("01"), "3": frozenset("02")}
"""i_R with which a section has the group 6RRRt_R."""
RAIN: Final = {1: "rain_1h", 3: "rain_3h", 6: "rain_6h", 12: "rain_12h", 24: "rain_24h"}
"""Variable of each period of code table 4019 (t_R), hours; the contract has none of the others."""
EXTREMES_OF_12_HOURS: Final = {"I": (18, 6), "VI": (18, 6)}
"""Regions whose stations report the highest temperature of 12 hours at 18 UTC and the lowest at 06 UTC (WMO-No. 306
volume II, as GEMPAK's tables maxtbl and mintbl have it). Elsewhere and at other hours the period is not known, and the
raw text alone keeps the value."""
NO_SNOW_DEPTH: Final = {997: 0, 998: None, 999: None}
"""Code table 3889, sss: less than 0.5 cm; not continuous; measurement impossible or inaccurate."""
DAY_S: Final = 24 * HOUR_S
SQUARE_CM_PER_M2: Final = 10_000
CM_M: Final = Fraction(1, 100)

_GROUP: Final = re.compile(r"[0-9/]{5}")
_SECTION: Final = re.compile(r"([2-5])\1\1(?:[0-9/]{2})?")
_STATION: Final = re.compile(r"[0-9]{5}")
_TIME: Final = re.compile(r"(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<wind>[0-9/])")


class _Header(NamedTuple):
    """YYGGi_w of the reports that follow."""

    text: str
    day: int
    hour: int
    wind: str


class _Report(NamedTuple):
    """What reading one report gathers."""

    header: _Header
    region: str | None
    rain: str
    values: dict[str, Value]
    doubts: list[str]


class _UnreadableError(ValueError):
    """A group means nothing."""


def read_synop(text: str, registry: Registry, *, reference: Reference = None) -> Iterator[Observation | Reject]:
    """Read reports: one, a bulletin, or a file of one report a line.

    Parameters
    ----------
    text
        Reports, each with ``AAXX YYGGi_w`` or after one that has it; those of a bulletin end with ``=``.
    reference
        What is known about year and month, which a report does not name.

    Yields
    ------
    Observation or Reject
        In the text's order. ``NIL`` is no report and yields nothing. The time is the nominal hour GG also where a
        group 9GGgg tells when the barometer was read, so that no row lands beside its hour (KF-110). Groups that could
        not be read are in :attr:`Observation.partial`.
    """
    return settle(_decode(text, reference), registry)


def _decode(text: str, reference: Reference) -> Iterator[Observation | Reject]:
    header: _Header | None = None
    for piece in pieces(text, reference, _goes_on):
        try:
            header, groups = _head(piece, header)
            if groups and groups[1:2] != ["NIL"]:
                yield _report(piece, header, groups)
        except Refusal as refusal:
            yield Reject(piece.line, str(refusal), piece.text)


def _goes_on(line: str) -> bool:
    return indented(line) or _SECTION.fullmatch(line.split(maxsplit=1)[0]) is not None


def _head(piece: Piece, before: _Header | None) -> tuple[_Header, list[str]]:
    if len(piece.text) > MAX_CHARACTERS:
        raise Refusal(f"expected a SYNOP of at most {MAX_CHARACTERS} characters, found {len(piece.text)}")
    groups = piece.text.split()
    if not groups[0].isascii() or not groups[0].isdecimal():
        if groups[0] != "AAXX":
            raise Refusal(f"expected AAXX (a land station), found {groups[0][:12]!r}")
        found = _TIME.fullmatch(groups[1]) if len(groups) > 1 else None
        if found is None:
            raise Refusal(f"AAXX: expected day, hour and wind indicator such as 25061, found {groups[1:2]}")
        return _Header(groups[1], int(found["day"]), int(found["hour"]), found["wind"]), groups[2:]
    if before is None:
        raise Refusal(f"expected AAXX and a time before the first station, found {groups[0][:12]!r}")
    return before, groups


def _report(piece: Piece, header: _Header, groups: list[str]) -> Observation:
    if _STATION.fullmatch(groups[0]) is None:
        raise Refusal(f"expected a station's number of five digits, found {groups[0][:12]!r}")
    observed = place(header.day, header.hour, 0, piece.reference)
    if len(groups) < 3:  # noqa: PLR2004 - station, iihVV, Nddff
        raise Refusal(f"station {groups[0]}: expected at least two groups or NIL, found {' '.join(groups[1:])!r}")
    report = _Report(header, _region(groups[0]), groups[1][:1], {}, [])
    # The library tells what it cannot read by warnings.
    with warnings.catch_warnings():
        warnings.simplefilter("error", DecodeWarning)
        for section, found in _sections(groups[1:]).items():
            _SECTIONS[section](report, found)
    _no_rain(report)
    return Observation(
        line=piece.line,
        station=groups[0],
        observed_at=written(observed),
        values=report.values,
        text=f"AAXX {header.text} {piece.text}" if piece.text.startswith(groups[0]) else piece.text,
        report_type=REPORT_TYPE,
        revision=piece.revision,
        partial=tuple(report.doubts),
    )


def _region(station: str) -> str | None:
    try:
        return str(_decoded(codes.Region, station)["value"])
    except _UnreadableError:
        return None


def _sections(groups: list[str]) -> dict[str, list[str]]:
    """Groups of sections 1 and 3; the others (ships, clouds below the station, national) stay in the raw text."""
    found: dict[str, list[str]] = {"1": []}
    section = "1"
    for place_, group in enumerate(groups):
        marker = _SECTION.fullmatch(group)
        # 222.. and 55555 are groups of values where a section cannot begin; the first two groups have no header.
        if place_ > 1 and marker is not None and marker[1] > section and (len(group) == 3 or marker[1] == "2"):  # noqa: PLR2004 - 333
            section = marker[1]
            found.setdefault(section, [])
        else:
            found[section].append(group)
    return {name: found[name] for name in ("1", "3") if name in found}


def _section_1(report: _Report, groups: list[str]) -> None:
    first, cloud_and_wind, *rest = groups
    _attempt(report, first, lambda: _visibility(report, first))
    if rest and cloud_and_wind[3:] == str(OVER_99) and rest[0].startswith("00"):
        speed = rest.pop(0)
        _attempt(report, speed, lambda: _wind(report, cloud_and_wind, speed[2:]))
    else:
        _attempt(report, cloud_and_wind, lambda: _wind(report, cloud_and_wind, cloud_and_wind[3:]))
    _in_order(report, rest, _GROUPS_1)


def _section_3(report: _Report, groups: list[str]) -> None:
    plain, sunshine = groups, []
    begin = next((place_ for place_, group in enumerate(groups) if group.startswith("55")), None)
    if begin is not None:
        end = next((k for k in range(begin + 1, len(groups)) if groups[k][:1] in "789"), len(groups))
        sunshine, plain = groups[begin:end], groups[:begin] + groups[end:]
        if report.rain in RAIN_IN["3"] and sunshine[-1].startswith("6"):
            # After sunshine come radiation sums, whose kinds are 0 to 6; the last 6 is rain if rain was announced.
            plain.insert(begin, sunshine.pop())
    _in_order(report, plain, _GROUPS_3)
    _sunshine(report, sunshine)


def _in_order(report: _Report, groups: list[str], readers: dict[str, Callable[[_Report, str], None]]) -> None:
    """Read groups by their first digit, which does not decrease."""
    last = ""
    for group in groups:
        kind = group[:1]
        if kind < last and kind in readers:
            report.doubts.append(group)
            continue
        if not kind.isdecimal() or _GROUP.fullmatch(group) is None:
            report.doubts.append(group)
            continue
        last = kind
        if kind in readers:
            read = readers[kind]
            _attempt(report, group, lambda read=read, group=group: read(report, group))  # type: ignore[misc]  # bound


def _attempt(report: _Report, group: str, read: Callable[[], None]) -> None:
    try:
        if _GROUP.fullmatch(group) is None:
            raise _UnreadableError(group)
        read()
    except (_UnreadableError, ValueError):
        report.doubts.append(group)


def _set(report: _Report, name: str, value: Value) -> None:
    if name in report.values and report.values[name] is not None:
        raise _UnreadableError(name)
    report.values[name] = value


def _decoded(kind: type[Any], text: str, **options: bool) -> Any:
    """What the library makes of digits: a mapping, or None where they are slashes."""
    try:
        return kind().decode(text, **options)
    except Exception as error:  # noqa: BLE001 - the library raises whatever its tables meet, and its own warnings
        raise _UnreadableError(f"{text}: {error}") from None


def _value(found: Any) -> float | None:
    return None if found is None or found["value"] is None else float(found["value"])


def _visibility(report: _Report, group: str) -> None:
    report.values["visibility"] = _value(_decoded(codes.Visibility, group[3:]))


def _wind(report: _Report, group: str, speed: str) -> None:
    amount, dd = group[0], group[1:3]
    report.values["cloud_cover"] = None if amount == "/" or int(amount) == OBSCURED else float(amount)
    report.values.update({"wind_mean_10min": None, "wind_direction": None})
    if "/" in speed:
        mean = None
    else:
        unit = WIND_UNITS.get(report.header.wind)
        if unit is None:
            raise _UnreadableError(f"{group}: the unit of the wind is not known")
        mean = convert(speed, unit)
    if "/" in dd:
        report.values["wind_mean_10min"] = mean
        return
    tens = int(dd)
    if tens == VARIABLE:
        found, variable = variable_direction()
    elif tens > LAST_TEN_DEGREES or (tens == CALM and mean):
        raise _UnreadableError(f"{group}: no direction")
    else:
        found, variable = direction(mean, 10.0 * tens).degrees, False
    report.values.update({"wind_mean_10min": mean, "wind_direction": found, "wind_variable": variable})


def _temperature(name: str) -> Callable[[_Report, str], None]:
    def read(report: _Report, group: str) -> None:
        _set(report, name, _value(_decoded(codes.Temperature, group)))

    return read


def _moisture(report: _Report, group: str) -> None:
    if group[1] == "9":
        _set(report, "relative_humidity", _value(_decoded(codes.RelativeHumidity, group[2:])))
    else:
        _temperature("dew_point_temperature")(report, group)


def _station_pressure(report: _Report, group: str) -> None:
    _set(report, "station_pressure", _value(_decoded(codes.Pressure, group[1:])))


def _sea_level_pressure(report: _Report, group: str) -> None:
    """4PPPP; with another first digit it is 4a3hhh, the height of a pressure surface."""
    if group[1] in "09/":
        _set(report, "sea_level_pressure", _value(_decoded(codes.Pressure, group[1:])))


def _rain(section: str) -> Callable[[_Report, str], None]:
    def read(report: _Report, group: str) -> None:
        if report.rain not in RAIN_IN[section]:
            raise _UnreadableError(f"{group}: announced as left out")
        found = _decoded(codes.Precipitation, group)
        hours = _value(found["time_before_obs"])
        name = RAIN.get(int(hours)) if hours is not None else None
        if name is not None:
            _set(report, name, _value(found["amount"]))

    return read


def _rain_24h(report: _Report, group: str) -> None:
    if report.region != "Antarctic":
        _set(report, "rain_24h", _value(_decoded(codes.Precipitation, group, tenths=True)["amount"]))


def _no_rain(report: _Report) -> None:
    """Nil, or not available, where the group was left out (12.2.5): for the period that ends at each synoptic hour."""
    name = "rain_6h" if report.header.hour in MAIN_HOURS else "rain_3h"
    if report.header.hour not in MAIN_HOURS | INTERMEDIATE_HOURS or any(group[0] == "6" for group in report.doubts):
        return
    if report.rain == NO_RAIN:
        report.values[name] = 0.0
    elif report.rain == NOT_MEASURED:
        report.values[name] = None


def _extreme(name: str, which: int) -> Callable[[_Report, str], None]:
    def read(report: _Report, group: str) -> None:
        hours = EXTREMES_OF_12_HOURS.get(report.region or "")
        found = _value(_decoded(codes.Temperature, group))
        if hours is not None and hours[which] == report.header.hour:
            _set(report, name, found)

    return read


def _snow(report: _Report, group: str) -> None:
    """4E'sss: whole centimetres. The library takes the last three codes of the table for depths."""
    depth = _decoded(codes.GroundStateSnow, group)["depth"]
    centimetres = None if depth is None else NO_SNOW_DEPTH.get(depth["depth"], depth["depth"])
    _set(report, "snow_depth", None if centimetres is None else float(centimetres * CM_M))


def _evaporation(report: _Report, group: str) -> None:
    if group[1] in "0123":
        _set(report, "evaporation_24h", _value(_decoded(codes.Evapotranspiration, group)["amount"]))


def _gust(report: _Report, group: str) -> None:
    """910ff: strongest gust of ten minutes. The period of 911ff is the one of the past weather, not an hour."""
    if group.startswith("910"):
        unit = WIND_UNITS.get(report.header.wind)
        if unit is None and "/" not in group:
            raise _UnreadableError(f"{group}: the unit of the wind is not known")
        _set(report, "gust_10min", None if unit is None or "/" in group else convert(group[3:], unit))


def _sunshine(report: _Report, groups: list[str]) -> None:
    """55SSS of the day and 553SS of the hour, each followed by sums of radiation (2FFFF is the global one)."""
    hourly = False
    for group in groups:
        if _GROUP.fullmatch(group) is None:
            report.doubts.append(group)
        elif group.startswith("55"):
            hourly = group[2] == "3"
            if group[2] in "45":
                continue  # another kind of radiation follows
            name, text = ("sunshine_1h", group[3:]) if hourly else ("sunshine_24h", group[2:])
            _attempt(report, group, lambda name=name, text=text: _set(report, name, _hours(text)))  # type: ignore[misc]  # bound
        elif group.startswith("2") and not hourly:
            _attempt(report, group, lambda group=group: _set(report, "irradiance_mean_24h", _mean(group[1:])))  # type: ignore[misc]  # bound


def _hours(tenths: str) -> float | None:
    """Seconds of tenths of an hour."""
    return None if "/" in tenths else float(Fraction(int(tenths), 10) * HOUR_S)


def _mean(joules: str) -> float | None:
    """Mean W m-2 of a day's J cm-2."""
    return None if "/" in joules else float(int(joules) * SQUARE_CM_PER_M2 / DAY_S)


_GROUPS_1: Final[dict[str, Callable[[_Report, str], None]]] = {
    "1": _temperature("air_temperature"),
    "2": _moisture,
    "3": _station_pressure,
    "4": _sea_level_pressure,
    "6": _rain("1"),
}
_GROUPS_3: Final[dict[str, Callable[[_Report, str], None]]] = {
    "1": _extreme("tmax_12h", 0),
    "2": _extreme("tmin_12h", 1),
    "4": _snow,
    "5": _evaporation,
    "6": _rain("3"),
    "7": _rain_24h,
    "9": _gust,
}
_SECTIONS: Final[dict[str, Callable[[_Report, list[str]], None]]] = {"1": _section_1, "3": _section_3}
