"""The contract's decoder: strict, and exact about what is wrong.

This is the definition. :mod:`meteostream.validate` has a fast path for the common valid message that must accept
nothing this module refuses; whatever the fast path does not accept is judged here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn, cast

from msgspec import UNSET, UnsetType

from meteostream.contract.guards import check_future, check_key, check_series
from meteostream.contract.reasons import ContractError, Reason
from meteostream.contract.report import (
    MAX_BYTES,
    MAX_REVISION,
    NAME,
    NAME_PATTERN,
    NATURES,
    SCHEMA,
    STATION,
    Nature,
    Report,
    Value,
    make_variables,
)
from meteostream.contract.times import parse_time
from meteostream.contract.variables import ALL

REQUIRED: Final = (
    "schema",
    "station",
    "observed_at",
    "source",
    "report_type",
    "revision",
    "nature",
    "received_at",
    "variables",
)
OPTIONAL: Final = ("raw",)
_WHITESPACE: Final = " \t\n\r"
_BAD_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_MAX_DIGITS: Final = 400  # a longer integer cannot fit a 64-bit float


def decode_message(value: bytes | None, key: bytes | None) -> Report:
    """Read one Kafka message.

    Parameters
    ----------
    value, key
        As consumed; None where Kafka has null.

    Raises
    ------
    ContractError
        The first broken rule, in the order: size, text, JSON, structure, members, relations, key.
    """
    report = decode_report(value)
    check_key(key, report.station)
    return report


def decode_report(value: bytes | None) -> Report:
    """Read a report without looking at a Kafka key (files, tests, the command line)."""
    document = read_object(value)
    check_members(document, SCHEMA, REQUIRED, OPTIONAL)
    report = _report(document)
    check_series(report.station, report.nature)
    check_future(report.source, report.observed_us(), report.received_us())
    return report


def read_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object of a message of any of our contracts.

    Raises
    ------
    ContractError
        If it is too large, no UTF-8, no JSON, or no object.
    """
    document = _parse(_text(value))
    if not isinstance(document, dict):
        raise ContractError(Reason.NOT_AN_OBJECT, f"expected one JSON object, found {_kind(document)}")
    return document


def check_members(document: dict[str, Any], schema: str, required: Sequence[str], optional: Sequence[str]) -> None:
    """Refuse another version, a missing member and an unknown one."""
    # The version first: another version may have other members.
    if "schema" in document and document["schema"] != schema:
        raise ContractError(Reason.SCHEMA_VERSION, f"schema: expected {schema!r}, found {_show(document['schema'])}")
    for name in required:
        if name not in document:
            raise ContractError(Reason.MISSING_MEMBER, f"expected a member {name!r}, found none")
    for name in document:
        if name not in required and name not in optional:
            raise ContractError(Reason.UNKNOWN_MEMBER, f"expected no member {name[:64]!r}")


def _text(value: bytes | None) -> str:
    if value is None:
        raise ContractError(Reason.TOMBSTONE, "expected a report, found a null message")
    if not value:
        raise ContractError(Reason.EMPTY_VALUE, "expected a report, found 0 bytes")
    if len(value) > MAX_BYTES:
        raise ContractError(Reason.TOO_LARGE, f"expected at most {MAX_BYTES} bytes, found {len(value)}")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        found = value[error.start : error.start + 4]
        raise ContractError(Reason.NOT_UTF8, f"expected UTF-8, found {found!r} at byte {error.start}") from None


def _parse(text: str) -> object:
    start = len(text) - len(text.lstrip(_WHITESPACE))
    try:
        document, end = _decoder.raw_decode(text, start)
    except RecursionError:
        raise ContractError(Reason.NESTED_TOO_DEEP, "expected two levels, found hundreds") from None
    except json.JSONDecodeError as error:
        found = text[error.pos : error.pos + 24]
        detail = f"expected JSON, found {found!r} at character {error.pos} ({error.msg})"
        raise ContractError(Reason.NOT_JSON, detail) from None
    rest = text[end:].strip(_WHITESPACE)
    if rest:
        raise ContractError(Reason.TRAILING_DATA, f"expected the end at character {end}, found {rest[:24]!r}")
    return cast("object", document)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ContractError(
            Reason.DUPLICATE_MEMBER, f"expected {twice[:64]!r} once, found it {names.count(twice)} times"
        )
    return members


def _no_constant(text: str) -> NoReturn:
    raise ContractError(Reason.NOT_FINITE, f"expected a number or null, found {text}")


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS or not math.isfinite(float(text)):
        raise ContractError(Reason.NUMBER_RANGE, f"expected a 64-bit float, found {len(text)} digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ContractError(Reason.NUMBER_RANGE, f"expected a 64-bit float, found {text[:64]}")
    return number


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_constant=_no_constant, parse_int=_integer, parse_float=_float
)


def _report(document: dict[str, Any]) -> Report:
    observed_at, received_at = text_member(document, "observed_at"), text_member(document, "received_at")
    parse_time(observed_at, "observed_at", fraction=False)
    parse_time(received_at, "received_at", fraction=True)
    return Report(
        schema=SCHEMA,
        station=matching_member(document, "station", Reason.BAD_STATION, "a canonical WIGOS identifier"),
        observed_at=observed_at,
        source=matching_member(document, "source", Reason.BAD_SOURCE, NAME_PATTERN),
        report_type=matching_member(document, "report_type", Reason.BAD_REPORT_TYPE, NAME_PATTERN),
        revision=_revision(document["revision"]),
        nature=_nature(text_member(document, "nature")),
        received_at=received_at,
        variables=make_variables(variables_member(document["variables"])),
        raw=raw_member(document),
    )


def text_member(document: dict[str, Any], member: str) -> str:
    """A member that is text."""
    value = document[member]
    if not isinstance(value, str):
        raise ContractError(Reason.WRONG_TYPE, f"{member}: expected text, found {_kind(value)}")
    if _BAD_TEXT.search(value):
        raise ContractError(Reason.BAD_TEXT, f"{member}: expected text, found U+0000 or a lone surrogate")
    return value


def raw_member(document: dict[str, Any]) -> str | UnsetType | None:
    """The source's text; UNSET where the member is left out."""
    return UNSET if "raw" not in document else None if document["raw"] is None else text_member(document, "raw")


def matching_member(document: dict[str, Any], member: str, reason: Reason, expected: str) -> str:
    """A member that is a station's identifier (``BAD_STATION``) or a name."""
    value = text_member(document, member)
    pattern = STATION if reason is Reason.BAD_STATION else NAME
    if pattern.fullmatch(value) is None:
        raise ContractError(reason, f"{member}: expected {expected}, found {value[:64]!r}")
    return value


def _revision(value: object) -> int:
    if isinstance(value, bool):
        raise ContractError(Reason.BOOLEAN_AS_NUMBER, f"revision: expected an integer, found {_show(value)}")
    # JSON knows one kind of number: 1.0 is the integer 1, as JSON Schema has it.
    if not isinstance(value, int | float) or value != int(value):
        raise ContractError(Reason.WRONG_TYPE, f"revision: expected an integer, found {_show(value)}")
    if not 0 <= value <= MAX_REVISION:
        raise ContractError(Reason.BAD_REVISION, f"revision: expected 0 to {MAX_REVISION}, found {value:.20g}")
    return int(value)


def _nature(value: str) -> Nature:
    if value not in NATURES:
        raise ContractError(Reason.BAD_NATURE, f"nature: expected one of {', '.join(NATURES)}, found {value[:64]!r}")
    return value


def variables_member(value: object) -> dict[str, Value]:
    """Variables of the contract and their values."""
    if not isinstance(value, dict):
        raise ContractError(Reason.WRONG_TYPE, f"variables: expected an object, found {_kind(value)}")
    return {name: _variable(name, item) for name, item in value.items()}


def _variable(name: str, value: object) -> Value:
    if name not in ALL:
        raise ContractError(Reason.UNKNOWN_VARIABLE, f"variables: expected a name of the contract, found {name[:64]!r}")
    if value is None:
        return None
    if ALL[name].is_boolean:
        if not isinstance(value, bool):
            raise ContractError(Reason.WRONG_TYPE, f"{name}: expected true, false or null, found {_kind(value)}")
        return value
    if isinstance(value, bool):
        raise ContractError(Reason.BOOLEAN_AS_NUMBER, f"{name}: expected a number or null, found {_show(value)}")
    if not isinstance(value, int | float):
        raise ContractError(Reason.WRONG_TYPE, f"{name}: expected a number or null, found {_kind(value)}")
    return float(value)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return f"the text {value[:64]!r}"
        case list():
            return "an array"
        case _:
            return "an object"


def _show(value: object) -> str:
    return json.dumps(value)[:64]
