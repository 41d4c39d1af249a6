"""The warehouse on a real PostgreSQL: migrations, counting once, revisions, partitions, roles, retries."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from adbc_driver_manager import AdbcStatusCode, OperationalError

from meteostream.contract.variables import ALL, WIDE
from meteostream.warehouse import statements
from meteostream.warehouse.batch import BatchCounts, StagingError, WarehouseWriter, WentBackError
from meteostream.warehouse.connection import connect, conninfo, may_retry, retrying
from meteostream.warehouse.migrate import Migration, MigrationError, applied_in, migrate, shipped
from meteostream.warehouse.stations import load_stations
from postgres_server import PostgresServer
from support_reports import STATION, judged, report

pytestmark = pytest.mark.postgres
RUN = str(uuid.uuid4())


@pytest.fixture
def writer(server: PostgresServer, database: str) -> Iterator[WarehouseWriter]:
    made = WarehouseWriter(conninfo(server.settings(database), "test"), "warehouse", patience_s=20)
    yield made
    made.close()


@pytest.fixture
def sql(server: PostgresServer, database: str) -> Iterator[Any]:
    connection = connect(server.settings(database, "reader"), "test")
    connection.autocommit = True

    def ask(query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    yield ask
    connection.close()


def ends(counts: BatchCounts) -> tuple[int, int, int, int, int]:
    return counts.known, counts.accepted, counts.duplicate, counts.superseded, counts.dead


# Migrations


def test_migrating_again_changes_nothing(server: PostgresServer, database: str) -> None:
    owner = connect(server.settings(database, "warehouse"), "test")
    assert migrate(owner) == []
    assert sorted(applied_in(owner)) == [migration.version for migration in shipped()]


def test_an_applied_migration_that_changed_is_refused(server: PostgresServer, database: str) -> None:
    owner = connect(server.settings(database, "warehouse"), "test")
    changed = [*shipped()[:-1], Migration(shipped()[-1].version, "grants", "SELECT 1")]
    with pytest.raises(MigrationError, match="must not change"):
        migrate(owner, changed)


def test_a_database_newer_than_the_code_is_refused(server: PostgresServer, database: str) -> None:
    owner = connect(server.settings(database, "warehouse"), "test")
    with pytest.raises(MigrationError, match="deploy the newer code"):
        migrate(owner, shipped()[:-1])


def test_a_migration_that_fails_leaves_nothing_and_the_next_run_goes_on(server: PostgresServer) -> None:
    owner = connect(server.settings(server.database(), "warehouse"), "test")
    first, *_ = shipped()
    broken = Migration(2, "broken", "CREATE TABLE core.half (a integer); SELECT 1/0")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(owner, [first, broken])
    assert list(applied_in(owner)) == [1]
    with owner.cursor() as cursor:
        cursor.execute("SELECT to_regclass('core.half')")
        assert cursor.fetchone() == (None,)
    assert [migration.version for migration in migrate(owner)] == [migration.version for migration in shipped()[1:]]


def test_two_hosts_that_migrate_at_once_take_turns(server: PostgresServer) -> None:
    settings = server.settings(server.database(), "warehouse")
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(len(migrate(connect(settings, "test"))))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [0, 0, len(shipped())]


def test_the_variables_are_those_of_the_contract(sql: Any) -> None:
    rows = sql("SELECT name, bit, unit, cf_name, statistic, period_s, title FROM core.variable")
    bits = {variable.name: bit for bit, variable in enumerate(WIDE)}
    wanted = {(v.name, bits.get(v.name), v.unit, v.cf_name, v.statistic, v.period_s, v.title) for v in ALL.values()}
    assert set(rows) == wanted


@pytest.mark.parametrize("table", ["observation_event", "observation"])
def test_the_staged_columns_are_the_tables_columns(sql: Any, table: str) -> None:
    columns = {
        row[0]
        for row in sql("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", f"core.{table}")
    }
    staged = set(statements.STAGE.names[2:-2])
    assert (
        columns == staged
        if table == "observation_event"
        else columns == staged - {"kafka_topic", "kafka_partition", "kafka_offset"} | {"events"}
    )


def test_stations_are_loaded_once(server: PostgresServer, database: str, sql: Any) -> None:
    owner = connect(server.settings(database, "warehouse"), "test")
    owner.autocommit = True
    assert load_stations(owner) > 0
    assert load_stations(owner) == 0
    assert sql("SELECT name FROM core.station WHERE station = %s", STATION)[0][0].startswith("Dakar")


# Counting once


def test_a_batch_that_comes_again_counts_nothing(writer: WarehouseWriter, sql: Any) -> None:
    """KF-123: crash before the checkpoint, checkpoint deleted, batch resent: with the same number or another."""
    batch = judged([report(station=f"0-0-0-SIM{n}") for n in range(5)])
    assert ends(writer.write(batch, run=RUN, batch_id=0)) == (0, 5, 0, 0, 0)
    assert ends(writer.write(batch, run=RUN, batch_id=0)) == (5, 0, 0, 0, 0)
    assert ends(writer.write(batch, run=str(uuid.uuid4()), batch_id=0)) == (5, 0, 0, 0, 0)
    assert sql("SELECT count(*) FROM core.observation_event") == [(5,)]
    assert sql("SELECT sum(accepted), sum(duplicate) FROM pipeline.batch_hour") == [(5, 0)]
    assert sql("SELECT first_offset, next_offset, missing FROM pipeline.stream_offset") == [(0, 5, 0)]
    assert sql("SELECT attempts, received, known, accepted FROM pipeline.batch WHERE run = %s", RUN) == [(2, 10, 5, 5)]


def test_a_message_that_comes_again_is_a_duplicate_within_a_batch_and_later(writer: WarehouseWriter, sql: Any) -> None:
    """KF-111."""
    assert ends(writer.write(judged([report(), report()]), run=RUN, batch_id=0)) == (0, 1, 1, 0, 0)
    later = report(received_at="2026-11-25T07:30:00Z")  # the same content, taken in again
    assert ends(writer.write(judged([later], offset=2), run=RUN, batch_id=1)) == (0, 0, 1, 0, 0)
    assert sql("SELECT count(*) FROM core.observation_event") == [(1,)]
    assert sql("SELECT to_char(hour, 'HH24'), accepted, duplicate FROM pipeline.batch_hour ORDER BY 1") == [
        ("06", 1, 1),
        ("07", 0, 1),
    ]


def test_superseded_is_judged_in_the_order_of_arrival(writer: WarehouseWriter, sql: Any) -> None:
    first, second, third = (report({"air_temperature": 20.0 + n}, revision=n) for n in range(3))
    assert ends(writer.write(judged([second, first, third]), run=RUN, batch_id=0)) == (0, 2, 0, 1, 0)
    late = report({"air_temperature": 30.0}, revision=1, received_at="2026-11-25T06:30:00Z")
    assert ends(writer.write(judged([late, third], offset=3), run=RUN, batch_id=1)) == (0, 0, 1, 1, 0)
    assert sql("SELECT revision, air_temperature, cardinality(events) FROM core.observation") == [(2, 22.0, 4)]


def test_every_order_of_arrival_gives_the_same_report(server: PostgresServer, database: str, sql: Any) -> None:
    """An absent variable never overwrites a value, an explicit null does, in whatever order revisions come."""
    events = [
        report({"air_temperature": 20.0, "relative_humidity": 40.0, "rain_1h": 1.0}, revision=0),
        report({"air_temperature": 21.0, "visibility": 9000.0}, revision=1),
        report({"relative_humidity": None, "wind_variable": True}, revision=2),
        report({"air_temperature": 999.0}, revision=1, received_at="2026-11-25T05:59:00Z"),
    ]
    results = set()
    for number, order in enumerate(itertools.permutations(events)):
        station = f"0-20000-0-{60000 + number}"
        writer = WarehouseWriter(conninfo(server.settings(database), "test"), f"order {number}")
        moved = [(station.encode(), value.replace(STATION.encode(), station.encode())) for _, value in order]
        cut = number % len(events)  # some orders within one batch, some across two
        for batch_id, part in enumerate((moved[:cut], moved[cut:])):
            if part:
                writer.write(judged(part, offset=0 if batch_id == 0 else cut), run=RUN, batch_id=batch_id)
        writer.close()
        results |= set(
            sql(
                "SELECT revision, air_temperature, relative_humidity, rain_1h, visibility, wind_variable, reported, "
                "qc_failed, encode(qc_run, 'hex'), cardinality(events) FROM core.observation WHERE station = %s",
                station,
            )
        )
    bits = {variable.name: 1 << bit for bit, variable in enumerate(WIDE)}
    reported = sum(
        bits[name] for name in ("air_temperature", "relative_humidity", "rain_1h", "visibility", "wind_variable")
    )
    (found,) = results
    assert found[:8] == (2, 21.0, None, 1.0, 9000.0, True, reported, 0)
    assert found[9] == len(events)
    run = bytes.fromhex(found[8])
    assert run[:2] != b"\0\0"  # the temperature's own event was tested


def test_the_later_reception_wins_between_equal_revisions(writer: WarehouseWriter, sql: Any) -> None:
    early = report({"air_temperature": 1.0}, received_at="2026-11-25T06:00:01Z")
    late = report({"air_temperature": 2.0}, received_at="2026-11-25T06:00:02Z")
    assert ends(writer.write(judged([late, early]), run=RUN, batch_id=0)) == (0, 1, 0, 1, 0)
    assert sql("SELECT air_temperature FROM core.observation") == [(2.0,)]


def test_dead_letters_count_once_and_keep_their_bytes(writer: WarehouseWriter, sql: Any) -> None:
    batch = judged([report(), (b"k", b"{"), (None, None)])
    assert ends(writer.write(batch, run=RUN, batch_id=0)) == (0, 1, 0, 0, 2)
    assert ends(writer.write(batch, run=RUN, batch_id=0)) == (3, 0, 0, 0, 0)
    rows = sql("SELECT kafka_offset, reason, key, value FROM pipeline.dead_letter ORDER BY 1")
    assert [(row[0], row[2] and bytes(row[2]), row[3] and bytes(row[3])) for row in rows] == [
        (1, b"k", b"{"),
        (2, None, None),
    ]


def test_offsets_that_never_came_are_noted(writer: WarehouseWriter, sql: Any) -> None:
    writer.write(judged([report()]), run=RUN, batch_id=0)
    counts = writer.write(judged([report(revision=1)], offset=4), run=RUN, batch_id=1)
    assert counts.missing == 3
    assert sql("SELECT next_offset, missing FROM pipeline.stream_offset") == [(5, 3)]


def test_an_offset_twice_in_a_batch_is_refused(writer: WarehouseWriter, sql: Any) -> None:
    table = judged([report()])
    with pytest.raises(StagingError, match=r"found .* twice"):
        writer.write(pa.concat_tables([table, table]), run=RUN, batch_id=0)
    assert sql("SELECT count(*) FROM pipeline.batch") == [(0,)]


def test_long_variables_go_to_the_long_table_and_the_greatest_wins(writer: WarehouseWriter, sql: Any) -> None:
    first = report({"tmax_24h": 31.0, "air_temperature": 25.0})
    second = report({"tmax_24h": 32.0, "snow_depth": None}, revision=1)
    writer.write(judged([second, first]), run=RUN, batch_id=0)
    rows = sql("SELECT variable, value, statistic, period_end - period_start FROM core.observation_long ORDER BY 1")
    assert [(row[0], row[1], row[2], row[3].total_seconds()) for row in rows] == [
        ("snow_depth", None, "point", 0),
        ("tmax_24h", 32.0, "maximum", 86400),
    ]


def test_failed_values_are_null_in_published_and_raw_everywhere_else(writer: WarehouseWriter, sql: Any) -> None:
    writer.write(
        judged([report({"wind_mean_2min": 468.66, "air_temperature": 3.9, "rain_1h": None})]), run=RUN, batch_id=0
    )
    assert sql("SELECT wind_mean_2min, air_temperature, failed_variables FROM core.published") == [
        (None, 3.9, ["wind_mean_2min"])
    ]
    assert sql("SELECT wind_mean_2min FROM core.observation") == [(468.66,)]
    assert sql("SELECT variable, test, flag, (detail ->> 'value')::float8 FROM core.qc_result") == [
        ("wind_mean_2min", "instrument_range", 4, 468.66)
    ]
    flags = dict(sql("SELECT variable, flag FROM core.observation_values"))
    assert flags == {"wind_mean_2min": 4, "air_temperature": 1, "rain_1h": 9}


# Partitions


@pytest.mark.parametrize("year", [1850, 1899, 1999, 2025])
def test_any_year_gets_its_partition_on_demand(writer: WarehouseWriter, sql: Any, year: int) -> None:
    messages = [report(observed_at=f"{year}-12-31T23:59:59Z"), report(observed_at=f"{year}-01-01T00:00:00Z")]
    assert ends(writer.write(judged(messages), run=RUN, batch_id=0)) == (0, 2, 0, 0, 0)
    assert sql("SELECT DISTINCT tableoid::regclass::text FROM core.observation") == [(f"core.observation_{year}",)]


def test_callers_that_make_the_same_partitions_at_once_meet(server: PostgresServer, database: str) -> None:
    failures: list[BaseException] = []

    def make() -> None:
        try:
            with connect(server.settings(database), "test") as connection, connection.cursor() as cursor:
                cursor.execute("SELECT core.ensure_partitions(%s)", (list(range(1990, 2010)),))
        except psycopg2.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_a_year_that_no_contract_allows_is_refused(server: PostgresServer, database: str) -> None:
    cursor = connect(server.settings(database), "test").cursor()
    with pytest.raises(psycopg2.errors.RaiseException, match="expected 1850 to 2200"):
        cursor.execute("SELECT core.ensure_partitions(ARRAY[1849])")


# Roles


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "INSERT INTO core.station (station, name, series, source) VALUES ('x', 'x', 'x', 'x')"),
        ("reader", "DELETE FROM core.observation"),
        ("pipeline", "DELETE FROM core.observation_event"),
        ("pipeline", "DROP TABLE core.station_alias"),
        ("pipeline", "UPDATE pipeline.schema_migration SET sha256 = ''"),
        ("reader", "SELECT core.ensure_partitions(ARRAY[1900])"),
    ],
)
def test_a_role_may_do_no_more_than_its_work(server: PostgresServer, database: str, role: str, statement: str) -> None:
    cursor = connect(server.settings(database, role), "test").cursor()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(statement)


# Retries


def test_a_batch_survives_the_loss_of_its_connection(server: PostgresServer, database: str) -> None:
    """A failover ends the connection in the middle of a batch: it is tried again, whole, and counted once."""
    tries: list[str] = []
    writer = WarehouseWriter(
        conninfo(server.settings(database), "victim"),
        "warehouse",
        patience_s=20,
        on_retry=lambda n, e: tries.append(f"{n} {e}"),
    )
    writer.write(judged([report()]), run=RUN, batch_id=0)
    with server._superuser("postgres") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'")
    counts = writer.write(judged([report(revision=1)], offset=1), run=RUN, batch_id=1)
    assert ends(counts) == (0, 1, 0, 0, 0)
    assert len(tries) == 1
    assert counts.attempts == 2
    writer.close()


def test_writers_that_meet_take_turns(server: PostgresServer, database: str, sql: Any) -> None:
    """KF-122: the same rows in opposite order by writers of two queries: sorted, so no deadlock; each row once."""
    messages = [report(station=f"0-0-0-SIM{n}", received_at=f"2026-11-25T06:00:{n % 60:02d}Z") for n in range(400)]
    found: dict[str, BatchCounts] = {}

    def write(query: str, rows: list[tuple[bytes, bytes]]) -> None:
        writer = WarehouseWriter(conninfo(server.settings(database), "test"), query)
        found[query] = writer.write(judged(rows), run=RUN, batch_id=0)
        writer.close()

    threads = [
        threading.Thread(target=write, args=("a", messages)),
        threading.Thread(target=write, args=("b", messages[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ends(counts)[1:3] for counts in found.values()) == [(0, 400), (400, 0)]
    assert sql("SELECT count(*) FROM core.observation_event") == [(400,)]


def test_a_warehouse_that_went_back_is_told_and_not_skipped(
    writer: WarehouseWriter, server: PostgresServer, database: str
) -> None:
    writer.write(judged([report()]), run=RUN, batch_id=0)
    with connect(server.settings(database), "test") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE pipeline.stream_offset SET next_offset = 0")
    with pytest.raises(WentBackError, match="lost a committed batch"):
        writer.write(judged([report(revision=1)], offset=1), run=RUN, batch_id=1)


@pytest.mark.parametrize(
    ("state", "again"),
    [("40P01", True), ("40001", True), ("25006", True), ("57P01", True), ("23505", False), ("42P01", False)],
)
def test_only_what_can_succeed_is_tried_again(state: str, again: bool) -> None:
    """KF-122, KF-126."""
    error = OperationalError("x", status_code=AdbcStatusCode.IO, sqlstate=state)
    assert may_retry(error) is again


def test_patience_ends() -> None:
    def fail() -> None:
        raise psycopg2.OperationalError("gone")

    waits: list[float] = []
    with pytest.raises(psycopg2.OperationalError):
        retrying(fail, patience_s=-1, on_retry=lambda _n, _e: None, sleep=waits.append)
    assert waits == []
