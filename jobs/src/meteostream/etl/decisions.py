"""People's decisions in the lake, and which of them count.

The topic is read by the ETL itself, a few messages a day: from behind the greatest offset that the table has, so rows
and position cannot disagree. A message that breaks the contract is a row, too, with the reason, and never applied.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom
from pyspark.sql.window import Window

from meteostream.contract.decision import DecisionError, decode_decision
from meteostream.contract.times import EPOCH, MICROSECOND, parse_time
from meteostream.lake.table import Table, next_sequence
from meteostream.streams.positions import Position, PositionError, check_positions, consumer, partition_states

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

    from meteostream.config import Kafka

log = logging.getLogger(__name__)

NAME: Final = "lake.weather.decisions"

TABLE: Final = Table(
    NAME,
    {
        "topic": "string",
        "partition": "int",
        "offset": "bigint",
        "timestamp": "timestamp",
        "key": "binary",
        "value": "binary",
        "dead_detail": "string",
        "decision_id": "binary",
        "action": "string",
        "author": "string",
        "reason": "string",
        "decided_at": "timestamp",
        "report_id": "binary",
        "station": "string",
        "source": "string",
        "report_type": "string",
        "observed_at": "timestamp",
        "variable": "string",
        "replacement": "double",
        "undoes": "binary",
        "sequence": "bigint",
    },
)
"""Every message as it came, and what it says. Kept for ever; a full rebuild reads it again."""

POLL_MS: Final = 1_000
QUIET_POLLS: Final = 10
"""Polls without a record after which the brokers count as not answering."""


def row_of(topic: str, partition: int, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> Any:
    """Row of :data:`TABLE` (a dictionary, without sequence) of a message."""
    row: dict[str, Any] = dict.fromkeys(TABLE.columns)
    row |= {
        "topic": topic,
        "partition": partition,
        "offset": offset,
        "timestamp": datetime.fromtimestamp(timestamp_ms / 1000, UTC),
        "key": key,
        "value": value,
    }
    try:
        decision = decode_decision(value, key)
    except DecisionError as error:
        row["dead_detail"] = str(error)
        return row
    row |= {
        "decision_id": bytes.fromhex(decision.decision_id),
        "action": decision.action,
        "author": decision.author,
        "reason": decision.reason,
        "decided_at": EPOCH + parse_time(decision.decided_at, "decided_at", fraction=True) * MICROSECOND,
        "report_id": decision.report_id,
    }
    for name in ("station", "source", "report_type", "variable"):
        text = getattr(decision, name)
        row[name] = text if isinstance(text, str) else None
    if isinstance(decision.observed_at, str):
        row["observed_at"] = EPOCH + parse_time(decision.observed_at, "observed_at", fraction=False) * MICROSECOND
    if isinstance(decision.value, int | float):
        row["replacement"] = float(decision.value)
    if isinstance(decision.undoes, str):
        row["undoes"] = bytes.fromhex(decision.undoes)
    return row


def append(spark: SparkSession, rows: Iterable[dict[str, Any]]) -> int:
    """Append messages' rows under the next sequence; give how many."""
    sequence = next_sequence(last_sequence(spark))
    tuples = [tuple({**row, "sequence": sequence}[name] for name in TABLE.columns) for row in rows]
    if tuples:
        schema = ", ".join(f"`{name}` {kind}" for name, kind in TABLE.columns.items())
        spark.createDataFrame(tuples, schema).coalesce(1).writeTo(NAME).append()
    return len(tuples)


def take_in(spark: SparkSession, kafka: Kafka, topic: str) -> int:
    """Append what the topic has behind the table's positions; give how many messages.

    Raises
    ------
    PositionError
        Kafka cannot continue the positions: decisions would be lost.
    """
    TABLE.create(spark)
    known = (
        spark.table(NAME)
        .where(F.col("topic") == topic)
        .groupBy("partition")
        .agg(F.max("offset").alias("last"), F.max_by("timestamp", "offset").alias("timestamp"))
        .collect()
    )
    positions = {row["partition"]: Position(row["last"] + 1, row["timestamp"].astimezone(UTC)) for row in known}
    client = consumer(kafka)
    try:
        found = check_positions(client, topic, positions)
        if found:
            raise PositionError(f"{'; '.join(found)}. Decisions are kept for ever: was the topic's retention changed?")
        rows = list(_messages(client, topic, positions))
    finally:
        client.close()
    for row in rows:
        if row["dead_detail"]:
            log.error(
                "decision at %s-%d@%d is not applied: %s", topic, row["partition"], row["offset"], row["dead_detail"]
            )
    return append(spark, rows)


def _messages(client: Any, topic: str, positions: dict[int, Position]) -> Iterator[dict[str, Any]]:
    from kafka import TopicPartition  # noqa: PLC0415 - Kafka's client is needed by this step alone

    ends = {}
    for partition, state in partition_states(client, topic).items():
        begin = positions[partition].next_offset if partition in positions else state.beginning
        if begin < state.end:
            ends[TopicPartition(topic, partition)] = (begin, state.end)
    if not ends:
        return
    client.assign(list(ends))
    for place, (begin, _) in ends.items():
        client.seek(place, begin)
    quiet = 0
    while any(client.position(place) < end for place, (_, end) in ends.items()):
        records = client.poll(timeout_ms=POLL_MS)
        quiet = 0 if records else quiet + 1
        if quiet > QUIET_POLLS:
            raise PositionError(f"topic {topic}: the brokers list decisions that they do not hand out; try again")
        for place, found in records.items():
            for record in found:
                if record.offset < ends[place][1]:
                    yield row_of(topic, place.partition, record.offset, record.timestamp, record.key, record.value)


def last_sequence(spark: SparkSession) -> int:
    """Number of the last run that added decisions; 0 if none did."""
    row = spark.table(NAME).select(F.max("sequence")).first()
    return int(row[0] or 0) if row else 0


def in_force(decisions: DataFrame) -> DataFrame:
    """The decision that counts for each value: the latest that was not undone.

    Parameters
    ----------
    decisions
        Rows of :data:`TABLE`.

    Returns
    -------
    Columns report_id, variable, action (accept, reject or replace), replacement; one row a value.
    """
    valid = decisions.where("dead_detail IS NULL").dropDuplicates(["decision_id"])
    undone = valid.where("action = 'undo'").select(F.col("undoes").alias("decision_id")).distinct()
    standing = valid.where("action <> 'undo'").join(undone, "decision_id", "left_anti")
    order = Window.partitionBy("report_id", "variable").orderBy(F.desc("decided_at"), F.desc("decision_id"))
    return (
        standing.withColumn("n", F.row_number().over(order))
        .where("n = 1")
        .select("report_id", "variable", "action", "replacement")
    )


def touched(decisions: DataFrame, after: int) -> DataFrame:
    """Station and observed_at of the values that decisions behind a sequence are about; an undo's are the other's."""
    valid = decisions.where("dead_detail IS NULL")
    new = valid.where(F.col("sequence") > after)
    undone = new.where("action = 'undo'").select(F.col("undoes").alias("decision_id")).distinct()
    places = ["station", "observed_at"]
    return (
        new.where("action <> 'undo'")
        .select(*places)
        .unionByName(valid.join(undone, "decision_id", "left_semi").where("station IS NOT NULL").select(*places))
        .distinct()
    )
