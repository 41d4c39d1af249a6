"""Series of days and months: consecutive, sorted, each once, NaN where there is no value."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from meteostream.climate.errors import ClimateError
from meteostream.derived.arrays import Column, Floats, floats

Days = npt.NDArray[np.datetime64]
Truth = npt.NDArray[np.bool_]
ONE: Final = np.timedelta64(1, "D")


class SeriesError(ClimateError):
    """A series that cannot be used; the message names what was expected and found."""


class Daily(NamedTuple):
    """Values of consecutive days from ``first`` on."""

    first: date
    values: Floats

    @property
    def last(self) -> date:
        """Last day; the day before ``first`` for an empty series."""
        return (np.datetime64(self.first, "D") + np.timedelta64(len(self.values) - 1, "D")).item()

    @property
    def days(self) -> Days:
        """The days."""
        return np.datetime64(self.first, "D") + np.arange(len(self.values)).astype("timedelta64[D]")

    def within(self, first: date, last: date) -> Daily:
        """The days from ``first`` to ``last`` (included), NaN outside of the series.

        >>> Daily(date(2026, 1, 1), np.array([1.0, 2.0])).within(date(2025, 12, 31), date(2026, 1, 1)).values.tolist()
        [nan, 1.0]
        """
        length = max((last - first).days + 1, 0)
        found = np.full(length, np.nan)
        offset = (self.first - first).days
        begin, end = max(offset, 0), min(offset + len(self.values), length)
        if begin < end:
            found[begin:end] = self.values[begin - offset : end - offset]
        return Daily(first, found)

    def position(self, day: date) -> int:
        """Position of a day; before the first it is negative."""
        return (day - self.first).days


class Monthly(NamedTuple):
    """Values of consecutive months from ``month`` of ``year`` on."""

    year: int
    month: int
    values: Floats

    @property
    def years(self) -> npt.NDArray[np.int64]:
        """Year of each month."""
        return self.year + (self.month - 1 + np.arange(len(self.values))) // 12

    @property
    def months(self) -> npt.NDArray[np.int64]:
        """Calendar month of each, 1 to 12."""
        return (self.month - 1 + np.arange(len(self.values))) % 12 + 1


def daily(days: npt.ArrayLike, values: Column) -> Daily:
    """Series of days in any order; days that lack become NaN.

    Parameters
    ----------
    days
        Dates, each once.
    values
        As many.

    Raises
    ------
    SeriesError
        For a day that comes twice or is none, other lengths, and no days at all.

    Examples
    --------
    >>> s = daily(["2024-03-01", "2024-02-28"], [3.0, 1.0])
    >>> s.first.isoformat(), s.values.tolist()
    ('2024-02-28', [1.0, nan, 3.0])
    """
    when = np.asarray(days, dtype="datetime64[D]")
    found = floats(values)
    if when.ndim != 1 or when.shape != found.shape:
        raise SeriesError(f"expected as many days as values in one dimension, found {when.shape} and {found.shape}")
    if when.size == 0:
        raise SeriesError("expected at least one day, found none")
    if np.isnat(when).any():
        raise SeriesError(f"expected dates, found none at position {int(np.argmax(np.isnat(when)))}")
    unique, counts = np.unique(when, return_counts=True)
    if (counts > 1).any():
        raise SeriesError(f"expected each day once, found {unique[np.argmax(counts > 1)]} {counts.max()} times")
    filled = np.full(int((unique[-1] - unique[0]) / ONE) + 1, np.nan)
    filled[((when - unique[0]) / ONE).astype(np.int64)] = found
    return Daily(unique[0].item(), filled)


def runs(mask: npt.ArrayLike) -> list[tuple[int, int]]:
    """Where a condition holds without a break: (begin, end) positions, the end not included.

    >>> runs([True, True, False, True])
    [(0, 2), (3, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.asarray(mask, dtype=bool), [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def longest_run(mask: npt.ArrayLike) -> int:
    """Length of the longest run.

    >>> longest_run([True, True, False, True]), longest_run([])
    (2, 0)
    """
    return max((end - begin for begin, end in runs(mask)), default=0)
