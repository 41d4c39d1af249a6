"""Fail once, with every finding of every host in one message; or show the plan that the machines were checked against.

    meteo_refuse:
      checks: "{{ what meteo_preflight or meteo_validate returned, by host }}"
      show_plan: true

It is meant to run once for all hosts (run_once): when it fails, no host goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1] / "plugin_utils"))
from meteo_checks import Finding, machine, report


class ActionModule(ActionBase):
    """Runs on the control node alone."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Join what was found; findings about the whole inventory, which every host has, are told once."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {"checks": {"type": "dict", "required": True}, "show_plan": {"type": "bool", "default": False}}
        )
        checks = {host: check for host, check in args["checks"].items() if check}
        findings = {Finding(**finding) for check in checks.values() for finding in check.get("findings", [])}
        pythons = {host: check["python"] for host, check in checks.items() if "python" in check}
        findings |= set(machine.python_minors(pythons, task_vars["groups"]))
        if findings:
            return result | {"failed": True, "changed": False, "msg": report(sorted(findings))}
        lines = [line for check in checks.values() for line in [*check.get("memory", []), *check.get("notes", [])]]
        shown = {"_ansible_verbose_always": True, "msg": lines} if args["show_plan"] and lines else {}
        return result | {"changed": False, "checked": sorted(checks)} | shown
