"""A person's decision about one value of one report, as a message of ``weather.decisions``.

``accept`` makes a suspect or failed value good, ``reject`` takes a value out, ``replace`` puts another in its place;
``undo`` takes one of these back. The report itself never changes. A decision stands above every revision that the
source sends, before or after; of several about one value the latest that was not undone counts.
"""

from __future__ import annotations

import math
import re
from hashlib import sha256
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from meteostream.contract.ids import report_id
from meteostream.contract.reasons import ContractError
from meteostream.contract.report import NAME, STATION
from meteostream.contract.times import parse_time
from meteostream.contract.variables import ALL

SCHEMA: Final = "meteostream.decision/1"
MAX_TEXT: Final = 1_000
"""Longest author or reason, characters."""
_ID: Final = re.compile(r"[0-9a-f]{64}")

Action = Literal["accept", "reject", "replace", "undo"]


class DecisionError(ValueError):
    """A decision that breaks the contract; the message names the member."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One message, members in the order they are written.

    ``station``, ``source``, ``report_type`` and ``observed_at`` name the report, ``variable`` its value; ``value`` is
    what replaces it, in the variable's unit. An undo has none of these, but ``undoes``: the other's ``decision_id``.
    """

    schema: Literal["meteostream.decision/1"]
    decision_id: str
    action: Action
    author: str
    reason: str
    decided_at: str
    station: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    report_type: str | UnsetType = UNSET
    observed_at: str | UnsetType = UNSET
    variable: str | UnsetType = UNSET
    value: float | bool | UnsetType = UNSET
    undoes: str | UnsetType = UNSET

    @property
    def report_id(self) -> bytes | None:
        """Identity of the report; None of an undo."""
        if (
            isinstance(self.station, str)
            and isinstance(self.source, str)
            and isinstance(self.observed_at, str)
            and isinstance(self.report_type, str)
        ):
            return report_id(self.source, self.station, self.observed_at, self.report_type)
        return None

    @property
    def key(self) -> str:
        """Kafka key: the station; of an undo the id that it takes back."""
        return self.station if isinstance(self.station, str) else str(self.undoes)


_MEMBERS: Final[dict[str, frozenset[str]]] = {
    "accept": frozenset({"station", "source", "report_type", "observed_at", "variable"}),
    "reject": frozenset({"station", "source", "report_type", "observed_at", "variable"}),
    "replace": frozenset({"station", "source", "report_type", "observed_at", "variable", "value"}),
    "undo": frozenset({"undoes"}),
}
"""Members that an action has beside those that all have."""
_OPTIONAL: Final = frozenset().union(*_MEMBERS.values())
_encoder: Final = msgspec.json.Encoder(order="sorted")
_writer: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Decision)


def decision_id(decision: Decision) -> str:
    """SHA-256 (hex) of ``d1|`` and the decision without its id, as compact JSON with sorted members."""
    members = {name: value for name, value in msgspec.structs.asdict(decision).items() if value is not UNSET}
    del members["decision_id"]
    return sha256(b"d1|" + _encoder.encode(members)).hexdigest()


def make_decision(
    action: Action, *, author: str, reason: str, decided_at: str, **members: str | float | bool
) -> Decision:
    """A checked decision with its id.

    Parameters
    ----------
    decided_at
        RFC 3339 UTC, up to six decimals.
    members
        What the action needs; see :class:`Decision`.

    Raises
    ------
    DecisionError
        If it breaks the contract.

    Examples
    --------
    >>> when = "2026-11-25T07:00:00Z"
    >>> made = make_decision("undo", author="awa", reason="wrong day", decided_at=when, undoes="0" * 64)
    >>> made.decision_id[:12], made.key == "0" * 64
    ('69c34b5980e0', True)
    """
    if isinstance(members.get("value"), int) and not isinstance(members["value"], bool):
        members["value"] = float(members["value"])
    bare = Decision(
        schema=SCHEMA,
        decision_id="",
        action=action,
        author=author,
        reason=reason,
        decided_at=decided_at,
        **members,  # type: ignore[arg-type]  # checked below, by value
    )
    made = msgspec.structs.replace(bare, decision_id=decision_id(bare))
    check_decision(made)
    return made


def encode_decision(decision: Decision) -> bytes:
    """Write the message's bytes (compact UTF-8 JSON)."""
    return _writer.encode(decision)


def decode_decision(value: bytes | None, key: bytes | None) -> Decision:
    """Read and check a message.

    Raises
    ------
    DecisionError
        If it breaks the contract.
    """
    if value is None:
        raise DecisionError("expected a decision, found a message without value")
    try:
        decision = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DecisionError(str(error)) from None
    check_decision(decision)
    if key != decision.key.encode():
        raise DecisionError(f"Kafka key: expected {decision.key!r}, found {key!r}")
    return decision


def check_decision(decision: Decision) -> None:
    """Check what types alone cannot.

    Raises
    ------
    DecisionError
        Naming the member, what was expected and what was found.
    """
    present = {name for name in _OPTIONAL if getattr(decision, name) is not UNSET}
    wanted = _MEMBERS[decision.action]
    if present != wanted:
        raise DecisionError(
            f"action {decision.action!r}: expected the members {', '.join(sorted(wanted))}, found "
            f"{', '.join(sorted(present)) or 'none'}"
        )
    for name in ("author", "reason"):
        text = getattr(decision, name)
        if not text.strip() or len(text) > MAX_TEXT or "\0" in text:
            raise DecisionError(f"{name}: expected 1 to {MAX_TEXT} characters, found {text[:64]!r}")
    try:
        parse_time(decision.decided_at, "decided_at", fraction=True)
        if isinstance(decision.observed_at, str):
            parse_time(decision.observed_at, "observed_at", fraction=False)
    except ContractError as error:
        raise DecisionError(error.detail) from None
    if isinstance(decision.undoes, str):
        _match(_ID, "undoes", decision.undoes)
    else:
        _match(STATION, "station", str(decision.station))
        _match(NAME, "source", str(decision.source))
        _match(NAME, "report_type", str(decision.report_type))
        _check_value(decision)
    if decision.decision_id != decision_id(decision):
        raise DecisionError(
            f"decision_id: expected {decision_id(decision)}, which its content gives, found {decision.decision_id!r}"
        )


def _check_value(decision: Decision) -> None:
    variable = ALL.get(str(decision.variable))
    if variable is None:
        raise DecisionError(f"variable: expected one of the contract's, found {decision.variable!r}")
    if decision.value is UNSET:
        return
    if isinstance(decision.value, bool) != variable.is_boolean or not math.isfinite(float(decision.value)):
        kind = "true or false" if variable.is_boolean else f"a number in {variable.unit}"
        raise DecisionError(f"value: expected {kind} for {variable.name}, found {decision.value!r}")


def _match(form: re.Pattern[str], member: str, text: str) -> None:
    if form.fullmatch(text) is None:
        raise DecisionError(f"{member}: expected the form {form.pattern}, found {text[:80]!r}")
