"""Dead letters: messages that break the contract, kept with reason, origin and their very bytes.

The warehouse stream sends each to its topic before the batch is committed, and stores it in ``pipeline.dead_letter``.
Its identity is its source offset, so a repeat (a batch tried again) is legal and counted once. A replay sends the bytes
to the observations again, after the cause was mended; the store remembers it, so that asking twice sends once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from meteostream.producer import kafka_client

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg2.extensions
    import pyarrow as pa

    from meteostream.config import Kafka

SEND_TIMEOUT_S: Final = 60.0
HEADERS: Final = ("reason", "detail", "origin_topic", "origin_partition", "origin_offset", "origin_timestamp")
"""Of a message on the dead letters' topic; ``event_id`` besides, where the origin had it."""


class DeadLetter(NamedTuple):
    """One dead letter, as the warehouse has it."""

    topic: str
    partition: int
    offset: int
    hour: str
    reason: str
    detail: str
    journal_id: str | None
    key: bytes | None
    value: bytes | None
    replays: int

    @property
    def place(self) -> str:
        """Its identity as people write it: topic-partition@offset."""
        return f"{self.topic}-{self.partition}@{self.offset}"


class DeadLetterError(Exception):
    """The command about dead letters cannot be carried out; the message says why."""


def headers_of(row: dict[str, Any]) -> list[tuple[str, bytes]]:
    """Headers of a dead letter, from its row of ``validate_batch``."""
    values = {
        "reason": row["dead_reason"],
        "detail": row["dead_detail"] or "",
        "origin_topic": row["topic"],
        "origin_partition": row["partition"],
        "origin_offset": row["offset"],
        "origin_timestamp": row["timestamp"].isoformat(),
    }
    headers = [(name, str(value).encode()) for name, value in values.items()]
    if row["journal_id"] is not None:
        headers.append(("event_id", row["journal_id"].hex().encode()))
    return headers


class DeadLetterProducer:
    """Sends dead letters to their topic; connects when the first one comes."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._client: Any = None

    def send(self, dead: pa.Table) -> None:
        """Send the rows and wait until all in-sync brokers have them."""
        names = [
            "topic",
            "partition",
            "offset",
            "timestamp",
            "journal_id",
            "dead_reason",
            "dead_detail",
            "key",
            "value",
        ]
        messages = [(row["key"], row["value"], headers_of(row)) for row in dead.select(names).to_pylist()]
        self.send_all(self._topic, messages)

    def send_all(
        self, topic: str, messages: Sequence[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]]
    ) -> None:
        """Send (key, value, headers) and wait for all acknowledgements.

        Raises
        ------
        kafka.errors.KafkaError
            A message was not acknowledged in time.
        """
        if self._client is None:
            self._client = kafka_client(self._kafka, "meteostream-dead-letters")
        try:
            futures = [
                self._client.send(topic, value=value, key=key, headers=headers) for key, value, headers in messages
            ]
            for future in futures:
                future.get(timeout=SEND_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close(timeout=5)


_SELECT: Final = """
SELECT topic, partition, kafka_offset, to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), reason, detail,
    encode(journal_id, 'hex'), key, value, replays
FROM pipeline.dead_letter
"""


def _letters(cursor: psycopg2.extensions.cursor) -> list[DeadLetter]:
    return [
        DeadLetter(topic, partition, offset, hour, reason, detail, journal_id, _bytes(key), _bytes(value), replays)
        for topic, partition, offset, hour, reason, detail, journal_id, key, value, replays in cursor.fetchall()
    ]


def _bytes(content: memoryview | None) -> bytes | None:
    return None if content is None else bytes(content)


def list_letters(
    connection: psycopg2.extensions.connection, *, reason: str | None = None, pending: bool = False, limit: int = 100
) -> list[DeadLetter]:
    """The latest dead letters, newest first.

    Parameters
    ----------
    connection
        To the warehouse.
    reason
        Only these.
    pending
        Only those that were never replayed.
    limit
        At most so many.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            _SELECT + "WHERE (%(reason)s IS NULL OR reason = %(reason)s) AND (NOT %(pending)s OR replays = 0) "
            "ORDER BY hour DESC, topic, partition, kafka_offset DESC LIMIT %(limit)s",
            {"reason": reason, "pending": pending, "limit": limit},
        )
        return _letters(cursor)


def find_letter(connection: psycopg2.extensions.connection, place: str) -> DeadLetter:
    """The dead letter at ``topic-partition@offset``.

    Raises
    ------
        DeadLetterError: There is none, or the place has another form.
    """
    topic, partition, offset = parse_place(place)
    with connection, connection.cursor() as cursor:
        cursor.execute(_SELECT + "WHERE (topic, partition, kafka_offset) = (%s, %s, %s)", (topic, partition, offset))
        found = _letters(cursor)
    if not found:
        msg = f"no dead letter at {place}; `meteostream deadletters list` shows those there are"
        raise DeadLetterError(msg)
    return found[0]


def parse_place(place: str) -> tuple[str, int, int]:
    """Read ``topic-partition@offset``.

    >>> parse_place("weather.observations-3@17")
    ('weather.observations', 3, 17)
    """
    source, at, offset = place.rpartition("@")
    topic, dash, partition = source.rpartition("-")
    if not (at and dash and topic and partition.isdigit() and offset.isdigit()):
        msg = f"{place}: expected topic-partition@offset, for example weather.observations-0@1234"
        raise DeadLetterError(msg)
    return topic, int(partition), int(offset)


def replay(
    connection: psycopg2.extensions.connection,
    producer: DeadLetterProducer,
    topic: str,
    letters: Sequence[DeadLetter],
    *,
    again: bool = False,
    home: frozenset[str] = frozenset(),
) -> list[DeadLetter]:
    """Send the bytes of dead letters to ``topic`` again; give those that were sent.

    The rows are locked and marked in the transaction that surrounds the sending, so two replays at once, or one after
    the other, send a letter once. A crash between the two may send it twice, which the identities make harmless.

    Parameters
    ----------
    connection
        To the warehouse.
    producer
        Sends them.
    topic
        The observations' topic.
    letters
        Which ones.
    again
        Also those that were replayed before.
    home
        Topics whose letters go back to them instead (forecasts).
    """
    places = [(letter.topic, letter.partition, letter.offset) for letter in letters]
    if not places:
        return []
    with connection, connection.cursor() as cursor:
        cursor.execute(
            _SELECT + "WHERE (topic, partition, kafka_offset) IN %s AND (%s OR replays = 0) "
            "ORDER BY topic, partition, kafka_offset FOR UPDATE",
            (tuple(places), again),
        )
        chosen = _letters(cursor)
        for target in {letter.topic if letter.topic in home else topic for letter in chosen}:
            back = [letter for letter in chosen if (letter.topic if letter.topic in home else topic) == target]
            producer.send_all(target, [(letter.key, letter.value, _replay_headers(letter)) for letter in back])
        if chosen:
            cursor.execute(
                "UPDATE pipeline.dead_letter SET replays = replays + 1, replayed_at = now() "
                "WHERE (topic, partition, kafka_offset) IN %s",
                (tuple((letter.topic, letter.partition, letter.offset) for letter in chosen),),
            )
    return chosen


def _replay_headers(letter: DeadLetter) -> list[tuple[str, bytes]]:
    headers = [
        ("producer", b"meteostream deadletters replay"),
        ("origin_topic", letter.topic.encode()),
        ("origin_partition", str(letter.partition).encode()),
        ("origin_offset", str(letter.offset).encode()),
    ]
    if letter.journal_id is not None:
        headers.append(("event_id", letter.journal_id.encode()))
    return headers


def as_json(letter: DeadLetter) -> str:
    """One line of JSON; bytes as text where they are text."""
    row = letter._asdict() | {"place": letter.place}
    for name in ("key", "value"):
        row[name] = None if row[name] is None else row[name].decode("utf-8", errors="backslashreplace")
    return json.dumps(row, ensure_ascii=False)
