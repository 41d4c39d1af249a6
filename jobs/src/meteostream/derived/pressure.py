"""Pressure at sea level from pressure at the barometer: both formulas of WMO-No. 8.

Neither is for QNH, which is another reduction (ICAO's standard atmosphere); a METAR's Q is never sea-level pressure.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.derived.arrays import Column, Floats, air_degc, floats, quiet, within
from meteostream.derived.humidity import saturation_vapour_pressure_hpa
from meteostream.derived.units import degc_to_k

LOW_STATION_M: Final = 50.0
"""Below this height of the barometer the constant reduction is used (WMO-No. 8, volume I, section 3.7.2)."""
SCALE_M_PER_K: Final = 29.27
"""R / g for dry air, m/K: C = p H / (29.27 Tv)."""
KP_K_PER_GPM: Final = 0.0148275
LAPSE_K_PER_GPM: Final = 0.0065
HUMIDITY_K_PER_HPA: Final = 0.12
"""WMO-No. 8, volume I, section 3.7.2 (CIMO's formula of 1950): Kp, a, Ch."""
HIGHEST_GPM: Final = 750.0
"""WMO-No. 8 recommends the formula for stations below 750 m; higher ones report a geopotential instead."""
LOWEST_M: Final = -450.0
"""The Dead Sea's shore: below it is no station."""
LEAST_HPA: Final = 500.0
MOST_HPA: Final = 1100.0
"""Instrument range of a barometer (WMO-No. 8, annex 1.A)."""


@quiet
def low_station_sea_level_pressure_hpa(
    station_pressure_hpa: Column, barometer_m: Column, annual_virtual_temperature_k: Column
) -> Floats:
    """Pressure at sea level for a barometer below 50 m: p + p H / (29.27 Tv).

    Parameters
    ----------
    station_pressure_hpa
        500 to 1100 hPa.
    barometer_m
        Height of the barometer (not of the station), m above mean sea level; NaN from 50 m up.
    annual_virtual_temperature_k
        The station's annual mean of the virtual temperature, a constant of the station.

    Examples
    --------
    >>> float(low_station_sea_level_pressure_hpa(1010.1, 27.0, 299.0).round(1))
    1013.2

    References
    ----------
    WMO-No. 8, volume I, section 3.7.2.
    """
    p = within(station_pressure_hpa, LEAST_HPA, MOST_HPA)
    height = floats(barometer_m)
    height = np.where((height >= LOWEST_M) & (height < LOW_STATION_M), height, np.nan)
    virtual = within(annual_virtual_temperature_k, 200.0, 350.0)
    return p + p * height / (SCALE_M_PER_K * virtual)


@quiet
def sea_level_pressure_hpa(
    station_pressure_hpa: Column, barometer_gpm: Column, temperature_degc: Column, dew_point_degc: Column
) -> Floats:
    """Pressure at sea level by the present temperature and humidity: log10(p0/p) = Kp H / (T + a H/2 + e Ch).

    Parameters
    ----------
    station_pressure_hpa
        500 to 1100 hPa.
    barometer_gpm
        Height of the barometer above mean sea level, geopotential metres, up to 750.
    temperature_degc, dew_point_degc
        At the station, at the time.

    Examples
    --------
    Kédougou's height:

    >>> float(sea_level_pressure_hpa(990.0, 178.0, 30.0, 15.0).round(2))
    1009.87

    References
    ----------
    WMO-No. 8, volume I, section 3.7.2; WMO (1954), Technical Note 7.
    """
    p = within(station_pressure_hpa, LEAST_HPA, MOST_HPA)
    height = within(barometer_gpm, LOWEST_M, HIGHEST_GPM)
    column_k = (
        degc_to_k(air_degc(temperature_degc))
        + LAPSE_K_PER_GPM * height / 2.0
        + saturation_vapour_pressure_hpa(dew_point_degc) * HUMIDITY_K_PER_HPA
    )
    return np.asarray(p * 10.0 ** (KP_K_PER_GPM * height / np.where(column_k > 0, column_k, np.nan)))


@quiet
def reduced_pressure_hpa(
    station_pressure_hpa: Column,
    barometer_m: Column,
    temperature_degc: Column,
    dew_point_degc: Column,
    annual_virtual_temperature_k: Column,
) -> Floats:
    """Pressure at sea level by the formula that WMO-No. 8 has for the barometer's height.

    Below 50 m the constant reduction, from 50 m on the full one. A station whose barometer's height is not known has
    no sea-level pressure: the station's own elevation is no substitute.

    >>> reduced_pressure_hpa([1010.1, 990.0, 990.0], [27.0, 178.0, np.nan], 30.0, 15.0, 299.0).round(1).tolist()
    [1013.2, 1009.9, nan]
    """
    height = floats(barometer_m)
    low = low_station_sea_level_pressure_hpa(station_pressure_hpa, barometer_m, annual_virtual_temperature_k)
    full = sea_level_pressure_hpa(station_pressure_hpa, barometer_m, temperature_degc, dew_point_degc)
    return np.where(height < LOW_STATION_M, low, full)
