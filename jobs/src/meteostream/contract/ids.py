"""Identities of reports and of their contents; the definition is in docs/contract.md.

``report_id`` names what a report is about, ``event_id`` one content of it. Both are 32 bytes, and any program can
compute them from the message alone: test vectors are in tests/vectors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import sha256

from meteostream.contract.report import Report, Value

# repr() of a Python float is the shortest text that reads back equal. It turns to exponents (1e+16, 1e-05) outside
# these magnitudes; inside them every common JSON library writes the same plain digits.
PLAIN_FROM = 1e-4
PLAIN_BELOW = 1e16


def canonical_number(value: float) -> str:
    """Text of a number in canonical content: the shortest that reads back equal, always a float.

    Negative zero equals zero and is longer, so it is written ``0.0``.

    >>> canonical_number(25), canonical_number(0.1), canonical_number(-0.0), canonical_number(1e22)
    ('25.0', '0.1', '0.0', '1e+22')
    """
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, found {value}")
    return repr(float(value) or 0.0)


def canonical_content(nature: str, values: Mapping[str, Value]) -> bytes:
    """Bytes that ``event_id`` covers: nature and variables, members sorted, compact.

    >>> canonical_content("observed", {"wind_variable": True, "air_temperature": 25, "rain_1h": None})
    b'{"nature":"observed","variables":{"air_temperature":25.0,"rain_1h":null,"wind_variable":true}}'
    """
    members = ",".join(f"{json.dumps(name)}:{_canonical_value(values[name])}" for name in sorted(values))
    return f'{{"nature":{json.dumps(nature)},"variables":{{{members}}}}}'.encode()


def _canonical_value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return canonical_number(value)


def report_id(source: str, station: str, observed_at: str, report_type: str) -> bytes:
    """Identity of a report: who says something about which station and moment.

    Parameters
    ----------
    observed_at
        ``YYYY-MM-DDTHH:MM:SSZ``, as in the message.
    """
    return sha256(f"v1|{source}|{station}|{observed_at}|{report_type}".encode()).digest()


def event_id(report: bytes, revision: int, content: bytes) -> bytes:
    """Identity of one content of a report; a resend of the same content has the same."""
    return sha256(f"{report.hex()}|{revision}|{sha256(content).hexdigest()}".encode()).digest()


def report_id_of(report: Report) -> bytes:
    """``report_id`` of a decoded report."""
    return report_id(report.source, report.station, report.observed_at, report.report_type)


def event_id_of(report: Report) -> bytes:
    """``event_id`` of a decoded report."""
    content = canonical_content(report.nature, report.values())
    return event_id(report_id_of(report), report.revision, content)
