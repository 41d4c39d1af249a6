"""The role's provisioning of Airflow's database, by Airflow itself against a real PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SCRIPT: Final = "roles/airflow/files/provision.py"
KEY: Final = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
OTHER_KEY: Final = "dXRzcnFwb25tbGtqaWhnZmVkY2JhOTg3NjU0MzIxMHY="
SETTINGS: Final[dict[str, Any]] = {
    "admin": {"username": "admin", "email": "admin@meteo.internal", "password": "first-0123456789"},
    "pools": {"yarn": {"slots": 1, "description": "Applications"}},
    "connections": {
        "warehouse": {"conn_type": "postgres", "host": "node1", "port": 5432, "password": "x-01234567"},
        "spark_yarn": {"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster"}},
    },
    "variables": {"greeting": "Naka nga def"},
}  # fmt: skip


class Database:
    """A PostgreSQL of this test's own, from Debian's package, with an empty database for Airflow."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        assert found, "expected PostgreSQL's server below /usr/lib/postgresql; apt-get install postgresql"
        self.programs = found[-1].parent

    def run(self, *command: object) -> None:
        words = [str(word) for word in command]
        if os.geteuid() == 0:
            words = ["runuser", "-u", "postgres", "--", *words]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)

    def start(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run(
            self.programs / "initdb", "-D", "data", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-U", "airflow"
        )
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        self.run(self.programs / "pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")
        self.run(self.programs / "createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "airflow", "airflow")

    def stop(self) -> None:
        self.run(self.programs / "pg_ctl", "-D", "data", "-m", "immediate", "stop")


class Airflow:
    """Airflow's environment, set up as the role does, with this test's database."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.environment = os.environ | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow@/airflow?host=127.0.0.1:{port}",
            "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "AIRFLOW__CORE__FERNET_KEY": KEY,
        }

    def provision(self, settings: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script once, with settings of this call's own."""
        with tempfile.NamedTemporaryFile("w", dir=self.home, suffix=".json", encoding="utf-8") as file:
            json.dump(settings, file)
            file.flush()
            return subprocess.run(
                ["scripts/airflow-python", SCRIPT, file.name],
                cwd=REPOSITORY, env=self.environment | environment,
                capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip


def changes(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return [line.removeprefix("changed: ") for line in done.stdout.splitlines() if line.startswith("changed: ")]


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = Path(tempfile.mkdtemp(prefix="meteostream-airflow-"))
    database = Database(folder)
    database.start()
    yield Airflow(tmp_path_factory.mktemp("airflow"), database.port)
    database.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def first(airflow: Airflow) -> list[list[str]]:
    """What two hosts changed that provisioned an empty database at the same moment."""
    with ThreadPoolExecutor(2) as pool:
        return [changes(done) for done in pool.map(airflow.provision, [SETTINGS, SETTINGS])]


def test_two_at_once_make_one_database(first: list[list[str]]) -> None:
    """Airflow's lock lets one migrate at a time, and what the other finds made is not made again."""
    everything = [change for one in first for change in one]
    for what in ("pool yarn", "connection warehouse", "connection spark_yarn", "variable greeting", "account admin"):
        assert everything.count(what) == 1, first


def test_a_second_run_changes_nothing(airflow: Airflow, first: list[list[str]]) -> None:
    del first
    assert changes(airflow.provision(SETTINGS)) == []


def test_what_differs_is_put_right_and_nothing_else(airflow: Airflow, first: list[list[str]]) -> None:
    del first
    other = json.loads(json.dumps(SETTINGS))
    other["admin"]["password"] = "second-0123456789"  # noqa: S105 (a test's)
    other["pools"]["yarn"]["slots"] = 3
    other["connections"]["warehouse"]["password"] = "another-0123456789"  # noqa: S105 (a test's)
    done = airflow.provision(other)
    assert changes(done) == ["pool yarn", "connection warehouse", "password of admin"]
    assert not [word for word in ("second-0123456789", "another-0123456789") if word in done.stdout + done.stderr]
    assert changes(airflow.provision(SETTINGS)) == ["pool yarn", "connection warehouse", "password of admin"]


def test_another_key_is_refused_with_what_to_do_kf_16(airflow: Airflow, first: list[list[str]]) -> None:
    """KF-16: a key that does not fit is found before any daemon has it, and the database stays as it is."""
    del first
    done = airflow.provision(SETTINGS, AIRFLOW__CORE__FERNET_KEY=OTHER_KEY)
    assert done.returncode == 1
    assert "Fernet key" in done.stderr
    assert "secret_airflow_fernet" in done.stderr
    assert changes(airflow.provision(SETTINGS)) == []
