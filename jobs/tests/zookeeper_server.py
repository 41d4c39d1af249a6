"""One real ZooKeeper for tests, from the project's own bundle, on loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from bundles import newest

START_S = 60.0
JVM = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]


def bundle() -> Path | None:
    """The newest bundle of ZooKeeper in the cache, None if there is none."""
    return newest("zookeeper")


class ZooKeeperServer:
    """A server that a test may kill; it dies with the thread that started it (a test's main one)."""

    def __init__(self, folder: Path) -> None:
        archive = bundle()
        assert archive is not None, "expected the bundle zookeeper in the cache; './meteo fetch' makes it"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)  # noqa: S603, S607 - ours
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._config = folder / "zoo.cfg"
        self._config.write_text(
            f"dataDir={folder}/data\nclientPort={self._port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\ntickTime=500\n4lw.commands.whitelist=ruok\n"
        )

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.1:{self._port}"]

    def start(self) -> None:
        """Start and wait until it answers."""
        main = "org.apache.zookeeper.server.ZooKeeperServerMain"
        java = ["setpriv", "--pdeathsig", "KILL", "java", *JVM, f"-Djava.io.tmpdir={self._folder}"]
        command = [*java, "-cp", f"{self._folder}/lib/*", main, str(self._config)]
        with (self._folder / "zookeeper.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - ours
        end = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self._folder / "zookeeper.log").read_text()[-3000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=2) as connection:
                connection.sendall(b"ruok")
                return connection.recv(4) == b"imok"
        except OSError:
            return False
