"""Messages and validated tables for tests of the stores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from meteostream.validate import INPUT_SCHEMA, validate_batch

TOPIC = "weather.observations"
STATION = "0-20000-0-61641"


def report(  # noqa: PLR0913 - the members of a message
    variables: Mapping[str, Any] | None = None,
    *,
    station: str = STATION,
    observed_at: str = "2026-11-25T06:00:00Z",
    received_at: str = "2026-11-25T06:00:12Z",
    revision: int = 0,
    source: str = "test",
    report_type: str = "aws",
    nature: str | None = None,
) -> tuple[bytes, bytes]:
    """Key and value of a valid message."""
    message = {
        "schema": "meteostream.report/1",
        "station": station,
        "observed_at": observed_at,
        "source": source,
        "report_type": report_type,
        "revision": revision,
        "nature": nature or ("simulated" if station.startswith("0-0-0-SIM") else "observed"),
        "received_at": received_at,
        "variables": {"air_temperature": 25.3} if variables is None else dict(variables),
    }
    return station.encode(), json.dumps(message).encode()


def judged(
    messages: Sequence[tuple[bytes | None, bytes | None]], *, offset: int = 0, partition: int = 0, topic: str = TOPIC
) -> pa.Table:
    """Verdicts of messages at consecutive offsets, with their keys: a batch as the stream hands it over."""
    size = len(messages)
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([topic] * size, pa.string()),
            pa.array([partition] * size, pa.int32()),
            pa.array(range(offset, offset + size), pa.int64()),
            pa.array([datetime(2026, 11, 25, 6, 0, 13, tzinfo=UTC)] * size, pa.timestamp("us", tz="UTC")),
            pa.array([key for key, _ in messages], pa.binary()),
            pa.array([value for _, value in messages], pa.binary()),
        ],
        schema=pa.schema([field for field in INPUT_SCHEMA if field.name != "headers"]),
    )
    return pa.Table.from_batches([validate_batch(batch)]).append_column("key", batch.column("key"))
