"""One real Kafka broker for tests, from the project's own bundle, with SASL/SCRAM, on loopback."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from bundles import newest
from meteostream.config import Kafka

USER = "jobs"
TOPIC = "weather.observations"
PARTITIONS = 4
OBSERVATIONS = {TOPIC: PARTITIONS}
"""The topic of reports, as the platform has it."""
START_S = 90.0
JVM = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]


def bundle() -> Path | None:
    """The newest bundle of Kafka in the cache, None if there is none."""
    return newest("kafka")


class KafkaBroker:
    """A broker that a test may kill; it dies with the thread that started it (a test's main one).

    Parameters
    ----------
    folder
        For its files.
    """

    def __init__(self, folder: Path) -> None:
        archive = bundle()
        assert archive is not None, "expected the bundle kafka in the cache; './meteo fetch' makes it"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(16)
        # Not tarfile: Debian 12's Python has no extraction filter yet.
        (folder / "kafka").mkdir()
        subprocess.run(["tar", "-xf", archive, "-C", folder / "kafka"], check=True)  # noqa: S603, S607 - ours
        self._port, internal, controller = (_free_port() for _ in range(3))
        self._config = folder / "server.properties"
        self._config.write_text(
            f"""
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=CLIENT://127.0.0.1:{self._port},INTERNAL://127.0.0.1:{internal},CONTROLLER://127.0.0.1:{controller}
inter.broker.listener.name=INTERNAL
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"""
        )
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        scram = f"SCRAM-SHA-512=[name={USER},password={self._password}]"
        self._java("kafka.tools.StorageTool", "format", "-t", cluster, "--standalone", "--add-scram", scram, check=True)

    @property
    def settings(self) -> Kafka:
        """As a client has them in its file."""
        return Kafka(bootstrap=[f"127.0.0.1:{self._port}"], username=USER, password=self._password)

    def toml(self) -> str:
        """The section of a settings file."""
        return f'[kafka]\nbootstrap = ["127.0.0.1:{self._port}"]\nusername = "{USER}"\npassword = "{self._password}"\n'

    def start(self) -> None:
        """Start and wait until it answers."""
        command = ["setpriv", "--pdeathsig", "KILL", *self._command("kafka.Kafka", str(self._config))]
        with (self._folder / "kafka.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment())  # noqa: S603 - ours
        end = time.monotonic() + START_S
        while True:
            try:
                KafkaAdminClient(**self._client(), bootstrap_timeout_ms=2000, reconnect_backoff_max_ms=300).close()
            except (KafkaError, OSError):
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((self._folder / "kafka.log").read_text()[-3000:]) from None
                time.sleep(0.3)
            else:
                return

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is flushed."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """Stop in order."""
        self._signal(signal.SIGTERM)

    def create_topics(self, partitions: Mapping[str, int]) -> None:
        """Topics and their numbers of partitions."""
        admin = KafkaAdminClient(**self._client())
        admin.create_topics([NewTopic(name, count, replication_factor=1) for name, count in partitions.items()])
        admin.close()

    def records(self) -> list[tuple[int, bytes, bytes, dict[str, bytes]]]:
        """Partition, key, value and headers of every message so far."""
        consumer = KafkaConsumer(
            TOPIC, **self._client(), auto_offset_reset="earliest", enable_auto_commit=False, consumer_timeout_ms=3000
        )
        found = [(record.partition, record.key, record.value, dict(record.headers)) for record in consumer]
        consumer.close()
        return found

    def _client(self) -> dict[str, object]:
        return {
            "bootstrap_servers": f"127.0.0.1:{self._port}",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": USER,
            "sasl_plain_password": self._password,
        }

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(60)

    def _command(self, *arguments: str) -> list[str]:
        return ["java", *JVM, f"-Djava.io.tmpdir={self._folder}", "-cp", f"{self._folder}/kafka/lib/*", *arguments]

    def _java(self, main: str, verb: str, *arguments: str, check: bool) -> None:
        command = self._command(main, verb, "-c", str(self._config), *arguments)
        subprocess.run(command, check=check, capture_output=True, env=self._environment())  # noqa: S603 - ours

    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("KAFKA_")}


@contextmanager
def running_broker(partitions: Mapping[str, int]) -> Iterator[KafkaBroker]:
    """A broker with these topics, for as long as the block."""
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        broker = KafkaBroker(Path(folder))
        broker.start()
        try:
            broker.create_topics(partitions)
            yield broker
        finally:
            broker.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
