# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""Climatological days, dekads and months on small cases computed by hand."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from support_lake import arrow_rows, gold_frame, hour_row, lake_session, lake_settings, moment
from support_reports import STATION

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

TEMPERATURE = ("air_temperature", "point", 0)
RAIN_1H, RAIN_6H, RAIN_12H, RAIN_24H = (("rain", "sum", hours * 3600) for hours in (1, 6, 12, 24))
TMAX, TMIN = ("air_temperature", "maximum", 43_200), ("air_temperature", "minimum", 43_200)
SPEED, DIRECTION = ("wind_speed", "mean", 600), ("wind_direction", "mean", 600)
Rows = Sequence[dict[str, Any]]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    session = lake_session(lake_settings(tmp_path_factory.mktemp("days")))
    yield session
    session.stop()


def days(spark: SparkSession, rows: Rows) -> dict[tuple[str, str, str, date], dict[str, Any]]:
    """Daily rows by variable, statistic, rule and label."""
    from meteostream.etl.daily import daily_values, day_sums, wide_hours

    found = arrow_rows(daily_values(day_sums(wide_hours(gold_frame(spark, rows)))))
    return {(row["variable"], row["statistic"], row["rule"], row["label"]): row for row in found}


def hours(begin: str, values: Sequence[float | None], product: tuple[str, str, int]) -> list[dict[str, Any]]:
    """Hourly rows from the hour ``begin`` on."""
    first = moment(begin)
    return [hour_row(first + timedelta(hours=n), value, product) for n, value in enumerate(values)]


def test_a_reading_at_the_boundary_is_the_last_of_its_day(spark: SparkSession) -> None:
    """KF-117. Maximum of D: 18 UTC D-1 to 18 UTC D; minimum: to 06 UTC D; rain: 06 UTC D to D+1; means: the UTC day."""
    expected = {
        "2026-03-10 00": {"tx-18-18": 10, "tn-18-06": 10, "utc-00-24": 9, "rain-06-06": 9},
        "2026-03-10 01": {"tx-18-18": 10, "tn-18-06": 10, "utc-00-24": 10, "rain-06-06": 9},
        "2026-03-10 06": {"tx-18-18": 10, "tn-18-06": 10, "utc-00-24": 10, "rain-06-06": 9},
        "2026-03-10 07": {"tx-18-18": 10, "utc-00-24": 10, "rain-06-06": 10},
        "2026-03-10 18": {"tx-18-18": 10, "utc-00-24": 10, "rain-06-06": 10},
        "2026-03-10 19": {"tx-18-18": 11, "tn-18-06": 11, "utc-00-24": 10, "rain-06-06": 10},
    }
    for hour, labels in expected.items():
        rows = [hour_row(moment(hour), 20.0, TEMPERATURE), hour_row(moment(hour), 1.0, RAIN_1H)]
        found = {rule: label.day for _, _, rule, label in days(spark, rows)}
        assert found == labels, hour


def test_periods_of_days_are_stored(spark: SparkSession) -> None:
    found = days(spark, hours("2026-03-09 19", [20.0] * 24, TEMPERATURE))
    spans = {
        rule: (row["period_start"], row["period_end"]) for (_, _, rule, label), row in found.items() if label.day == 10
    }
    assert spans["tx-18-18"] == (moment("2026-03-09 18"), moment("2026-03-10 18"))
    assert spans["tn-18-06"] == (moment("2026-03-09 18"), moment("2026-03-10 06"))
    assert spans["utc-00-24"] == (moment("2026-03-10 00"), moment("2026-03-11 00"))


def test_extremes_and_means_of_a_whole_day(spark: SparkSession) -> None:
    """Hours 19 (D-1) to 18 (D): 1..24; the night is 1..12; the UTC day has 6..24 of them (19 of 24 hours)."""
    found = days(spark, hours("2026-03-09 19", [float(n) for n in range(1, 25)], TEMPERATURE))
    day = date(2026, 3, 10)
    highest = found["air_temperature", "maximum", "tx-18-18", day]
    assert (highest["value"], highest["count"], highest["expected"], highest["complete"]) == (24.0, 24, 24, True)
    lowest = found["air_temperature", "minimum", "tn-18-06", day]
    assert (lowest["value"], lowest["count"], lowest["expected"], lowest["complete"]) == (1.0, 12, 12, True)
    mean = found["air_temperature", "mean", "utc-00-24", day]
    assert (mean["value"], mean["count"], mean["expected"]) == (sum(range(7, 25)) / 18, 18, 24)


@pytest.mark.parametrize(("readings", "complete"), [(18, True), (17, False)])
def test_a_day_needs_three_quarters_of_its_hours(spark: SparkSession, readings: int, *, complete: bool) -> None:
    found = days(spark, hours("2026-03-10 01", [20.0] * readings, TEMPERATURE))
    row = found["air_temperature", "mean", "utc-00-24", date(2026, 3, 10)]
    assert (row["complete"], row["value"], row["count"]) == (complete, 20.0 if complete else None, readings)
    assert row["flag"] == (1 if complete else 9)


def test_a_registered_extreme_stands_for_its_day(spark: SparkSession) -> None:
    rows = [
        hour_row(moment("2026-03-10 18"), 39.5, TMAX),
        hour_row(moment("2026-03-10 06"), 30.1, TMAX),
        hour_row(moment("2026-03-10 06"), 22.4, TMIN),
        hour_row(moment("2026-03-10 18"), 25.0, TMIN),  # of the day's hours: no part of the night
        hour_row(moment("2026-03-10 12"), 38.0, TEMPERATURE),
    ]
    found = days(spark, rows)
    assert found["air_temperature", "maximum", "tx-18-18", date(2026, 3, 10)]["value"] == 39.5
    assert found["air_temperature", "minimum", "tn-18-06", date(2026, 3, 10)]["value"] == 22.4


def test_rain_is_the_coarsest_whole_measurement(spark: SparkSession) -> None:
    day = date(2026, 8, 1)
    gauge = hour_row(moment("2026-08-02 06"), 12.4, RAIN_24H)
    sixes = [hour_row(moment("2026-08-01 12") + timedelta(hours=6 * n), 3.0, RAIN_6H) for n in range(4)]
    ones = hours("2026-08-01 07", [0.5] * 24, RAIN_1H)
    key = ("rain", "sum", "rain-06-06", day)
    seen = [days(spark, rows)[key] for rows in ([gauge, *sixes, *ones], [*sixes, *ones], ones)]
    assert [(row["value"], row["count"], row["expected"]) for row in seen] == [
        (12.4, 1, 1),
        (12.0, 4, 4),
        (12.0, 24, 24),
    ]


def test_rain_that_is_not_whole_is_refused(spark: SparkSession) -> None:
    """Missing is not dry: 23 hours of 24 are no sum; nor are three quarters of a day by the six hours."""
    ones = hours("2026-08-01 07", [0.5] * 23, RAIN_1H)
    row = days(spark, ones)["rain", "sum", "rain-06-06", date(2026, 8, 1)]
    assert (row["value"], row["count"], row["expected"], row["complete"], row["flag"]) == (None, 23, 24, False, 9)


def test_rain_whose_period_does_not_fit_is_not_taken(spark: SparkSession) -> None:
    """A 12-hour rain that ends at 12 UTC lies in two climatological days."""
    rows = [hour_row(moment("2026-08-01 12"), 5.0, RAIN_12H), hour_row(moment("2026-08-02 00"), 5.0, RAIN_12H)]
    assert days(spark, rows) == {}


def test_a_mean_direction_goes_round_north_and_follows_the_strong_wind(spark: SparkSession) -> None:
    def day(pairs: list[tuple[float, float | None]]) -> Any:
        speeds = hours("2026-03-10 01", [speed for speed, _ in pairs], SPEED)
        directions = hours("2026-03-10 01", [direction for _, direction in pairs], DIRECTION)
        return days(spark, [*speeds, *directions])["wind_direction", "mean", "utc-00-24", date(2026, 3, 10)]

    assert day([(5.0, 350.0), (5.0, 10.0)] * 12)["value"] == pytest.approx(360.0)
    weighted = day([(3.0, 90.0), (1.0, 180.0)] * 12)["value"]
    assert weighted == pytest.approx(90 + math.degrees(math.atan2(1, 3)))
    calm = day([(0.0, None)] * 20 + [(4.0, 270.0)] * 4)
    assert (calm["value"], calm["count"]) == (pytest.approx(270.0), 24)
    opposed = day([(5.0, 90.0), (5.0, 270.0)] * 12)
    assert (opposed["value"], opposed["complete"]) == (None, False)


def test_suspect_hours_make_a_suspect_day(spark: SparkSession) -> None:
    rows = hours("2026-03-10 01", [20.0] * 24, TEMPERATURE)
    rows[3]["flag"] = 3
    found = days(spark, rows)
    assert found["air_temperature", "mean", "utc-00-24", date(2026, 3, 10)]["flag"] == 3
    # The hour 04 lies in the night before, not in that of the next day.
    assert found["air_temperature", "minimum", "tn-18-06", date(2026, 3, 11)]["flag"] == 9


def test_natures_never_meet(spark: SparkSession) -> None:
    from meteostream.etl.daily import daily_values, day_sums, wide_hours

    rows = hours("2026-03-10 01", [20.0] * 24, TEMPERATURE)
    for row in rows[12:]:
        row["nature"] = "replayed"
    found = arrow_rows(daily_values(day_sums(wide_hours(gold_frame(spark, rows)))))
    means = {row["nature"]: row["count"] for row in found if row["statistic"] == "mean"}
    assert means == {"observed": 12, "replayed": 12}


def test_sums_do_not_depend_on_the_order_of_their_terms(spark: SparkSession) -> None:
    """Else a rerun would differ in the last digit, and with it the content hash."""
    from pyspark.sql import functions as F  # noqa: N812 - custom

    from meteostream.etl.exact import mean, total

    values = [0.1, 0.2, 0.3, 1e5, -1e5, 33.3] * 50
    seen = set()
    for seed in range(5):
        shuffled = random.Random(seed).sample(values, len(values))  # noqa: S311 - an order
        frame = spark.createDataFrame([(value,) for value in shuffled], "value double").repartition(3)
        row = frame.select(mean(total(F.col("value")), F.count("value")).alias("mean")).first()
        seen.add(row["mean"])
    assert seen == {5.65}


def test_imported_days_keep_the_rule_of_their_source(spark: SparkSession) -> None:
    """Never summed with another's: the label is the day that holds the middle of the period."""
    from meteostream.etl.daily import imported_days

    def imported(end: str, rule: str) -> dict[str, Any]:
        return hour_row(moment(end), 30.0, ("air_temperature", "maximum", 86_400), rule=rule)

    rows = [
        imported("2026-03-10 18", "imported:gsod:tmax_24h"),
        imported("2026-03-11 00", "imported:ghcnd:tmax_24h"),
        imported("2026-03-11 06", "imported:climsoft:tmax_24h"),
        hour_row(moment("2026-03-11 06"), 5.0, RAIN_24H),
    ]
    found = arrow_rows(imported_days(gold_frame(spark, rows)))
    assert {(row["rule"], row["label"]) for row in found} == {
        (f"imported:{source}:tmax_24h", date(2026, 3, 10)) for source in ("gsod", "ghcnd", "climsoft")
    }


# Dekads and months


def day_row(day: date, value: float | None, statistic: str = "mean", rule: str = "utc-00-24", **other: Any) -> Any:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    hours_of_rule = {"utc-00-24": (0, 24), "rain-06-06": (6, 30), "tx-18-18": (-6, 18)}[rule]
    return hour_row(
        begin,
        value,
        ("rain" if statistic == "sum" else "air_temperature", statistic, 0),
        rule=rule,
        period_start=begin + timedelta(hours=hours_of_rule[0]),
        period_end=begin + timedelta(hours=hours_of_rule[1]),
        label=day,
        **other,
    )


def month(first: date, without: Sequence[int] = (), **other: Any) -> list[Any]:
    from meteostream.climate.periods import month_last

    return [
        day_row(first.replace(day=day), float(day), **other)
        for day in range(1, month_last(first).day + 1)
        if day not in without
    ]


def summed(spark: SparkSession, rows: Rows, rule: str = "wmo1203-11-5") -> dict[tuple[str, str], dict[str, Any]]:
    from meteostream.climate.completeness import MONTHLY
    from meteostream.etl.summary import month_values

    found = arrow_rows(month_values(gold_frame(spark, rows), MONTHLY[rule]))
    return {(row["statistic"], row["rule"]): row for row in found}


APRIL = date(2026, 4, 1)
TEN = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20)


@pytest.mark.parametrize(
    ("without", "rule", "complete"),
    [
        ((), "wmo1203-11-5", True),
        (TEN, "wmo1203-11-5", True),
        ((*TEN, 22), "wmo1203-11-5", False),  # 11 missing
        ((7, 8, 9, 10), "wmo1203-11-5", True),
        ((7, 8, 9, 10, 11), "wmo1203-11-5", False),  # 5 in a row
        ((26, 27, 28, 29, 30), "wmo1203-11-5", False),  # at the end
        ((1, 2, 3, 4, 5), "wmo1203-11-5", False),  # at the beginning
        ((2, 4, 6, 8, 10), "wmo-3-5", True),
        ((2, 4, 6, 8, 10, 12), "wmo-3-5", False),  # more than 5 missing
        ((7, 8, 9), "wmo-3-5", True),
        ((7, 8, 9, 10), "wmo-3-5", False),  # more than 3 in a row
    ],
)
def test_a_monthly_mean_is_refused_when_too_much_is_missing(
    spark: SparkSession, without: Sequence[int], rule: str, *, complete: bool
) -> None:
    """WMO-No. 1203: 11 days, or 5 in a row; and the older 3/5 rule. The rule is stored."""
    row = summed(spark, month(APRIL, without), rule)["mean", f"utc-00-24/{rule}"]
    kept = [day for day in range(1, 31) if day not in without]
    assert (row["count"], row["expected"], row["complete"]) == (len(kept), 30, complete)
    assert row["value"] == (sum(kept) / len(kept) if complete else None)


def test_days_without_a_value_are_missing(spark: SparkSession) -> None:
    rows = month(APRIL)
    for row in rows[6:11]:
        row["value"] = None
    found = summed(spark, rows)["mean", "utc-00-24/wmo1203-11-5"]
    assert (found["count"], found["complete"], found["value"]) == (25, False, None)


def test_a_monthly_sum_needs_every_day(spark: SparkSession) -> None:
    key = ("sum", "rain-06-06/wmo1203-11-5")
    whole = summed(spark, month(APRIL, statistic="sum", rule="rain-06-06"))[key]
    assert (whole["value"], whole["complete"]) == (465.0, True)
    assert (whole["period_start"], whole["period_end"]) == (moment("2026-04-01 06"), moment("2026-05-01 06"))
    assert whole["label"] == APRIL
    short = summed(spark, month(APRIL, (17,), statistic="sum", rule="rain-06-06"))[key]
    assert (short["value"], short["count"], short["complete"]) == (None, 29, False)


def test_of_daily_maxima_come_their_mean_and_the_highest(spark: SparkSession) -> None:
    found = summed(spark, month(APRIL, statistic="maximum", rule="tx-18-18"))
    assert {key: row["value"] for key, row in found.items()} == {
        ("mean", "tx-18-18/wmo1203-11-5"): 15.5,
        ("maximum", "tx-18-18/wmo1203-11-5"): 30.0,
    }


def test_days_of_two_rules_are_never_put_together(spark: SparkSession) -> None:
    rows = [*month(APRIL, range(16, 31), statistic="sum", rule="rain-06-06")]
    rows += [
        {**row, "rule": "imported:gsod:rain_24h"}
        for row in month(APRIL, range(1, 16), statistic="sum", rule="utc-00-24")
    ]
    found = summed(spark, rows)
    assert {key: (row["count"], row["value"]) for key, row in found.items()} == {
        ("sum", "rain-06-06/wmo1203-11-5"): (15, None),
        ("sum", "imported:gsod:rain_24h/wmo1203-11-5"): (15, None),
    }


@pytest.mark.parametrize(
    ("month_of", "lengths"), [(date(2024, 2, 1), (10, 10, 9)), (date(2026, 2, 1), (10, 10, 8)), (APRIL, (10, 10, 10))]
)
def test_dekads_end_with_the_month(spark: SparkSession, month_of: date, lengths: tuple[int, ...]) -> None:
    from meteostream.etl.summary import dekad_values

    found = arrow_rows(dekad_values(gold_frame(spark, month(month_of, statistic="sum", rule="rain-06-06"))))
    found.sort(key=lambda row: row["label"])
    assert [row["label"].day for row in found] == [1, 11, 21]
    assert tuple(row["expected"] for row in found) == lengths
    assert [row["complete"] for row in found] == [True] * 3
    last = sum(range(21, 21 + lengths[2]))
    assert [row["value"] for row in found] == [55.0, 155.0, float(last)]


def test_availability_is_the_share_of_hours(spark: SparkSession) -> None:
    from meteostream.etl.availability import availability_values

    rows = hours("2026-03-10 01", [1.0] * 18 + [None] * 6, TEMPERATURE)
    rows += [hour_row(moment("2026-03-10 06") + timedelta(hours=6 * n), 0.0, RAIN_6H) for n in range(4)]
    found = {row["variable"]: row for row in arrow_rows(availability_values(gold_frame(spark, rows)))}
    assert (found["air_temperature"]["value"], found["air_temperature"]["count"]) == (75.0, 18)
    assert (found["rain"]["value"], found["rain"]["expected"], found["rain"]["complete"]) == (100.0, 4, True)
    assert {row["station"] for row in found.values()} == {STATION}
