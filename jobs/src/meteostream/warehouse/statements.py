"""The SQL of a batch, and the form of the rows that are staged for it.

Column lists come from the contract's table of variables; a test compares them with the migrated tables.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from meteostream.contract.variables import WIDE

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
_WIDE_TYPES: Final = [(variable.name, pa.bool_() if variable.is_boolean else pa.float64()) for variable in WIDE]

STAGE: Final = pa.schema(
    [
        ("arrival", pa.int32()),
        ("hour", TIMESTAMP),
        ("event_id", pa.binary()),
        ("report_id", pa.binary()),
        ("station", pa.string()),
        ("observed_at", TIMESTAMP),
        ("received_at", TIMESTAMP),
        ("source", pa.string()),
        ("report_type", pa.string()),
        ("revision", pa.int32()),
        ("nature", pa.string()),
        *_WIDE_TYPES,
        ("reported", pa.int64()),
        ("qc_failed", pa.int64()),
        ("qc_suspect", pa.int64()),
        ("qc_run", pa.binary()),
        ("qc_ruleset", pa.string()),
        ("kafka_topic", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("extra", pa.string()),
        ("qc_results", pa.string()),
    ]
)
"""Valid rows of a batch; ``arrival`` numbers them in the order of their offsets."""

STAGE_DEAD: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("kafka_timestamp", TIMESTAMP),
        ("hour", TIMESTAMP),
        ("journal_id", pa.binary()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("key", pa.binary()),
        ("value", pa.binary()),
    ]
)
"""Dead rows of a batch, as pipeline.dead_letter has them."""

_SQL_TYPES: Final[dict[pa.DataType, str]] = {
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float64(): "double precision",
    pa.bool_(): "boolean",
    pa.string(): "text",
    pa.binary(): "bytea",
    TIMESTAMP: "timestamptz",
}


def temporary(name: str, schema: pa.Schema) -> str:
    """Statement that makes a table for staged rows of ``schema``, empty at each transaction's end."""
    columns = ", ".join(f"{field.name} {_SQL_TYPES[field.type]}" for field in schema)
    return f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DELETE ROWS"


CREATE_STAGE: Final = temporary("stage", STAGE)
CREATE_STAGE_DEAD: Final = temporary("stage_dead", STAGE_DEAD)

_EVENT_COLUMNS: Final = ", ".join(STAGE.names[2:-2])
_REPORT_COLUMNS: Final = ", ".join(STAGE.names[2:-5])

INSERT_EVENTS: Final = f"""
INSERT INTO core.observation_event ({_EVENT_COLUMNS})
SELECT {_EVENT_COLUMNS} FROM stage ORDER BY observed_at, event_id, arrival
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names come from the contract
"""Every event the first time it arrives. Sorted: two writers can't deadlock (KF-122), index pages are met in order."""

OPEN_REPORTS: Final = f"""
INSERT INTO core.observation ({_REPORT_COLUMNS})
SELECT {_REPORT_COLUMNS} FROM stage ORDER BY observed_at, report_id, arrival
ON CONFLICT DO NOTHING
"""  # noqa: S608 - names come from the contract
"""Reports that were unknown, from their first event to arrive: nearly all rows of nearly all batches."""

CREATE_JUDGED: Final = """
CREATE TEMP TABLE judged (arrival integer, hour timestamptz, report_id bytea, observed_at timestamptz, event_id bytea,
    revision integer, received_at timestamptz, winner bytea, winner_revision integer, winner_received_at timestamptz,
    fresh boolean) ON COMMIT DELETE ROWS
"""

_JOINS: Final = ("enable_hashjoin", "enable_mergejoin", "enable_memoize", "enable_material")
LOOK_UP: Final = tuple(f"SET LOCAL {name} = off" for name in _JOINS)
"""For statements that look up staged rows in the partitions: without statistics the planner might scan a year."""
ANY_JOIN: Final = tuple(f"SET LOCAL {name} = on" for name in _JOINS)

FIND: Final = """
INSERT INTO judged
SELECT s.arrival, s.hour, s.report_id, s.observed_at, s.event_id, s.revision, s.received_at,
    o.event_id, o.revision, o.received_at,
    (e.kafka_topic, e.kafka_partition, e.kafka_offset) = (s.kafka_topic, s.kafka_partition, s.kafka_offset)
FROM stage AS s
JOIN core.observation_event AS e ON e.observed_at = s.observed_at AND e.event_id = s.event_id
JOIN core.observation AS o ON o.observed_at = s.observed_at AND o.report_id = s.report_id
"""
"""Each staged row beside its stored event and report. An event is fresh if what is stored bears this row's offset."""

JUDGE: Final = """
WITH contest AS (
    SELECT arrival, report_id, revision, received_at, event_id FROM judged WHERE fresh AND event_id <> winner
    UNION ALL
    SELECT DISTINCT -1, report_id, winner_revision, winner_received_at, winner FROM judged
    WHERE fresh AND event_id <> winner
),
ranked AS (
    SELECT arrival, report_id,
        row_number() OVER (PARTITION BY report_id ORDER BY revision, received_at, event_id) AS place
    FROM contest
),
running AS (
    SELECT arrival, place < max(place) OVER (
        PARTITION BY report_id ORDER BY arrival ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS superseded
    FROM ranked
),
verdict AS (
    SELECT j.hour, j.fresh, coalesce(r.superseded, false) AS superseded
    FROM judged AS j LEFT JOIN running AS r USING (arrival)
)
SELECT hour,
    count(*) FILTER (WHERE fresh AND NOT superseded) AS accepted,
    count(*) FILTER (WHERE NOT fresh) AS duplicate,
    count(*) FILTER (WHERE fresh AND superseded) AS superseded
FROM verdict GROUP BY hour
"""
"""How each staged row ended, in arrival order: against the report as it stood when the event came.

Runs after the two inserts and before the merge. A fresh event that opened its report is its winner now; other fresh
ones contest it, each against the greatest before it.
"""


def _merged_columns() -> dict[str, str]:
    """Per column of core.observation, its value from the rows of ``owner``, grouped by report.

    A bit of ``owned`` is set in one row at most, so any aggregate over it picks that row's value.
    """
    columns = {
        name: f"max({name}) FILTER (WHERE place = 1)" for name in ("received_at", "revision", "nature", "qc_ruleset")
    }
    columns["event_id"] = "(array_agg(event_id) FILTER (WHERE place = 1))[1]"
    for bit, variable in enumerate(WIDE):
        pick = "bool_or" if variable.is_boolean else "max"
        columns[variable.name] = f"{pick}({variable.name}) FILTER (WHERE owned & {1 << bit} <> 0)"
    columns["reported"] = "bit_or(owned)"
    columns["qc_failed"] = "bit_or(qc_failed & owned)"
    columns["qc_suspect"] = "bit_or(qc_suspect & owned)"
    runs = [
        f"coalesce(max(substr(encode(qc_run, 'hex'), {4 * bit + 1}, 4)) FILTER (WHERE owned & {1 << bit} <> 0), '0000')"
        for bit in range(len(WIDE))
    ]
    columns["qc_run"] = f"decode({' || '.join(runs)}, 'hex')"
    columns["events"] = "array_agg(event_id ORDER BY place DESC)"
    return columns


_MERGED: Final = _merged_columns()
_GREATEST_FIRST: Final = "PARTITION BY e.report_id ORDER BY e.revision DESC, e.received_at DESC, e.event_id DESC"

MERGE: Final = f"""
WITH contested AS (
    SELECT report_id, observed_at, array_agg(event_id) AS added FROM judged WHERE fresh AND event_id <> winner
    GROUP BY report_id, observed_at
),
known AS MATERIALIZED (
    SELECT c.observed_at, unnest(coalesce(o.events, ARRAY[o.event_id]) || c.added) AS event_id
    FROM contested AS c
    JOIN core.observation AS o ON o.observed_at = c.observed_at AND o.report_id = c.report_id
),
owner AS (
    SELECT e.*,
        row_number() OVER ({_GREATEST_FIRST}) AS place,
        e.reported & ~coalesce(
            bit_or(e.reported) OVER ({_GREATEST_FIRST} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS owned
    FROM known AS k
    JOIN core.observation_event AS e ON e.observed_at = k.observed_at AND e.event_id = k.event_id
),
merged AS (
    SELECT report_id, observed_at, {", ".join(f"{text} AS {name}" for name, text in _MERGED.items())}
    FROM owner GROUP BY observed_at, report_id ORDER BY observed_at, report_id
)
UPDATE core.observation AS o
SET {", ".join(f"{name} = m.{name}" for name in _MERGED)}
FROM merged AS m
WHERE o.observed_at = m.observed_at AND o.report_id = m.report_id
"""  # noqa: S608 - names come from the contract
"""Reports with several events, made again from all of them: per variable the value of the greatest that reported it.

So an absent variable never overwrites a value, an explicit null does, and the result does not depend on the order of
arrival (a late lower revision still fills what no greater one reported). ``owned`` holds the variables that an event
decides: those it reported and no greater one did.
"""

LONG_VALUES: Final = """
INSERT INTO core.observation_long AS l (report_id, event_id, station, observed_at, received_at, source, report_type,
    revision, nature, variable, statistic, period_start, period_end, value)
SELECT DISTINCT ON (s.report_id, v.name)
    s.report_id, s.event_id, s.station, s.observed_at, s.received_at, s.source, s.report_type, s.revision, s.nature,
    v.name, v.statistic, s.observed_at - make_interval(secs => v.period_s), s.observed_at, x.value::double precision
FROM stage AS s
CROSS JOIN LATERAL jsonb_each_text(s.extra::jsonb) AS x (name, value)
JOIN core.variable AS v ON v.name = x.name
WHERE s.extra IS NOT NULL
ORDER BY s.report_id, v.name, s.revision DESC, s.received_at DESC, s.event_id DESC
ON CONFLICT (report_id, variable, statistic, period_start, period_end, level) DO UPDATE SET
    event_id = excluded.event_id, received_at = excluded.received_at, revision = excluded.revision,
    nature = excluded.nature, value = excluded.value
WHERE (excluded.revision, excluded.received_at, excluded.event_id) > (l.revision, l.received_at, l.event_id)
"""
"""Variables of the long table: a row each, so the greatest event that has it wins by itself."""

COUNT_LONG: Final = """
SELECT count(*), count(v.name) FROM stage AS s
CROSS JOIN LATERAL jsonb_object_keys(s.extra::jsonb) AS x (name) LEFT JOIN core.variable AS v ON v.name = x.name
WHERE s.extra IS NOT NULL
"""
"""(values in the batch, values whose variable the warehouse knows): must be equal."""

QC_RESULTS: Final = """
INSERT INTO core.qc_result (event_id, observed_at, variable, test, flag, detail, ruleset)
SELECT s.event_id, s.observed_at, r.result ->> 'variable', r.result ->> 'test', (r.result ->> 'flag')::smallint,
    r.result - 'variable' - 'test' - 'flag', s.qc_ruleset
FROM stage AS s
CROSS JOIN LATERAL jsonb_array_elements(s.qc_results::jsonb) AS r (result)
WHERE s.qc_results IS NOT NULL
ORDER BY s.observed_at, s.event_id, 3, 4
ON CONFLICT DO NOTHING
"""

DEAD_LETTERS: Final = """
INSERT INTO pipeline.dead_letter
    (topic, partition, kafka_offset, kafka_timestamp, hour, journal_id, reason, detail, key, value)
SELECT topic, partition, kafka_offset, kafka_timestamp, hour, journal_id, reason, detail, key, value
FROM stage_dead ORDER BY topic, partition, kafka_offset
ON CONFLICT DO NOTHING
"""

LOCK_QUERY: Final = "SELECT pg_advisory_xact_lock(hashtext('meteostream.stream.' || $1))"
"""One transaction of a query at a time, also of two drivers."""

POSITIONS: Final = "SELECT topic, partition, next_offset, last_timestamp FROM pipeline.stream_offset WHERE query = $1"

MOVE_POSITIONS: Final = """
INSERT INTO pipeline.stream_offset AS p (query, topic, partition, first_offset, next_offset, missing, last_timestamp)
SELECT $1, x.topic, x.partition, x.first_offset, x.next_offset, x.missing, x.last_timestamp
FROM jsonb_to_recordset($2::jsonb) AS x (topic text, partition integer, first_offset bigint, next_offset bigint,
    missing bigint, last_timestamp timestamptz)
ON CONFLICT (query, topic, partition) DO UPDATE SET
    next_offset = excluded.next_offset, missing = p.missing + excluded.missing,
    last_timestamp = excluded.last_timestamp, updated_at = now()
"""

ADD_HOURS: Final = """
INSERT INTO pipeline.batch_hour AS h (query, hour, accepted, duplicate, superseded, dead)
SELECT $1, x.hour, x.accepted, x.duplicate, x.superseded, x.dead
FROM jsonb_to_recordset($2::jsonb) AS x
    (hour timestamptz, accepted bigint, duplicate bigint, superseded bigint, dead bigint)
ON CONFLICT (query, hour) DO UPDATE SET
    accepted = h.accepted + excluded.accepted, duplicate = h.duplicate + excluded.duplicate,
    superseded = h.superseded + excluded.superseded, dead = h.dead + excluded.dead
"""

ADD_BATCH: Final = """
INSERT INTO pipeline.batch AS b
    (query, run, batch_id, epoch, received, known, accepted, duplicate, superseded, dead, seconds)
SELECT $1, $2::uuid, x.batch_id, x.epoch, x.received, x.known, x.accepted, x.duplicate, x.superseded, x.dead, x.seconds
FROM jsonb_to_record($3::jsonb) AS x (batch_id bigint, epoch bigint, received bigint, known bigint, accepted bigint,
    duplicate bigint, superseded bigint, dead bigint, seconds double precision)
ON CONFLICT (query, run, batch_id) DO UPDATE SET
    attempts = b.attempts + 1, epoch = excluded.epoch, received = b.received + excluded.received,
    known = b.known + excluded.known, accepted = b.accepted + excluded.accepted,
    duplicate = b.duplicate + excluded.duplicate, superseded = b.superseded + excluded.superseded,
    dead = b.dead + excluded.dead, seconds = b.seconds + excluded.seconds, committed_at = now()
"""

TUNING: Final = ("SET work_mem = '64MB'", "SET temp_buffers = '64MB'", "SET jit = off")

SESSION: Final = (
    *TUNING,
    CREATE_STAGE,
    CREATE_STAGE_DEAD,
    CREATE_JUDGED,
)
"""What a writer's connection needs before its first batch."""
