"""Days of coded reports: a report says a day of the month, and whoever collected it knows the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from meteostream.contract.times import EPOCH, FIRST_YEAR, MICROSECOND, format_time
from meteostream.sources.errors import Refusal

MONTHS: Final = 12
DAY: Final = timedelta(days=1)


class Month(NamedTuple):
    """Year and month of an archive's file."""

    year: int
    month: int


Reference = datetime | Month | None
"""What is known about the day: a moment near it (UTC), the month it lies in, or nothing."""


def parse_month(text: str) -> Month:
    """Month of ``YYYY-MM``.

    >>> parse_month("2013-02")
    Month(year=2013, month=2)

    Raises
    ------
    ValueError
        If it is none.
    """
    found = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    return Month(found.year, found.month)


def place(day: int, hour: int, minute: int, reference: Reference) -> datetime:
    """Moment of a day of the month.

    Parameters
    ----------
    day, hour, minute
        As the report has them; hour 24 with minute 0 ends the day.
    reference
        With a moment, the day nearest to it is taken, also across the end of a month or year.

    Raises
    ------
    Refusal
        If there is no such moment, or nothing is known about year and month (KF-115).

    Examples
    --------
    >>> place(31, 23, 50, datetime(2027, 1, 1, 0, 10, tzinfo=UTC)).isoformat()
    '2026-12-31T23:50:00+00:00'
    >>> place(29, 6, 0, Month(2024, 2)).isoformat()
    '2024-02-29T06:00:00+00:00'
    """
    found = f"day {day:02d} at {hour:02d}:{minute:02d}"
    if reference is None:
        raise Refusal(f"{found}: expected year and month beside the report, which names no more than a day; found none")
    if isinstance(reference, Month):
        months = [reference]
    else:
        before = _shifted(reference, -1)
        months = [before, Month(reference.year, reference.month), _shifted(reference, 1)]
    moments = [moment for month in months if (moment := _moment(month, day, hour, minute)) is not None]
    if not moments:
        known = " or ".join(f"{month.year:04d}-{month.month:02d}" for month in months)
        raise Refusal(f"{found}: expected a moment of {known}, found none")
    if isinstance(reference, Month):
        return moments[0]
    return min(moments, key=lambda moment: abs(moment - reference))


def written(moment: datetime) -> str:
    """A moment in the contract's form, RFC 3339 UTC with whole seconds.

    Raises
    ------
    Refusal
        If it is older than any observation: the year is wrong.
    """
    if moment.year < FIRST_YEAR:
        raise Refusal(f"expected a year from {FIRST_YEAR} on, found {moment.year}")
    return format_time((moment - EPOCH) // MICROSECOND, fraction=False)


def _shifted(moment: datetime, months: int) -> Month:
    count = moment.year * MONTHS + moment.month - 1 + months
    return Month(count // MONTHS, count % MONTHS + 1)


def _moment(month: Month, day: int, hour: int, minute: int) -> datetime | None:
    try:
        if (hour, minute) == (24, 0):
            return datetime(*month, day, tzinfo=UTC) + DAY
        return datetime(*month, day, hour, minute, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
