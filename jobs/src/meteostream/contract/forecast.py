"""The contract of a forecast: one message of ``weather.forecasts`` is one station, model run and valid time.

A forecast, a reanalysis and a TAF are no observations: their topic, identity and table are their own. What they share
with reports is shared here too: variables and units, times, canonical content, the decoder's strictness.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from meteostream.contract.decode import (
    check_members,
    matching_member,
    raw_member,
    read_object,
    text_member,
    variables_member,
)
from meteostream.contract.guards import DEFAULT_TOLERANCE_S, SECOND_US, check_key
from meteostream.contract.ids import canonical_content, event_id
from meteostream.contract.reasons import ContractError, Reason
from meteostream.contract.report import NAME_PATTERN, Value, Variables, is_simulated_station, make_variables, values_of
from meteostream.contract.times import parse_time

FORECAST_SCHEMA: Final = "meteostream.forecast/1"
DAY_US: Final = 86_400 * SECOND_US
LONGEST_US: Final = 400 * DAY_US
"""Longest lead: seasonal forecasts reach 13 months."""
BEFORE_US: Final = 2 * DAY_US
"""How long before its issue a period that still lasts may have begun; a TAF lasts 30 hours at most."""
LICENCE_PATTERN: Final = r"^[!-~](?:[ -~]{0,126}[!-~])?$"
"""Printable ASCII, at most 128 characters."""
CONTENT: Final = "forecast"
"""Stands in canonical content where a report has its nature."""
FORECAST_REQUIRED: Final = (
    "schema",
    "station",
    "model",
    "reference_time",
    "valid_time",
    "source",
    "licence",
    "received_at",
    "variables",
)
FORECAST_OPTIONAL: Final = ("valid_until", "raw")
_LICENCE: Final = re.compile(LICENCE_PATTERN.strip("^$"))


class ForecastMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False, frozen=True, kw_only=True):
    """One message, members in the order they are written; times as on the wire."""

    schema: Literal["meteostream.forecast/1"] = FORECAST_SCHEMA
    station: str
    model: str
    reference_time: str
    valid_time: str
    valid_until: str | UnsetType = UNSET
    source: str
    licence: str
    received_at: str
    variables: Variables
    raw: str | UnsetType | None = UNSET

    def values(self) -> dict[str, Value]:
        """Variables that were forecast, by name; None where the source has none."""
        return values_of(self.variables)


def encode_forecast(forecast: ForecastMessage) -> bytes:
    """Write the message's bytes (compact UTF-8 JSON; ``schema`` is always written)."""
    return msgspec.json.encode(forecast)


def decode_forecast(value: bytes | None, key: bytes | None) -> ForecastMessage:
    """Read one Kafka message.

    Raises
    ------
    ContractError
        The first broken rule, in the order: size, text, JSON, structure, members, relations, key.
    """
    document = read_object(value)
    check_members(document, FORECAST_SCHEMA, FORECAST_REQUIRED, FORECAST_OPTIONAL)
    forecast = _forecast(document)
    _check_relations(forecast)
    check_key(key, forecast.station)
    return forecast


def forecast_id(forecast: ForecastMessage) -> bytes:
    """Identity of what is forecast: which source's model says something about which station and moment."""
    until = "" if forecast.valid_until is UNSET else forecast.valid_until
    parts = (forecast.source, forecast.station, forecast.model, forecast.reference_time, forecast.valid_time, until)
    return sha256("|".join(("f1", *parts)).encode()).digest()


def forecast_event_id(forecast: ForecastMessage) -> bytes:
    """Identity of one content of it; the same forecast collected twice has the same (KF-111)."""
    return event_id(forecast_id(forecast), 0, canonical_content(CONTENT, forecast.values()))


def _forecast(document: dict[str, Any]) -> ForecastMessage:
    for member in ("reference_time", "valid_time", "valid_until"):
        if member in document:
            parse_time(text_member(document, member), member, fraction=False)
    parse_time(text_member(document, "received_at"), "received_at", fraction=True)
    return ForecastMessage(
        station=matching_member(document, "station", Reason.BAD_STATION, "a canonical WIGOS identifier"),
        model=matching_member(document, "model", Reason.BAD_SOURCE, NAME_PATTERN),
        reference_time=document["reference_time"],
        valid_time=document["valid_time"],
        valid_until=document.get("valid_until", UNSET),
        source=matching_member(document, "source", Reason.BAD_SOURCE, NAME_PATTERN),
        licence=_licence(text_member(document, "licence")),
        received_at=document["received_at"],
        variables=make_variables(variables_member(document["variables"])),
        raw=raw_member(document),
    )


def _licence(text: str) -> str:
    if _LICENCE.fullmatch(text) is None:
        raise ContractError(
            Reason.BAD_TEXT, f"licence: expected 1 to 128 printable ASCII characters, found {text[:64]!r}"
        )
    return text


def _check_relations(forecast: ForecastMessage) -> None:
    if is_simulated_station(forecast.station):
        raise ContractError(
            Reason.SERIES_MISMATCH, f"station: expected a real station, found the simulated {forecast.station}"
        )
    reference = parse_time(forecast.reference_time, "reference_time", fraction=False)
    valid = parse_time(forecast.valid_time, "valid_time", fraction=False)
    received = parse_time(forecast.received_at, "received_at", fraction=True)
    if reference > received + DEFAULT_TOLERANCE_S * SECOND_US:
        raise ContractError(
            Reason.FUTURE_OBSERVATION,
            f"reference_time: expected at most {DEFAULT_TOLERANCE_S} s after received_at, found "
            f"{forecast.reference_time} with {forecast.received_at}",
        )
    until = valid
    if forecast.valid_until is not UNSET:
        until = parse_time(forecast.valid_until, "valid_until", fraction=False)
        if until <= valid:
            raise ContractError(
                Reason.BAD_TIME,
                f"valid_until: expected a moment after {forecast.valid_time}, found {forecast.valid_until}",
            )
    # An amended TAF is issued within its period, which then begins before it.
    if not (reference - BEFORE_US <= valid and reference <= until <= reference + LONGEST_US):
        raise ContractError(
            Reason.BAD_TIME,
            f"valid_time: expected reference_time ({forecast.reference_time}) or at most "
            f"{LONGEST_US // DAY_US} days later, or a period that has not ended by then, found {forecast.valid_time}",
        )
