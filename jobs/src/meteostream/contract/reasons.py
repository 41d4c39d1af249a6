"""Why a message is a dead letter: a closed list, each with what the sender should do."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """A break of the contract. The value is stored with the dead letter and never changes its meaning."""

    TOMBSTONE = "tombstone"
    EMPTY_VALUE = "empty_value"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NESTED_TOO_DEEP = "nested_too_deep"
    TRAILING_DATA = "trailing_data"
    DUPLICATE_MEMBER = "duplicate_member"
    NOT_FINITE = "not_finite"
    NUMBER_RANGE = "number_range"
    BAD_TEXT = "bad_text"
    NOT_AN_OBJECT = "not_an_object"
    SCHEMA_VERSION = "schema_version"
    MISSING_MEMBER = "missing_member"
    UNKNOWN_MEMBER = "unknown_member"
    UNKNOWN_VARIABLE = "unknown_variable"
    WRONG_TYPE = "wrong_type"
    BOOLEAN_AS_NUMBER = "boolean_as_number"
    BAD_STATION = "bad_station"
    BAD_SOURCE = "bad_source"
    BAD_REPORT_TYPE = "bad_report_type"
    BAD_NATURE = "bad_nature"
    BAD_REVISION = "bad_revision"
    BAD_TIME = "bad_time"
    TIME_NAIVE = "time_naive"
    TIME_NOT_UTC = "time_not_utc"
    TIME_FRACTION = "time_fraction"
    TIME_LEAP_SECOND = "time_leap_second"
    TIME_TOO_OLD = "time_too_old"
    KEY_MISSING = "key_missing"
    KEY_MISMATCH = "key_mismatch"
    SERIES_MISMATCH = "series_mismatch"
    FUTURE_OBSERVATION = "future_observation"


ADVICE: Final[dict[Reason, str]] = {
    Reason.TOMBSTONE: "A report is never deleted by a null message: send a new revision instead.",
    Reason.EMPTY_VALUE: "The message has no bytes: look at the sender's encoder.",
    Reason.TOO_LARGE: "One message is one report: split it, or shorten raw.",
    Reason.NOT_UTF8: "Encode the message as UTF-8 (a file in cp1252 is converted by its loader).",
    Reason.NOT_JSON: "Write one JSON object a message (RFC 8259), with a JSON library.",
    Reason.NESTED_TOO_DEEP: "A report has two levels: look at what the sender wraps it in.",
    Reason.TRAILING_DATA: "One message holds one report: nothing may follow its closing brace.",
    Reason.DUPLICATE_MEMBER: "A name may stand once in an object: which value is meant cannot be known.",
    Reason.NOT_FINITE: "NaN and Infinity are not JSON: a missing value is null.",
    Reason.NUMBER_RANGE: "The number does not fit a 64-bit float: look at the sender's conversion.",
    Reason.BAD_TEXT: "Text may hold neither U+0000 nor half of a surrogate pair.",
    Reason.NOT_AN_OBJECT: "Write one JSON object a message.",
    Reason.SCHEMA_VERSION: "This platform reads meteostream.report/1.",
    Reason.MISSING_MEMBER: "Every member but raw is required.",
    Reason.UNKNOWN_MEMBER: "Leave it out, or move it into raw.",
    Reason.UNKNOWN_VARIABLE: "Variables are listed in docs/contract.md; a new one needs a new version of it.",
    Reason.WRONG_TYPE: "The type of each member is in docs/contract.md.",
    Reason.BOOLEAN_AS_NUMBER: "Write a number; true and false belong to wind_variable only.",
    Reason.BAD_STATION: "Use the canonical WIGOS identifier, for example 0-20000-0-61641.",
    Reason.BAD_SOURCE: "Use lower-case letters, digits, dot, dash and underscore, at most 64.",
    Reason.BAD_REPORT_TYPE: "Use lower-case letters, digits, dot, dash and underscore, at most 64.",
    Reason.BAD_NATURE: "nature is observed, simulated or replayed.",
    Reason.BAD_REVISION: "revision counts from 0 up to 2147483647.",
    Reason.BAD_TIME: "Write an existing moment as YYYY-MM-DDTHH:MM:SSZ.",
    Reason.TIME_NAIVE: "A time without a zone cannot be placed: convert it to UTC and end it with Z.",
    Reason.TIME_NOT_UTC: "Convert the time to UTC and end it with Z.",
    Reason.TIME_FRACTION: "observed_at has whole seconds; received_at at most 6 decimals.",
    Reason.TIME_LEAP_SECOND: "Second 60 is not accepted: use 59 or the next minute.",
    Reason.TIME_TOO_OLD: "Reports begin in 1850: look at the sender's clock or century.",
    Reason.KEY_MISSING: "The Kafka key is the station, so that a station's reports stay in order.",
    Reason.KEY_MISMATCH: "The Kafka key must be the same station as in the message.",
    Reason.SERIES_MISMATCH: "Stations 0-0-0-SIM... are for nature simulated, and only they are.",
    Reason.FUTURE_OBSERVATION: "It claims to be observed after it was received: check the station's clock.",
}
"""What to do about each reason, in a sentence."""


class ContractError(ValueError):
    """A message breaks the contract.

    Parameters
    ----------
    reason
        Which rule.
    detail
        What was expected and what was found, naming the member; safe to print (long or binary input is cut).
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    @property
    def advice(self) -> str:
        """What the sender should do."""
        return ADVICE[self.reason]
