"""From episodes to messages: one Alert an episode, then Updates, then one Cancel.

An Update is due when the level changed, or when half of the last message's time is over and the episode goes on. All
messages of an episode refer to those before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from meteostream.alerts.episodes import Episode
from meteostream.alerts.rules import Rule

MessageType = Literal["Alert", "Update", "Cancel"]
Status = Literal["Actual", "Exercise", "Draft"]
Scope = Literal["Public", "Private"]

NO_SENDER: Final = "unset"
"""CAP asks for a sender in every message; a draft has none."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message about an episode, as it was issued.

    Attributes
    ----------
    identifier
        Of the message; what CAP's references name together with sender and time.
    draft
        Identifier of the draft that a published message was approved from.
    episode
        As it was then.
    """

    identifier: str
    kind: MessageType
    status: Status
    scope: Scope
    sender: str
    sent: datetime
    expires: datetime
    ruleset: str
    episode: Episode
    references: tuple[str, ...] = ()
    draft: str | None = None

    @property
    def reference(self) -> str:
        """How later messages refer to this one: sender,identifier,sent (CAP 1.2, section 3.2.1)."""
        return f"{self.sender},{self.identifier},{cap_time(self.sent)}"


def cap_time(moment: datetime) -> str:
    """Time as CAP writes UTC: with the offset -00:00, never Z (CAP 1.2, section 3.3.2).

    >>> from datetime import UTC
    >>> cap_time(datetime(2026, 8, 1, 6, 0, tzinfo=UTC))
    '2026-08-01T06:00:00-00:00'
    """
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds():
        raise ValueError(f"expected a time in UTC, found {moment!r}")
    return f"{moment:%Y-%m-%dT%H:%M:%S}-00:00"


def due(rule: Rule, episode: Episode, before: Sequence[Message], now: datetime, ruleset: str) -> Message | None:
    """The draft that an episode needs now, None if the last one still says it.

    Parameters
    ----------
    rule, episode
        What is going on, or has ended. Weather that was not observed is an exercise, for ever: nobody can publish it.
    before
        Drafts of this episode, in their order.
    now
        Time of the message.
    ruleset
        Identity of the rules.
    """
    last = before[-1] if before else None
    if last is None:
        if episode.ended is not None:
            return None  # it came and went between two looks: a warning about the past helps nobody
        kind: MessageType = "Alert"
    elif last.kind == "Cancel":
        return None
    elif episode.ended is not None:
        kind = "Cancel"
    elif episode.level != last.episode.level or now - last.sent >= (last.expires - last.sent) / 2:
        kind = "Update"
    else:
        return None
    return Message(
        identifier=f"meteostream-{episode.identity}-{len(before) + 1}",
        kind=kind,
        status="Draft" if episode.nature == "observed" else "Exercise",
        scope="Private",
        sender=NO_SENDER,
        sent=now,
        expires=now + rule.expires,
        ruleset=ruleset,
        episode=episode,
        references=tuple(message.reference for message in before),
    )
