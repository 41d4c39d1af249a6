"""What all formulas share: the type of their columns, and where a formula may be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Column = npt.ArrayLike
"""What a formula takes: a number, a sequence or an array, of numbers; NaN where there is no value."""

P = ParamSpec("P")

LEAST_DEGC: Final = -90.0
MOST_DEGC: Final = 70.0
"""No air near the ground was ever colder (-89.2 degC, Vostok) or hotter (56.7 degC, Furnace Creek; WMO's archive)."""
MOST_MPS: Final = 150.0
"""Gross limit of a mean wind (the quality control's)."""


def quiet(formula: Callable[P, Floats]) -> Callable[P, Floats]:
    """Decorate a formula that says by NaN, not by a warning, where it has no result."""

    @wraps(formula)
    def silent(*args: P.args, **kwargs: P.kwargs) -> Floats:
        with np.errstate(all="ignore"):
            return formula(*args, **kwargs)

    return silent


def floats(value: Column) -> Floats:
    """Argument as an array of floats; infinite values are as good as missing.

    >>> floats([1, float("inf"), float("nan")]).tolist()
    [1.0, nan, nan]
    """
    array = np.asarray(value, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def within(value: Column, low: float, high: float) -> Floats:
    """Argument where it lies in a closed interval, else NaN.

    >>> within([-1, 0, 100, 101], 0, 100).tolist()
    [nan, 0.0, 100.0, nan]
    """
    array = floats(value)
    return np.where((array >= low) & (array <= high), array, np.nan)


def air_degc(temperature_degc: Column) -> Floats:
    """Air temperature where it is possible."""
    return within(temperature_degc, LEAST_DEGC, MOST_DEGC)


def wind_mps(speed_mps: Column) -> Floats:
    """Mean wind where it is possible."""
    return within(speed_mps, 0.0, MOST_MPS)


def humidity(percent: Column) -> Floats:
    """Relative humidity where it is possible: 0 to 100 per cent."""
    return within(percent, 0.0, 100.0)
