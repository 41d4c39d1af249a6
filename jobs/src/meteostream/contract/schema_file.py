"""The contract as JSON Schema, for senders written in other languages.

The file beside this module is what is published; it is made from the table of variables, and frozen by a test: a
version never changes once it is out. It says all that JSON Schema can: not that a name stands once in an object, that
a date exists, or how members relate (docs/contract.md lists these).
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, Final

from meteostream.contract.decode import REQUIRED
from meteostream.contract.report import MAX_REVISION, NAME_PATTERN, NATURES, SCHEMA, STATION_PATTERN
from meteostream.contract.variables import ALL

FILE: Final = "meteostream.report-1.schema.json"
_DATE: Final = "(18[5-9][0-9]|19[0-9]{2}|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"


def build_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the current version."""
    name = {"type": "string", "pattern": NAME_PATTERN}
    members: dict[str, Any] = {
        "schema": {"const": SCHEMA},
        "station": {"type": "string", "pattern": STATION_PATTERN, "description": "WIGOS identifier; the Kafka key"},
        "observed_at": {"type": "string", "pattern": f"^{_DATE}T{_CLOCK}Z$"},
        "source": name,
        "report_type": name,
        "revision": {"type": "integer", "minimum": 0, "maximum": MAX_REVISION},
        "nature": {"enum": list(NATURES)},
        "received_at": {"type": "string", "pattern": f"^{_DATE}T{_CLOCK}(\\.[0-9]{{1,6}})?Z$"},
        "variables": {
            "type": "object",
            "description": "Left out: not reported. null: reported missing.",
            "additionalProperties": False,
            "properties": {variable.name: _variable(variable.name) for variable in ALL.values()},
        },
        "raw": {"type": ["string", "null"], "description": "The source's text"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{SCHEMA.replace('/', ':')}",
        "title": "Weather report",
        "type": "object",
        "required": list(REQUIRED),
        "additionalProperties": False,
        "properties": members,
    }


def _variable(name: str) -> dict[str, Any]:
    variable = ALL[name]
    if variable.is_boolean:
        return {"type": ["boolean", "null"], "description": variable.title}
    return {"type": ["number", "null"], "description": f"{variable.title} [{variable.unit}]"}


def schema_text() -> str:
    """Text of the published file."""
    return json.dumps(build_schema(), indent=2, ensure_ascii=False) + "\n"


def published_schema() -> str:
    """The published file, as shipped."""
    return files(__package__).joinpath("schema", FILE).read_text("utf-8")
