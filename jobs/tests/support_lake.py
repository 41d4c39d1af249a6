# ruff: noqa: PLC0415 - Spark is unpacked first, so what needs it is imported after it
"""A lake on this machine's disk for tests of the ETL: a session, bronze from messages, rows of gold by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import local_spark
from meteostream.config import Etl, Lake, Settings
from support_reports import STATION, TOPIC, judged

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


FEW_ROWS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
"""Of a few rows, planning stage by stage and compiling what is run once is most of the time (half of it in Janino).

Tests of commands, of the bench and of a whole year run as the platform does.
"""


def lake_settings(folder: Path) -> Settings:
    return Settings(lake=Lake(uri=f"file:{folder}/lake"), etl=Etl(shuffle_partitions=2))


def lake_session(settings: Settings, java_options: str = local_spark.QUICK) -> SparkSession:
    """A session of its own: catalogs are remembered by the session that first used them."""
    local_spark.install(java_options)
    from pyspark.sql import SparkSession

    from meteostream.etl.session import etl_session

    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()
    session = etl_session(settings, "test")
    for key, value in FEW_ROWS.items():
        session.conf.set(key, value)
    return session


class BronzeWriter:
    """Appends messages to bronze as the stream does, at offsets that follow each other."""

    def __init__(self, spark: SparkSession) -> None:
        from meteostream.lake.bronze import Bronze

        self._spark = spark
        self._bronze = Bronze(spark, TOPIC)
        self._bronze.create()
        self.next_offset = 0

    def restart(self) -> None:
        """As a driver that starts: the position is read from bronze, what is below it is left out."""
        self._bronze.positions()

    def append(self, messages: Sequence[tuple[bytes | None, bytes | None]], partition: int = 0) -> None:
        table = judged(messages, offset=self.next_offset, partition=partition)
        self.next_offset += len(messages)
        from meteostream.lake.bronze import JUDGED

        rows = self._spark.createDataFrame(table.select(JUDGED)).coalesce(1)  # a task has one Kafka partition
        self._bronze.append(rows, 0)


def moment(text: str) -> datetime:
    """``2026-01-31 18`` in UTC."""
    return datetime.strptime(text, "%Y-%m-%d %H").replace(tzinfo=UTC)


def hour_row(end: datetime, value: float | None, product: tuple[str, str, int], **other: Any) -> dict[str, Any]:
    """A row of gold's hourly table. ``product``: variable, statistic, hours (or seconds below one) of its period."""
    variable, statistic, period_s = product
    return {
        "station": STATION,
        "nature": "observed",
        "variable": variable,
        "statistic": statistic,
        "period_start": end - timedelta(seconds=period_s),
        "period_end": end,
        "label": end.date(),
        "rule": "best-of-sources",
        "value": value,
        "count": int(value is not None),
        "expected": 1,
        "complete": value is not None,
        "flag": 1 if value is not None else 9,
        "source": "test",
        "report_id": b"r" * 32,
    } | other


def gold_frame(spark: SparkSession, rows: Sequence[dict[str, Any]]) -> DataFrame:
    """Rows in gold's columns, without the technical ones."""
    from meteostream.etl.gold import COLUMNS, COMPUTED

    schema = ", ".join(f"{name} {COLUMNS[name]}" for name in COMPUTED)
    return spark.createDataFrame([tuple(row[name] for name in COMPUTED) for row in rows], schema)


def arrow_rows(frame: DataFrame) -> list[dict[str, Any]]:
    table: pa.Table = frame.toArrow()
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def content_hashes(spark: SparkSession) -> dict[str, str]:
    """Of each of gold's tables: SHA-256 (hex) of its rows in the order of their keys, technical columns aside."""
    from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

    from meteostream.etl import gold

    found = {}
    for name in gold.TABLES:
        content = F.to_json(F.struct(*gold.COMPUTED), {"ignoreNullFields": "false"})
        rows = gold.read(spark, name).select(F.sha2(content, 256).alias("row"), *gold.KEY)
        # One task: a sort over several would first read everything to see where to cut it.
        ordered = rows.coalesce(1).sortWithinPartitions(*gold.KEY).select("row").toArrow()
        digest = hashlib.sha256()
        for row in ordered["row"].to_pylist():
            digest.update(row.encode())
        found[name] = digest.hexdigest()
    return found
