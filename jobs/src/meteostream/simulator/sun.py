"""The sun's place, by the Fourier series of Spencer (1971), and what it sends through a clear sky."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.simulator.random import Floats, Integers

DAY_S: Final = 86_400
YEAR_DAYS: Final = 365.2425
DEGREES_PER_HOUR: Final = 15.0


class Sun(NamedTuple):
    """``solar_hour`` is local apparent solar time in hours, ``cos_zenith`` is negative at night."""

    solar_hour: Floats
    cos_zenith: Floats


def sun(seconds: Integers, latitude: Floats, longitude: Floats) -> Sun:
    """Solar time and cosine of the zenith angle.

    Parameters
    ----------
    seconds
        UTC, since 1970.
    latitude, longitude
        Degrees north and east.

    Examples
    --------
    Over the equator at the March equinox's noon the sun stands overhead:

    >>> noon = np.array([1774094400 + 7 * 60])  # 2026-03-21 12:07 UTC, when solar noon is at Greenwich
    >>> round(float(sun(noon, np.zeros(1), np.zeros(1)).cos_zenith[0]), 3)
    1.0
    """
    days = seconds / DAY_S
    angle = 2.0 * np.pi * np.mod(days, YEAR_DAYS) / YEAR_DAYS
    declination = (
        0.006918
        - 0.399912 * np.cos(angle)
        + 0.070257 * np.sin(angle)
        - 0.006758 * np.cos(2 * angle)
        + 0.000907 * np.sin(2 * angle)
        - 0.002697 * np.cos(3 * angle)
        + 0.00148 * np.sin(3 * angle)
    )
    equation_hours = (
        (
            0.000075
            + 0.001868 * np.cos(angle)
            - 0.032077 * np.sin(angle)
            - 0.014615 * np.cos(2 * angle)
            - 0.04089 * np.sin(2 * angle)
        )
        * 12.0
        / np.pi
    )
    solar_hour = np.mod(np.mod(days, 1.0) * 24.0 + longitude / DEGREES_PER_HOUR + equation_hours, 24.0)
    hour_angle = np.deg2rad(DEGREES_PER_HOUR * (solar_hour - 12.0))
    phi = np.deg2rad(latitude)
    cos_zenith = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle)
    return Sun(solar_hour, np.asarray(cos_zenith, np.float64))


def clear_sky(cos_zenith: Floats) -> Floats:
    """Global irradiance under a clear sky, W m-2 (Haurwitz 1945; the form pvlib has).

    >>> clear_sky(np.array([1.0, 0.5, -0.1])).round(1).tolist()
    [1035.1, 487.9, 0.0]
    """
    up = np.maximum(cos_zenith, 1e-6)
    return np.where(cos_zenith > 0, 1098.0 * up * np.exp(-0.059 / up), 0.0)
