"""Sending what a command has read: through an outbox of its own, until the brokers have it.

A service keeps its outbox open (:mod:`meteostream.cli.generate`); a command that ends uses this. Whatever happens, what
was read is on disk first: a broker's absence costs time, never a report.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from meteostream.config import Settings
from meteostream.metrics import ProducerMetrics
from meteostream.outbox import DAY_S, Draft, Outbox, OutboxError
from meteostream.producer import Forwarder, kafka_client

GROUP: Final = 2_000
"""Drafts that share one fsync."""
LOOK_S: Final = 1.0
"""How often a waiting command looks whether it should stop."""


class DeliveryError(OutboxError):
    """The command ended before the brokers had everything; what is left waits in the outbox."""


def deliver(
    settings: Settings,
    name: str,
    drafts: Iterable[Draft],
    *,
    stopping: threading.Event,
    resume: str,
    resend: bool = True,
    patience_s: float | None = None,
) -> int:
    """Make drafts durable and wait until the brokers have them and whatever earlier runs left.

    Parameters
    ----------
    name
        Of the producer and of its directory below ``[outbox] directory``. One process at a time.
    stopping
        Set it to end early; nothing that was read is lost.
    resume
        The command that sends what is left, for the message.
    resend
        Whether to send again, first, what was sent since the last reconciled hour (reports). Forecasts have no
        ledger: they begin behind the last acknowledgement.
    patience_s
        Give the brokers this long after the last draft; None: as long as it takes.

    Returns
    -------
    int
        How many drafts were read.

    Raises
    ------
    DeliveryError
        If it was stopped, or patience ended, before everything was acknowledged.
    meteostream.outbox.OutboxError
        If the outbox is full, damaged, or another process has it.
    """
    kafka = settings.need_kafka()
    count = 0
    with Outbox(
        Path(settings.outbox.directory) / name,
        retention_s=settings.outbox.retention_days * DAY_S,
        max_bytes=settings.outbox.max_bytes,
        segment_bytes=settings.outbox.segment_bytes,
    ) as outbox:
        forwarder = Forwarder(
            outbox,
            lambda: kafka_client(kafka, name),
            producer=name,
            metrics=ProducerMetrics(CollectorRegistry()),  # nobody scrapes a command that ends
            resend=resend,
        )
        forwarder.start()
        try:
            group: list[Draft] = []
            for draft in drafts:
                group.append(draft)
                count += 1
                if len(group) == GROUP:
                    outbox.append(group)
                    forwarder.wake()
                    group = []
                if stopping.is_set():
                    break
            outbox.append(group)
            until = None if patience_s is None else time.monotonic() + patience_s
            while not forwarder.wait_until_empty(LOOK_S):
                if stopping.is_set() or (until is not None and time.monotonic() > until):
                    break
        finally:
            empty = forwarder.stop(0.0)
            outbox.forget(time.time())
        if not empty:
            raise DeliveryError(f"stopped: {forwarder.pending} reports wait in the outbox; {resume!r} sends them")
    return count
