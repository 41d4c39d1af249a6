"""Gold's rows into the warehouse: current versions in place, replaced ones kept beside, each run in one transaction."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import adbc_driver_postgresql.dbapi
import pyarrow as pa

from meteostream.warehouse.connection import retrying

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from adbc_driver_manager import dbapi

PATIENCE_S: Final = 120.0
"""How long a publication is tried again through deadlocks and failovers."""
_MOMENT: Final = pa.timestamp("us", tz="UTC")
STAGE: Final = pa.schema(
    [
        ("station", pa.string()),
        ("nature", pa.string()),
        ("variable", pa.string()),
        ("statistic", pa.string()),
        ("period_start", _MOMENT),
        ("period_end", _MOMENT),
        ("label", pa.date32()),
        ("rule", pa.string()),
        ("value", pa.float64()),
        ("count", pa.int32()),
        ("expected", pa.int32()),
        ("complete", pa.bool_()),
        ("flag", pa.int16()),
        ("source", pa.string()),
        ("report_id", pa.binary()),
        ("version", pa.int32()),
        ("computed_at", _MOMENT),
        ("run_id", pa.string()),
    ]
)
"""Rows of gold on their way; the columns of the lake and of the warehouse."""
KEY: Final = ("label", "station", "variable", "statistic", "period_start", "period_end", "nature", "rule")
CONTENT: Final = ("value", "count", "expected", "complete", "flag", "source", "report_id")


class PublicationError(Exception):
    """What was staged is not what was read; nothing was published."""


class GoldWriter:
    """One publication: everything written within :meth:`transaction` appears at once, or not at all."""

    def __init__(self, connection: dbapi.Connection) -> None:
        self._connection = connection

    def write(self, table: str, batches: Iterable[pa.RecordBatch]) -> int:
        """Bring the current version of a table's rows up to ``batches``; give how many changed.

        Parameters
        ----------
        table
            ``hourly``, ``daily``, ``dekad``, ``monthly`` or ``availability``.
        batches
            Rows in the form of :data:`STAGE`; a key once.

        Raises
        ------
        PublicationError
            If fewer rows were staged than read.
        """
        reader = _Counted(batches)
        with self._connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS gold_stage")
            rows = pa.RecordBatchReader.from_batches(STAGE, reader.batches())
            cursor.adbc_ingest("gold_stage", rows, mode="create", temporary=True)
            cursor.execute("SELECT count(*) FROM gold_stage")
            (staged,) = cursor.fetchone() or (0,)
            if staged != reader.rows:
                raise PublicationError(f"gold.{table}: expected {reader.rows} staged rows, found {staged}")
            cursor.execute("ANALYZE gold_stage")
            cursor.execute(_keep_replaced(table))
            cursor.execute(_upsert(table))
            return int(cursor.rowcount)

    def note(self, run_id: str, first: date, last: date, changed: int) -> None:
        """Note that a run is published."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO gold.publication (run_id, first_day, last_day, changed) "
                "VALUES ($1::text::uuid, $2::text::date, $3::text::date, $4::text::bigint) ON CONFLICT DO NOTHING",
                (run_id, first.isoformat(), last.isoformat(), str(changed)),
            )


class _Counted:
    """Counts rows while they pass."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


@contextmanager
def transaction(conninfo: str) -> Iterator[GoldWriter]:
    """A connection whose work is committed at the end, or rolled back."""
    with adbc_driver_postgresql.dbapi.connect(conninfo) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'UTC'")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('meteostream.gold'))")
            cursor.fetchall()
        yield GoldWriter(connection)
        connection.commit()


def published_runs(conninfo: str) -> set[str]:
    """Runs that are published."""

    def read() -> set[str]:
        with adbc_driver_postgresql.dbapi.connect(conninfo) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT run_id::text FROM gold.publication")
            return {row[0] for row in cursor.fetchall()}

    return retrying(read, patience_s=PATIENCE_S, on_retry=_ignore)


def _ignore(_tries: int, _error: BaseException) -> Any:
    return None


_COLUMNS: Final = ", ".join(STAGE.names)
_SAME: Final = " AND ".join(f"g.{name} = s.{name}" for name in KEY)


def _differs(new: str) -> str:
    """Whether the published row's content is another than that of the row ``new``."""
    return f"({_of('g', CONTENT)}) IS DISTINCT FROM ({_of(new, CONTENT)})"


def _of(row: str, names: Iterable[str]) -> str:
    return ", ".join(f"{row}.{name}" for name in names)


def _keep_replaced(table: str) -> str:
    return (
        f"INSERT INTO gold.{table}_history ({_COLUMNS}) SELECT {_of('g', STAGE.names)} FROM gold.{table} AS g "  # noqa: S608 - names of ours
        f"JOIN gold_stage AS s ON {_SAME} WHERE {_differs('s')} ON CONFLICT DO NOTHING"
    )


def _upsert(table: str) -> str:
    """Sorted, so that two writers cannot deadlock (KF-122). A row that is equal is not touched.

    The lake counts versions; if it was built anew it counts from one again, and the version goes on from what was
    published here.
    """
    columns = ", ".join("s.run_id::uuid" if name == "run_id" else f"s.{name}" for name in STAGE.names)
    updates = ", ".join(
        "version = greatest(excluded.version, g.version + 1)" if name == "version" else f"{name} = excluded.{name}"
        for name in STAGE.names
        if name not in KEY
    )
    return (
        f"INSERT INTO gold.{table} AS g ({_COLUMNS}) SELECT {columns} FROM gold_stage AS s "  # noqa: S608 - names of ours
        f"ORDER BY {_of('s', KEY)} "
        f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {updates} WHERE {_differs('excluded')}"
    )
