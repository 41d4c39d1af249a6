"""The one validation of both streams: the same verdict for the same bytes, as columns."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import (
    ALL,
    LONG_NAMES,
    WIDE_BIT,
    WIDE_NAMES,
    ContractError,
    Reason,
    decode_message,
    event_id_of,
    report_id_of,
)
from meteostream.validate import OUTPUT_SCHEMA, validate_batch
from support_contract import Message, batch_of, documents, json_values, poisons, reports, valid_document


def judge(*messages: Message) -> list[dict[str, Any]]:
    return list(validate_batch(batch_of(messages)).to_pylist())


def message_of(document: dict[str, Any], **options: Any) -> Message:
    return Message(str(document.get("station")).encode(errors="replace"), json.dumps(document, **options).encode())


def expected_verdict(message: Message) -> tuple[str | None, bytes | None, bytes | None]:
    """Verdict of the defining decoder."""
    try:
        report = decode_message(message.value, message.key)
    except ContractError as error:
        return error.reason.value, None, None
    return None, report_id_of(report), event_id_of(report)


def verdict(row: dict[str, Any]) -> tuple[str | None, bytes | None, bytes | None]:
    return row["dead_reason"], row["report_id"], row["event_id"]


def test_vectors_and_poisons_in_one_batch_keep_their_order() -> None:
    """KF-126: a poisoned message neither stops nor moves its neighbours."""
    good = [Message(v["key"].encode(), v["message"].encode()) for v in reports()]
    bad = poisons()
    messages = [*good, *(poison.message for poison in bad)]
    order = list(range(len(messages)))
    random.Random(5).shuffle(order)  # noqa: S311 - a fixed order
    rows = judge(*(messages[place] for place in order))
    for row, place in zip(rows, order, strict=True):
        assert row["value"] == messages[place].value
        if place < len(good):
            assert row["dead_reason"] is None
            assert row["report_id"].hex() == reports()[place]["report_id"]
            assert row["event_id"].hex() == reports()[place]["event_id"]
        else:
            assert row["dead_reason"] == bad[place - len(good)].reason


@given(st.lists(documents, max_size=5))
def test_the_fast_path_gives_the_defined_identities(found: list[dict[str, Any]]) -> None:
    messages = [message_of(document) for document in found]
    messages += [message_of(document, ensure_ascii=False, separators=(",", ":")) for document in found]
    for message, row in zip(messages, judge(*messages), strict=True):
        assert verdict(row) == expected_verdict(message)
        assert row["dead_reason"] is None


@given(documents, st.sampled_from([*valid_document(), "raw", "other"]), json_values)
def test_the_fast_path_accepts_nothing_that_is_refused(document: dict[str, Any], member: str, value: object) -> None:
    message = message_of({**document, member: value})
    assert verdict(judge(message)[0]) == expected_verdict(message)


@given(documents, st.data())
def test_damaged_bytes_get_the_defined_verdict(document: dict[str, Any], data: st.DataObject) -> None:
    message = message_of(document)
    assert message.value
    place = data.draw(st.integers(0, len(message.value)))
    length = data.draw(st.integers(0, 3))
    insert = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"\\", b",", b"}", b":1", b'"raw":null,', b" "]))
    damaged = Message(message.key, message.value[:place] + insert + message.value[place + length :])
    assert verdict(judge(damaged)[0]) == expected_verdict(damaged)


@given(documents, st.sampled_from(sorted(valid_document())))
def test_a_repeated_member_is_always_found(document: dict[str, Any], member: str) -> None:
    """The compiled decoder takes the last of two: the count of quotes must tell."""
    text = json.dumps(document)
    twice = text[:-1] + f", {json.dumps(member)}: {json.dumps(document[member])}}}"
    row = judge(Message(document["station"].encode(), twice.encode()))[0]
    assert row["dead_reason"] == Reason.DUPLICATE_MEMBER


def test_columns_and_types_are_those_of_the_conventions() -> None:
    result = validate_batch(batch_of([]))
    assert result.schema == OUTPUT_SCHEMA
    assert result.num_rows == 0


def test_every_variable_arrives_in_its_place() -> None:
    values = {name: bool(n % 2) if ALL[name].is_boolean else n + 0.5 for n, name in enumerate(sorted(ALL))}
    row = judge(message_of(valid_document(variables=values)))[0]
    assert {name: row[name] for name in WIDE_NAMES} == {name: values[name] for name in WIDE_NAMES}
    assert json.loads(row["extra"]) == {name: values[name] for name in LONG_NAMES}
    assert row["reported"] == 2 ** len(WIDE_NAMES) - 1


def test_absent_null_and_zero_are_three_things() -> None:
    row = judge(message_of(valid_document(variables={"rain_1h": None, "rain_6h": 0, "wind_variable": None})))[0]
    assert (row["rain_1h"], row["rain_6h"], row["rain_24h"], row["wind_variable"]) == (None, 0.0, None, None)
    assert row["reported"] == sum(1 << WIDE_BIT[name] for name in ("rain_1h", "rain_6h", "wind_variable"))
    assert row["extra"] is None


def test_negative_zero_is_stored_as_zero() -> None:
    row = judge(message_of(valid_document(variables={"air_temperature": -0.0})))[0]
    assert not np.signbit(row["air_temperature"])


def test_no_column_ever_holds_nan() -> None:
    """KF-124: missing is null."""
    result = validate_batch(batch_of([message_of(valid_document(variables={})), Message(None, None)]))
    for name in WIDE_NAMES:
        assert result.column(name).null_count == 2


def test_a_dead_row_has_no_other_verdict() -> None:
    row = judge(Message(b"k", b"{"))[0]
    kept = {"topic", "partition", "offset", "timestamp", "value", "dead_reason", "dead_detail"}
    assert {name for name, value in row.items() if value is not None} == kept


def test_an_impossible_value_fails_and_its_report_stays() -> None:
    values = {"wind_mean_10min": 468.66, "air_temperature": 3.9, "wind_direction": None}
    row = judge(message_of(valid_document(variables=values)))[0]
    assert row["dead_reason"] is None
    assert row["wind_mean_10min"] == 468.66
    assert row["qc_failed"] == 1 << WIDE_BIT["wind_mean_10min"]
    assert row["qc_suspect"] == 0
    assert json.loads(row["qc_results"]) == [
        {
            "variable": "wind_mean_10min", "test": "instrument_range", "flag": 4, "value": 468.66, "threshold": 75.0,
            "ruleset": row["qc_ruleset"],
        }
    ]  # fmt: skip
    run = np.frombuffer(row["qc_run"], "<u2")
    assert run.shape == (len(WIDE_NAMES),)
    assert {WIDE_NAMES[n] for n in np.flatnonzero(run)} == {"wind_mean_10min", "air_temperature"}


ID = bytes(range(32))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (None, None),
        ([], None),
        ([("event_id", ID.hex().encode())], ID),
        ([("producer", b"x"), ("event_id", ID.hex().encode())], ID),
        ([("event_id", b"00" * 32), ("event_id", ID.hex().encode())], ID),
        ([("event_id", ID.hex().upper().encode())], None),
        ([("event_id", ID)], None),
        ([("event_id", None)], None),
        ([("event_id", b"zz" * 32)], None),
        ([("EVENT_ID", ID.hex().encode())], None),
    ],
)
def test_journal_id_is_read_or_null(headers: list[tuple[str, bytes | None]] | None, expected: bytes | None) -> None:
    pairs = None if headers is None else [{"key": key, "value": value} for key, value in headers]
    plain = Message(b"k", b"", [{"key": "event_id", "value": b"11" * 32}])
    rows = judge(plain, Message(b"k", b"dead or alive", pairs), plain)
    assert [row["journal_id"] for row in rows] == [b"\x11" * 32, expected, b"\x11" * 32]


def test_a_slice_of_a_batch_is_judged_like_the_batch() -> None:
    header = [{"key": "event_id", "value": ID.hex().encode()}]
    messages = [message_of(valid_document(revision=n))._replace(headers=header if n % 2 else None) for n in range(9)]
    batch = batch_of(messages)
    assert validate_batch(batch.slice(3, 4)).to_pylist() == validate_batch(batch).slice(3, 4).to_pylist()


def test_a_batch_without_headers_is_judged() -> None:
    batch = batch_of([message_of(valid_document())])
    bare = pa.RecordBatch.from_arrays(batch.columns[:-1], names=batch.schema.names[:-1])
    assert validate_batch(bare).to_pylist() == validate_batch(batch).to_pylist()


def test_the_verdict_does_not_depend_on_the_neighbours() -> None:
    messages = [poison.message for poison in poisons()]
    alone = [judge(message)[0] for message in messages]
    together = judge(*messages)
    for one, other in zip(alone, together, strict=True):
        assert {**one, "offset": None} == {**other, "offset": None}
