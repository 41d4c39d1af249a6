"""The contract of a report: variables, message, decoder, identities. Pure; docs/contract.md is its text."""

from meteostream.contract.decode import decode_message, decode_report
from meteostream.contract.forecast import (
    FORECAST_SCHEMA,
    ForecastMessage,
    decode_forecast,
    encode_forecast,
    forecast_event_id,
    forecast_id,
)
from meteostream.contract.ids import canonical_content, event_id, event_id_of, report_id, report_id_of
from meteostream.contract.reasons import ADVICE, ContractError, Reason
from meteostream.contract.report import SCHEMA, Nature, Report, Value, encode_report, make_variables
from meteostream.contract.times import format_time, parse_time
from meteostream.contract.variables import (
    ALL,
    LONG,
    LONG_NAMES,
    WIDE,
    WIDE_BIT,
    WIDE_NAMES,
    Variable,
    mask_names,
)

__all__ = [
    "ADVICE",
    "ALL",
    "FORECAST_SCHEMA",
    "LONG",
    "LONG_NAMES",
    "SCHEMA",
    "WIDE",
    "WIDE_BIT",
    "WIDE_NAMES",
    "ContractError",
    "ForecastMessage",
    "Nature",
    "Reason",
    "Report",
    "Value",
    "Variable",
    "canonical_content",
    "decode_forecast",
    "decode_message",
    "decode_report",
    "encode_forecast",
    "encode_report",
    "event_id",
    "event_id_of",
    "forecast_event_id",
    "forecast_id",
    "format_time",
    "make_variables",
    "mask_names",
    "parse_time",
    "report_id",
    "report_id_of",
]
