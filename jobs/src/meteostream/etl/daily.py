"""Daily values by climatological day.

Days of four kinds overlap. One pass over the hours sums them by UTC date, and apart those of a date that belong to a
neighbour's climatological day; a second one, over rows of dates alone, gives each what its neighbours hold for it. So
hours are read and shuffled once for all kinds. Sums are exact (:mod:`meteostream.etl.exact`).
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom
from pyspark.sql.window import Window

from meteostream.climate.completeness import hours_needed
from meteostream.etl.exact import mean, total, unscaled
from meteostream.etl.periods import DAY_S, HOUR_S, Day, date_of, moment, second_of_day, seconds, utc_day
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


# --- Sums of days ------------------------------------------------------------------------------------------------


class Measure(NamedTuple):
    """A sum, count or extreme of a day's hours.

    Attributes
    ----------
    name
        Of it, among those of its kind of day.
    how
        How hours, and parts of a day, are put together.
    fields
        What it needs one of.
    value
        Column of the hours; null where there is nothing to count.
    """

    name: str
    how: Literal["sum", "count", "maximum", "minimum", "bits"]
    fields: tuple[str, ...]
    value: Column


def _measures(day: Day) -> list[Measure]:
    """What is summed of a kind of day."""
    suspects = Measure("suspects", "bits", ("suspects",), F.col("suspects"))
    temperature = ("air_temperature",)
    if day is Day.RAIN:
        return [*(measure for name, _ in _RAINS for measure in _sum_and_count(name)), suspects]
    if day is Day.MAXIMUM:
        extremes = [Measure(name, "maximum", (name,), F.col(name)) for name in (*temperature, "tmax_night", "tmax_day")]
        return [*extremes, Measure("air_temperature_n", "count", temperature, F.col("air_temperature")), suspects]
    if day is Day.MINIMUM:
        extremes = [Measure(name, "minimum", (name,), F.col(name)) for name in (*temperature, "tmin_night")]
        return [*extremes, Measure("air_temperature_n", "count", temperature, F.col("air_temperature")), suspects]
    speed, radians = F.col("wind_speed"), F.radians("wind_direction")
    towards = F.when(F.col("wind_direction").isNotNull(), speed)
    known_wind = speed.isNotNull() & (F.col("wind_direction").isNotNull() | (speed == 0))
    gust = F.greatest("gust_1h", "gust_10min")
    wind = ("wind_direction", *_OF_MEAN["wind_speed"])
    return [
        *(measure for name in (*_MEANS, "sunshine") for measure in _sum_and_count(name)),
        Measure("gust", "maximum", ("gust_1h", "gust_10min"), gust),
        Measure("gust_n", "count", ("gust_1h", "gust_10min"), gust),
        Measure("east", "sum", wind, towards * F.sin(radians)),
        Measure("north", "sum", wind, towards * F.cos(radians)),
        Measure("wind_direction_n", "count", wind, F.when(known_wind, 1)),
        suspects,
    ]


def _sum_and_count(name: str) -> tuple[Measure, Measure]:
    fields = _OF_MEAN.get(name, (name,))
    return Measure(f"{name}_sum", "sum", fields, F.col(name)), Measure(f"{name}_n", "count", fields, F.col(name))


def _aggregate(measure: Measure, within: Column | None) -> Column:
    value = measure.value if within is None else F.when(within, measure.value)
    match measure.how:
        case "sum":
            return total(value)
        case "count":
            return F.count(value)
        case "maximum":
            return F.max(value)
        case "minimum":
            return F.min(value)
        case "bits":
            return F.coalesce(F.bit_or(value), F.lit(0))


def _together(measure: Measure, one: Column, other: Column) -> Column:
    """Of two parts of a day; nulls where there is no other."""
    match measure.how:
        case "sum":
            return F.coalesce(one + other, one, other)
        case "count":
            return one + F.coalesce(other, F.lit(0))
        case "maximum":
            return F.greatest(one, other)
        case "minimum":
            return F.least(one, other)
        case "bits":
            return one.bitwiseOR(F.coalesce(other, F.lit(0)))


def day_sums(hours: DataFrame) -> DataFrame:
    """Sums, counts and extremes of all kinds of days, one row a station, nature and UTC date, in one pass.

    Parameters
    ----------
    hours
        From :func:`wide_hours`; fields that a caller does not have may be left out, and what needs them is, too.

    Returns
    -------
    station, nature, day (days since 1970); a column ``KIND_MEASURE`` of each kind's day of this date; a column
    ``KIND_MEASURE_beside`` of the hours of this date that belong to a neighbouring date's; ``alone_1`` and
    ``alone_-1``: the following (preceding) date has no row, so nobody has counted those.
    """
    there = set(hours.columns)
    hours = hours.withColumns({item.name: F.lit(None).cast("double") for item in FIELDS if item.name not in there})
    hours = hours.withColumn("wind_speed", F.coalesce("wind_10min", "wind_2min"))
    second = second_of_day(F.col("s"))
    measures = [(day, item) for day in Day for item in _measures(day) if there.intersection(item.fields)]
    sums = []
    for day, item in measures:
        sums.append(_aggregate(item, _within(second, day.hours_of(0))).alias(_name(day, item)))
        if day.step:
            sums.append(_aggregate(item, _within(second, day.hours_of(day.step))).alias(_name(day, item, beside=True)))
    dates = hours.groupBy(*KEY, utc_day(F.col("s")).alias("day")).agg(*sums)
    order = Window.partitionBy(*KEY).orderBy("day")
    # What the date before has for this one is what a date has for the following, and so the other way round.
    given = {step: [_name(day, item, beside=True) for day, item in measures if day.step == step] for step in (1, -1)}
    dates = dates.withColumns(
        {
            "before": F.lag(F.struct("day", *given[1])).over(order),
            "after": F.lead(F.struct("day", *given[-1])).over(order),
        }
    )
    neighbour = {1: F.col("before.day") == F.col("day") - 1, -1: F.col("after.day") == F.col("day") + 1}
    merged = []
    for day, item in measures:
        own = F.col(_name(day, item))
        if day.step:
            giver = "before" if day.step == 1 else "after"
            other = F.when(neighbour[day.step], F.col(f"{giver}.{_name(day, item, beside=True)}"))
            merged += [_together(item, own, other).alias(_name(day, item)), F.col(_name(day, item, beside=True))]
        else:
            merged.append(own)
    alone = [(~F.coalesce(neighbour[-step], F.lit(False))).alias(f"alone_{step}") for step in (1, -1)]
    return dates.select(*KEY, "day", *merged, *alone)


def _within(second: Column, hours: tuple[int, int]) -> Column | None:
    """Whether a second of the day lies in [from, to); None if all do."""
    begin, end = hours
    return None if (begin, end) == (0, DAY_S) else (second >= begin) & (second < end)


def _name(day: Day, measure: Measure, *, beside: bool = False) -> str:
    return f"{day.name}_{measure.name}{'_beside' if beside else ''}"


# --- Values of days ----------------------------------------------------------------------------------------------


def daily_values(sums: DataFrame) -> DataFrame:
    """Daily rows.

    Parameters
    ----------
    sums
        From :func:`day_sums`.

    Returns
    -------
    Gold's columns, without the technical ones; a product of which nothing is there has no row.
    """
    there = set(sums.columns)
    catalogue: list[Column] = []
    found: list[Column] = []
    for day in Day:
        own = [product for product in _products(Sums(day, there)) if product is not None]
        for product in own:
            found.append(_struct(product, len(catalogue), F.col("day")))
            catalogue.append(_described(product, day))
        if day.step:
            # A date without a row of its own, next to one that has hours of its climatological days.
            beside = [product for product in _products(Sums(day, there, "_beside")) if product is not None]
            places = range(len(catalogue) - len(own), len(catalogue))
            found += [
                F.when(F.col(f"alone_{day.step}"), _struct(product, place, F.col("day") + day.step))
                for product, place in zip(beside, places, strict=True)
            ]
    rows = sums.select(*KEY, F.inline(F.array(*found))).where("count > 0 OR value IS NOT NULL")
    rows = rows.withColumn("product", F.element_at(F.array(*catalogue), F.col("place") + 1))
    midnight = F.col("date") * DAY_S
    return rows.select(
        *KEY,
        "product.variable",
        "product.statistic",
        moment(midnight + F.col("product.begin_s")).alias("period_start"),
        moment(midnight + F.col("product.end_s")).alias("period_end"),
        date_of(F.col("date")).alias("label"),
        "product.rule",
        "value",
        "count",
        "expected",
        "complete",
        "flag",
        F.lit(None).cast("string").alias("source"),
        F.lit(None).cast("binary").alias("report_id"),
    )


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
    suspects
        Bits of the day's suspect fields.
    """

    variable: str
    statistic: str
    value: Column
    count: Column
    expected: Column
    complete: Column
    fields: tuple[str, ...]
    suspects: Column


class Sums(NamedTuple):
    """Columns of :func:`day_sums` for a kind of day."""

    day: Day
    there: set[str]
    suffix: str = ""

    def has(self, *measures: str) -> bool:
        """Whether one of the measures is there."""
        return any(f"{self.day.name}_{name}{self.suffix}" in self.there for name in measures)

    def __call__(self, measure: str, absent: str = "null") -> Column:
        """A measure; ``absent`` (an SQL literal) if there is none."""
        return F.col(f"{self.day.name}_{measure}{self.suffix}") if self.has(measure) else F.expr(absent)

    def count(self, measure: str) -> Column:
        """A count."""
        return self(measure, "0L")


def _products(sums: Sums) -> list[Product | None]:
    """What is made of a kind of day; None where nothing of it can be there."""
    match sums.day:
        case Day.RAIN:
            return [_rain(sums)]
        case Day.MAXIMUM:
            return [_maximum(sums)]
        case Day.MINIMUM:
            return [_minimum(sums)]
        case Day.UTC:
            return [*(_mean(sums, name) for name in _MEANS), _direction(sums), _gust(sums), _sunshine(sums)]


def _described(product: Product, day: Day) -> Column:
    """What is the same of all rows of a product."""
    return F.struct(
        F.lit(product.variable).alias("variable"),
        F.lit(product.statistic).alias("statistic"),
        F.lit(day.rule).alias("rule"),
        F.lit(day.begin_s).alias("begin_s"),
        F.lit(day.end_s).alias("end_s"),
    )


def _struct(product: Product, place: int, date: Column) -> Column:
    bits = sum(_BIT[name] for name in product.fields)
    value = F.when(product.complete, product.value)
    flag = (
        F.when(value.isNull(), int(Flag.MISSING))
        .when(product.suspects.bitwiseAND(F.lit(bits)) != 0, int(Flag.SUSPECT))
        .otherwise(int(Flag.PASS))
    )
    return F.struct(
        F.lit(place).alias("place"),
        date.alias("date"),
        value.alias("value"),
        product.count.cast("int").alias("count"),
        product.expected.cast("int").alias("expected"),
        product.complete.alias("complete"),
        flag.alias("flag"),
    )


def _mean(sums: Sums, name: str) -> Product | None:
    if not sums.has(f"{name}_n"):
        return None
    count = sums.count(f"{name}_n")
    return Product(
        name,
        "mean",
        mean(sums(f"{name}_sum"), count),
        count,
        F.lit(HOURS),
        count >= hours_needed(HOURS),
        _OF_MEAN.get(name, (name,)),
        sums.count("suspects"),
    )


def _direction(sums: Sums) -> Product | None:
    """Mean direction, each hour weighted by its speed; calm hours count and weigh nothing. North is 360."""
    if not sums.has("wind_direction_n"):
        return None
    east, north, count = unscaled(sums("east")), unscaled(sums("north")), sums.count("wind_direction_n")
    degrees = F.pmod(F.degrees(F.atan2(east, north)), F.lit(360.0))
    value = F.when(F.hypot(east, north) >= CALM_RESULTANT * count, F.when(degrees == 0, 360.0).otherwise(degrees))
    complete = (count >= hours_needed(HOURS)) & value.isNotNull()
    fields = ("wind_direction", *_OF_MEAN["wind_speed"])
    return Product("wind_direction", "mean", value, count, F.lit(HOURS), complete, fields, sums.count("suspects"))


def _rain(sums: Sums) -> Product | None:
    """The day's rain by its coarsest whole measurement; else refused, with the count of the one that covers most."""
    there = [(name, wanted) for name, wanted in _RAINS if sums.has(f"{name}_n")]
    if not there:
        return None
    value, count, expected = F.lit(None).cast("double"), F.lit(0), F.lit(HOURS)
    share = F.lit(-1.0)
    for name, wanted in there:  # of equal shares the coarser stays
        here = sums.count(f"{name}_n")
        better = here / F.lit(float(wanted)) > share
        count = F.when(better, here).otherwise(count)
        expected = F.when(better, F.lit(wanted)).otherwise(expected)
        value = F.when(better, unscaled(sums(f"{name}_sum"))).otherwise(value)
        share = F.greatest(share, here / F.lit(float(wanted)))
    fields = tuple(name for name, _ in _RAINS)
    return Product("rain", "sum", value, count, expected, share >= 1, fields, sums.count("suspects"))


def _maximum(sums: Sums) -> Product | None:
    """Highest temperature: what thermometers registered, and the hours' readings.

    The maximum that is reported at 18 UTC stands for the day, as in the SYNOP practice of Region I (WMO-No. 306, volume
    II: Tx at 18 UTC); without it, hourly readings must be enough.
    """
    fields = ("air_temperature", "tmax_day", "tmax_night")
    if not sums.has(*fields):
        return None
    count = sums.count("air_temperature_n")
    complete = sums("tmax_day").isNotNull() | (count >= hours_needed(HOURS))
    value = F.greatest(*(sums(name, "cast(null as double)") for name in fields))
    return Product("air_temperature", "maximum", value, count, F.lit(HOURS), complete, fields, sums.count("suspects"))


def _minimum(sums: Sums) -> Product | None:
    """Lowest temperature of the night: what is reported at 06 UTC (Region I), and the hours' readings."""
    fields = ("air_temperature", "tmin_night")
    if not sums.has(*fields):
        return None
    count = sums.count("air_temperature_n")
    complete = sums("tmin_night").isNotNull() | (count >= hours_needed(NIGHT_HOURS))
    value = F.least(*(sums(name, "cast(null as double)") for name in fields))
    return Product(
        "air_temperature", "minimum", value, count, F.lit(NIGHT_HOURS), complete, fields, sums.count("suspects")
    )


def _gust(sums: Sums) -> Product | None:
    if not sums.has("gust_n"):
        return None
    count, fields = sums.count("gust_n"), ("gust_1h", "gust_10min")
    complete = count >= hours_needed(HOURS)
    return Product("gust", "maximum", sums("gust"), count, F.lit(HOURS), complete, fields, sums.count("suspects"))


def _sunshine(sums: Sums) -> Product | None:
    """Sum of 24 hours; a sum needs them all."""
    if not sums.has("sunshine_n"):
        return None
    count, value = sums.count("sunshine_n"), unscaled(sums("sunshine_sum"))
    return Product("sunshine", "sum", value, count, F.lit(HOURS), count >= HOURS, ("sunshine",), sums.count("suspects"))
