"""Three machines that are this one, with a stand-in for systemctl, so that an order over hosts shows without nodes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
HOSTS: Final = ("a", "b", "c")
GROUPS: Final = {
    "zookeeper": ["a", "b", "c"],
    "kafka": ["a", "b", "c"],
    "namenode": ["a", "b"],
    "journalnode": ["a", "b", "c"],
    "datanode": ["a", "b", "c"],
    "spark_master": ["a"],
    "spark_worker": ["b", "c"],
    "postgres": ["a", "b"],
    "jobs": ["c"],
}


@dataclass(frozen=True)
class Machines:
    """Where the stand-ins keep their state, and the inventory that names them."""

    folder: Path

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["ansible-playbook", "--inventory", str(self.folder / "hosts.yml"), f"playbooks/{playbook}"]
        environment = os.environ | {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*command, *arguments], check=False, capture_output=True, text=True, cwd=REPOSITORY, env=environment
        )

    def log(self) -> list[tuple[str, str, str]]:
        """(start, ready or stop; host; unit), in their order."""
        text = (self.folder / "log").read_text(encoding="utf-8")
        return [(event, host, unit) for event, host, unit in (line.split() for line in text.splitlines())]


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    """Machines on which nothing runs."""
    return make_machines(tmp_path)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Machines:
    """Machines after one start.yml; tests that change something put it back."""
    made = make_machines(tmp_path_factory.mktemp("started"))
    done = made.play("start.yml")
    assert done.returncode == 0, done.stdout
    return made


def make_machines(tmp_path: Path) -> Machines:
    (tmp_path / "bin").mkdir()
    shutil.copy(Path(__file__).parent / "systemctl", tmp_path / "bin" / "systemctl")
    (tmp_path / "slow").write_text("700\n", encoding="utf-8")
    (tmp_path / "log").write_text("", encoding="utf-8")
    for host in HOSTS:
        (tmp_path / host).mkdir()
        interpreter = tmp_path / host / "python"
        interpreter.write_text(
            f"#!/bin/sh\nexport FAKE_HOST={host} FAKE_UNITS={tmp_path} PATH={tmp_path}/bin:$PATH\n"
            f'exec {sys.executable} "$@"\n',
            encoding="utf-8",
        )
        interpreter.chmod(0o755)
    inventory = {
        "all": {
            "vars": {"ansible_connection": "local", "ansible_become": False},
            "hosts": {
                host: {
                    "ansible_host": f"127.0.0.{place}",
                    "ansible_python_interpreter": str(tmp_path / host / "python"),
                }
                for place, host in enumerate(HOSTS, start=11)
            },
        }
    } | {group: {"hosts": dict.fromkeys(members)} for group, members in GROUPS.items()}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    return Machines(tmp_path)
