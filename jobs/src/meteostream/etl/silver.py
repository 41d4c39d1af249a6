"""Silver: every event once, validated again from bronze's bytes, with its quality control.

Bronze has what came, silver what it says. An event that came several times is one row, with the earliest of its times
of reception: so silver depends on what bronze holds, never on how a run cut it. Rows carry the number of the run that
added them (``sequence``), which tells gold what is new, and the place in Kafka that they came from, which tells silver
where to go on: the greatest offset in silver itself, as bronze does it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom
from pyspark.sql.window import Window

from meteostream.contract.variables import WIDE
from meteostream.lake import bronze
from meteostream.lake.table import Table, next_sequence
from meteostream.streams.source import judged

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

NAME: Final = "lake.weather.silver"

CONTENT: Final[dict[str, str]] = {
    **bronze.IDENTITY,
    **{variable.name: "boolean" if variable.is_boolean else "double" for variable in WIDE},
    "reported": "bigint",
    "extra": "string",
    "qc_ruleset": "string",
    "qc_failed": "bigint",
    "qc_suspect": "bigint",
    "qc_run": "binary",
    "qc_results": "string",
}
"""What an event says."""

TECHNICAL: Final[dict[str, str]] = {**bronze.PLACE, "sequence": "bigint"}
"""Where it came from, and the run that added it."""

TABLE: Final = Table(
    NAME,
    {**CONTENT, **TECHNICAL},
    "months(observed_at)",
    {
        "write.distribution-mode": "hash",
        "write.metadata.metrics.default": "counts",
        **{
            f"write.metadata.metrics.column.{column}": "full"
            for column in ("topic", "partition", "offset", "observed_at", "sequence", "station")
        },
    },
)
"""Years of history are read by month, and what is new by the sequence in the files' statistics."""

COUNTED_DAYS: Final = 2
"""Days of intake that are counted after a run: what is lost or doubled shows for as long, in every run."""


class Counted(NamedTuple):
    """Bronze and silver compared, over the last days of intake.

    Attributes
    ----------
    since
        Begin of intake, UTC.
    bronze
        Valid events that silver has read of bronze.
    silver
        Rows of silver that hold one of them; as many, if each is there once.
    """

    since: datetime
    bronze: int
    silver: int


_READ: Final = (*bronze.PLACE, "timestamp", "key", "value")
_ORDER: Final = ("received_at", "offset", "topic", "partition")


def merge_silver(spark: SparkSession, *, source: str = bronze.TABLE, rebuild: bool = False) -> int:
    """Bring silver up to what bronze holds; give how many events it added.

    A run that is tried again finds its events there and adds nothing.

    Parameters
    ----------
    source
        Bronze.
    rebuild
        Judge all of bronze again and replace silver (after a change of the contract or of the quality control's
        ruleset); every event then counts as new to gold.
    """
    TABLE.create(spark)
    sequence = next_sequence(last_sequence(spark))
    rows = spark.table(source).where("dead_reason IS NULL")
    if not rebuild:
        rows = _unread(rows, spark)
    events = _earliest(judge(rows)).withColumn("sequence", F.lit(sequence).cast("bigint")).select(*TABLE.columns)
    if rebuild:
        events.writeTo(NAME).overwrite(F.lit(True))
        return int(spark.table(NAME).count())
    return _merge(spark, events.localCheckpoint())


def count_layers(spark: SparkSession, now: datetime | None = None, *, source: str = bronze.TABLE) -> Counted:
    """Count what silver has read of bronze, and what of it silver holds.

    Rows that came into bronze while silver was merged are not read yet, and not counted. Reads one column of the last
    days' files: bronze's folders are days of intake.
    """
    today = (now or datetime.now(UTC)).replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=COUNTED_DAYS - 1)
    valid = spark.table(source).where((F.col("intake_at") >= F.lit(since)) & F.col("dead_reason").isNull())
    events = valid.where(~_is_unread(spark)).select("event_id", "observed_at").distinct().localCheckpoint()
    first, last, count = events.select(F.min("observed_at"), F.max("observed_at"), F.count("*")).first() or (
        None,
        None,
        0,
    )
    if not count:
        return Counted(since, 0, 0)
    within = (F.col("observed_at") >= F.lit(first)) & (F.col("observed_at") <= F.lit(last))
    held = spark.table(NAME).where(within).select("event_id").join(events.select("event_id"), "event_id").count()
    return Counted(since, int(count), int(held))


def last_sequence(spark: SparkSession) -> int:
    """Number of the last run that added events; 0 if none did."""
    row = spark.table(NAME).select(F.max("sequence")).first()
    return int(row[0] or 0) if row else 0


def judge(messages: DataFrame) -> DataFrame:
    """Events of bronze's rows, as the streams' validation reads them.

    Parameters
    ----------
    messages
        Rows of bronze.

    Returns
    -------
    Valid rows: what they say, and their topic, partition and offset.
    """
    names = [*CONTENT, *bronze.PLACE, "dead_reason"]
    return judged(messages.select(*_READ), names).where("dead_reason IS NULL").drop("dead_reason")


def _unread(rows: DataFrame, spark: SparkSession) -> DataFrame:
    """Rows of bronze behind the greatest offset that silver has of their partition."""
    return rows.where(_is_unread(spark))


def _is_unread(spark: SparkSession) -> Column:
    read = spark.table(NAME).groupBy("topic", "partition").agg(F.max("offset").alias("last")).collect()
    behind = F.lit(True)
    for row in read:
        here = (F.col("topic") == row["topic"]) & (F.col("partition") == row["partition"])
        behind = behind & (~here | (F.col("offset") > row["last"]))
    return behind


def _earliest(events: DataFrame) -> DataFrame:
    """One row an event: of several receptions the earliest."""
    order = Window.partitionBy("event_id").orderBy(*_ORDER)
    return events.withColumn("n", F.row_number().over(order)).where("n = 1").drop("n")


def _merge(spark: SparkSession, events: DataFrame) -> int:
    """Add the events that silver lacks, in one commit: what the position in the rows has passed is not read again."""
    observed = F.col("observed_at")
    found = events.agg(
        F.min(observed), F.max(observed), F.count("*"), F.collect_set(F.trunc(observed, "month"))
    ).first()
    if found is None or not found[2]:
        return 0
    first, last, count, months = found
    known = spark.table(NAME).where(observed.between(F.lit(first), F.lit(last)))
    known = known.select("observed_at", "event_id", F.col("received_at").alias("before"))
    met = events.join(known, ["observed_at", "event_id"])
    there, earlier = met.agg(F.count("*"), F.count_if(F.col("received_at") < F.col("before"))).first() or (0, 0)
    actions = "WHEN NOT MATCHED THEN INSERT *"  # alone it rewrites nothing; that an earlier copy comes later is rare
    if earlier:
        actions = f"WHEN MATCHED AND n.received_at < s.received_at THEN UPDATE SET * {actions}"
    pruned = " OR ".join(
        f"(s.observed_at >= TIMESTAMP '{month}' AND s.observed_at < TIMESTAMP '{month}' + INTERVAL '1' MONTH)"
        for month in sorted(months)
    )
    events.createOrReplaceTempView("new_events")
    spark.sql(
        f"MERGE INTO {NAME} s USING new_events n "
        f"ON s.observed_at = n.observed_at AND s.event_id = n.event_id AND ({pruned}) {actions}"
    )
    spark.catalog.dropTempView("new_events")
    return int(count - there)
