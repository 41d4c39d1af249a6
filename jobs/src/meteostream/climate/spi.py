"""Standardised Precipitation Index: how unusual the rain of the last months is at this place and season.

The sums of 1, 3, 6 or 12 months are ranked among the same calendar months of a reference period: a gamma distribution
is fitted to the sums above zero, the share of zeros is added, and the probability is written as a standard normal
deviate.

References: McKee, Doesken & Kleist (1993); WMO-No. 1090 (2012), Standardized Precipitation Index User Guide; Thom
(1958), A note on the gamma distribution, Mon. Wea. Rev. 86, 117-122 (the fit).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from meteostream.climate.series import Monthly
from meteostream.derived.arrays import Floats, floats

SCALES: Final = (1, 3, 6, 12)
LEAST_YEARS: Final = 30
"""WMO-No. 1090 asks for at least 30 years of sums."""
LEAST_RAINY_YEARS: Final = 10
"""Sums above zero that a fit needs [our own judgement]: two parameters from fewer say nothing. In Senegal's dry season
there is therefore no SPI-1, as there should not be."""
LIMIT: Final = 3.09
"""WMO-No. 1090 and the reference implementation end here: beyond, thirty years cannot tell."""


class Fit(NamedTuple):
    """Distribution of one calendar month's sums.

    Attributes
    ----------
    shape, scale_mm
        Of the gamma distribution of the sums above zero; NaN if there are too few.
    zeros
        Share of sums that are zero.
    years
        Sums in the reference period.
    """

    shape: float
    scale_mm: float
    zeros: float
    years: int


def sums_of(rain_mm: Monthly, scale: int) -> Floats:
    """Sums of the last ``scale`` months; NaN where one of them is missing.

    >>> sums_of(Monthly(2020, 1, np.array([1.0, 2.0, np.nan, 4.0, 5.0])), 2).tolist()
    [nan, 3.0, nan, nan, 9.0]

    Raises
    ------
    ValueError
        For a scale below 1.
    """
    if scale < 1:
        raise ValueError(f"scale: expected a number of months from 1 on, found {scale}")
    values = floats(rain_mm.values)
    found = np.full(values.shape, np.nan)
    if values.size >= scale:
        found[scale - 1 :] = np.lib.stride_tricks.sliding_window_view(values, scale).sum(axis=1)
    return found


def fit(sums_mm: Floats) -> Fit:
    """Gamma distribution of sums of one calendar month, by Thom's approximation of the greatest likelihood.

    Parameters
    ----------
    sums_mm
        One dimension, one value a year of the reference period; NaN where there is none.

    Examples
    --------
    Fewer than 30 years have no fit:

    >>> fit(np.arange(1.0, 30.0))
    Fit(shape=nan, scale_mm=nan, zeros=nan, years=29)
    >>> found = fit(np.arange(1.0, 31.0))
    >>> round(found.shape, 3), round(found.shape * found.scale_mm, 3), found.zeros
    (2.137, 15.5, 0.0)
    """
    known = sums_mm[np.isfinite(sums_mm) & (sums_mm >= 0.0)]
    rainy = known[known > 0.0]
    if known.size < LEAST_YEARS or rainy.size < LEAST_RAINY_YEARS:
        return Fit(np.nan, np.nan, np.nan, int(known.size))
    mean = rainy.mean()
    a = float(np.log(mean) - np.log(rainy).mean())
    zeros = float((known.size - rainy.size) / known.size)
    if not a > 0.0:  # all sums are one and the same: no distribution
        return Fit(np.nan, np.nan, zeros, int(known.size))
    shape = (1.0 + np.sqrt(1.0 + 4.0 * a / 3.0)) / (4.0 * a)
    return Fit(float(shape), float(mean / shape), zeros, int(known.size))


def deviate(sums_mm: Floats, found: Fit) -> Floats:
    """SPI of sums by a fit, -3.09 to 3.09; NaN without sum or fit."""
    sums = floats(sums_mm)
    with np.errstate(invalid="ignore"):
        gamma = special.gammainc(found.shape, np.where(sums >= 0.0, sums, np.nan) / found.scale_mm)
        return np.asarray(np.clip(special.ndtri(found.zeros + (1.0 - found.zeros) * gamma), -LIMIT, LIMIT))


def spi(rain_mm: Monthly, scale: int, first_year: int = 1991, last_year: int = 2020) -> Floats:
    """SPI of each month.

    Parameters
    ----------
    rain_mm
        Monthly sums, complete months only (NaN else).
    scale
        Months that are summed.
    first_year, last_year
        Reference period, both included.

    Returns
    -------
    One value a month; NaN where months of the sum are missing, the calendar month has fewer than 30 sums in the
    reference period, or too few of them above zero.

    Examples
    --------
    The same rain every year but one, which is twice as wet in July:

    >>> year = np.array([0, 0, 0, 0, 2, 30, 80, 150, 120, 30, 1, 0.0])
    >>> noise = np.random.default_rng(1).gamma(4.0, 0.25, (35, 12))
    >>> rain = (year * noise)
    >>> found = spi(Monthly(1990, 1, rain.ravel()), 3).reshape(35, 12)
    >>> bool(np.isnan(found[:, 2]).all()), bool(np.isfinite(found[:, 8]).all()), round(float(found[1:31, 8].std()), 1)
    (True, True, 1.0)
    """
    sums = sums_of(rain_mm, scale)
    result = np.full(sums.shape, np.nan)
    is_reference: npt.NDArray[np.bool_] = (rain_mm.years >= first_year) & (rain_mm.years <= last_year)
    for month in range(1, 13):
        is_month = rain_mm.months == month
        result[is_month] = deviate(sums[is_month], fit(sums[is_month & is_reference]))
    return result
