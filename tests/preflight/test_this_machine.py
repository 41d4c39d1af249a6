"""The whole of preflight against a real machine, this one: what its module sees is what is judged."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PLAY: Final = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.import_role": {"name": "preflight", "rolespec_validate": False}}],
    }
]


class Machine:
    """This machine as the only node of an inventory: ZooKeeper and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        host = {"ansible_connection": "local", "ansible_host": "127.0.0.1", "zookeeper_id": 1}
        inventory = {"all": {"hosts": {"n1": host}}, "zookeeper": {"hosts": {"n1": {}}}}
        (folder / "hosts.yml").write_text(yaml.safe_dump(inventory), "utf-8")
        (folder / "play.yml").write_text(yaml.safe_dump(PLAY), "utf-8")
        (folder / "secrets.yml").write_text("meteo_vault_id: 0123456789abcdef\n", "utf-8")

    def refused(self, **variables: Any) -> dict[str, str]:
        """Return check -> the lines about it."""
        command = ["ansible-playbook", str(self.folder / "play.yml"), "--inventory", str(self.folder / "hosts.yml")]
        done = subprocess.run(
            [*command, "--extra-vars", yaml.safe_dump(variables, default_flow_style=True, width=10**6)],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert "changed=0" in done.stdout, done.stdout + done.stderr
        message = done.stdout.partition("fatal:")[2].partition("msg: |-\n")[2]
        findings: dict[str, str] = {}
        check = ""
        for line in message.splitlines():
            if line.strip().startswith("n1: "):
                check = line.strip().removeprefix("n1: ")
            findings[check] = findings.get(check, "") + line.strip() + "\n"
        return findings


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_everything_that_is_wrong_is_found_in_one_run(machine: Machine) -> None:
    """Memory, disk, an account, and a port that a process of ours holds here: each with what was found."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = machine.refused(
            topology_daemon_overrides={"zookeeper": {"memory_mb": 50_000_000}},
            topology_port_overrides={"zookeeper_client": {"port": port}},
            preflight_disk_mb={"zookeeper": 50_000_000_000},
            topology_operators=["nobody-of-that-name"],
        )
    assert "50000000" in found["memory"]
    assert [check for check in found if check.startswith("disk of ")]
    assert f"(pid {os.getpid()})" in found[f"port {port} (zookeeper_client)"]
    assert "nobody-of-that-name" in found["topology_operators"]


def test_what_is_right_is_not_refused(machine: Machine) -> None:
    """Checks of what a test machine cannot promise (its system, systemd, root, ports) are left out."""
    found = machine.refused(preflight_memory_reserve_mb=1, topology_operators=["root"], preflight_disk_reserve_mb=1,
                            preflight_disk_mb={"zookeeper": 1})  # fmt: skip
    assert not found.keys() & {"memory", "clock", "topology_operators", "secrets", "disk of /"}


@pytest.mark.parametrize(("seconds", "word"), [(3600, "ahead"), (-3600, "behind")])
def test_a_clock_that_is_apart_is_found(machine: Machine, seconds: int, word: str) -> None:
    """The machine's Python alone has another time: nobody's clock is touched."""
    shift = f"import time\nreal = time.time\ntime.time = lambda: real() + {seconds}\n"
    (machine.folder / "sitecustomize.py").write_text(shift, "utf-8")
    python = machine.folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={machine.folder} exec /usr/bin/python3 "$@"\n', "utf-8")
    python.chmod(0o755)
    found = machine.refused(ansible_python_interpreter=str(python))
    assert word in found["clock"]
