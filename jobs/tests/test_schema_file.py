"""The published JSON Schema says what the decoder does, and never changes within a version."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import ALL, ContractError, Reason, decode_report
from meteostream.contract.schema_file import build_schema, published_schema, schema_text
from support_contract import documents, json_values, poisons, reports, valid_document

FROZEN = {"meteostream.report/1": "c30a0511672e4ea7c0edddcb38b11988b330f5da97f3b15dce4daa6a72a9ccd8"}
BEYOND_SCHEMA = {
    # Text and JSON itself: a validator sees the document after parsing.
    Reason.TOMBSTONE, Reason.EMPTY_VALUE, Reason.TOO_LARGE, Reason.NOT_UTF8, Reason.NOT_JSON, Reason.NESTED_TOO_DEEP,
    Reason.TRAILING_DATA, Reason.DUPLICATE_MEMBER, Reason.NOT_FINITE, Reason.NUMBER_RANGE, Reason.BAD_TEXT,
    # Relations between members, and with the key.
    Reason.KEY_MISSING, Reason.KEY_MISMATCH, Reason.SERIES_MISMATCH, Reason.FUTURE_OBSERVATION,
}  # fmt: skip
VALIDATOR = jsonschema.Draft202012Validator(build_schema())


def schema_accepts(document: object) -> bool:
    return bool(VALIDATOR.is_valid(document))


def decoder_refusal(document: object) -> Reason | None:
    try:
        decode_report(json.dumps(document).encode())
    except ContractError as error:
        return error.reason
    return None


def test_the_published_file_is_the_table_of_variables() -> None:
    assert published_schema() == schema_text()
    jsonschema.Draft202012Validator.check_schema(build_schema())


@pytest.mark.parametrize("version", FROZEN)
def test_a_published_version_never_changes(version: str) -> None:
    """An incompatible change needs meteostream.report/2 beside this one; a wider one still needs a new hash here."""
    assert hashlib.sha256(published_schema().encode()).hexdigest() == FROZEN[version]


@pytest.mark.parametrize("vector", reports(), ids=lambda vector: vector["name"])
def test_old_messages_remain_valid(vector: dict[str, str]) -> None:
    """Compatibility: the vectors stay as they are; a new version must read every one of them."""
    assert schema_accepts(json.loads(vector["message"]))
    decode_report(vector["message"].encode())


@pytest.mark.parametrize(
    "poison", [poison for poison in poisons() if Reason(poison.reason) not in BEYOND_SCHEMA], ids=lambda item: item.name
)
def test_the_schema_refuses_structural_poison(poison: Any) -> None:
    document = json.loads(poison.message.value)
    if poison.name in {"30 February", "29 February of a common year"}:
        assert schema_accepts(document), "a pattern cannot know the calendar: the decoder must"
    elif "newline after" in poison.name:
        pass  # a schema's $ is ECMA's end of text; Python's also allows a final newline, so this validator can't tell
    else:
        assert not schema_accepts(document)


@given(documents)
def test_schema_and_decoder_accept_the_same_reports(document: dict[str, Any]) -> None:
    assert schema_accepts(document)
    assert decoder_refusal(document) is None


@given(
    documents,
    st.sampled_from(["schema", "station", "source", "report_type", "revision", "nature", "variables", "raw", "other"]),
    json_values,
)
def test_schema_and_decoder_agree_on_any_member(document: dict[str, Any], member: str, value: object) -> None:
    assert_agreement({**document, member: value})


@given(documents, st.sampled_from(sorted(ALL)) | st.text(max_size=8), json_values)
def test_schema_and_decoder_agree_on_any_variable(document: dict[str, Any], name: str, value: object) -> None:
    assert_agreement({**document, "variables": {name: value}})


@given(documents, st.sampled_from(sorted(valid_document())))
def test_schema_and_decoder_agree_on_missing_members(document: dict[str, Any], member: str) -> None:
    del document[member]
    assert_agreement(document)


def assert_agreement(document: object) -> None:
    refusal = decoder_refusal(document)
    if refusal in BEYOND_SCHEMA:
        return
    assert schema_accepts(document) == (refusal is None), refusal
