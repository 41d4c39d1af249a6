"""METAR and SPECI (WMO-No. 306 volume I.1, FM 15 and FM 16), with the remarks of the United States (FMH-1).

What the contract has no variable for stays in the raw text alone. QNH and the altimeter setting are no sea-level
pressure and are not stored; a remark ``SLPppp`` is one. Trends are forecasts: they are cut off first (KF-102).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.registry import Registry
from meteostream.sources import aviation
from meteostream.sources.bulletins import Piece, pieces
from meteostream.sources.dates import Reference, place, written
from meteostream.sources.errors import Refusal
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import INCH_MM, conversion, convert

ROUTINE: Final = "metar"
MAX_CHARACTERS: Final = 2_000
"""Longest text that can be one report; more is something else."""
TWO_MINUTES: Final = re.compile(r"K[A-Z0-9]{3}|P[AGHKMOPW][A-Z0-9]{2}|T[IJ][A-Z0-9]{2}|NSTU")
"""Stations of the United States: their wind is the mean of 2 minutes (FMH-1, 5.4.3), and they write its remarks."""
ROUNDING: Final = 0.6
"""Most that a temperature in whole degrees and its remark in tenths may differ, degC."""
SIX_HOURS: Final = frozenset({0, 6, 12, 18})
THREE_HOURS: Final = frozenset({3, 9, 15, 21})
HUNDREDTH_INCH_MM: Final = INCH_MM / 100
NO_TEMPERATURES: Final = "/////"
REMARK: Final = 9
"""Rank of a group that belongs behind RMK."""

_HEAD: Final = re.compile(
    r"(?:(?P<kind>METAR|SPECI|METAR SPECI)\s+)?(?P<cor1>COR\s+)?(?P<icao>[A-Z][A-Z0-9]{3})\s+"
    r"(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<zulu>Z?)(?=\s|$)"
)
_ANNOUNCES: Final = re.compile(r"(?:METAR|SPECI)(?:\s+COR)?")
_TREND: Final = re.compile(r"NOSIG|TEMPO|BECMG|INTER|PROB[0-9]{2}|FM(?:[0-9]{4,6}Z?)?")
_FLAG: Final = re.compile(r"AUTO|COR|CC[A-Z]|RTD|AMD")
_CORRECTED: Final = re.compile(r"COR|CC(?P<which>[A-Z])")
_SECTOR: Final = re.compile(r"[0-9]{3}V[0-9]{3}")
_TEMPERATURES: Final = re.compile(r"(?P<t>M?[0-9]{2}|//|XX|MM)/(?P<td>M?[0-9]{2}|//|XX|MM)?")
_QNH: Final = re.compile(r"(?:Q|A|QNH)(?:[0-9]{4}|////)(?:INS)?|QFE[0-9/.]+")
_SLP: Final = re.compile(r"SLP(?P<tenths>[0-9]{3}|NO|///)")
_WEATHER: Final = re.compile(
    r"(?:[+-]|VC)?(?:MI|BC|PR|DR|BL|SH|TS|FZ)*"
    r"(?:DZ|RA|SN|SG|IC|PL|PE|GR|GS|UP|BR|FG|FU|VA|DU|SA|HZ|PY|PO|SQ|FC|SS|DS|JP|//)*|NSW"
)
_OTHER: Final = re.compile(
    r"RE(?!$)(?:MI|BC|PR|DR|BL|SH|TS|FZ|DZ|RA|SN|SG|IC|PL|GR|GS|UP|VA|DU|SA|PO|SQ|FC|SS|DS)*|RE//|R[0-9]{2}[LCR]{0,2}/\S+|[0-9]{8}|SNOCLO|WS|ALL|RWY(?:[0-9]{2}[LCR]?)?|R[0-9]{2}[LCR]?|W[M0-9/]{2,3}/[SH][0-9/]{1,3}|"
    r"(?:BLACK)?(?:BLU|WHT|GRN|YLO[12]?|AMB|RED)\+?|\$"
)
"""Recent weather, runway visual range and state, wind shear, state of the sea, colour states."""
_MISSING: Final = frozenset({"//", "XX", "MM"})

# Remarks (FMH-1, chapter 12).
_TENTHS: Final = re.compile(r"T(?P<t>[01][0-9]{3})(?P<td>[01][0-9]{3})?")
_HOURLY_RAIN: Final = re.compile(r"P(?P<amount>[0-9]{4}|////)")
_LONG_RAIN: Final = re.compile(r"(?P<kind>[67])(?P<amount>[0-9]{4}|////)")
_DAY_EXTREMES: Final = re.compile(r"4(?P<high>[01][0-9]{3})(?P<low>[01][0-9]{3})")
_SNOW: Final = re.compile(r"4/(?P<inches>[0-9]{3})")
_PEAK: Final = re.compile(
    r"PK WND (?P<direction>[0-9]{3})(?P<speed>[0-9]{2,3})/(?P<time>[0-9]{2}(?:[0-9]{2})?)(?=\s|$)"
)


class _Kind(NamedTuple):
    """A kind of group: its place in a report, and what one of it says."""

    rank: int
    read: Callable[[str], dict[str, Value] | None]


def read_metar(text: str, registry: Registry, *, reference: Reference = None) -> Iterator[Observation | Reject]:
    """Read reports: one, a bulletin, or a file of one report a line.

    Parameters
    ----------
    text
        Reports; those of a bulletin end with ``=``.
    reference
        What is known about year and month, which a report does not name.

    Yields
    ------
    Observation or Reject
        In the text's order. ``NIL`` is no report and yields nothing. A report that was read in part bears the groups
        that were not in :attr:`Observation.partial` (KF-101).
    """
    return settle(_decode(text, reference), registry)


def _decode(text: str, reference: Reference) -> Iterator[Observation | Reject]:
    kind, corrected = ROUTINE, 0
    for piece in pieces(text, reference):
        if _ANNOUNCES.fullmatch(piece.text):
            # A line of its own before a bulletin's reports.
            kind, corrected = piece.text[:5].lower(), int("COR" in piece.text)
            continue
        try:
            found = _report(piece, kind, corrected)
        except Refusal as refusal:
            yield Reject(piece.line, str(refusal), piece.text)
            continue
        if found is not None:
            kind = found.report_type
            yield found


def _report(piece: Piece, kind: str, corrected: int) -> Observation | None:
    if len(piece.text) > MAX_CHARACTERS:
        raise Refusal(f"expected a METAR of at most {MAX_CHARACTERS} characters, found {len(piece.text)}")
    head = _HEAD.match(piece.text)
    if head is None:
        raise Refusal(f"expected METAR or SPECI, a location and a time such as 250600Z, found {piece.text[:40]!r}")
    body, _, remarks = f" {piece.text[head.end() :].replace(chr(10), ' ')} ".partition(" RMK ")
    groups = body.split()
    if next((group for group in groups if not _FLAG.fullmatch(group)), None) == "NIL":
        return None
    observed = place(int(head["day"]), int(head["hour"]), int(head["minute"]), piece.reference)
    revision = max(piece.revision, corrected, 1 if head["cor1"] else 0, *map(_correction, groups[:2]), 0)
    american = TWO_MINUTES.fullmatch(head["icao"]) is not None
    values, doubts = _body(groups, "wind_mean_2min" if american else "wind_mean_10min")
    if not head["zulu"]:
        doubts.insert(0, head[0].split()[-1])
    _remark_pressure(remarks.split(), values)
    report_type = (head["kind"] or kind)[:5].lower()
    if american:
        doubts += _remarks(remarks, observed.hour, values, routine=report_type == ROUTINE)
    if not values:
        raise Refusal(f"expected wind, visibility, clouds, temperature or pressure, found {body.strip()[:60]!r}")
    return Observation(
        line=piece.line,
        station=head["icao"],
        observed_at=written(observed),
        values=values,
        text=piece.text,
        report_type=report_type,
        revision=revision,
        partial=tuple(doubts),
    )


def _correction(group: str) -> int:
    found = _CORRECTED.fullmatch(group)
    if found is None:
        return 0
    return ord(found["which"]) - ord("A") + 1 if found["which"] else 1


def _body(groups: list[str], speed: str) -> tuple[dict[str, Value], list[str]]:
    """Variables of the groups before the remarks, and the groups that were not read or stand out of order."""
    end = next((place for place, group in enumerate(groups) if _TREND.fullmatch(group)), len(groups))
    kinds = _kinds(speed)
    values: dict[str, Value] = {}
    doubts: list[str] = []
    clouds: list[str] = []
    before = 0
    for group in aviation.joined([group for group in groups[:end] if not _FLAG.fullmatch(group)]):
        # Behind the place of the wind, bare slashes are temperatures.
        for kind in kinds[1:] if group == NO_TEMPERATURES and before else kinds:
            found = kind.read(group)
            if found is not None:
                break
        else:
            doubts.append(group)
            continue
        if 0 < kind.rank < before or kind.rank == REMARK or found.keys() & values.keys():
            # Out of order, or a remark before RMK (KF-101): its value is kept if it is the only one of its kind.
            doubts.append(group)
        before = max(before, kind.rank)
        if aviation.is_cloud(group):
            clouds.append(group)
        values = {**found, **values}
    values.update(aviation.cloud_cover(clouds))
    return values, doubts


def _kinds(speed: str) -> tuple[_Kind, ...]:
    """Kinds of groups; of a group that could be several, the first counts."""
    return (
        _Kind(1, lambda group: aviation.wind(group, speed)),
        _Kind(2, _skipped(_SECTOR)),
        _Kind(3, _visibility),
        _Kind(6, lambda group: {} if aviation.is_cloud(group) else None),
        _Kind(5, _skipped(_WEATHER)),
        _Kind(7, _temperatures),
        _Kind(8, _skipped(_QNH)),
        _Kind(REMARK, _pressure),
        _Kind(0, _skipped(_OTHER)),
    )


def _skipped(pattern: re.Pattern[str]) -> Callable[[str], dict[str, Value] | None]:
    return lambda group: {} if pattern.fullmatch(group) else None


def _visibility(group: str) -> dict[str, Value] | None:
    if group in {"////", "////SM"}:
        return {"visibility": None}
    found = aviation.visibility(group)
    if found is None:
        return None
    return {} if aviation.has_sector(group) else {"visibility": found}


def _temperatures(group: str) -> dict[str, Value] | None:
    """Whole degrees; ``41///`` is a temperature without dew point.

    >>> _temperatures("41///"), _temperatures("M05/M10"), _temperatures("12/")
    ({'air_temperature': 41.0, 'dew_point_temperature': None}, \
{'air_temperature': -5.0, 'dew_point_temperature': -10.0}, {'air_temperature': 12.0, 'dew_point_temperature': None})
    """
    found = _TEMPERATURES.fullmatch(group)
    if found is None:
        return None
    return {"air_temperature": _degrees(found["t"]), "dew_point_temperature": _degrees(found["td"])}


def _degrees(text: str | None) -> float | None:
    if text is None or text in _MISSING:
        return None
    return float(text.replace("M", "-")) + 0.0  # M00 is 0


def _pressure(group: str) -> dict[str, Value] | None:
    """Sea-level pressure of ``SLP134`` (1013.4 hPa); below 500 it is above 1000 hPa.

    >>> _pressure("SLP134"), _pressure("SLP982"), _pressure("SLPNO")
    ({'sea_level_pressure': 1013.4}, {'sea_level_pressure': 998.2}, {'sea_level_pressure': None})
    """
    found = _SLP.fullmatch(group)
    if found is None:
        return None
    if not found["tenths"].isdecimal():
        return {"sea_level_pressure": None}
    tenths = int(found["tenths"])
    return {"sea_level_pressure": float(Fraction(tenths + (10_000 if tenths < 500 else 9_000), 10))}  # noqa: PLR2004 - as above


def _remark_pressure(groups: list[str], values: dict[str, Value]) -> None:
    for group in groups:
        found = _pressure(group)
        if found is not None:
            values |= {**found, **values}
            return


def _remarks(remarks: str, hour: int, values: dict[str, Value], *, routine: bool) -> list[str]:
    """Add what American remarks say; give those that contradict the report.

    Peak wind and Prrrr are since the last routine report (FMH-1, 12.7): an hour in a METAR, less in a SPECI. A year of
    real reports agrees (tests/test_metar_corpus.py).
    """
    doubts = []
    peak = _PEAK.search(remarks)
    if peak is not None and routine:
        values["gust_1h"] = convert(peak["speed"], conversion("kt", "m/s"))
    for group in remarks.split():
        if (found := _TENTHS.fullmatch(group)) is not None:
            precise = {"air_temperature": _tenths(found["t"]), "dew_point_temperature": _tenths(found["td"])}
            if all(_near(values.get(name), value) for name, value in precise.items()):
                values |= {name: value for name, value in precise.items() if value is not None}
            else:
                doubts.append(group)
        elif (found := _HOURLY_RAIN.fullmatch(group)) is not None:
            if routine:
                values["rain_1h"] = _rain(found["amount"])
        elif (found := _LONG_RAIN.fullmatch(group)) is not None:
            name = _rain_name(found["kind"], hour)
            if name is not None:
                values.setdefault(name, _rain(found["amount"]))
        elif (found := _DAY_EXTREMES.fullmatch(group)) is not None:
            values["tmax_24h"], values["tmin_24h"] = _tenths(found["high"]), _tenths(found["low"])
        elif (found := _SNOW.fullmatch(group)) is not None:
            values["snow_depth"] = float(int(found["inches"]) * INCH_MM / 1000)
    return doubts


def _rain_name(kind: str, hour: int) -> str | None:
    """Variable of the remarks 6RRRR and 7RRRR, which a report of about 20 minutes before the full hour bears."""
    if kind == "7":
        return "rain_24h"
    nearest = (hour + 1) % 24
    return "rain_6h" if nearest in SIX_HOURS else "rain_3h" if nearest in THREE_HOURS else None


def _tenths(text: str | None) -> float | None:
    return None if text is None else (-1.0 if text[0] == "1" else 1.0) * int(text[1:]) / 10 + 0.0


def _near(whole: Value | None, precise: float | None) -> bool:
    return whole is None or precise is None or abs(float(whole) - precise) <= ROUNDING


def _rain(hundredths: str) -> float | None:
    """Millimetres; 0000 is a trace, ``////`` not measured."""
    return None if hundredths == "////" else float(int(hundredths) * HUNDREDTH_INCH_MM)
