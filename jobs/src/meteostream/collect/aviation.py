"""METAR and TAF of aviationweather.gov: the raw text is decoded by us, the service's own fields are compared with that.

What its answers need care for: nothing is 204 or an empty list; at most 400 results, silently; ``wdir`` is a number or
"VRB"; ``visib`` is a number or a text such as "10+" (KF-103); times are seconds since 1970, or RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from meteostream.collect.collector import Collector, Found, Product, Remark, Wanted
from meteostream.collect.errors import RefusedError, ShapeError
from meteostream.collect.http import Http, Request
from meteostream.config import Aviation
from meteostream.contract.times import parse_time
from meteostream.registry import Station
from meteostream.sources.metar import read_metar
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Licence
from meteostream.sources.taf import read_taf
from meteostream.sources.units import conversion, convert

API: Final = "aviationweather"
LICENCE: Final = Licence(
    name="public-domain-us-government",
    attribution="NOAA/NWS Aviation Weather Center",
    commercial_use=True,
    redistribute=True,
)
MOST: Final = 400
"""Results of one answer; an answer with so many is taken for cut off."""
DAYS_BACK: Final = 15.0
"""How far back the service's database reaches."""
REPORTS_PER_HOUR: Final = 3
"""A station's METARs (every half hour at most) and some SPECIs; only to choose a first size of the requests."""
SHORTEST: Final = timedelta(minutes=30)
"""A window that is not halved any further."""
# How far the service's decoded fields may lie from our decoding of the same text: they are rounded there.
_TIME_SLACK_S: Final = 60
_DEGREES_C: Final = 1.0
_METRES_PER_SECOND: Final = 0.6
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")

Time = int | float | str | None


class MetarRow(msgspec.Struct, rename="camel"):
    """What is read of a METAR's row; the service may add members at any time."""

    icao_id: str
    raw_ob: str
    obs_time: Time = None
    temp: float | str | None = None
    dewp: float | str | None = None
    wdir: int | float | str | None = None
    wspd: int | float | str | None = None
    visib: int | float | str | None = None


class TafRow(msgspec.Struct):
    """What is read of a TAF's row."""

    icaoId: str  # noqa: N815 - the service's name
    rawTAF: str  # noqa: N815 - the service's name
    issueTime: Time = None  # noqa: N815 - the service's name


def visibility_miles(found: float | str | None) -> float | None:
    """The service's visibility in statute miles; None where it says nothing a number can be made of (KF-103).

    >>> visibility_miles("10+"), visibility_miles(6), visibility_miles("1.75"), visibility_miles("")
    (10.0, 6.0, 1.75, None)
    """
    if found is None or isinstance(found, bool):
        return None
    if isinstance(found, int | float):
        return float(found)
    match = _NUMBER.match(found.strip())
    return float(match[0]) if match else None


def moment_of(found: Time) -> datetime | None:
    """A time of the service: seconds since 1970, or RFC 3339 with or without its T and Z; None where there is none.

    >>> moment_of(1698420600), moment_of("2023-10-27 15:30:00")
    (datetime.datetime(2023, 10, 27, 15, 30, tzinfo=datetime.timezone.utc), \
datetime.datetime(2023, 10, 27, 15, 30, tzinfo=datetime.timezone.utc))
    """
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        if isinstance(found, str) and found:
            moment = datetime.fromisoformat(found)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def read_metars(http: Http, wanted: Wanted) -> Iterator[Found]:
    """METARs and SPECIs of the window."""
    stations = _with_icao(wanted)
    yield from _without_icao(wanted)
    hours = max(1.0, (wanted.end - wanted.start).total_seconds() / 3600)
    together = max(1, min(len(stations), int(MOST / (REPORTS_PER_HOUR * hours))))
    for first in range(0, len(stations), together):
        for row in _metar_rows(http, wanted, stations[first : first + together], wanted.start, wanted.end):
            yield from _metar(row, wanted)


def read_tafs(http: Http, wanted: Wanted) -> Iterator[Found]:
    """The TAFs that are valid now."""
    stations = _with_icao(wanted)
    yield from _without_icao(wanted)
    for first in range(0, len(stations), MOST - 1):
        part = stations[first : first + MOST - 1]
        request = _request(wanted, "taf", [("ids", _ids(part)), ("format", "json")])
        for row in _rows(http.get_json(request), TafRow):
            yield from _taf(row, wanted)


def _metar_rows(
    http: Http, wanted: Wanted, stations: Sequence[Station], start: datetime, end: datetime
) -> Iterator[MetarRow]:
    """Rows of a window; an answer that may be cut off is asked for again in halves."""
    hours = (end - start).total_seconds() / 3600
    params = [
        ("ids", _ids(stations)),
        ("format", "json"),
        ("date", end.strftime("%Y%m%d_%H%M")),
        ("hours", f"{hours:.2f}"),
    ]
    rows = _rows(http.get_json(_request(wanted, "metar", params)), MetarRow)
    if len(rows) < MOST:
        yield from rows
    elif len(stations) > 1:
        half = len(stations) // 2
        yield from _metar_rows(http, wanted, stations[:half], start, end)
        yield from _metar_rows(http, wanted, stations[half:], start, end)
    elif end - start > SHORTEST:
        middle = start + (end - start) / 2
        yield from _metar_rows(http, wanted, stations, start, middle)
        yield from _metar_rows(http, wanted, stations, middle, end)
    else:
        raise ShapeError(
            f"metar: expected fewer than {MOST} reports of {_ids(stations)} from {start:%Y-%m-%dT%H:%MZ} to "
            f"{end:%H:%MZ}, found {len(rows)}: does the service still read 'ids', 'date' and 'hours'?"
        )


def _metar(row: MetarRow, wanted: Wanted) -> Iterator[Found]:
    observed = moment_of(row.obs_time)
    for found in read_metar(row.raw_ob, wanted.registry, reference=observed or wanted.now):
        yield found
        if isinstance(found, Observation):
            yield from (Remark(text) for text in disagreements(row, found))


def _taf(row: TafRow, wanted: Wanted) -> Iterator[Found]:
    forecasts = []
    for found in read_taf(row.rawTAF, wanted.registry, reference=moment_of(row.issueTime) or wanted.now):
        if isinstance(found, Reject):
            yield found
        else:
            forecasts.append(found)
    if forecasts:
        yield Product(tuple(forecasts), row.rawTAF)


def disagreements(row: MetarRow, found: Observation) -> list[str]:
    """Where the service's own fields say something else than our decoding of its text; the text stands."""
    sentences = []
    ours = datetime.fromtimestamp(parse_time(found.observed_at, "observed_at", fraction=False) / 1e6, UTC)
    theirs = moment_of(row.obs_time)
    if theirs is not None and abs((theirs - ours).total_seconds()) > _TIME_SLACK_S:
        sentences.append(f"obsTime {theirs:%Y-%m-%dT%H:%M:%SZ}, the text {found.observed_at}")
    speed = next((name for name in ("wind_mean_10min", "wind_mean_2min") if name in found.values), None)
    numbers = [
        ("temp", row.temp, "air_temperature", 1.0, _DEGREES_C),
        ("dewp", row.dewp, "dew_point_temperature", 1.0, _DEGREES_C),
    ]
    if speed is not None:
        numbers.append(("wspd", row.wspd, speed, convert("1", conversion("kt", "m/s")), _METRES_PER_SECOND))
    for member, said, variable, factor, slack in numbers:
        read = found.values.get(variable)
        if isinstance(said, int | float) and isinstance(read, float) and abs(said * factor - read) > slack:
            sentences.append(f"{member} {said:g}, the text {variable} {read:g}")
    if row.wdir == "VRB" and found.values.get("wind_variable") is not True:
        sentences.append("wdir VRB, the text has no variable wind")
    return [f"{row.icao_id} {found.observed_at}: the service has {sentence}" for sentence in sentences]


def _rows(answer: Any, kind: type[Any]) -> list[Any]:
    """Rows of an answer; none is valid (KF-108)."""
    if answer is None:
        return []
    try:
        return msgspec.convert(answer, list[kind], strict=True)  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise ShapeError(f"{API}: expected rows as documented: {error}") from None


def _request(wanted: Wanted, product: str, params: list[tuple[str, str]]) -> Request:
    return Request(
        source=product,
        api=API,
        licence=LICENCE,
        url=f"{wanted.settings.aviation.base_url}/api/data/{product}",
        params=tuple(params),
    )


def _ids(stations: Sequence[Station]) -> str:
    return ",".join(station.icao or "" for station in stations)


def _with_icao(wanted: Wanted) -> list[Station]:
    stations = [station for station in wanted.stations if station.icao]
    if not stations:
        names = ", ".join(station.name for station in wanted.stations)
        raise RefusedError(f"expected stations with an ICAO code, found none among {names}")
    return stations


def _without_icao(wanted: Wanted) -> Iterator[Remark]:
    left = ", ".join(station.name for station in wanted.stations if not station.icao)
    if left:
        yield Remark(f"without an ICAO code, not asked for: {left}")


def _sample(product: str) -> Callable[[Http, Wanted], bytes]:
    def sample(http: Http, wanted: Wanted) -> bytes:
        params = [("ids", _ids(_with_icao(wanted)[:4])), ("format", "json")]
        if product == "metar":
            params.append(("hours", "2"))
        return http.get(_request(wanted, product, params)).body

    return sample


def _shape(kind: type[Any], text: str, time: str) -> Callable[[bytes], list[str]]:
    def shape(body: bytes) -> list[str]:
        if not body.strip():
            return []  # nothing is valid
        try:
            rows = msgspec.json.decode(body)
            _rows(rows, kind)
        except (msgspec.MsgspecError, ShapeError) as error:
            return [str(error)]
        return [
            f"row {number}: {member}: expected it, found {row.get(member)!r}"
            for number, row in enumerate(rows or [], 1)
            for member in (text, time)
            if not row.get(member) or (member == time and moment_of(row[member]) is None)
        ]

    return shape


def metar_collector(settings: Aviation) -> Collector:
    """Observations of airports."""
    return Collector(
        name="metar",
        kind="observations",
        title="METAR and SPECI of airports (aviationweather.gov)",
        licence=LICENCE,
        api=API,
        quota=settings.quota,
        days_back=DAYS_BACK,
        hours_default=settings.hours_back,
        read=read_metars,
        sample=_sample("metar"),
        shape=_shape(MetarRow, "rawOb", "obsTime"),
    )


def taf_collector(settings: Aviation) -> Collector:
    """Forecasts of airports."""
    return Collector(
        name="taf",
        kind="forecasts",
        title="TAF of airports (aviationweather.gov)",
        licence=LICENCE,
        api=API,
        quota=settings.quota,
        read=read_tafs,
        sample=_sample("taf"),
        shape=_shape(TafRow, "rawTAF", "issueTime"),
    )
