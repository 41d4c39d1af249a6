"""The contract: what is accepted, what is refused and with which reason, and the identities."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import (
    ADVICE,
    WIDE_NAMES,
    ContractError,
    Reason,
    canonical_content,
    decode_message,
    decode_report,
    encode_report,
    event_id_of,
    format_time,
    parse_time,
    report_id_of,
)
from support_contract import Poison, documents, poisons, reports, valid_document, values

POISONS = poisons()


@pytest.mark.parametrize("vector", reports(), ids=lambda vector: vector["name"])
def test_identities_reproduce_the_vectors(vector: dict[str, str]) -> None:
    report = decode_message(vector["message"].encode(), vector["key"].encode())
    assert canonical_content(report.nature, report.values()).decode() == vector["content"]
    assert report_id_of(report).hex() == vector["report_id"]
    assert event_id_of(report).hex() == vector["event_id"]


def test_vectors_follow_the_written_definition() -> None:
    """The vectors themselves, computed from the words of docs/contract.md with hashlib alone."""
    for vector in reports():
        message = json.loads(vector["message"])
        about = "|".join(["v1", *(message[name] for name in ("source", "station", "observed_at", "report_type"))])
        report_id = hashlib.sha256(about.encode()).hexdigest()
        content = hashlib.sha256(vector["content"].encode()).hexdigest()
        event_id = hashlib.sha256(f"{report_id}|{message['revision']}|{content}".encode()).hexdigest()
        assert (report_id, event_id) == (vector["report_id"], vector["event_id"])


@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: poison.name)
def test_a_broken_message_is_refused_with_its_exact_reason(poison: Poison) -> None:
    """KF-106, KF-107, KF-115, KF-120, KF-124, KF-126: each has its vector."""
    with pytest.raises(ContractError) as caught:
        decode_message(poison.message.value, poison.message.key)
    assert caught.value.reason == poison.reason
    assert caught.value.detail
    assert len(caught.value.detail) < 400
    assert caught.value.detail.isprintable()


def test_every_reason_has_a_poison_and_an_advice() -> None:
    assert {poison.reason for poison in POISONS} == set(Reason)
    assert set(ADVICE) == set(Reason)
    assert len(Reason) >= 20


def test_an_impossible_value_is_no_break_of_the_contract() -> None:
    report = decode_report(json.dumps(valid_document(variables={"air_temperature": 9999})).encode())
    assert report.values() == {"air_temperature": 9999.0}


def test_absent_and_null_differ() -> None:
    """KF-107: null is not 0, and absent is not null."""
    document = valid_document(variables={"air_temperature": None})
    report = decode_report(json.dumps(document).encode())
    assert report.values() == {"air_temperature": None}
    assert event_id_of(report) != event_id_of(decode_report(json.dumps(valid_document(variables={})).encode()))


def test_the_guard_against_the_future_never_looks_at_the_clock() -> None:
    """KF-120: a report from the year 9998 is judged by its own received_at alone."""
    decode_report(
        json.dumps(valid_document(observed_at="9998-01-01T00:00:00Z", received_at="9998-01-01T00:00:01Z")).encode()
    )


def test_the_tolerance_is_inclusive() -> None:
    at = {"observed_at": "2026-11-25T06:15:00Z"}
    decode_report(json.dumps(valid_document(**at, received_at="2026-11-25T06:00:00Z")).encode())
    with pytest.raises(ContractError, match="future_observation"):
        decode_report(json.dumps(valid_document(**at, received_at="2026-11-25T05:59:59.999999Z")).encode())


@given(documents)
def test_what_is_written_reads_back(document: dict[str, object]) -> None:
    report = decode_report(json.dumps(document).encode())
    again = decode_report(encode_report(report))
    assert again == report
    assert event_id_of(again) == event_id_of(report)


@given(values, st.randoms())
def test_canonical_content_ignores_order_and_reads_back_equal(
    found: dict[str, float | bool | None], random: object
) -> None:
    names = list(found)
    random.shuffle(names)  # type: ignore[attr-defined]
    content = canonical_content("observed", {name: found[name] for name in names})
    assert content == canonical_content("observed", found)
    read = json.loads(content)["variables"]
    assert read == found
    assert list(read) == sorted(found)
    assert not any(isinstance(value, int) and not isinstance(value, bool) for value in read.values())
    assert b"-0.0," not in content
    assert b"-0.0}" not in content


@given(st.datetimes(min_value=datetime(1850, 1, 1), max_value=datetime(9999, 12, 31)))
def test_times_read_back(moment: datetime) -> None:
    micros = round((moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 10**6
    micros += moment.microsecond - micros % 10**6
    text = format_time(micros, fraction=True)
    assert parse_time(text, "received_at", fraction=True) == micros


def test_nothing_is_rounded_silently() -> None:
    with pytest.raises(ValueError, match="whole seconds"):
        format_time(1, fraction=False)


def test_the_order_of_wide_variables_is_frozen() -> None:
    """A stored bit means the same variable for ever: rows may only be appended."""
    assert WIDE_NAMES[:21] == (
        "air_temperature", "dew_point_temperature", "relative_humidity", "station_pressure", "sea_level_pressure",
        "wind_mean_2min", "wind_mean_10min", "wind_direction", "wind_variable", "gust_10min", "gust_1h", "rain_1min",
        "rain_1h", "rain_6h", "rain_24h", "tmax_12h", "tmin_12h", "visibility", "cloud_cover", "irradiance",
        "sunshine_1h",
    )  # fmt: skip
