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


def day_bits(number: Column) -> Column:
    """Aggregate: days (1 to 31) as bits of a whole number, the first as 1; nulls are left out."""
    return F.coalesce(F.bit_or(F.call_function("shiftleft", F.lit(1).cast("bigint"), number - 1)), F.lit(0))


def has_gap(days: Column, length: Column, in_a_row: int) -> Column:
    """Whether so many days in a row, or more, are missing.

    Parameters
    ----------
    days
        From :func:`day_bits`.
    length
        Days of the period.
    """
    missing = F.bitwise_not(days).bitwiseAND(F.call_function("shiftleft", F.lit(1).cast("bigint"), length) - 1)
    runs = missing  # after each step: days after which so many more are missing, too
    for following in range(1, in_a_row):
        runs = runs.bitwiseAND(F.shiftright(missing, following))
    return runs != 0


def enough(count: Column, length: Column, days: Column, rule: Completeness) -> Column:
    """Whether a mean or an extreme may be published; see :func:`has_gap`."""
    return (count > 0) & (length - count < rule.missing) & ~has_gap(days, length, rule.in_a_row)
