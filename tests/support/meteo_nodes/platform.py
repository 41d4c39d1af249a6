"""An inventory's machines, as tests drive and question them."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import testinfra
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[3]
SUPPORT_PLAYBOOKS: Final = REPOSITORY / "tests" / "support" / "playbooks"
CACHE: Final = Path(
    os.environ.get("METEO_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meteostream"
)


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook, read from its JSON.

    Attributes:
        code: Exit code.
        seconds: How long it took.
        stats: Host to its counters (ok, changed, failures, unreachable, skipped, ...).
        results: (host, name of the task, its result), in the order of the run.
        text: What it printed beside the JSON.
    """

    code: int
    seconds: float
    stats: Mapping[str, Mapping[str, int]]
    results: Sequence[tuple[str, str, Mapping[str, Any]]] = field(repr=False)
    text: str = field(repr=False, default="")

    @property
    def changed(self) -> list[tuple[str, str]]:
        """(host, task) of what changed something."""
        return [(host, name) for host, name, result in self.results if result.get("changed")]

    @property
    def tasks(self) -> int:
        """Tasks that ran, as the project counts them: ok (which includes changed), over all hosts."""
        return sum(counters["ok"] for counters in self.stats.values())

    @property
    def failures(self) -> str:
        """What failed, readable."""
        told = ("msg", "stdout", "stderr")
        found = [
            f"{host}: {name}: {' | '.join(str(result[key]) for key in told if result.get(key)) or dict(result)}"
            for host, name, result in self.results
            if result.get("failed") or result.get("unreachable")
        ]
        return "\n".join([*found, self.text])


class PlaybookError(AssertionError):
    """A run of ansible-playbook that had to succeed did not."""


class Platform:
    """The machines of one inventory."""

    def __init__(self, inventory: Path) -> None:
        self.inventory = inventory
        self._reached: dict[tuple[str, bool], Any] = {}

    @cached_property
    def topology(self) -> dict[str, Any]:
        """What roles/topology derives: `hosts` (host to daemons, member, version of PostgreSQL), `daemons`, `ports`."""
        run = self.playbook(SUPPORT_PLAYBOOKS / "topology.yml")
        (found,) = (result["msg"] for _, name, result in run.results if name == "Show the topology")
        return dict(found)

    @property
    def hosts(self) -> list[str]:
        return list(self.topology["hosts"])

    def members(self, group: str) -> list[str]:
        """Hosts of a group, in the inventory's order."""
        return [host for host, facts in self.topology["hosts"].items() if group in facts["groups"]]

    def first(self, group: str) -> Any:
        """The first host of a group, reached as root."""
        return self.host(self.members(group)[0])

    def port(self, name: str) -> int:
        return int(self.topology["ports"][name]["port"])

    def variables(self, host: str) -> dict[str, Any]:
        """The inventory's variables of a host, as they stand there."""
        command = ["ansible-inventory", "--inventory", str(self.inventory), "--host", host]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))

    def ssh_config(self, host: str) -> Path:
        """The file by which ssh reaches a local node (roles/local_nodes writes it)."""
        return CACHE / "nodes" / str(self.variables(host)["local_nodes_cluster"]) / "ssh_config"

    def host(self, name: str, *, sudo: bool = True) -> Any:
        """A testinfra host, as root or as the operator's account."""
        if (name, sudo) not in self._reached:
            self._reached[name, sudo] = testinfra.get_host(
                f"ssh://{name}?sudo={sudo}&controlpersist=600", ssh_config=str(self.ssh_config(name))
            )
        return self._reached[name, sudo]

    def ssh(self, host: str, command: str, *, given: str = "", timeout: int = 600) -> subprocess.CompletedProcess[str]:
        """Run a command as root with text on its standard input: what must not stand on a command line."""
        line = ["ssh", "-F", str(self.ssh_config(host)), host, f"sudo sh -c {shlex.quote(command)}"]
        return subprocess.run(line, check=False, capture_output=True, text=True, input=given, timeout=timeout)

    def secrets(self) -> dict[str, str]:
        """Every secret of the inventory's vault, by name."""
        vault = ["ansible-vault", "view", str(self.inventory / "secrets.yml")]
        environment = os.environ | {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
        text = subprocess.run(vault, check=True, capture_output=True, text=True, cwd=REPOSITORY, env=environment).stdout
        return {name: str(value) for name, value in yaml.safe_load(text).items() if name.startswith("secret_")}

    def copy(self, source: Path, host: str, target: str) -> None:
        """Copy a file to a path on a node that the operator's account may write."""
        config = str(self.ssh_config(host))
        subprocess.run(["scp", "-q", "-F", config, str(source), f"{host}:{target}"], check=True)

    def playbook(
        self, playbook: Path | str, *arguments: str, check: bool = True, timeout: int = 1800, source: Path = REPOSITORY
    ) -> Run:
        """Run a playbook and read its results; with `check` a failed run is an error that says why.

        Args:
            playbook: A path, or the name of one in playbooks/ of `source`.
            arguments: More arguments of ansible-playbook.
            check: Whether the run has to succeed.
            timeout: Seconds it may take.
            source: Repository whose roles, plugins and settings it uses.
        """
        path = playbook if isinstance(playbook, Path) else source / "playbooks" / playbook
        command = ["ansible-playbook", "--inventory", str(self.inventory), str(path), *arguments]
        environment = ansible_environment(
            ANSIBLE_CONFIG=str(source / "ansible.cfg"),
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
            ANSIBLE_JSON_INDENT="0",
        )
        begin = time.monotonic()
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=timeout, env=environment, cwd=source
        )
        run = read_run(done.returncode, time.monotonic() - begin, done.stdout, done.stderr)
        if check and run.code != 0:
            raise PlaybookError(f"expected {' '.join(command)} to succeed, found exit code {run.code}:\n{run.failures}")
        return run

    def processes(self) -> dict[tuple[str, str], int]:
        """(host, daemon) to the id of its main process."""
        return {where: facts["main_pid"] for where, facts in self.report().items()}

    def report(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(host, daemon) to what meteo_daemons reports of it: state, health, main_pid, restarts, pss_mb, ..."""
        run = self.playbook(SUPPORT_PLAYBOOKS / "report.yml")
        return {
            (host, daemon["name"]): daemon
            for host, name, result in run.results
            if name == "Report on the daemons"
            for daemon in result["daemons"]
        }

    def sql(self, query: str, database: str = "warehouse") -> list[dict[str, str | None]]:
        """Rows of a query on the primary, as text; NULL is None.

        It runs on a node as the superuser by psql: no code of ours, no password.
        """
        done = self.host(self.primary()).run(
            "cd / && sudo -u postgres psql -qX -v ON_ERROR_STOP=1 -d %s -c %s",
            database,
            f"COPY ({' '.join(query.split())}) TO STDOUT WITH (FORMAT csv, HEADER, NULL '<NULL>')",
        )
        if done.rc != 0:
            raise AssertionError(f"{query}: {done.stderr}")
        rows = csv.DictReader(io.StringIO(done.stdout))
        return [{key: None if value == "<NULL>" else value for key, value in row.items()} for row in rows]

    def primary(self) -> str:
        """The host whose PostgreSQL accepts writes."""
        for name in self.members("postgres"):
            done = self.host(name).run("cd / && sudo -u postgres psql -qAtX -c 'SELECT pg_is_in_recovery()'")
            if done.stdout.strip() == "f":
                return name
        raise AssertionError("expected a host of the group postgres whose server is primary, found none")

    def value(self, query: str, database: str = "warehouse") -> str | None:
        """The one value of a query."""
        (row,) = self.sql(query, database)
        (value,) = row.values()
        return value

    def meteostream(self, *arguments: str, check: bool = True, timeout: int = 600) -> Any:
        """Run our command line on the first host of `jobs`, as the operator's account would."""
        host = self.host(self.members("jobs")[0], sudo=False)
        words = " ".join(["%s"] * len(arguments))
        done = host.run(f"timeout {timeout} meteostream {words}", *arguments)
        if check and done.rc != 0:
            raise AssertionError(
                f"expected meteostream {' '.join(arguments)} to succeed, found exit code {done.rc}:\n"
                f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done


def ansible_environment(**settings: str) -> dict[str, str]:
    """The environment of an ansible-playbook whose output is read: this repository's settings, no colours."""
    forced = {"ANSIBLE_FORCE_COLOR", "PY_COLORS", "FORCE_COLOR", "CLICOLOR_FORCE"}
    inherited = {name: value for name, value in os.environ.items() if name not in forced}
    ours = {"ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    return inherited | ours | settings


def read_run(code: int, seconds: float, out: str, err: str) -> Run:
    """Read the JSON of one run; what stands before it (warnings) is kept as text."""
    begin = out.find('{"')
    if begin < 0:
        return Run(code, seconds, {}, [], out + err)
    data = json.loads(out[begin:])
    results = [
        (host, task["task"]["name"], result)
        for play in data["plays"]
        for task in play["tasks"]
        for host, result in task["hosts"].items()
    ]
    return Run(code, seconds, data["stats"], results, out[:begin] + err)
