"""Properties of the formulas: shapes, missing values, domains, inverses. Published values are doctests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meteostream.derived import degree_days, evapotranspiration, heat, humidity, pressure, radiation, sun, units, wind
from meteostream.derived.degree_days import MAIZE, PEARL_MILLET
from meteostream.derived.evapotranspiration import Day, Hour, Site

Formula = Callable[..., Any]

TEMPERATURE: Final = (-20.0, 50.0)
PERCENT: Final = (5.0, 99.0)
FORMULAS: Final[dict[str, tuple[Formula, tuple[tuple[float, float], ...]]]] = {
    "saturation_vapour_pressure": (humidity.saturation_vapour_pressure_hpa, ((-45.0, 60.0),)),
    "vapour_pressure": (humidity.vapour_pressure_hpa, (TEMPERATURE, PERCENT)),
    "dew_point": (humidity.dew_point_degc, (TEMPERATURE, PERCENT)),
    "virtual_temperature": (humidity.virtual_temperature_k, (TEMPERATURE, (0.0, 80.0), (500.0, 1100.0))),
    "heat_index": (heat.heat_index_degc, ((5.0, 60.0), (0.0, 100.0))),
    "wet_bulb": (heat.wet_bulb_degc, ((10.0, 50.0), PERCENT)),
    "wbgt": (heat.wbgt_simple_degc, (TEMPERATURE, (0.0, 100.0))),
    "low_sea_level_pressure": (
        pressure.low_station_sea_level_pressure_hpa,
        ((900.0, 1050.0), (-400.0, 49.9), (250.0, 320.0)),
    ),
    "sea_level_pressure": (
        pressure.sea_level_pressure_hpa,
        ((850.0, 1050.0), (0.0, 750.0), (-20.0, 50.0), (-20.0, 30.0)),
    ),
    "wind_at_2m": (evapotranspiration.wind_at_2m_mps, ((0.0, 75.0), (0.5, 100.0))),
    "daily_extraterrestrial": (sun.daily_extraterrestrial_mj_m2, ((-90.0, 90.0), (1.0, 366.0))),
    "hourly_extraterrestrial": (
        sun.hourly_extraterrestrial_mj_m2,
        ((-90.0, 90.0), (-180.0, 180.0), (1.0, 366.0), (0.0, 24.0)),
    ),
    "mean_degree_days": (degree_days.mean_degree_days, ((-40.0, 60.0), (0.0, 20.0))),
    "daily_et0": (
        lambda lat, low, wind_2m, rs: evapotranspiration.daily_et0_mm(
            Site(lat, 0.0, 100.0), Day(100.0, low, np.asarray(low) + 10.0, 0.3, wind_2m, rs)
        ),
        ((-60.0, 60.0), (0.0, 40.0), (0.0, 20.0), (0.0, 40.0)),
    ),
    "hourly_et0": (
        lambda hour, t, rh, rs: evapotranspiration.hourly_et0_mm(
            Site(14.7, -17.5, 27.0), Hour(274.0, hour, t, rh, 2.0, rs)
        ),
        ((0.0, 24.0), TEMPERATURE, PERCENT, (0.0, 4.0)),
    ),
}
"""Each formula with intervals in which it has a value."""


def inside(name: str) -> st.SearchStrategy[list[float]]:
    _, domains = FORMULAS[name]
    return st.tuples(*(st.floats(low, high) for low, high in domains)).map(list)


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_inside_its_domain_a_formula_has_a_finite_value(name: str, data: st.DataObject) -> None:
    formula, _ = FORMULAS[name]
    assert np.isfinite(formula(*data.draw(inside(name))))


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data(), bad=st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300]))
def test_what_is_missing_or_impossible_has_no_value_and_no_warning(name: str, data: st.DataObject, bad: float) -> None:
    formula, domains = FORMULAS[name]
    values = data.draw(inside(name))
    values[data.draw(st.integers(0, len(domains) - 1))] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(formula(*values))


@pytest.mark.parametrize("name", FORMULAS)
@given(data=st.data())
def test_a_column_gives_what_its_values_give_one_by_one(name: str, data: st.DataObject) -> None:
    formula, _ = FORMULAS[name]
    rows = data.draw(st.lists(inside(name), min_size=1, max_size=5))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    np.testing.assert_allclose(formula(*columns), [formula(*row) for row in rows], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("shape", [(0,), (1,), (2, 3)])
def test_a_result_has_the_shape_of_its_columns(name: str, shape: tuple[int, ...]) -> None:
    formula, domains = FORMULAS[name]
    assert formula(*(np.full(shape, (low + high) / 2) for low, high in domains)).shape == shape


@given(t=st.floats(-40, 60), rh=st.floats(0.1, 100))
def test_dew_point_and_humidity_are_inverses(t: float, rh: float) -> None:
    dew_point = humidity.dew_point_degc(t, rh)
    assert dew_point <= t + 1e-9
    back = humidity.relative_humidity_percent(t, min(float(dew_point), t))
    if dew_point >= humidity.LEAST_DEGC:
        np.testing.assert_allclose(back, rh, rtol=1e-9)
    else:
        assert np.isnan(back)


@given(t=st.floats(10, 49), rh=st.floats(5, 98))
def test_heat_grows_with_heat_and_with_humidity(t: float, rh: float) -> None:
    """The heat index jumps by design where NWS's adjustments begin, so it is not among them."""
    for formula in (heat.wet_bulb_degc, heat.wbgt_simple_degc, humidity.vapour_pressure_hpa):
        assert formula(t, rh) < formula(t + 1.0, rh)
        assert formula(t, rh) < formula(t, rh + 1.0)


@given(degf=st.floats(-100, 200))
def test_fahrenheit_and_back(degf: float) -> None:
    assert float(units.degc_to_degf(units.degf_to_degc(degf))) == pytest.approx(degf, abs=1e-9)


@pytest.mark.parametrize(("barometer_m", "full"), [(49.999, False), (50.0, True)])
def test_from_50_m_on_the_full_formula_reduces_pressure(barometer_m: float, full: bool) -> None:
    found = pressure.reduced_pressure_hpa(1000.0, barometer_m, 30.0, 20.0, 299.0)
    expected = (
        pressure.sea_level_pressure_hpa(1000.0, barometer_m, 30.0, 20.0)
        if full
        else pressure.low_station_sea_level_pressure_hpa(1000.0, barometer_m, 299.0)
    )
    assert float(found) == float(expected)


def test_both_reductions_agree_where_they_meet() -> None:
    low = pressure.low_station_sea_level_pressure_hpa(1005.0, 49.99, 299.0)
    full = pressure.sea_level_pressure_hpa(1005.0, 50.0, 24.0, 15.0)
    assert float(full) == pytest.approx(float(low), abs=0.05)


# --- Wind --------------------------------------------------------------------------------------------------------

SPEEDS = st.floats(0.0, 75.0, allow_subnormal=False)
DIRECTIONS = st.floats(1e-6, 360.0)


@given(speed=SPEEDS, direction=DIRECTIONS)
def test_components_give_the_wind_back(speed: float, direction: float) -> None:
    found = wind.wind(*wind.components(speed, direction))
    assert float(found.speed_mps) == pytest.approx(speed, rel=1e-12)
    if speed == 0.0:
        assert np.isnan(found.direction_deg)
    elif speed > 1e-300:  # below, the components themselves underflow
        away = (float(found.direction_deg) - direction + 180.0) % 360.0 - 180.0
        assert abs(away) < 1e-6
        assert 0.0 < found.direction_deg <= 360.0


@given(speed=hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(0.5, 40)), data=st.data())
def test_turning_every_wind_turns_the_mean(speed: np.ndarray, data: st.DataObject) -> None:
    direction = data.draw(hnp.arrays(np.float64, speed.shape, elements=st.floats(1, 90)))
    turn = data.draw(st.floats(0, 270))
    before, after = wind.mean_wind(speed, direction), wind.mean_wind(speed, np.mod(direction + turn, 360.0))
    np.testing.assert_allclose(after.resultant_mps, before.resultant_mps, atol=1e-9)
    away = np.mod(after.direction_deg - before.direction_deg - turn + 180.0, 360.0) - 180.0
    assert np.isnan(away) == (speed.size == 0)
    assert not abs(away) > 1e-6
    assert not before.resultant_mps > before.speed_mps + 1e-9


def test_calm_and_variable_winds_count_as_the_contract_has_them() -> None:
    """A calm counts for speed and direction and weighs nothing, a variable wind for the speed alone."""
    found = wind.mean_wind([4.0, 0.0, 2.0, np.nan], [90.0, np.nan, np.nan, 180.0])
    assert (found.speeds, found.vectors) == (3, 2)
    assert (float(found.speed_mps), float(found.resultant_mps), float(found.direction_deg)) == (2.0, 2.0, 90.0)


@pytest.mark.parametrize("winds", [([], []), ([np.nan], [np.nan]), ([0.0, 0.0], [np.nan, np.nan])])
def test_no_wind_has_no_direction(winds: tuple[list[float], list[float]]) -> None:
    assert np.isnan(wind.mean_wind(*winds).direction_deg)


def test_a_mean_runs_along_the_axis_that_is_asked_for() -> None:
    speed, direction = np.full((3, 5), 2.0), np.tile([10.0, 20.0, 30.0], (5, 1)).T
    assert wind.mean_wind(speed, direction, axis=0).direction_deg.round(6).tolist() == [20.0] * 5
    assert wind.mean_wind(speed, direction, axis=1).direction_deg.round(6).tolist() == [10.0, 20.0, 30.0]


# --- Sun, radiation, evapotranspiration --------------------------------------------------------------------------


@given(latitude=st.floats(-90, 90), longitude=st.floats(-180, 180), day=st.integers(1, 366))
@example(latitude=90.0, longitude=0.0, day=172)
@example(latitude=-90.0, longitude=180.0, day=172)
@example(latitude=66.6, longitude=-180.0, day=172)
def test_a_days_hours_add_up_to_the_day(latitude: float, longitude: float, day: int) -> None:
    """Also at the poles, where the sun does not set, and at the date line."""
    hours = sun.hourly_extraterrestrial_mj_m2(latitude, longitude, day, np.arange(24) + 0.5)
    assert (hours >= 0.0).all()
    np.testing.assert_allclose(hours.sum(), sun.daily_extraterrestrial_mj_m2(latitude, day), atol=1e-6)


@given(latitude=st.floats(-90, 90), day=st.integers(1, 366))
def test_daylight_is_between_none_and_all_of_the_day(latitude: float, day: int) -> None:
    assert 0.0 <= sun.daylight_h(latitude, day) <= 24.0
    np.testing.assert_allclose(sun.daylight_h(latitude, day) + sun.daylight_h(-latitude, day), 24.0)


@given(power=hnp.arrays(np.float64, st.integers(1, 48), elements=st.floats(0, 1600)), data=st.data())
def test_a_radiation_sum_needs_every_step(power: np.ndarray, data: st.DataObject) -> None:
    whole = radiation.radiation_sum_mj_m2(power, 3600.0)
    np.testing.assert_allclose(whole, power.sum() * 0.0036)
    power[data.draw(st.integers(0, power.size - 1))] = data.draw(st.sampled_from([np.nan, np.inf, 1600.1, -10.1]))
    assert np.isnan(radiation.radiation_sum_mj_m2(power, 3600.0))


def test_no_steps_have_no_radiation_sum() -> None:
    assert np.isnan(radiation.radiation_sum_mj_m2([], 3600.0))
    assert np.isnan(radiation.radiation_sum_mj_m2(np.empty((4, 0)), 3600.0)).tolist() == [True] * 4


@pytest.mark.parametrize("step", [0.0, -60.0, math.nan])
def test_a_step_without_length_is_refused(step: float) -> None:
    with pytest.raises(ValueError, match="step_s: expected a length above 0"):
        radiation.radiation_sum_mj_m2([1.0], step)


@given(wind_2m=st.floats(0, 20), vapour=st.floats(0.1, 2.0), rs=st.floats(1, 30))
def test_more_sun_evaporates_more(wind_2m: float, vapour: float, rs: float) -> None:
    site, day = Site(14.7, -17.5, 27.0), Day(120, 20.0, 35.0, vapour, wind_2m, rs)
    less, more = (evapotranspiration.daily_et0_mm(site, day._replace(radiation_mj_m2=sum_)) for sum_ in (rs, rs + 1.0))
    assert less < more or less == 0.0


@pytest.mark.parametrize(
    "change",
    [{"minimum_degc": 36.0}, {"vapour_kpa": 6.0}, {"radiation_mj_m2": -1.0}, {"wind_2m_mps": -0.1}, {"day_of_year": 0}],
)
def test_impossible_days_have_no_evapotranspiration(change: dict[str, float]) -> None:
    day = Day(120, 20.0, 35.0, 2.0, 2.0, 24.0)
    assert np.isfinite(evapotranspiration.daily_et0_mm(Site(14.7, 0.0, 27.0), day))
    assert np.isnan(evapotranspiration.daily_et0_mm(Site(14.7, 0.0, 27.0), day._replace(**change)))


def test_the_polar_night_has_no_evapotranspiration() -> None:
    """Nothing is known about its clouds: no value, rather than one that supposes some."""
    day = Day(172, -30.0, -20.0, 0.02, 2.0, 0.0)
    assert np.isnan(evapotranspiration.daily_et0_mm(Site(-80.0, 0.0, 0.0), day))


def test_an_evening_without_a_value_stands_for_a_semi_arid_night() -> None:
    hours, days = np.tile(np.arange(24) + 0.5, 2), np.repeat([274, 275], 24)
    rs = np.where(hours == 16.5, 0.8, 0.0)
    rs[40] = np.nan  # the second evening
    found = evapotranspiration.evening_clearness(Site(16.2, -16.25, 8.0), days, hours, rs)
    assert found[[0, 15]].tolist() == [0.8, 0.8]
    assert found[20] == found[30] == pytest.approx(0.4, abs=0.05)
    assert found[40] == found[47] == 0.8


@given(low=st.floats(-10, 40), spread=st.floats(0, 20))
def test_degree_days_are_never_negative_and_capped_by_the_crop(low: float, spread: float) -> None:
    maize = degree_days.growing_degree_days(low, low + spread, MAIZE)
    assert 0.0 <= maize <= 20.0
    assert maize <= degree_days.growing_degree_days(low, low + spread, PEARL_MILLET)
    assert np.isnan(degree_days.growing_degree_days(low + 0.1, low, MAIZE))
