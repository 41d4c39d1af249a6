"""Availability: of each day, station and hourly series the share of hours that have a usable value, per cent.

Every hour is expected: a station that reports eight times a day has 33 per cent, as the user of its data finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.etl.periods import DAY_S, HOUR_S, date_of, floor_div, moment, seconds
from meteostream.etl.products import BEST
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RULE: Final = "hours-00-24"


def availability_values(hourly: DataFrame) -> DataFrame:
    """Rows of availability; a day without any row of a series has none.

    Parameters
    ----------
    hourly
        Rows of gold's hourly table; of each UTC day all of them. A value of several hours stands for all of them.
    """
    end = seconds(F.col("period_end"))
    period = end - seconds(F.col("period_start"))
    expected = F.greatest(F.lit(1), F.lit(DAY_S) / F.greatest(F.lit(HOUR_S), period)).cast("int")
    rows = hourly.where(F.col("rule") == BEST).withColumns(
        {"day": floor_div(end - 1, DAY_S), "period_s": period, "wanted": expected}
    )
    counts = rows.groupBy("station", "nature", "variable", "statistic", "period_s", "wanted", "day").agg(
        F.count("value").alias("there")
    )
    used = F.least("there", "wanted")
    return counts.select(
        "station",
        "nature",
        "variable",
        "statistic",
        moment(F.col("day") * DAY_S).alias("period_start"),
        moment((F.col("day") + 1) * DAY_S).alias("period_end"),
        date_of(F.col("day")).alias("label"),
        F.concat_ws(":", F.lit(RULE), F.col("period_s").cast("string")).alias("rule"),
        (F.lit(100.0) * used / F.col("wanted")).alias("value"),
        used.cast("int").alias("count"),
        F.col("wanted").cast("int").alias("expected"),
        (used == F.col("wanted")).alias("complete"),
        F.lit(int(Flag.PASS)).alias("flag"),
        F.lit(None).cast("string").alias("source"),
        F.lit(None).cast("binary").alias("report_id"),
    )
