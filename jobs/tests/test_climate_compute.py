"""All products of a station's days: what is made of what, and nothing of what is not there."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import date, timedelta
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meteostream.climate.bulletin import document
from meteostream.climate.catalogue import PRODUCTS
from meteostream.climate.compute import (
    GUST,
    HUMIDITY,
    INPUTS,
    IRRADIANCE,
    MAXIMUM,
    MINIMUM,
    RAIN,
    SUNSHINE,
    WIND,
    Days,
    Result,
    Series,
    Station,
    monthly_sums,
    station_bulletin,
    station_products,
)
from meteostream.climate.series import Daily
from meteostream.derived.evapotranspiration import Site

FIRST: Final = date(1991, 1, 1)
LAST: Final = date(2022, 12, 31)
COUNT: Final = (LAST - FIRST).days + 1
YOFF: Final = Site(14.7333, -17.5, 27.0)
RULES: Final = {RAIN: "rain-06-06", MAXIMUM: "tx-18-18", MINIMUM: "tn-18-06"}


def weather(seed: int = 7) -> dict[Series, np.ndarray]:
    rng = np.random.default_rng(seed)
    number = np.arange(COUNT)
    season = np.clip(np.sin((number % 365 - 160) / 365 * 2 * np.pi), 0.0, None)
    low = rng.normal(20.0, 2.0, COUNT)
    return {
        RAIN: np.where(rng.uniform(size=COUNT) < 0.6 * season, rng.gamma(0.8, 14.0, COUNT), 0.0),
        MINIMUM: low,
        MAXIMUM: low + rng.uniform(5.0, 15.0, COUNT),
        HUMIDITY: rng.uniform(30.0, 80.0, COUNT),
        WIND: rng.uniform(1.0, 6.0, COUNT),
        IRRADIANCE: rng.uniform(150.0, 300.0, COUNT),
        GUST: rng.uniform(5.0, 20.0, COUNT),
        SUNSHINE: rng.uniform(10_000.0, 40_000.0, COUNT),
    }


def station(days: dict[Series, np.ndarray], site: Site | None = YOFF) -> Station:
    found = {series: Days(Daily(FIRST, values), RULES.get(series, "utc-00-24")) for series, values in days.items()}
    return Station("0-20000-0-61641", "observed", site, found)


def products(days: dict[Series, np.ndarray], site: Site | None = YOFF) -> list[Result]:
    return list(station_products(station(days, site)))


WHOLE: Final = products(weather())


def test_every_product_of_the_catalogue_that_is_stored_comes_out_once() -> None:
    keys = Counter((one.product, one.element, one.first, one.last) for one in WHOLE)
    assert max(keys.values()) == 1
    assert {one.product for one in WHOLE} == PRODUCTS.keys() - {"wind-rose", "normals", "climat", "dekad-bulletin"}
    for one in WHOLE:
        assert one.first <= one.last
        assert 0 <= one.known <= one.expected
        assert not math.isinf(one.value)
        assert not math.isnan(one.value) or one.product == "rainy-season"


@pytest.mark.parametrize(
    ("lacking", "gone"),
    [
        (RAIN, {"rainy-season", "spi-1", "spi-3", "spi-6", "spi-12", "water-balance"}),
        (IRRADIANCE, {"et0", "water-balance"}),
        (HUMIDITY, {"et0", "water-balance"}),
        (MAXIMUM, {"et0", "water-balance", "growing-degree-days", "heat-waves"}),
        (GUST, set()),
        (SUNSHINE, set()),
    ],
)
def test_without_its_series_a_product_is_not_there(lacking: Series, gone: set[str]) -> None:
    days = {series: values for series, values in weather().items() if series != lacking}
    assert {one.product for one in WHOLE} - {one.product for one in products(days)} == gone


def test_without_a_place_there_is_no_sun_and_no_season() -> None:
    found = {one.product for one in products(weather(), None)}
    assert {one.product for one in WHOLE} - found == {"et0", "water-balance", "rainy-season"}


def test_new_york_has_no_rainy_season_of_the_sahel() -> None:
    found = {one.product for one in products(weather(), Site(40.69, -74.17, 5.5))}
    assert {one.product for one in WHOLE} - found == {"water-balance", "rainy-season"}


def test_a_station_without_days_has_no_products() -> None:
    assert products({}) == []
    short = {series: values[:1] for series, values in weather().items()}
    assert {one.product for one in products(short)} == {"et0", "growing-degree-days"}


@settings(max_examples=10)  # each computes thirty years of everything
@given(changed=st.dates(date(2021, 1, 1), LAST), series=st.sampled_from(INPUTS))
def test_a_changed_day_reaches_no_further_than_the_catalogue_says(changed: date, series: Series) -> None:
    days = weather()
    days[series] = days[series].copy()
    days[series][(changed - FIRST).days] = np.nan
    before = {(one.product, one.element, one.first, one.last): one for one in WHOLE}
    after = {(one.product, one.element, one.first, one.last): one for one in products(days)}
    for key in before.keys() | after.keys():
        if str(before.get(key)) != str(after.get(key)):
            product = key[0]
            first, last = PRODUCTS[product].affected(changed)
            assert first is None or key[3] >= first
            assert last is None or key[2] <= last


def test_values_come_from_the_formulas_with_their_rules() -> None:
    by_key = {(one.product, one.element, one.first): one for one in WHOLE}
    et0 = by_key["et0", "et0", date(2020, 8, 15)]
    assert 1.0 < et0.value < 9.0
    assert et0.rule == "fao56/tx-18-18+tn-18-06+utc-00-24"
    assert by_key["growing-degree-days", "maize", date(2020, 8, 15)].value <= 20.0
    season = by_key["rainy-season", "onset", date(2020, 1, 1)]
    assert season.detail is not None
    assert season.value == date.fromisoformat(season.detail["onset"]).timetuple().tm_yday
    assert (season.known, season.expected) == (366, 366)
    spi = by_key["spi-3", "spi", date(2020, 7, 1)]
    assert (spi.last, spi.expected) == (date(2020, 9, 30), 92)
    record = by_key["records", "air_temperature/maximum/highest/ever", max(
        (one for one in WHOLE if one.element == "air_temperature/maximum/highest/ever"), key=lambda one: one.value
    ).first]  # fmt: skip
    assert record.value == weather()[MAXIMUM].max()


def test_a_bulletin_is_of_the_stations_own_series() -> None:
    found = document(station_bulletin(station(weather()), date(2022, 8, 15), None))
    days = slice((date(2022, 8, 11) - FIRST).days, (date(2022, 8, 21) - FIRST).days)
    assert found["rain_mm"]["value"] == pytest.approx(weather()[RAIN][days].sum())
    assert found["sunshine_h"]["value"] == pytest.approx(weather()[SUNSHINE][days].sum() / 3600.0)
    et0 = [one.value for one in WHOLE if one.product == "et0" and date(2022, 8, 11) <= one.first <= date(2022, 8, 20)]
    assert found["et0_mm"]["value"] == pytest.approx(sum(et0), abs=1e-4)
    assert found["season"]["year"] == 2022
    json.dumps(found, allow_nan=False)


def test_a_bulletin_without_series_is_json_without_nan() -> None:
    """KF-124: null, never NaN."""
    found = document(station_bulletin(station({}), date(2022, 8, 15), None))
    assert found["rain_mm"] == {"value": None, "known": 0, "expected": 10, "rule": "all-days"}
    assert "NaN" not in json.dumps(found, allow_nan=False)


def test_the_soil_begins_each_season_empty() -> None:
    stored = {one.first: one.value for one in WHOLE if (one.product, one.element) == ("water-balance", "storage_mm")}
    before, after = stored[date(2020, 4, 30)], stored[date(2020, 5, 1)]
    rain = weather()[RAIN][(date(2020, 5, 1) - FIRST).days]
    assert after <= max(rain, 0.0)
    assert before >= 0.0


def test_after_a_missing_day_the_soil_is_not_known_until_the_next_season() -> None:
    days = weather()
    days[RAIN][(date(2020, 8, 15) - FIRST).days] = np.nan
    known = {one.first for one in products(days) if one.product == "water-balance"}
    assert date(2020, 8, 14) in known
    assert not any(date(2020, 8, 15) <= day <= date(2021, 4, 30) for day in known)
    assert date(2021, 5, 1) in known


def test_the_season_that_goes_on_is_provisional_and_has_no_length() -> None:
    days = {RAIN: weather()[RAIN][: (date(2022, 8, 1) - FIRST).days]}
    last = {one.element: one for one in products(days) if one.product == "rainy-season" and one.first.year == 2022}
    assert last["onset"].sureness in {"confirmed", "provisional"}
    assert last["cessation"].sureness == "none"
    assert math.isnan(last["length"].value)
    assert last["length"].known == 212


def test_hot_days_without_thirty_years_are_those_of_a_fixed_threshold() -> None:
    high = np.full(40, 30.0)
    high[10:15] = 44.0
    (wave,) = [one for one in products({MAXIMUM: high}) if one.product == "heat-waves"]
    assert (wave.value, wave.rule, wave.first) == (5.0, "43-degC/tx-18-18", FIRST + timedelta(days=10))
    assert all(one.rule == "p90-1991-2020/tx-18-18" for one in WHOLE if one.product == "heat-waves")


@given(missing=st.sets(st.integers(0, 89), max_size=5))
def test_a_month_has_a_sum_if_no_day_is_missing(missing: set[int]) -> None:
    values = np.ones(90)  # 2026-01-01 to 2026-03-31
    values[list(missing)] = np.nan
    sums = monthly_sums(Daily(date(2026, 1, 1), values)).values
    for month, (begin, end) in enumerate([(0, 31), (31, 59), (59, 90)]):
        whole = not any(begin <= day < end for day in missing)
        assert np.isfinite(sums[month]) == whole
        assert not whole or sums[month] == end - begin
