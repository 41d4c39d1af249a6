"""How much may be missing from a period whose value is published all the same.

A period that lacks more has no value: its row says how many there were and how many were expected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

if TYPE_CHECKING:
    from pyspark.sql import Column


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


def hours_needed(expected: int) -> int:
    """Hourly values that a day of ``expected`` needs.

    >>> hours_needed(24), hours_needed(12)
    (18, 9)
    """
    return -int(-expected * HOURS_NEEDED // 1)


def longest_gap(days: Column, length: Column) -> Column:
    """Longest run of missing days.

    Parameters
    ----------
    days
        Array of the days (1 to ``length``) that have a value, each once.
    length
        Days of the period.
    """
    fence = F.array_sort(F.concat(F.array(F.lit(0)), days, F.array(length + 1)))
    return F.array_max(F.zip_with(F.slice(fence, 2, F.size(days) + 1), fence, lambda here, before: here - before - 1))


def enough(count: Column, length: Column, gap: Column, rule: Completeness) -> Column:
    """Whether a mean or an extreme may be published."""
    return (count > 0) & (length - count < rule.missing) & (gap < rule.in_a_row)
