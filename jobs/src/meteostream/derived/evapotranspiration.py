"""Reference evapotranspiration ET0 by FAO-56 Penman-Monteith, of days and of hours.

Allen et al. (1998), Crop evapotranspiration, FAO Irrigation and Drainage Paper 56; equation numbers are its. Pressures
in this module are kPa, as there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.derived.arrays import Column, Floats, air_degc, floats, humidity, quiet, wind_mps, within
from meteostream.derived.sun import (
    SOLAR_CONSTANT_MJ_M2_MIN,
    clear_sky_mj_m2,
    daily_extraterrestrial_mj_m2,
    hourly_extraterrestrial_mj_m2,
    solar_time_angle_rad,
    sunset_hour_angle_rad,
)

ALBEDO: Final = 0.23
"""Of the reference grass, equation (38)."""
STEFAN_BOLTZMANN_MJ_K4_DAY: Final = 4.903e-9
FAO_ZERO_K: Final = 273.16
"""What FAO-56 adds to degC in the long-wave term (equation 39); 273 in the wind term."""
DAILY_NUMERATOR: Final = 900.0
HOURLY_NUMERATOR: Final = 37.0
"""Equations (6) and (53)."""
DAY_SOIL_SHARE: Final = 0.1
NIGHT_SOIL_SHARE: Final = 0.5
"""Soil heat flux as a share of net radiation, equations (45) and (46)."""
NIGHT_CLEARNESS_SEMIARID: Final = 0.8
"""Rs/Rso of nights where the evening's is not known (FAO-56, page 75: 0.7 to 0.8 in arid and semi-arid climates)."""
EVENING_RAD: Final = (np.pi / 12.0 * 3.0, np.pi / 12.0 * 2.0)
"""The evening's Rs/Rso is that of 3 to 2 h before sunset (FAO-56, page 75)."""
MOST_HOURLY_MJ_M2: Final = SOLAR_CONSTANT_MJ_M2_MIN * 60.0 * 1.2
"""The sun at its highest, and a fifth more at the edges of clouds; days may have 24 times as much."""
LEAST_CLEARNESS: Final = 0.05
"""Rs/Rso is limited to 0.05 to 1 in the long-wave term (FAO-56: at most 1; ASCE-EWRI (2005), equation 45: at least)."""


class Site(NamedTuple):
    """Where: degrees north and east, m above mean sea level. Numbers or arrays."""

    latitude_deg: Column
    longitude_deg: Column
    elevation_m: Column


class Day(NamedTuple):
    """Weather of days.

    Attributes
    ----------
    day_of_year
        1 to 366.
    minimum_degc, maximum_degc
        Temperature.
    vapour_kpa
        Actual vapour pressure, from :func:`vapour_of_humidity_kpa` or :func:`vapour_of_dew_point_kpa`.
    wind_2m_mps
        Mean wind at 2 m, from :func:`wind_at_2m_mps`.
    radiation_mj_m2
        Global radiation Rs.
    soil_heat_mj_m2
        Soil heat flux G, 0 for single days.
    """

    day_of_year: Column
    minimum_degc: Column
    maximum_degc: Column
    vapour_kpa: Column
    wind_2m_mps: Column
    radiation_mj_m2: Column
    soil_heat_mj_m2: Column = 0.0


class Hour(NamedTuple):
    """Weather of hours.

    Attributes
    ----------
    day_of_year, middle_hour
        Of the hour's middle: 14.5 for 14 to 15 o'clock UTC.
    temperature_degc, humidity_percent
        Means of the hour.
    wind_2m_mps
        Mean wind at 2 m.
    radiation_mj_m2
        Global radiation Rs of the hour.
    night_clearness
        Rs/Rso that stands for the night's clouds, see :func:`evening_clearness`.
    """

    day_of_year: Column
    middle_hour: Column
    temperature_degc: Column
    humidity_percent: Column
    wind_2m_mps: Column
    radiation_mj_m2: Column
    night_clearness: Column = NIGHT_CLEARNESS_SEMIARID


@quiet
def saturation_kpa(temperature_degc: Column) -> Floats:
    """Saturation vapour pressure as FAO-56 takes it, equation (11).

    >>> saturation_kpa([15.0, 24.5]).round(3).tolist()
    [1.705, 3.075]
    """
    t = air_degc(temperature_degc)
    return np.asarray(0.6108 * np.exp(17.27 * t / (t + 237.3)))


def vapour_of_dew_point_kpa(dew_point_degc: Column) -> Floats:
    """Actual vapour pressure from the dew point, equation (14).

    >>> float(vapour_of_dew_point_kpa(17.0).round(2))
    1.94
    """
    return saturation_kpa(dew_point_degc)


def vapour_of_humidity_kpa(
    minimum_degc: Column, maximum_degc: Column, least_percent: Column, most_percent: Column
) -> Floats:
    """Actual vapour pressure of a day from the extremes of temperature and humidity, equation (17).

    FAO-56, example 5:

    >>> float(vapour_of_humidity_kpa(18.0, 25.0, 54.0, 82.0).round(2))
    1.7
    """
    return (
        saturation_kpa(minimum_degc) * humidity(most_percent) / 100.0
        + saturation_kpa(maximum_degc) * humidity(least_percent) / 100.0
    ) / 2.0


def vapour_of_mean_humidity_kpa(minimum_degc: Column, maximum_degc: Column, mean_percent: Column) -> Floats:
    """Actual vapour pressure of a day from its mean humidity, equation (19); less sure than from the extremes.

    FAO-56, example 5, with its mean of 68 %:

    >>> float(vapour_of_mean_humidity_kpa(18.0, 25.0, 68.0).round(2))
    1.78
    """
    saturation = (saturation_kpa(minimum_degc) + saturation_kpa(maximum_degc)) / 2.0
    return saturation * humidity(mean_percent) / 100.0


@quiet
def wind_at_2m_mps(speed_mps: Column, height_m: Column = 10.0) -> Floats:
    """Wind at 2 m over grass from wind at another height, equation (47).

    Parameters
    ----------
    speed_mps
        0 to 150 m/s.
    height_m
        Of the anemometer above ground, from 0.5 m.

    Examples
    --------
    FAO-56, example 14:

    >>> float(wind_at_2m_mps(3.2, 10.0).round(1))
    2.4
    """
    height = within(height_m, 0.5, 1000.0)
    return wind_mps(speed_mps) * 4.87 / np.log(67.8 * height - 5.42)


@quiet
def psychrometric_kpa_per_k(elevation_m: Column) -> Floats:
    """Psychrometric constant at the standard pressure of an elevation, equations (7) and (8).

    FAO-56, example 2:

    >>> float(psychrometric_kpa_per_k(1800.0).round(3))
    0.054
    """
    height = within(elevation_m, -450.0, 9000.0)
    return np.asarray(0.665e-3 * 101.3 * ((293.0 - 0.0065 * height) / 293.0) ** 5.26)


@quiet
def slope_kpa_per_k(temperature_degc: Column) -> Floats:
    """Slope of the saturation vapour pressure, equation (13).

    >>> float(slope_kpa_per_k(24.5).round(3))
    0.184
    """
    t = floats(temperature_degc)
    return 4098.0 * saturation_kpa(t) / (t + 237.3) ** 2


@quiet
def daily_et0_mm(site: Site, day: Day) -> Floats:
    """ET0 of days, equation (6).

    Parameters
    ----------
    site
        Its longitude is not used.
    day
        Weather; shapes that fit each other's and the site's.

    Returns
    -------
    mm/day, at least 0; NaN where something is missing, the minimum is above the maximum, the vapour pressure above
    saturation at the maximum, or the sun does not rise: without it nothing is known about the clouds.

    Examples
    --------
    FAO-56, example 17 (Bangkok, April; with its G of 0.14) and 18 (Uccle, 6 July; 9.25 h of sunshine, wind at 10 m):

    >>> from meteostream.derived.radiation import radiation_of_sunshine_mj_m2
    >>> from meteostream.derived.sun import daylight_h
    >>> def example(latitude, elevation, number, low, high, vapour, wind, sunshine, soil):
    ...     ra = daily_extraterrestrial_mj_m2(latitude, number)
    ...     rs = radiation_of_sunshine_mj_m2(sunshine, daylight_h(latitude, number), ra)
    ...     day = Day(number, low, high, vapour, wind, rs, soil)
    ...     return round(float(daily_et0_mm(Site(latitude, 0.0, elevation), day)), 2)
    >>> example(13.0 + 44 / 60, 2.0, 105, 25.6, 34.8, 2.85, 2.0, 8.5, 0.14)
    5.72
    >>> vapour = vapour_of_humidity_kpa(12.3, 21.5, 63.0, 84.0)
    >>> example(50.8, 100.0, 187, 12.3, 21.5, vapour, wind_at_2m_mps(10 / 3.6), 9.25, 0.0)
    3.88
    """
    low, high = air_degc(day.minimum_degc), air_degc(day.maximum_degc)
    low = np.where(low <= high, low, np.nan)
    mean = (low + high) / 2.0
    saturation = (saturation_kpa(low) + saturation_kpa(high)) / 2.0
    vapour = within(day.vapour_kpa, 0.0, np.inf)
    vapour = np.where(vapour <= saturation_kpa(high), vapour, np.nan)
    ra = daily_extraterrestrial_mj_m2(site.latitude_deg, day.day_of_year)
    rs = within(day.radiation_mj_m2, 0.0, MOST_HOURLY_MJ_M2 * 24.0)
    clearness = _clearness(rs, clear_sky_mj_m2(ra, site.elevation_m))
    fourth = ((high + FAO_ZERO_K) ** 4 + (low + FAO_ZERO_K) ** 4) / 2.0
    net = (1.0 - ALBEDO) * rs - _net_longwave(STEFAN_BOLTZMANN_MJ_K4_DAY * fourth, vapour, clearness)
    return _penman_monteith(
        mean,
        np.maximum(saturation - vapour, 0.0),
        day.wind_2m_mps,
        net - floats(day.soil_heat_mj_m2),
        psychrometric_kpa_per_k(site.elevation_m),
        DAILY_NUMERATOR,
    )


@quiet
def hourly_et0_mm(site: Site, hour: Hour, zone_deg: float = 0.0) -> Floats:
    """ET0 of hours, equation (53).

    Parameters
    ----------
    site
        Where.
    hour
        Weather; shapes that fit each other's and the site's.
    zone_deg
        Longitude of the clock's zone, east positive; 0 is UTC, as everything in this platform.

    Returns
    -------
    mm/h, at least 0 (dew is no evapotranspiration).

    Examples
    --------
    FAO-56, example 19 (N'Diaye, Senegal), from 14 to 15 h and from 2 to 3 h:

    >>> site = Site(16 + 13 / 60, -(16 + 15 / 60), 8.0)
    >>> float(hourly_et0_mm(site, Hour(274, 14.5, 38.0, 52.0, 3.3, 2.450), zone_deg=-15.0).round(2))
    0.63
    >>> float(hourly_et0_mm(site, Hour(274, 2.5, 28.0, 90.0, 1.9, 0.0, 0.8), zone_deg=-15.0).round(2))
    0.0
    """
    t = air_degc(hour.temperature_degc)
    saturation = saturation_kpa(t)
    vapour = saturation * humidity(hour.humidity_percent) / 100.0
    ra = hourly_extraterrestrial_mj_m2(
        site.latitude_deg, site.longitude_deg, hour.day_of_year, hour.middle_hour, zone_deg
    )
    rs = within(hour.radiation_mj_m2, 0.0, MOST_HOURLY_MJ_M2)
    ra_known = np.where(np.isfinite(ra), 1.0, np.nan)  # without a time it is neither day nor night
    is_day = ra > 0.0
    own = _clearness(rs, clear_sky_mj_m2(ra, site.elevation_m))
    clearness = ra_known * np.where(is_day, own, np.clip(floats(hour.night_clearness), LEAST_CLEARNESS, 1.0))
    black = STEFAN_BOLTZMANN_MJ_K4_DAY / 24.0 * (t + FAO_ZERO_K) ** 4
    net = (1.0 - ALBEDO) * rs - _net_longwave(black, vapour, clearness)
    soil = net * np.where(is_day, DAY_SOIL_SHARE, NIGHT_SOIL_SHARE)
    return _penman_monteith(
        t,
        saturation - vapour,
        hour.wind_2m_mps,
        net - soil,
        psychrometric_kpa_per_k(site.elevation_m),
        HOURLY_NUMERATOR,
    )


@quiet
def evening_clearness(site: Site, day_of_year: Column, middle_hour: Column, radiation_mj_m2: Column) -> Floats:
    """Rs/Rso of the last evening for each hour of a series: what stands for the clouds of the night.

    Parameters
    ----------
    site
        One place.
    day_of_year, middle_hour, radiation_mj_m2
        Hours that follow each other, UTC; one dimension.

    Returns
    -------
    Rs/Rso of the hour whose middle was last 3 to 2 h before sunset, 0.05 to 1; until the first, and after an evening
    without a value, FAO-56's value for semi-arid climates (0.8).

    Examples
    --------
    >>> hours = np.arange(24) + 0.5
    >>> rs = np.where(np.arange(24) == 16, 0.8, 0.0)
    >>> evening_clearness(Site(16.2, -16.25, 8.0), 274, hours, rs).round(2)[[15, 16, 23]].tolist()
    [0.8, 0.4, 0.4]
    """
    ra = hourly_extraterrestrial_mj_m2(site.latitude_deg, site.longitude_deg, day_of_year, middle_hour)
    rs = within(radiation_mj_m2, 0.0, MOST_HOURLY_MJ_M2)
    ra, rs, angle = np.broadcast_arrays(ra, rs, solar_time_angle_rad(middle_hour, site.longitude_deg, day_of_year))
    before_sunset = sunset_hour_angle_rad(site.latitude_deg, day_of_year) - angle
    is_evening = (before_sunset <= EVENING_RAD[0]) & (before_sunset > EVENING_RAD[1]) & (ra > 0.0)
    own = _clearness(rs, clear_sky_mj_m2(ra, site.elevation_m))
    known = np.where(np.isfinite(own), own, NIGHT_CLEARNESS_SEMIARID)
    last = np.maximum.accumulate(np.where(is_evening, np.arange(ra.size), -1))
    return np.where(last >= 0, known[last], NIGHT_CLEARNESS_SEMIARID)


def _clearness(radiation_mj_m2: Floats, clear_mj_m2: Floats) -> Floats:
    return np.clip(radiation_mj_m2 / np.where(clear_mj_m2 > 0.0, clear_mj_m2, np.nan), LEAST_CLEARNESS, 1.0)


def _net_longwave(black_mj_m2: Floats, vapour_kpa: Floats, clearness: Floats) -> Floats:
    """Equation (39)."""
    return black_mj_m2 * (0.34 - 0.14 * np.sqrt(vapour_kpa)) * (1.35 * clearness - 0.35)


def _penman_monteith(
    temperature_degc: Floats,
    deficit_kpa: Floats,
    wind_2m_mps: Column,
    energy_mj_m2: Floats,
    psychrometric: Floats,
    numerator: float,
) -> Floats:
    """Equations (6) and (53), which differ by one number."""
    wind = wind_mps(wind_2m_mps)
    slope = slope_kpa_per_k(temperature_degc)
    above = 0.408 * slope * energy_mj_m2 + psychrometric * numerator / (temperature_degc + 273.0) * wind * deficit_kpa
    below = slope + psychrometric * (1.0 + 0.34 * wind)
    return np.maximum(above / below, 0.0)
