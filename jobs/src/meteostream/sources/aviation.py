"""Groups that METAR and TAF share: wind, visibility, clouds (WMO-No. 306 volume I.1, FM 15 and FM 51).

A function takes one group and gives what the contract makes of it: a mapping of variables, None where the group says
that there is no value; or None if it is another kind of group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

from meteostream.contract.report import Value
from meteostream.sources.units import MILE_M, conversion, convert
from meteostream.sources.wind import direction, variable_direction

Values = Mapping[str, Value]

WIND_UNITS: Final = {"KT": "kt", "MPS": "m/s", "KMH": "km/h", "KPH": "km/h"}
CIRCLE: Final = 360
TEN_KM: Final = 10_000.0
"""``9999`` and CAVOK: 10 km or more (FM 15, 15.6)."""
OKTAS: Final = {"SKC": 0.0, "CLR": 0.0, "NCD": 0.0, "FEW": 2.0, "SCT": 4.0, "BKN": 7.0, "OVC": 8.0}
"""Amounts in okta. FEW is 1-2, SCT 3-4, BKN 5-7 and OVC 8 (FM 15, 15.9.1.1); the upper ends are what NOAA's
Integrated Surface Data has for the same words (its documentation, GA1), so that a station's METAR and ISD agree. CLR
and NCD are an instrument's that saw nothing within its reach; ISD has 0 for them too."""
_UNKNOWN_AMOUNT: Final = frozenset({"NSC"})
"""No cloud of operational significance, which says nothing about the sky as a whole; so does CAVOK."""

_WIND: Final = re.compile(
    r"(?P<dd>[0-9]{3}|VRB|///)(?P<ff>P?[0-9]{2,3}|//)(?:G(?P<gust>P?[0-9]{2,3}|//))?(?P<unit>KT|MPS|KMH|KPH)"
)
_NO_WIND: Final = re.compile(r"/{5,}(?:KT|MPS|KMH|KPH)?")
_METRES: Final = re.compile(r"(?P<metres>[0-9]{4})(?P<sector>NDV|N|NE|E|SE|S|SW|W|NW)?")
_MILES: Final = re.compile(r"[MP]?(?:(?P<whole>[0-9]{1,2}) ?)??(?:(?P<top>[0-9])/(?P<bottom>[1-9][0-9]?))?\+?SM")
_KILOMETRES: Final = re.compile(r"(?P<km>[0-9]{1,3})KM")
_CLOUD: Final = re.compile(
    r"(?P<amount>FEW|SCT|BKN|OVC|SKC|CLR|NCD|NSC|VV|///)(?P<base>[0-9]{2,3}|///)?(?:CB|TCU|///|[A-Z]{2,3})?"
)


def wind(group: str, speed: str = "wind_mean_10min") -> dict[str, Value] | None:
    """Wind of ``dddff[Gff]KT``; ``VRB`` is variable, ``00000KT`` calm, a P before a speed is its lower bound.

    >>> wind("VRB03KT") == {"wind_mean_10min": 1.5433333333333332, "wind_direction": None, "wind_variable": True}
    True
    >>> wind("00000MPS")
    {'wind_mean_10min': 0.0, 'wind_direction': None, 'wind_variable': False}
    """
    if _NO_WIND.fullmatch(group) and len(group) != len("//////"):
        return {speed: None, "wind_direction": None}
    found = _WIND.fullmatch(group)
    if found is None:
        return None
    dd, unit = found["dd"], WIND_UNITS[found["unit"]]
    if dd.isdecimal() and int(dd) > CIRCLE:
        return None
    mean = _speed(found["ff"], unit)
    values: dict[str, Value] = {speed: mean}
    if dd == "VRB" and mean != 0.0:
        values["wind_direction"], values["wind_variable"] = variable_direction()
    else:
        values["wind_direction"] = direction(mean, float(dd) if dd.isdecimal() else None).degrees
        if dd != "///":
            # Said, so that a correction takes back what the report before it had.
            values["wind_variable"] = False
    if found["gust"] is not None:
        values["gust_10min"] = _speed(found["gust"], unit)
    return values


def _speed(text: str, unit: str) -> float | None:
    return None if text == "//" else convert(text.removeprefix("P"), conversion(unit, "m/s"))


def visibility(group: str) -> float | None:
    """Visibility in metres of ``9999``, ``CAVOK``, ``6KM``, ``1 1/2SM``, ``M1/4SM``, ``P6SM`` or ``10+SM`` (KF-103).

    A bound (10 km or more, less than 1/4 mile) is stored as its number.

    >>> [visibility(group) for group in ("9999", "CAVOK", "0800", "1 1/2SM", "M1/4SM", "10+SM", "FEW020")]
    [10000.0, 10000.0, 800.0, 2414.016, 402.336, 16093.44, None]
    """
    if group == "CAVOK":
        return TEN_KM
    metres = _METRES.fullmatch(group)
    if metres is not None:
        return TEN_KM if metres["metres"] == "9999" else float(metres["metres"])
    kilometres = _KILOMETRES.fullmatch(group)
    if kilometres is not None:
        return float(kilometres["km"]) * 1000
    miles = _MILES.fullmatch(group)
    if miles is None or (miles["whole"] is None and miles["top"] is None):
        return None
    number = Fraction(int(miles["whole"] or 0))
    if miles["top"] is not None:
        number += Fraction(int(miles["top"]), int(miles["bottom"]))
    return float(number * MILE_M)


def has_sector(group: str) -> bool:
    """Whether a visibility is of one direction only (``4000SW``), and not the prevailing one."""
    found = _METRES.fullmatch(group)
    return found is not None and found["sector"] not in {None, "NDV"}


def is_cloud(group: str) -> bool:
    """Whether a group is about clouds."""
    found = _CLOUD.fullmatch(group)
    if found is None:
        return False
    if found["amount"] == "///":
        return len(group) >= len("//////")
    return found["base"] is not None or found["amount"] in {"SKC", "CLR", "NCD", "NSC"}


def cloud_cover(groups: Iterable[str]) -> dict[str, Value]:
    """Cloud cover of a report's groups: the greatest amount of its layers, a lower bound of the whole sky's.

    An obscured sky (VV) and clouds that could not be measured are a value that is missing; NSC says nothing.

    >>> cloud_cover(["FEW015", "BKN080"]), cloud_cover(["VV001"]), cloud_cover(["NSC"]), cloud_cover(["//////"])
    ({'cloud_cover': 7.0}, {'cloud_cover': None}, {}, {'cloud_cover': None})
    """
    amounts = [found["amount"] for group in groups if (found := _CLOUD.fullmatch(group)) is not None]
    known = [OKTAS[amount] for amount in amounts if amount in OKTAS]
    if known:
        return {"cloud_cover": max(known)}
    return {"cloud_cover": None} if any(amount not in _UNKNOWN_AMOUNT for amount in amounts) else {}


def joined(groups: Sequence[str]) -> list[str]:
    """Groups, with the two halves of a visibility in miles put together.

    >>> joined(["2", "1/2SM", "BR"])
    ['2 1/2SM', 'BR']
    """
    found: list[str] = []
    for group in groups:
        if found and len(found[-1]) == 1 and found[-1].isdecimal() and re.fullmatch(r"[0-9]/[0-9]{1,2}SM", group):
            found[-1] = f"{found[-1]} {group}"
        else:
            found.append(group)
    return found
