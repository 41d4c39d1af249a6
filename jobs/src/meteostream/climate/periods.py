"""Months and dekads as dates. Dekads are 1-10, 11-20 and 21 to the month's end, the Sahel's working unit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

ONE_DAY: Final = timedelta(days=1)
DEKAD_DAYS: Final = 10
LAST_DEKAD: Final = 21
MONTHS: Final = 12


def month_first(day: date) -> date:
    """First day of the month."""
    return day.replace(day=1)


def month_last(day: date) -> date:
    """Last day of the month.

    >>> month_last(date(2024, 2, 10)).day
    29
    """
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - ONE_DAY


def dekad_first(day: date) -> date:
    """First day of the dekad.

    >>> [dekad_first(date(2026, 1, day)).day for day in (10, 11, 20, 21, 31)]
    [1, 11, 11, 21, 21]
    """
    return day.replace(day=min((day.day - 1) // DEKAD_DAYS, 2) * DEKAD_DAYS + 1)


def dekad_last(day: date) -> date:
    """Last day of the dekad."""
    first = dekad_first(day)
    return month_last(day) if first.day == LAST_DEKAD else first + timedelta(days=DEKAD_DAYS - 1)


def dekad_number(day: date) -> int:
    """Number of the dekad in its year, 1 to 36, as published normals count them.

    >>> dekad_number(date(2026, 1, 31)), dekad_number(date(2026, 12, 21))
    (3, 36)
    """
    return (day.month - 1) * 3 + (dekad_first(day).day - 1) // DEKAD_DAYS + 1
