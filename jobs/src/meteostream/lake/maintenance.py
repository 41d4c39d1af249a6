"""Maintenance of the lake: few and large files, an end to old snapshots, no files that nothing names.

Iceberg's own procedures do the work; what stands here is the order, the lock, and what must hold: no row goes, and
what a stream or the ETL reads next is as it was. The committed position of bronze is in bronze's rows, so neither
compaction nor expiry moves it (a test replays a batch after both).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from meteostream.config import Maintenance
    from meteostream.lake.lock import LakeLock

log = logging.getLogger(__name__)

NAMESPACES: Final = ("weather", "gold")
MIN_INPUT_FILES: Final = 5
"""Small files of a partition below which it is left alone."""
MOST_GROUP_BYTES: Final = 2 * 1024**3
"""Files that are rewritten together at most; each group is a commit of its own, so an interrupted run is not lost."""


class MaintenanceError(RuntimeError):
    """A table is not what it was before; the message says which."""


class Outcome(NamedTuple):
    """What was done to a table."""

    table: str
    what: str
    files: int


def tables(spark: SparkSession) -> list[str]:
    """The lake's tables, with catalog and namespace."""
    found = []
    for namespace in NAMESPACES:
        if spark.catalog.databaseExists(f"lake.{namespace}"):
            rows = spark.sql(f"SHOW TABLES IN lake.{namespace}").collect()
            found += [f"lake.{namespace}.{row['tableName']}" for row in rows]
    return sorted(found)


def compact(spark: SparkSession, lock: LakeLock, settings: Maintenance) -> list[Outcome]:
    """Rewrite small files into large ones, and the manifests.

    Rows are compared before and after within the lock; bronze keeps one Kafka partition a file, because the
    partitioning does.

    Raises
    ------
    MaintenanceError
        A table has another number of rows than before. The snapshot before is named; roll back to it.
    """
    done = []
    for table in tables(spark):
        with lock.held(settings.lock_patience_seconds):
            before = _state(spark, table)
            if before is None:
                continue
            rewritten = _call(
                spark,
                "rewrite_data_files",
                table,
                "strategy => 'binpack', options => map("
                f"'min-input-files', '{MIN_INPUT_FILES}', 'partial-progress.enabled', 'false', "
                f"'max-file-group-size-bytes', '{MOST_GROUP_BYTES}')",
            )
            lock.check()
            _call(spark, "rewrite_manifests", table, "use_caching => false")
            after = _state(spark, table)
            if after is None or after.rows != before.rows:
                raise MaintenanceError(
                    f"{table}: expected {before.rows} rows after compaction, found {after and after.rows}; roll back "
                    f"to snapshot {before.snapshot}"
                )
        done.append(Outcome(table, "data files rewritten", int(rewritten["rewritten_data_files_count"])))
    return done


def expire(spark: SparkSession, lock: LakeLock, settings: Maintenance, now: datetime | None = None) -> list[Outcome]:
    """Forget snapshots that are older than the setting, and the files that only they name."""
    before = (now or datetime.now(UTC)) - timedelta(days=settings.snapshot_days)
    done = []
    for table in tables(spark):
        with lock.held(settings.lock_patience_seconds):
            row = _call(
                spark,
                "expire_snapshots",
                table,
                f"older_than => {_timestamp(before)}, retain_last => {settings.snapshots_kept}",
            )
        done.append(Outcome(table, "data files forgotten", int(row["deleted_data_files_count"])))
    return done


def orphans(
    spark: SparkSession, lock: LakeLock, settings: Maintenance, *, remove: bool, now: datetime | None = None
) -> list[Outcome]:
    """Files that no snapshot names (a writer died between writing and its commit), older than the setting.

    Parameters
    ----------
    remove
        Else they are only counted.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=settings.orphan_days)
    what = "orphan files removed" if remove else "orphan files found (run again with --remove)"
    done = []
    for table in tables(spark):
        with lock.held(settings.lock_patience_seconds):
            rows = spark.sql(
                f"CALL lake.system.remove_orphan_files(table => '{table}', "
                f"older_than => {_timestamp(before)}, dry_run => {'false' if remove else 'true'})"
            ).collect()
        for row in rows:
            log.info("%s: %s: %s", table, what, row[0])
        done.append(Outcome(table, what, len(rows)))
    return done


class _State(NamedTuple):
    snapshot: int
    rows: int


def _state(spark: SparkSession, table: str) -> _State | None:
    """Current snapshot and its rows, None of a table that was never written."""
    snapshot = spark.sql(f"SELECT snapshot_id FROM {table}.refs WHERE name = 'main'").first()  # noqa: S608 - a listed table
    if snapshot is None:
        return None
    return _State(int(snapshot[0]), int(spark.table(table).count()))


def _call(spark: SparkSession, procedure: str, table: str, arguments: str) -> dict[str, int]:
    row = spark.sql(f"CALL lake.system.{procedure}(table => '{table}', {arguments})").first()
    return {} if row is None else dict(row.asDict())


def _timestamp(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"


# --- Checkpoints -----------------------------------------------------------------------------------------------------


def back_up_checkpoints(spark: SparkSession, folder: str, target: str, keep: int, now: datetime | None = None) -> str:
    """Copy the folder of the streams' checkpoints beside the others, and forget the oldest; give where it is.

    Nothing needs them to start again: a stream begins where its own store says (KF-119). They are kept to be looked at
    after an accident: which offsets a run had planned, and when.

    Parameters
    ----------
    folder
        URI of the checkpoints.
    target
        URI of the folder of backups.
    keep
        Backups that stay.
    """
    jvm = spark.sparkContext._jvm
    assert jvm is not None  # noqa: S101 - a classic session has one
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    source, parent = jvm.org.apache.hadoop.fs.Path(folder), jvm.org.apache.hadoop.fs.Path(target)
    system = source.getFileSystem(hadoop)
    backups = parent.getFileSystem(hadoop)
    if not system.exists(source):
        raise MaintenanceError(f"{folder}: expected the streams' checkpoints, found nothing")
    name = f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}"
    unfinished = jvm.org.apache.hadoop.fs.Path(parent, f".{name}")
    finished = jvm.org.apache.hadoop.fs.Path(parent, name)
    backups.mkdirs(parent)
    jvm.org.apache.hadoop.fs.FileUtil.copy(system, source, backups, unfinished, False, True, hadoop)
    backups.rename(unfinished, finished)
    for old in list(_names(backups.listStatus(parent)))[:-keep]:
        backups.delete(jvm.org.apache.hadoop.fs.Path(parent, old), True)
    return f"{target.rstrip('/')}/{name}"


def _names(listing: list[object]) -> Iterator[str]:
    names = sorted(str(status.getPath().getName()) for status in listing)  # type: ignore[attr-defined]
    return (name for name in names if not name.startswith("."))
