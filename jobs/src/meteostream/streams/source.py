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
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from meteostream.validate import OUTPUT_SCHEMA, validate_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

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
        # Else each call on a column asks the JVM three times more, for where it stands: most of a batch's planning.
        .config("spark.python.sql.dataFrameDebugging.enabled", "false")
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


def executors_of(spark: SparkSession) -> Callable[[], int | None]:
    """Counts the executors of a session's application; None with a local master, or when its JVM does not answer."""
    context = spark.sparkContext

    def count() -> int | None:
        if not context.master.startswith("spark://"):
            return None
        try:
            # The driver is one of them.
            return int(context._jsc.sc().getExecutorMemoryStatus().size()) - 1
        except (Py4JError, OSError):
            return None

    return count


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


def verdicts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Validate: the verdicts, then the key."""
    judged = validate_batch(batch)
    return pa.RecordBatch.from_arrays([*judged.columns, batch.column("key").cast(pa.binary())], schema=JUDGED_SCHEMA)


def without_content(judged: pa.RecordBatch) -> pa.RecordBatch:
    """Key and value of dead messages only: the warehouse stores no others' bytes."""
    columns = dict(zip(JUDGED_SCHEMA.names, judged.columns, strict=True))
    valid = columns["dead_reason"].is_null()
    for name in ("value", "key"):
        columns[name] = pc.if_else(valid, pa.scalar(None, pa.binary()), columns[name])
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=JUDGED_SCHEMA)


PACKED_SCHEMA: Final = pa.schema([("rows", pa.int32()), ("packed", pa.binary())])
"""Verdicts on their way to the driver: a row a batch, which holds the batch as an Arrow stream.

The driver wants Arrow, not rows. As columns, each value would be taken apart and put together twice in the JVM.
"""


def pack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Validate and pack (runs on executors)."""
    for batch in batches:
        judged = without_content(verdicts(batch))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, JUDGED_SCHEMA) as stream:
            stream.write_batch(judged)
        packed = pa.array([sink.getvalue().to_pybytes()], pa.binary())
        yield pa.RecordBatch.from_arrays([pa.array([judged.num_rows], pa.int32()), packed], schema=PACKED_SCHEMA)


def unpack(packed: pa.Table) -> pa.Table:
    """The verdicts that :func:`pack` sent.

    Raises
    ------
    ValueError
        If a row does not hold as many verdicts as it says.
    """
    tables = [pa.ipc.open_stream(content.as_buffer()).read_all() for content in packed["packed"]]
    found = [table.num_rows for table in tables]
    if found != packed["rows"].to_pylist():
        raise ValueError(f"expected {packed['rows'].to_pylist()} verdicts from the executors, found {found}")
    return pa.concat_tables(tables) if tables else JUDGED_SCHEMA.empty_table()


def judged_packed(rows: DataFrame) -> DataFrame:
    """Verdicts of ``rows``, packed for the driver."""
    return rows.mapInArrow(pack, from_arrow_schema(PACKED_SCHEMA))


def judged(rows: DataFrame, names: Sequence[str]) -> DataFrame:
    """The columns ``names`` of the verdicts of ``rows``, for Spark to go on with."""
    schema = pa.schema([JUDGED_SCHEMA.field(name) for name in names])

    def judge(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield verdicts(batch).select(schema.names)

    return rows.mapInArrow(judge, from_arrow_schema(schema))
