"""Climatological days, dekads and months as column expressions; all in UTC, all intervals open left, closed right.

A value belongs to the period in whose interval (start, end] its own time lies: the reading of 18:00 is the last of a
day that ends at 18 UTC. Seconds since 1970 are whole numbers, so no expression here depends on a time zone.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

if TYPE_CHECKING:
    from pyspark.sql import Column

HOUR_S: Final = 3600
DAY_S: Final = 86_400
DEKAD_DAYS: Final = 10
LAST_DEKAD: Final = 21
"""Dekads are 1-10, 11-20 and 21 to the month's end (domain: the Sahel's working unit)."""


class Day(Enum):
    """Climatological days: hours from 00 UTC of the day that gives the name, to begin and to end.

    Rain of D is 06 UTC D to 06 UTC D+1 (francophone West African practice), the maximum of D is 18 UTC D-1 to
    18 UTC D, the minimum of D is 18 UTC D-1 to 06 UTC D; all else is the UTC day.
    """

    RAIN = ("rain-06-06", 6, 30)
    MAXIMUM = ("tx-18-18", -6, 18)
    MINIMUM = ("tn-18-06", -6, 6)
    UTC = ("utc-00-24", 0, 24)

    def __init__(self, rule: str, begin_h: int, end_h: int) -> None:
        self.rule = rule
        self.begin_s = begin_h * HOUR_S
        self.end_s = end_h * HOUR_S
        self.step = 1 if self.begin_s < 0 else -1 if self.end_s > DAY_S else 0
        """Some hours of a UTC date belong to the day of the date so many days later."""

    def hours_of(self, step: int) -> tuple[int, int]:
        """Which seconds [from, to) of a UTC date belong to the day of the date ``step`` days later.

        >>> [tuple(second // HOUR_S for second in Day.RAIN.hours_of(step)) for step in (0, -1)]
        [(6, 24), (0, 6)]
        >>> [tuple(second // HOUR_S for second in Day.MINIMUM.hours_of(step)) for step in (0, 1)]
        [(0, 6), (18, 24)]
        """
        return max(0, self.begin_s + step * DAY_S), min(DAY_S, self.end_s + step * DAY_S)


def seconds(moment: Column) -> Column:
    """Whole seconds since 1970 of a timestamp."""
    return F.unix_seconds(moment)


def moment(since_1970: Column) -> Column:
    """Timestamp of seconds since 1970."""
    return F.timestamp_seconds(since_1970)


def floor_div(number: Column, by: int) -> Column:
    """Whole quotient, towards minus infinity (times before 1970 are negative)."""
    return ((number - F.pmod(number, F.lit(by))) / by).cast("bigint")


def utc_day(since_1970: Column) -> Column:
    """Number (days since 1970) of the UTC day (start, end] that holds a time."""
    return floor_div(since_1970 - 1, DAY_S)


def second_of_day(since_1970: Column) -> Column:
    """Second, from 0, of the UTC day (start, end] that holds a time; its end, 24:00, is the last."""
    return F.pmod(since_1970 - 1, F.lit(DAY_S))


def date_of(day: Column) -> Column:
    """Date of a number of days since 1970."""
    return F.date_from_unix_date(day.cast("int"))


def dekad_start(label: Column) -> Column:
    """First day of a date's dekad."""
    day = F.dayofmonth(label)
    first = F.when(day >= LAST_DEKAD, LAST_DEKAD).when(day > DEKAD_DAYS, DEKAD_DAYS + 1).otherwise(1)
    return F.date_add(month_start(label), first - 1)


def dekad_end(first: Column) -> Column:
    """Last day of the dekad that begins with ``first``."""
    return F.when(F.dayofmonth(first) == LAST_DEKAD, F.last_day(first)).otherwise(F.date_add(first, DEKAD_DAYS - 1))


def month_start(label: Column) -> Column:
    """First day of a date's month."""
    return F.trunc(label, "month")


def month_end(first: Column) -> Column:
    """Last day of the month that begins with ``first``."""
    return F.last_day(first)
