"""The rules of :mod:`meteostream.climate.completeness` as column expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.climate.completeness import DEKAD, MONTHLY, RULE_3_5, WMO_1203, Completeness, hours_needed

if TYPE_CHECKING:
    from pyspark.sql import Column

__all__ = ["DEKAD", "MONTHLY", "RULE_3_5", "WMO_1203", "Completeness", "enough", "hours_needed", "longest_gap"]


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
