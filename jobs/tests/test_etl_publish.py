# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""Publication of gold to a real PostgreSQL: versions, history, all or nothing, restores on either side."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg2
import pytest

from meteostream.warehouse.connection import connect, conninfo
from postgres_server import PostgresServer
from support_lake import gold_frame, hour_row, lake_session, lake_settings, moment

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.spark, pytest.mark.postgres]

TEMPERATURE = ("air_temperature", "point", 0)
AT = moment("2026-03-10 12")
LATER = moment("2026-04-02 00")


class Place(NamedTuple):
    spark: SparkSession
    server: PostgresServer
    database: str

    @property
    def target(self) -> str:
        return conninfo(self.server.settings(self.database), "test")


@pytest.fixture(scope="module")
def place(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    spark = lake_session(lake_settings(tmp_path_factory.mktemp("publish")))
    from meteostream.etl.compute import create_tables

    create_tables(spark)
    with server.migrated() as database:
        yield Place(spark, server, database)
    spark.stop()


@pytest.fixture
def sql(place: Place) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    connection = connect(place.server.settings(place.database, "reader"), "test")
    connection.autocommit = True

    def ask(query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    yield ask
    connection.close()


def compute(place: Place, *rows: dict[str, Any]) -> str:
    """A run that computed these hours, and nothing else, from 10 March to 2 April."""
    from meteostream.etl import gold, runs
    from meteostream.etl.scope import Scope

    run_id = str(uuid.uuid4())
    scope = Scope(AT.date(), LATER.date())
    changed = gold.replace(place.spark, gold.HOURLY, gold_frame(place.spark, rows), scope, run_id=run_id)
    runs.note(place.spark, runs.Run(run_id, None, runs.Position(1, 1), scope, changed))
    return run_id


def publish(place: Place) -> dict[str, int]:
    from meteostream.etl.publish import publish as work

    return work(place.spark, place.target)


CURRENT = "SELECT period_end, value, version, flag FROM gold.hourly ORDER BY period_end"
HISTORY = "SELECT period_end, value, version FROM gold.hourly_history ORDER BY period_end, version"


def test_a_run_is_published_once(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    run = compute(place, hour_row(AT, 20.0, TEMPERATURE), hour_row(LATER, None, TEMPERATURE))
    assert publish(place) == {run: 2}
    assert sql(CURRENT) == [(AT, 20.0, 1, 1), (LATER, None, 1, 9)]
    assert sql("SELECT source, octet_length(report_id), label, run_id::text FROM gold.hourly WHERE value = 20") == [
        ("test", 32, AT.date(), run)
    ]
    assert publish(place) == {}


def test_a_changed_value_is_a_new_version_and_the_old_one_stays(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    compute(place, hour_row(AT, 21.5, TEMPERATURE), hour_row(LATER, None, TEMPERATURE))
    assert list(publish(place).values()) == [1]
    assert sql(CURRENT) == [(AT, 21.5, 2, 1), (LATER, None, 1, 9)]
    assert sql(HISTORY) == [(AT, 20.0, 1)]


def test_a_publication_that_dies_shows_nothing_and_the_next_does_all(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from meteostream.warehouse.gold import GoldWriter

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    run = compute(place, hour_row(AT, 22.0, TEMPERATURE), hour_row(LATER, 8.0, TEMPERATURE))
    monkeypatch.setattr(GoldWriter, "note", die)
    with pytest.raises(KeyboardInterrupt):
        publish(place)
    assert sql(CURRENT) == [(AT, 21.5, 2, 1), (LATER, None, 1, 9)]
    monkeypatch.undo()
    assert publish(place) == {run: 2}
    assert sql(CURRENT) == [(AT, 22.0, 3, 1), (LATER, 8.0, 2, 1)]
    assert sql(HISTORY) == [(AT, 20.0, 1), (AT, 21.5, 2), (LATER, None, 1)]


def test_a_withdrawn_value_is_published_without_a_value(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    compute(place, hour_row(AT, 22.0, TEMPERATURE))
    publish(place)
    assert sql("SELECT value, expected, version FROM gold.hourly WHERE flag = 9") == [(None, 0, 3)]
    assert sql(HISTORY)[-1] == (LATER, 8.0, 2)


def test_a_lake_that_was_built_anew_goes_on_with_the_published_versions(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    from meteostream.etl import gold

    place.spark.sql(f"DROP TABLE {gold.table(gold.HOURLY).name} PURGE")
    gold.create(place.spark)
    compute(place, hour_row(AT, 22.0, TEMPERATURE), hour_row(LATER, 9.0, TEMPERATURE))
    publish(place)
    assert sql(CURRENT) == [(AT, 22.0, 3, 1), (LATER, 9.0, 4, 1)]


def test_a_warehouse_that_lost_a_publication_gets_it_again(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """A restore to before it: its runs are no longer listed as published."""
    owner = connect(place.server.settings(place.database, "warehouse"), "test")
    with owner, owner.cursor() as cursor:
        cursor.execute("TRUNCATE gold.hourly, gold.hourly_history, gold.publication")
    owner.close()
    publish(place)
    assert [row[:2] for row in sql(CURRENT)] == [(AT, 22.0), (LATER, 9.0)]


def test_the_writer_deletes_nothing(place: Place) -> None:
    """Nothing that was published is ever deleted: the role that writes may not."""
    connection = connect(place.server.settings(place.database), "test")
    with connection.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute("DELETE FROM gold.hourly")
    connection.close()
