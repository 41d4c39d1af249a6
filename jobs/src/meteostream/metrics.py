"""What our producers measure, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_ACK_BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0)


class ProducerMetrics:
    """Counters of one producer process."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.journaled = Counter("meteostream_outbox_entries", "Reports made durable in the outbox", registry=registry)
        self.acknowledged = Counter(
            "meteostream_outbox_acknowledged", "Reports acknowledged by all in-sync brokers", registry=registry
        )
        self.resent = Counter("meteostream_outbox_resent", "Reports sent again after a start", registry=registry)
        self.failures = Counter(
            "meteostream_producer_failures", "Connections to the brokers given up and begun again", registry=registry
        )
        self.unacknowledged = Gauge(
            "meteostream_outbox_unacknowledged",
            "Reports in the outbox that no broker has acknowledged",
            registry=registry,
        )
        self.bytes = Gauge("meteostream_outbox_bytes", "Size of the outbox on disk", registry=registry)
        self.ack_seconds = Histogram(
            "meteostream_producer_ack_seconds",
            "From handing a report to the client to its acknowledgement",
            buckets=_ACK_BUCKETS,
            registry=registry,
        )


class IntakeMetrics:
    """Counters of the observers' intake."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.entries = Counter(
            "meteostream_intake_entries",
            "Entries of observers by channel (form, sms) and what became of them",
            ["channel", "outcome"],
            registry=registry,
        )
        self.responses = Counter(
            "meteostream_intake_responses", "Answers by HTTP status", ["status"], registry=registry
        )


def serve_metrics(port: int, address: str) -> None:
    """Answer Prometheus on ``address:port``."""
    start_http_server(port, address)
