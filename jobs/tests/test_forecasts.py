"""The contract of forecasts: strict as a report's, frozen, and made of the same parts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import (
    ALL,
    ContractError,
    Reason,
    decode_forecast,
    encode_forecast,
    forecast_event_id,
    forecast_id,
)
from meteostream.contract.schema_file import FORECAST_FILE, build_forecast_schema, published_schema, schema_text
from meteostream.forecasts.drafts import forecast_drafts
from meteostream.sources.forecast import Forecast
from support_contract import json_values, values

FROZEN = "c3fd766f1e732e6184b80aa43447be5ea1931560f829c13139929e9f5c888a5e"
STATION = "0-20000-0-61641"
DOCUMENT: dict[str, Any] = {
    "schema": "meteostream.forecast/1",
    "station": STATION,
    "model": "ecmwf_ifs025",
    "reference_time": "2026-11-25T00:00:00Z",
    "valid_time": "2026-11-25T06:00:00Z",
    "source": "open-meteo",
    "licence": "CC-BY-4.0",
    "received_at": "2026-11-25T07:10:00.5Z",
    "variables": {"air_temperature": 25.3, "rain_1h": None},
}
VALIDATOR = jsonschema.Draft202012Validator(build_forecast_schema())
BEYOND_SCHEMA = {
    # A document's text, its calendar, and relations between members.
    Reason.NUMBER_RANGE, Reason.NOT_FINITE, Reason.BAD_TEXT, Reason.BAD_TIME, Reason.SERIES_MISMATCH,
    Reason.FUTURE_OBSERVATION, Reason.KEY_MISMATCH,
}  # fmt: skip


def refusal(document: object, key: bytes = STATION.encode()) -> Reason | None:
    try:
        decode_forecast(json.dumps(document).encode(), key)
    except ContractError as error:
        return error.reason
    return None


def changed(**members: object) -> dict[str, Any]:
    return {name: value for name, value in {**DOCUMENT, **members}.items() if value is not ...}


def test_a_message_is_written_as_it_is_read() -> None:
    text = json.dumps(DOCUMENT, separators=(",", ":")).encode()
    assert encode_forecast(decode_forecast(text, STATION.encode())) == text
    whole = changed(valid_until="2026-11-25T12:00:00Z", raw="TAF GOOY 250500Z 2506/2612 36010KT=")
    again = json.loads(encode_forecast(decode_forecast(json.dumps(whole).encode(), STATION.encode())))
    assert again == whole


def test_identities_are_fixed() -> None:
    """Computed here a second time, from the text of the contract."""
    forecast = decode_forecast(json.dumps(DOCUMENT).encode(), STATION.encode())
    about = b"f1|open-meteo|0-20000-0-61641|ecmwf_ifs025|2026-11-25T00:00:00Z|2026-11-25T06:00:00Z|"
    content = b'{"nature":"forecast","variables":{"air_temperature":25.3,"rain_1h":null}}'
    expected = hashlib.sha256(about).hexdigest()
    assert forecast_id(forecast).hex() == expected
    event = f"{expected}|0|{hashlib.sha256(content).hexdigest()}"
    assert forecast_event_id(forecast).hex() == hashlib.sha256(event.encode()).hexdigest()


def test_reception_and_text_are_no_content() -> None:
    """KF-111: the same forecast collected twice is one."""
    first = decode_forecast(json.dumps(DOCUMENT).encode(), STATION.encode())
    later = json.dumps(changed(received_at="2026-11-25T08:00:00Z", raw="x", licence="other")).encode()
    assert forecast_event_id(first) == forecast_event_id(decode_forecast(later, STATION.encode()))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"schema": "meteostream.report/1"}, Reason.SCHEMA_VERSION),
        ({"schema": ...}, Reason.MISSING_MEMBER),
        ({"model": ...}, Reason.MISSING_MEMBER),
        ({"nature": "observed"}, Reason.UNKNOWN_MEMBER),
        ({"station": "GOOY"}, Reason.BAD_STATION),
        ({"station": "0-0-0-SIM61641"}, Reason.SERIES_MISMATCH),
        ({"model": "ECMWF IFS"}, Reason.BAD_SOURCE),
        ({"licence": ""}, Reason.BAD_TEXT),
        ({"licence": "CC-BY-4.0\n"}, Reason.BAD_TEXT),
        ({"variables": {"temperature_2m": 1.0}}, Reason.UNKNOWN_VARIABLE),
        ({"variables": {"rain_1h": True}}, Reason.BOOLEAN_AS_NUMBER),
        ({"variables": None}, Reason.WRONG_TYPE),
        ({"valid_time": "2026-11-25T06:00:00"}, Reason.TIME_NAIVE),
        ({"valid_time": "2026-11-25T06:00:00+01:00"}, Reason.TIME_NOT_UTC),
        ({"valid_time": "2026-02-30T06:00:00Z"}, Reason.BAD_TIME),
        ({"valid_time": "2026-11-24T23:00:00Z"}, Reason.BAD_TIME),
        ({"valid_time": "2028-11-25T06:00:00Z"}, Reason.BAD_TIME),
        ({"valid_until": "2026-11-25T06:00:00Z"}, Reason.BAD_TIME),
        ({"valid_until": "2028-11-25T06:00:00Z"}, Reason.BAD_TIME),
        ({"valid_time": "2026-11-20T06:00:00Z", "valid_until": "2026-11-26T06:00:00Z"}, Reason.BAD_TIME),
        ({"valid_time": "2026-11-24T18:00:00Z", "valid_until": "2026-11-24T23:00:00Z"}, Reason.BAD_TIME),
        ({"valid_until": None}, Reason.WRONG_TYPE),
        ({"reference_time": "2026-11-25T07:30:00Z"}, Reason.FUTURE_OBSERVATION),
        ({"raw": 7}, Reason.WRONG_TYPE),
    ],
)
def test_what_breaks_the_contract_is_refused(members: dict[str, object], reason: Reason) -> None:
    document = changed(**members)
    assert refusal(document, str(document["station"]).encode()) == reason


def test_a_period_may_have_begun_before_the_issue() -> None:
    """An amended TAF: issued at 07:20, valid from 07:00."""
    amended = changed(
        model="taf",
        reference_time="2026-11-25T07:20:00Z",
        valid_time="2026-11-25T07:00:00Z",
        valid_until="2026-11-26T12:00:00Z",
        received_at="2026-11-25T07:30:00Z",
    )
    assert refusal(amended) is None


def test_the_key_is_the_station() -> None:
    assert refusal(DOCUMENT, b"0-20000-0-61642") == Reason.KEY_MISMATCH


def test_a_message_that_is_none_is_refused() -> None:
    broken = {None: Reason.TOMBSTONE, b"": Reason.EMPTY_VALUE, b"{": Reason.NOT_JSON, b"[]": Reason.NOT_AN_OBJECT}
    for value, reason in broken.items():
        with pytest.raises(ContractError) as caught:
            decode_forecast(value, None)
        assert caught.value.reason == reason


def test_the_published_schema_is_the_table_of_variables_and_never_changes() -> None:
    """An incompatible change needs meteostream.forecast/2 beside this one."""
    text = published_schema(FORECAST_FILE)
    assert text == schema_text(build_forecast_schema())
    assert hashlib.sha256(text.encode()).hexdigest() == FROZEN
    jsonschema.Draft202012Validator.check_schema(build_forecast_schema())


@given(st.sampled_from([*DOCUMENT, "valid_until", "raw", "other"]), json_values)
def test_schema_and_decoder_agree_on_any_member(member: str, value: object) -> None:
    assert_agreement({**DOCUMENT, member: value})


@given(values)
def test_schema_and_decoder_accept_any_variables(variables: dict[str, Any]) -> None:
    document = {**DOCUMENT, "variables": variables}
    assert VALIDATOR.is_valid(document)
    assert refusal(document) is None


@given(st.sampled_from([*DOCUMENT]))
def test_schema_and_decoder_agree_on_missing_members(member: str) -> None:
    assert_agreement({name: value for name, value in DOCUMENT.items() if name != member})


def assert_agreement(document: dict[str, Any]) -> None:
    key = str(document.get("station")).encode("utf-8", "surrogatepass")
    found = refusal(document, key)
    if found not in BEYOND_SCHEMA:
        assert VALIDATOR.is_valid(document) == (found is None), found


# --- Values to messages ---


def forecast(**members: object) -> Forecast:
    known: dict[str, Any] = {
        "station": STATION,
        "model": "era5",
        "reference_time": "2026-11-25T06:00:00Z",
        "valid_time": "2026-11-25T06:00:00Z",
        "variable": "air_temperature",
        "value": 25.0,
        "unit": "degC",
    }
    return Forecast(**{**known, **members})


def drafts(*rows: Forecast) -> list[Any]:
    options = {"source": "open-meteo-archive", "licence": "CC-BY-4.0", "received_at": "2026-11-30T00:00:00Z"}
    return list(forecast_drafts(rows, topic="weather.forecasts", **options))


def test_values_of_one_run_and_moment_are_one_message() -> None:
    first, second = drafts(
        forecast(),
        forecast(valid_time="2026-11-25T07:00:00Z"),
        forecast(variable="rain_1h", value=None, unit="mm"),
    )
    assert json.loads(first.value)["variables"] == {"air_temperature": 25.0, "rain_1h": None}
    assert json.loads(second.value)["valid_time"] == "2026-11-25T07:00:00Z"
    assert first.key == STATION
    assert first.topic == "weather.forecasts"
    message = decode_forecast(first.value.encode(), first.key.encode())
    assert first.id == forecast_event_id(message).hex()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (forecast(unit="K"), "expected a value in degC, found 'K'"),
        (forecast(variable="temperature_2m"), "expected a name of the contract"),
        (forecast(station="0-0-0-SIM61641"), "expected a real station"),
    ],
)
def test_a_value_that_does_not_fit_the_contract_is_refused(row: Forecast, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        drafts(row)


def test_two_values_for_one_thing_are_refused() -> None:
    assert len(drafts(forecast(), forecast())) == 1
    with pytest.raises(ContractError, match=r"expected one value, found 25\.0 and 26\.0"):
        drafts(forecast(), forecast(value=26.0))


def test_every_variable_of_the_contract_can_be_forecast() -> None:
    rows = [
        forecast(variable=name, value=True if item.is_boolean else 1.5, unit=item.unit) for name, item in ALL.items()
    ]
    (draft,) = drafts(*rows)
    assert set(json.loads(draft.value)["variables"]) == set(ALL)
