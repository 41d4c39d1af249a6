"""What a streaming query tells Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class StreamMetrics:
    """Counters and gauges of one query, labelled with its name."""

    def __init__(self, query: str, registry: CollectorRegistry = REGISTRY) -> None:
        label = ("query",)
        self._query = query
        self._rows = Counter("meteostream_stream_rows", "Rows by how they ended", ("query", "end"), registry=registry)
        self._batches = Histogram(
            "meteostream_stream_batch_seconds", "Duration of a batch", label, buckets=BATCH_BUCKETS, registry=registry
        )
        self._retries = Counter(
            "meteostream_stream_retries", "Attempts of a batch that failed", label, registry=registry
        )
        self._commit = Gauge(
            "meteostream_stream_last_commit_timestamp_seconds",
            "When the last batch was committed",
            label,
            registry=registry,
        )
        self._heartbeat = Gauge(
            "meteostream_stream_heartbeat_timestamp_seconds",
            "When the driver last looked at its query",
            label,
            registry=registry,
        )
        self._lag = Gauge(
            "meteostream_stream_lag_offsets",
            "Records in Kafka that the last batch left unread",
            ("query", "topic", "partition"),
            registry=registry,
        )
        self._retries.labels(query)
        self._batches.labels(query)

    def batch(self, ends: Mapping[str, int], seconds: float, now: float) -> None:
        """Count a committed batch."""
        for end, count in ends.items():
            self._rows.labels(self._query, end).inc(count)
        self._batches.labels(self._query).observe(seconds)
        self._commit.labels(self._query).set(now)

    def retry(self) -> None:
        """Count an attempt that failed and is made again."""
        self._retries.labels(self._query).inc()

    def alive(self, now: float) -> None:
        """Note that the driver lives."""
        self._heartbeat.labels(self._query).set(now)

    def lag(self, lags: Mapping[tuple[str, str], int]) -> None:
        """Set the lag of each (topic, partition)."""
        for (topic, partition), behind in lags.items():
            self._lag.labels(self._query, topic, partition).set(behind)


def lags(progress: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Records not yet read, by (topic, partition), from a query's progress.

    >>> lags({"sources": [{"endOffset": {"t": {"0": 5}}, "latestOffset": {"t": {"0": 9}}}]})
    {('t', '0'): 4}
    """
    found: dict[tuple[str, str], int] = {}
    for source in progress.get("sources", []):
        end, latest = _offsets(source.get("endOffset")), _offsets(source.get("latestOffset"))
        for topic, partitions in latest.items():
            for partition, offset in partitions.items():
                found[topic, partition] = max(0, offset - end.get(topic, {}).get(partition, 0))
    return found


def _offsets(value: Any) -> dict[str, dict[str, int]]:
    decoded = json.loads(value) if isinstance(value, str) else value
    return decoded if isinstance(decoded, dict) else {}
