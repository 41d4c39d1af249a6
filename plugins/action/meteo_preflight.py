"""Check the inventory, its variables and one machine, and return every finding (`meteo_refuse` fails for all hosts).

plugins/modules/meteo_preflight.py has the options and looks at the machine; what is judged, and how, is in
plugins/plugin_utils/meteo_checks.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1] / "plugin_utils"))
from meteo_checks import Finding, inventory, machine
from meteo_checks.plan import Plan


class ActionModule(ActionBase):
    """Returns `findings`, `memory` (lines of the plan), `notes` and `python`; and the facts that roles need."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Judge; never fail for a finding."""
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "action": {"type": "str", "choices": ["deploy", "stop", "remove"], "default": "deploy"},
                "memory_reserve_mb": {"type": "int", "required": True},
                "disk_mb": {"type": "dict", "required": True},
                "disk_paths": {"type": "dict", "required": True},
                "disk_reserve_mb": {"type": "int", "required": True},
                "clock_skew_s": {"type": "float", "required": True},
                "sysctl": {"type": "dict", "default": {}},
                "accept_secrets": {"type": "bool", "default": False},
            }
        )
        plan = Plan(task_vars, self._templar.template)
        request = {
            "names": [plan.me["name"]],
            "ports": sorted({number for port in plan.ports.values() for number in inventory.port_range(port)}),
            "paths": sorted(str(path) for name, path in args["disk_paths"].items() if name in plan.local),
            "sysctl": sorted(args["sysctl"]),
            "accounts": list(plan["topology_operators"]),
        }
        before = time.time()
        answer: dict[str, Any] = self._execute_module("meteo_preflight", request, task_vars=task_vars)
        after = time.time()
        if "facts" not in answer:
            return result | answer
        facts = answer["facts"]
        marker = plan.vault_marker()
        shares = machine.memory_plan(plan.host, plan.local, plan.daemons, plan.groups)
        findings = plan.offline_findings(args["action"])
        findings += self._machine_findings(args, plan, facts, shares, marker)
        if args["action"] == "deploy":
            findings += machine.clock(plan.host, facts, before, after, args["clock_skew_s"])
        limit = facts["memory_limit"] // machine.MIB
        major, minor, micro = facts["python"]
        release = facts["os_release"]
        return result | {
            "changed": False,
            "findings": [finding._asdict() for finding in findings],
            "memory": machine.memory_table(plan.host, shares, limit, args["memory_reserve_mb"]),
            "notes": machine.notes(plan.host, facts, args["sysctl"]),
            "python": f"{major}.{minor}",
            "ansible_facts": {
                "distribution": release.get("ID", "unknown").capitalize(),
                "distribution_major_version": release.get("VERSION_ID", "0").split(".")[0],
                "distribution_release": release.get("VERSION_CODENAME", ""),
                "hostname": facts["hostname"].split(".")[0],
                "python": {"version": {"major": major, "minor": minor, "micro": micro}},
                "meteo": {
                    "container": facts["container"],
                    "vault_marker": marker,
                    "memory_spare_mb": machine.memory_spare(facts, shares, args["memory_reserve_mb"]),
                },
            },
        }

    @staticmethod
    def _machine_findings(
        args: dict[str, Any], plan: Plan, facts: dict[str, Any], shares: list[machine.Share], marker: dict[str, Any]
    ) -> list[Finding]:
        host = plan.host
        findings = machine.system(host, facts)
        if args["action"] != "deploy":
            return findings
        findings += machine.memory(host, facts, shares, args["memory_reserve_mb"])
        bounds = {name: int(mib) for name, mib in args["disk_mb"].items() if name in args["disk_paths"] and int(mib)}
        stores = {name: (str(args["disk_paths"][name]), bounds[name]) for name in plan.local if name in bounds}
        findings += machine.disk(host, facts, stores, args["disk_reserve_mb"])
        findings += machine.names(host, facts, plan.me["address"])
        findings += machine.held_ports(host, facts, plan.me["bind"], plan.local, plan.ports, plan.daemons)
        findings += machine.operators(host, facts, plan["topology_operator_group"])
        if marker and not args["accept_secrets"]:
            findings += machine.secrets(host, facts["vault"], marker)
        return findings
