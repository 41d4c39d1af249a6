"""Climate normals of a station's own series, and what a value is against a normal.

Published normals are loaded, not computed (docs/marts.md); these are for stations that have none. Without a normal
there is no anomaly: the functions refuse, they do not guess.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.climate.errors import ClimateError
from meteostream.climate.series import Monthly
from meteostream.derived.arrays import Floats

FIRST_YEAR: Final = 1991
LAST_YEAR: Final = 2020
"""The present standard reference period (WMO-No. 1203, section 4.2)."""
LEAST_SHARE: Final = 0.8
"""Of the years must have the month (WMO-No. 1203, section 4.4)."""


class NoNormalError(ClimateError):
    """There is no normal to compare with; the message says of what."""


class Normal(NamedTuple):
    """A calendar month's normal.

    Attributes
    ----------
    month
        1 to 12.
    value
        Mean of the years; NaN if too few have one.
    quintiles
        Limits between the five fifths of the years (WMO-No. 1203, section 4.7.2), and the least and greatest:
        six values.
    years, first_year, last_year
        How many had a value; the period.
    """

    month: int
    value: float
    quintiles: tuple[float, ...]
    years: int
    first_year: int
    last_year: int


class Anomaly(NamedTuple):
    """A value against its normal: the difference, and for sums the share in per cent (NaN where the normal is 0)."""

    value: float
    normal: float
    difference: float
    percent: float


def normals_of(values: Monthly, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> list[Normal]:
    """Normals of the twelve months.

    Parameters
    ----------
    values
        Monthly values that met their own completeness, NaN where one did not.
    first_year, last_year
        Both included.

    Examples
    --------
    >>> values = Monthly(1991, 1, np.tile(np.arange(12.0), 30))
    >>> values.values[:12 * 7] = np.nan
    >>> [normal.value for normal in normals_of(values)][:2], normals_of(values)[0].years
    ([nan, nan], 23)
    """
    in_period = (values.years >= first_year) & (values.years <= last_year) & np.isfinite(values.values)
    found = []
    for month in range(1, 13):
        known: Floats = values.values[in_period & (values.months == month)]
        enough = known.size >= LEAST_SHARE * (last_year - first_year + 1)
        limits = np.percentile(known, [0, 20, 40, 60, 80, 100]) if enough else np.full(6, np.nan)
        mean = float(known.mean()) if enough else np.nan
        found.append(Normal(month, mean, tuple(limits.tolist()), int(known.size), first_year, last_year))
    return found


def anomaly(value: float, normal: Normal | None, what: str) -> Anomaly:
    """A value against its normal.

    Parameters
    ----------
    value
        NaN gives an anomaly of NaN.
    normal
        Of the same station, variable and month.
    what
        Named in the error.

    Raises
    ------
    NoNormalError
        If there is no normal, or it was refused for too few years.

    Examples
    --------
    >>> july = Normal(7, 80.0, (10.0, 40.0, 70.0, 90.0, 120.0, 260.0), 30, 1991, 2020)
    >>> anomaly(100.0, july, "rain of Podor in July")
    Anomaly(value=100.0, normal=80.0, difference=20.0, percent=125.0)
    """
    if normal is None:
        raise NoNormalError(f"{what}: expected a normal, found none; without it there is no anomaly")
    if np.isnan(normal.value):
        raise NoNormalError(
            f"{what}: expected a normal of {normal.first_year}-{normal.last_year}, found only {normal.years} years "
            f"with a value; at least {LEAST_SHARE:.0%} must have one"
        )
    percent = 100.0 * value / normal.value if normal.value > 0.0 else np.nan
    return Anomaly(value, normal.value, value - normal.value, percent)


def quintile(value: float, normal: Normal | None) -> int | None:
    """Group of a value among the years of its normal: 1 to 5, 0 below all of them, 6 above all; None without normal.

    >>> july = Normal(7, 80.0, (10.0, 40.0, 70.0, 90.0, 120.0, 260.0), 30, 1991, 2020)
    >>> [quintile(x, july) for x in (9.9, 10.0, 40.0, 40.1, 260.0, 260.1)], quintile(50.0, None)
    ([0, 1, 1, 2, 5, 6], None)
    """
    if normal is None or np.isnan(normal.quintiles).any() or np.isnan(value):
        return None
    least, *limits, greatest = normal.quintiles
    if value < least:
        return 0
    if value > greatest:
        return 6
    return 1 + int(np.searchsorted(limits, value, side="left"))
