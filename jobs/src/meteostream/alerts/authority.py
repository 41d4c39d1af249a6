"""Who may make a warning of a draft: the authority alone.

All of it must be so: the operator has configured a sender and switched publishing on; a forecaster whom the operator
has named approves, and says why; the rule's thresholds were confirmed by the operator; the weather was observed, not
simulated or replayed. Whatever lacks is named. The journal keeps approvals and refusals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from meteostream.alerts.errors import AuthorityError
from meteostream.alerts.messages import Message, MessageType
from meteostream.alerts.rules import Rule
from meteostream.registry.names import fold

SENDER: Final = re.compile(r"[^\s<&,]+@[^\s<&,]+|[a-z0-9.-]+\.[a-z]{2,}")
"""A globally unique name without spaces, commas, < and & (CAP 1.2, section 3.2.1): an address or a domain."""


class Authority(NamedTuple):
    """What the operator has configured.

    Attributes
    ----------
    sender
        Of published warnings, None if nobody is.
    may_publish
        The switch.
    forecasters
        Names of those who may approve.
    """

    sender: str | None
    may_publish: bool
    forecasters: tuple[str, ...]


class Approval(NamedTuple):
    """A forecaster's word: who, why, when."""

    forecaster: str
    reason: str
    at: datetime


def publish(
    draft: Message,
    rule: Rule,
    approval: Approval,
    authority: Authority,
    drafts: Sequence[Message],
    published: Sequence[Message],
) -> Message:
    """Make a public warning of a draft.

    Parameters
    ----------
    draft
        The draft that was approved.
    rule
        Its rule.
    approval
        Who, why, when.
    authority
        What is configured.
    drafts, published
        All drafts, and all published messages of this episode, in their order.

    Returns
    -------
    Message of status Actual and scope Public. It refers to what was published before it; the first one of an episode is
    an Alert, also if it was made from an Update.

    Raises
    ------
    AuthorityError
        Naming everything that is missing.
    """
    sender = authority.sender or ""
    known = {fold(name) for name in authority.forecasters}
    wanted = (
        (SENDER.fullmatch(sender), f"a sender that is an address or a domain ([alerts] sender), not {sender!r}"),
        (authority.may_publish, "the operator's switch ([alerts] publish = true)"),
        (
            fold(approval.forecaster) in known,
            f"a forecaster whom [alerts] forecasters names, not {approval.forecaster!r}",
        ),
        (approval.reason.strip(), "a reason"),
        (
            rule.confirmed_by is not None,
            f"the operator's confirmation of the thresholds of {rule.name} (confirmed_by)",
        ),
        (
            draft.episode.nature == "observed" and draft.status == "Draft",
            f"an observed draft, not one of status {draft.status} on {draft.episode.nature} weather",
        ),
        (draft == drafts[-1], f"the episode's latest draft, {drafts[-1].identifier}"),
        (draft.expires > approval.at, f"a draft that has not expired (at {draft.expires:%Y-%m-%d %H:%M} UTC)"),
        (draft.kind != "Cancel" or published, "a published warning that could be cancelled"),
        (
            all(message.draft != draft.identifier for message in published),
            "a draft that has not been published yet",
        ),
    )
    missing = [what for is_so, what in wanted if not is_so]
    if missing:
        raise AuthorityError(f"{draft.identifier} cannot be published; expected {'; '.join(missing)}")
    kind: MessageType = "Alert" if not published else "Cancel" if draft.kind == "Cancel" else "Update"
    return msgspec.structs.replace(
        draft,
        identifier=f"{draft.identifier}-public",
        kind=kind,
        status="Actual",
        scope="Public",
        sender=sender,
        sent=approval.at,
        references=tuple(message.reference for message in published),
        draft=draft.identifier,
    )
