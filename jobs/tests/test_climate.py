"""Climate products: missing is not dry, provisional is not sure, and every number says what it is made of."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meteostream.climate import (
    completeness,
    degree_days,
    heat_waves,
    normals,
    periods,
    records,
    series,
    spi,
    water_balance,
    wind_rose,
)
from meteostream.climate.completeness import ALL_DAYS, DEKAD, MONTHLY, RULE_3_5, WMO_1203
from meteostream.climate.rain_season import Season, Sureness, longest_dry_spell, rainy_season
from meteostream.climate.series import Daily, Monthly, SeriesError

MAY_1: Final = date(2025, 5, 1)
RAIN = hnp.arrays(np.float64, st.integers(0, 200), elements=st.sampled_from([0.0, 0.4, 5.0, 12.0, 40.0, np.nan]))

# --- Series and periods ------------------------------------------------------------------------------------------


@given(day=st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_dekads_are_the_thirds_of_the_month(day: date) -> None:
    first, last = periods.dekad_first(day), periods.dekad_last(day)
    assert first <= day <= last
    assert first.month == last.month == day.month
    assert first.day in {1, 11, 21}
    assert (last + timedelta(days=1)).day in {1, 11, 21}
    assert 1 <= periods.dekad_number(day) <= 36


@given(days=st.sets(st.dates(date(2023, 12, 25), date(2024, 3, 5)), min_size=1), data=st.data())
def test_a_series_has_every_day_once_in_order(days: set[date], data: st.DataObject) -> None:
    """Over leap days, too; the order of what comes does not matter."""
    shuffled = data.draw(st.permutations(sorted(days)))
    found = series.daily(shuffled, [float(day.toordinal()) for day in shuffled])
    assert (found.first, found.last) == (min(days), max(days))
    for day, value in zip(found.days.tolist(), found.values, strict=True):
        assert value == day.toordinal() if day in days else np.isnan(value)


@pytest.mark.parametrize(
    ("days", "values", "message"),
    [
        ([], [], "at least one day"),
        (["2026-01-01", "2026-01-01"], [1.0, 2.0], "expected each day once, found 2026-01-01 2 times"),
        (["2026-01-01", "NaT"], [1.0, 2.0], "position 1"),
        (["2026-01-01"], [1.0, 2.0], "as many days as values"),
    ],
)
def test_a_series_that_is_none_is_refused(days: list[str], values: list[float], message: str) -> None:
    with pytest.raises(SeriesError, match=message):
        series.daily(days, values)


@given(mask=st.lists(st.booleans(), max_size=50))
def test_runs_are_where_a_condition_holds(mask: list[bool]) -> None:
    found = series.runs(mask)
    again = [False] * len(mask)
    for begin, end in found:
        assert begin < end
        again[begin:end] = [True] * (end - begin)
    assert again == mask
    assert all(one[1] < other[0] for one, other in pairwise(found))


# --- Completeness ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "missing", "in_a_row", "allowed"),
    [
        (WMO_1203, 10, 2, True),
        (WMO_1203, 11, 2, False),
        (WMO_1203, 4, 4, True),
        (WMO_1203, 5, 5, False),
        (RULE_3_5, 5, 1, True),
        (RULE_3_5, 6, 1, False),
        (RULE_3_5, 3, 3, True),
        (RULE_3_5, 4, 4, False),
    ],
)
def test_a_month_is_refused_where_the_rule_says(
    rule: completeness.Completeness, missing: int, in_a_row: int, allowed: bool
) -> None:
    """WMO-No. 1203: 11 missing days, or 5 in a row; the older rule: more than 5, or more than 3 in a row."""
    values = np.arange(31.0)
    values[:in_a_row] = np.nan
    values[in_a_row + 1 : in_a_row + 1 + 2 * (missing - in_a_row) : 2] = np.nan
    assert np.isnan(values).sum() == missing
    found = completeness.mean_of(values, rule)
    assert (found.missing, found.rule, not np.isnan(found.value)) == (missing, rule.name, allowed)


@given(values=hnp.arrays(np.float64, st.integers(0, 31), elements=st.sampled_from([1.0, 2.0, np.nan])))
def test_sums_and_counts_need_every_day_under_every_rule(values: np.ndarray) -> None:
    whole = values.size > 0 and not np.isnan(values).any()
    for found in (completeness.sum_of(values), completeness.count_of(values, 1.5)):
        assert np.isfinite(found.value) == whole
        assert found.rule == ALL_DAYS
    assert all(np.isnan(completeness.mean_of(np.full(30, np.nan), rule).value) for rule in (*MONTHLY.values(), DEKAD))


# --- Rainy season ------------------------------------------------------------------------------------------------


def season_of(changes: dict[date, float], last: date = date(2025, 12, 31), background: float = 0.0) -> Season:
    values = np.full((last - MAY_1).days + 1, background)
    for day, value in changes.items():
        if day <= last:
            values[(day - MAY_1).days] = value
    return rainy_season(Daily(MAY_1, values), 2025)


def every(first: date, last: date, step: int, value: float = 8.0) -> dict[date, float]:
    return {first + timedelta(days=at): value for at in range(0, (last - first).days + 1, step)}


SEASON: Final = every(date(2025, 6, 20), date(2025, 9, 30), 2, 12.0)


def test_a_season_from_its_onset_to_its_cessation() -> None:
    found = season_of(SEASON)
    assert found == Season(
        2025, date(2025, 6, 22), Sureness.CONFIRMED, (), 0, date(2025, 9, 30), Sureness.CONFIRMED, 101
    )


@pytest.mark.parametrize(
    ("gap_days", "onset", "false"),
    [
        (7, date(2025, 5, 12), ()),  # not more than 7 days
        (8, date(2025, 6, 22), (date(2025, 5, 12),)),
    ],
)
def test_a_dry_spell_of_more_than_seven_days_makes_an_onset_false(
    gap_days: int, onset: date, false: tuple[date, ...]
) -> None:
    early = {date(2025, 5, 12): 25.0} | every(
        date(2025, 5, 12) + timedelta(days=gap_days + 1), date(2025, 6, 18), 3, 2.0
    )
    found = season_of(SEASON | early)
    assert (found.onset, found.false_onsets) == (onset, false)


def test_a_day_of_one_millimetre_is_not_dry() -> None:
    kept = season_of(every(date(2025, 5, 10), date(2025, 9, 30), 8, 1.0) | {date(2025, 5, 10): 20.0})
    lost = season_of(every(date(2025, 5, 10), date(2025, 9, 30), 9, 1.0) | {date(2025, 5, 10): 20.0})
    assert kept.onset == date(2025, 5, 10)
    assert (lost.onset, lost.false_onsets) == (None, (date(2025, 5, 10),))


def test_an_onset_is_provisional_for_thirty_days() -> None:
    for days, expected in ((29, Sureness.PROVISIONAL), (30, Sureness.CONFIRMED)):
        found = season_of(SEASON, last=date(2025, 6, 22) + timedelta(days=days))
        assert (found.onset, found.onset_is) == (date(2025, 6, 22), expected)


def test_rain_before_may_and_across_its_first_day_does_not_count() -> None:
    values = np.zeros(200)
    values[:61] = 30.0  # March and April
    assert rainy_season(Daily(date(2025, 3, 1), values), 2025).onset is None


def test_missing_days_that_may_be_dry_make_an_onset_uncertain() -> None:
    gap = {date(2025, 6, 25) + timedelta(days=at): np.nan for at in range(8)}
    found = season_of(SEASON | gap)
    assert (found.onset, found.onset_is) == (date(2025, 6, 22), Sureness.UNCERTAIN)


def test_a_missing_day_may_have_been_the_onset_and_is_counted() -> None:
    found = season_of(SEASON | {date(2025, 6, 1): np.nan, date(2025, 6, 2): np.nan, date(2025, 7, 15): np.nan})
    assert (found.onset, found.missing_before) == (date(2025, 6, 22), 2)


def test_missing_is_not_dry_at_the_end_of_the_season() -> None:
    """A gap of twenty days is no cessation that anybody could confirm."""
    gap = {date(2025, 9, 10) + timedelta(days=at): np.nan for at in range(20)}
    found = season_of(SEASON | gap)
    assert (found.cessation, found.cessation_is) == (date(2025, 9, 8), Sureness.UNCERTAIN)


@pytest.mark.parametrize(
    ("dry_days", "cessation", "sureness"),
    [
        (7, None, Sureness.NONE),
        (8, date(2025, 9, 30), Sureness.PROVISIONAL),
        (19, date(2025, 9, 30), Sureness.PROVISIONAL),
        (20, date(2025, 9, 30), Sureness.CONFIRMED),
    ],
)
def test_the_end_is_sure_after_twenty_dry_days(dry_days: int, cessation: date | None, sureness: Sureness) -> None:
    found = season_of(SEASON, last=date(2025, 9, 30) + timedelta(days=dry_days))
    assert (found.cessation, found.cessation_is) == (cessation, sureness)


def test_a_season_that_dried_up_in_august_ends_on_the_first_of_september() -> None:
    found = season_of(every(date(2025, 6, 20), date(2025, 8, 18), 2, 12.0))
    assert (found.cessation, found.cessation_is) == (date(2025, 9, 1), Sureness.CONFIRMED)


@given(rain=RAIN)
def test_whatever_fell_a_season_is_in_order(rain: np.ndarray) -> None:
    if rain.size == 0:
        rain = np.array([np.nan])
    found = rainy_season(Daily(MAY_1, rain), 2025)
    last = MAY_1 + timedelta(days=rain.size - 1)
    assert (found.onset is None) == (found.onset_is is Sureness.NONE)
    assert (found.cessation is None) == (found.cessation_is is Sureness.NONE)
    assert list(found.false_onsets) == sorted(set(found.false_onsets))
    if found.onset is not None:
        assert MAY_1 <= found.onset <= last
        assert all(day < found.onset for day in found.false_onsets)
    if found.cessation is not None:
        assert found.onset is not None
        assert max(found.onset, date(2025, 9, 1)) <= found.cessation <= last
        assert found.length_days == (found.cessation - found.onset).days + 1


@given(rain=RAIN)
def test_what_is_confirmed_holds_whatever_the_missing_days_had(rain: np.ndarray) -> None:
    """Filled with nothing or with a flood, missing days change no confirmed date behind which none is missing."""
    if rain.size == 0:
        return
    found = rainy_season(Daily(MAY_1, rain), 2025)
    if found.onset_is is Sureness.CONFIRMED and found.missing_before == 0:
        for filling in (0.0, 100.0):
            other = rainy_season(Daily(MAY_1, np.nan_to_num(rain, nan=filling)), 2025)
            assert other.onset == found.onset


def test_other_years_of_a_series_do_not_matter() -> None:
    one = np.tile([0.0, 12.0], 366)
    found = rainy_season(Daily(date(2024, 1, 1), one), 2025)
    assert found.year == 2025
    assert found.onset in {date(2025, 5, 3), date(2025, 5, 4)}


def test_a_dry_spell_may_be_longer_than_is_known() -> None:
    assert longest_dry_spell(Daily(MAY_1, np.array([0.0, np.nan, np.nan]))) == (1, 3)


# --- SPI ---------------------------------------------------------------------------------------------------------


def rain_of_years(years: int, seed: int = 5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mean = np.array([0.0, 0.0, 0.5, 2.0, 10.0, 50.0, 150.0, 220.0, 140.0, 30.0, 1.0, 0.0])
    return rng.gamma(3.0, np.maximum(mean, 0.001) / 3.0, (years, 12)) * (mean > 0.0)


@pytest.mark.parametrize("scale", spi.SCALES)
def test_spi_is_a_standard_normal_of_its_reference(scale: int) -> None:
    found = spi.spi(Monthly(1990, 1, rain_of_years(31).ravel()), scale).reshape(31, 12)[1:]
    august = found[:, 7]
    assert abs(august.mean()) < 0.05
    assert august.std() == pytest.approx(1.0, abs=0.1)


def test_less_than_thirty_years_have_no_spi() -> None:
    rain = rain_of_years(31)
    rain[3, 7] = np.nan
    found = spi.spi(Monthly(1990, 1, rain.ravel()), 1, 1990, 2020).reshape(31, 12)
    assert np.isfinite(found[:, 8]).all()
    assert np.isfinite(np.delete(found[:, 7], 3)).all()  # 30 are left
    rain[4, 7] = np.nan
    assert np.isnan(spi.spi(Monthly(1990, 1, rain.ravel()), 1, 1990, 2020).reshape(31, 12)[:, 7]).all()


def test_a_dry_season_with_too_few_rains_has_no_spi() -> None:
    rain = rain_of_years(30)
    rain[:, 3] = 0.0
    rain[:9, 3] = 5.0
    assert np.isnan(spi.spi(Monthly(1991, 1, rain.ravel()), 1).reshape(30, 12)[:, [0, 3]]).all()
    rain[:10, 3] = np.arange(1.0, 11.0)
    april = spi.spi(Monthly(1991, 1, rain.ravel()), 1).reshape(30, 12)[:, 3]
    assert np.isfinite(april).all()
    assert april[10:] == pytest.approx(0.4307, abs=1e-4)  # 20 of 30 are dry: the normal deviate of 2/3


def test_a_missing_month_takes_only_the_sums_that_need_it() -> None:
    rain = rain_of_years(35)
    whole = spi.spi(Monthly(1991, 1, rain.ravel()), 3)
    rain[32, 7] = np.nan  # after the reference period
    found = spi.spi(Monthly(1991, 1, rain.ravel()), 3)
    gone = np.flatnonzero(np.isfinite(whole) & np.isnan(found))
    assert gone.tolist() == [32 * 12 + 7, 32 * 12 + 8, 32 * 12 + 9]
    keep = np.delete(np.arange(found.size), gone)
    np.testing.assert_array_equal(found[keep], whole[keep])


def test_the_same_sum_every_year_says_nothing() -> None:
    assert np.isnan(spi.spi(Monthly(1991, 1, np.full(360, 50.0)), 3)).all()


@given(
    values=hnp.arrays(np.float64, st.integers(0, 40), elements=st.sampled_from([0.0, 3.0, 80.0, np.nan, -1.0, np.inf]))
)
def test_spi_is_bounded_or_missing(values: np.ndarray) -> None:
    found = spi.deviate(values, spi.Fit(2.0, 20.0, 0.3, 30))
    assert found.shape == values.shape
    assert (np.isnan(found) == ~(np.isfinite(values) & (values >= 0))).all()
    assert not (np.abs(found) > spi.LIMIT).any()


def test_a_scale_without_months_is_refused() -> None:
    with pytest.raises(ValueError, match="scale: expected a number of months from 1 on, found 0"):
        spi.spi(Monthly(1991, 1, np.ones(12)), 0)


# --- Water balance -----------------------------------------------------------------------------------------------

AMOUNTS = hnp.arrays(np.float64, 40, elements=st.floats(0.0, 120.0))


@given(rain=AMOUNTS, demand=AMOUNTS, capacity=st.floats(1.0, 300.0), share=st.floats(0.0, 1.0))
def test_no_water_is_made_or_lost(rain: np.ndarray, demand: np.ndarray, capacity: float, share: float) -> None:
    found = water_balance.soil_balance(rain, demand, capacity, capacity * share)
    before = np.r_[capacity * share, found.storage_mm[:-1]]
    np.testing.assert_allclose(
        rain, found.evapotranspiration_mm + found.surplus_mm + found.storage_mm - before, atol=1e-9
    )
    assert (found.storage_mm >= 0.0).all()
    assert (found.storage_mm <= capacity).all()
    assert (found.evapotranspiration_mm <= demand + 1e-9).all()
    assert (found.surplus_mm >= -1e-9).all()
    np.testing.assert_allclose(found.deficit_mm, demand - found.evapotranspiration_mm, atol=1e-9)


@pytest.mark.parametrize("gap", ["rain", "demand"])
def test_after_a_missing_day_nobody_knows_what_the_soil_holds(gap: str) -> None:
    rain, demand = np.full(10, 5.0), np.full(10, 4.0)
    (rain if gap == "rain" else demand)[4] = np.nan
    found = water_balance.soil_balance(rain, demand)
    for column in found:
        assert np.isfinite(column[:4]).all()
        assert np.isnan(column[4:]).all()


@pytest.mark.parametrize(("capacity", "storage"), [(0.0, 0.0), (100.0, 101.0), (100.0, -1.0), (np.nan, 0.0)])
def test_a_soil_that_cannot_be_is_refused(capacity: float, storage: float) -> None:
    with pytest.raises(ValueError, match="expected a capacity above 0 mm and a storage within it"):
        water_balance.soil_balance([1.0], [1.0], capacity, storage)


# --- Heat waves --------------------------------------------------------------------------------------------------


def test_a_missing_day_ends_a_heat_wave_and_leaves_it_open() -> None:
    tx = Daily(date(2026, 4, 1), np.array([44.0, 44.0, 44.0, np.nan, 44.0, 44.0, 44.0, 40.0]))
    one, other = heat_waves.heat_waves(tx, 43.0)
    assert (one.days, one.open_before, one.open_after) == (3, True, True)
    assert (other.days, other.open_before, other.open_after) == (3, True, False)


def test_a_day_at_the_threshold_is_hot() -> None:
    tx = Daily(date(2026, 4, 1), np.array([42.9, 43.0, 43.0, 43.0, 42.9]))
    assert [(wave.days, wave.excess_degc_days) for wave in heat_waves.heat_waves(tx, 43.0)] == [(3, 0.0)]


def test_hot_days_need_hot_nights_where_nights_are_given() -> None:
    tx = Daily(date(2026, 4, 1), np.full(8, 44.0))
    tn = Daily(date(2026, 4, 1), np.array([27.0, 27.0, 27.0, 20.0, 27.0, 27.0, 27.0, 27.0]))
    assert [wave.days for wave in heat_waves.heat_waves(tx, 43.0, 3, tn, 26.0)] == [3, 4]
    with pytest.raises(SeriesError, match="expected minima of 2026-04-01"):
        heat_waves.heat_waves(tx, 43.0, 3, Daily(date(2026, 4, 2), tn.values), 26.0)


def test_a_percentile_of_the_day_needs_most_of_the_years() -> None:
    days = np.arange(np.datetime64("1991-01-01"), np.datetime64("2021-01-01"))
    values = series.daily(days, 30.0 + 5.0 * np.sin(np.arange(days.size) / 58.0))
    found = heat_waves.percentile_by_day(values, 90.0, 1991, 2020)
    assert np.isfinite(found).all()
    leap = (date(2020, 2, 29) - values.first).days
    assert found[leap] == found[leap - 1]
    values.values[days < np.datetime64("1998-01-01")] = np.nan
    assert np.isnan(heat_waves.percentile_by_day(values, 90.0, 1991, 2020)[100:-100]).all()


@given(rng=st.integers(0, 1000), percent=st.sampled_from([10.0, 50.0, 90.0]))
def test_a_threshold_of_the_day_leaves_the_share_of_days_above_it(rng: int, percent: float) -> None:
    days = np.arange(np.datetime64("1991-01-01"), np.datetime64("2021-01-01"))
    values = series.daily(days, np.random.default_rng(rng).normal(35.0, 2.0, days.size))
    above = (values.values > heat_waves.percentile_by_day(values, percent, 1991, 2020)).mean()
    assert above == pytest.approx(1.0 - percent / 100.0, abs=0.02)


# --- Records -----------------------------------------------------------------------------------------------------


def test_a_record_of_a_month_needs_ten_years_of_it() -> None:
    tx = Daily(date(2015, 1, 1), np.arange(365.0 * 9))
    assert records.records(tx, "highest") == []
    assert records.broken(tx, "highest", date(2015, 1, 1)) == []


def test_a_record_is_broken_only_after_ten_other_years() -> None:
    values = np.full((date(2011, 6, 30) - date(2001, 6, 1)).days + 1, 30.0)
    for year, expected in ((2010, []), (2011, [date(2011, 6, 30)])):
        hot = values.copy()
        hot[(date(year, 6, 30) - date(2001, 6, 1)).days] = 41.0
        found = records.broken(Daily(date(2001, 6, 1), hot), "highest", date(year, 6, 1))
        assert [one.day for one in found if not one.is_equal] == expected


@given(values=hnp.arrays(np.float64, 2200, elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, np.nan])), data=st.data())
def test_records_are_the_extremes_of_what_is_known(values: np.ndarray, data: st.DataObject) -> None:
    extreme = data.draw(st.sampled_from(["highest", "lowest"]))
    found = records.records(Daily(date(2019, 12, 30), values), extreme, least_years=1)
    known = values[np.isfinite(values)]
    if known.size:
        everything = found[-1]
        assert everything.month is None
        assert everything.value == (known.max() if extreme == "highest" else known.min())
        assert len(everything.days) == (values == everything.value).sum()
    for record in found[:-1]:
        assert {day.month for day in record.days} == {record.month}


# --- Wind rose ---------------------------------------------------------------------------------------------------


@given(
    speed=hnp.arrays(np.float64, 30, elements=st.sampled_from([0.0, 0.5, 1.6, 3.0, 20.0, 74.0, np.nan])),
    direction=hnp.arrays(np.float64, 30, elements=st.one_of(st.floats(0.0, 360.0), st.just(np.nan))),
    sectors=st.sampled_from([4, 8, 12, 16, 36]),
)
def test_a_wind_rose_counts_every_wind_once(speed: np.ndarray, direction: np.ndarray, sectors: int) -> None:
    found = wind_rose.wind_rose(speed, direction, sectors)
    assert found.total + found.missing == 30
    if found.total:
        share = 100.0 * (found.calms + found.variable) / found.total
        assert found.percent.sum() + share == pytest.approx(100.0)
    else:
        assert np.isnan(found.percent).all()


@pytest.mark.parametrize(
    ("degrees", "sector"), [(360.0, 0), (0.0, 0), (348.75, 0), (348.74, 15), (11.24, 0), (11.25, 1)]
)
def test_the_first_sector_lies_around_north(degrees: float, sector: int) -> None:
    assert np.flatnonzero(wind_rose.wind_rose([5.0], [degrees]).counts.sum(axis=1)).tolist() == [sector]


def test_a_speed_at_a_limit_belongs_to_the_class_above() -> None:
    counts = wind_rose.wind_rose([1.5, 1.6, 3.39, 3.4], [90.0] * 4).counts.sum(axis=0)
    assert counts.tolist() == [1, 2, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("classes", [(), (1.0, 2.0), (0.0, 2.0, 2.0)])
def test_classes_that_do_not_ascend_from_calm_are_refused(classes: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        wind_rose.wind_rose([1.0], [90.0], 16, classes)


# --- Normals and anomalies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("years", "known"), [(24, True), (23, False)])
def test_a_normal_needs_four_fifths_of_the_years(years: int, known: bool) -> None:
    values = rain_of_years(30)
    values[: 30 - years, 7] = np.nan
    found = normals.normals_of(Monthly(1991, 1, values.ravel()))[7]
    assert (found.years, np.isfinite(found.value)) == (years, known)
    if not known:
        with pytest.raises(normals.NoNormalError, match="found only 23 years"):
            normals.anomaly(1.0, found, "rain of August")


def test_without_a_normal_there_is_no_anomaly() -> None:
    with pytest.raises(normals.NoNormalError, match="rain of August: expected a normal, found none"):
        normals.anomaly(1.0, None, "rain of August")
    assert normals.quintile(1.0, None) is None


@given(value=st.floats(0.0, 500.0))
def test_quintiles_are_fifths_of_the_reference(value: float) -> None:
    normal = normals.normals_of(Monthly(1991, 1, rain_of_years(30).ravel()))[7]
    group = normals.quintile(value, normal)
    below = (rain_of_years(30)[:, 7] < value).sum()
    assert group is not None
    if below == 0:
        assert group in {0, 1}
    elif below == 30:
        assert group == 6
    else:
        assert abs(below - (group * 6 - 3)) <= 3.5


# --- Degree days -------------------------------------------------------------------------------------------------


@given(
    values=hnp.arrays(np.float64, st.integers(1, 60), elements=st.one_of(st.floats(0.0, 25.0), st.just(np.nan))),
    sown=st.integers(-5, 70),
    wanted=st.floats(0.1, 400.0),
)
def test_degree_days_add_up_from_sowing_until_a_day_is_missing(values: np.ndarray, sown: int, wanted: float) -> None:
    first = date(2026, 7, 1)
    begin = first + timedelta(days=sown)
    sums = degree_days.since_sowing(Daily(first, values), begin)
    assert sums.first == begin
    assert len(sums.values) == max(len(values) - sown, 0)
    for at, total in enumerate(sums.values):
        used = Daily(first, values).within(begin, begin + timedelta(days=at)).values
        assert total == pytest.approx(used.sum()) if np.isfinite(used).all() else np.isnan(total)
    reached = degree_days.day_reached(sums, wanted)
    if reached is None:
        assert not (sums.values >= wanted).any()
    else:
        at = (reached - begin).days
        assert sums.values[at] >= wanted
        assert not (sums.values[:at] >= wanted).any()
