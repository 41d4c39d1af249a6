"""Kafka to the warehouse: validated on executors, written by the driver, dead letters to their topic first."""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from meteostream.deadletter import DeadLetterProducer
from meteostream.streams.driver import Guard, driver_settings
from meteostream.streams.metrics import StreamMetrics
from meteostream.streams.positions import Position, begin
from meteostream.streams.runner import Runner
from meteostream.streams.source import executors_of, judged_packed, messages, spark_session, unpack
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import conninfo

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame

    from meteostream.config import Settings

log = logging.getLogger(__name__)

QUERY: Final = "warehouse"
ENDS: Final = ("known", "accepted", "duplicate", "superseded", "dead", "missing")


class WarehouseSink:
    """Writes a query's batches.

    Parameters
    ----------
    writer
        Of the warehouse.
    dead_letters
        Where messages that break the contract go before the batch is committed.
    run
        Id of the checkpoint.
    """

    def __init__(self, writer: WarehouseWriter, dead_letters: DeadLetterProducer, run: str) -> None:
        self._writer = writer
        self._dead_letters = dead_letters
        self._run = run

    def write(self, batch: DataFrame, batch_id: int) -> Mapping[str, int]:
        """Commit a batch: dead letters to their topic (again if the batch is tried again), then one transaction."""
        table = unpack(batch.toArrow())
        dead = table.filter(pc.is_valid(table["dead_reason"]))
        if dead.num_rows:
            self._dead_letters.send(dead)
        counts = dataclasses.asdict(self._writer.write(table, run=self._run, batch_id=batch_id))
        if counts["missing"]:
            log.error(
                "%d offsets were never delivered by Kafka; `meteostream ledger check` tells what they held",
                counts["missing"],
            )
        return {end: counts[end] for end in ENDS}


def run_warehouse(
    settings: Settings,
    stopping: threading.Event,
    *,
    accept_loss: bool = False,
    checkpoint: str | None = None,
    metrics: StreamMetrics | None = None,
    on_sink: Callable[[WarehouseSink], WarehouseSink] = lambda sink: sink,
) -> None:
    """Run the query until ``stopping`` is set.

    Parameters
    ----------
    settings
        All settings.
    stopping
        Set by SIGTERM.
    accept_loss
        Begin although Kafka no longer has what comes next.
    checkpoint
        Use this checkpoint instead of a new one (tests of a resent batch).
    on_sink
        Wraps the sink (tests that interrupt it).
    """
    stream, kafka, topic = settings.streams.warehouse, settings.need_kafka(), settings.topics.observations
    metrics = metrics or StreamMetrics(QUERY)
    runner = Runner(QUERY, stream.checkpoint, stream.trigger_seconds, metrics)

    def retried(tries: int, error: BaseException) -> None:
        metrics.retry()
        log.warning(
            "the warehouse did not take the batch (attempt %d, %s): trying again: %s",
            tries,
            type(error).__name__,
            error,
        )

    writer = WarehouseWriter(conninfo(settings.warehouse, "meteostream stream warehouse"), QUERY, on_retry=retried)
    dead_letters = DeadLetterProducer(kafka, settings.topics.dead_letters)
    try:
        stored = {
            partition: position for (name, partition), position in writer.stored_positions().items() if name == topic
        }
        offsets = begin(
            kafka, topic, {p: Position(*position) for p, position in stored.items()}, accept_loss=accept_loss
        )
        spark = spark_session(f"meteostream {QUERY}", driver_settings(stream.driver_ports))
        with Guard(executors_of(spark), stopping) as guard:
            rows = messages(
                spark,
                kafka,
                topic,
                starting_offsets=offsets,
                max_offsets=stream.max_offsets_per_trigger,
                fail_on_loss=not accept_loss,
            )
            sink = on_sink(WarehouseSink(writer, dead_letters, runner.run))
            query = runner.start(judged_packed(rows), sink.write, checkpoint=checkpoint)
            guard.query_runs()
            if checkpoint is None:
                runner.forget_older_checkpoints(spark)
            runner.watch(query, stopping)
    finally:
        dead_letters.close()
        writer.close()
