"""The contract as JSON Schema, for senders written in other languages.

The file beside this module is what is published; it is made from the table of variables, and frozen by a test: a
version never changes once it is out. It says all that JSON Schema can: not that a name stands once in an object, that
a date exists, or how members relate (docs/contract.md lists these).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Final

from meteostream.contract.decode import REQUIRED
from meteostream.contract.forecast import FORECAST_REQUIRED, FORECAST_SCHEMA, LICENCE_PATTERN
from meteostream.contract.report import MAX_REVISION, NAME_PATTERN, NATURES, SCHEMA, STATION_PATTERN
from meteostream.contract.variables import ALL

FILE: Final = "meteostream.report-1.schema.json"
FORECAST_FILE: Final = "meteostream.forecast-1.schema.json"
_DATE: Final = "(18[5-9][0-9]|19[0-9]{2}|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_TIME: Final = {"type": "string", "pattern": f"^{_DATE}T{_CLOCK}Z$"}
_TIME_OF_RECEPTION: Final = {"type": "string", "pattern": f"^{_DATE}T{_CLOCK}(\\.[0-9]{{1,6}})?Z$"}
_STATION: Final = {
    "type": "string",
    "pattern": STATION_PATTERN,
    "description": "WIGOS identifier; the Kafka key",
}
_RAW: Final = {"type": ["string", "null"], "description": "The source's text"}


def build_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the current version of a report."""
    name = {"type": "string", "pattern": NAME_PATTERN}
    members: dict[str, Any] = {
        "schema": {"const": SCHEMA},
        "station": _STATION,
        "observed_at": _TIME,
        "source": name,
        "report_type": name,
        "revision": {"type": "integer", "minimum": 0, "maximum": MAX_REVISION},
        "nature": {"enum": list(NATURES)},
        "received_at": _TIME_OF_RECEPTION,
        "variables": _variables("Left out: not reported. null: reported missing."),
        "raw": _RAW,
    }
    return _document(SCHEMA, "Weather report", REQUIRED, members)


def build_forecast_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the current version of a forecast."""
    name = {"type": "string", "pattern": NAME_PATTERN}
    members: dict[str, Any] = {
        "schema": {"const": FORECAST_SCHEMA},
        "station": _STATION,
        "model": name,
        "reference_time": _TIME,
        "valid_time": _TIME,
        "valid_until": _TIME,
        "source": name,
        "licence": {"type": "string", "pattern": LICENCE_PATTERN},
        "received_at": _TIME_OF_RECEPTION,
        "variables": _variables("Left out: not forecast. null: the source says that it has none."),
        "raw": _RAW,
    }
    return _document(FORECAST_SCHEMA, "Weather forecast", FORECAST_REQUIRED, members)


def _document(schema: str, title: str, required: Sequence[str], members: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{schema.replace('/', ':')}",
        "title": title,
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": members,
    }


def _variables(description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": {variable.name: _variable(variable.name) for variable in ALL.values()},
    }


def _variable(name: str) -> dict[str, Any]:
    variable = ALL[name]
    if variable.is_boolean:
        return {"type": ["boolean", "null"], "description": variable.title}
    return {"type": ["number", "null"], "description": f"{variable.title} [{variable.unit}]"}


def schema_text(schema: dict[str, Any] | None = None) -> str:
    """Text of a published file: a report's, or of ``schema``."""
    return json.dumps(build_schema() if schema is None else schema, indent=2, ensure_ascii=False) + "\n"


def published_schema(file: str = FILE) -> str:
    """A published file, as shipped."""
    return files(__package__).joinpath("schema", file).read_text("utf-8")
