"""What heat and humidity are to people: heat index, wet-bulb temperature, simplified WBGT."""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.derived.arrays import Column, Floats, humidity, quiet, within
from meteostream.derived.units import degc_to_degf, degf_to_degc

HEAT_INDEX_LEAST_DEGF: Final = 40.0
HEAT_INDEX_MOST_DEGF: Final = 140.0
"""Steadman's tables behind the regression end here; below, the felt temperature is wind's business."""
ROTHFUSZ: Final = (
    (-42.379, 2.04901523, -6.83783e-3),  # 1, T, T^2
    (10.14333127, -0.22475541, 1.22874e-3),  # R times the same
    (-5.481717e-2, 8.5282e-4, -1.99e-6),  # R^2 times the same
)
"""Rothfusz (1990), NWS Southern Region Technical Attachment SR 90-23; temperature in degF, humidity in per cent."""
REGRESSION_FROM_DEGF: Final = 80.0
DRY_BELOW_PERCENT: Final = 13.0
DRY_TO_DEGF: Final = 112.0
HUMID_ABOVE_PERCENT: Final = 85.0
HUMID_TO_DEGF: Final = 87.0
"""Where NWS takes the regression, and where it adjusts it."""

STULL_LEAST_DEGC: Final = -20.0
STULL_MOST_DEGC: Final = 50.0
STULL_LEAST_PERCENT: Final = 5.0
STULL_MOST_PERCENT: Final = 99.0
STULL_DRY_FROM_DEGC: Final = 10.0
STULL_DRY_SLOPE: Final = 2.0
"""Stull (2011), figure 3, leaves out air that is both cold and dry. As a line, our own reading: at 5 % from 10 degC on,
and each degree colder needs two per cent more; the oracle test holds what is left to the error that is stated."""

ABM_HPA: Final = 6.105
ABM_A: Final = 17.27
ABM_B_DEGC: Final = 237.7
"""Vapour pressure as the Australian Bureau of Meteorology takes it for its approximation of WBGT."""


@quiet
def heat_index_degc(temperature_degc: Column, humidity_percent: Column) -> Floats:
    """Heat index of the US National Weather Service: how hot it feels in the shade in light wind.

    Rothfusz's regression with both adjustments; where the mean of temperature and Steadman's simple formula is below
    80 degF, that mean.

    Parameters
    ----------
    temperature_degc
        40 to 140 degF (4.4 to 60 degC).
    humidity_percent
        0 to 100 %.

    Examples
    --------
    NWS's chart at (90 degF, 70 %) and (95, 55); its adjustments (100, 10) and (85, 90); a mild day:

    >>> cases = [(90, 70), (95, 55), (100, 10), (85, 90), (70, 60)]
    >>> [round(float(degc_to_degf(heat_index_degc(degf_to_degc(t), rh))), 1) for t, rh in cases]
    [105.9, 108.9, 94.1, 101.8, 69.8]

    References
    ----------
    NWS Weather Prediction Center, "The Heat Index Equation"; Rothfusz (1990), SR 90-23; Steadman (1979), J. Appl.
    Meteor. 18, 861-873.
    """
    t = within(degc_to_degf(temperature_degc), HEAT_INDEX_LEAST_DEGF, HEAT_INDEX_MOST_DEGF)
    r = humidity(humidity_percent)
    simple = 0.5 * (t + 61.0 + (t - 68.0) * 1.2 + r * 0.094)
    mild = (simple + t) / 2.0
    powers = (np.ones_like(t), t, t * t)
    regression = sum(
        (
            factor * power * r**degree
            for degree, factors in enumerate(ROTHFUSZ)
            for factor, power in zip(factors, powers, strict=True)
        ),
        np.zeros_like(t * r),
    )
    is_dry = (r < DRY_BELOW_PERCENT) & (t >= REGRESSION_FROM_DEGF) & (t <= DRY_TO_DEGF)
    is_humid = (r > HUMID_ABOVE_PERCENT) & (t >= REGRESSION_FROM_DEGF) & (t <= HUMID_TO_DEGF)
    dry = (DRY_BELOW_PERCENT - r) / 4.0 * np.sqrt(np.maximum(17.0 - np.abs(t - 95.0), 0.0) / 17.0)
    humid = (r - HUMID_ABOVE_PERCENT) / 10.0 * (HUMID_TO_DEGF - t) / 5.0
    adjusted = regression - np.where(is_dry, dry, 0.0) + np.where(is_humid, humid, 0.0)
    return degf_to_degc(np.where(mild >= REGRESSION_FROM_DEGF, adjusted, mild))


@quiet
def wet_bulb_degc(temperature_degc: Column, humidity_percent: Column) -> Floats:
    """Wet-bulb temperature at sea level's pressure, by Stull's fit.

    Its error is -1.0 to +0.65 degC, as the paper says, up to 32 degC. Beside the psychrometer's equation it grows to
    +1.3 degC at 50 degC and 30 % (our own comparison, an oracle test).

    Parameters
    ----------
    temperature_degc
        -20 to 50 degC.
    humidity_percent
        5 to 99 %; of cold air only what is not dry as well (NaN below the line of :data:`STULL_DRY_SLOPE`).

    Examples
    --------
    >>> wet_bulb_degc([20.0, 40.0, 0.0], [50.0, 10.0, 10.0]).round(1).tolist()
    [13.7, 18.5, nan]

    References
    ----------
    Stull (2011), Wet-Bulb Temperature from Relative Humidity and Air Temperature, J. Appl. Meteor. Climatol. 50,
    2267-2269, equation (1).
    """
    t = within(temperature_degc, STULL_LEAST_DEGC, STULL_MOST_DEGC)
    r = within(humidity_percent, STULL_LEAST_PERCENT, STULL_MOST_PERCENT)
    cold_and_dry = r < STULL_LEAST_PERCENT + STULL_DRY_SLOPE * (STULL_DRY_FROM_DEGC - t)
    fitted = (
        t * np.arctan(0.151977 * np.sqrt(r + 8.313659))
        + np.arctan(t + r)
        - np.arctan(r - 1.676331)
        + 0.00391838 * r**1.5 * np.arctan(0.023101 * r)
        - 4.686035
    )
    return np.where(cold_and_dry, np.nan, fitted)


@quiet
def wbgt_simple_degc(temperature_degc: Column, humidity_percent: Column) -> Floats:
    """Wet-bulb globe temperature as the Australian Bureau of Meteorology approximates it: 0.567 T + 0.393 e + 3.94.

    It supposes moderately strong sun and light wind, and overestimates on cloudy or windy days and at night; it is no
    substitute for a measured WBGT.

    Examples
    --------
    >>> float(wbgt_simple_degc(35, 50).round(1))
    34.8

    References
    ----------
    Australian Bureau of Meteorology, "Thermal comfort observations"; ACSM (1984), Med. J. Aust. 141, 876.
    """
    t = within(temperature_degc, STULL_LEAST_DEGC, 60.0)
    vapour_hpa = humidity(humidity_percent) / 100.0 * ABM_HPA * np.exp(ABM_A * t / (ABM_B_DEGC + t))
    return 0.567 * t + 0.393 * vapour_hpa + 3.94
