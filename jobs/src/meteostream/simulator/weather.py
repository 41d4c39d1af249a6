"""The simulated report of any station at any moment.

Good enough to run the platform on: daily and seasonal courses, the pressure tide, wind with a sea breeze, showers in
the rainy season, clouds and sun, all in the resolution of a sensor and within the rules of the contract. It is not a
climate model: storms, spells and spatial structure are simple, and no fault is made.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.simulator.climate import Climate, climate
from meteostream.simulator.places import Places
from meteostream.simulator.random import Floats, Integers, Words, normal, smooth, uniform
from meteostream.simulator.sun import Sun, clear_sky, sun

HOUR_S: Final = 3600
MINUTE_S: Final = 60
DAY_S: Final = 86_400
# Purposes of random numbers. A number is never given to another purpose: it would change every seed's weather.
_SYNOPTIC_T, _LOCAL_T, _SENSOR, _SYNOPTIC_TD, _SYNOPTIC_P, _SPEED, _DIRECTION, _CLOUD, _RAIN, _HAZE, _GUST = range(11)
_REGION: Final = np.array([0], np.uint64)
"""Synoptic courses are the region's: every station sees the same."""

WARMEST_HOUR: Final = 15.0
"""Local solar time of the highest temperature; the lowest is at :data:`COLDEST_HOUR`."""
COLDEST_HOUR: Final = 6.0
TIDE_HPA: Final = 1.16
"""Amplitude of the semidiurnal pressure tide at the equator, times the cube of the latitude's cosine."""
TIDE_HOUR: Final = 10.0
MAGNUS_A: Final = 17.62  # WMO-No. 8, annex 4.B: e = 6.112 exp(17.62 t / (243.12 + t))
MAGNUS_B: Final = 243.12
BAROMETRIC_M_PER_K: Final = 29.27  # gas constant of dry air over gravity
WEIBULL_SHAPE: Final = 2.0
CALM_BELOW: Final = 0.3
"""Wind below this, m/s, does not turn the cup: calm."""
VARIABLE_BELOW: Final = 1.5
"""Light wind, m/s, of which :data:`VARIABLE_SHARE` has no direction [assumed]."""
VARIABLE_SHARE: Final = 0.3
TIP_MM: Final = 0.2
"""One tip of the rain gauge's bucket."""
WETTEST_HOUR: Final = 18.0
SHOWER_MM: Final = 6.0
"""Mean amount of an hour with rain [assumed]."""


def simulate(places: Places, index: Integers, seconds: Integers, seed: int) -> dict[str, Floats]:
    """Simulated values.

    Parameters
    ----------
    places
        Stations.
    index, seconds
        One row each: which station (a position in ``places``) and when (UTC, seconds since 1970).
    seed
        Of the run.

    Returns
    -------
    dict
        A column a variable, in the contract's units and the sensor's resolution. NaN is null: reported missing.
        ``rain_1min`` is every minute's; ``rain_1h`` is NaN except on the hour, where it is the sum of its minutes.
        ``wind_variable`` is 0 or 1.
    """
    latitude, longitude = places.latitude[index], places.longitude[index]
    identity = places.identity[index]
    expected = climate(seconds, latitude, longitude)
    sky = sun(seconds, latitude, longitude)
    rain_1min, rain_1h, raining = _rain(seed, identity, seconds, latitude, longitude)
    cloud = _cloud(seed, identity, seconds, expected, raining)
    temperature = _temperature(seed, identity, seconds, expected, sky, raining)
    humidity, dew_point = _humidity(seed, seconds, expected, temperature, raining)
    station_pressure, sea_level = _pressure(
        seed, seconds, expected, sky, latitude, places.elevation_m[index], temperature
    )
    columns = {
        "air_temperature": temperature,
        "dew_point_temperature": dew_point,
        "relative_humidity": humidity,
        "station_pressure": station_pressure,
        "sea_level_pressure": sea_level,
        "rain_1min": rain_1min,
        "rain_1h": rain_1h,
        "irradiance": np.round(clear_sky(sky.cos_zenith) * (1.0 - 0.75 * cloud**3.4), 0),  # Kasten, Czeplak (1980)
        "visibility": _visibility(seed, identity, seconds, expected, raining),
    }
    columns |= _wind(seed, identity, seconds, expected, sky, longitude)
    return {name: values + 0.0 for name, values in columns.items()}  # no negative zero


def vapour_pressure(temperature: Floats) -> Floats:
    """Saturation vapour pressure over water, hPa (WMO-No. 8).

    >>> round(float(vapour_pressure(np.array([30.0]))[0]), 2)
    42.34
    """
    return np.asarray(6.112 * np.exp(MAGNUS_A * temperature / (MAGNUS_B + temperature)), np.float64)


def dew_point_of(temperature: Floats, humidity: Floats) -> Floats:
    """Dew point, degC, from temperature (degC) and relative humidity (%).

    >>> round(float(dew_point_of(np.array([30.0]), np.array([50.0]))[0]), 2)
    18.44
    """
    x = np.log(vapour_pressure(temperature) * humidity / 100.0 / 6.112)
    return np.asarray(MAGNUS_B * x / (MAGNUS_A - x), np.float64)


def _day_shape(solar_hour: Floats) -> Floats:
    """Course of a day from 0 (coldest) to 1 (warmest): half a cosine up, half a cosine down."""
    since = np.mod(solar_hour - COLDEST_HOUR, 24.0)
    rise = WARMEST_HOUR - COLDEST_HOUR
    phase = np.where(since < rise, since / rise, 1.0 + (since - rise) / (24.0 - rise))
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * phase), np.float64)


def _temperature(seed: int, identity: Words, seconds: Integers, expected: Climate, sky: Sun, raining: Floats) -> Floats:
    day = expected.tmin + (expected.tmax - expected.tmin) * _day_shape(sky.solar_hour)
    weather = 1.2 * smooth(seed, _SYNOPTIC_T, _REGION, seconds, 3 * DAY_S)
    local = 0.5 * smooth(seed, _LOCAL_T, identity, seconds, 2 * HOUR_S)
    sensor = 0.05 * normal(seed, _SENSOR, identity, seconds)
    return np.round(day + weather + local + sensor - 3.0 * raining, 1)


def _humidity(
    seed: int, seconds: Integers, expected: Climate, temperature: Floats, raining: Floats
) -> tuple[Floats, Floats]:
    moist = expected.dew_point + 1.5 * smooth(seed, _SYNOPTIC_TD, _REGION, seconds, 4 * DAY_S)
    moist += (temperature - 1.0 - moist) * 0.8 * raining
    humidity = np.clip(np.round(100.0 * vapour_pressure(moist) / vapour_pressure(temperature), 0), 4.0, 100.0)
    return humidity, np.minimum(np.round(dew_point_of(temperature, humidity), 1), temperature)


def _pressure(
    seed: int,
    seconds: Integers,
    expected: Climate,
    sky: Sun,
    latitude: Floats,
    elevation_m: Floats,
    temperature: Floats,
) -> tuple[Floats, Floats]:
    tide = TIDE_HPA * np.cos(np.deg2rad(latitude)) ** 3 * np.cos(4.0 * np.pi * (sky.solar_hour - TIDE_HOUR) / 24.0)
    sea_level = expected.sea_level_pressure + tide + 1.2 * smooth(seed, _SYNOPTIC_P, _REGION, seconds, 3 * DAY_S)
    station = sea_level * np.exp(-elevation_m / (BAROMETRIC_M_PER_K * (temperature + 273.15)))
    return np.round(station, 1), np.round(sea_level, 1)


def _rain(
    seed: int, identity: Words, seconds: Integers, latitude: Floats, longitude: Floats
) -> tuple[Floats, Floats, Floats]:
    """Minute's and hour's rain, and from 0 to 1 how hard it rains now."""
    # The hour that ends at or after this moment: its number decides everything about its shower, so that all its
    # minutes agree.
    hour = (seconds + HOUR_S - 1) // HOUR_S
    chance, amount, begin, length = uniform(seed, _RAIN, identity, hour)
    mean = climate(hour * HOUR_S, latitude, longitude).rain_mm_per_hour
    solar_hour = sun(hour * HOUR_S, latitude, longitude).solar_hour
    evening = 1.0 + 0.8 * np.cos(np.pi * (solar_hour - WETTEST_HOUR) / 12.0)
    total = np.where(chance < mean / SHOWER_MM * evening, -SHOWER_MM * np.log(amount), 0.0)
    start, duration = 0.5 * begin, 0.1 + 0.4 * length

    def fallen(share: Floats) -> Floats:
        x = np.clip((share - start) / duration, 0.0, 1.0)
        return np.floor(total * x * x * (3.0 - 2.0 * x) / TIP_MM + 1e-9) * TIP_MM

    share = 1.0 - (hour * HOUR_S - seconds) / HOUR_S
    now, before = fallen(share), fallen(np.maximum(share - MINUTE_S / HOUR_S, 0.0))
    on_the_hour = seconds % HOUR_S == 0
    falling = np.where((share > start) & (share < start + duration), np.minimum(total / SHOWER_MM, 1.0), 0.0)
    return np.round(now - before, 1), np.where(on_the_hour, np.round(now, 1), np.nan), falling


def _cloud(seed: int, identity: Words, seconds: Integers, expected: Climate, raining: Floats) -> Floats:
    course = smooth(seed, _CLOUD, identity, seconds, 3 * HOUR_S)
    cover = 1.0 / (1.0 + np.exp(-(1.5 * course - 1.2 + 1.6 * expected.monsoon)))
    return np.asarray(np.maximum(cover, np.minimum(raining * 4.0, 1.0)), np.float64)


def _visibility(seed: int, identity: Words, seconds: Integers, expected: Climate, raining: Floats) -> Floats:
    haze = np.exp(0.4 * smooth(seed, _HAZE, identity, seconds, DAY_S))
    clear = (12_000.0 + 8_000.0 * expected.monsoon) / haze
    return np.clip(np.round(clear * (1.0 - 0.7 * raining), -2), 500.0, 30_000.0)


def _wind(
    seed: int, identity: Words, seconds: Integers, expected: Climate, sky: Sun, longitude: Floats
) -> dict[str, Floats]:
    course = smooth(seed, _SPEED, identity, seconds, HOUR_S)
    share = np.clip(1.0 / (1.0 + np.exp(-1.702 * course)), 1e-6, 1.0 - 1e-6)  # normal to uniform, within 0.01
    coastal = np.clip(1.0 - (longitude + 17.5) / 2.0, 0.0, 1.0)
    scale = 2.0 + 2.0 * coastal + (1.5 + 1.5 * coastal) * _day_shape(sky.solar_hour)
    speed = np.round(scale * (-np.log(1.0 - share)) ** (1.0 / WEIBULL_SHAPE), 1)
    speed = np.where(speed < CALM_BELOW, 0.0, speed)
    turning = 35.0 * smooth(seed, _DIRECTION, identity, seconds, 4 * HOUR_S)
    # Trade wind from the north-north-east, monsoon from the south-west [assumed].
    direction = np.mod(np.round(30.0 * (1.0 - expected.monsoon) + 235.0 * expected.monsoon + turning, 0), 360.0)
    direction = np.where(direction == 0.0, 360.0, direction)
    spread, gusty, short, _ = uniform(seed, _GUST, identity, seconds)
    variable = (speed > 0.0) & (speed < VARIABLE_BELOW) & (spread < VARIABLE_SHARE)
    return {
        "wind_mean_10min": speed,
        "wind_mean_2min": np.round(speed * (0.9 + 0.2 * short), 1),
        "gust_10min": np.round(speed * (1.25 + 0.5 * gusty), 1),
        "wind_direction": np.where((speed == 0.0) | variable, np.nan, direction),
        "wind_variable": variable.astype(np.float64),
    }
