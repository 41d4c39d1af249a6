"""Sending what a command has read: through an outbox of its own, until the brokers have it.

A service keeps its outbox open (:mod:`meteostream.cli.generate`); a command that ends uses this. Whatever happens, what
was read is on disk first: a broker's absence costs time, never a report.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry

from meteostream.config import Settings
from meteostream.metrics import ProducerMetrics
from meteostream.outbox import Draft, Outbox, OutboxError, open_journal
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
    with open_journal(settings.outbox, name) as outbox:
        forwarder = Forwarder(
            outbox,
            lambda: kafka_client(kafka, name),
            producer=name,
            metrics=ProducerMetrics(CollectorRegistry()),  # nobody scrapes a command that ends
            resend=resend,
        )
        forwarder.start()
        try:
            count = _append(outbox, forwarder, drafts, stopping)
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


def _append(outbox: Outbox, forwarder: Forwarder, drafts: Iterable[Draft], stopping: threading.Event) -> int:
    """Make drafts durable in groups; give how many. What came before a failure of their source is kept."""
    count = 0
    group: list[Draft] = []
    try:
        for draft in drafts:
            group.append(draft)
            count += 1
            if len(group) == GROUP:
                full, group = group, []
                outbox.append(full)
                forwarder.wake()
            if stopping.is_set():
                break
    finally:
        outbox.append(group)
        forwarder.wake()
    return count
