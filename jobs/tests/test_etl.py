# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""The ETL on a real lake (Iceberg, local Spark): late and corrected reports, decisions, reruns, a second engine."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pytest

from meteostream.contract.decision import Decision, encode_decision, make_decision
from meteostream.contract.ids import report_id
from support_lake import (
    BronzeWriter,
    arrow_rows,
    content_hashes,
    gold_frame,
    hour_row,
    lake_session,
    lake_settings,
    moment,
)
from support_reports import STATION, report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from meteostream.etl.compute import Rules

pytestmark = pytest.mark.spark

STATIONS = ("0-20000-0-61641", "0-20000-0-61687", "0-0-0-SIM61641")
BEGIN = moment("2026-01-20 00")
DAYS = 50
LATE = 1_000
Message = tuple[bytes, bytes]


class Lake(NamedTuple):
    """A lake and what writes it."""

    spark: SparkSession
    bronze: BronzeWriter
    folder: Path
    rules: Rules


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("etl")
    spark = lake_session(lake_settings(folder))
    from meteostream.climate.completeness import WMO_1203
    from meteostream.etl.compute import Rules, create_tables
    from meteostream.etl.sources import parse_priorities

    create_tables(spark)
    priorities = parse_priorities(
        'version = "t"\n[hourly]\nbefore_minutes = 10\nafter_minutes = 10\n'
        '[priority]\ndefault = ["synop", "aws"]\n[priority.variables]\nrain = ["observers", "aws"]\n',
        "test.toml",
    )
    yield Lake(spark, BronzeWriter(spark), folder, Rules(priorities, WMO_1203))
    spark.stop()


def when(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def hourly_reports(stations: Sequence[str] = STATIONS, days: int = DAYS) -> list[Message]:
    """Reports of an AWS each hour, values from the hour: any program can compute what should come of them."""
    found = []
    for station in stations:
        for number in range(24 * days):
            at = BEGIN + timedelta(hours=number)
            variables: dict[str, Any] = {
                "air_temperature": temperature(station, number),
                "relative_humidity": float(number % 101),
                "wind_mean_10min": number % 7 * 1.5,
                "wind_direction": float(number * 10 % 360 + 10),
                "rain_1h": number % 5 * 0.2,
            }
            found.append(
                report(
                    variables,
                    station=station,
                    observed_at=when(at),
                    received_at=when(at + timedelta(seconds=20)),
                    source="simulator" if station.startswith("0-0-0-SIM") else "aws",
                )
            )
    return found


def temperature(station: str, number: int) -> float:
    return round(20 + (number * 7 + len(station)) % 13 * 0.7, 1)


def silver_and_gold(lake: Lake) -> Any:
    from meteostream.etl.compute import update
    from meteostream.etl.silver import merge_silver

    merge_silver(lake.spark)
    return update(lake.spark, lake.rules)


def decide(lake: Lake, decisions: Sequence[Decision]) -> None:
    """Messages of decisions into the lake, as the topic's reader appends them."""
    from meteostream.etl.decisions import NAME, append, row_of

    begin = lake.spark.table(NAME).count()
    append(
        lake.spark,
        [
            row_of("weather.decisions", 0, begin + n, 0, decision.key.encode(), encode_decision(decision))
            for n, decision in enumerate(decisions)
        ],
    )


_clock = iter(range(10**6))


def decision(action: Any, at: datetime | None = None, **members: Any) -> Decision:
    """About the temperature of the AWS at Dakar-Yoff, each a second after the other."""
    if action != "undo":
        assert at is not None
        members = {
            "station": STATION,
            "source": "aws",
            "report_type": "aws",
            "observed_at": when(at),
            "variable": "air_temperature",
        } | members
    decided = datetime(2026, 6, 1) + timedelta(seconds=next(_clock))
    return make_decision(action, author="test", reason="a test", decided_at=when(decided), **members)


def hour(lake: Lake, at: datetime, station: str = STATION, variable: str = "air_temperature") -> dict[str, Any]:
    from meteostream.etl import gold

    (row,) = [
        row
        for row in arrow_rows(lake.spark.table(gold.table(gold.HOURLY).name).where(f"period_end = '{when(at)}'"))
        if (row["station"], row["variable"]) == (station, variable)
    ]
    return row


def rebuilt(lake: Lake) -> dict[str, str]:
    """Hashes of gold that is computed from nothing but bronze and the decisions."""
    from meteostream.etl import gold, runs
    from meteostream.etl.compute import create_tables, update
    from meteostream.etl.silver import merge_silver

    for name in gold.TABLES:
        lake.spark.sql(f"DROP TABLE {gold.table(name).name} PURGE")
    lake.spark.sql(f"DROP TABLE {runs.NAME} PURGE")
    create_tables(lake.spark)
    merge_silver(lake.spark, rebuild=True)
    update(lake.spark, lake.rules)
    return content_hashes(lake.spark)


def test_silver_has_every_event_once(lake: Lake) -> None:
    from meteostream.etl.silver import NAME, merge_silver

    messages = hourly_reports()
    lake.bronze.append([*messages, *messages[:100], (b"x", b"no report")])
    assert merge_silver(lake.spark) == len(messages)
    assert merge_silver(lake.spark) == 0
    lake.bronze.append(messages[200:300])  # sent again later
    assert merge_silver(lake.spark) == 0
    rows = lake.spark.table(NAME)
    assert rows.count() == rows.select("event_id").distinct().count() == len(messages)


def test_the_first_run_computes_everything_and_the_next_nothing(lake: Lake) -> None:
    from meteostream.etl.compute import update

    run = silver_and_gold(lake)
    assert run is not None
    assert run.changed > 24 * DAYS * len(STATIONS)
    assert update(lake.spark, lake.rules) is None


def test_simulated_values_have_rows_of_their_own(lake: Lake) -> None:
    from meteostream.etl import gold

    for name in gold.TABLES:
        found = {
            (row["station"].startswith("0-0-0-SIM"), row["nature"])
            for row in gold.read(lake.spark, name).select("station", "nature").distinct().collect()
        }
        assert found == {(True, "simulated"), (False, "observed")}, name


def test_another_engine_computes_the_same_from_the_input(lake: Lake) -> None:
    """DuckDB, from the messages themselves: nothing of the ETL's code takes part."""
    from meteostream.etl import gold

    rows = [
        (station, when(BEGIN + timedelta(hours=n)), temperature(station, n), n % 5 * 0.2, float(n % 101))
        for station in STATIONS
        for n in range(24 * DAYS)
    ]
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute("CREATE TABLE r (station text, seen timestamptz, t double, rain double, rh double)")
    base.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?)", rows)

    def by_day(value: str, begin_h: int, hours: int, needed: int) -> str:
        """Days (begin, begin + hours] named by the date that begin_h is counted from."""
        start = f"(epoch(seen)::bigint - 1 - {begin_h * 3600})"
        return (
            f"SELECT station, DATE '1970-01-01' + ({start} // 86400)::integer AS label, {value} AS value FROM r "  # noqa: S608 - ours
            f"WHERE {start} % 86400 < {hours * 3600} GROUP BY ALL HAVING count(*) >= {needed}"
        )

    exact = "sum(round_even({0} * 1e6, 0)::bigint) / 1e6"
    mean = f"{exact.format('rh')} / count(*)"
    expected = {
        ("rain", "sum"): by_day(exact.format("rain"), 6, 24, 24),
        ("air_temperature", "maximum"): by_day("max(t)", -6, 24, 18),
        ("air_temperature", "minimum"): by_day("min(t)", -6, 12, 9),
        ("relative_humidity", "mean"): by_day(mean, 0, 24, 18),
    }
    for (variable, statistic), query in expected.items():
        daily = gold.read(lake.spark, gold.DAILY).where(
            f"variable = '{variable}' AND statistic = '{statistic}' AND value IS NOT NULL"
        )
        ours = {(row["station"], row["label"]): row["value"] for row in daily.collect()}
        theirs = {(station, label): value for station, label, value in base.execute(query).fetchall()}
        assert len(ours) > DAYS
        assert ours == theirs, (variable, statistic)
    months = base.execute(
        f"WITH d AS ({expected['rain', 'sum']}) SELECT station, date_trunc('month', label)::date, "  # noqa: S608 - ours
        f"{exact.format('value')} FROM d GROUP BY ALL HAVING count(*) = day(last_day(min(label)))"
    ).fetchall()
    monthly = gold.read(lake.spark, gold.MONTHLY).where("variable = 'rain' AND value IS NOT NULL").collect()
    assert {(row["station"], row["label"], row["value"]) for row in monthly} == set(months)
    assert len(months) == len(STATIONS)  # February is whole, January and March are not


def test_the_first_source_of_the_list_is_taken_and_named(lake: Lake) -> None:
    at = BEGIN + timedelta(days=3, hours=9)
    lake.bronze.append(
        [
            report({"air_temperature": 31.0}, observed_at=when(at), source="synop", report_type="synop"),
            report({"air_temperature": 32.0, "rain_1h": 9.0}, observed_at=when(at), source="metar"),
            # a report of :50 is the next hour's (KF-110); one of :40 is no hour's
            report({"dew_point_temperature": 11.0}, observed_at=when(at - timedelta(minutes=10)), source="metar"),
            report({"dew_point_temperature": 12.0}, observed_at=when(at - timedelta(minutes=20)), source="synop"),
        ]
    )
    silver_and_gold(lake)
    chosen = hour(lake, at)
    assert (chosen["value"], chosen["source"]) == (31.0, "synop")
    assert chosen["report_id"] == report_id("synop", STATION, when(at), "synop")
    rain = hour(lake, at, variable="rain")
    assert rain["source"] == "aws"
    assert hour(lake, at, variable="dew_point_temperature")["value"] == 11.0


def test_a_failed_value_gives_way_to_another_source(lake: Lake) -> None:
    at = BEGIN + timedelta(days=3, hours=11)
    aws = hour(lake, at)["value"]
    lake.bronze.append([report({"air_temperature": 312.0}, observed_at=when(at), source="synop")])
    silver_and_gold(lake)
    assert (hour(lake, at)["value"], hour(lake, at)["source"]) == (aws, "aws")


def test_an_absent_variable_overwrites_nothing_and_an_explicit_null_does(lake: Lake) -> None:
    at = BEGIN + timedelta(days=4, hours=9)
    was = hour(lake, at)
    lake.bronze.append(
        [
            report(
                {"relative_humidity": None},
                observed_at=when(at),
                received_at=when(at + timedelta(days=1)),
                revision=1,
                source="aws",
            )
        ]
    )
    silver_and_gold(lake)
    assert hour(lake, at)["value"] == was["value"]
    humidity = hour(lake, at, variable="relative_humidity")
    assert (humidity["value"], humidity["flag"], humidity["complete"]) == (None, 9, False)
    assert humidity["version"] == 2


def test_decisions_stand_above_revisions_and_are_taken_back(lake: Lake) -> None:
    at = BEGIN + timedelta(days=5, hours=12)
    source = hour(lake, at)["value"]
    replaced = decision("replace", at, value=27.5)
    decide(lake, [replaced])
    silver_and_gold(lake)
    assert (hour(lake, at)["value"], hour(lake, at)["flag"]) == (27.5, 1)
    correction = report(
        {"air_temperature": 26.0},
        observed_at=when(at),
        received_at=when(at + timedelta(days=9)),
        revision=1,
        source="aws",
    )
    lake.bronze.append([correction])
    silver_and_gold(lake)
    assert hour(lake, at)["value"] == 27.5
    rejected = decision("reject", at)
    decide(lake, [rejected])
    silver_and_gold(lake)
    assert (hour(lake, at)["value"], hour(lake, at)["flag"]) == (None, 4)
    decide(lake, [decision("undo", undoes=rejected.decision_id)])
    silver_and_gold(lake)
    assert hour(lake, at)["value"] == 27.5
    decide(lake, [decision("undo", undoes=replaced.decision_id)])
    silver_and_gold(lake)
    assert hour(lake, at)["value"] == 26.0 != source


def test_an_accepted_value_passes(lake: Lake) -> None:
    at = BEGIN + timedelta(days=3, hours=11)
    decide(lake, [decision("accept", at, source="synop")])
    silver_and_gold(lake)
    assert (hour(lake, at)["value"], hour(lake, at)["source"], hour(lake, at)["flag"]) == (312.0, "synop", 1)
    decide(lake, [decision("reject", at, source="synop")])
    silver_and_gold(lake)
    assert hour(lake, at)["source"] == "aws"


def test_a_thousand_late_and_corrected_reports_end_as_a_full_rebuild(lake: Lake) -> None:
    """In several runs, at every hour of the days, with decisions between; then everything again from bronze."""
    dice = random.Random(4)  # noqa: S311 - a choice of hours
    late: list[Message] = []
    for number in range(LATE):
        station = dice.choice(STATIONS[:2])
        at = BEGIN + timedelta(hours=dice.randrange(24 * DAYS))
        received = when(at + timedelta(days=dice.randrange(1, 60), seconds=number))
        if number % 3 == 0:  # never seen before: another source, or half an hour beside
            shift = timedelta(minutes=dice.choice([-10, -9, 0, 7]))
            late.append(
                report(
                    {"air_temperature": 30 + number % 50 / 10, "rain_1h": None},
                    station=station,
                    observed_at=when(at + shift),
                    received_at=received,
                    source="synop",
                )
            )
        else:
            value = None if number % 10 == 1 else 15 + number % 200 / 10
            late.append(
                report(
                    {"air_temperature": value, "rain_24h": number / 10},
                    station=station,
                    observed_at=when(at),
                    received_at=received,
                    revision=number % 4,
                    source="aws",
                )
            )
    for part in range(4):
        lake.bronze.append(late[part::4])
        at = BEGIN + timedelta(days=7 + 9 * part, hours=6 * part)
        decide(lake, [decision("replace", at, value=40.0 + part), decision("reject", at + timedelta(hours=1))])
        run = silver_and_gold(lake)
        assert run is not None
        assert run.scope.pairs is not None
    incremental = content_hashes(lake.spark)
    kept = [hour(lake, BEGIN + timedelta(days=7 + 9 * part, hours=6 * part))["value"] for part in range(4)]
    assert rebuilt(lake) == incremental
    again = [hour(lake, BEGIN + timedelta(days=7 + 9 * part, hours=6 * part))["value"] for part in range(4)]
    assert again == kept
    assert any(value is not None and value >= 40 for value in kept)


def test_a_backfill_changes_nothing_that_is_right(lake: Lake) -> None:
    from meteostream.etl.compute import backfill, slices_of

    before = content_hashes(lake.spark)
    slices = slices_of(date(2026, 1, 1), date(2026, 3, 31), 1)
    done = backfill(lake.spark, lake.rules, slices, name="again", parallel=3)
    assert [run.changed for run in done] == [0, 0, 0]
    assert content_hashes(lake.spark) == before
    assert backfill(lake.spark, lake.rules, slices, name="again", parallel=3) == []


def test_a_backfill_that_dies_goes_on_and_repairs_what_is_missing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gold is damaged on purpose; a slice fails in the middle; the same name finishes, in parallel slices."""
    from meteostream.etl import compute, gold
    from meteostream.etl.errors import EtlError

    before = content_hashes(lake.spark)
    for name in (gold.HOURLY, gold.DAILY, gold.MONTHLY):
        lake.spark.sql(
            f"DELETE FROM {gold.table(name).name} "  # noqa: S608 - names of ours
            "WHERE label >= DATE '2026-02-01' AND label < DATE '2026-03-05'"
        )
    assert content_hashes(lake.spark) != before
    real, calls = compute._days_and_longer, iter(range(100))

    def dying(*arguments: Any) -> int:
        if next(calls) == 1:
            raise RuntimeError("the container was killed")
        return real(*arguments)

    slices = compute.slices_of(date(2026, 1, 1), date(2026, 3, 31), 1)
    monkeypatch.setattr(compute, "_days_and_longer", dying)
    with pytest.raises(EtlError, match=r"1 of 3 slices failed.*the container was killed"):
        compute.backfill(lake.spark, lake.rules, slices, name="repair")
    monkeypatch.undo()
    assert len(compute.backfill(lake.spark, lake.rules, slices, name="repair", parallel=2)) == 1
    assert content_hashes(lake.spark) == before


def test_a_value_that_is_taken_back_is_withdrawn_and_stays_readable(lake: Lake) -> None:
    """A report that turns out to be a drill (replayed): what it had published has a new version, without a value."""
    from meteostream.etl import gold

    at = BEGIN + timedelta(days=DAYS + 40)
    first = report({"visibility": 9000.0}, observed_at=when(at), source="metar")
    lake.bronze.append([first])
    silver_and_gold(lake)
    lake.bronze.append(
        [
            report(
                {"visibility": 9000.0},
                observed_at=when(at),
                received_at=when(at + timedelta(hours=2)),
                revision=1,
                source="metar",
                nature="replayed",
            )
        ]
    )
    silver_and_gold(lake)
    rows = {
        row["nature"]: row
        for row in arrow_rows(lake.spark.table(gold.table(gold.HOURLY).name).where("variable = 'visibility'"))
    }
    withdrawn = rows["observed"]
    assert (withdrawn["value"], withdrawn["expected"], withdrawn["version"], withdrawn["flag"]) == (None, 0, 2, 9)
    assert (rows["replayed"]["value"], rows["replayed"]["version"]) == (9000.0, 1)


def test_layers_put_back_to_an_hour_ago_catch_up(lake: Lake) -> None:
    """Silver alone, then the whole lake: sequences go by the clock, so gold takes nothing new for old."""
    from meteostream.etl.silver import NAME

    store = lake.folder / "lake" / "weather"
    kept = lake.folder / "kept"
    shutil.copytree(store / "silver", kept / "silver")
    more = [
        report(
            {"air_temperature": 33.0 + n / 10},
            observed_at=when(BEGIN + timedelta(days=DAYS + 2, hours=n)),
            source="aws",
        )
        for n in range(30)
    ]
    lake.bronze.append(more[:20])
    silver_and_gold(lake)
    before = content_hashes(lake.spark)
    shutil.rmtree(store / "silver")
    shutil.copytree(kept / "silver", store / "silver")
    lake.spark.sql(f"REFRESH TABLE {NAME}")
    assert silver_and_gold(lake) is not None
    assert content_hashes(lake.spark) == before
    lake.bronze.append(more[20:])
    silver_and_gold(lake)
    assert hour(lake, BEGIN + timedelta(days=DAYS + 2, hours=29))["value"] == 35.9


def test_an_earlier_copy_and_what_is_new_come_in_one_commit(lake: Lake) -> None:
    """A run that dies leaves silver before or after both: behind its position, nobody would read the copy again."""
    from meteostream.etl.silver import NAME, merge_silver

    def commits() -> int:
        return int(lake.spark.sql(f"SELECT count(*) FROM {NAME}.snapshots").collect()[0][0])  # noqa: S608 - a name of ours

    at = BEGIN + timedelta(days=DAYS + 20)
    values, place = {"visibility": 8000.0}, {"observed_at": when(at), "source": "metar"}
    lake.bronze.append([report(values, received_at=when(at + timedelta(hours=2)), **place)])
    assert merge_silver(lake.spark) == 1
    before = commits()
    lake.bronze.append(
        [
            report(values, received_at=when(at + timedelta(hours=1)), **place),
            report(values, received_at=when(at + timedelta(hours=3)), **place),
            report(values, received_at=when(at), **place, station=STATIONS[1]),
        ]
    )
    assert merge_silver(lake.spark) == 1
    assert commits() == before + 1
    rows = arrow_rows(lake.spark.table(NAME).where(f"observed_at = '{when(at)}'"))
    assert {row["station"]: when(row["received_at"]) for row in rows} == {
        STATION: when(at + timedelta(hours=1)),
        STATIONS[1]: when(at),
    }


def test_what_the_schema_of_gold_is(lake: Lake) -> None:
    """The lake's columns are those that are published."""
    from meteostream.etl import gold
    from meteostream.warehouse.gold import STAGE

    assert list(gold.COLUMNS) == STAGE.names
    row = hour_row(BEGIN, 1.0, ("air_temperature", "point", 0))
    assert gold_frame(lake.spark, [row]).columns == list(gold.COMPUTED)
