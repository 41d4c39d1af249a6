"""The contract of people's decisions: ids, schema, refusals; and their way through the outbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from meteostream.cli import group
from meteostream.contract.decision import Decision, DecisionError, decode_decision, encode_decision, make_decision
from meteostream.contract.ids import report_id
from meteostream.decisions import draft_of

WHEN = "2026-06-01T08:00:00.25Z"
REPORT: dict[str, Any] = {
    "station": "0-20000-0-61641",
    "source": "synop",
    "report_type": "synop",
    "observed_at": "2026-05-31T06:00:00Z",
    "variable": "air_temperature",
}


def replaced(**other: Any) -> Decision:
    return make_decision(
        "replace", author="A. Diop", reason="page 112", decided_at=WHEN, **(REPORT | {"value": 24.6} | other)
    )


def test_the_id_follows_from_the_content() -> None:
    """A vector: any program can compute it."""
    assert replaced().decision_id == "66515a31cc7f71a75979da93f9665f88c86fc1789fcfa0b89c08cf2ce101b378"
    assert replaced(value=24) == replaced(value=24.0)
    assert len({replaced().decision_id, replaced(value=24.7).decision_id, replaced(source="metar").decision_id}) == 3


def test_a_decision_names_its_report() -> None:
    assert replaced().report_id == report_id("synop", REPORT["station"], REPORT["observed_at"], "synop")


@pytest.mark.parametrize("action", ["accept", "reject"])
def test_what_is_written_is_read(action: Any) -> None:
    made = make_decision(action, author="A. Diop", reason="page 112", decided_at=WHEN, **REPORT)
    undo = make_decision("undo", author="A. Diop", reason="was right", decided_at=WHEN, undoes=made.decision_id)
    for decision in (made, replaced(), undo):
        assert decode_decision(encode_decision(decision), decision.key.encode()) == decision
        draft = draft_of(decision, "weather.decisions")
        assert (draft.id, draft.key) == (decision.decision_id, decision.key)


def schema() -> dict[str, Any]:
    text = files("meteostream.contract").joinpath("schema", "meteostream.decision-1.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


CASES: list[tuple[str, Callable[[dict[str, Any]], dict[str, Any]], str]] = [
    ("unknown member", lambda d: d | {"mood": "good"}, "mood"),
    ("no value", lambda d: {k: v for k, v in d.items() if k != "value"}, "expected the members"),
    ("undoes something too", lambda d: d | {"undoes": "0" * 64}, "expected the members"),
    ("unknown action", lambda d: d | {"action": "delete"}, "delete"),
    ("another's id", lambda d: d | {"decision_id": "x"}, "which its content gives"),
    ("a text for a number", lambda d: d | {"value": "24.6"}, "value"),
    ("a local time", lambda d: d | {"decided_at": "2026-06-01T00:00:00+01:00"}, "decided_at"),
    ("a bad source", lambda d: d | {"source": "SYNOP|x"}, "source"),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_schema_and_the_decoder_refuse(change: Callable[[dict[str, Any]], dict[str, Any]], message: str) -> None:
    document = json.loads(encode_decision(replaced()))
    jsonschema.validate(document, schema())
    broken = change(document)
    with pytest.raises(DecisionError, match=message):
        decode_decision(json.dumps(broken).encode(), REPORT["station"].encode())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"variable": "temperature"}, "variable: expected one of the contract's"),
        ({"variable": "wind_variable"}, "true or false"),
        ({"value": True}, "a number in degC"),
        ({"value": float("inf")}, "a number in degC"),
        ({"station": "GOOY"}, "station"),
        ({"observed_at": "2026-05-31T06:00:00.5Z"}, "observed_at"),
    ],
)
def test_what_a_schema_cannot_say_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        replaced(**members)


def test_a_decision_needs_a_person_and_a_reason() -> None:
    for who, why in ((" ", "x"), ("x", "")):
        with pytest.raises(DecisionError, match="expected 1 to 1000 characters"):
            make_decision("reject", author=who, reason=why, decided_at=WHEN, **REPORT)


def test_a_message_under_another_key_is_refused() -> None:
    with pytest.raises(DecisionError, match="Kafka key"):
        decode_decision(encode_decision(replaced()), b"0-20000-0-61687")


REJECT = ["decide", "reject", "--station", "GOOY", "--source", "synop", "--type", "synop"]
REJECT += ["--variable", "air_temperature", "--by", "x", "--because", "y"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decide", "replace", "--station", "GOOY"], "expected --at, --source"),
        (["decide"], "expected accept, reject or replace"),
        (
            [*REJECT, "--at", "2026-05-31T06:00:00Z", "--value", "3"],
            "expected --value with replace",
        ),
        (
            [*REJECT, "--at", "yesterday"],
            "observed_at: expected YYYY-MM-DDTHH:MM:SSZ",
        ),
        (["undo", "12", "--by", "x", "--because", "y"], "undoes: expected"),
    ],
)
def test_the_commands_say_what_they_need(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code != 0
    assert message in result.output
