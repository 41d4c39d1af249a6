"""The sun of FAO-56: declination, daylight, and the radiation above the atmosphere, of days and of hours.

Allen et al. (1998), Crop evapotranspiration, FAO Irrigation and Drainage Paper 56, chapter 3; equation numbers are its.
Simpler than an ephemeris on purpose: the reference evapotranspiration is defined with these.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.derived.arrays import Column, Floats, floats, quiet, within

SOLAR_CONSTANT_MJ_M2_MIN: Final = 0.0820
DAYS_OF_YEAR: Final = 365.0
"""FAO-56 divides by 365 in leap years too."""
POLE_DEG: Final = 90.0
DEG_PER_HOUR: Final = 15.0


def inverse_distance(day_of_year: Column) -> Floats:
    """Inverse relative distance to the sun, equation (23).

    >>> float(inverse_distance(246).round(3))
    0.985
    """
    return np.asarray(1.0 + 0.033 * np.cos(2.0 * np.pi / DAYS_OF_YEAR * _day(day_of_year)))


def declination_rad(day_of_year: Column) -> Floats:
    """Declination of the sun, equation (24).

    >>> float(declination_rad(246).round(3))
    0.12
    """
    return np.asarray(0.409 * np.sin(2.0 * np.pi / DAYS_OF_YEAR * _day(day_of_year) - 1.39))


def sunset_hour_angle_rad(latitude_deg: Column, day_of_year: Column) -> Floats:
    """Hour angle of sunset, equation (25): pi where the sun does not set, 0 where it does not rise.

    >>> sunset_hour_angle_rad([-20.0, 90.0, -90.0], [246, 172, 172]).round(3).tolist()
    [1.527, 3.142, 0.0]
    """
    phi = np.deg2rad(within(latitude_deg, -POLE_DEG, POLE_DEG))
    return np.asarray(np.arccos(np.clip(-np.tan(phi) * np.tan(declination_rad(day_of_year)), -1.0, 1.0)))


def daylight_h(latitude_deg: Column, day_of_year: Column) -> Floats:
    """Daylight hours N, equation (34).

    >>> float(daylight_h(-20.0, 246).round(1))
    11.7
    """
    return 24.0 / np.pi * sunset_hour_angle_rad(latitude_deg, day_of_year)


@quiet
def daily_extraterrestrial_mj_m2(latitude_deg: Column, day_of_year: Column) -> Floats:
    """Radiation above the atmosphere on a horizontal surface during a day, Ra, equation (21).

    Parameters
    ----------
    latitude_deg
        -90 to 90, north positive.
    day_of_year
        1 to 366.

    Examples
    --------
    FAO-56, example 8 (20 degrees south, 3 September):

    >>> float(daily_extraterrestrial_mj_m2(-20.0, 246).round(1))
    32.2
    """
    phi = np.deg2rad(within(latitude_deg, -POLE_DEG, POLE_DEG))
    delta = declination_rad(day_of_year)
    omega = sunset_hour_angle_rad(latitude_deg, day_of_year)
    share = omega * np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.sin(omega)
    above = 24.0 * 60.0 / np.pi * SOLAR_CONSTANT_MJ_M2_MIN * inverse_distance(day_of_year) * share
    return np.asarray(np.maximum(above, 0.0))


def solar_time_angle_rad(hour: Column, longitude_deg: Column, day_of_year: Column, zone_deg: float = 0.0) -> Floats:
    """Hour angle of the sun, -pi to pi, 0 at solar noon; equations (31) to (33).

    Parameters
    ----------
    hour
        Clock time in hours and fractions, UTC unless a zone is given.
    longitude_deg
        East positive.
    day_of_year
        1 to 366.
    zone_deg
        Longitude of the clock's zone, east positive (FAO-56 counts both westwards).
    """
    b = 2.0 * np.pi * (_day(day_of_year) - 81.0) / 364.0
    correction_h = 0.1645 * np.sin(2.0 * b) - 0.1255 * np.cos(b) - 0.025 * np.sin(b)
    longitude = within(longitude_deg, -180.0, 180.0)
    solar = within(hour, 0.0, 24.0) + (longitude - zone_deg) / DEG_PER_HOUR + correction_h
    return np.asarray(np.mod(np.pi / 12.0 * (solar - 12.0) + np.pi, 2.0 * np.pi) - np.pi)


@quiet
def hourly_extraterrestrial_mj_m2(
    latitude_deg: Column, longitude_deg: Column, day_of_year: Column, middle_hour: Column, zone_deg: float = 0.0
) -> Floats:
    """Radiation above the atmosphere during the hour around a time, equations (28) to (33); 0 at night.

    The hour is cut at sunrise and sunset (FAO-56 takes whole hours; the sum of 24 hours is the day's Ra this way).

    Parameters
    ----------
    latitude_deg, longitude_deg
        North and east positive.
    day_of_year
        1 to 366.
    middle_hour
        Middle of the hour: 14.5 for 14 to 15.
    zone_deg
        Longitude of the clock's zone, east positive; 0 is UTC.

    Examples
    --------
    FAO-56, example 19 (N'Diaye, Senegal, 1 October, 14 to 15 h by a clock of 15 degrees west); by UTC's clock this is
    the hour from 15 to 16:

    >>> lat, lon = 16 + 13 / 60, -(16 + 15 / 60)
    >>> float(hourly_extraterrestrial_mj_m2(lat, lon, 274, 14.5, zone_deg=-15.0).round(3))
    3.543
    >>> float(hourly_extraterrestrial_mj_m2(lat, lon, 274, 15.5).round(3))
    3.543
    >>> float(hourly_extraterrestrial_mj_m2(lat, lon, 274, 2.5, zone_deg=-15.0))
    0.0
    """
    phi = np.deg2rad(within(latitude_deg, -POLE_DEG, POLE_DEG))
    delta = declination_rad(day_of_year)
    sunset = sunset_hour_angle_rad(latitude_deg, day_of_year)
    middle = solar_time_angle_rad(middle_hour, longitude_deg, day_of_year, zone_deg)
    total = np.zeros(np.broadcast_shapes(phi.shape, delta.shape, middle.shape))
    # An hour around solar midnight lies on both sides of the angle's cut; where the sun never sets, both count.
    for turn in (-2.0 * np.pi, 0.0, 2.0 * np.pi):
        begin = np.clip(middle + turn - np.pi / 24.0, -sunset, sunset)
        end = np.clip(middle + turn + np.pi / 24.0, -sunset, sunset)
        total = total + (
            (end - begin) * np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * (np.sin(end) - np.sin(begin))
        )
    return np.maximum(
        12.0 * 60.0 / np.pi * SOLAR_CONSTANT_MJ_M2_MIN * inverse_distance(day_of_year) * total,
        0.0,
    )


def clear_sky_mj_m2(extraterrestrial_mj_m2: Column, elevation_m: Column) -> Floats:
    """Radiation under a clear sky, Rso, equation (37): (0.75 + 2e-5 z) Ra.

    >>> float(clear_sky_mj_m2(3.543, 8.0).round(3))
    2.658
    """
    return (0.75 + 2e-5 * floats(elevation_m)) * floats(extraterrestrial_mj_m2)


def _day(day_of_year: Column) -> Floats:
    return within(day_of_year, 1.0, 366.0)
