"""Spark's side of Kafka: the session, the messages as rows, and their verdicts.

A driver gets its master, memory and connectors from the environment (PYSPARK_SUBMIT_ARGS, spark-defaults.conf); what
stands here belongs to the queries themselves. Secrets are options of the reader: never an argument or a ``--conf``,
and redacted where Spark would show options.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from meteostream.validate import OUTPUT_SCHEMA, validate_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame

    from meteostream.config import Kafka

REDACTED: Final = "(?i)secret|password|token|access[.]?key|jaas|sasl"
"""Options whose values Spark replaces in plans, event logs and its pages (KF-64)."""

JUDGED_SCHEMA: Final = OUTPUT_SCHEMA.append(pa.field("key", pa.binary()))
"""What a query works on: the verdicts, and the message's key."""


def spark_session(name: str, settings: dict[str, str] | None = None) -> SparkSession:
    """The driver's session, in UTC."""
    builder = (
        SparkSession.builder.appName(name)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.redaction.regex", REDACTED)
        .config("spark.sql.redaction.options.regex", REDACTED)
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "20000")
        .config("spark.sql.streaming.minBatchesToRetain", "10")
        .config("spark.sql.streaming.stopTimeout", "60s")
        .config("spark.sql.streaming.numRecentProgressUpdates", "3")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.ui.retainedJobs", "50")
        .config("spark.ui.retainedStages", "50")
        .config("spark.sql.ui.retainedExecutions", "20")
    )
    for key, value in (settings or {}).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    return spark


def kafka_options(kafka: Kafka) -> dict[str, str]:
    """Options of Spark's Kafka reader to reach the brokers."""
    options = {
        "kafka.bootstrap.servers": ",".join(kafka.bootstrap),
        "kafka.security.protocol": kafka.security,
    }
    if kafka.security.startswith("SASL"):
        module = "plain.PlainLoginModule" if kafka.mechanism == "PLAIN" else "scram.ScramLoginModule"
        options["kafka.sasl.mechanism"] = kafka.mechanism
        options["kafka.sasl.jaas.config"] = (
            f"org.apache.kafka.common.security.{module} required "
            f"username={_quoted(kafka.username or '')} password={_quoted(kafka.password or '')};"
        )
    if kafka.ca:
        options["kafka.ssl.truststore.type"] = "PEM"
        options["kafka.ssl.truststore.location"] = kafka.ca
    return options


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def messages(
    spark: SparkSession, kafka: Kafka, topic: str, *, starting_offsets: str, max_offsets: int, fail_on_loss: bool = True
) -> DataFrame:
    """The topic as a stream, in the columns that ``validate_batch`` takes."""
    reader = spark.readStream.format("kafka").options(**kafka_options(kafka))
    return (
        reader.option("subscribe", topic)
        .option("includeHeaders", "true")
        .option("startingOffsets", starting_offsets)
        .option("maxOffsetsPerTrigger", str(max_offsets))
        .option("failOnDataLoss", "true" if fail_on_loss else "false")
        .load()
        .select("topic", "partition", "offset", "timestamp", "key", "value", "headers")
    )


def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Validate (runs on executors): the verdicts, then the key."""
    for batch in batches:
        verdicts = validate_batch(batch)
        yield pa.RecordBatch.from_arrays(
            [*verdicts.columns, batch.column("key").cast(pa.binary())], schema=JUDGED_SCHEMA
        )


def judge_without_content(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Like :func:`judge`, but key and value of dead messages only: the warehouse stores no others' bytes."""
    value, key = JUDGED_SCHEMA.get_field_index("value"), JUDGED_SCHEMA.get_field_index("key")
    dead = JUDGED_SCHEMA.get_field_index("dead_reason")
    for batch in judge(batches):
        columns = list(batch.columns)
        if columns[dead].null_count == batch.num_rows:
            columns[value] = columns[key] = pa.nulls(batch.num_rows, pa.binary())
        else:
            valid = columns[dead].is_null()
            for index in (value, key):
                columns[index] = pc.if_else(valid, pa.scalar(None, pa.binary()), columns[index])
        yield pa.RecordBatch.from_arrays(columns, schema=JUDGED_SCHEMA)


def judged(rows: DataFrame, *, content: bool) -> DataFrame:
    """Verdicts of ``rows``; ``content`` keeps every message's bytes."""
    return rows.mapInArrow(judge if content else judge_without_content, from_arrow_schema(JUDGED_SCHEMA))
