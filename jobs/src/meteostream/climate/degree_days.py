"""Growing degree days since a crop was sown."""

from __future__ import annotations

from datetime import date

import numpy as np

from meteostream.climate.series import Daily


def since_sowing(degree_days: Daily, sown: date) -> Daily:
    """Running sum of degree days from the day of sowing on.

    Parameters
    ----------
    degree_days
        Of each day (:func:`meteostream.derived.degree_days.growing_degree_days`).
    sown
        First day that counts.

    Returns
    -------
    From the day of sowing to the last day; NaN from the first day on that is missing, for nobody knows what it brought.
    Empty if nothing is known of any of these days.

    Examples
    --------
    >>> days = Daily(date(2026, 7, 1), np.array([9.0, 15.0, 16.0, np.nan, 14.0]))
    >>> since_sowing(days, date(2026, 7, 2)).values.tolist()
    [15.0, 31.0, nan, nan]
    """
    return Daily(sown, np.cumsum(degree_days.within(sown, degree_days.last).values))


def day_reached(sums: Daily, wanted: float) -> date | None:
    """First day on which the sum reaches what a crop's stage needs, None if it is not known to have been reached.

    >>> str(day_reached(Daily(date(2026, 7, 2), np.array([15.0, 31.0, np.nan])), 30.0))
    '2026-07-03'
    """
    reached = np.flatnonzero(sums.values >= wanted)
    return sums.days[reached[0]].item() if reached.size else None
