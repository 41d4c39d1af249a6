"""Producers against a real broker: kills, restarts, the command line; with SASL/SCRAM throughout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from kafka_broker import TOPIC, KafkaBroker, _free_port, running_broker
from meteostream.contract import decode_message, event_id_of
from meteostream.metrics import ProducerMetrics
from meteostream.outbox import Outbox, iterate
from meteostream.producer import Forwarder, kafka_client
from meteostream.simulator import simulate, simulated_places
from meteostream.simulator.messages import messages
from meteostream.simulator.schedule import Schedule

pytestmark = pytest.mark.kafka
DATA = Path(__file__).parent / "data"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    with running_broker(tmp_path) as running:
        yield running


def settings_file(folder: Path, broker: KafkaBroker, extra: str = "") -> Path:
    path = folder / "meteostream.toml"
    path.write_text(f'{broker.toml()}\n[outbox]\ndirectory = "{folder}/outbox"\n{extra}')
    return path


def meteostream(*arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "meteostream", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603


def test_a_killed_broker_loses_and_reorders_nothing(tmp_path: Path, broker: KafkaBroker) -> None:
    """KF-126: 500 reports a second through a SIGKILL and a restart; every journal id arrives, with its own content."""
    schedule, places = Schedule(stations=50, rate=500, step_s=1), simulated_places(500)
    with Outbox(tmp_path / "outbox") as outbox:
        sending = Forwarder(
            outbox,
            lambda: kafka_client(broker.settings, "test"),
            producer="test",
            metrics=ProducerMetrics(CollectorRegistry()),
        )
        with sending:
            done = schedule.number_at(time.time_ns() // 1000)
            begin = time.monotonic()
            killed, started = False, 0.0
            while not started or time.monotonic() - started < 4:
                last = schedule.number_at(time.time_ns() // 1000)
                due = schedule.due(done, last)
                now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
                columns = simulate(places, due.places, due.seconds, 1)
                outbox.append(messages(places, due.places, due.seconds, columns, now, TOPIC))
                sending.wake()
                sending.check()
                done = last
                if not killed and time.monotonic() - begin > 4:
                    broker.kill()
                    killed = True
                if killed and not started and time.monotonic() - begin > 10:
                    assert sending.pending > 1000, "the outage must have been noticed"
                    broker.start()
                    started = time.monotonic()
                time.sleep(0.1)
            assert sending.wait_until_empty(60)
        assert outbox.acked == outbox.last > 5000
        journal = {entry.id: entry for entry in outbox.read(0, 10**6)}
    arrived = Counter()
    for _, key, value, headers in broker.records():
        identity = headers["event_id"].decode()
        arrived[identity] += 1
        assert journal[identity].value.encode() == value
        assert event_id_of(decode_message(value, key)).hex() == identity
        assert headers["producer"] == b"test"
    assert set(arrived) == set(journal)


def test_a_station_stays_in_one_partition(tmp_path: Path, broker: KafkaBroker) -> None:
    done = meteostream("--config", settings_file(tmp_path, broker), "load", DATA / "senegal.csv", "--profile", "csv-fr")
    output = done.communicate(timeout=60)[0]
    assert done.returncode == 0, output
    assert "24 reports (24 distinct) acknowledged by the brokers, 0 lines rejected" in output
    partitions: dict[bytes, set[int]] = {}
    for partition, key, _, _ in broker.records():
        partitions.setdefault(key, set()).add(partition)
    assert len(partitions) == 3
    assert all(len(found) == 1 for found in partitions.values())


def test_loading_twice_sends_the_same_identities(tmp_path: Path, broker: KafkaBroker) -> None:
    """KF-111."""
    settings = settings_file(tmp_path, broker)
    for _ in range(2):
        done = meteostream("--config", settings, "load", DATA / "senegal.csv", "--profile", "csv-fr")
        output = done.communicate(timeout=60)[0]
        assert done.returncode == 0, output
    found = [headers["event_id"] for *_, headers in broker.records()]
    assert len(found) >= 48
    assert len(set(found)) == 24


def test_the_generator_drains_when_it_is_stopped(tmp_path: Path, broker: KafkaBroker) -> None:
    port = _free_port()
    settings = settings_file(
        tmp_path,
        broker,
        f'[generator]\nrate_per_second = 200\nmetrics_port = {port}\n[logging]\nfile = "{tmp_path}/generator.json"\n',
    )
    running = meteostream("--config", settings, "generate")
    try:
        acknowledged = 0.0
        end = time.monotonic() + 60
        while acknowledged < 600:
            assert time.monotonic() < end
            assert running.poll() is None, running.communicate()[0]
            time.sleep(0.5)
            try:
                text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
            except OSError:
                continue
            acknowledged = float(text.split("\nmeteostream_outbox_acknowledged_total ")[1].split()[0])
    finally:
        running.send_signal(signal.SIGTERM)
    output = running.communicate(timeout=40)[0]
    assert running.returncode == 0, output
    assert "all acknowledged" in (tmp_path / "generator.json").read_text()
    journal = {entry.id for entry in iterate(tmp_path / "outbox" / "generator")}
    assert {headers["event_id"].decode() for *_, headers in broker.records()} == journal
    assert len(journal) >= 600


def test_a_wrong_password_is_said_and_not_shown(tmp_path: Path, broker: KafkaBroker) -> None:
    """KF-64: the reports wait in the outbox, the log names the cause, the password stands nowhere."""
    settings = settings_file(tmp_path, broker)
    text = settings.read_text().replace(str(broker.settings.password), "canary-secret")
    settings.write_text(text)
    running = meteostream("--config", settings, "load", DATA / "senegal.csv", "--profile", "csv-fr")
    time.sleep(8)
    running.send_signal(signal.SIGINT)
    output = running.communicate(timeout=40)[0]
    assert running.returncode == 1
    assert "24 are safe in the outbox" in output
    assert "24 reports wait in the outbox" in output
    assert "canary-secret" not in output
