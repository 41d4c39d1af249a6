"""From forecast values to messages: what every collector of forecasts does at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec import UNSET

from meteostream.contract import (
    ALL,
    ContractError,
    ForecastMessage,
    Reason,
    Value,
    decode_forecast,
    encode_forecast,
    forecast_event_id,
    make_variables,
)
from meteostream.outbox import Draft
from meteostream.sources.forecast import Forecast


class _Key(NamedTuple):
    """What the values of one message share."""

    station: str
    model: str
    reference_time: str
    valid_time: str
    valid_until: str | None


def forecast_drafts(
    rows: Iterable[Forecast], *, source: str, licence: str, received_at: str, topic: str, text: str | None = None
) -> Iterator[Draft]:
    """Journal entries of forecast values: one a station, model, run and valid time.

    Parameters
    ----------
    rows
        Of one answer; the values of one message need not stand together.
    source, licence
        Of all of them.
    received_at
        RFC 3339 UTC, the moment of intake.
    text
        What they were read from (a TAF).

    Raises
    ------
    meteostream.contract.ContractError
        If the consumer would refuse a message, a value is not in the contract's unit, or two rows give one variable
        of one message different values.
    """
    messages: dict[_Key, dict[str, Value]] = {}
    for row in rows:
        _check_unit(row)
        key = _Key(row.station, row.model, row.reference_time, row.valid_time, row.valid_until)
        values = messages.setdefault(key, {})
        if values.setdefault(row.variable, row.value) != row.value:
            raise ContractError(
                Reason.DUPLICATE_MEMBER,
                f"{row.variable} of {row.station} for {row.valid_time}: expected one value, found "
                f"{values[row.variable]} and {row.value}",
            )
    for key, values in messages.items():
        forecast = ForecastMessage(
            station=key.station,
            model=key.model,
            reference_time=key.reference_time,
            valid_time=key.valid_time,
            valid_until=UNSET if key.valid_until is None else key.valid_until,
            source=source,
            licence=licence,
            received_at=received_at,
            variables=make_variables(values),
            raw=UNSET if text is None else text,
        )
        value = encode_forecast(forecast)
        decode_forecast(value, key.station.encode())
        yield Draft(forecast_event_id(forecast).hex(), received_at, topic, key.station, value.decode())


def _check_unit(row: Forecast) -> None:
    if row.variable not in ALL:
        raise ContractError(
            Reason.UNKNOWN_VARIABLE, f"variable: expected a name of the contract, found {row.variable!r}"
        )
    if row.unit != ALL[row.variable].unit:
        raise ContractError(
            Reason.WRONG_TYPE, f"{row.variable}: expected a value in {ALL[row.variable].unit}, found {row.unit!r}"
        )
