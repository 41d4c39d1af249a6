"""Print the platform's accounts with their passwords: to the screen alone, never to Ansible's log file or results.

meteo_credentials:
  secrets: {secret_kafka_admin: {service: Kafka, user: admin, port: kafka_broker}}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

HEADINGS: Final = ("SERVICE", "USER", "PASSWORD", "ADDRESS")


class Row(NamedTuple):
    """One account."""

    service: str
    user: str
    password: str
    address: str


def where(port: str | None, topology: Mapping[str, Any]) -> str:
    """Return the addresses of all hosts that serve a port: of the members of its daemon's group."""
    if port is None:
        return ""
    entry = topology["topology_ports"][port]
    daemons = [entry["daemon"]] if isinstance(entry["daemon"], str) else list(entry["daemon"])
    groups = {topology["topology_daemons"][daemon]["group"] for daemon in daemons}
    members = [member for group in sorted(groups) for member in topology["topology_members"].get(group, [])]
    return (
        ",".join(dict.fromkeys(f"{member['address']}:{entry['port']}" for member in members))
        or "(not in this inventory)"
    )


def rows(secrets: Mapping[str, Mapping[str, str]], values: Mapping[str, str], topology: Mapping[str, Any]) -> list[Row]:
    """Return a row for each secret that the vault has, in the order in which they are declared."""
    return [
        Row(secret["service"], secret["user"], values[name], where(secret.get("port"), topology))
        for name, secret in secrets.items()
        if name in values
    ]


def table(entries: list[Row]) -> list[str]:
    """Return the table as lines, heading first."""
    cells = [HEADINGS, *entries]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


class ActionModule(ActionBase):
    """Runs on the control node alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print the table; return how many accounts it has."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec({"secrets": {"type": "dict", "required": True}})
        compute = self._templar.template
        topology = {
            name: compute(task_vars[name]) for name in ("topology_ports", "topology_daemons", "topology_members")
        }
        values = {name: str(compute(task_vars[name])) for name in args["secrets"] if name in task_vars}
        accounts = rows(args["secrets"], values, topology)
        for line in table(accounts):
            Display().display(line, screen_only=True)
        return result | {"changed": False, "accounts": len(accounts)}
