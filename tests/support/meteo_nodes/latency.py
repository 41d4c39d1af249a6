"""Produce-to-visible, measured in the warehouse by SQL alone: no code of the pipeline, no clock but the node's.

The stream moves its position in the transaction that writes the rows. So the position is watched 20 times a second;
a report is visible at the first look whose position is beyond its offset, which is late by one look at most.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from meteo_nodes.platform import Platform

LOOK_S: Final = 0.05
# Reports received in the last seconds of the watch may become visible after it.
TAIL_S: Final = 10

SCRIPT: Final = """
SET client_min_messages = warning;
CREATE TEMP TABLE seen (at timestamptz, partition integer, next_offset bigint);
DO $$
BEGIN
    FOR look IN 1..{looks} LOOP
        INSERT INTO seen SELECT clock_timestamp(), partition, next_offset
        FROM pipeline.stream_offset WHERE query = 'warehouse' AND topic = 'weather.observations';
        PERFORM pg_sleep({look_s});
    END LOOP;
END $$;
CREATE INDEX ON seen (partition, next_offset);
CREATE TEMP TABLE span AS SELECT min(at) AS begin, max(at) - interval '{tail_s} seconds' AS until FROM seen;
COPY (
    SELECT count(*) AS reports, count(visible) AS visible,
        count(*) / extract(epoch FROM max(until) - min(begin)) AS rate,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY late) AS p50,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY late) AS p95,
        max(late) AS worst
    FROM (
        SELECT span.begin, span.until, first.visible, extract(epoch FROM first.visible - e.received_at) AS late
        FROM span JOIN core.observation_event AS e ON e.received_at BETWEEN span.begin AND span.until
        LEFT JOIN LATERAL (
            SELECT min(at) AS visible FROM seen
            WHERE seen.partition = e.kafka_partition AND seen.next_offset > e.kafka_offset
        ) AS first ON true
        WHERE e.source = 'simulator'
    ) AS each_report
) TO STDOUT WITH (FORMAT csv);
"""


class Latency(NamedTuple):
    """Seconds from a report's reception by the producer until a reader sees it."""

    reports: int
    rate: float
    p50: float
    p95: float
    worst: float


def measure(platform: Platform, seconds: int) -> Latency:
    """Watch the running generator and the warehouse's stream."""
    script = SCRIPT.format(looks=round(seconds / LOOK_S), look_s=LOOK_S, tail_s=TAIL_S)
    done = platform.ssh(
        platform.primary(), "cd / && sudo -u postgres psql -qX -v ON_ERROR_STOP=1 -d warehouse -f -", given=script
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    reports, visible, *figures = done.stdout.strip().split(",")
    if visible != reports or int(reports) == 0:
        raise AssertionError(
            f"expected every report to be visible within {TAIL_S} s of the watch, found {visible} of {reports}"
        )
    rate, p50, p95, worst = (float(figure) for figure in figures)
    return Latency(int(reports), rate, p50, p95, worst)
