"""The rules of :mod:`meteostream.climate.completeness` as column expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

if TYPE_CHECKING:
    from pyspark.sql import Column

    from meteostream.climate.completeness import Completeness


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
