"""The forwarder: everything in the outbox reaches the broker, whatever the broker does, in bounded memory and time.

The broker is a fake here, to fail at will; the real one is in test_producer_kafka.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka.errors import KafkaConnectionError, KafkaTimeoutError
from kafka.future import Future
from prometheus_client import CollectorRegistry

from meteostream import producer as module
from meteostream.metrics import ProducerMetrics
from meteostream.outbox import Draft, Outbox, write_reconciled
from meteostream.producer import Forwarder


class Broker:
    """Takes, holds, refuses or drops messages, as it is told."""

    def __init__(self) -> None:
        self.up = True
        self.mode = "take"
        self.taken: list[tuple[str, bytes, bytes, dict[str, bytes]]] = []
        self.held: list[Future] = []
        self.connects = 0
        self.most_held = 0

    def connect(self) -> Client:
        self.connects += 1
        if not self.up:
            raise KafkaConnectionError
        return Client(self)

    @property
    def ids(self) -> list[int]:
        return [int(headers["event_id"], 16) for *_, headers in self.taken]


class Client:
    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def send(self, topic: str, value: bytes, key: bytes, headers: list[tuple[str, bytes]]) -> Future:
        future = Future()
        if self.broker.mode == "take":
            self.broker.taken.append((topic, value, key, dict(headers)))
            future.success(None)
        elif self.broker.mode == "refuse":
            future.failure(KafkaTimeoutError("batch expired"))
        else:
            self.broker.held.append(future)
            self.broker.most_held = max(self.broker.most_held, len(self.broker.held))
        return future

    def close(self, timeout: float | None = None) -> None:
        assert timeout == 0


def draft(number: int, received_at: str = "2026-11-25T06:00:00Z") -> Draft:
    return Draft(f"{number:064x}", received_at, "weather.observations", "0-20000-0-61641", f'{{"n":{number}}}')


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_BACKOFF_S", 0.05)
    monkeypatch.setattr(module, "LAST_BACKOFF_S", 0.2)
    monkeypatch.setattr(module, "NOTE_EVERY_S", 0.05)


def forwarder(outbox: Outbox, broker: Broker, *, resend: bool = True) -> Forwarder:
    metrics = ProducerMetrics(CollectorRegistry())
    return Forwarder(outbox, broker.connect, producer="test", metrics=metrics, resend=resend)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not within the time allowed"
        time.sleep(0.01)


def test_what_is_in_the_outbox_arrives_with_its_headers(outbox: Outbox) -> None:
    broker = Broker()
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(1), draft(2)])
        sending.wake()
        assert sending.wait_until_empty(5)
    assert broker.ids == [1, 2]
    topic, value, key, headers = broker.taken[0]
    assert (topic, value, key) == ("weather.observations", b'{"n":1}', b"0-20000-0-61641")
    assert headers == {"event_id": f"{1:064x}".encode(), "producer": b"test"}
    assert outbox.acked == 2


def test_an_absent_broker_of_any_length_loses_nothing(outbox: Outbox) -> None:
    broker = Broker()
    broker.up = False
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(n) for n in range(1, 101)])
        until(lambda: broker.connects >= 4)
        outbox.append([draft(n) for n in range(101, 201)])
        assert sending.pending == 200
        assert outbox.acked == 0
        broker.up = True
        assert sending.wait_until_empty(5)
    assert broker.ids == list(range(1, 201))


def test_waiting_for_a_broker_is_no_busy_loop(outbox: Outbox) -> None:
    broker = Broker()
    broker.up = False
    before = time.process_time()
    with forwarder(outbox, broker):
        time.sleep(1.0)
    assert broker.connects < 15
    assert time.process_time() - before < 0.3


def test_an_idle_producer_is_no_busy_loop(outbox: Outbox) -> None:
    before = time.process_time()
    with forwarder(outbox, Broker()):
        time.sleep(1.0)
    assert time.process_time() - before < 0.3


def test_what_a_failed_batch_held_is_sent_again_from_the_first_unacknowledged(outbox: Outbox) -> None:
    broker = Broker()
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(n) for n in range(1, 6)])
        assert sending.wait_until_empty(5)
        broker.mode = "refuse"
        outbox.append([draft(n) for n in range(6, 11)])
        until(lambda: broker.connects >= 3)
        assert outbox.acked <= 5
        broker.mode = "take"
        assert sending.wait_until_empty(5)
    assert broker.ids == list(range(1, 11))


def test_acknowledgements_out_of_order_never_skip_an_entry(outbox: Outbox) -> None:
    broker = Broker()
    broker.mode = "hold"
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(n) for n in range(1, 4)])
        until(lambda: len(broker.held) == 3)
        broker.held[2].success(None)
        broker.held[1].success(None)
        time.sleep(0.2)
        assert outbox.acked == 0
        assert sending.pending == 3
        broker.held[0].success(None)
        assert sending.wait_until_empty(5)
    assert outbox.acked == 3


def test_in_flight_is_bounded(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_FLIGHT", 50)
    broker = Broker()
    broker.mode = "hold"
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(n) for n in range(1, 501)])
        until(lambda: broker.most_held == 50)
        time.sleep(0.2)
        assert broker.most_held == 50
        for future in broker.held:
            future.success(None)
        until(lambda: len(broker.held) == 100)
        assert sending.pending == 450


def test_a_start_sends_again_from_the_last_reconciled_hour_and_new_reports_first(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        for n, hour in enumerate(["06", "07", "08"], 1):
            outbox.append([draft(n, f"2026-11-25T{hour}:00:00Z")])
        outbox.acknowledge(3)
    write_reconciled(tmp_path, "2026-11-25T07:00:00Z")
    broker = Broker()
    with Outbox(tmp_path) as outbox:
        sending = forwarder(outbox, broker)
        outbox.append([draft(4, "2026-11-25T08:30:00Z")])
        with sending:
            assert sending.wait_until_empty(5)
        assert broker.ids == [4, 2, 3]
        assert outbox.acked == 4


def test_nothing_counts_as_acknowledged_while_what_was_before_it_is_not(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append([draft(1)])
    broker = Broker()
    broker.mode = "hold"
    with Outbox(tmp_path) as outbox:
        sending = forwarder(outbox, broker)
        outbox.append([draft(2)])
        with sending:
            until(lambda: len(broker.held) == 2)
            broker.held[1].success(None)
            time.sleep(0.2)
            assert outbox.acked == 0, "2 is acknowledged, 1 is not"
            broker.held[0].success(None)
            assert sending.wait_until_empty(5)
        assert outbox.acked == 2


def test_what_was_never_acknowledged_does_not_wait_for_what_a_start_repeats(tmp_path: Path) -> None:
    """Else a producer that starts often repeats its hour each time, and what was in flight waits for all of it."""
    with Outbox(tmp_path) as outbox:
        outbox.append([draft(n) for n in range(1, 6)])
        outbox.acknowledge(3)
    broker = Broker()
    for _ in range(2):
        with Outbox(tmp_path) as outbox:
            with forwarder(outbox, broker) as sending:
                assert sending.wait_until_empty(5)
            assert outbox.acked == 5
    assert broker.ids == [4, 5, 1, 2, 3, 1, 2, 3, 4, 5]


def test_a_client_that_gives_up_what_is_in_flight_does_not_end_the_sender(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(_: Client, timeout: float | None = None) -> None:
        raise KafkaTimeoutError(f"{timeout} s")

    monkeypatch.setattr(Client, "close", close)
    broker = Broker()
    broker.mode = "refuse"
    with forwarder(outbox, broker) as sending:
        outbox.append([draft(1)])
        until(lambda: broker.connects >= 2)
        broker.mode = "take"
        assert sending.wait_until_empty(5)
        sending.check()


def test_stopping_drains_and_says_whether_all_was_taken(outbox: Outbox) -> None:
    broker = Broker()
    sending = forwarder(outbox, broker)
    sending.start()
    outbox.append([draft(1)])
    assert sending.stop(5.0)
    assert broker.ids == [1]


def test_stopping_without_a_broker_ends_in_time_and_keeps_everything(outbox: Outbox) -> None:
    broker = Broker()
    broker.up = False
    sending = forwarder(outbox, broker)
    sending.start()
    outbox.append([draft(1)])
    begin = time.monotonic()
    assert not sending.stop(0.3)
    assert time.monotonic() - begin < 2
    assert outbox.acked == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "forwarder" and thread.is_alive()]


def test_a_fault_in_the_thread_reaches_the_caller(outbox: Outbox) -> None:
    def broken() -> Client:
        raise ZeroDivisionError

    sending = Forwarder(outbox, broken, producer="test", metrics=ProducerMetrics(CollectorRegistry()))
    sending.start()
    until(lambda: not sending._thread.is_alive())
    with pytest.raises(ZeroDivisionError):
        sending.check()
