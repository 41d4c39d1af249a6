"""Kafka to the lake: every message, valid or dead, appended to bronze once."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Final

from meteostream.lake.bronze import JUDGED, Bronze, catalog_settings
from meteostream.lake.lock import LakeLock
from meteostream.streams.driver import Guard, driver_settings
from meteostream.streams.metrics import StreamMetrics
from meteostream.streams.positions import begin
from meteostream.streams.runner import Runner
from meteostream.streams.source import executors_of, judged, messages, spark_session

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame

    from meteostream.config import Settings

log = logging.getLogger(__name__)

QUERY: Final = "lake"


def run_lake(
    settings: Settings,
    stopping: threading.Event,
    *,
    accept_loss: bool = False,
    checkpoint: str | None = None,
    metrics: StreamMetrics | None = None,
    on_append: Callable[
        [Callable[[DataFrame, int], Mapping[str, int]]], Callable[[DataFrame, int], Mapping[str, int]]
    ] = (lambda append: append),
) -> None:
    """Run the query until ``stopping`` is set; arguments as :func:`meteostream.streams.to_warehouse.run_warehouse`."""
    stream, kafka, topic = settings.streams.lake, settings.need_kafka(), settings.topics.observations
    runner = Runner(QUERY, stream.checkpoint, stream.trigger_seconds, metrics or StreamMetrics(QUERY))
    spark = spark_session(
        f"meteostream {QUERY}", catalog_settings(settings.lake.uri) | driver_settings(stream.driver_ports)
    )
    with (
        Guard(executors_of(spark), stopping) as guard,
        closing(LakeLock(settings.lake.zookeeper, "stream-lake")) as lock,
    ):
        bronze = Bronze(spark, topic, lock=lock)
        bronze.create()
        positions = bronze.positions()
        log.info("bronze holds %s up to %s", topic, {p: position.next_offset - 1 for p, position in positions.items()})
        offsets = begin(kafka, topic, positions, accept_loss=accept_loss)
        rows = messages(
            spark,
            kafka,
            topic,
            starting_offsets=offsets,
            max_offsets=stream.max_offsets_per_trigger,
            fail_on_loss=not accept_loss,
        )
        query = runner.start(judged(rows, JUDGED), on_append(bronze.append), checkpoint=checkpoint)
        guard.query_runs()
        if checkpoint is None:
            runner.forget_older_checkpoints(spark)
        runner.watch(query, stopping)
