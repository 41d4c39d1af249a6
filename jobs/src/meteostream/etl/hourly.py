"""Hourly values: of all reports about one full hour the one that is believed.

A report belongs to the full hour it was made for (KF-110: stamps of :50 or :59 are the next hour's). Natures are
groups of their own, so simulated and observed values never meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.contract.variables import ALL
from meteostream.etl.periods import DAY_S, HOUR_S, floor_div, moment, seconds
from meteostream.etl.products import BEST, IMPORTED, base_name
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from meteostream.etl.sources import Priorities

RAIN_DAY_END_S: Final = 6 * HOUR_S
"""Rain of 24 hours that ends at 06 UTC is a climatological day's already: the gauge that an observer reads."""


def slot_of(observed: Column) -> Column:
    """The nearest full hour, seconds since 1970."""
    return floor_div(observed + HOUR_S // 2, HOUR_S) * HOUR_S


def hourly_values(values: DataFrame, priorities: Priorities) -> DataFrame:
    """Best of sources: one row a station, nature, variable, statistic, period and hour.

    A value that is missing or failed is taken only if no source has another; its row then has no value, and the flag
    says why. Daily values that came as such keep their source in their rule, one series each.

    Parameters
    ----------
    values
        From :func:`meteostream.etl.values.effective_values`.

    Returns
    -------
    Gold's columns, without the technical ones.
    """
    names = sorted(ALL)
    product = F.element_at(
        F.create_map(*(item for name in names for item in (F.lit(name), _product(name)))), F.col("variable")
    )
    observed = seconds(F.col("observed_at"))
    slot = slot_of(observed)
    away = observed - slot
    near = (away >= -60 * priorities.hourly.before_minutes) & (away <= 60 * priorities.hourly.after_minutes)
    placed = (
        values.withColumns({"slot": slot, "away": away, "product": product})
        .where(near)
        .select("*", "product.base", "product.statistic", "product.period_s")
    )
    is_rain_day = (F.col("base") == "rain") & (F.pmod("slot", F.lit(DAY_S)) == RAIN_DAY_END_S)
    rule = F.when(
        (F.col("period_s") == DAY_S) & ~is_rain_day, F.concat_ws(":", F.lit(IMPORTED), "source", "variable")
    ).otherwise(BEST)
    usable = F.col("value").isNotNull() & (F.col("flag") != int(Flag.FAIL))
    order = F.struct(
        F.when(usable, 0).otherwise(1),
        priorities.rank(F.col("base"), F.col("source")),
        F.col("source"),
        F.abs("away"),
        F.col("away"),
        F.col("report_type"),
        F.col("report_id"),
    )
    chosen = F.struct(F.when(usable, F.col("value")).alias("value"), "flag", "source", "report_id")
    key = ["station", "nature", "base", "statistic", "period_s", "slot", "rule"]
    best = placed.withColumn("rule", rule).groupBy(*key).agg(F.min_by(chosen, order).alias("chosen"))
    has = F.col("chosen.value").isNotNull()
    return best.select(
        "station",
        "nature",
        F.col("base").alias("variable"),
        "statistic",
        moment(F.col("slot") - F.col("period_s")).alias("period_start"),
        moment(F.col("slot")).alias("period_end"),
        F.to_date(moment(F.col("slot"))).alias("label"),
        "rule",
        F.col("chosen.value").alias("value"),
        has.cast("int").alias("count"),
        F.lit(1).alias("expected"),
        has.alias("complete"),
        F.col("chosen.flag").cast("int").alias("flag"),
        F.col("chosen.source").alias("source"),
        F.col("chosen.report_id").alias("report_id"),
    )


def _product(name: str) -> Column:
    variable = ALL[name]
    return F.struct(
        F.lit(base_name(name)).alias("base"),
        F.lit(variable.statistic).alias("statistic"),
        F.lit(variable.period_s).alias("period_s"),
    )
