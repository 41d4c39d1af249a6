"""From the outbox to Kafka, for as long as it takes.

One thread goes through the journal: first what no broker ever acknowledged, then, a little at a time, what a start
sends again. A broker's absence of any length only makes the journal longer. An entry may arrive twice or late: the
warehouse knows it by its identity and orders by revision and reception, not by arrival.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from meteostream.config import Kafka
from meteostream.metrics import ProducerMetrics
from meteostream.outbox import Cursor, Entry, Outbox

log = logging.getLogger(__name__)

IN_FLIGHT: Final = 10_000
"""Most entries that are handed to the client and not acknowledged."""
LIVE_BATCH: Final = 1_000
BACKLOG_BATCH: Final = 500
IDLE_S: Final = 0.05
FIRST_BACKOFF_S: Final = 0.5
LAST_BACKOFF_S: Final = 15.0
NOTE_EVERY_S: Final = 1.0
"""How often the acknowledged position is made durable."""
FORGET_EVERY_S: Final = 300.0
_BATCH_BYTES: Final = 131_072
_LINGER_MS: Final = 5
_MAX_BLOCK_MS: Final = 10_000
_RECONNECT_MS: Final = 2_000


class Client(Protocol):
    """The part of kafka-python's producer that is used."""

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Any:
        """Queue a message; returns a future."""

    def close(self, timeout: float | None = None) -> None:
        """Give up what is not acknowledged after ``timeout`` seconds."""


def kafka_client(kafka: Kafka, client_id: str) -> Client:
    """An idempotent producer that waits for all in-sync replicas.

    Raises
    ------
    kafka.errors.KafkaError
        If no broker answers.
    """
    options: dict[str, Any] = {}
    if kafka.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": kafka.mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password,
        }
    if kafka.ca:
        options["ssl_cafile"] = kafka.ca
    client: Client = KafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        client_id=client_id,
        security_protocol=kafka.security,
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        batch_size=_BATCH_BYTES,
        linger_ms=_LINGER_MS,
        max_block_ms=_MAX_BLOCK_MS,
        allow_auto_create_topics=False,
        bootstrap_timeout_ms=_MAX_BLOCK_MS,
        reconnect_backoff_max_ms=_RECONNECT_MS,
        **options,
    )
    return client


class _Sent(NamedTuple):
    entry: Entry
    future: Any
    at: float


class Forwarder:
    """The thread that empties an outbox into Kafka.

    Parameters
    ----------
    outbox
        Opened for writing by this process.
    connect
        Makes a client; called again whenever one has failed.
    producer
        Name in the message header ``producer``.
    metrics
        Where to count.
    resend
        Whether to begin with what was sent since the last reconciled hour.
    """

    def __init__(
        self,
        outbox: Outbox,
        connect: Callable[[], Client],
        *,
        producer: str,
        metrics: ProducerMetrics,
        resend: bool = True,
    ) -> None:
        self._outbox = outbox
        self._connect = connect
        self._producer = producer.encode()
        self._metrics = metrics
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._failure: BaseException | None = None
        start = outbox.acked
        after = outbox.resend_after() if resend else start
        # Two readers: what was never acknowledged goes first, or it would wait for an hour's repetition, again and
        # again if a producer starts often; what a start repeats follows at its own pace.
        self._live = outbox.cursor(start)
        self._backlog = outbox.cursor(after)
        self._backlog_end = start
        self._sent: dict[Cursor, deque[_Sent]] = {self._live: deque(), self._backlog: deque()}
        self._done = {self._live: start, self._backlog: after}
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(0.0)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """Tell that the outbox has new entries (else they are noticed within :data:`IDLE_S`)."""
        self._wake.set()

    @property
    def pending(self) -> int:
        """Entries that no broker has acknowledged since this start, the backlog included."""
        live = self._outbox.last - self._done[self._live]
        return live + self._backlog_end - self._done[self._backlog]

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def wait_until_empty(self, timeout: float | None = None) -> bool:
        """Wait until every entry is acknowledged.

        Returns
        -------
        bool
            Whether it is; False when ``timeout`` seconds have passed first.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.pending:
            self.check()
            if until is not None and time.monotonic() > until:
                return False
            time.sleep(IDLE_S)
        return True

    def stop(self, drain_s: float) -> bool:
        """Send what is there for at most ``drain_s`` seconds, then end.

        Returns
        -------
        bool
            Whether everything was acknowledged. What was not stays in the outbox for the next start.
        """
        empty = self.wait_until_empty(drain_s) if self._thread.is_alive() and drain_s else not self.pending
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        return empty

    # --- The thread ---

    def _run(self) -> None:
        backoff = FIRST_BACKOFF_S
        try:
            while not self._stop.is_set():
                try:
                    client = self._connect()
                except (KafkaError, OSError) as error:
                    backoff = self._pause(backoff, error)
                    continue
                try:
                    self._send_until_stopped(client)
                except (KafkaError, OSError) as error:
                    backoff = self._pause(FIRST_BACKOFF_S, error)
                finally:
                    # A client that gives up what is in flight says so by raising; the outbox holds it.
                    with suppress(KafkaError):
                        client.close(timeout=0)
                    self._give_up_in_flight()
                    self._note()
        except BaseException as error:
            log.critical("the forwarder has ended: %s", error, exc_info=True)
            self._failure = error

    def _pause(self, backoff: float, error: BaseException) -> float:
        """Wait with jitter; returns the next wait's length."""
        self._metrics.failures.inc()
        seconds = backoff * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        log.warning(
            "Kafka does not take reports (%s: %s): %d are safe in the outbox, next attempt in %.1f s",
            type(error).__name__,
            error,
            self.pending,
            seconds,
        )
        self._stop.wait(seconds)
        return min(backoff * 2, LAST_BACKOFF_S)

    def _send_until_stopped(self, client: Client) -> None:
        noted = forgot = time.monotonic()
        while not self._stop.is_set():
            moved = self._send(client, self._live, LIVE_BATCH, self._outbox.last)
            moved += self._send(client, self._backlog, BACKLOG_BATCH, self._backlog_end)
            moved += self._collect(self._live) + self._collect(self._backlog)
            now = time.monotonic()
            if now - noted >= NOTE_EVERY_S:
                self._note()
                noted = now
            if now - forgot >= FORGET_EVERY_S:
                self._metrics.bytes.set(self._outbox.forget(time.time()))
                forgot = now
            if not moved:
                self._wake.wait(IDLE_S)
            self._wake.clear()

    def _send(self, client: Client, cursor: Cursor, limit: int, end: int) -> int:
        queue = self._sent[cursor]
        room = IN_FLIGHT - sum(map(len, self._sent.values()))
        entries = cursor.read(min(limit, room, end - cursor.after))
        for entry in entries:
            headers = [("event_id", entry.id.encode()), ("producer", self._producer)]
            future = client.send(entry.topic, entry.value.encode(), entry.key.encode(), headers)
            queue.append(_Sent(entry, future, time.monotonic()))
        if entries:  # the thread sleeps until the last of them is settled, or something new arrives
            queue[-1].future.add_both(lambda _: self._wake.set())
        return len(entries)

    def _collect(self, cursor: Cursor) -> int:
        """Take acknowledgements in the journal's order; raises what a future failed with."""
        queue, count = self._sent[cursor], 0
        while queue and queue[0].future.is_done:
            sent = queue[0]
            if sent.future.failed():
                raise sent.future.exception
            queue.popleft()
            self._done[cursor] = sent.entry.n
            self._metrics.ack_seconds.observe(time.monotonic() - sent.at)
            count += 1
        self._metrics.acknowledged.inc(count)
        if cursor is self._backlog:
            self._metrics.resent.inc(count)
        self._metrics.unacknowledged.set(self.pending)
        return count

    def _give_up_in_flight(self) -> None:
        """What was in flight is sent again, from the oldest entry without an acknowledgement."""
        for cursor, queue in self._sent.items():
            queue.clear()
            cursor.rewind(self._done[cursor])

    def _note(self) -> None:
        """Every entry up to here was acknowledged once; what is repeated was so before this start."""
        self._outbox.acknowledge(self._done[self._live])
