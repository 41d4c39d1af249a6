"""Making decisions: from what a person says to a message in the outbox, and on to the brokers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meteostream.contract.decision import Decision, encode_decision
from meteostream.delivery import deliver
from meteostream.outbox import Draft

if TYPE_CHECKING:
    import threading

    from meteostream.config import Settings

NAME: Final = "decide"
"""The producer: its folder in the outbox, its name in the messages' headers."""
PATIENCE_S: Final = 60.0
"""Longer absences of the brokers are the outbox's business: the next decision sends what is left."""


def draft_of(decision: Decision, topic: str) -> Draft:
    """Journal entry of a decision; its moment is the moment of intake."""
    return Draft(decision.decision_id, decision.decided_at, topic, decision.key, encode_decision(decision).decode())


def send(settings: Settings, decisions: list[Decision], stopping: threading.Event) -> None:
    """Make decisions durable and wait for the brokers.

    Raises
    ------
    meteostream.outbox.OutboxError
        If they could not be written, or the brokers did not take them in time (they are safe then).
    """
    drafts = [draft_of(decision, settings.topics.decisions) for decision in decisions]
    deliver(
        settings,
        NAME,
        drafts,
        stopping=stopping,
        resume="meteostream decide --resume",
        resend=False,
        patience_s=PATIENCE_S,
    )
