"""Forecasts and reanalyses of Open-Meteo (https://open-meteo.com), for ``weather.forecasts`` only.

What its answers need care for: one location gives an object, several give a list in the order of the request; the
coordinates in it are the grid cell's, never a key; times have no offset, so GMT is asked for and checked; units are
asked for and checked; null is not 0; a forecast names no run, so the model's run is asked for before and after.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from meteostream.collect.collector import Collector, Found, Product, Remark, Wanted
from meteostream.collect.errors import NetworkError, ShapeError
from meteostream.collect.http import Http, Request
from meteostream.collect.limits import heaviest
from meteostream.config import ConfigError, OpenMeteo, Quota
from meteostream.contract import ALL
from meteostream.registry import Station
from meteostream.sources.forecast import Forecast
from meteostream.sources.profile import Licence
from meteostream.sources.units import SAME, Conversion, conversion, convert
from meteostream.sources.wind import direction

API: Final = "open-meteo"
LICENCE: Final = Licence(
    name="CC-BY-4.0",
    attribution="Weather data by Open-Meteo.com (CC BY 4.0)",
    commercial_use=False,  # the data's licence would allow it, the free service's terms do not
    redistribute=True,
)
FORECAST: Final = "/v1/forecast"
ARCHIVE: Final = "/v1/archive"
ERA5_DELAY_DAYS: Final = 5
"""The reanalysis follows with about this delay; later days are null (Open-Meteo, Historical Weather API)."""
RUN_SETTLES_S: Final = 600
"""After a run became available, servers may differ for so long (Open-Meteo, Model Updates)."""
LOCATIONS: Final = 50
"""Stations of one request, so that its address stays short."""
CELL_DEGREES: Final = 1.5
"""A grid cell's centre is nearer than this to its station; further means that answers and stations were mixed up."""
BEYOND: Final = 1e9
"""No value and no coordinate is so great."""
# How the service weighs a request (its pricing page): L x max(1, V M / 10, D / 14 x V M / 10).
_FREE_VARIABLES: Final = 10
_FREE_DAYS: Final = 14


class Column(NamedTuple):
    """A variable of the service: its name there, the contract's, and the unit that is asked for."""

    name: str
    variable: str
    unit: str
    sent_unit: str


COLUMNS: Final[tuple[Column, ...]] = (
    Column("temperature_2m", "air_temperature", "degC", "°C"),
    Column("dew_point_2m", "dew_point_temperature", "degC", "°C"),
    Column("relative_humidity_2m", "relative_humidity", "%", "%"),
    Column("surface_pressure", "station_pressure", "hPa", "hPa"),
    Column("pressure_msl", "sea_level_pressure", "hPa", "hPa"),
    Column("wind_speed_10m", "wind_mean_10min", "m/s", "m/s"),
    Column("wind_direction_10m", "wind_direction", "degree", "°"),
    Column("wind_gusts_10m", "gust_1h", "m/s", "m/s"),
    Column("precipitation", "rain_1h", "mm", "mm"),
    Column("cloud_cover", "cloud_cover", "percent", "%"),
)
"""What is asked for. Radiation is left out: the service's is a mean of the hour, the contract's of a minute."""
_UNITS: Final = (("temperature_unit", "celsius"), ("wind_speed_unit", "ms"), ("precipitation_unit", "mm"))


class Chunk(NamedTuple):
    """Part of a wish that one request may ask for."""

    stations: tuple[Station, ...]
    first: datetime | None
    last: datetime | None


def weight(variables: int, models: int, days: float, locations: int) -> float:
    """How many calls the service counts a request as (KF-104).

    >>> weight(10, 1, 7, 1), weight(20, 1, 14, 3), weight(10, 1, 365, 2)
    (1.0, 6.0, 52.142857142857146)
    """
    load = variables * models / _FREE_VARIABLES
    return max(1.0, load, days / _FREE_DAYS * load) * locations


def columns(settings: OpenMeteo) -> tuple[Column, ...]:
    """The columns that are asked for.

    Raises
    ------
    ConfigError
        If the settings name one that is not known here.
    """
    known = {column.name: column for column in COLUMNS}
    unknown = [name for name in settings.variables if name not in known]
    if unknown:
        raise ConfigError(
            f"[collect.open_meteo] variables: expected names among {', '.join(known)}, found {', '.join(unknown)}"
        )
    return tuple(known[name] for name in settings.variables) or COLUMNS


def chunks(
    stations: Sequence[Station], days: Sequence[datetime], variables: int, quota: Quota, *, ahead: int = 1
) -> Iterator[Chunk]:
    """Cut a wish into requests that the quota lets through, in the order of the stations, then of the days (KF-105).

    Parameters
    ----------
    stations
        In the order in which answers come.
    days
        Midnights (UTC) of the window's days; empty for a forecast, which cannot be cut in time.
    variables
        How many are asked for.
    quota
        No request may be heavier than what may go at once.
    ahead
        Days of a forecast.
    """
    room = heaviest(quota)
    length = len(days) or ahead
    while days and length > 1 and weight(variables, 1, length, 1) > room:
        length = math.ceil(length / 2)
    locations = int(max(1.0, min(LOCATIONS, room / weight(variables, 1, length, 1))))
    for first in range(0, len(stations), locations):
        part = tuple(stations[first : first + locations])
        if not days:
            yield Chunk(part, None, None)
        for begin in range(0, len(days), length):
            some = days[begin : begin + length]
            yield Chunk(part, some[0], some[-1])


def read_forecasts(http: Http, wanted: Wanted) -> Iterator[Found]:
    """Forecasts of each model's newest run."""
    settings = wanted.settings.open_meteo
    asked = columns(settings)
    for model in settings.models:
        run = model_run(http, settings, model)
        if (wanted.now - run.available).total_seconds() < RUN_SETTLES_S:
            raise NetworkError(
                f"{model}: its run of {run.begin:%Y-%m-%dT%H:%MZ} became available at {run.available:%H:%M:%SZ} and "
                f"servers may still differ; collect again after {RUN_SETTLES_S // 60} minutes"
            )
        products: list[Found] = []
        days = settings.forecast_days
        for chunk in chunks(wanted.stations, (), len(asked), settings.quota, ahead=days):
            request = _request(settings, FORECAST, "open-meteo", model, asked, chunk, days)
            answer = http.get_json(request._replace(params=(*request.params, ("forecast_days", str(days)))))
            products.extend(read_answer(answer, chunk.stations, asked, model, run.begin))
        if model_run(http, settings, model).begin != run.begin:
            raise NetworkError(f"{model}: a new run came while the last was being read; collect again")
        yield from products


def read_archive(http: Http, wanted: Wanted) -> Iterator[Found]:
    """Values of the reanalyses in the window; an hour that the model has not yet is left out."""
    settings = wanted.settings.open_meteo
    asked = columns(settings)
    days = _days(wanted.start, wanted.end)
    for model in settings.archive_models:
        for chunk in chunks(wanted.stations, days, len(asked), settings.quota):
            if chunk.first is None or chunk.last is None:
                continue  # a window of no day
            length = (chunk.last - chunk.first).days + 1
            request = _request(settings, ARCHIVE, "open-meteo-archive", model, asked, chunk, length)
            window = (("start_date", f"{chunk.first:%Y-%m-%d}"), ("end_date", f"{chunk.last:%Y-%m-%d}"))
            answer = http.get_json(request._replace(params=(*request.params, *window)))
            yield from read_answer(answer, chunk.stations, asked, model, None)


def read_answer(
    answer: Any, stations: Sequence[Station], asked: Sequence[Column], model: str, run: datetime | None
) -> Iterator[Found]:
    """Forecast values of one answer.

    Parameters
    ----------
    answer
        As JSON was read: an object for one station, a list for several, None for nothing (KF-108).
    stations
        In the order of the request: what an answer belongs to is its place, never its coordinates.
    run
        When the model's run began: earlier hours are of older runs and left out. None for a reanalysis, of which each
        value is its own reference.

    Raises
    ------
    ShapeError
        If it is not the service's answer to this request.
    """
    if answer is None:
        yield Remark(f"{model}: an empty answer for {len(stations)} stations")
        return
    parts = answer if isinstance(answer, list) else [answer]
    if len(parts) != len(stations):
        raise ShapeError(f"{model}: expected an answer for each of {len(stations)} stations, found {len(parts)}")
    for part, station in zip(parts, stations, strict=True):
        found = differences(part, [column.name for column in asked])
        if found:
            raise ShapeError(f"{model}, {station.name}: {'; '.join(found)}")
        _check_cell(part, station, model)
        rows = tuple(_rows(part, station, asked, model, run))
        if rows:
            yield Product(rows)
        else:
            yield Remark(f"{model}: nothing yet for {station.name}")


def differences(part: Any, names: Sequence[str]) -> list[str]:
    """What in one location's answer is not as it used to be, a sentence each.

    Parameters
    ----------
    names
        Columns that were asked for.
    """
    if not isinstance(part, dict):
        return [f"expected an object for each location, found {type(part).__name__}"]
    if part.get("error"):
        return [f"the service says {part.get('reason', 'error')!r}"]
    found = [
        f"{member}: expected a number, found {part.get(member)!r}"
        for member in ("latitude", "longitude")
        if not _is_number(part.get(member))
    ]
    if part.get("utc_offset_seconds") != 0:
        found.append(f"utc_offset_seconds: expected 0 (GMT was asked for), found {part.get('utc_offset_seconds')!r}")
    hourly, units = part.get("hourly"), part.get("hourly_units")
    if not isinstance(hourly, dict) or not isinstance(units, dict):
        return [*found, "expected the members hourly and hourly_units"]
    times = hourly.get("time")
    if not isinstance(times, list):
        return [*found, "hourly.time: expected a list"]
    sent = {column.name: column.sent_unit for column in COLUMNS}
    for name in names:
        values = hourly.get(name)
        if not isinstance(values, list) or len(values) != len(times):
            found.append(f"hourly.{name}: expected {len(times)} values, found {_size(values)}")
        elif not all(value is None or _is_number(value) for value in values):
            found.append(f"hourly.{name}: expected numbers and nulls")
        if units.get(name) != sent[name]:
            found.append(f"hourly_units.{name}: expected {sent[name]!r}, found {units.get(name)!r}")
    return found


class Run(NamedTuple):
    """A model's newest run: when it began, and when the service had all of it."""

    begin: datetime
    available: datetime


def model_run(http: Http, settings: OpenMeteo, model: str) -> Run:
    """Ask for a model's newest run (the service's Model Updates documentation).

    Raises
    ------
    ShapeError
        If the model has no run of its own (a blend such as ``best_match``).
    """
    name = settings.runs.get(model, model)
    request = Request(
        source="open-meteo",
        api=API,
        licence=LICENCE,
        url=f"{settings.base_url}/data/{name}/static/meta.json",
        params=_key(settings),
        keep=False,
        missing=True,
    )
    found = http.get_json(request)
    try:
        return Run(
            datetime.fromtimestamp(found["last_run_initialisation_time"], UTC),
            datetime.fromtimestamp(found["last_run_availability_time"], UTC),
        )
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ShapeError(
            f"{model}: expected when its last run began at {request.url}, found {str(found)[:80]}. A blend such as "
            "best_match or icon_seamless has no run of its own: name a single model in [collect.open_meteo] models, "
            "and in runs what the service calls it there"
        ) from None


def _request(
    settings: OpenMeteo, path: str, source: str, model: str, asked: Sequence[Column], chunk: Chunk, days: int
) -> Request:
    base = settings.archive_url if path == ARCHIVE else settings.base_url
    return Request(
        source=source,
        api=API,
        licence=LICENCE,
        url=f"{base}{path}",
        params=(
            # A point whatever the machine's language (KF-106).
            ("latitude", ",".join(f"{station.latitude:.4f}" for station in chunk.stations)),
            ("longitude", ",".join(f"{station.longitude:.4f}" for station in chunk.stations)),
            ("hourly", ",".join(column.name for column in asked)),
            ("models", model),
            ("timezone", "GMT"),
            ("timeformat", "iso8601"),
            *_UNITS,
            *_key(settings),
        ),
        weight=weight(len(asked), 1, days, len(chunk.stations)),
    )


def _key(settings: OpenMeteo) -> tuple[tuple[str, str], ...]:
    return (("apikey", settings.api_key),) if settings.api_key else ()


def _rows(
    part: dict[str, Any], station: Station, asked: Sequence[Column], model: str, run: datetime | None
) -> Iterator[Forecast]:
    hourly = part["hourly"]
    how = {column.variable: conversion(column.unit, ALL[column.variable].unit) for column in asked}
    for place, text in enumerate(hourly["time"]):
        valid = _moment(text)
        if run is not None and valid < run:
            continue
        values = {column.variable: _converted(hourly[column.name][place], how[column.variable]) for column in asked}
        if all(value is None for value in values.values()):
            continue
        if "wind_direction" in values:
            values["wind_direction"] = direction(values.get("wind_mean_10min"), values["wind_direction"]).degrees
        time = valid.strftime("%Y-%m-%dT%H:%M:%SZ")
        reference = time if run is None else run.strftime("%Y-%m-%dT%H:%M:%SZ")
        for variable, value in values.items():
            yield Forecast(station.wigos_id, model, reference, time, variable, value, ALL[variable].unit)


def _converted(value: float | None, how: Conversion) -> float | None:
    """In the contract's unit; null stays null (KF-107)."""
    if value is None:
        return None
    return float(value) if how == SAME else convert(repr(value), how)


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except (ValueError, TypeError):
        raise ShapeError(f"hourly.time: expected times like 2026-11-25T06:00, found {text!r}") from None


def _check_cell(part: dict[str, Any], station: Station, model: str) -> None:
    far = max(abs(part["latitude"] - station.latitude), abs(part["longitude"] - station.longitude))
    if far > CELL_DEGREES:
        raise ShapeError(
            f"{model}, {station.name}: expected a grid cell near {station.latitude}, {station.longitude}, found "
            f"{part['latitude']}, {part['longitude']}: the answers are not in the order of the request"
        )


def _days(start: datetime, end: datetime) -> list[datetime]:
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    last = end - timedelta(microseconds=1)
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _is_number(value: object) -> bool:
    """Whether it is a number that can be a measurement: no boolean, no NaN, nothing beyond reason."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < BEYOND


def _size(values: object) -> str:
    return str(len(values)) if isinstance(values, list) else "none"


def _sample(path: str) -> Callable[[Http, Wanted], bytes]:
    def sample(http: Http, wanted: Wanted) -> bytes:
        settings = wanted.settings.open_meteo
        archive = path == ARCHIVE
        day = wanted.now - timedelta(days=2 * ERA5_DELAY_DAYS)
        model = (settings.archive_models if archive else settings.models)[0]
        source = "open-meteo-archive" if archive else "open-meteo"
        chunk = Chunk(wanted.stations[:2], None, None)
        request = _request(settings, path, source, model, columns(settings), chunk, 1)
        date = f"{day:%Y-%m-%d}"
        window = (("start_date", date), ("end_date", date)) if archive else (("forecast_days", "1"),)
        return http.get(request._replace(params=(*request.params, *window))).body

    return sample


def shape(body: bytes) -> list[str]:
    """What differs from the known shape in an answer to a sample request."""
    try:
        found = json.loads(body)
    except ValueError:
        return [f"expected JSON, found {body[:48]!r}"]
    parts = found if isinstance(found, list) else [found]
    hourly = parts[0].get("hourly") if parts and isinstance(parts[0], dict) else None
    asked = [name for name in hourly if name != "time"] if isinstance(hourly, dict) else []
    unknown = sorted(set(asked) - {column.name for column in COLUMNS})
    sentences = [f"hourly: columns that were not asked for: {', '.join(unknown)}"] if unknown else []
    known = [name for name in asked if name not in unknown]
    if not known:
        sentences.append("hourly: expected columns, found none")
    for number, part in enumerate(parts):
        sentences += [f"location {number + 1}: {sentence}" for sentence in differences(part, known)]
    return sentences


def forecast_collector(settings: OpenMeteo) -> Collector:
    """Forecasts."""
    return Collector(
        name="open-meteo",
        kind="forecasts",
        title="Forecasts of Open-Meteo",
        licence=LICENCE,
        api=API,
        quota=settings.quota,
        read=read_forecasts,
        sample=_sample(FORECAST),
        shape=shape,
    )


def archive_collector(settings: OpenMeteo) -> Collector:
    """Reanalyses."""
    return Collector(
        name="open-meteo-archive",
        kind="forecasts",
        title="Reanalyses of Open-Meteo (ERA5)",
        licence=LICENCE,
        api=API,
        quota=settings.quota,
        hours_default=24.0 * settings.archive_days,
        read=read_archive,
        sample=_sample(ARCHIVE),
        shape=shape,
    )
