"""The consumer of ``weather.forecasts``: everything that is there now, into the warehouse, then the end.

Its position lies in the warehouse and moves with the rows, in one transaction (as the streams' does): a batch that
comes again finds itself counted. A message that breaks the contract is a dead letter and stops nothing (KF-126).
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from kafka import TopicPartition

from meteostream.deadletter import DeadLetterProducer
from meteostream.forecasts.writer import QUERY, ForecastWriter, judge
from meteostream.streams.positions import Position, PositionError, check_positions, consumer, partition_states
from meteostream.warehouse.connection import conninfo

if TYPE_CHECKING:
    import pyarrow as pa

    from meteostream.config import Settings

log = logging.getLogger(__name__)

BATCH: Final = 5_000
"""Messages of one transaction."""
POLL_MS: Final = 1_000
IDLE_S: Final = 60.0
"""Without any record for so long although the brokers have more, reading is given up."""


@dataclasses.dataclass(slots=True)
class Totals:
    """How the messages of a run ended."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    superseded: int = 0
    dead: int = 0
    batches: int = 0


def store(settings: Settings, *, stopping: threading.Event, accept_loss: bool = False) -> Totals:
    """Store what the topic has at the start of the call.

    Parameters
    ----------
    stopping
        Set it to end after the batch that is being written.
    accept_loss
        Read from the topic's beginning where Kafka cannot continue the stored position.

    Raises
    ------
    PositionError
        If Kafka cannot continue the stored position and the loss is not accepted, or no longer answers.
    """
    kafka, topic = settings.need_kafka(), settings.topics.forecasts
    totals, run = Totals(), str(uuid.uuid4())
    writer = ForecastWriter(
        conninfo(settings.warehouse, "meteostream forecasts"),
        QUERY,
        on_retry=lambda tries, error: log.warning("the warehouse does not take the batch (%d): %s", tries, error),
    )
    dead_letters = DeadLetterProducer(kafka, settings.topics.forecast_dead_letters)
    client = consumer(kafka)
    try:
        ends = _begin(client, topic, writer, accept_loss=accept_loss)
        read_at = time.monotonic()
        while not stopping.is_set() and _behind(client, ends):
            records = [
                record
                for place, found in client.poll(timeout_ms=POLL_MS, max_records=BATCH).items()
                for record in found
                if record.offset < ends[place]
            ]
            if records:
                _write(writer, dead_letters, judge(records), run, totals)
                read_at = time.monotonic()
            elif time.monotonic() - read_at > IDLE_S:
                raise PositionError(
                    f"topic {topic}: expected records up to {_shown(ends)}, none came for {IDLE_S:g} s; what was read "
                    "is stored, the next run goes on"
                )
    finally:
        client.close()
        dead_letters.close()
        writer.close()
    return totals


def _write(writer: ForecastWriter, dead_letters: DeadLetterProducer, table: pa.Table, run: str, totals: Totals) -> None:
    dead = table.filter(table["dead_reason"].is_valid())
    if dead.num_rows:
        dead_letters.send(dead)
    counts = writer.write(table, run=run, batch_id=totals.batches)
    totals.batches += 1
    for name in ("received", "accepted", "duplicate", "superseded", "dead"):
        setattr(totals, name, getattr(totals, name) + getattr(counts, name))


def _positions(writer: ForecastWriter, topic: str) -> dict[int, Position]:
    return {
        partition: Position(next_offset, last)
        for (stored, partition), (next_offset, last) in writer.stored_positions().items()
        if stored == topic
    }


def _begin(client: Any, topic: str, writer: ForecastWriter, *, accept_loss: bool) -> dict[TopicPartition, int]:
    """Go to the stored positions; give where the topic ends now."""
    positions = _positions(writer, topic)
    found = check_positions(client, topic, positions)
    if found and not accept_loss:
        msg = (
            f"{'; '.join(found)}. Expected to continue where the warehouse stopped. Collect the forecasts again, then "
            "run 'meteostream forecasts store --accept-loss' once"
        )
        raise PositionError(msg)
    if found:
        log.warning("%s: reading from the beginning: %s", topic, "; ".join(found))
        writer.forget_positions(topic)
        positions = {}
    states = partition_states(client, topic)
    places = {partition: TopicPartition(topic, partition) for partition in states}
    client.assign(list(places.values()))
    for partition, state in states.items():
        known = positions.get(partition)
        client.seek(places[partition], state.beginning if known is None else known.next_offset)
    return {places[partition]: state.end for partition, state in states.items()}


def _behind(client: Any, ends: dict[TopicPartition, int]) -> bool:
    return any(client.position(place) < end for place, end in ends.items())


def _shown(ends: dict[TopicPartition, int]) -> str:
    return ", ".join(f"{place.partition}@{end}" for place, end in sorted(ends.items()))
