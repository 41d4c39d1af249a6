"""Print the journals and log tails that playbooks/journals.yml collected (`journals_report` of every host)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


def host_lines(host: str, report: Mapping[str, Any]) -> list[str]:
    """Return what to print of one host; nothing if all is well there."""
    if "daemons" not in report:
        return [f"=== {host}: no report: {report.get('msg', 'unknown')}"]
    lines = []
    for daemon in report["daemons"]:
        if "journal" not in daemon:
            continue
        state = f"{daemon['state']} ({daemon['substate']}), restarted {daemon['restarts']} times"
        lines += [f"=== {daemon['name']} on {host}: {state}: {daemon['health']}", *daemon["journal"]]
        for name, tail in daemon["logs"].items():
            lines += [f"--- {name}", *tail]
    return lines


class ActionModule(ActionBase):
    """Runs on the control machine only."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Print line by line: a result would show them escaped."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        hosts = task_vars["ansible_play_hosts_all"]
        lines = [line for host in hosts for line in host_lines(host, task_vars["hostvars"][host]["journals_report"])]
        for line in lines or ["Every daemon is healthy and was not restarted by systemd."]:
            Display().display(line)
        return result | {"changed": False}
