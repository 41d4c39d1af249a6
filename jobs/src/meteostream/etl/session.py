"""The ETL's Spark: a session in this process.

Tests and small repairs run in local mode. On the platform ``--submit`` hands the same command to YARN
(:mod:`meteostream.etl.yarn`), and this session is made in the container of its driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meteostream.lake.bronze import catalog_settings
from meteostream.streams.source import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from meteostream.config import Settings


def etl_session(settings: Settings, name: str) -> SparkSession:
    """Session of a batch job: the streams' settings, the lake's catalog, and plans that adapt to the data."""
    return spark_session(
        f"meteostream {name}",
        {
            **catalog_settings(settings.lake.uri),
            "spark.sql.adaptive.enabled": "true",
            "spark.sql.shuffle.partitions": str(settings.etl.shuffle_partitions),
            "spark.sql.parquet.compression.codec": "zstd",
        },
    )
