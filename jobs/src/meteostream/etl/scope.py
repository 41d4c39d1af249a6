"""What a run computes anew: stations and days.

The closure of a report of time t, by the windows that each product declares (domain: dependency window): its hour lies
within half an hour of t; the climatological days that may use that hour are named by the dates from 12 h before to 6 h
after it; then their dekads and months. Computing too much changes nothing, computing too little would: so windows are
generous, and a test holds the incremental result to the full rebuild.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import pyarrow as pa
from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.climate.periods import ONE_DAY, month_first, month_last
from meteostream.etl.periods import HOUR_S, date_of, floor_div, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column, DataFrame

BEFORE_H: Final = 13
"""A value may belong to the day of 12 h earlier (the middle of an imported day; 06 UTC rain), plus the hour's slack."""
AFTER_H: Final = 7
"""... and to the day of 6 h later (maximum and minimum, from 18 UTC), plus the hour's slack."""
MOST_PAIRS: Final = 50_000
"""Pairs of station and day beyond which a run takes all stations of its range of days."""


class Scope(NamedTuple):
    """Days ``first`` to ``last`` (included) of gold's labels; ``pairs`` limits them to (station, day)."""

    first: date
    last: date
    pairs: frozenset[tuple[str, date]] | None = None

    def padded(self, days: int) -> Scope:
        """The scope and so many days on each side, of the same stations."""
        steps = [timedelta(days=step) for step in range(-days, days + 1)]
        pairs = self.pairs and frozenset((station, day + step) for station, day in self.pairs for step in steps)
        return Scope(self.first - timedelta(days=days), self.last + timedelta(days=days), pairs)

    def periods(self, first_of: Callable[[date], date]) -> Scope:
        """The longer periods that hold the days, named by their first day."""
        pairs = self.pairs and frozenset((station, first_of(day)) for station, day in self.pairs)
        return Scope(first_of(self.first), first_of(self.last), pairs)

    def days_of(self, last_of: Callable[[date], date]) -> Scope:
        """All days of the longer periods that the scope names."""
        pairs = self.pairs and frozenset(
            (station, first + timedelta(days=number))
            for station, first in self.pairs
            for number in range((last_of(first) - first).days + 1)
        )
        return Scope(self.first, last_of(self.last), pairs)

    def ranges(self) -> list[tuple[date, date]]:
        """Ranges of days that hold the scope's: few, so that Iceberg can leave out the other files."""
        if self.pairs is None:
            return [(self.first, self.last)]
        return _runs(sorted({month_first(day) for _, day in self.pairs}))

    def restrict(self, rows: DataFrame, day: str = "label") -> DataFrame:
        """Rows whose station and day are in the scope.

        Parameters
        ----------
        day
            Column of the day, a date.
        """
        if self.pairs is None:
            return rows.where(F.col(day).between(self.first, self.last))
        within = F.lit(False)
        for begin, end in self.ranges():
            within = within | F.col(day).between(begin, end)
        stations, days = zip(*sorted(self.pairs), strict=True)
        # From Arrow it is a relation of the JVM; from Python's rows each scan of it would start Python.
        wanted = rows.sparkSession.createDataFrame(
            pa.table({"station": pa.array(stations, pa.string()), day: pa.array(days, pa.date32())})
        )
        return rows.where(within).join(F.broadcast(wanted), ["station", day], "left_semi")


def _runs(months: list[date]) -> list[tuple[date, date]]:
    """Months that follow each other as one range of days: few ranges, which Iceberg can prune by."""
    found: list[tuple[date, date]] = []
    for month in months:
        end = month_last(month)
        if found and found[-1][1] + ONE_DAY == month:
            found[-1] = (found[-1][0], end)
        else:
            found.append((month, end))
    return found


def scope_of(places: DataFrame) -> Scope | None:
    """The closure of changed reports; None if there are none.

    Parameters
    ----------
    places
        Columns station and observed_at of what is new.
    """
    observed = seconds(F.col("observed_at"))
    first, last = _day(observed - BEFORE_H * HOUR_S), _day(observed + AFTER_H * HOUR_S)
    days = F.sequence(date_of(first), date_of(last))
    pairs = places.select("station", F.explode(days).alias("day")).distinct()
    found = pairs.limit(MOST_PAIRS + 1).collect()
    if not found:
        return None
    if len(found) <= MOST_PAIRS:
        known = frozenset((row["station"], row["day"]) for row in found)
        return Scope(min(day for _, day in known), max(day for _, day in known), known)
    span = pairs.select(F.min("day"), F.max("day")).first()
    assert span is not None  # noqa: S101 - an aggregate has a row
    return Scope(span[0], span[1])


def _day(since_1970: Column) -> Column:
    return floor_div(since_1970, 24 * HOUR_S)
