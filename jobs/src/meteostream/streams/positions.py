"""Where a query begins: where its own store says it stopped.

The store (warehouse row, bronze rows) moves with the data in one transaction, so it is the truth; Spark's checkpoint
only serves the run that made it (KF-119). Before a query starts, the position is compared with what the brokers have:
a position that Kafka can no longer continue is told, never skipped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from meteostream.config import Kafka

EARLIEST: Final = -2
"""Spark's number for the first offset that a partition still has."""
FETCH_TIMEOUT_MS: Final = 10_000


class Position(NamedTuple):
    """Next offset to read of a partition, and Kafka's timestamp of the record before it (None if not known)."""

    next_offset: int
    last_timestamp: datetime | None


class PartitionState(NamedTuple):
    """What the brokers have of a partition: offsets ``beginning`` (included) to ``end`` (excluded)."""

    beginning: int
    end: int


class PositionError(Exception):
    """Kafka cannot continue a stored position: records were lost, or the topic is another one."""


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Options of a kafka-python client to reach the brokers."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "security_protocol": kafka.security}
    if kafka.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password,
        }
    if kafka.ca:
        options["ssl_cafile"] = kafka.ca
    return options


def consumer(kafka: Kafka) -> KafkaConsumer:
    """A kafka-python consumer without a group."""
    return KafkaConsumer(**client_options(kafka), enable_auto_commit=False, auto_offset_reset="none")


def partition_states(client: KafkaConsumer, topic: str) -> dict[int, PartitionState]:
    """What the brokers have of every partition of ``topic``.

    Raises
    ------
    PositionError
        There is no such topic.
    """
    partitions = client.partitions_for_topic(topic)
    if not partitions:
        msg = f"topic {topic}: expected it to exist, the brokers do not list it; the platform's kafka role makes it"
        raise PositionError(msg)
    places = [TopicPartition(topic, partition) for partition in sorted(partitions)]
    beginnings, ends = client.beginning_offsets(places), client.end_offsets(places)
    return {place.partition: PartitionState(beginnings[place], ends[place]) for place in places}


def timestamp_ms(client: KafkaConsumer, topic: str, partition: int, offset: int) -> int | None:
    """Kafka's timestamp of one record; None if it cannot be read in time."""
    place = TopicPartition(topic, partition)
    client.assign([place])
    client.seek(place, offset)
    for records in client.poll(timeout_ms=FETCH_TIMEOUT_MS, max_records=1).values():
        for record in records:
            if record.offset == offset:
                return int(record.timestamp)
    return None


def refusals(topic: str, positions: Mapping[int, Position], states: Mapping[int, PartitionState]) -> list[str]:
    """What stands against continuing at ``positions``, a sentence each."""
    found = []
    for partition, position in sorted(positions.items()):
        state = states.get(partition)
        where = f"{topic}-{partition}"
        if state is None:
            found.append(f"{where}: stored position {position.next_offset}, but the topic has no such partition")
        elif position.next_offset < state.beginning:
            found.append(
                f"{where}: offsets {position.next_offset} to {state.beginning - 1} were deleted by Kafka's retention "
                "before they were read"
            )
        elif position.next_offset > state.end:
            found.append(
                f"{where}: stored position {position.next_offset}, but Kafka ends at {state.end}: the topic was made "
                "again, or the brokers lost their tail"
            )
    return found


def check_positions(client: KafkaConsumer, topic: str, positions: Mapping[int, Position]) -> list[str]:
    """Compare stored positions with the brokers; give what stands against continuing.

    Beside the range, the record before the position must be the one that was read: after a topic was made again, the
    same numbers name other messages.
    """
    states = partition_states(client, topic)
    found = refusals(topic, positions, states)
    if found:
        return found
    for partition, position in sorted(positions.items()):
        last = position.next_offset - 1
        if position.last_timestamp is None or last < states[partition].beginning:
            continue
        expected = round(position.last_timestamp.timestamp() * 1000)
        actual = timestamp_ms(client, topic, partition, last)
        if actual is not None and actual != expected:
            found.append(
                f"{topic}-{partition}: the record at offset {last} has Kafka's timestamp {actual}, the one that was "
                f"read had {expected}: the topic was made again"
            )
    return found


def starting_offsets(topic: str, positions: Mapping[int, Position], partitions: Mapping[int, PartitionState]) -> str:
    """Spark's JSON of where to begin; a partition without a position begins with its first record."""
    return json.dumps(
        {
            topic: {
                str(partition): max(positions[partition].next_offset, state.beginning)
                if partition in positions
                else EARLIEST
                for partition, state in sorted(partitions.items())
            }
        }
    )


def begin(kafka: Kafka, topic: str, positions: Mapping[int, Position], *, accept_loss: bool) -> str:
    """Check the stored positions and give Spark's starting offsets.

    Parameters
    ----------
    kafka
        Brokers.
    topic
        Topic of the observations.
    positions
        As the query's store has them.
    accept_loss
        Begin anyway, with the first record that Kafka still has.

    Raises
    ------
    PositionError
        Kafka cannot continue the positions, and the loss is not accepted.
    """
    client = consumer(kafka)
    try:
        found = check_positions(client, topic, positions)
        if found and not accept_loss:
            msg = (
                f"{'; '.join(found)}. Expected to continue where the store stopped. If the producers' outboxes still "
                "hold these reports, start the generator and loaders again (they resend); then start this stream once "
                "with --accept-loss. `meteostream ledger check` tells what is missing."
            )
            raise PositionError(msg)
        states = partition_states(client, topic)
        kept = (
            {partition: position for partition, position in positions.items() if partition in states}
            if found
            else positions
        )
        return starting_offsets(topic, kept, states)
    finally:
        client.close()
