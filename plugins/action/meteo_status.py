"""Print the table of daemons that playbooks/status.yml collected, and fail if something is not healthy.

An action without a module: it reads the facts `status_expected` and `status_report` (of `meteo_daemons: state=report`)
of every host of the play, and prints on the control machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

NO_LOGIN: Final = "none"
CREDENTIALS: Final = "./meteo credentials"


class Row(NamedTuple):
    """One daemon on one host."""

    service: str
    node: str
    state: str
    memory: str
    address: str
    password: str
    health: str
    healthy: bool


HEADINGS: Final = ("SERVICE", "NODE", "STATE", "MEMORY", "ADDRESS", "PASSWORD", "HEALTH")


def address(daemon: Mapping[str, Any], ports: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Return the address of a daemon's web page, else what its clients connect to, else nothing."""
    if ui := daemon.get("ui"):
        return f"http://{expected['page_address']}:{ports[ui['port']]['port']}{ui['path']}"
    if client := daemon.get("client"):
        return f"{client['scheme']}://{expected['address']}:{ports[client['port']]['port']}{client['path']}"
    return ""


def password(daemon: Mapping[str, Any]) -> str:
    """Return where the password of a daemon's page or clients is."""
    if ui := daemon.get("ui"):
        return "none" if ui["login"] == NO_LOGIN else CREDENTIALS
    return CREDENTIALS if "client" in daemon else ""


def host_rows(host: str, facts_of_host: Mapping[str, Any], topology: Mapping[str, Any]) -> list[Row]:
    """Return a row for each daemon that belongs on a host, in start order, also if the host does not answer."""
    report, expected = facts_of_host["status_report"], facts_of_host["status_expected"]
    found = {entry["name"]: entry for entry in report.get("daemons", [])}
    silent = " ".join(str(report.get("msg", "no report")).split())
    rows = []
    for name in expected["daemons"]:
        daemon = topology["topology_daemons"][name]
        facts = found.get(name)
        where = (address(daemon, topology["topology_ports"], expected), password(daemon))
        if facts is None:
            rows.append(Row(name, host, "unknown", "", *where, silent, healthy=False))
            continue
        again = f", restarted {facts['restarts']} times" if facts["restarts"] else ""
        memory = f"{facts['pss_mb']} MB" if facts["pss_mb"] else ""
        rows.append(Row(name, host, facts["state"], memory, *where, facts["health"] + again, facts["healthy"]))
    return rows


def lines(rows: list[Row]) -> list[str]:
    """Return the table as lines, heading first; the last column is as wide as it needs to be."""
    cells = [HEADINGS, *([str(cell) for cell in row[: len(HEADINGS)]] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS) - 1)] + [0]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


class ActionModule(ActionBase):
    """Runs on the control machine only."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the table; the result says which daemons are not healthy."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        topology = {name: self._templar.template(task_vars[name]) for name in ("topology_daemons", "topology_ports")}
        hosts = task_vars["ansible_play_hosts_all"]
        rows = [row for host in hosts for row in host_rows(host, task_vars["hostvars"][host], topology)]
        heading, *body = lines(rows)
        display = Display()
        display.display("")
        display.display(heading, color="bright gray")
        for line, row in zip(body, rows, strict=True):
            display.display(line, color="green" if row.healthy else "red")
        display.display("")
        ill = [f"{row.service} on {row.node}" for row in rows if not row.healthy]
        if ill:
            message = (
                f"expected {len(rows)} healthy daemons, found {len(rows) - len(ill)}. Not healthy: "
                f"{', '.join(ill)}. Look further with: ./meteo logs SERVICE."
            )
            return result | {"failed": True, "msg": message}
        return result | {"changed": False}
