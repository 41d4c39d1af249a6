"""One batch of validated messages, written to the warehouse so that each counts exactly once.

Everything of a batch is one transaction: the rows, the counts by hour, the position in Kafka, the batch's own row. A
batch that comes again (crash before the checkpoint, checkpoint deleted, batch resent) finds its rows below the stored
position and adds nothing; a message that comes again in a later batch is a duplicate by its event id.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.compute as pc

from meteostream.warehouse import statements
from meteostream.warehouse.connection import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from adbc_driver_manager import dbapi

T = TypeVar("T")

PATIENCE_S: Final = 120.0
"""How long a batch is tried again through deadlocks and failovers before the stream gives up and is restarted."""

Key = tuple[str, int]
"""(topic, partition)."""


class WentBackError(Exception):
    """The warehouse lost what it had committed; a restart continues from what it still has."""


class StagingError(Exception):
    """What was staged is not what was read, or the batch contradicts itself; nothing was committed."""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """How the rows of a batch ended; ``received`` is the sum of the others.

    Attributes
    ----------
    received
        Rows read from Kafka.
    known
        Rows that an earlier batch had already counted.
    accepted
        Events that were new, and the greatest of their report when they arrived.
    duplicate
        Events that had been seen before.
    superseded
        New events of a report that already had a greater one.
    dead
        Messages that broke the contract.
    missing
        Offsets that Kafka never delivered (0 unless Kafka lost or compacted records).
    seconds
        Duration of the committed transaction.
    attempts
        1 + retries.
    """

    received: int
    known: int
    accepted: int
    duplicate: int
    superseded: int
    dead: int
    missing: int
    seconds: float
    attempts: int = 1


@dataclass(slots=True)
class Hours:
    """How rows ended, counted by hour."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, hour: Any, **ends: int) -> None:
        """Count rows of an hour under their ends."""
        row = self.counts.setdefault(
            hour.isoformat(), dict.fromkeys(("accepted", "duplicate", "superseded", "dead"), 0)
        )
        for end, count in ends.items():
            row[end] += count

    def total(self, end: str) -> int:
        """Rows of all hours that ended so."""
        return sum(row[end] for row in self.counts.values())

    def rows(self) -> list[dict[str, Any]]:
        """As pipeline.batch_hour has them."""
        return [{"hour": hour, **self.counts[hour]} for hour in sorted(self.counts)]


def hour_of(received_at: pa.ChunkedArray, timestamp: pa.ChunkedArray) -> pa.ChunkedArray:
    """Hour a row is counted in: of ``received_at``, or of Kafka's timestamp where a dead letter has none."""
    return pc.floor_temporal(pc.coalesce(received_at, timestamp), unit="hour")


def in_arrival_order(table: pa.Table) -> pa.Table:
    """Sort by (topic, partition, offset).

    Raises
    ------
    StagingError
        An offset comes twice: the reader is broken, and counts would be wrong.
    """
    table = table.sort_by([("topic", "ascending"), ("partition", "ascending"), ("offset", "ascending")])
    if table.num_rows > 1:
        here, before = table.slice(1), table.slice(0, table.num_rows - 1)
        same = pc.and_(
            pc.equal(here["offset"], before["offset"]),
            pc.and_(pc.equal(here["partition"], before["partition"]), pc.equal(here["topic"], before["topic"])),
        )
        if pc.any(same).as_py():
            row = here.filter(same).slice(0, 1).select(["topic", "partition", "offset"]).to_pylist()[0]
            msg = f"batch with {table.num_rows} rows: expected each offset once, found {row} twice"
            raise StagingError(msg)
    return table


def unknown_rows(table: pa.Table, positions: dict[Key, int]) -> pa.Table:
    """Rows at or above the stored position of their partition."""
    below = None
    for (topic, partition), next_offset in positions.items():
        mask = pc.and_(
            pc.less(table["offset"], next_offset),
            pc.and_(pc.equal(table["partition"], partition), pc.equal(table["topic"], topic)),
        )
        below = mask if below is None else pc.or_(below, mask)
    if below is None or not pc.any(below).as_py():
        return table
    return table.filter(pc.invert(below))


def moved_positions(table: pa.Table, positions: dict[Key, int]) -> list[dict[str, Any]]:
    """The positions after ``table`` (unknown rows in arrival order), one row a partition it holds."""
    if table.num_rows == 0:
        return []
    grouped = (
        table.select(["topic", "partition", "offset", "timestamp"])
        .group_by(["topic", "partition"], use_threads=False)
        .aggregate([("offset", "min"), ("offset", "max"), ("offset", "count"), ("timestamp", "last")])
    )
    rows = []
    for row in grouped.to_pylist():
        start = positions.get((row["topic"], row["partition"]), row["offset_min"])
        rows.append(
            {
                "topic": row["topic"],
                "partition": row["partition"],
                "first_offset": row["offset_min"],
                "next_offset": row["offset_max"] + 1,
                "missing": row["offset_max"] + 1 - start - row["offset_count"],
                "last_timestamp": row["timestamp_last"].isoformat(),
            }
        )
    return rows


def stage_table(valid: pa.Table) -> pa.Table:
    """Valid rows, in arrival order, in the form of :data:`statements.STAGE`."""
    columns: dict[str, Any] = {
        "arrival": pa.array(range(valid.num_rows), pa.int32()),
        "hour": hour_of(valid["received_at"], valid["timestamp"]),
        "kafka_topic": valid["topic"],
        "kafka_partition": valid["partition"],
        "kafka_offset": valid["offset"],
    }
    return pa.table(
        [columns.get(name, valid[name] if name not in columns else None) for name in statements.STAGE.names],
        names=statements.STAGE.names,
    ).cast(statements.STAGE)


def stage_dead_table(dead: pa.Table) -> pa.Table:
    """Dead rows in the form of :data:`statements.STAGE_DEAD`."""
    columns = [
        dead["topic"],
        dead["partition"],
        dead["offset"],
        dead["timestamp"],
        hour_of(dead["received_at"], dead["timestamp"]),
        dead["journal_id"],
        dead["dead_reason"],
        pc.coalesce(dead["dead_detail"], ""),
        dead["key"],
        dead["value"],
    ]
    return pa.table(columns, names=statements.STAGE_DEAD.names).cast(statements.STAGE_DEAD)


class WarehouseWriter:
    """Writes batches of one query over one connection, which it makes and remakes itself.

    What a valid row becomes is :meth:`_write_valid`'s; a writer of other messages has its own, with ``session`` and
    :meth:`_partitions`. Counting once, dead letters, positions and retries are the same for all.
    """

    session: tuple[str, ...] = statements.SESSION
    """What a connection needs before its first batch."""

    def __init__(
        self,
        conninfo: str,
        query: str,
        *,
        epoch: int = 0,
        patience_s: float = PATIENCE_S,
        on_retry: Callable[[int, BaseException], Any] = lambda _tries, _error: None,
    ) -> None:
        self._conninfo = conninfo
        self._query = query
        self._epoch = epoch
        self._patience_s = patience_s
        self._on_retry = on_retry
        self._open: dbapi.Connection | None = None
        self._years: set[int] = set()
        self._written: dict[Key, int] = {}

    def close(self) -> None:
        """Close the connection."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def stored_positions(self) -> dict[Key, tuple[int, datetime]]:
        """Of each partition: next offset, and Kafka's timestamp of the record before it."""

        def read() -> dict[Key, tuple[int, datetime]]:
            connection = self._connection()
            with connection.cursor() as cursor:
                rows = self._select(cursor, statements.POSITIONS, self._query)
            connection.rollback()
            return {(topic, partition): (next_offset, last) for topic, partition, next_offset, last in rows}

        return self._retrying(read)

    def write(self, table: pa.Table, *, run: str, batch_id: int) -> BatchCounts:
        """Write one batch.

        Parameters
        ----------
        table
            Output of ``validate_batch`` with the message's ``key`` added; ``value`` is read of dead rows only.
        run
            Id (UUID) of the checkpoint that numbers the batches.
        batch_id
            Number of the batch within it.

        Returns
        -------
        How the rows ended; it is committed.

        Raises
        ------
        StagingError
            The batch contradicts itself or was not staged whole. Nothing is committed.
        """
        ordered = in_arrival_order(table)
        attempts = 0

        def attempt() -> BatchCounts:
            nonlocal attempts
            attempts += 1
            return self._write(ordered, run, batch_id, attempts)

        return self._retrying(attempt)

    # One attempt

    def _write(self, ordered: pa.Table, run: str, batch_id: int, attempts: int) -> BatchCounts:
        started = time.monotonic()
        connection = self._connection()
        is_dead = pc.is_valid(ordered["dead_reason"])
        self._ensure_partitions(connection, ordered.filter(pc.invert(is_dead)))
        with connection.cursor() as cursor:
            self._select(cursor, statements.LOCK_QUERY, self._query)
            positions = self._positions(cursor)
            rows = unknown_rows(ordered, positions)
            dead_mask = pc.is_valid(rows["dead_reason"])
            hours = self._write_valid(cursor, rows.filter(pc.invert(dead_mask)))
            self._write_dead(cursor, rows.filter(dead_mask), hours)
            moved = moved_positions(rows, positions)
            counts = BatchCounts(
                received=ordered.num_rows,
                known=ordered.num_rows - rows.num_rows,
                accepted=hours.total("accepted"),
                duplicate=hours.total("duplicate"),
                superseded=hours.total("superseded"),
                dead=hours.total("dead"),
                missing=sum(row["missing"] for row in moved),
                seconds=time.monotonic() - started,
                attempts=attempts,
            )
            if moved:
                cursor.execute(statements.MOVE_POSITIONS, (self._query, json.dumps(moved)))
                cursor.execute(statements.ADD_HOURS, (self._query, json.dumps(hours.rows())))
            cursor.execute(statements.ADD_BATCH, (self._query, run, json.dumps(self._batch_row(batch_id, counts))))
        connection.commit()
        self._written |= {(row["topic"], row["partition"]): row["next_offset"] for row in moved}
        return counts

    def _batch_row(self, batch_id: int, counts: BatchCounts) -> dict[str, Any]:
        names = ("received", "known", "accepted", "duplicate", "superseded", "dead", "seconds")
        return {"batch_id": batch_id, "epoch": self._epoch} | {name: getattr(counts, name) for name in names}

    def _write_valid(self, cursor: dbapi.Cursor, valid: pa.Table) -> Hours:
        hours = Hours()
        if valid.num_rows == 0:
            return hours
        stage = stage_table(valid)
        self._stage(cursor, "stage", stage)
        cursor.execute(statements.INSERT_EVENTS)
        fresh = cursor.rowcount
        cursor.execute(statements.OPEN_REPORTS)
        opened = cursor.rowcount
        if fresh == opened == stage.num_rows:  # nothing to judge: every row is a new report
            for row in pc.value_counts(stage["hour"].combine_chunks()).to_pylist():
                hours.add(row["values"], accepted=row["counts"])
        else:
            self._each(cursor, *statements.LOOK_UP, statements.FIND, *statements.ANY_JOIN)
            for hour, accepted, duplicate, superseded in self._select(cursor, statements.JUDGE):
                hours.add(hour, accepted=accepted, duplicate=duplicate, superseded=superseded)
            judged = sum(hours.total(end) for end in ("accepted", "duplicate", "superseded"))
            if judged != stage.num_rows or hours.total("duplicate") != stage.num_rows - fresh:
                msg = f"batch of {stage.num_rows} valid rows, {fresh} of them new: judged {hours.counts}"
                raise StagingError(msg)
            if fresh != opened:
                self._each(cursor, *statements.LOOK_UP, statements.MERGE, *statements.ANY_JOIN)
        if stage["extra"].null_count != stage.num_rows:
            self._write_long(cursor)
        if stage["qc_results"].null_count != stage.num_rows:
            cursor.execute(statements.QC_RESULTS)
        return hours

    def _write_long(self, cursor: dbapi.Cursor) -> None:
        ((values, known),) = self._select(cursor, statements.COUNT_LONG)
        if values != known:
            msg = f"{values} long values in the batch, {known} of known variables: run `meteostream migrate`"
            raise StagingError(msg)
        cursor.execute(statements.LONG_VALUES)

    def _write_dead(self, cursor: dbapi.Cursor, dead: pa.Table, hours: Hours) -> None:
        if dead.num_rows == 0:
            return
        stage = stage_dead_table(dead)
        self._stage(cursor, "stage_dead", stage)
        cursor.execute(statements.DEAD_LETTERS)
        for row in pc.value_counts(stage["hour"].combine_chunks()).to_pylist():
            hours.add(row["values"], dead=row["counts"])

    @staticmethod
    def _each(cursor: dbapi.Cursor, *texts: str) -> None:
        for text in texts:
            cursor.execute(text)

    @staticmethod
    def _stage(cursor: dbapi.Cursor, name: str, rows: pa.Table) -> None:
        cursor.adbc_ingest(name, rows, mode="append", temporary=True)
        cursor.execute(f"SELECT count(*) FROM {name}")  # noqa: S608 - one of two names of ours
        (staged,) = cursor.fetchone() or (0,)
        if staged != rows.num_rows:
            msg = f"{name}: expected {rows.num_rows} staged rows, found {staged}; the batch is rolled back"
            raise StagingError(msg)

    def _ensure_partitions(self, connection: dbapi.Connection, valid: pa.Table) -> None:
        statement, years = self._partitions(valid)
        years -= self._years
        if not years:
            return
        with connection.cursor() as cursor:
            self._select(cursor, statement, _joined(years))
        connection.commit()
        self._years |= years

    def _partitions(self, valid: pa.Table) -> tuple[str, set[int]]:
        """Statement that makes the partitions of the years (its parameter), and the years of the rows."""
        years = set(pc.unique(pc.year(valid["observed_at"])).to_pylist())
        return "SELECT core.ensure_partitions(string_to_array($1, ',')::integer[])", years

    # The connection

    def _positions(self, cursor: dbapi.Cursor) -> dict[Key, int]:
        """Positions under the lock.

        Raises
        ------
        WentBackError
            One is behind what this writer has committed.
        """
        rows = self._select(cursor, statements.POSITIONS, self._query)
        positions = {(topic, partition): next_offset for topic, partition, next_offset, _last in rows}
        for key, written in self._written.items():
            if positions.get(key, 0) < written:
                msg = (
                    f"query {self._query}: expected the position of {key[0]}-{key[1]} at {written} or later, found "
                    f"{positions.get(key)}: the warehouse lost a committed batch (failover, restore). The stream "
                    "starts again from the warehouse's position"
                )
                raise WentBackError(msg)
        return positions

    @staticmethod
    def _select(cursor: dbapi.Cursor, text: str, *parameters: str) -> Sequence[tuple[Any, ...]]:
        cursor.execute(text, parameters or None)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _connection(self) -> dbapi.Connection:
        if self._open is None:
            connection = adbc_driver_postgresql.dbapi.connect(self._conninfo)
            try:
                with connection.cursor() as cursor:
                    self._each(cursor, *self.session)
                connection.commit()
            except BaseException:
                connection.close()
                raise
            self._open = connection
        return self._open

    def _retrying(self, attempt: Callable[[], T]) -> T:
        def fenced() -> T:
            try:
                return attempt()
            except BaseException:
                self._discard()
                raise

        return retrying(fenced, patience_s=self._patience_s, on_retry=self._on_retry)

    def _discard(self) -> None:
        """Drop the connection with its transaction; the server rolls back."""
        connection, self._open = self._open, None
        if connection is not None:
            try:
                connection.close()
            except adbc_driver_postgresql.dbapi.Error:
                return  # it was broken already, which is why it is dropped


def _joined(numbers: Iterable[int]) -> str:
    return ",".join(str(number) for number in sorted(numbers))
