"""Radiation over time: from mean irradiance to sums of energy, and from sunshine to radiation."""

from __future__ import annotations

from typing import Final

import numpy as np

from meteostream.derived.arrays import Column, Floats, quiet, within

J_PER_MJ: Final = 1e6
MOST_W_M2: Final = 1600.0
"""Instrument range of a pyranometer (WMO AWS guideline, Zahumenský 2004)."""
LEAST_W_M2: Final = -10.0
"""Thermal offset of a pyranometer at night, which is set to 0 [our own judgement, WMO-No. 8 calls for such a limit]."""
ANGSTROM_A: Final = 0.25
ANGSTROM_B: Final = 0.50
"""FAO-56, equation (35), where no calibration is available."""


def radiation_sum_mj_m2(irradiance_w_m2: Column, step_s: float, axis: int = -1) -> Floats:
    """Energy of steps of equal length that follow each other: a sum needs all of them.

    Parameters
    ----------
    irradiance_w_m2
        Mean irradiance of each step, at most 1600 W m-2; small negative values at night (to -10) are 0.
    step_s
        Length of a step, s.
    axis
        Along which to sum.

    Returns
    -------
    MJ m-2, NaN where a step is missing or impossible, and for no steps at all.

    Raises
    ------
    ValueError
        If the step is not positive.

    Examples
    --------
    >>> float(radiation_sum_mj_m2([0.0, 500.0, 1000.0, 500.0], 3600.0))
    7.2
    >>> float(radiation_sum_mj_m2([0.0, np.nan, 1000.0], 3600.0))
    nan
    """
    if not step_s > 0:
        raise ValueError(f"step_s: expected a length above 0, found {step_s}")
    power = np.maximum(within(irradiance_w_m2, LEAST_W_M2, MOST_W_M2), 0.0)
    if power.shape[axis] == 0:
        return np.asarray(np.full(np.delete(power.shape, axis), np.nan))
    return np.asarray(np.sum(power, axis=axis) * step_s / J_PER_MJ)


@quiet
def radiation_of_sunshine_mj_m2(sunshine_h: Column, daylight_h: Column, extraterrestrial_mj_m2: Column) -> Floats:
    """Daily global radiation by Ångström's formula, (0.25 + 0.50 n/N) Ra.

    Parameters
    ----------
    sunshine_h
        Sunshine of the day, h; at most the daylight.
    daylight_h
        Longest possible, h.
    extraterrestrial_mj_m2
        Ra, MJ m-2 of the day.

    Examples
    --------
    FAO-56, example 10 (Rio de Janeiro, May: 7.1 of 10.9 h, Ra 25.1):

    >>> float(radiation_of_sunshine_mj_m2(7.1, 10.9, 25.1).round(1))
    14.4

    References
    ----------
    Allen et al. (1998), FAO Irrigation and Drainage Paper 56, equation (35).
    """
    share = within(np.asarray(sunshine_h, np.float64) / np.asarray(daylight_h, np.float64), 0.0, 1.0)
    return (ANGSTROM_A + ANGSTROM_B * share) * within(extraterrestrial_mj_m2, 0.0, np.inf)
