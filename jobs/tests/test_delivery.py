"""Sending what a command has read: durable before it is sent, whole or told, and never twice by two processes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from meteostream import delivery as module
from meteostream import producer
from meteostream.config import Kafka, Outbox, Settings
from meteostream.delivery import DeliveryError, deliver
from meteostream.outbox import Draft, OutboxLockedError, iterate
from meteostream.outbox import Outbox as Journal
from test_producer import Broker, draft

RESUME = "meteostream collect test"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(kafka=Kafka(security="PLAINTEXT"), outbox=Outbox(directory=str(tmp_path)))


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(module, "kafka_client", lambda *_: made.connect())
    monkeypatch.setattr(module, "LOOK_S", 0.05)
    monkeypatch.setattr(producer, "FIRST_BACKOFF_S", 0.02)
    monkeypatch.setattr(producer, "LAST_BACKOFF_S", 0.05)
    return made


def send(
    settings: Settings, drafts: Iterator[Draft] | list[Draft], patience_s: float | None = None, **options: bool
) -> int:
    return deliver(
        settings, "test", drafts, stopping=threading.Event(), resume=RESUME, patience_s=patience_s, **options
    )


def test_everything_is_acknowledged_when_it_returns(settings: Settings, broker: Broker) -> None:
    assert send(settings, [draft(number) for number in range(4_500)]) == 4_500
    assert broker.ids == list(range(4_500))
    assert send(settings, []) == 0


def test_two_deliveries_of_one_process_share_no_metrics(settings: Settings, broker: Broker) -> None:
    before = len(list(REGISTRY.collect()))
    for number in range(2):
        send(settings, [draft(number)])
    assert len(list(REGISTRY.collect())) == before
    assert set(broker.ids) == {0, 1}


def test_without_brokers_it_ends_after_its_patience_and_the_next_run_sends(settings: Settings, broker: Broker) -> None:
    broker.up = False
    with pytest.raises(DeliveryError, match="3 reports wait in the outbox; 'meteostream collect test' sends them"):
        send(settings, [draft(number) for number in range(3)], patience_s=0.1)
    broker.up = True
    assert send(settings, [draft(3)]) == 1
    assert sorted(broker.ids) == [0, 1, 2, 3]


def test_a_source_that_fails_half_way_leaves_what_it_gave_on_disk(
    tmp_path: Path, settings: Settings, broker: Broker
) -> None:
    def breaks() -> Iterator[Draft]:
        yield from (draft(number) for number in range(5))
        raise ValueError("the file ends in the middle")

    broker.up = False
    with pytest.raises(ValueError, match="in the middle"):
        send(settings, breaks())
    assert [entry.id for entry in iterate(tmp_path / "test")] == [draft(number).id for number in range(5)]
    broker.up = True
    send(settings, [])
    assert sorted(broker.ids) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("resend", "expected"), [(True, [0, 1, 1]), (False, [0, 1])])
def test_what_no_ledger_closed_is_sent_again_only_where_a_ledger_is(
    settings: Settings, broker: Broker, resend: bool, expected: list[int]
) -> None:
    send(settings, [draft(1)], resend=resend)
    send(settings, [draft(0)], resend=resend)
    assert sorted(broker.ids) == expected


def test_two_runs_at_once_do_not_mix(tmp_path: Path, settings: Settings, broker: Broker) -> None:
    del broker
    with Journal(tmp_path / "test"), pytest.raises(OutboxLockedError, match="expected no other writer"):
        send(settings, [draft(1)])
