# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""Both streams with real parts: Kafka with SASL/SCRAM, Spark, Iceberg, PostgreSQL; and the ledger over all of it.

One broker, one database, one lake and one JVM serve the module; tests run in their order, as a platform's days do.
"""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from kafka import KafkaConsumer, KafkaProducer
from prometheus_client import CollectorRegistry, generate_latest

import local_spark
from kafka_broker import PARTITIONS, TOPIC, KafkaBroker, running_broker
from meteostream.config import Lake, Settings, Stream, Streams
from meteostream.config import Outbox as OutboxSettings
from meteostream.contract import event_id_of
from meteostream.contract.decode import decode_message
from meteostream.deadletter import DeadLetterProducer, find_letter, list_letters, parse_place, replay
from meteostream.ledger.check import Ledger, Result
from meteostream.ledger.journal import JournalError, journals
from meteostream.ledger.store import Local
from meteostream.ledger.warehouse import Warehouse as WarehouseWitness
from meteostream.outbox import Draft, Outbox
from meteostream.warehouse.connection import connect
from postgres_server import PostgresServer
from support_contract import poisons
from support_reports import report

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.spark]
DEAD = f"{TOPIC}.dlq"
PATIENCE_S = 240.0
REPORTS = 300


class Place(NamedTuple):
    """Everything the module runs on."""

    settings: Settings
    broker: KafkaBroker
    folder: Path


class CrashError(Exception):
    """A process that dies."""


@pytest.fixture(scope="module")
def place(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    local_spark.install()
    folder = tmp_path_factory.mktemp("streams")

    def stream(name: str) -> Stream:
        return Stream(
            trigger_seconds=0.2, checkpoint=f"file:{folder}/checkpoints/{name}", max_offsets_per_trigger=100_000
        )

    (folder / "outbox").mkdir()
    with running_broker({TOPIC: PARTITIONS, DEAD: PARTITIONS}) as broker, server.migrated() as database:
        settings = Settings(
            kafka=broker.settings,
            warehouse=server.settings(database),
            lake=Lake(uri=f"file:{folder}/lake"),
            streams=Streams(warehouse=stream("warehouse"), lake=stream("lake")),
            outbox=OutboxSettings(directory=str(folder / "outbox")),
        )
        yield Place(settings, broker, folder)


@pytest.fixture(scope="module")
def sql(place: Place) -> Callable[..., list[tuple[Any, ...]]]:
    def ask(query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with connect(place.settings.warehouse, "test") as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    return ask


def produce(place: Place, messages: list[tuple[bytes | None, bytes | None]], *, ids: bool = False) -> int:
    """Send messages to the topic as they are; with their journal's id in the header if asked."""
    producer = KafkaProducer(**place.broker._client(), acks="all")
    for key, value in messages:
        headers = []
        if ids and value is not None:
            headers = [("event_id", event_id_of(decode_message(value, key)).hex().encode())]
        producer.send(TOPIC, key=key, value=value, headers=headers)
    producer.flush()
    producer.close()
    return len(messages)


def journal(place: Place, messages: list[tuple[bytes, bytes]]) -> None:
    """Write messages to a producer's journal."""
    drafts = []
    for key, value in messages:
        decoded = decode_message(value, key)
        drafts.append(Draft(event_id_of(decoded).hex(), decoded.received_at, TOPIC, key.decode(), value.decode()))
    with Outbox(place.folder / "outbox" / "test") as outbox:
        outbox.append(drafts)


def ends(place: Place) -> dict[int, int]:
    """End of each partition of the topic."""
    consumer = KafkaConsumer(**place.broker._client())
    from kafka import TopicPartition

    found = consumer.end_offsets([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
    consumer.close()
    return {where.partition: offset for where, offset in found.items() if offset}


def run(main: Callable[..., None], place: Place, done: Callable[[], bool], **options: Any) -> str:
    """Run a stream in this thread until ``done``; give its metrics."""
    from meteostream.streams.metrics import StreamMetrics

    registry = CollectorRegistry()
    stopping = threading.Event()

    def wait() -> None:
        until = time.monotonic() + PATIENCE_S
        while not stopping.is_set() and time.monotonic() < until and not done():
            time.sleep(0.3)
        stopping.set()

    watcher = threading.Thread(target=wait, daemon=True)
    watcher.start()
    try:
        main(place.settings, stopping, metrics=StreamMetrics(main.__name__, registry), **options)
    finally:
        stopping.set()
        watcher.join()
    return generate_latest(registry).decode()


def never() -> bool:
    """For a stream that is to die by itself."""
    return False


def warehouse(place: Place, sql: Callable[..., list[tuple[Any, ...]]], *, dies: bool = False, **options: Any) -> str:
    """Run the stream to the warehouse until it has everything."""
    from meteostream.streams.to_warehouse import run_warehouse

    def done() -> bool:
        return dict(sql("SELECT partition, next_offset FROM pipeline.stream_offset WHERE query = 'warehouse'")) == ends(
            place
        )

    return run(run_warehouse, place, never if dies else done, **options)


def bronze_positions(place: Place) -> dict[int, int]:
    from meteostream.ledger.bronze import Snapshot

    return Snapshot(Local(), place.settings.lake.uri).next_offsets()


def lake(place: Place, *, dies: bool = False, **options: Any) -> str:
    """Run the stream to the lake until it has everything."""
    from meteostream.streams.to_lake import run_lake

    return run(run_lake, place, never if dies else lambda: bronze_positions(place) == ends(place), **options)


def bronze(place: Place) -> list[Any]:
    """All rows of bronze, read by Spark."""
    from meteostream.lake.bronze import TABLE, catalog_settings
    from meteostream.streams.source import spark_session

    spark = spark_session("test", catalog_settings(place.settings.lake.uri))
    return spark.table(TABLE).select("topic", "partition", "offset", "event_id", "dead_reason", "value").collect()


def ledger(place: Place) -> Ledger:
    connection = connect(place.settings.warehouse, "test ledger")
    return Ledger(place.folder / "outbox", WarehouseWitness(connection), Local(), place.settings.lake.uri, TOPIC)


def check(place: Place) -> Result:
    return ledger(place).check()


def current(spark: Any) -> int:
    """Bronze's snapshot as it is now, to go back to."""
    (row,) = spark.sql("SELECT snapshot_id FROM lake.weather.bronze.refs WHERE name = 'main'").collect()
    return int(row[0])


_numbers = itertools.count()


def reports(count: int) -> list[tuple[bytes, bytes]]:
    """Reports of our own stations that were never sent before, received within the hour that runs."""
    now = datetime.now(UTC)
    texts = []
    for number in itertools.islice(_numbers, count):
        observed = now - timedelta(days=30) + timedelta(seconds=number)
        texts.append(
            report(
                {"air_temperature": number % 40 + 0.5},
                station=f"0-20000-0-{61600 + number % 50}",
                observed_at=f"{observed:%Y-%m-%dT%H:%M:%SZ}",
                received_at=f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            )
        )
    return texts


def test_reports_reach_the_warehouse_and_the_lake_once(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    messages = reports(REPORTS)
    journal(place, messages)
    produce(place, messages, ids=True)
    metrics = warehouse(place, sql)
    assert f'meteostream_stream_rows_total{{end="accepted",query="run_warehouse"}} {REPORTS}.0' in metrics
    assert "meteostream_stream_last_commit_timestamp_seconds" in metrics
    lake(place)
    rows = bronze(place)
    assert len({(row.partition, row.offset) for row in rows}) == len(rows) == REPORTS
    assert {row.event_id for row in rows} == {
        bytes(row[0]) for row in sql("SELECT event_id FROM core.observation_event")
    }
    result = check(place)
    assert (result.ok, result.lost, result.doubled, result.total("journal_ids")) == (True, 0, 0, REPORTS), (
        result.findings
    )


def test_a_lake_driver_that_dies_between_append_and_checkpoint_doubles_nothing(place: Place) -> None:
    """KF-119: rows are in bronze, the checkpoint does not know: with the same checkpoint, and with it deleted."""
    produce(place, list(reports(50)))
    checkpoint = f"{place.folder}/kept/lake"

    def dying(append: Callable[[Any, int], Any]) -> Callable[[Any, int], Any]:
        def die(batch: Any, batch_id: int) -> Any:
            append(batch, batch_id)
            raise CrashError

        return die

    with pytest.raises(Exception, match="CrashError"):
        lake(place, dies=True, checkpoint=checkpoint, on_append=dying)
    assert len(bronze(place)) == REPORTS + 50
    produce(place, list(reports(10)))
    lake(place, checkpoint=checkpoint)  # the same batch comes again: its plan is in the checkpoint
    produce(place, list(reports(10)))
    shutil.rmtree(checkpoint)
    lake(place, checkpoint=checkpoint)
    rows = bronze(place)
    assert len({(row.partition, row.offset) for row in rows}) == len(rows) == REPORTS + 70


def test_a_warehouse_driver_that_dies_between_commit_and_checkpoint_counts_nothing_twice(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """KF-123."""
    checkpoint = f"{place.folder}/kept/warehouse"

    class Dying:
        def __init__(self, sink: Any) -> None:
            self._sink = sink

        def write(self, batch: Any, batch_id: int) -> Any:
            self._sink.write(batch, batch_id)
            raise CrashError

    with pytest.raises(Exception, match="CrashError"):
        warehouse(place, sql, dies=True, checkpoint=checkpoint, on_sink=Dying)
    produce(place, list(reports(10)))
    warehouse(place, sql, checkpoint=checkpoint)
    produce(place, list(reports(10)))
    shutil.rmtree(checkpoint)
    warehouse(place, sql, checkpoint=checkpoint)
    total = sum(ends(place).values())
    counts = sql("SELECT sum(accepted), sum(duplicate + superseded + dead) FROM pipeline.batch_hour")
    assert [tuple(map(int, row)) for row in counts] == [(total, 0)]
    assert sql("SELECT count(*) FROM core.observation_event") == [(total,)]


def test_twenty_kinds_of_poison_are_dead_letters_with_reason_and_origin(
    place: Place, sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    """KF-115, KF-126: none stops the streams, each has its bytes and its origin in the table, the topic and bronze."""
    vectors = poisons()
    assert len({vector.reason for vector in vectors}) >= 20
    produce(place, [*((vector.message.key, vector.message.value) for vector in vectors), *reports(5)])
    warehouse(place, sql)
    lake(place)
    stored = sql("SELECT topic, partition, kafka_offset, reason, value FROM pipeline.dead_letter")
    assert sorted(row[3] for row in stored) == sorted(vector.reason for vector in vectors)
    consumer = KafkaConsumer(DEAD, **place.broker._client(), auto_offset_reset="earliest", consumer_timeout_ms=4000)
    sent = {}
    for record in consumer:
        headers = dict(record.headers)
        origin = (headers["origin_topic"].decode(), int(headers["origin_partition"]), int(headers["origin_offset"]))
        sent[origin] = (headers["reason"].decode(), record.value)
    consumer.close()
    assert sent == {row[:3]: (row[3], None if row[4] is None else bytes(row[4])) for row in stored}
    dead = {(row.topic, row.partition, row.offset): row.dead_reason for row in bronze(place) if row.dead_reason}
    assert dead == {row[:3]: row[3] for row in stored}


def test_a_dead_letter_is_sent_again_once(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Mended elsewhere: the letter's key did not match its station; here its bytes simply come again."""
    connection = connect(place.settings.warehouse, "test")
    (letter, *_) = [found for found in list_letters(connection, limit=1000) if found.reason == "key_mismatch"]
    assert find_letter(connection, letter.place) == letter
    assert parse_place(letter.place) == (letter.topic, letter.partition, letter.offset)
    producer = DeadLetterProducer(place.broker.settings, DEAD)
    before = sum(ends(place).values())
    assert len(replay(connection, producer, TOPIC, [letter])) == 1
    assert replay(connection, producer, TOPIC, [letter]) == []
    producer.close()
    assert sum(ends(place).values()) == before + 1
    warehouse(place, sql)
    query = "SELECT count(*), max(replays) FROM pipeline.dead_letter WHERE reason = %s AND key = %s AND value = %s"
    after = sql(query, letter.reason, letter.key, letter.value)
    assert after == [(2, 1)]  # still broken: a dead letter of its own, at its own offset
    lake(place)
    assert check(place).ok


def test_no_secret_is_in_what_spark_shows(place: Place, tmp_path: Path) -> None:
    """KF-64: plans and options of a query hold no password."""
    from meteostream.streams.source import kafka_options, messages, spark_session

    password = place.broker.settings.password
    assert password
    assert password in kafka_options(place.broker.settings)["kafka.sasl.jaas.config"]
    spark = spark_session("test")
    rows = messages(spark, place.broker.settings, TOPIC, starting_offsets="earliest", max_offsets=1000)
    query = (
        rows.writeStream.format("noop").option("checkpointLocation", str(tmp_path)).trigger(availableNow=True).start()
    )
    query.awaitTermination(120)
    shown = [
        query._jsq.explainInternal(True),
        str(query.lastProgress),
        json.dumps(dict(spark.sparkContext.getConf().getAll())),
    ]
    shown += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert all(password not in text for text in shown)


def test_a_position_that_kafka_cannot_continue_is_told(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    """Data loss is told in a sentence: a topic that was made again, or a tail that the brokers lost."""
    from meteostream.streams.positions import PositionError

    with connect(place.settings.warehouse, "test") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE pipeline.stream_offset SET next_offset = next_offset + 1000 WHERE partition = 0")
    with pytest.raises(PositionError, match=r"the brokers lost their tail.*--accept-loss"):
        warehouse(place, sql)
    with connect(place.settings.warehouse, "test") as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE pipeline.stream_offset SET next_offset = next_offset - 1000 WHERE partition = 0")
        cursor.execute(
            "UPDATE pipeline.stream_offset SET last_timestamp = last_timestamp - interval '1 day' WHERE partition = 0"
        )
    with pytest.raises(PositionError, match="the topic was made again"):
        warehouse(place, sql)
    with connect(place.settings.warehouse, "test") as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipeline.stream_offset SET last_timestamp = last_timestamp + interval '1 day' WHERE partition = 0"
        )


# The ledger finds what is done to the stores on purpose


def test_the_ledger_finds_a_report_that_never_arrived(place: Place) -> None:
    before = check(place)
    assert before.ok, before.findings
    messages = reports(3)
    journal(place, messages)
    missing = check(place)
    assert (missing.ok, missing.lost, missing.doubled) == (False, 3, 0)
    produce(place, messages, ids=True)


def test_the_ledger_waits_for_what_is_on_its_way(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    warehouse(place, sql)
    assert check(place).lost == 3  # in the warehouse, not yet in the lake
    thread = threading.Thread(target=lambda: lake(place))
    thread.start()
    result = ledger(place).wait(PATIENCE_S)
    thread.join()
    assert result.ok, result.findings


@pytest.mark.parametrize("table", ["core.observation_event", "core.observation"])
def test_the_ledger_finds_a_deleted_row(place: Place, table: str) -> None:
    """As the owner, behind everybody's back; with its journal entry."""
    owner = psycopg2.connect(connect_as_owner(place))
    with owner, owner.cursor() as cursor:
        cursor.execute(f"CREATE TABLE public.kept AS SELECT * FROM {table} ORDER BY received_at, observed_at LIMIT 1")  # noqa: S608
        cursor.execute(
            f"DELETE FROM {table} WHERE (observed_at, event_id) IN (SELECT observed_at, event_id FROM public.kept)"  # noqa: S608
        )
    found = check(place)
    with owner, owner.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} SELECT * FROM public.kept")  # noqa: S608
        cursor.execute("DROP TABLE public.kept")
    assert (found.ok, found.lost) == (False, 1)
    assert check(place).ok


def connect_as_owner(place: Place) -> str:
    from meteostream.config import Warehouse
    from meteostream.warehouse.connection import conninfo

    settings = place.settings.warehouse
    return conninfo(
        Warehouse(
            hosts=settings.hosts,
            port=settings.port,
            database=settings.database,
            user="warehouse",
            password=settings.password,
        ),
        "test owner",
    )


def test_the_ledger_finds_a_doubled_file_in_bronze(place: Place) -> None:
    from pyspark.sql import functions as F  # noqa: N812

    from meteostream.lake.bronze import TABLE, catalog_settings
    from meteostream.streams.source import spark_session

    spark = spark_session("test", catalog_settings(place.settings.lake.uri))
    before = current(spark)
    again = spark.table(TABLE).where(
        F.col("partition") == spark.table(TABLE).select(F.min("partition")).collect()[0][0]
    )
    copies = again.count()
    again.writeTo(TABLE).append()
    found = check(place)
    spark.sql(f"CALL lake.system.rollback_to_snapshot('weather.bronze', {before})")
    assert (found.ok, found.lost, found.doubled) == (False, 0, copies)
    assert check(place).ok


def test_the_ledger_finds_rows_that_bronze_lost(place: Place) -> None:
    from meteostream.lake.bronze import TABLE, catalog_settings
    from meteostream.streams.source import spark_session

    spark = spark_session("test", catalog_settings(place.settings.lake.uri))
    before = current(spark)
    row = spark.sql(f"SELECT partition, max(offset) - 1 FROM {TABLE} GROUP BY partition HAVING count(*) > 2").first()  # noqa: S608
    spark.sql(f"DELETE FROM {TABLE} WHERE partition = {row[0]} AND offset = {row[1]}")  # noqa: S608
    found = check(place)
    spark.sql(f"CALL lake.system.rollback_to_snapshot('weather.bronze', {before})")
    assert (found.ok, found.lost, found.doubled) == (False, 1, 0)
    assert check(place).ok


def test_closed_hours_outlive_their_journals(place: Place, sql: Callable[..., list[tuple[Any, ...]]]) -> None:
    """An hour closes when it is over and whole; producers learn how far back they need to send again."""
    later = datetime.now(UTC) + timedelta(hours=2)
    done, result = ledger(place).close(later)
    assert result.ok, result.findings
    assert done
    assert sql("SELECT count(*), sum(lost + doubled) FROM pipeline.ledger_hour") == [(len(done), 0)]
    end = max(hour.hour for hour in done) + timedelta(hours=1)
    assert (place.folder / "outbox" / "test" / "reconciled").read_text() == f"{end:%Y-%m-%dT%H:%M:%SZ}\n"
    shutil.rmtree(place.folder / "outbox" / "test")
    again = check(place)
    assert (again.ok, again.total("journal_ids")) == (True, result.total("journal_ids"))


def test_a_damaged_journal_is_no_proof(place: Place) -> None:
    messages = reports(3)
    shutil.rmtree(place.folder / "outbox")
    (place.folder / "outbox").mkdir()
    journal(place, messages)
    (segment,) = (place.folder / "outbox" / "test").glob("*.journal")
    whole = segment.read_bytes()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    segment.write_bytes(whole.replace(b"air_temperature", b"bir_temperature", 1))
    with pytest.raises(JournalError, match="damaged line"):
        list(journals(place.folder / "outbox")[0].read(TOPIC, hour, datetime.now(UTC) + timedelta(days=1)))
    segment.write_bytes(whole[:-5])  # a power cut in the last line: that one was never sent
    (found,) = journals(place.folder / "outbox")
    assert len(list(found.read(TOPIC, hour, datetime.now(UTC) + timedelta(days=1)))) == 2
    assert found.torn
