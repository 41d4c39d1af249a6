"""Dekads and months from days.

Of a series of daily sums comes the sum, of daily means the mean, of daily extremes both the mean and the extreme. The
rule names the days and the completeness they met, as ``tx-18-18/wmo1203-11-5``: the mean of daily maxima is
(air_temperature, mean, tx-18-18/...), the mean of daily means (air_temperature, mean, utc-00-24/...). Days of different
rules are never put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.climate.completeness import DEKAD, Completeness
from meteostream.etl.completeness import day_bits, enough
from meteostream.etl.exact import mean, total, unscaled
from meteostream.etl.periods import DAY_S, dekad_end, dekad_start, moment, month_end, month_start, seconds
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column, DataFrame

LEFT_OUT: Final = ("wind_direction",)
"""A mean of directions without their speeds says nothing; the wind rose is a mart's."""


def dekad_values(daily: DataFrame) -> DataFrame:
    """Dekads from daily rows; see :func:`_summary`."""
    return _summary(daily, dekad_start, dekad_end, DEKAD)


def month_values(daily: DataFrame, rule: Completeness) -> DataFrame:
    """Months from daily rows; see :func:`_summary`."""
    return _summary(daily, month_start, month_end, rule)


def _summary(
    daily: DataFrame, first_of: Callable[[Column], Column], last_of: Callable[[Column], Column], rule: Completeness
) -> DataFrame:
    """Rows of longer periods.

    Parameters
    ----------
    daily
        Rows of gold's daily table; of each period all of them.
    first_of, last_of
        First day of a label's period; last day of the period that begins so.
    rule
        What may be missing.
    """
    usable = F.col("value").isNotNull()
    midnight = F.unix_date("label").cast("bigint") * DAY_S
    days = daily.where(~F.col("variable").isin(*LEFT_OUT)).withColumns(
        {
            "first": first_of(F.col("label")),
            "begins": seconds(F.col("period_start")) - midnight,
            "ends": seconds(F.col("period_end")) - midnight,
        }
    )
    number = F.datediff("label", "first") + 1
    sums = days.groupBy("station", "nature", "variable", "statistic", "rule", "first").agg(
        total(F.col("value")).alias("sum"),
        F.count("value").alias("count"),
        F.max("value").alias("highest"),
        F.min("value").alias("lowest"),
        day_bits(F.when(usable, number)).alias("days"),
        F.max(F.when(usable & (F.col("flag") == int(Flag.SUSPECT)), 1).otherwise(0)).alias("suspect"),
        F.min("begins").alias("begins"),
        F.max("ends").alias("ends"),
    )
    last = last_of(F.col("first"))
    length = F.datediff(last, "first") + 1
    sums = sums.withColumns({"last": last, "length": length})
    whole = F.col("count") == F.col("length")
    mostly = enough(F.col("count"), F.col("length"), F.col("days"), rule)
    average = mean(F.col("sum"), F.col("count"))
    products = F.when(F.col("statistic") == "sum", F.array(_product("sum", unscaled(F.col("sum")), whole)))
    products = products.when(
        F.col("statistic") == "maximum",
        F.array(_product("mean", average, mostly), _product("maximum", F.col("highest"), mostly)),
    )
    products = products.when(
        F.col("statistic") == "minimum",
        F.array(_product("mean", average, mostly), _product("minimum", F.col("lowest"), mostly)),
    ).otherwise(F.array(_product("mean", average, mostly)))
    rows = sums.withColumn("products", products).drop("statistic").select("*", F.inline("products"))
    flag = (
        F.when(F.col("value").isNull(), int(Flag.MISSING))
        .when(F.col("suspect") == 1, int(Flag.SUSPECT))
        .otherwise(int(Flag.PASS))
    )
    return rows.select(
        "station",
        "nature",
        "variable",
        "statistic",
        moment(F.unix_date("first").cast("bigint") * DAY_S + F.col("begins")).alias("period_start"),
        moment(F.unix_date("last").cast("bigint") * DAY_S + F.col("ends")).alias("period_end"),
        F.col("first").alias("label"),
        F.concat_ws("/", "rule", F.lit(rule.name)).alias("rule"),
        "value",
        F.col("count").cast("int").alias("count"),
        F.col("length").cast("int").alias("expected"),
        "complete",
        flag.alias("flag"),
        F.lit(None).cast("string").alias("source"),
        F.lit(None).cast("binary").alias("report_id"),
    )


def _product(statistic: str, value: Column, complete: Column) -> Column:
    return F.struct(
        F.lit(statistic).alias("statistic"), F.when(complete, value).alias("value"), complete.alias("complete")
    )
