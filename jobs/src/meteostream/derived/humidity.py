"""Water vapour: vapour pressure, dew point, relative humidity, virtual temperature.

Magnus' formula over liquid water with the constants of WMO-No. 8 (Guide to Instruments and Methods of Observation,
volume I, annex 4.B), below freezing too, as dew point and relative humidity are reported with respect to water.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.derived.arrays import Column, Floats, air_degc, floats, humidity, quiet, within
from meteostream.derived.units import degc_to_k

MAGNUS_HPA: Final = 6.112
MAGNUS_A: Final = 17.62
MAGNUS_B_DEGC: Final = 243.12
"""WMO-No. 8, annex 4.B, formula (4.B.1): e = 6.112 exp(17.62 t / (243.12 + t))."""
LEAST_DEGC: Final = -45.0
MOST_DEGC: Final = 60.0
"""Where WMO-No. 8 gives the formula for: -45 to 60 degC."""
DRY_TO_VAPOUR: Final = 0.622
"""Ratio of the molar masses of water and of dry air (18.015 / 28.964), to the digits of WMO-No. 8."""


@quiet
def saturation_vapour_pressure_hpa(temperature_degc: Column) -> Floats:
    """Pressure of vapour in saturated air over water.

    Parameters
    ----------
    temperature_degc
        -45 to 60 degC.

    Examples
    --------
    >>> saturation_vapour_pressure_hpa([0.0, 20.0, 30.0, 61.0]).round(3).tolist()
    [6.112, 23.326, 42.337, nan]
    """
    t = within(temperature_degc, LEAST_DEGC, MOST_DEGC)
    return np.asarray(MAGNUS_HPA * np.exp(MAGNUS_A * t / (MAGNUS_B_DEGC + t)))


@quiet
def vapour_pressure_hpa(temperature_degc: Column, humidity_percent: Column) -> Floats:
    """Pressure of the vapour in the air.

    >>> float(vapour_pressure_hpa(30, 50).round(3))
    21.169
    """
    return saturation_vapour_pressure_hpa(temperature_degc) * humidity(humidity_percent) / 100.0


@quiet
def dew_point_of_vapour_degc(vapour_hpa: Column) -> Floats:
    """Temperature at which air of this vapour pressure is saturated; the inverse of Magnus' formula.

    Air without vapour has none (NaN).

    >>> dew_point_of_vapour_degc([6.112, 23.326, 0.0]).round(2).tolist()
    [0.0, 20.0, nan]
    """
    e = floats(vapour_hpa)
    logarithm = np.log(np.where(e > 0, e, np.nan) / MAGNUS_HPA)
    return within(MAGNUS_B_DEGC * logarithm / (MAGNUS_A - logarithm), -np.inf, MOST_DEGC)


@quiet
def dew_point_degc(temperature_degc: Column, humidity_percent: Column) -> Floats:
    """Dew point.

    Parameters
    ----------
    temperature_degc
        -45 to 60 degC.
    humidity_percent
        0 to 100 %; at 0 % there is no dew point.

    Examples
    --------
    >>> dew_point_degc([30.0, 20.0, 38.0], [50.0, 100.0, 5.0]).round(2).tolist()
    [18.44, 20.0, -8.19]
    """
    return dew_point_of_vapour_degc(vapour_pressure_hpa(temperature_degc, humidity_percent))


@quiet
def relative_humidity_percent(temperature_degc: Column, dew_point_degc: Column) -> Floats:
    """Relative humidity from the dew point, which may not lie above the temperature.

    >>> relative_humidity_percent([30.0, 20.0, 20.0], [18.44, 20.0, 20.1]).round(1).tolist()
    [50.0, 100.0, nan]
    """
    share = saturation_vapour_pressure_hpa(dew_point_degc) / saturation_vapour_pressure_hpa(temperature_degc)
    return humidity(100.0 * share)


@quiet
def virtual_temperature_k(temperature_degc: Column, vapour_hpa: Column, pressure_hpa: Column) -> Floats:
    """Temperature that dry air of the same density and pressure would have: T / (1 - (1 - 0.622) e / p).

    >>> float(virtual_temperature_k(30.0, 21.163, 1000.0).round(2))
    305.59
    """
    p = within(pressure_hpa, 0.0, 1100.0)
    e = floats(vapour_hpa)
    possible = (e >= 0) & (p > e)
    ratio = np.where(possible, e, np.nan) / p
    return degc_to_k(air_degc(temperature_degc)) / (1.0 - (1.0 - DRY_TO_VAPOUR) * ratio)
