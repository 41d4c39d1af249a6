"""Our formulas and products beside other people's implementations, on random inputs, each with a stated tolerance.

The libraries are not among the jobs': `scripts/oracles-python pytest -m oracle` brings them. They are imported when a
test asks for them, so that the others can be collected without.
"""

from __future__ import annotations

import warnings
from datetime import date, timedelta
from importlib import import_module
from typing import Any, Final

import numpy as np
import pytest

from meteostream.climate import heat_waves, spi
from meteostream.climate.rain_season import SIVAKUMAR, rainy_season
from meteostream.climate.series import Daily, Monthly
from meteostream.derived import degree_days, evapotranspiration, heat, humidity, radiation, sun, wind
from meteostream.derived.evapotranspiration import Day, Site

pytestmark = pytest.mark.oracle

COUNT: Final = 500
RNG: Final = np.random.default_rng(20261125)
TEMPERATURE: Final = RNG.uniform(-5.0, 50.0, COUNT)
PERCENT: Final = RNG.uniform(5.0, 99.0, COUNT)
HOT: Final = RNG.uniform(20.0, 48.0, COUNT)


@pytest.fixture(scope="module")
def metpy() -> Any:
    return import_module("metpy.calc")


@pytest.fixture(scope="module")
def units() -> Any:
    return import_module("metpy.units").units


@pytest.fixture(scope="module")
def thermofeel() -> Any:
    return import_module("thermofeel")


@pytest.fixture(scope="module")
def xclim() -> Any:
    return import_module("xclim.indices")


def array(days: np.ndarray, values: np.ndarray, unit: str) -> Any:
    return import_module("xarray").DataArray(
        values, dims="time", coords={"time": days.astype("datetime64[ns]")}, attrs={"units": unit}
    )


def close(found: np.ndarray, expected: Any, tolerance: float) -> None:
    """Everywhere, and both known everywhere."""
    difference = np.abs(np.asarray(found) - np.asarray(expected, dtype=np.float64))
    assert np.isfinite(difference).all()
    assert difference.max() <= tolerance, f"differs by {difference.max():.3g}, more than {tolerance:g}"


# --- Humidity and heat -------------------------------------------------------------------------------------------


def test_dew_point_is_metpys_to_a_fifth_of_a_degree(metpy: Any, units: Any) -> None:
    """MetPy takes Ambaum (2020) for the vapour pressure, we WMO-No. 8's Magnus; below 35 degC a tenth."""
    expected = metpy.dewpoint_from_relative_humidity(TEMPERATURE * units.degC, PERCENT * units.percent)
    found, expected = humidity.dew_point_degc(TEMPERATURE, PERCENT), expected.to("degC").magnitude
    close(found, expected, 0.2)
    cool = TEMPERATURE < 35.0
    close(found[cool], expected[cool], 0.1)


def test_saturation_vapour_pressure_is_metpys_to_six_per_mille(metpy: Any, units: Any) -> None:
    expected = metpy.saturation_vapor_pressure(TEMPERATURE * units.degC).to("hPa").magnitude
    close(humidity.saturation_vapour_pressure_hpa(TEMPERATURE) / expected, 1.0 + np.zeros(COUNT), 0.006)


def test_relative_humidity_is_metpys_to_half_a_per_cent(metpy: Any, units: Any) -> None:
    dew_point = humidity.dew_point_degc(TEMPERATURE, PERCENT)
    expected = metpy.relative_humidity_from_dewpoint(TEMPERATURE * units.degC, dew_point * units.degC).to("percent")
    close(humidity.relative_humidity_percent(TEMPERATURE, dew_point), expected.magnitude, 0.5)


def test_virtual_temperature_is_metpys_to_a_fiftieth_of_a_degree(metpy: Any, units: Any) -> None:
    pressure = RNG.uniform(900.0, 1030.0, COUNT)
    vapour = humidity.vapour_pressure_hpa(TEMPERATURE, PERCENT)
    ratio = metpy.mixing_ratio(vapour * units.hPa, pressure * units.hPa)
    expected = metpy.virtual_temperature(TEMPERATURE * units.degC, ratio).to("kelvin").magnitude
    close(humidity.virtual_temperature_k(TEMPERATURE, vapour, pressure), expected, 0.02)


def test_heat_index_is_metpys_to_a_hundredth_of_a_degree(metpy: Any, units: Any) -> None:
    """From 82 degF on: below, MetPy changes to the regression at 79, not at NWS's 80 degF."""
    hot = RNG.uniform(27.8, 50.0, COUNT)
    expected = metpy.heat_index(hot * units.degC, PERCENT * units.percent, mask_undefined=False).to("degC").magnitude
    close(heat.heat_index_degc(hot, PERCENT), expected, 0.01)


def test_wet_bulb_is_thermofeels(thermofeel: Any) -> None:
    found = heat.wet_bulb_degc(HOT, PERCENT)
    expected = thermofeel.calculate_wbt(HOT + 273.15, PERCENT) - 273.15
    known = np.isfinite(found)
    assert known.mean() > 0.95
    close(found[known], expected[known], 0.001)


def test_wet_bulb_has_the_error_that_we_state(metpy: Any, units: Any) -> None:
    """Against the psychrometer's equation at sea level, everywhere where we give a value."""
    temperatures, percents = np.arange(-20.0, 51.0, 2.5), np.array([5, 6, 8, 10, 12, 15, 20, 30, 40, 60, 80, 99.0])
    t, rh = (grid.ravel() for grid in np.meshgrid(temperatures, percents))
    found = heat.wet_bulb_degc(t, rh)
    known = np.isfinite(found)
    t, rh, found = t[known], rh[known], found[known]
    vapour = metpy.saturation_vapor_pressure(t * units.degC).to("hPa").magnitude * rh / 100.0
    low, high = np.full(t.size, -60.0), t
    for _ in range(40):  # the wet bulb whose psychrometer would show this vapour pressure
        middle = (low + high) / 2.0
        shown = metpy.psychrometric_vapor_pressure_wet(1013.25 * units.hPa, t * units.degC, middle * units.degC)
        too_wet = shown.to("hPa").magnitude > vapour
        low, high = np.where(too_wet, low, middle), np.where(too_wet, middle, high)
    error = found - low
    assert error.min() >= -1.0
    assert error[t <= 32.5].max() <= 0.7
    assert error.max() <= 1.35
    assert known.mean() > 0.6


def test_wbgt_is_thermofeels_to_a_tenth_of_a_degree(thermofeel: Any) -> None:
    expected = thermofeel.calculate_wbgt_simple(HOT + 273.15, PERCENT) - 273.15
    close(heat.wbgt_simple_degc(HOT, PERCENT), expected, 0.1)


# --- Wind --------------------------------------------------------------------------------------------------------


def test_components_are_metpys(metpy: Any, units: Any) -> None:
    speed, direction = RNG.uniform(0.0, 40.0, COUNT), RNG.uniform(0.0, 360.0, COUNT)
    expected = metpy.wind_components(speed * units("m/s"), direction * units.degree)
    for found, theirs in zip(wind.components(speed, direction), expected, strict=True):
        close(found, theirs.magnitude, 1e-9)
    back = metpy.wind_direction(*(column * units("m/s") for column in wind.components(speed, direction)))
    close(wind.wind(*wind.components(speed, direction)).direction_deg, back.magnitude, 1e-9)


# --- Sun and evapotranspiration ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("latitude", "share"), [(-45.0, 0.04), (0.0, 0.03), (14.7, 0.03), (16.2, 0.03), (60.0, 0.08)])
def test_extraterrestrial_radiation_is_pvlibs_to_a_few_per_cent(latitude: float, share: float) -> None:
    """PVLIB integrates an ephemeris, FAO-56 has two cosines of the day: 3 % in the tropics, more beyond."""
    pandas, solar, power = (import_module(name) for name in ("pandas", "pvlib.solarposition", "pvlib.irradiance"))
    for month in range(1, 13):
        times = pandas.date_range(f"2026-{month:02d}-15", periods=24 * 12, freq="5min", tz="UTC")
        height = solar.get_solarposition(times + pandas.Timedelta("150s"), latitude, 0.0)["elevation"].to_numpy()
        above = power.get_extra_radiation(times, solar_constant=1366.7, method="spencer").to_numpy()
        expected = (np.maximum(np.sin(np.deg2rad(height)), 0.0) * above).sum() * 300.0 / 1e6
        found = sun.daily_extraterrestrial_mj_m2(latitude, times[0].dayofyear)
        close(found, expected, max(share * expected, 0.5))


def test_the_sun_stands_where_pvlib_has_it() -> None:
    """Hour angle from UTC and the equation of time: within 0.5 degree (2 minutes) all the year, far east too."""
    pandas, solar = import_module("pandas"), import_module("pvlib.solarposition")
    times = pandas.date_range("2026-01-01 05:00", periods=365, freq="25h", tz="UTC")
    for longitude in (-16.25, 0.0, 150.0):
        expected = solar.hour_angle(times, longitude, solar.equation_of_time_spencer71(times.dayofyear))
        hours = times.hour + times.minute / 60.0
        found = np.rad2deg(sun.solar_time_angle_rad(hours, longitude, times.dayofyear))
        away = np.mod(found - expected + 180.0, 360.0) - 180.0
        close(away, np.zeros(away.shape), 0.5)


def test_daily_evapotranspiration_is_pyets_to_a_hundredth_of_a_millimetre() -> None:
    pandas, pyet = import_module("pandas"), import_module("pyet")
    days = pandas.date_range("2026-01-01", periods=365, freq="D")
    low = RNG.uniform(12.0, 28.0, 365)
    high = low + RNG.uniform(4.0, 16.0, 365)
    least = RNG.uniform(8.0, 60.0, 365)
    most = np.minimum(least + RNG.uniform(5.0, 50.0, 365), 100.0)
    speed, share = RNG.uniform(0.5, 6.0, 365), RNG.uniform(0.3, 0.75, 365)
    latitude, elevation = 14.7333, 27.0
    number = days.dayofyear.to_numpy().astype(np.float64)
    rs = share * sun.daily_extraterrestrial_mj_m2(latitude, number)
    series = {
        name: pandas.Series(column, index=days)
        for name, column in {"tmean": (low + high) / 2, "wind": speed, "rs": rs, "tmax": high, "tmin": low,
                             "rhmax": most, "rhmin": least}.items()
    }  # fmt: skip
    expected = pyet.pm_fao56(**series, lat=np.deg2rad(latitude), elevation=elevation)
    vapour = evapotranspiration.vapour_of_humidity_kpa(low, high, least, most)
    found = evapotranspiration.daily_et0_mm(Site(latitude, 0.0, elevation), Day(number, low, high, vapour, speed, rs))
    close(found, expected.to_numpy(), 0.01)


def test_radiation_of_sunshine_is_pyets() -> None:
    pyet, pandas = import_module("pyet"), import_module("pandas")
    days = pandas.date_range("2026-01-01", periods=365, freq="D")
    number = days.dayofyear.to_numpy().astype(np.float64)
    latitude = 14.7333
    daylight = sun.daylight_h(latitude, number)
    close(daylight, pyet.daylight_hours(days, np.deg2rad(latitude)), 0.01)
    sunshine = daylight * RNG.uniform(0.0, 1.0, 365)
    ra = sun.daily_extraterrestrial_mj_m2(latitude, number)
    close(ra, pyet.extraterrestrial_r(days, np.deg2rad(latitude)), 0.05)
    expected = pyet.calc_rad_sol_in(pandas.Series(sunshine, index=days), np.deg2rad(latitude)).to_numpy()
    close(radiation.radiation_of_sunshine_mj_m2(sunshine, daylight, ra), expected, 0.05)


# --- Climate -----------------------------------------------------------------------------------------------------


def test_degree_days_of_a_year_are_xclims(xclim: Any) -> None:
    days = np.arange(np.datetime64("2025-01-01"), np.datetime64("2026-01-01"))
    mean = RNG.uniform(2.0, 35.0, days.size)
    expected = xclim.growing_degree_days(array(days, mean, "degC"), thresh="10 degC").to_numpy()[0]
    close(degree_days.mean_degree_days(mean, 10.0).sum(), expected, 1e-6)


@pytest.mark.parametrize("scale", spi.SCALES)
@pytest.mark.parametrize("dry_share", [0.0, 0.4])
def test_spi_is_the_reference_implementations(scale: int, dry_share: float) -> None:
    """climate-indices has the same fit (Thom), the same share of zeros and the same limits: to a hundredth."""
    reference = import_module("climate_indices.indices")
    monthly = import_module("climate_indices.compute").Periodicity.monthly
    rain = RNG.gamma(1.5, 40.0, 35 * 12) * (RNG.uniform(size=35 * 12) >= dry_share)
    expected = reference.spi(rain, scale, reference.Distribution.gamma, 1988, 1991, 2020, monthly)
    found = spi.spi(Monthly(1988, 1, rain), scale)
    known = np.isfinite(found)
    assert known.sum() == 35 * 12 - scale + 1
    close(found[known], expected[known], 0.01)


def test_heat_waves_are_xclims(xclim: Any) -> None:
    days = np.arange(np.datetime64("2016-01-01"), np.datetime64("2026-01-01"))
    high = RNG.normal(41.0, 3.0, days.size)
    low = RNG.normal(26.0, 2.5, days.size)
    arguments = {"thresh_tasmin": "26 degC", "thresh_tasmax": "42 degC", "window": 2, "op": ">="}
    count = xclim.heat_wave_frequency(array(days, low, "degC"), array(days, high, "degC"), **arguments).to_numpy()
    total = xclim.heat_wave_total_length(array(days, low, "degC"), array(days, high, "degC"), **arguments).to_numpy()
    for year in range(2016, 2026):
        chosen = days.astype("datetime64[Y]") == np.datetime64(str(year))
        first = date(year, 1, 1)
        waves = heat_waves.heat_waves(Daily(first, high[chosen]), 42.0, 2, Daily(first, low[chosen]), 26.0)
        assert len(waves) == count[year - 2016]
        assert sum(wave.days for wave in waves) == total[year - 2016]
    assert total.sum() > 50


def test_rainy_seasons_are_xclims(xclim: Any) -> None:
    """XCLIM's season by the same numbers, of thirty made-up years.

    It counts dry days up to and including its threshold, a spell of 7 days or more, and days without a dry spell from
    the wet sum on, where ours has less than 1 mm, more than 7 days, and spells that lie within 30 days. Its end is the
    first of the dry days, ours the day before; one that began before 1 September is none for it, and 1 September for
    ours. After a false onset it may begin on a dry day, whose three-day sum still holds the rain before the dry spell:
    such years are left out.
    """
    within = SIVAKUMAR.watch_days - SIVAKUMAR.dry_spell_days
    onsets = cessations = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of dask and cftime, about things that are not used here
        for year in range(1991, 2021):
            days = np.arange(np.datetime64(f"{year}-01-01"), np.datetime64(f"{year + 1}-01-01"))
            number = np.arange(days.size)
            chance = np.interp(number, [0, 130, 200, 230, 275, 300, 366], [0.0, 0.02, 0.35, 0.55, 0.2, 0.0, 0.0])
            rain = np.where(RNG.uniform(size=days.size) < chance, RNG.gamma(0.9, 14.0, days.size) + 1.01, 0.0)
            start, end, _ = xclim.rain_season(
                array(days, rain, "mm/d"),
                thresh_wet_start="20 mm",
                window_not_dry_start=within - SIVAKUMAR.onset_days + 1,
                window_dry_start=SIVAKUMAR.dry_spell_days + 1,
                thresh_dry_start="0.99 mm",
                thresh_dry_end="0.99 mm",
            )
            found = rainy_season(Daily(date(year, 1, 1), rain), year)
            expected = start.to_numpy()[0]
            if np.isfinite(expected) and rain[int(expected) - 1] >= SIVAKUMAR.dry_below_mm:
                assert found.onset == date(year, 1, 1) + timedelta(days=int(expected) - 1)
                onsets += 1
            expected = end.to_numpy()[0]
            if np.isfinite(expected) and found.cessation != date(year, 9, 1):
                assert found.cessation == date(year, 1, 1) + timedelta(days=int(expected) - 2)
                cessations += 1
    assert onsets > 20
    assert cessations > 20
