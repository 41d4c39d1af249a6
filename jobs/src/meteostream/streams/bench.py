"""Sustained rates, measured on the very code of the streams, against a topic that is filled beforehand.

The first batch of a query warms it up and is not counted: rate = rows of the later batches / time from the end of the
first batch to the end of the last.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, UnknownTopicOrPartitionError

from meteostream.deadletter import DeadLetterProducer
from meteostream.lake.bronze import JUDGED, Bronze, catalog_settings
from meteostream.producer import kafka_client
from meteostream.simulator.messages import messages as simulated_messages
from meteostream.simulator.places import simulated_places
from meteostream.simulator.weather import simulate
from meteostream.streams.positions import client_options, consumer, partition_states, starting_offsets
from meteostream.streams.source import judged, judged_packed, messages, spark_session
from meteostream.streams.to_warehouse import WarehouseSink
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import connect, conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StreamingQuery

    from meteostream.config import Kafka, Settings

log = logging.getLogger(__name__)

QUERY: Final = "bench"
STATIONS: Final = 1000
STEP_S: Final = 60
BEGIN_S: Final = 1_767_225_600  # 2026-01-01T00:00:00Z
CHUNK: Final = 10_000
TIMEOUT_S: Final = 900.0


class BenchError(Exception):
    """The measurement did not come about; the message says why."""


class Plan(NamedTuple):
    """What to measure."""

    reports: int
    batch: int
    lake_batch: int
    parts: Sequence[str]
    master: str
    driver_memory: str


class _Clock:
    """Ends of batches."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, int]] = []

    def rate(self) -> float:
        (first, _), (last, _) = self.ends[0], self.ends[-1]
        return sum(rows for _, rows in self.ends[1:]) / (last - first)


def measure(settings: Settings, plan: Plan) -> dict[str, float]:
    """Fill a topic, run each part over it, remove everything; give reports a second by part.

    Parameters
    ----------
    settings
        Where Kafka, warehouse and lake are.
    plan
        What to measure.

    Raises
    ------
    BenchError
        A query failed or had too few batches.
    """
    kafka, topic = settings.need_kafka(), f"{settings.topics.observations}.bench"
    os.environ["PYSPARK_SUBMIT_ARGS"] = " ".join(
        [
            f"--master {plan.master} --driver-memory {plan.driver_memory}",
            os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell"),
        ]
    )
    with _topic(kafka, topic), tempfile.TemporaryDirectory(prefix="meteostream-bench-") as folder:
        _fill(kafka, topic, plan.reports)
        spark = spark_session("meteostream bench", catalog_settings(settings.lake.uri))
        try:
            bench = _Bench(settings, spark, topic, folder, plan)
            return {part: bench.part(part) for part in plan.parts}
        finally:
            spark.stop()


class _Bench:
    """The parts, over one session."""

    def __init__(self, settings: Settings, spark: SparkSession, topic: str, folder: str, plan: Plan) -> None:
        self._settings = settings
        self._spark = spark
        self._topic = topic
        self._folder = folder
        self._plan = plan
        client = consumer(settings.need_kafka())
        try:
            self._offsets = starting_offsets(topic, {}, partition_states(client, topic))
        finally:
            client.close()

    def part(self, part: str) -> float:
        """Reports a second of one part."""
        with self._warehouse() as warehouse, self._lake() as lake:
            clocks: list[_Clock] = []
            queries: list[StreamingQuery] = []
            for name, process in (("null", _discard), ("warehouse", warehouse), ("lake", lake)):
                if name == part or (part == "both" and name != "null"):
                    clock = _Clock()
                    clocks.append(clock)
                    queries.append(self._start(name, process, clock))
            for query in queries:
                if not query.awaitTermination(TIMEOUT_S):
                    query.stop()
                    msg = f"{part}: not through {self._plan.reports} reports in {TIMEOUT_S:.0f} s"
                    raise BenchError(msg)
        for clock in clocks:
            if sum(rows for _, rows in clock.ends) != self._plan.reports or len(clock.ends) < 2:  # noqa: PLR2004
                msg = f"{part}: expected {self._plan.reports} reports in at least two batches, found {clock.ends}"
                raise BenchError(msg)
        return min(clock.rate() for clock in clocks)

    def _start(self, name: str, process: Callable[[DataFrame, int], object], clock: _Clock) -> StreamingQuery:
        size = self._plan.lake_batch if name == "lake" else self._plan.batch
        rows = messages(
            self._spark,
            self._settings.need_kafka(),
            self._topic,
            starting_offsets=self._offsets,
            max_offsets=size,
        )

        def handle(batch: DataFrame, batch_id: int) -> None:
            process(batch, batch_id)
            done = size * (batch_id + 1)
            clock.ends.append((time.monotonic(), size - max(0, done - self._plan.reports)))

        return (
            (judged(rows, JUDGED) if name == "lake" else judged_packed(rows))
            .writeStream.foreachBatch(handle)
            .option("checkpointLocation", f"file:{self._folder}/{uuid.uuid4()}")
            .trigger(availableNow=True)
            .start()
        )

    @contextmanager
    def _warehouse(self) -> Iterator[Callable[[DataFrame, int], object]]:
        settings = self._settings
        self._forget()
        writer = WarehouseWriter(conninfo(settings.warehouse, "meteostream bench"), QUERY)
        dead_letters = DeadLetterProducer(settings.need_kafka(), settings.topics.dead_letters)
        try:
            yield WarehouseSink(writer, dead_letters, str(uuid.uuid4())).write
        finally:
            dead_letters.close()
            writer.close()
            self._forget()

    def _forget(self) -> None:
        connection = connect(self._settings.warehouse, "meteostream bench")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT core.forget_bench(%s)", (self._topic,))
        finally:
            connection.close()

    @contextmanager
    def _lake(self) -> Iterator[Callable[[DataFrame, int], object]]:
        table = f"lake.bench.bronze_{uuid.uuid4().hex[:8]}"
        bronze = Bronze(self._spark, self._topic, table)
        bronze.create()
        try:
            yield bronze.append
        finally:
            self._spark.sql(f"DROP TABLE IF EXISTS {table} PURGE")


def _discard(batch: DataFrame, _batch_id: int) -> None:
    batch.write.format("noop").mode("overwrite").save()


@contextmanager
def _topic(kafka: Kafka, topic: str) -> Iterator[None]:
    admin = KafkaAdminClient(**client_options(kafka))
    try:
        _delete(admin, topic)
        admin.create_topics([NewTopic(topic, num_partitions=4, replication_factor=-1)])
        yield
        _delete(admin, topic)
    except KafkaError as error:
        msg = f"topic {topic}: {error}"
        raise BenchError(msg) from error
    finally:
        admin.close()


def _delete(admin: Any, topic: str) -> None:
    try:
        admin.delete_topics([topic])
    except UnknownTopicOrPartitionError:
        return
    until = time.monotonic() + 30
    while topic in admin.list_topics() and time.monotonic() < until:
        time.sleep(0.2)


def _fill(kafka: Kafka, topic: str, reports: int) -> None:
    places = simulated_places(STATIONS)
    client: Any = kafka_client(kafka, "meteostream-bench")
    for begin in range(0, reports, CHUNK):
        number = np.arange(begin, min(begin + CHUNK, reports))
        index, seconds = number % STATIONS, BEGIN_S + number // STATIONS * STEP_S
        columns = simulate(places, index, seconds, 1)
        futures = [
            client.send(
                topic,
                value=draft.value.replace('"source":"simulator"', f'"source":"{QUERY}"', 1).encode(),
                key=draft.key.encode(),
                headers=[],
            )
            for draft in simulated_messages(places, index, seconds, columns, "2026-11-01T00:00:00.000000Z", topic)
        ]
        for future in futures:
            future.get(timeout=60)
    client.close(timeout=30)
