"""Records: the highest and lowest that a station has measured, ever and by calendar month.

Who wants to say "record" must say since when: each record has the years it is the greatest of.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

import numpy as np

from meteostream.climate.series import Daily

LEAST_YEARS: Final = 10
"""A month's record of fewer years is none [our own judgement]: the first July would be all records."""

Extreme = Literal["highest", "lowest"]


class Record(NamedTuple):
    """A record.

    Attributes
    ----------
    month
        Calendar month, None for all of them.
    value
        What was measured.
    days
        When; several if it was equalled.
    years
        Years that have values in this month, the record's own among them.
    since
        The first of them.
    """

    month: int | None
    value: float
    days: tuple[date, ...]
    years: int
    since: int


class Broken(NamedTuple):
    """A day that broke or equalled the record that stood before it."""

    day: date
    value: float
    before: float
    is_equal: bool


def records(values: Daily, extreme: Extreme, least_years: int = LEAST_YEARS) -> list[Record]:
    """Records by calendar month, then of all of them; those of fewer than ``least_years`` years are left out.

    Parameters
    ----------
    values
        Usable values alone (NaN where a value is missing or failed; a suspect one is for a person to decide first).
    extreme
        Which end.
    least_years
        Years that must have values in the month.

    Examples
    --------
    >>> tx = Daily(date(2000, 1, 1), np.r_[30.0, 41.5, np.full(3650, 30.0), 41.5])
    >>> [(r.month, r.value, len(r.days), r.years, r.since) for r in records(tx, "highest", 10)][-1]
    (None, 41.5, 2, 10, 2000)
    """
    found = []
    month, year = _months(values), _years(values)
    known = np.isfinite(values.values)
    for wanted in (*range(1, 13), None):
        chosen = known if wanted is None else known & (month == wanted)
        years = np.unique(year[chosen])
        if years.size < max(least_years, 1):
            continue
        value = float(_best(values.values[chosen], extreme))
        days = tuple(values.first + timedelta(days=int(at)) for at in np.flatnonzero(chosen & (values.values == value)))
        found.append(Record(wanted, value, days, int(years.size), int(years[0])))
    return found


def broken(values: Daily, extreme: Extreme, since: date, least_years: int = LEAST_YEARS) -> list[Broken]:
    """Days from ``since`` on that broke or equalled what their calendar month had before them.

    Parameters
    ----------
    values, extreme
        As for :func:`records`.
    since
        First day that is looked at.
    least_years
        Years with values in that month that must lie before the day's own year.

    Examples
    --------
    >>> tx = Daily(date(2000, 1, 1), np.r_[np.full(3653, 30.0), 33.0, 33.0, 34.0])
    >>> [(str(b.day), b.value, b.before, b.is_equal) for b in broken(tx, "highest", date(2010, 1, 1))]
    [('2010-01-01', 33.0, 30.0, False), ('2010-01-02', 33.0, 33.0, True), ('2010-01-03', 34.0, 33.0, False)]
    """
    month, year = _months(values), _years(values)
    known = np.isfinite(values.values)
    found = []
    for at in np.flatnonzero(known & (np.arange(known.size) >= values.position(since))):
        same_month = known & (month == month[at])
        if np.unique(year[same_month & (year < year[at])]).size < least_years:
            continue
        before = float(_best(values.values[:at][same_month[:at]], extreme))
        value = float(values.values[at])
        if value == before or (value > before) == (extreme == "highest"):
            found.append(Broken(values.first + timedelta(days=int(at)), value, before, value == before))
    return found


def _best(values: np.typing.NDArray[np.float64], extreme: Extreme) -> np.float64:
    return np.max(values) if extreme == "highest" else np.min(values)


def _months(values: Daily) -> np.typing.NDArray[np.int64]:
    return np.asarray(values.days.astype("datetime64[M]").astype(np.int64) % 12 + 1)


def _years(values: Daily) -> np.typing.NDArray[np.int64]:
    return np.asarray(values.days.astype("datetime64[Y]").astype(np.int64) + 1970)
