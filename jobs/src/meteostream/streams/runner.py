"""A query's life: start, watch, drain, end.

SIGTERM drains: the batch that runs is finished and its checkpoint written, no other begins, exit code 0. Whatever
else ends a query ends the process with an error; systemd starts it again, and the store's position makes that safe.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from typing import TYPE_CHECKING, Final

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from meteostream.streams.metrics import lags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming import StreamingQuery

    from meteostream.streams.metrics import StreamMetrics

log = logging.getLogger(__name__)

LOOK_S: Final = 0.5
"""How often the driver looks whether it should stop and whether the query lives."""
CHECKPOINT_S: Final = 10.0
"""How long a drain waits for Spark to note a finished batch; without it the batch comes again, which is harmless."""


class DrainingError(Exception):
    """A batch was asked for after the drain began; it was not touched."""


class Gate:
    """Lets batches through one at a time until it is closed; closing waits for the one inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self.last: int | None = None

    def run(self, batch_id: int, work: Callable[[], None]) -> None:
        """Do a batch's work.

        Raises
        ------
        DrainingError
            The gate is closed.
        """
        with self._lock:
            if self._closed:
                msg = f"batch {batch_id} waits for the next start"
                raise DrainingError(msg)
            work()
            self.last = batch_id

    def close(self) -> None:
        """Let nothing through any more; returns when nothing is inside."""
        with self._lock:
            self._closed = True


class Runner:
    """Runs one streaming query in this process.

    Parameters
    ----------
    name
        Name of the query: ``warehouse`` or ``lake``.
    checkpoint
        Folder of checkpoints; each run makes its own in it and removes its predecessors'.
    trigger_s
        Seconds between the starts of batches.
    metrics
        Where to count.
    """

    def __init__(self, name: str, checkpoint: str, trigger_s: float, metrics: StreamMetrics) -> None:
        self.name = name
        self.run = str(uuid.uuid4())
        self._folder = checkpoint
        self._trigger_s = trigger_s
        self._metrics = metrics
        self._gate = Gate()

    def start(
        self, rows: DataFrame, process: Callable[[DataFrame, int], Mapping[str, int]], *, checkpoint: str | None = None
    ) -> StreamingQuery:
        """Start the query.

        Parameters
        ----------
        rows
            Streaming rows.
        process
            Commits a batch and gives how its rows ended.
        checkpoint
            Instead of a new one of this run.
        """

        def handle(batch: DataFrame, batch_id: int) -> None:
            self._gate.run(batch_id, lambda: self._committed(batch_id, process, batch))

        query = (
            rows.writeStream.queryName(self.name)
            .option("checkpointLocation", checkpoint or f"{self._folder}/{self.run}")
            .trigger(processingTime=f"{int(self._trigger_s * 1000)} milliseconds")
            .foreachBatch(handle)
            .start()
        )
        log.info("query %s started, run %s", self.name, self.run)
        return query

    def watch(self, query: StreamingQuery, stopping: threading.Event) -> None:
        """Wait until told to stop, then drain.

        Raises
        ------
        PySparkException
            The query failed.
        """
        seen = None
        while not stopping.is_set():
            try:
                ended = query.awaitTermination(LOOK_S)
            except PySparkException:
                if stopping.is_set():
                    break
                raise
            if ended:
                break
            self._metrics.alive(time.time())
            progress = query.lastProgress
            if progress is not None and progress["batchId"] != seen:
                seen = progress["batchId"]
                self._metrics.lag(lags(json.loads(progress.json)))
        self._drain(query)

    def _drain(self, query: StreamingQuery) -> None:
        log.info("draining: the running batch is finished, no other begins")
        self._gate.close()
        until = time.monotonic() + CHECKPOINT_S
        while query.isActive and time.monotonic() < until and not self._noted(query):
            time.sleep(0.05)
        try:
            query.stop()
        except (PySparkException, Py4JError) as error:
            log.info("the query ended while it was stopped: %s", type(error).__name__)
        log.info("drained after batch %s", self._gate.last)

    def _noted(self, query: StreamingQuery) -> bool:
        """Whether Spark has written the checkpoint of the last batch that went through."""
        progress = query.lastProgress
        return self._gate.last is None or (progress is not None and progress["batchId"] >= self._gate.last)

    def _committed(
        self, batch_id: int, process: Callable[[DataFrame, int], Mapping[str, int]], batch: DataFrame
    ) -> None:
        started = time.monotonic()
        ends = process(batch, batch_id)
        seconds = time.monotonic() - started
        self._metrics.batch(ends, seconds, time.time())
        shown = ", ".join(f"{count} {end}" for end, count in ends.items() if count)
        log.info(
            "batch %d committed in %.3f s: %s",
            batch_id,
            seconds,
            shown or "nothing new",
            extra={
                "labels": {"query": self.name, "run": self.run, "batch": batch_id},
                "event.duration": int(seconds * 1e9),
            }
            | {f"meteostream.rows.{end}": count for end, count in ends.items()},
        )

    def forget_older_checkpoints(self, spark: SparkSession) -> None:
        """Remove the folders of earlier runs; nothing reads them again (KF-82: a restart does not grow with them)."""
        jvm = spark.sparkContext._jvm
        if jvm is None:
            return
        folder = jvm.org.apache.hadoop.fs.Path(self._folder)
        system = folder.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration())
        if not system.exists(folder):
            return
        for status in system.listStatus(folder):
            if status.getPath().getName() != self.run:
                system.delete(status.getPath(), True)
