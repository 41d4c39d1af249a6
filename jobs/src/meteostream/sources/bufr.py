"""BUFR of land stations (WMO-No. 306 volume I.2): the templates of SYNOP and AWS, 3 07 080, 3 07 092, 3 07 096 and kin.

ecCodes unpacks a message. No template is assumed: a value is understood by its element and by the period that stands
before it in the message, as BUFR defines, so that the members of the family and national variants are read alike.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.registry import Registry
from meteostream.sources.bulletins import HEADING, revision_of
from meteostream.sources.dates import written
from meteostream.sources.ecc import eccodes
from meteostream.sources.errors import Refusal
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.settle import settle
from meteostream.sources.units import CONVERSIONS, Conversion, convert
from meteostream.sources.wind import Direction, variable_direction

REPORT_TYPE: Final = "bufr"
BEGIN: Final = b"BUFR"
END: Final = b"7777"
SHORTEST: Final = 8 + 4
"""Section 0, and the end: no message is shorter."""
LAND: Final = 0
"""Common code table C-13: surface data, land."""
MAX_SHOWN: Final = 96
"""Bytes of a damaged message that its reject shows."""
HEADING_REACH: Final = 64
"""Bytes before a message in which its bulletin's heading is looked for."""

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
UNITS_S: Final = {4024: HOUR_S, 4025: MINUTE_S, 4026: 1}
"""Elements that are time periods: 0 04 024 hours, 0 04 025 minutes, 0 04 026 seconds."""
NO_STATISTIC: Final = 63
"""0 08 023, code table: missing."""
CALM_OR_VARIABLE: Final = 0.0
"""0 11 001 of a calm (speed 0) and of a variable wind (any other); north is 360 (WMO-No. 306, B/C 1.10.5.3.2)."""
OKTAS: Final = 8
WHOLE_SKY: Final = 100

_SAME: Final = Conversion(Fraction(1))
_PA: Final = CONVERSIONS["Pa", "hPa"]
_K: Final = CONVERSIONS["K", "degC"]
_MINUTES: Final = CONVERSIONS["min", "s"]
_DAY_SUM: Final = Conversion(Fraction(1, DAY_S))
"""J m-2 of a day to its mean, W m-2."""

POINTS: Final[Mapping[str, tuple[str, Conversion]]] = {
    "airTemperature": ("air_temperature", _K),
    "dewpointTemperature": ("dew_point_temperature", _K),
    "relativeHumidity": ("relative_humidity", _SAME),
    "nonCoordinatePressure": ("station_pressure", _PA),
    "pressureReducedToMeanSeaLevel": ("sea_level_pressure", _PA),
    "horizontalVisibility": ("visibility", _SAME),
    "totalPrecipitationPast24Hours": ("rain_24h", _SAME),  # kg m-2 of water is mm
    "totalSnowDepth": ("snow_depth", _SAME),
}
"""Elements that need no period: variable, and how the element's unit becomes the contract's."""
PERIODS: Final[Mapping[tuple[str, int], tuple[str, Conversion]]] = {
    ("totalPrecipitationOrTotalWaterEquivalent", MINUTE_S): ("rain_1min", _SAME),
    ("totalPrecipitationOrTotalWaterEquivalent", HOUR_S): ("rain_1h", _SAME),
    ("totalPrecipitationOrTotalWaterEquivalent", 3 * HOUR_S): ("rain_3h", _SAME),
    ("totalPrecipitationOrTotalWaterEquivalent", 6 * HOUR_S): ("rain_6h", _SAME),
    ("totalPrecipitationOrTotalWaterEquivalent", 12 * HOUR_S): ("rain_12h", _SAME),
    ("totalPrecipitationOrTotalWaterEquivalent", DAY_S): ("rain_24h", _SAME),
    ("maximumTemperatureAtHeightAndOverPeriodSpecified", 12 * HOUR_S): ("tmax_12h", _K),
    ("maximumTemperatureAtHeightAndOverPeriodSpecified", DAY_S): ("tmax_24h", _K),
    ("minimumTemperatureAtHeightAndOverPeriodSpecified", 12 * HOUR_S): ("tmin_12h", _K),
    ("minimumTemperatureAtHeightAndOverPeriodSpecified", DAY_S): ("tmin_24h", _K),
    ("totalSunshine", HOUR_S): ("sunshine_1h", _MINUTES),
    ("totalSunshine", DAY_S): ("sunshine_24h", _MINUTES),
    ("maximumWindGustSpeed", 10 * MINUTE_S): ("gust_10min", _SAME),
    ("maximumWindGustSpeed", HOUR_S): ("gust_1h", _SAME),
    ("windSpeed", 2 * MINUTE_S): ("wind_mean_2min", _SAME),
    ("windSpeed", 10 * MINUTE_S): ("wind_mean_10min", _SAME),
    ("evaporation", DAY_S): ("evaporation_24h", _SAME),
    ("globalSolarRadiationIntegratedOverPeriodSpecified", DAY_S): ("irradiance_mean_24h", _DAY_SUM),
}
"""Elements by the seconds that their period lasts until the observation. The contract has no others."""
TRACE: Final = frozenset({"rain_1min", "rain_1h", "rain_3h", "rain_6h", "rain_12h", "rain_24h", "snow_depth"})
"""A negative amount is one too small to measure (0 13 011: -0.1 kg m-2; 0 13 013: -0.01 m): 0."""

WIGOS: Final = ("wigosIdentifierSeries", "wigosIssuerOfIdentifier", "wigosIssueNumber")

_RANKED: Final = re.compile(r"#[0-9]+#(?P<name>[^-]+)")


class _Element(NamedTuple):
    name: str
    code: int
    value: float | str | None


class _Message(NamedTuple):
    number: int
    content: bytes
    revision: int


def read_bufr(data: bytes, registry: Registry) -> Iterator[Observation | Reject]:
    """Read a file of messages, with or without bulletin headings.

    Parameters
    ----------
    data
        Any bytes; what lies between messages is passed over.

    Yields
    ------
    Observation or Reject
        One a subset, in the file's order; ``line`` is the message's number. A damaged message is a reject and the rest
        is read. The text is the subset's message in base64, which any decoder of BUFR reads.
    """
    return settle(_decode(data, registry), registry)


def _decode(data: bytes, registry: Registry) -> Iterator[Observation | Reject]:
    for message in _messages(data):
        if isinstance(message, Reject):
            yield message
            continue
        try:
            with _handle(message.content) as handle:
                count = int(eccodes.codes_get(handle, "numberOfSubsets"))
                category = int(eccodes.codes_get(handle, "dataCategory"))
                sequence = int(eccodes.codes_get(handle, "updateSequenceNumber", ktype=int))
            if category != LAND:
                raise Refusal(f"message {message.number}: expected data category 0 (land stations), found {category}")
        except (eccodes.CodesInternalError, Refusal) as error:
            yield _damaged(message.number, message.content, str(error))
            continue
        for subset in range(1, count + 1):
            yield _subset(message._replace(revision=max(message.revision, sequence)), subset, count, registry)


def _messages(data: bytes) -> Iterator[_Message | Reject]:
    number, begin, after = 0, data.find(BEGIN), 0
    while begin >= 0:
        number += 1
        length = int.from_bytes(data[begin + 4 : begin + 7], "big")
        content = data[begin : begin + length]
        if length < SHORTEST or len(content) < length or not content.endswith(END):
            yield _damaged(
                number,
                data[begin : begin + MAX_SHOWN],
                f"message {number}, byte {begin}: expected {length} bytes that end with 7777, found others",
            )
            length = len(BEGIN)
        else:
            headings = HEADING.findall(data[max(after, begin - HEADING_REACH) : begin].decode("latin-1"))
            yield _Message(number, content, revision_of(headings[-1]) if headings else 0)
        after = begin + length
        begin = data.find(BEGIN, after)


def _damaged(number: int, content: bytes, reason: str) -> Reject:
    return Reject(number, reason, base64.b64encode(content[:MAX_SHOWN]).decode("ascii"))


@contextmanager
def _handle(content: bytes) -> Iterator[int]:
    handle = eccodes.codes_new_from_message(content)
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def _subset(message: _Message, subset: int, count: int, registry: Registry) -> Observation | Reject:
    try:
        with _handle(message.content) as handle:
            eccodes.codes_set(handle, "unpack", 1)
            if count > 1:
                eccodes.codes_set(handle, "extractSubset", subset)
                eccodes.codes_set(handle, "doExtractSubsets", 1)
            content = eccodes.codes_get_message(handle)
        with _handle(content) as handle:
            eccodes.codes_set(handle, "unpack", 1)
            elements = list(_elements(handle))
        return Observation(
            line=message.number,
            station=_station(elements, registry),
            observed_at=_moment(elements),
            values=_values(elements),
            text=base64.b64encode(content).decode("ascii"),
            report_type=REPORT_TYPE,
            revision=message.revision,
        )
    except (eccodes.CodesInternalError, Refusal) as error:
        return _damaged(message.number, message.content, f"message {message.number}, subset {subset}: {error}")


def _elements(handle: int) -> Iterator[_Element]:
    """Elements of a message of one subset, in its order."""
    keys = eccodes.codes_bufr_keys_iterator_new(handle)
    try:
        while eccodes.codes_bufr_keys_iterator_next(keys):
            key = eccodes.codes_bufr_keys_iterator_get_name(keys)
            found = _RANKED.fullmatch(key)
            if found is not None:
                yield _Element(found["name"], int(eccodes.codes_get(handle, f"{key}->code")), _value(handle, key))
    finally:
        eccodes.codes_bufr_keys_iterator_delete(keys)


def _value(handle: int, key: str) -> float | str | None:
    if eccodes.codes_is_missing(handle, key):
        return None
    value = eccodes.codes_get(handle, key)
    if isinstance(value, str):
        return value.strip() or None
    if value in {eccodes.CODES_MISSING_LONG, eccodes.CODES_MISSING_DOUBLE}:
        return None
    # Unpacking multiplies by a power of ten: the element's decimals are what was packed.
    return round(float(value), int(eccodes.codes_get(handle, f"{key}->scale")))


def _first(elements: list[_Element], name: str) -> float | str | None:
    return next((element.value for element in elements if element.name == name), None)


def _station(elements: list[_Element], registry: Registry) -> str:
    """Identifier: WIGOS if the registry has it or there is no other, else block and station number (KF-113)."""
    parts = [_first(elements, name) for name in WIGOS]
    local = _first(elements, "wigosLocalIdentifierCharacter")
    block, number = _first(elements, "blockNumber"), _first(elements, "stationNumber")
    wmo = f"{int(block):02d}{int(number):03d}" if isinstance(block, float) and isinstance(number, float) else None
    if local is not None and all(isinstance(part, float) for part in parts):
        wigos = "-".join([*(f"{part:.0f}" for part in parts), str(local)])
        if wmo is None or registry.get(wigos) is not None:
            return wigos
    if wmo is None:
        raise Refusal("expected a WIGOS identifier or block and station number, found neither")
    return wmo


def _moment(elements: list[_Element]) -> str:
    numbers = []
    for name in ("year", "month", "day", "hour", "minute"):
        value = _first(elements, name)
        if not isinstance(value, float):
            raise Refusal(f"{name}: expected a number, found it missing")
        numbers.append(int(value))
    try:
        return written(datetime(*numbers, tzinfo=UTC))  # type: ignore[misc,arg-type]  # five numbers
    except ValueError as error:
        raise Refusal(f"expected an existing moment, found {numbers} ({error})") from None


def _values(elements: list[_Element]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    periods: list[int | None] = []
    fresh = False
    statistic: float | str | None = None
    towards: float | None = None
    for element in elements:
        if element.code in UNITS_S:
            periods = [*periods, _seconds(element)] if fresh else [_seconds(element)]
            fresh = True
            continue
        fresh = False
        number = element.value if isinstance(element.value, float) else None
        if element.name == "firstOrderStatistics":
            statistic = None if number == NO_STATISTIC else number
        elif element.name == "windDirection":
            towards = number
        elif element.name == "cloudCoverTotal":
            _keep(values, "cloud_cover", _oktas(number))
        elif statistic is None:
            rule = POINTS.get(element.name) or PERIODS.get((element.name, _length(periods)))
            if rule is not None:
                variable, how = rule
                converted = None if number is None else convert(repr(number), how)
                if variable in TRACE and converted is not None:
                    converted = max(converted, 0.0)
                if _keep(values, variable, converted) and element.name == "windSpeed":
                    values |= _direction(converted, towards)
    return values


def _direction(speed: float | None, found: float | None) -> dict[str, Value]:
    """Direction of a mean wind; that it is variable, or is not, is said as far as BUFR says it.

    >>> _direction(0.0, 0.0), _direction(1.5, 0.0)
    ({'wind_direction': None, 'wind_variable': False}, {'wind_direction': None, 'wind_variable': True})
    >>> _direction(5.2, 360.0), _direction(None, 0.0)
    ({'wind_direction': 360.0, 'wind_variable': False}, {'wind_direction': None})
    """
    if found is None or (found == CALM_OR_VARIABLE and speed is None):
        return {"wind_direction": None}
    if found != CALM_OR_VARIABLE:
        return {"wind_direction": None if speed == 0.0 else found, "wind_variable": False}
    degrees, variable = variable_direction() if speed else Direction(None, False)
    return {"wind_direction": degrees, "wind_variable": variable}


def _keep(values: dict[str, Value], variable: str, value: float | None) -> bool:
    """Keep the first value of a variable: others are of other sensors or heights."""
    if values.get(variable) is not None:
        return False
    values[variable] = value
    return True


def _seconds(element: _Element) -> int | None:
    return int(element.value) * UNITS_S[element.code] if isinstance(element.value, float) else None


def _length(periods: list[int | None]) -> int:
    """Seconds from the period's begin to the observation, 0 if it is not known or ends elsewhere.

    Two periods in a row are begin and end (0 04 024 before an extreme temperature).
    """
    match periods:
        case [int(begin)] if begin < 0:
            return -begin
        case [int(begin), 0] if begin < 0:
            return -begin
        case _:
            return 0


def _oktas(percent: float | None) -> float | None:
    """Oktas of a percentage; 113 is an obscured sky."""
    return None if percent is None or percent > WHOLE_SKY else float(round(percent * OKTAS / WHOLE_SKY))
