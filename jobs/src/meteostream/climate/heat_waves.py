"""Heat waves: runs of hot days, by fixed thresholds or by a percentile of the day of the year.

The WMO has no one definition (WMO-No. 1142, 2015); each wave therefore names what it was found with.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np

from meteostream.climate.series import Daily, SeriesError, runs
from meteostream.derived.arrays import Column, Floats, floats

LEAST_DAYS: Final = 3
WINDOW_DAYS: Final = 15
"""Days around a day of the year whose values make its percentile (the ETCCDI's windows are 5 to 15 days)."""


class HeatWave(NamedTuple):
    """One wave.

    Attributes
    ----------
    first, last
        Days.
    days
        How many.
    peak_degc
        Highest maximum.
    excess_degc_days
        Sum of the maxima above the threshold.
    open_before, open_after
        Whether the day before, or after, has no value: the wave may be longer.
    """

    first: date
    last: date
    days: int
    peak_degc: float
    excess_degc_days: float
    open_before: bool
    open_after: bool


def heat_waves(
    maximum_degc: Daily,
    threshold_degc: Column,
    least_days: int = LEAST_DAYS,
    minimum_degc: Daily | None = None,
    night_threshold_degc: Column = 0.0,
) -> list[HeatWave]:
    """Runs of at least so many days with a maximum at or above a threshold, and hot nights if minima are given.

    Parameters
    ----------
    maximum_degc
        Daily maxima.
    threshold_degc
        One number, or one a day (from :func:`percentile_by_day`); a day without threshold is not hot.
    least_days
        A shorter run is none.
    minimum_degc, night_threshold_degc
        Same days as the maxima; a day is hot only if its night is at or above its threshold, too.

    Raises
    ------
    SeriesError
        If minima are of other days.

    Examples
    --------
    >>> tx = Daily(date(2026, 4, 1), np.array([41.0, 43.0, 44.0, 43.5, 40.0, 45.0, np.nan]))
    >>> [(str(w.first), w.days, w.peak_degc, w.excess_degc_days) for w in heat_waves(tx, 43.0)]
    [('2026-04-02', 3, 44.0, 1.5)]
    """
    tx = floats(maximum_degc.values)
    threshold = np.broadcast_to(floats(threshold_degc), tx.shape)
    hot, missing = tx >= threshold, np.isnan(tx)
    if minimum_degc is not None:
        if minimum_degc.first != maximum_degc.first or minimum_degc.values.shape != tx.shape:
            raise SeriesError(
                f"expected minima of {maximum_degc.first} to {maximum_degc.last}, "
                f"found {minimum_degc.first} to {minimum_degc.last}"
            )
        hot &= minimum_degc.values >= floats(night_threshold_degc)
        missing |= np.isnan(minimum_degc.values)
    found = []
    for begin, end in runs(hot):
        if end - begin < least_days:
            continue
        found.append(
            HeatWave(
                maximum_degc.first + timedelta(days=begin),
                maximum_degc.first + timedelta(days=end - 1),
                end - begin,
                float(tx[begin:end].max()),
                float((tx[begin:end] - threshold[begin:end]).sum()),
                begin == 0 or bool(missing[begin - 1]),
                end == len(tx) or bool(missing[end]),
            )
        )
    return found


def percentile_by_day(values: Daily, percent: float, first_year: int, last_year: int, least_years: int = 24) -> Floats:
    """Percentile for each day of a series, from all years of a reference period around that day of the year.

    Parameters
    ----------
    values
        The series itself; reference and result.
    percent
        0 to 100.
    first_year, last_year
        Reference period, both included.
    least_years
        Years that must have a value in the window (80 % of 30: WMO-No. 1203); else NaN.

    Returns
    -------
    One threshold a day of the series. 29 February has that of 28 February.
    """
    days = values.days
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    number = _day_of_common_year(days)
    is_reference = (year >= first_year) & (year <= last_year) & np.isfinite(values.values)
    by_number = np.full(366, np.nan)
    half = WINDOW_DAYS // 2
    for day in range(1, 366):
        away = np.abs(number - day)
        chosen = is_reference & (np.minimum(away, 365 - away) <= half)
        if np.unique(year[chosen]).size >= least_years:
            by_number[day] = np.percentile(values.values[chosen], percent)
    return by_number[number]


def _day_of_common_year(days: np.typing.NDArray[np.datetime64]) -> np.typing.NDArray[np.int64]:
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    day = np.minimum((days - months.astype("datetime64[D]")).astype(np.int64), np.where(month == 1, 27, 30))
    first = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334])
    return np.asarray(first[month] + day + 1)
