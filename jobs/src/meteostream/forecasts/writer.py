"""Forecast messages into ``core.forecast``, so that each counts exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, json

from meteostream.contract import (
    ContractError,
    canonical_content,
    decode_forecast,
    forecast_event_id,
    parse_time,
)
from meteostream.contract.forecast import CONTENT
from meteostream.warehouse import statements
from meteostream.warehouse.batch import Hours, StagingError, WarehouseWriter, hour_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adbc_driver_manager import dbapi

QUERY: Final = "forecasts"
"""Name of the consumer in pipeline.stream_offset, batch and batch_hour."""
_HEADER_ID: Final = "event_id"
_HEX: Final = 64

JUDGED: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", statements.TIMESTAMP),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("journal_id", pa.binary()),
        ("event_id", pa.binary()),
        ("station", pa.string()),
        ("model", pa.string()),
        ("reference_time", statements.TIMESTAMP),
        ("valid_time", statements.TIMESTAMP),
        ("valid_until", statements.TIMESTAMP),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("received_at", statements.TIMESTAMP),
        ("variables", pa.string()),
        ("dead_reason", pa.string()),
        ("dead_detail", pa.string()),
    ]
)
"""Messages and verdicts, a row each; ``variables`` is JSON, and null where the message is dead."""

STAGE: Final = pa.schema(
    [
        ("arrival", pa.int32()),
        ("hour", statements.TIMESTAMP),
        *[JUDGED.field(name) for name in JUDGED.names[7:-2]],
    ]
)

JUDGE: Final = """
WITH value AS (
    SELECT s.arrival, s.event_id, s.station, s.model, s.reference_time, s.valid_time, s.received_at,
        x.name AS variable
    FROM stage_forecast AS s CROSS JOIN LATERAL jsonb_object_keys(s.variables::jsonb) AS x (name)
),
met AS (
    SELECT v.arrival,
        coalesce(f.event_id = v.event_id, false) OR EXISTS (
            SELECT FROM stage_forecast AS e WHERE e.event_id = v.event_id AND e.arrival < v.arrival) AS seen,
        coalesce((f.received_at, f.event_id) > (v.received_at, v.event_id), false) AS older
    FROM value AS v
    LEFT JOIN core.forecast AS f USING (station, model, reference_time, valid_time, variable)
),
verdict AS (
    SELECT s.hour, coalesce(bool_and(m.seen), false) AS duplicate,
        coalesce(bool_and(m.older), false) AS superseded
    FROM stage_forecast AS s LEFT JOIN met AS m USING (arrival) GROUP BY s.arrival, s.hour
)
SELECT hour,
    count(*) FILTER (WHERE NOT duplicate AND NOT superseded),
    count(*) FILTER (WHERE duplicate),
    count(*) FILTER (WHERE superseded AND NOT duplicate)
FROM verdict GROUP BY hour
"""
"""How each staged message ended, against what was stored before the batch.

All of it is there already (duplicate), all of it is older than what is there (superseded), or it brings something
(accepted).
"""

COUNT_VALUES: Final = """
SELECT count(*), count(v.name) FROM stage_forecast AS s
CROSS JOIN LATERAL jsonb_object_keys(s.variables::jsonb) AS x (name) LEFT JOIN core.variable AS v ON v.name = x.name
"""
"""(values in the batch, values whose variable the warehouse knows): must be equal."""

STORE: Final = """
INSERT INTO core.forecast AS f (station, model, reference_time, valid_time, variable, value, valid_until, source,
    licence, received_at, event_id)
SELECT DISTINCT ON (s.station, s.model, s.reference_time, s.valid_time, x.name)
    s.station, s.model, s.reference_time, s.valid_time, x.name,
    CASE x.value WHEN 'true' THEN 1 WHEN 'false' THEN 0 ELSE x.value::double precision END,
    s.valid_until, s.source, s.licence, s.received_at, s.event_id
FROM stage_forecast AS s CROSS JOIN LATERAL jsonb_each_text(s.variables::jsonb) AS x (name, value)
ORDER BY s.station, s.model, s.reference_time, s.valid_time, x.name, s.received_at DESC, s.event_id DESC
ON CONFLICT (station, model, reference_time, valid_time, variable) DO UPDATE SET
    value = excluded.value, valid_until = excluded.valid_until, source = excluded.source, licence = excluded.licence,
    received_at = excluded.received_at, event_id = excluded.event_id
WHERE (excluded.received_at, excluded.event_id) > (f.received_at, f.event_id)
"""
"""The latest reception of each value wins, in whatever order they come. Sorted: no deadlock (KF-122)."""


def judge(records: Sequence[Any]) -> pa.Table:
    """Verdicts of Kafka records (kafka-python's), in the form of :data:`JUDGED`."""
    return pa.Table.from_pylist([_judged(record) for record in records], schema=JUDGED)


def _judged(record: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(JUDGED.names)
    row |= {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp * 1000,
        "key": record.key,
        "value": record.value,
        "journal_id": _journal_id(record.headers),
    }
    try:
        forecast = decode_forecast(record.value, record.key)
    except ContractError as error:
        return row | {"dead_reason": str(error.reason), "dead_detail": error.detail}
    values = forecast.values()
    until = forecast.valid_until
    return row | {
        "event_id": forecast_event_id(forecast),
        "station": forecast.station,
        "model": forecast.model,
        "reference_time": parse_time(forecast.reference_time, "reference_time", fraction=False),
        "valid_time": parse_time(forecast.valid_time, "valid_time", fraction=False),
        "valid_until": None if until is UNSET else parse_time(until, "valid_until", fraction=False),
        "source": forecast.source,
        "licence": forecast.licence,
        "received_at": parse_time(forecast.received_at, "received_at", fraction=True),
        "variables": json.encode(json.decode(canonical_content(CONTENT, values))["variables"]).decode(),
    }


def _journal_id(headers: Sequence[tuple[str, bytes]]) -> bytes | None:
    found = dict(headers or ()).get(_HEADER_ID, b"")
    try:
        return bytes.fromhex(found.decode("ascii")) if len(found) == _HEX else None
    except ValueError:
        return None


class ForecastWriter(WarehouseWriter):
    """Writes batches of :func:`judge`: the rows, dead letters, counts and position in one transaction."""

    session = (
        *statements.TUNING,
        statements.temporary("stage_forecast", STAGE),
        statements.CREATE_STAGE_DEAD,
    )

    def forget_positions(self, topic: str) -> None:
        """Read a topic from its beginning: what is read again is a duplicate."""

        def forget() -> None:
            connection = self._connection()
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM pipeline.stream_offset WHERE query = $1 AND topic = $2", (QUERY, topic))
            connection.commit()

        self._retrying(forget)

    def _write_valid(self, cursor: dbapi.Cursor, valid: pa.Table) -> Hours:
        hours = Hours()
        if valid.num_rows == 0:
            return hours
        arrival = pa.array(range(valid.num_rows), pa.int32())
        columns = {"arrival": arrival, "hour": hour_of(valid["received_at"], valid["timestamp"])}
        names = STAGE.names
        stage = pa.table([columns[name] if name in columns else valid[name] for name in names], names=names)
        self._stage(cursor, "stage_forecast", stage.cast(STAGE))
        ((values, known),) = self._select(cursor, COUNT_VALUES)
        if values != known:
            msg = f"{values} values in the batch, {known} of known variables: run `meteostream migrate`"
            raise StagingError(msg)
        for hour, accepted, duplicate, superseded in self._select(cursor, JUDGE):
            hours.add(hour, accepted=accepted, duplicate=duplicate, superseded=superseded)
        cursor.execute(STORE)
        return hours

    def _partitions(self, valid: pa.Table) -> tuple[str, set[int]]:
        years = set(pc.unique(pc.year(valid["reference_time"])).to_pylist())
        return "SELECT core.ensure_forecast_partitions(string_to_array($1, ',')::integer[])", years
