"""Sums that do not depend on the order of their terms.

Floating-point addition is not associative, and Spark adds in whatever order tasks end: two runs over the same rows
would differ in the last digits, and so would their content hashes. Values are counted in millionths of their unit,
as whole numbers; that is finer than any sensor, and 2**63 millionths are far beyond a month of anything measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

if TYPE_CHECKING:
    from pyspark.sql import Column

SCALE: Final = 1_000_000


def micro(value: Column) -> Column:
    """Millionths of a value as a whole number (ties to even)."""
    return F.rint(value * SCALE).cast("bigint")


def total(value: Column) -> Column:
    """Aggregate: exact sum, in millionths."""
    return F.sum(micro(value))


def unscaled(millionths: Column) -> Column:
    """Value of millionths."""
    return millionths / F.lit(float(SCALE))


def mean(millionths: Column, count: Column) -> Column:
    """Mean of ``count`` values whose sum is ``millionths``; null without values."""
    return F.when(count > 0, millionths / F.lit(float(SCALE)) / count)
