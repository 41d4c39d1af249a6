"""What the lake's tables have in common: how they are made and named."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyspark.sql import SparkSession

COMMON: Final[dict[str, str]] = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.target-file-size-bytes": str(128 * 1024 * 1024),
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest.min-count-to-merge": "50",
    "commit.retry.num-retries": "10",
}
"""Properties of every table that the batch writes. Old metadata files go with each commit (KF-82, KF-121)."""


def next_sequence(last: int) -> int:
    """Number of a run that adds rows, after ``last``: microseconds since 1970.

    By the clock and not by counting: a table that was put back to how it was an hour ago must not give the numbers of
    that hour a second time, or a reader that has gone further would take the new rows for old ones.
    """
    return max(last + 1, time.time_ns() // 1000)


class Table(NamedTuple):
    """A table of the lake.

    Attributes
    ----------
    name
        With catalog and namespace.
    columns
        Spark type of each.
    partitioning
        Iceberg's partition transforms; empty for none.
    properties
        Beside :data:`COMMON`.
    """

    name: str
    columns: Mapping[str, str]
    partitioning: str = ""
    properties: Mapping[str, str] = {}

    def create(self, spark: SparkSession) -> None:
        """Make it unless it is there."""
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        properties = ", ".join(f"'{name}' = '{value}'" for name, value in {**COMMON, **self.properties}.items())
        partitioned = f"PARTITIONED BY ({self.partitioning}) " if self.partitioning else ""
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {self.name.rpartition('.')[0]}")
        spark.sql(
            f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}) USING iceberg {partitioned}"
            f"TBLPROPERTIES ({properties})"
        )
