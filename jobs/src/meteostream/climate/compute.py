"""All climate products of one station's days, as rows that can be stored and compared.

Each row has a value, how many days it is made of, and the rules of the days. A product for which something is missing
has no row, but the rainy season, which says what it does not know.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from meteostream.climate.bulletin import Bulletin, Inputs, bulletin
from meteostream.climate.completeness import sum_of
from meteostream.climate.heat_waves import LEAST_DAYS, heat_waves, percentile_by_day
from meteostream.climate.normals import FIRST_YEAR, LAST_YEAR, Normal
from meteostream.climate.periods import month_last
from meteostream.climate.rain_season import Season, rainy_season
from meteostream.climate.records import Extreme, records
from meteostream.climate.series import Daily, Monthly
from meteostream.climate.spi import SCALES, spi
from meteostream.climate.water_balance import Balance, soil_balance
from meteostream.contract.report import Nature
from meteostream.derived.arrays import Floats
from meteostream.derived.degree_days import CROPS, growing_degree_days
from meteostream.derived.evapotranspiration import Day, Site, daily_et0_mm, vapour_of_mean_humidity_kpa, wind_at_2m_mps

Series = tuple[str, str]
"""Variable and statistic of gold's daily table."""

RAIN: Final[Series] = ("rain", "sum")
MAXIMUM: Final[Series] = ("air_temperature", "maximum")
MINIMUM: Final[Series] = ("air_temperature", "minimum")
HUMIDITY: Final[Series] = ("relative_humidity", "mean")
WIND: Final[Series] = ("wind_speed", "mean")
IRRADIANCE: Final[Series] = ("irradiance", "mean")
GUST: Final[Series] = ("gust", "maximum")
SUNSHINE: Final[Series] = ("sunshine", "sum")
INPUTS: Final = (RAIN, MAXIMUM, MINIMUM, HUMIDITY, WIND, IRRADIANCE, GUST, SUNSHINE)

SECONDS_PER_HOUR: Final = 3600.0
DAY_MJ_PER_W: Final = 86_400.0 / 1e6
"""MJ m-2 of a day of 1 W m-2."""
HOT_DEGC: Final = 43.0
"""A hot day where there are no thirty years to take a percentile of (the press, quoting ANACIM; not official)."""
HOT_PERCENT: Final = 90.0
SAHEL: Final = ((10.0, 18.0), (-18.0, 40.0))
"""Degrees north and east within which there is a rainy season by Sivakumar's definition, and a soil that is empty on
1 May [our own judgement; Senegal lies within]. Elsewhere these products would be numbers without a meaning."""
SEASON_FROM: Final = (5, 1)
"""The soil is taken as empty on 1 May, at the end of the dry season."""
DECIMALS: Final = 6
"""Of stored values: far finer than any of them is known, and the same on every machine."""
_RECORDS: Final[tuple[tuple[Series, Extreme], ...]] = (
    (MAXIMUM, "highest"),
    (MINIMUM, "lowest"),
    (MINIMUM, "highest"),
    (RAIN, "highest"),
    (GUST, "highest"),
)


class Days(NamedTuple):
    """Days of one series under one rule (days of different rules are never put together)."""

    values: Daily
    rule: str


class Station(NamedTuple):
    """What is known of a station: where it is (None: not registered), and its days of one nature."""

    station: str
    nature: Nature
    site: Site | None
    days: Mapping[Series, Days]


class Result(NamedTuple):
    """One value of one product.

    Attributes
    ----------
    product, element
        What it is, as ``rainy-season`` and ``onset``.
    first, last
        Days of its period.
    value
        NaN where there is none yet.
    known, expected
        Days with a value, days of the period; of products of several series those of the first.
    rule
        Of its days, and of what was done with them.
    sureness
        Of the rainy season's.
    detail
        What does not fit into a number.
    """

    product: str
    element: str
    first: date
    last: date
    value: float
    known: int
    expected: int
    rule: str
    sureness: str | None = None
    detail: Mapping[str, Any] | None = None


def station_products(station: Station) -> Iterator[Result]:
    """Every product of a station for which it has the days."""
    et0 = _et0(station)
    if et0 is not None:
        yield from _by_day("et0", "et0", et0)
    yield from _degree_days(station)
    rain = station.days.get(RAIN)
    if rain is not None:
        yield from _spi(rain)
        if in_the_sahel(station.site):
            yield from _seasons(rain)
            if et0 is not None:
                yield from _water(rain, et0)
    yield from _heat_waves(station)
    yield from _records(station)


def station_bulletin(station: Station, day: date, rain_normal: Normal | None) -> Bulletin:
    """Data of the dekadal bulletin of a station; series that it does not have are without values."""
    nothing = Daily(day, np.full(1, np.nan))

    def of(days: Days | None) -> Daily:
        return nothing if days is None else days.values

    sunshine = of(station.days.get(SUNSHINE))
    inputs = Inputs(
        rain_mm=of(station.days.get(RAIN)),
        maximum_degc=of(station.days.get(MAXIMUM)),
        minimum_degc=of(station.days.get(MINIMUM)),
        wind_mps=of(station.days.get(WIND)),
        sunshine_h=Daily(sunshine.first, sunshine.values / SECONDS_PER_HOUR),
        et0_mm=of(_et0(station)),
    )
    return bulletin(day, inputs, rain_normal)


def in_the_sahel(site: Site | None) -> bool:
    """Whether a place is one of those that the season's definition was made for.

    >>> in_the_sahel(Site(14.7333, -17.5, 27.0)), in_the_sahel(Site(40.69, -74.17, 5.5)), in_the_sahel(None)
    (True, False, False)
    """
    if site is None:
        return False
    (south, north), (west, east) = SAHEL
    latitude, longitude = float(np.asarray(site.latitude_deg)), float(np.asarray(site.longitude_deg))
    return south <= latitude <= north and west <= longitude <= east


def monthly_sums(days: Daily) -> Monthly:
    """Sums of whole months, NaN where a day is missing; from the month of the first day to that of the last.

    >>> sums = monthly_sums(Daily(date(2026, 1, 2), np.ones(58)))
    >>> (sums.year, sums.month, sums.values.tolist())
    (2026, 1, [nan, 28.0])
    """
    first = days.first.replace(day=1)
    found = []
    begin = first
    while begin <= days.last:
        found.append(sum_of(days.within(begin, month_last(begin)).values).value)
        begin = month_last(begin) + timedelta(days=1)
    return Monthly(first.year, first.month, np.array(found))


def _et0(station: Station) -> Days | None:
    used = [station.days.get(series) for series in (MAXIMUM, MINIMUM, HUMIDITY, WIND, IRRADIANCE)]
    if station.site is None or any(days is None for days in used):
        return None
    known = [days for days in used if days is not None]
    first, last = max(days.values.first for days in known), min(days.values.last for days in known)
    if first > last:
        return None
    high, low, humid, wind, power = (days.values.within(first, last).values for days in known)
    number = np.array([(first + timedelta(days=at)).timetuple().tm_yday for at in range(high.size)], dtype=np.float64)
    vapour = vapour_of_mean_humidity_kpa(low, high, humid)
    day = Day(number, low, high, vapour, wind_at_2m_mps(wind), power * DAY_MJ_PER_W)
    rules = "+".join(dict.fromkeys(days.rule for days in known))
    return Days(Daily(first, daily_et0_mm(station.site, day)), f"fao56/{rules}")


def _degree_days(station: Station) -> Iterator[Result]:
    high, low = station.days.get(MAXIMUM), station.days.get(MINIMUM)
    if high is None or low is None:
        return
    first, last = max(high.values.first, low.values.first), min(high.values.last, low.values.last)
    if first > last:
        return
    for crop in CROPS.values():
        values = growing_degree_days(
            low.values.within(first, last).values, high.values.within(first, last).values, crop
        )
        rule = f"base-{crop.base_degc:g}-{high.rule}+{low.rule}"
        yield from _by_day("growing-degree-days", crop.name, Days(Daily(first, values), rule))


def _seasons(rain: Days) -> Iterator[Result]:
    for year in range(rain.values.first.year, rain.values.last.year + 1):
        first, last = date(year, 1, 1), date(year, 12, 31)
        if date(year, *SEASON_FROM) > rain.values.last:
            continue
        season = rainy_season(rain.values, year)
        known = int(np.isfinite(rain.values.within(first, last).values).sum())
        about = {
            "onset": _iso(season.onset),
            "cessation": _iso(season.cessation),
            "false_onsets": [day.isoformat() for day in season.false_onsets],
            "missing_before": season.missing_before,
        }
        for element, value, sureness in _elements(season):
            rule = f"sivakumar/{rain.rule}"
            days = (last - first).days + 1
            yield Result("rainy-season", element, first, last, value, known, days, rule, sureness, about)


def _elements(season: Season) -> Iterator[tuple[str, float, str]]:
    def number(day: date | None) -> float:
        return math.nan if day is None else float(day.timetuple().tm_yday)

    length = math.nan if season.length_days is None else float(season.length_days)
    yield "onset", number(season.onset), season.onset_is.value
    yield "cessation", number(season.cessation), season.cessation_is.value
    yield "length", length, season.cessation_is.value


def _spi(rain: Days) -> Iterator[Result]:
    sums = monthly_sums(rain.values)
    for scale in SCALES:
        values = spi(sums, scale)
        for year, month, value in zip(sums.years.tolist(), sums.months.tolist(), values.tolist(), strict=True):
            if math.isfinite(value):
                first = _months_before(date(year, month, 1), scale - 1)
                last = month_last(date(year, month, 1))
                days = (last - first).days + 1
                rule = f"gamma-{FIRST_YEAR}-{LAST_YEAR}/{rain.rule}"
                yield Result(f"spi-{scale}", "spi", first, last, _rounded(value), days, days, rule)


def _water(rain: Days, et0: Days) -> Iterator[Result]:
    for year in range(et0.values.first.year - 1, et0.values.last.year + 1):
        first = date(year, *SEASON_FROM)
        last = min(date(year + 1, *SEASON_FROM) - timedelta(days=1), et0.values.last, rain.values.last)
        if first > last:
            continue
        balance = soil_balance(rain.values.within(first, last).values, et0.values.within(first, last).values)
        rule = f"thornthwaite-mather-100-{rain.rule}+{et0.rule}"
        for element, values in zip(Balance._fields, balance, strict=True):
            yield from _by_day("water-balance", element, Days(Daily(first, values), rule))


def _heat_waves(station: Station) -> Iterator[Result]:
    days = station.days.get(MAXIMUM)
    if days is None:
        return
    threshold: Floats = percentile_by_day(days.values, HOT_PERCENT, FIRST_YEAR, LAST_YEAR)
    rule = f"p{HOT_PERCENT:g}-{FIRST_YEAR}-{LAST_YEAR}/{days.rule}"
    if not np.isfinite(threshold).any():
        threshold, rule = np.full(threshold.shape, HOT_DEGC), f"{HOT_DEGC:g}-degC/{days.rule}"
    for wave in heat_waves(days.values, threshold, LEAST_DAYS):
        about = {
            "peak_degc": wave.peak_degc,
            "excess_degc_days": _rounded(wave.excess_degc_days),
            "open_before": wave.open_before,
            "open_after": wave.open_after,
        }
        count = wave.days
        yield Result("heat-waves", "wave", wave.first, wave.last, float(count), count, count, rule, None, about)


def _records(station: Station) -> Iterator[Result]:
    for series, extreme in _RECORDS:
        days = station.days.get(series)
        if days is None:
            continue
        for record in records(days.values, extreme):
            when = "ever" if record.month is None else f"month-{record.month:02d}"
            about = {
                "days": [day.isoformat() for day in record.days],
                "years": record.years,
                "since": record.since,
            }
            element = f"{'/'.join(series)}/{extreme}/{when}"
            day = record.days[0]
            yield Result("records", element, day, day, record.value, 1, 1, days.rule, None, about)


def _by_day(product: str, element: str, days: Days) -> Iterator[Result]:
    for at in np.flatnonzero(np.isfinite(days.values.values)):
        day = days.values.first + timedelta(days=int(at))
        yield Result(product, element, day, day, _rounded(float(days.values.values[at])), 1, 1, days.rule)


def _months_before(first: date, months: int) -> date:
    total = first.year * 12 + first.month - 1 - months
    return date(total // 12, total % 12 + 1, 1)


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0
