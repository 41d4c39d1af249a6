"""Daily values by climatological day.

All days begin and end at 00, 06 or 18 UTC, so hours are first summed to six-hour blocks, one pass over all variables;
each kind of day is then four blocks (the minimum's: two). Sums are exact (:mod:`meteostream.etl.exact`).
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.etl.completeness import hours_needed
from meteostream.etl.exact import mean, micro, total, unscaled
from meteostream.etl.periods import (
    DAY_S,
    HOUR_S,
    Day,
    block_in_day,
    block_of,
    date_of,
    day_of_block,
    moment,
    seconds,
)
from meteostream.etl.products import IMPORTED
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

KEY: Final = ("station", "nature")
HOURS: Final = 24
NIGHT_HOURS: Final = 12
"""Hours of the minimum's day, 18 to 06 UTC."""


class Field(NamedTuple):
    """A column of the wide hourly form: which hourly rows it is, and at which hours (remainder of a division)."""

    name: str
    variable: str
    statistic: str
    period_s: int
    every_h: int = 1
    at_h: int = 0


FIELDS: Final = (
    Field("air_temperature", "air_temperature", "point", 0),
    Field("dew_point_temperature", "dew_point_temperature", "point", 0),
    Field("relative_humidity", "relative_humidity", "point", 0),
    Field("station_pressure", "station_pressure", "point", 0),
    Field("sea_level_pressure", "sea_level_pressure", "point", 0),
    Field("wind_10min", "wind_speed", "mean", 600),
    Field("wind_2min", "wind_speed", "mean", 120),
    Field("wind_direction", "wind_direction", "mean", 600),
    Field("gust_1h", "gust", "maximum", HOUR_S),
    Field("gust_10min", "gust", "maximum", 600),
    Field("cloud_cover", "cloud_cover", "point", 0),
    Field("irradiance", "irradiance", "mean", 60),
    Field("sunshine", "sunshine", "sum", HOUR_S),
    Field("rain_1h", "rain", "sum", HOUR_S),
    Field("rain_3h", "rain", "sum", 3 * HOUR_S, 3),
    Field("rain_6h", "rain", "sum", 6 * HOUR_S, 6),
    Field("rain_12h", "rain", "sum", 12 * HOUR_S, 12, 6),
    Field("rain_24h", "rain", "sum", DAY_S, 24, 6),
    Field("tmax_night", "air_temperature", "maximum", 12 * HOUR_S, 24, 6),
    Field("tmax_day", "air_temperature", "maximum", 12 * HOUR_S, 24, 18),
    Field("tmin_night", "air_temperature", "minimum", 12 * HOUR_S, 24, 6),
)
"""Longer periods count only where they fit into the climatological day: a 12-hour rain that ends at 12 UTC does not."""

_BIT: Final = {field.name: 1 << bit for bit, field in enumerate(FIELDS)}
_RAINS: Final = (("rain_24h", 1), ("rain_12h", 2), ("rain_6h", 4), ("rain_3h", 8), ("rain_1h", 24))
"""How a day's rain may be measured, and how many values it takes; the first that is whole is taken."""
_MEANS: Final = (
    "air_temperature",
    "dew_point_temperature",
    "relative_humidity",
    "station_pressure",
    "sea_level_pressure",
    "wind_speed",
    "cloud_cover",
    "irradiance",
)
_OF_MEAN: Final = {"wind_speed": ("wind_10min", "wind_2min")}
"""Fields behind a mean that has another name."""

CALM_RESULTANT: Final = 1e-3
"""Below this mean vector, m/s, a day has no mean direction."""


def wide_hours(hourly: DataFrame) -> DataFrame:
    """One row a station, nature and hour from hourly rows.

    Parameters
    ----------
    hourly
        Rows of gold's hourly table.

    Returns
    -------
    station, nature, s (the hour, seconds since 1970), a column a field, and ``suspects``: the bits of suspect fields.
    """
    rows = hourly.where(F.col("value").isNotNull()).withColumns(
        {"s": seconds(F.col("period_end")), "period_s": seconds(F.col("period_end")) - seconds(F.col("period_start"))}
    )
    field = reduce(lambda other, item: other.when(_is(item), item.name), FIELDS, F.when(F.lit(False), ""))
    bit = F.element_at(F.create_map(*(F.lit(x) for pair in _BIT.items() for x in pair)), F.col("field"))
    return (
        rows.withColumn("field", field)
        .where("field IS NOT NULL")
        .groupBy(*KEY, "s")
        .agg(
            *(F.max(F.when(F.col("field") == item.name, F.col("value"))).alias(item.name) for item in FIELDS),
            F.bit_or(F.when(F.col("flag") == int(Flag.SUSPECT), bit).otherwise(0)).alias("suspects"),
        )
    )


def _is(field: Field) -> Column:
    found = (
        (F.col("variable") == field.variable)
        & (F.col("statistic") == field.statistic)
        & (F.col("period_s") == field.period_s)
    )
    if field.every_h > 1:
        found = found & (F.pmod("s", F.lit(field.every_h * HOUR_S)) == field.at_h * HOUR_S)
    return found


def blocks_of(hours: DataFrame) -> DataFrame:
    """Sums, counts and extremes of six-hour blocks.

    Parameters
    ----------
    hours
        From :func:`wide_hours`; fields that a caller does not have may be left out.
    """
    hours = hours.withColumns(
        {item.name: F.lit(None).cast("double") for item in FIELDS if item.name not in hours.columns}
    )
    if "suspects" not in hours.columns:
        hours = hours.withColumn("suspects", F.lit(0))
    speed = F.coalesce("wind_10min", "wind_2min")
    radians = F.radians("wind_direction")
    known_wind = speed.isNotNull() & (F.col("wind_direction").isNotNull() | (speed == 0))
    hours = hours.withColumns({"block": block_of(F.col("s")), "wind_speed": speed})
    towards = F.when(F.col("wind_direction").isNotNull(), speed)
    sums = [
        measure
        for name in (*_MEANS, "sunshine", *(rain for rain, _ in _RAINS))
        for measure in (total(F.col(name)).alias(f"{name}_sum"), F.count(name).alias(f"{name}_n"))
    ]
    return hours.groupBy(*KEY, "block").agg(
        *sums,
        F.max("air_temperature").alias("hottest"),
        F.min("air_temperature").alias("coldest"),
        *(F.max(name).alias(name) for name in ("tmax_night", "tmax_day")),
        F.min("tmin_night").alias("tmin_night"),
        F.max(F.greatest("gust_1h", "gust_10min")).alias("gust"),
        F.count(F.coalesce("gust_1h", "gust_10min")).alias("gust_n"),
        F.sum(micro(towards * F.sin(radians))).alias("east"),
        F.sum(micro(towards * F.cos(radians))).alias("north"),
        F.count(F.when(known_wind, 1)).alias("wind_direction_n"),
        F.bit_or("suspects").alias("suspects"),
    )


def daily_values(hours: DataFrame) -> DataFrame:
    """Daily rows from hours.

    Parameters
    ----------
    hours
        From :func:`wide_hours`.

    Returns
    -------
    Gold's columns, without the technical ones; a product of which nothing is there has no row.
    """
    blocks = blocks_of(hours)
    products = {
        Day.RAIN: [_rain()],
        Day.MAXIMUM: [_maximum()],
        Day.MINIMUM: [_minimum()],
        Day.UTC: [*(_mean(name) for name in _MEANS), _direction(), _gust(), _sunshine()],
    }
    days = [_rows(blocks, day, found) for day, found in products.items()]
    return reduce(lambda one, other: one.unionByName(other), days)


def imported_days(hourly: DataFrame) -> DataFrame:
    """Daily values that came as such, with the rule of their source.

    The label is the day that holds the middle of the period: 18 UTC D-1 to 18 UTC D, 00 to 24 UTC of D and 06 UTC D to
    06 UTC D+1 are all of D.

    Parameters
    ----------
    hourly
        Rows of gold's hourly table.
    """
    middle = (seconds(F.col("period_start")) + seconds(F.col("period_end"))) / 2
    return hourly.where(F.col("rule").startswith(IMPORTED)).withColumns(
        {
            "label": F.to_date(moment(middle)),
            "source": F.lit(None).cast("string"),  # the rule names it
            "report_id": F.lit(None).cast("binary"),
        }
    )


# --- One kind of day ---------------------------------------------------------------------------------------------


class Product(NamedTuple):
    """A daily value from a day's sums.

    Attributes
    ----------
    variable, statistic
        In gold.
    value
        Column of the sums; null where there is none.
    count, expected
        Hourly values that there were and should be.
    complete
        Whether the value may be published.
    fields
        Whose suspects make it suspect.
    """

    variable: str
    statistic: str
    value: Column
    count: Column
    expected: Column
    complete: Column
    fields: tuple[str, ...]


def _rows(blocks: DataFrame, day: Day, products: list[Product]) -> DataFrame:
    counted = [name for name in blocks.columns if name.endswith(("_sum", "_n")) or name in {"east", "north"}]
    highest = ("hottest", "tmax_night", "tmax_day", "gust")
    lowest = ("coldest", "tmin_night")
    number = day_of_block(F.col("block"), day)
    used = blocks.where(block_in_day(F.col("block"), day)) if day.end_s - day.begin_s < DAY_S else blocks
    days = used.groupBy(*KEY, number.alias("day")).agg(
        *(F.sum(name).alias(name) for name in counted),
        *(F.max(name).alias(name) for name in highest),
        *(F.min(name).alias(name) for name in lowest),
        F.bit_or("suspects").alias("suspects"),
    )
    rows = days.select(*KEY, "day", F.inline(F.array(*(_struct(product) for product in products))))
    begin = F.col("day") * DAY_S
    return rows.where("count > 0 OR value IS NOT NULL").select(
        *KEY,
        "variable",
        "statistic",
        moment(begin + day.begin_s).alias("period_start"),
        moment(begin + day.end_s).alias("period_end"),
        date_of(F.col("day")).alias("label"),
        F.lit(day.rule).alias("rule"),
        "value",
        "count",
        "expected",
        "complete",
        "flag",
        F.lit(None).cast("string").alias("source"),
        F.lit(None).cast("binary").alias("report_id"),
    )


def _struct(product: Product) -> Column:
    bits = sum(_BIT[name] for name in product.fields)
    value = F.when(product.complete, product.value)
    flag = (
        F.when(value.isNull(), int(Flag.MISSING))
        .when(F.col("suspects").bitwiseAND(F.lit(bits)) != 0, int(Flag.SUSPECT))
        .otherwise(int(Flag.PASS))
    )
    return F.struct(
        F.lit(product.variable).alias("variable"),
        F.lit(product.statistic).alias("statistic"),
        value.alias("value"),
        product.count.cast("int").alias("count"),
        product.expected.cast("int").alias("expected"),
        product.complete.alias("complete"),
        flag.alias("flag"),
    )


def _mean(name: str) -> Product:
    count = F.col(f"{name}_n")
    return Product(
        name,
        "mean",
        mean(F.col(f"{name}_sum"), count),
        count,
        F.lit(HOURS),
        count >= hours_needed(HOURS),
        _OF_MEAN.get(name, (name,)),
    )


def _direction() -> Product:
    """Mean direction, each hour weighted by its speed; calm hours count and weigh nothing. North is 360."""
    east, north, count = unscaled(F.col("east")), unscaled(F.col("north")), F.col("wind_direction_n")
    degrees = F.pmod(F.degrees(F.atan2(east, north)), F.lit(360.0))
    value = F.when(F.hypot(east, north) >= CALM_RESULTANT * count, F.when(degrees == 0, 360.0).otherwise(degrees))
    complete = (count >= hours_needed(HOURS)) & value.isNotNull()
    fields = ("wind_direction", "wind_10min", "wind_2min")
    return Product("wind_direction", "mean", value, count, F.lit(HOURS), complete, fields)


def _rain() -> Product:
    """The day's rain by its coarsest whole measurement; else refused, with the count of the one that covers most."""
    value, count, expected = F.lit(None).cast("double"), F.lit(0), F.lit(HOURS)
    share = F.lit(-1.0)
    for name, wanted in _RAINS:  # of equal shares the coarser stays
        better = F.col(f"{name}_n") / F.lit(float(wanted)) > share
        count = F.when(better, F.col(f"{name}_n")).otherwise(count)
        expected = F.when(better, F.lit(wanted)).otherwise(expected)
        value = F.when(better, unscaled(F.col(f"{name}_sum"))).otherwise(value)
        share = F.greatest(share, F.col(f"{name}_n") / F.lit(float(wanted)))
    return Product("rain", "sum", value, count, expected, share >= 1, tuple(name for name, _ in _RAINS))


def _maximum() -> Product:
    """Highest temperature: what thermometers registered, and the hours' readings.

    The maximum that is reported at 18 UTC stands for the day, as in the SYNOP practice of Region I (WMO-No. 306, volume
    II: Tx at 18 UTC); without it, hourly readings must be enough.
    """
    count = F.col("air_temperature_n")
    complete = F.col("tmax_day").isNotNull() | (count >= hours_needed(HOURS))
    value = F.greatest("hottest", "tmax_day", "tmax_night")
    return Product(
        "air_temperature",
        "maximum",
        value,
        count,
        F.lit(HOURS),
        complete,
        ("air_temperature", "tmax_day", "tmax_night"),
    )


def _minimum() -> Product:
    """Lowest temperature of the night: what is reported at 06 UTC (Region I), and the hours' readings."""
    count = F.col("air_temperature_n")
    complete = F.col("tmin_night").isNotNull() | (count >= hours_needed(NIGHT_HOURS))
    value = F.least("coldest", "tmin_night")
    return Product(
        "air_temperature", "minimum", value, count, F.lit(NIGHT_HOURS), complete, ("air_temperature", "tmin_night")
    )


def _gust() -> Product:
    count = F.col("gust_n")
    return Product(
        "gust", "maximum", F.col("gust"), count, F.lit(HOURS), count >= hours_needed(HOURS), ("gust_1h", "gust_10min")
    )


def _sunshine() -> Product:
    """Sum of 24 hours; a sum needs them all."""
    count = F.col("sunshine_n")
    return Product(
        "sunshine", "sum", unscaled(F.col("sunshine_sum")), count, F.lit(HOURS), count >= HOURS, ("sunshine",)
    )
