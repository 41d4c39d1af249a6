"""What NOAA's archives share: identifiers of stations, and amounts of rain with a condition."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from meteostream.contract.times import format_time
from meteostream.registry import Registry
from meteostream.sources.errors import Refusal
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Licence

LICENCE: Final = Licence(
    name="NOAA NCEI; data of other countries under WMO Resolution 40",
    attribution="NOAA National Centers for Environmental Information",
)
"""Resolution 40 (Cg-XII, 1995) lets a country forbid commercial use; what is not known is not allowed."""

NO_WBAN: Final = "99999"
_USAF_OF_WMO: Final = re.compile(r"([0-9]{5})0")
_UNSPECIFIED: Final = re.compile(r"SG0000(?P<wmo>[0-9]{5})")
"""A Senegalese station of no network (0), whose digits are its WMO number."""
_GHCN: Final = re.compile(r"[A-Z]{2}(?P<network>[A-Z0-9])(?P<number>[A-Z0-9_-]{8})")

TRACE: Final = frozenset({"2", "T"})
UNUSABLE: Final = frozenset({"1", "3", "4", "5", "6", "7", "8", "I", "J"})
"""Conditions under which a depth is not the sum of its period: measurement impossible (1), begin and end of an
accumulation over a longer time (3, 4), of deleted data (5, 6), of missing data (7, 8), incomplete (I, J).
(Federal Climate Complex Data Documentation for Integrated Surface Data, AA1 condition code.)"""
RAIN_OF_HOURS: Final[dict[int, str]] = {1: "rain_1h", 3: "rain_3h", 6: "rain_6h", 12: "rain_12h", 24: "rain_24h"}
EARTH_KM: Final = 6371.0088
"""Mean radius (2a + b) / 3 of the ellipsoid GRS 80 (Moritz, Geodetic Reference System 1980)."""
MOST_KM: Final = 50.0
"""Our own judgement: sites move within a town, and old positions are of full minutes; the next station is further."""
SPECIAL: Final = "fm-16"
"""A special report gives the rain since the last routine one (FMH-1 of 2019, section 12.7.1), which is no hour."""


def usaf_spellings(usaf_wban: str) -> Sequence[str]:
    """Names of an ISD or GSOD station: its USAF number is mostly the WMO number and a 0.

    >>> usaf_spellings("616410-99999")
    ('61641',)
    """
    match = _USAF_OF_WMO.fullmatch(usaf_wban.partition("-")[0])
    return (match[1],) if match else ()


def ghcn_spellings(identifier: str) -> Sequence[str]:
    """Names of a GHCN station: country, network, number; network M has the WMO number, I the ICAO code.

    >>> ghcn_spellings("SGM00061641"), ghcn_spellings("SG000061641"), ghcn_spellings("SGI0000GOOY")
    (('61641',), ('61641',), ('GOOY',))
    """
    unspecified = _UNSPECIFIED.fullmatch(identifier)
    if unspecified is not None:
        return (unspecified["wmo"],)
    match = _GHCN.fullmatch(identifier)
    if match is None:
        return ()
    if match["network"] == "M":
        return (match["number"][-5:],)
    return (match["number"][-4:],) if match["network"] == "I" else ()


def check_places(
    found: Iterable[Observation | Reject],
    registry: Registry,
    position: Callable[[Observation], tuple[float, float] | None],
) -> Iterator[Observation | Reject]:
    """Reject observations whose record lies far from where their station is registered (KF-113).

    A number that two registries give to two stations would else put one's weather under the other's name.

    Parameters
    ----------
    position
        Degrees north and east in a record, None if it has none.
    """
    for one in found:
        place = position(one) if isinstance(one, Observation) else None
        station = registry.get(one.station) if isinstance(one, Observation) else None
        if place is None or station is None:
            yield one
            continue
        apart = kilometres(place, (station.latitude, station.longitude))
        if apart <= MOST_KM:
            yield one
        else:
            yield Reject(
                one.line,
                f"position of {station.wigos_id} ({station.name}): expected one near {station.latitude}, "
                f"{station.longitude} as registered, found {place[0]}, {place[1]}, {apart:.0f} km away: is it another "
                "station's number?",
                one.text,
            )


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance of two places on a sphere of the Earth's mean radius (haversine formula).

    Parameters
    ----------
    one, other
        Degrees north and east.

    Examples
    --------
    Dakar/Yoff and Saint-Louis:

    >>> round(kilometres((14.7333, -17.5), (16.05, -16.45)))
    185
    """
    north, east = math.radians(other[0] - one[0]), math.radians(other[1] - one[1])
    cosines = math.cos(math.radians(one[0])) * math.cos(math.radians(other[0]))
    chord = math.sin(north / 2) ** 2 + cosines * math.sin(east / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


def rain(depth: float | None, condition: str) -> float | None:
    """Sum of a period, mm; a trace is 0, and None is what is no sum of it.

    >>> rain(1.2, "9"), rain(0.0, "T"), rain(30.0, "4"), rain(None, "2")
    (1.2, 0.0, None, 0.0)
    """
    if condition in TRACE:
        return 0.0
    return None if condition in UNUSABLE else depth


def moment(text: str, form: str, member: str = "time") -> str:
    """A UTC time in the contract's form (KF-115: a missing year or month refuses the record, not the file)."""
    try:
        found = datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        raise Refusal(f"{member}: expected the form {form!r}, found {text!r}") from None
    return format_time(round(found.timestamp()) * 1_000_000, fraction=False)


def day_end(text: str, form: str) -> str:
    """End of a calendar day, which is when its sums and extremes are complete.

    >>> day_end("20201231", "%Y%m%d")
    '2021-01-01T00:00:00Z'
    """
    try:
        found = datetime.strptime(text, form).replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Refusal(f"day: expected the form {form!r}, found {text!r}") from None
    return format_time(round(found.timestamp()) * 1_000_000, fraction=False)


def spellings(identifier: str) -> Sequence[str]:
    """Names of a station of any of these archives.

    >>> spellings("616410-99999"), spellings("SGM00061641"), spellings("Thiès")
    (('61641',), ('61641',), ())
    """
    return usaf_spellings(identifier) or ghcn_spellings(identifier)
