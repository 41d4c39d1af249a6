"""The marts by the real dbt on a real PostgreSQL: what they hold, and that only what passed is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
import pytest

from meteostream.config import Gates, Marts, Settings
from meteostream.gates.definitions import load_definitions
from meteostream.gates.run import Verdict, run_gate
from meteostream.marts import dbt
from meteostream.marts.build import build
from meteostream.registry import load_registry
from meteostream.sources.normals import Normal, NormalsProfile, StationColumn
from meteostream.sources.profile import Licence
from meteostream.warehouse import marts
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import connect, conninfo
from meteostream.warehouse.dimensions import load_dimensions
from meteostream.warehouse.errors import MartsError
from meteostream.warehouse.normals import store_normals
from postgres_server import PostgresServer
from support_gold import REAL, RUN, TWIN, Gold, insert_gold, insert_hours, month_rain, rain
from support_reports import judged, report

pytestmark = pytest.mark.postgres
REPOSITORY = Path(__file__).parents[2]
AS_OF = "2025-09-02T00:00:00Z"
AUGUST = date(2025, 8, 1)
MODELS = {
    "anomaly",
    "availability",
    "climate",
    "daily_climate",
    "daily_rain",
    "dekad",
    "monthly_climate",
    "station_latest",
    "timeliness",
    "version",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt writes; it reads the project anew only where it changed."""
    return tmp_path_factory.mktemp("marts")


@dataclass
class Warehouse:
    """A migrated database with gold in it: settings and connections of its roles."""

    settings: Settings
    owner: Any
    writer: Any
    reader: Any

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """As the reader, who sees what is served."""
        with self.reader, self.reader.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def change(self, statement: str) -> None:
        """As the owner."""
        with self.owner, self.owner.cursor() as cursor:
            cursor.execute(statement)

    def gate(self) -> Verdict:
        return run_gate(self.writer, load_definitions(), "marts", {}, Gates())

    def refresh(self) -> int:
        """Build, judge, publish."""
        build(self.writer, self.settings, AS_OF)
        verdict = self.gate()
        assert verdict.passed, verdict.reason
        return marts.publish(self.writer)


def august(values: dict[int, float | None], **others: Any) -> list[Gold]:
    return [rain(AUGUST.replace(day=day), value, **others) for day, value in values.items()]


@contextmanager
def made(server: PostgresServer, program: str, folder: Path) -> Iterator[Warehouse]:
    """A warehouse with some days of rain in gold, of a station and of its simulated twin."""
    with server.described() as name:
        warehouse = Warehouse(
            Settings(warehouse=server.settings(name), marts=Marts(dbt=program, directory=str(folder))),
            connect(server.settings(name, "warehouse"), "test"),
            connect(server.settings(name), "test"),
            connect(server.settings(name, "reader"), "test"),
        )
        insert_gold(warehouse.owner, "daily", august({1: 0.0, 2: 12.4, 3: None, 5: 0.9, 6: 1.0}))
        insert_gold(warehouse.owner, "daily", august({1: 99.0}, station=TWIN, nature="simulated"))
        insert_gold(warehouse.owner, "monthly", [month_rain(AUGUST, 184.5)])
        yield warehouse
        for connection in (warehouse.owner, warehouse.writer, warehouse.reader):
            connection.close()


@pytest.fixture
def warehouse(server: PostgresServer, program: str, folder: Path) -> Iterator[Warehouse]:
    with made(server, program, folder) as one:
        yield one


@pytest.fixture(scope="module")
def served(server: PostgresServer, program: str, folder: Path) -> Iterator[Warehouse]:
    """One whose first version is served, for tests that only read; a build takes its time."""
    with made(server, program, folder) as one:
        one.refresh()
        yield one


# What the marts hold


def test_marts_are_built_judged_served_and_read(served: Warehouse) -> None:
    tables = served.ask("SELECT relname FROM pg_class WHERE relnamespace = 'mart'::regnamespace AND relkind = 'r'")
    assert {name for (name,) in tables} == MODELS
    assert served.ask("SELECT version, as_of = %s FROM mart.version", AS_OF) == [(1, True)]
    rows = served.ask(
        "SELECT day::text, value, unit, rule, station_key IS NOT NULL FROM mart.daily_climate "
        "WHERE station = %s AND nature = 'observed' ORDER BY day",
        REAL,
    )
    assert rows[:3] == [
        ("2025-08-01", 0.0, "mm", "rain-06-06", True),
        ("2025-08-02", 12.4, "mm", "rain-06-06", True),
        ("2025-08-03", None, "mm", "rain-06-06", True),
    ]
    comments = served.ask("SELECT obj_description('mart.daily_climate'::regclass)")
    assert "climatological" in comments[0][0]


def test_a_platform_without_data_gets_its_empty_marts(warehouse: Warehouse) -> None:
    warehouse.change("DELETE FROM gold.daily")
    warehouse.change("DELETE FROM gold.monthly")
    assert warehouse.refresh() == 1
    assert warehouse.ask("SELECT count(*) FROM mart.daily_climate") == [(0,)]


def test_a_day_without_rain_is_missing_and_not_dry_and_a_rainy_day_has_a_millimetre(served: Warehouse) -> None:
    rows = served.ask(
        "SELECT extract(day FROM day)::integer, rain_mm, is_missing, is_rainy FROM mart.daily_rain "
        "WHERE nature = 'observed' ORDER BY day"
    )
    assert rows == [
        (1, 0.0, False, False),
        (2, 12.4, False, True),
        (3, None, True, None),
        (4, None, True, None),
        (5, 0.9, False, False),
        (6, 1.0, False, True),
    ]


def test_natures_stay_apart(served: Warehouse) -> None:
    for table in ("daily_climate", "daily_rain"):
        rows = served.ask(f"SELECT DISTINCT station, nature FROM mart.{table} ORDER BY 2")  # noqa: S608 - names of ours
        assert rows == [(REAL, "observed"), (TWIN, "simulated")]


def test_computed_days_go_before_imported_ones_unless_they_have_no_value(warehouse: Warehouse) -> None:
    imported = "imported:gsod:rain_24h"
    insert_gold(warehouse.owner, "daily", [
        Gold(AUGUST.replace(day=2), "rain", "sum", 11.0, imported, count=1, expected=1),
        Gold(AUGUST.replace(day=3), "rain", "sum", 4.0, imported, count=1, expected=1),
    ])  # fmt: skip
    warehouse.refresh()
    rows = warehouse.ask(
        "SELECT extract(day FROM day)::integer, value, rule FROM mart.daily_climate "
        "WHERE nature = 'observed' AND extract(day FROM day) IN (2, 3) ORDER BY day"
    )
    assert rows == [(2, 12.4, "rain-06-06"), (3, 4.0, imported)]


def test_means_of_maxima_minima_and_means_are_three_series(warehouse: Warehouse) -> None:
    rules = {"tx-18-18": 31.0, "tn-18-06": 24.0, "utc-00-24": 27.0, "imported:gsod:tmax_24h": 31.5}
    insert_gold(warehouse.owner, "monthly", [
        Gold(AUGUST, "air_temperature", "mean", value, f"{rule}/wmo1203-11-5", days=31) for rule, value in rules.items()
    ])  # fmt: skip
    warehouse.refresh()
    rows = warehouse.ask(
        "SELECT day_statistic, value, rule FROM mart.monthly_climate WHERE variable = 'air_temperature' ORDER BY 1"
    )
    assert rows == [
        ("maximum", 31.0, "tx-18-18/wmo1203-11-5"),
        ("mean", 27.0, "utc-00-24/wmo1203-11-5"),
        ("minimum", 24.0, "tn-18-06/wmo1203-11-5"),
    ]


def test_a_withdrawn_value_is_in_no_mart(warehouse: Warehouse) -> None:
    warehouse.change("UPDATE gold.daily SET value = NULL, complete = false, flag = 9, expected = 0 WHERE value = 12.4")
    warehouse.refresh()
    gone = "SELECT count(*) FROM mart.daily_climate WHERE extract(day FROM day) = 2 AND nature = 'observed'"
    assert warehouse.ask(gone) == [(0,)]


def test_a_value_belongs_to_the_station_as_it_was(warehouse: Warehouse) -> None:
    there = [msgspec.structs.replace(s, latitude=14.75) if s.wigos_id == REAL else s for s in load_registry()]
    load_dimensions(warehouse.writer, datetime(2025, 8, 3, tzinfo=UTC), stations=there)
    warehouse.refresh()
    rows = warehouse.ask(
        "SELECT extract(day FROM day)::integer, latitude FROM mart.daily_climate JOIN dim.station USING (station_key) "
        "WHERE nature = 'observed' ORDER BY day"
    )
    assert rows == [(1, 14.7333), (2, 14.75), (3, 14.75), (5, 14.75), (6, 14.75)]


PROFILE = NormalsProfile(
    source="wmo",
    first_year=1991,
    last_year=2020,
    licence=Licence(name="CC-BY", attribution="WMO", redistribute=True),
    station=StationColumn(column="s"),
    element=None,  # type: ignore[arg-type] # not read by what stores
)


def test_without_normals_there_is_no_anomaly_and_with_them_only_the_observed_has_one(warehouse: Warehouse) -> None:
    insert_gold(warehouse.owner, "monthly", [month_rain(AUGUST, 90.0, station=TWIN, nature="simulated")])
    warehouse.refresh()
    assert warehouse.ask("SELECT count(*) FROM mart.anomaly") == [(0,)]
    normal = Normal(REAL, "rain", "sum", "sum", "month", 8, 184.0)
    store_normals(warehouse.writer, [normal], PROFILE, "n.csv", bytes(32))
    warehouse.refresh()
    rows = warehouse.ask(
        "SELECT station, value, normal, anomaly, percent_of_normal, normal_first_year, normal_redistribute "
        "FROM mart.anomaly"
    )
    assert rows == [(REAL, 184.5, 184.0, 0.5, pytest.approx(100 * 184.5 / 184.0), 1991, True)]


def test_a_value_may_be_passed_on_if_every_source_behind_it_may(warehouse: Warehouse) -> None:
    """Unknown counts as no: without a licence, without hours, and where one hour of a day is another source's."""
    free = Licence(name="CC-BY-4.0", attribution="A", redistribute=True)
    load_dimensions(warehouse.owner, None, licences={"open": free, "closed": Licence(name="?", attribution="?")})
    warehouse.owner.autocommit = False
    insert_hours(warehouse.owner, "open", AUGUST)
    insert_hours(warehouse.owner, "closed", AUGUST.replace(day=2))
    insert_hours(warehouse.owner, "open", AUGUST.replace(day=5), range(1, 24))
    insert_hours(warehouse.owner, "nobody-recorded", AUGUST.replace(day=5), range(24, 25))
    for day, source in ((20, "open"), (21, "closed"), (22, "nobody-recorded")):
        imported = rain(AUGUST.replace(day=day), 1.0)._replace(rule=f"imported:{source}:rain_24h")
        insert_gold(warehouse.owner, "daily", [imported])
    warehouse.refresh()
    days = "SELECT extract(day FROM day)::integer FROM mart.daily_climate WHERE redistribute ORDER BY 1"
    assert warehouse.ask(days) == [(1,), (20,)]
    assert warehouse.ask(days.replace("daily_climate", "daily_rain")) == [(1,), (20,)]
    assert warehouse.ask("SELECT redistribute FROM mart.monthly_climate") == [(False,)], "days of others are in it"
    withdrawn = datetime.fromisoformat(AS_OF) - timedelta(days=1)
    load_dimensions(warehouse.owner, withdrawn, licences={"open": msgspec.structs.replace(free, redistribute=False)})
    warehouse.owner.autocommit = False
    warehouse.refresh()
    assert warehouse.ask(days) == [], "a permission that is withdrawn ends for all"


def test_a_month_of_one_source_may_be_passed_on_as_its_licence_says(warehouse: Warehouse) -> None:
    free = Licence(name="CC-BY-4.0", attribution="A", redistribute=True)
    load_dimensions(warehouse.owner, None, licences={"open": free})
    warehouse.owner.autocommit = False
    for day in range(1, 32):
        insert_hours(warehouse.owner, "open", AUGUST.replace(day=day))
    warehouse.refresh()
    assert warehouse.ask("SELECT redistribute FROM mart.monthly_climate") == [(True,)]
    assert warehouse.ask("SELECT count(*) FROM mart.daily_climate WHERE nature = 'observed' AND NOT redistribute") == [
        (0,)
    ]


def write_reports(warehouse: Warehouse, server: PostgresServer, messages: list[tuple[bytes, bytes]]) -> None:
    database = warehouse.settings.warehouse.database
    writer = WarehouseWriter(conninfo(server.settings(database), "test"), "warehouse")
    writer.write(judged(messages), run=RUN, batch_id=0)
    writer.close()


def test_latest_values_leave_failed_and_missing_ones_out(warehouse: Warehouse, server: PostgresServer) -> None:
    early, late = "2025-09-01T05:00:00Z", "2025-09-01T06:00:00Z"
    first = {"air_temperature": 27.0, "relative_humidity": 80.0, "rain_1h": 2.0}
    second = {"air_temperature": 28.0, "relative_humidity": None, "rain_1h": -5.0}
    write_reports(warehouse, server, [
        report(first, observed_at=early, received_at="2025-09-01T05:05:00Z"),
        report(second, observed_at=late, received_at="2025-09-01T06:05:00Z"),
    ])  # fmt: skip
    warehouse.refresh()
    rows = warehouse.ask(
        "SELECT report_variable, variable, value, unit, redistribute FROM mart.station_latest ORDER BY 1"
    )
    assert rows == [
        ("air_temperature", "air_temperature", 28.0, "degC", False),
        ("rain_1h", "rain", 2.0, "mm", False),
        ("relative_humidity", "relative_humidity", 80.0, "%", False),
    ]


def test_a_silent_station_is_named_with_the_hours_and_so_is_one_that_never_reported(
    warehouse: Warehouse, server: PostgresServer
) -> None:
    """KF-109: stations silent for 13 days."""
    begin = datetime(2025, 8, 20, tzinfo=UTC)
    write_reports(warehouse, server, [
        report(observed_at=f"{begin + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}",
               received_at=f"{begin + timedelta(hours=hour, minutes=4):%Y-%m-%dT%H:%M:%SZ}")
        for hour in range(5)
    ])  # fmt: skip
    warehouse.refresh()
    query = (
        "SELECT reports, usual_interval_minutes, median_delay_minutes, silent_hours, is_silent FROM mart.timeliness "
        "WHERE station = %s AND nature = 'observed'"
    )
    assert warehouse.ask(query, REAL) == [(5, 60.0, 4.0, 13 * 24 - 4.0, True)]
    assert warehouse.ask(query, "0-20000-0-61600") == [(0, None, None, None, True)]


# Only what passed is served


def shown(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.ask("SELECT version, (SELECT sum(value) FROM mart.daily_climate) FROM mart.version")


def test_a_failed_gate_keeps_serving_the_last_good_version(warehouse: Warehouse) -> None:
    good = warehouse.refresh()
    before = shown(warehouse)
    warehouse.change("DELETE FROM gold.daily WHERE value IN (12.4, 0.9)")
    bad = build(warehouse.writer, warehouse.settings, AS_OF)
    verdict = warehouse.gate()
    assert verdict.reason is not None
    assert "daily-climate-did-not-shrink" in verdict.reason
    with pytest.raises(MartsError, match=rf"version {bad} \(refused\).*last good one is served on.*did-not-shrink"):
        marts.publish(warehouse.writer)
    assert shown(warehouse) == before
    assert before[0][0] == good
    ((reason,),) = warehouse.ask("SELECT reason FROM pipeline.mart_version WHERE version = %s", bad)
    assert "daily-climate-did-not-shrink" in reason


def test_a_test_of_dbt_that_fails_stops_the_build_and_names_itself(warehouse: Warehouse) -> None:
    warehouse.refresh()
    before = shown(warehouse)
    warehouse.change("UPDATE gold.daily SET nature = 'simulated' WHERE value = 12.4")
    with pytest.raises(
        MartsError, match=r"is not built and the last good one is served on:.*natures_apart_daily_climate"
    ):
        build(warehouse.writer, warehouse.settings, AS_OF)
    with pytest.raises(MartsError, match="expected a version that is built"):
        warehouse.gate()
    with pytest.raises(MartsError, match=r"\(failed\) is not published"):
        marts.publish(warehouse.writer)
    assert shown(warehouse) == before


def test_a_version_that_no_gate_judged_is_not_served(warehouse: Warehouse) -> None:
    build(warehouse.writer, warehouse.settings, AS_OF)
    with pytest.raises(MartsError, match=r"\(built\) is not published"):
        marts.publish(warehouse.writer)
    assert warehouse.ask("SELECT to_regclass('mart.version') IS NULL") == [(True,)]


def test_publishing_again_changes_nothing_and_the_version_before_stays_readable(warehouse: Warehouse) -> None:
    first = warehouse.refresh()
    assert marts.publish(warehouse.writer) == first
    insert_gold(warehouse.owner, "daily", august({7: 3.0}))
    second = warehouse.refresh()
    assert warehouse.ask("SELECT version FROM mart.version") == [(second,)]
    assert warehouse.ask("SELECT version FROM mart_previous.version") == [(first,)]


def test_a_reader_in_the_middle_of_a_query_is_not_disturbed(warehouse: Warehouse) -> None:
    first = warehouse.refresh()
    with warehouse.reader.cursor("open", withhold=False) as cursor:
        cursor.itersize = 1
        cursor.execute("SELECT day FROM mart.daily_climate")
        assert cursor.fetchone() is not None
        second = warehouse.refresh()
        assert len(cursor.fetchall()) == 5
    warehouse.reader.rollback()
    assert (second > first, shown(warehouse)[0][0]) == (True, second)


def test_two_builds_at_once_are_one(warehouse: Warehouse, server: PostgresServer) -> None:
    other = connect(server.settings(warehouse.settings.warehouse.database), "test")
    with other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('meteostream.marts.build'))")
    with pytest.raises(MartsError, match="expected no other build"):
        build(warehouse.writer, warehouse.settings, AS_OF)
    other.close()


def test_the_writer_cannot_serve_around_the_function(served: Warehouse) -> None:
    for statement in ("DROP SCHEMA mart CASCADE", "CREATE TABLE mart.own (a integer)"):
        with (
            pytest.raises(psycopg2.errors.InsufficientPrivilege),
            served.writer,
            served.writer.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_without_dbt_it_says_where_it_was_sought(warehouse: Warehouse) -> None:
    without = msgspec.structs.replace(
        warehouse.settings, marts=msgspec.structs.replace(warehouse.settings.marts, dbt="/nowhere/dbt")
    )
    with pytest.raises(MartsError, match=r"expected the program /nowhere/dbt.*\[marts\]"):
        build(warehouse.writer, without, AS_OF)
    assert warehouse.ask("SELECT state FROM pipeline.mart_version") == [("failed",)]


# dbt itself


def test_the_documentation_is_one_page_that_needs_no_network(served: Warehouse, folder: Path) -> None:
    reason = dbt.run_dbt(
        served.settings.warehouse,
        served.settings.marts,
        "mart",
        ["docs", "generate", "--static"],
        dbt.variables(served.settings.marts, 0),
    )
    assert reason is None
    text = (folder / "target" / "static_index.html").read_text("utf-8")
    assert "Rain of the climatological day, mm; null = missing." in text
    assert '<script src="http' not in text


def test_no_password_is_in_what_dbt_wrote(served: Warehouse, folder: Path) -> None:
    written = [file for file in folder.rglob("*") if file.is_file()]
    assert written
    secret = served.settings.warehouse.password.encode()
    assert [file for file in written if secret in file.read_bytes()] == []


def test_every_column_of_every_mart_is_described(served: Warehouse) -> None:
    missing = served.ask(
        "SELECT a.attrelid::regclass::text, a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
        "WHERE c.relnamespace = 'mart'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
        "AND col_description(a.attrelid, a.attnum) IS NULL"
    )
    assert missing == []
