"""Bronze: every message of the topic as it came, once, with the identities that were computed from it.

The committed position of a Kafka partition is the greatest offset in bronze itself, read from the column statistics of
its files. So rows and position cannot disagree, whatever happened to a checkpoint, an answer of the catalog, or a
snapshot. Each file holds one Kafka partition (it is part of the table's partitioning), or the statistics of one
would hide the others'.
"""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.streams.positions import Position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import Column, DataFrame, SparkSession

    from meteostream.lake.lock import LakeLock

CATALOG: Final = "lake"
TABLE: Final = "lake.weather.bronze"

PLACE: Final[dict[str, str]] = {
    "topic": "string",
    "partition": "int",
    "offset": "bigint",
}
"""Where a message stands in Kafka."""

IDENTITY: Final[dict[str, str]] = {
    "event_id": "binary",
    "report_id": "binary",
    "station": "string",
    "observed_at": "timestamp",
    "received_at": "timestamp",
    "source": "string",
    "report_type": "string",
    "revision": "int",
    "nature": "string",
}
"""What an event is."""

COLUMNS: Final[dict[str, str]] = {
    **PLACE,
    "timestamp": "timestamp",
    "intake_at": "timestamp",
    "key": "binary",
    "value": "binary",
    "journal_id": "binary",
    **IDENTITY,
    "dead_reason": "string",
    "dead_detail": "string",
}
"""``intake_at``: received_at, or Kafka's timestamp of a message that has none; days of it are the folders."""

JUDGED: Final = [name for name in COLUMNS if name != "intake_at"]
"""Columns that come from the validation as they are."""

PROPERTIES: Final[dict[str, str]] = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.parquet.row-group-size-bytes": str(32 * 1024 * 1024),
    "write.target-file-size-bytes": str(256 * 1024 * 1024),
    "write.distribution-mode": "none",
    "write.spark.fanout.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.metadata.metrics.default": "counts",
    **{
        f"write.metadata.metrics.column.{column}": "full"
        for column in ("topic", "partition", "offset", "timestamp", "intake_at", "observed_at", "received_at")
    },
    "commit.manifest.min-count-to-merge": "50",
    "commit.retry.num-retries": "10",
}
"""A task has one Kafka partition, so nothing is shuffled (distribution none) and few files are open (fanout).

Old metadata files go with each commit (KF-82, KF-121); the position's columns have exact statistics.
"""


def catalog_settings(uri: str) -> dict[str, str]:
    """Spark settings of the catalog ``lake``: Iceberg's Hadoop catalog at ``uri``.

    Its commit is one atomic rename in HDFS, so the lake needs no database.
    """
    return {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
        f"spark.sql.catalog.{CATALOG}.type": "hadoop",
        f"spark.sql.catalog.{CATALOG}.warehouse": uri,
        f"spark.sql.catalog.{CATALOG}.cache-enabled": "false",
    }


class Bronze:
    """The bronze table, as the stream of one topic writes it; with a lock, which its maintenance takes too."""

    def __init__(self, spark: SparkSession, topic: str, table: str = TABLE, lock: LakeLock | None = None) -> None:
        self._spark = spark
        self._topic = topic
        self._table = table
        self._lock = lock
        self._committed: dict[int, int] = {}

    def create(self) -> None:
        """Make the table unless it is there."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        properties = ", ".join(f"'{name}' = '{value}'" for name, value in PROPERTIES.items())
        self._spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {self._table.rpartition('.')[0]}")
        self._spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self._table} ({columns}) USING iceberg "
            f"PARTITIONED BY (days(intake_at), partition) TBLPROPERTIES ({properties})"
        )

    def positions(self) -> dict[int, Position]:
        """Position of each Kafka partition: after the greatest offset in bronze.

        Reads manifests only, then one row a partition for Kafka's timestamp of its last record.
        """
        greatest = self._spark.sql(
            f"SELECT partition.partition AS partition, max(readable_metrics.offset.upper_bound) AS last "  # noqa: S608
            f"FROM {self._table}.files WHERE content = 0 AND readable_metrics.topic.upper_bound = '{self._topic}' "
            "GROUP BY partition.partition"
        ).collect()
        self._committed = {row["partition"]: row["last"] for row in greatest}
        return {
            partition: Position(last + 1, self._timestamp_of(partition, last))
            for partition, last in sorted(self._committed.items())
        }

    def append(self, batch: DataFrame, _batch_id: int) -> Mapping[str, int]:
        """Append the rows of a batch that bronze does not have; give how many there were.

        Parameters
        ----------
        batch
            Verdicts with key and value.
        """
        rows = batch.withColumn("intake_at", F.coalesce("received_at", "timestamp")).select(*COLUMNS)
        if self._committed:
            rows = rows.where(self._is_new())
        with self._lock.held() if self._lock else nullcontext():
            rows.writeTo(self._table).append()
            return {"accepted": self._rows_added()}

    def _is_new(self) -> Column:
        """Rows above the position that bronze had when this run began; Spark's checkpoint orders the rest."""
        known = F.create_map(*(F.lit(item) for pair in self._committed.items() for item in pair))
        last = F.coalesce(known[F.col("partition")], F.lit(-1))
        return (F.col("topic") != self._topic) | (F.col("offset") > last)

    def _rows_added(self) -> int:
        """Rows that the last snapshot added, from its summary."""
        rows = self._spark.sql(
            f"SELECT summary['added-records'] AS added FROM {self._table}.snapshots ORDER BY committed_at DESC LIMIT 1"  # noqa: S608
        ).collect()
        return int(rows[0]["added"] or 0) if rows else 0

    def _timestamp_of(self, partition: int, offset: int) -> datetime:
        rows = (
            self._spark.table(self._table)
            .where((F.col("topic") == self._topic) & (F.col("partition") == partition) & (F.col("offset") == offset))
            .select("timestamp")
            .collect()
        )
        moment: datetime = rows[0]["timestamp"].astimezone(UTC)
        return moment
