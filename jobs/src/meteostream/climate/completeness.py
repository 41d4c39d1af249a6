"""How much may be missing from a period whose value is published all the same.

The rules are stored with each value by their names; a period that lacks more has no value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from meteostream.climate.series import longest_run
from meteostream.derived.arrays import Column, Floats, floats

if TYPE_CHECKING:
    from collections.abc import Callable


class Completeness(NamedTuple):
    """A rule for means and extremes of days: refused from so many missing days on, or so many in a row.

    Sums need every day, under every rule (WMO-No. 1203, section 4.4).
    """

    name: str
    missing: int
    in_a_row: int


WMO_1203: Final = Completeness("wmo1203-11-5", 11, 5)
"""WMO-No. 1203 (2017): no monthly mean when 11 or more days are missing, or 5 or more in a row."""
RULE_3_5: Final = Completeness("wmo-3-5", 6, 4)
"""The older 3/5 rule: no monthly mean when more than 5 days are missing, or more than 3 in a row."""
DEKAD: Final = Completeness("dekad-4-3", 4, 3)
"""WMO-No. 1203's proportion for ten days [our own judgement]: 11 of 30 is 3.7 of 10."""
MONTHLY: Final[dict[str, Completeness]] = {rule.name: rule for rule in (WMO_1203, RULE_3_5)}
"""Rules that the setting ``[etl] completeness`` may name."""

HOURS_NEEDED: Final = 0.75
"""Share of a climatological day's hourly values that a mean or an extreme needs [our own judgement]."""
ALL_DAYS: Final = "all-days"
"""Name of the rule of sums and counts."""


class Value(NamedTuple):
    """A period's value, NaN where it is refused, with what it was made of.

    Attributes
    ----------
    value
        NaN if too much is missing.
    known, expected
        Days with a value, days of the period.
    rule
        Name of the rule of completeness.
    """

    value: float
    known: int
    expected: int
    rule: str

    @property
    def missing(self) -> int:
        """Days without a value."""
        return self.expected - self.known


def hours_needed(expected: int) -> int:
    """Hourly values that a day of ``expected`` needs.

    >>> hours_needed(24), hours_needed(12)
    (18, 9)
    """
    return -int(-expected * HOURS_NEEDED // 1)


def is_enough(values: Column, rule: Completeness) -> bool:
    """Whether a mean or an extreme of a period's days may be published.

    >>> is_enough([1.0] * 26 + [np.nan] * 5, WMO_1203), is_enough([1.0] * 26 + [np.nan] * 4, WMO_1203)
    (False, True)
    """
    missing = np.isnan(floats(values))
    return bool((~missing).any() and missing.sum() < rule.missing and longest_run(missing) < rule.in_a_row)


def mean_of(values: Column, rule: Completeness) -> Value:
    """Mean of a period's days.

    >>> mean_of([1.0, np.nan, 3.0], DEKAD)
    Value(value=2.0, known=2, expected=3, rule='dekad-4-3')
    """
    return _value(values, rule, np.nanmean)


def highest_of(values: Column, rule: Completeness) -> Value:
    """Greatest of a period's days."""
    return _value(values, rule, np.nanmax)


def lowest_of(values: Column, rule: Completeness) -> Value:
    """Least of a period's days."""
    return _value(values, rule, np.nanmin)


def sum_of(values: Column) -> Value:
    """Sum of a period's days, which needs them all.

    >>> sum_of([1.0, 2.0]).value, sum_of([1.0, np.nan]).value, sum_of([]).value
    (3.0, nan, nan)
    """
    found = floats(values)
    count = int(np.isfinite(found).sum())
    whole = found.size > 0 and count == found.size
    return Value(float(found.sum()) if whole else np.nan, count, found.size, ALL_DAYS)


def count_of(values: Column, at_least: float) -> Value:
    """Days whose value is at least so much; like a sum, it needs all days.

    >>> count_of([0.0, 1.0, 7.5], 1.0).value
    2.0
    """
    found = floats(values)
    return sum_of(np.where(np.isnan(found), np.nan, found >= at_least))


def _value(values: Column, rule: Completeness, statistic: Callable[[Floats], np.float64]) -> Value:
    found = floats(values)
    value = float(statistic(found)) if is_enough(found, rule) else np.nan
    return Value(value, int(np.isfinite(found).sum()), found.size, rule.name)
