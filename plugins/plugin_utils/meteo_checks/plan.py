"""One host's view of the platform, for action plugins: the topology role's variables, and all offline findings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import Finding, inventory, variables

ROLES = Path(__file__).resolve().parents[3] / "roles"
VARIABLES_OF_SECRETS = "secret_"
FINGERPRINT_LENGTH = 12


class Plan:
    """The variables of the topology role, computed for one host."""

    def __init__(self, task_vars: Mapping[str, Any], compute: Callable[[object], Any]) -> None:
        self.compute = compute
        self.host = task_vars["inventory_hostname"]
        self.vars = task_vars
        self.groups = {name: list(hosts) for name, hosts in task_vars["groups"].items()}
        self.daemons = self["topology_daemons"]
        self.ports = self["topology_ports"]
        self.local = self["topology_local_daemons"]
        self.members = self["topology_members"]
        self.me = self["topology_self"]

    def __getitem__(self, name: str) -> Any:
        return self.compute(self.vars[name])

    def offline_findings(self, action: str) -> list[Finding]:
        """Return what is wrong with the inventory, which no machine is needed for."""
        specs = variables.load(ROLES)
        known = {name for name in self.members if name not in self.groups} | {d["group"] for d in self.daemons.values()}
        findings = variables.check(self.host, self.vars, self.groups, specs, self.compute)
        findings += inventory.check(self.groups, self.vars["hostvars"], self.members["all"], known, action)
        if action == "deploy":
            findings += inventory.ports(self.host, self.local, self.ports)
        return findings

    def vault_marker(self) -> dict[str, Any]:
        """Return the vault's name and the beginnings of its secrets' digests, to keep on the machine.

        A secret of 16 random letters and digits or more (95 bits) cannot be found from a digest; still the file is
        root's alone.
        """
        if "meteo_vault_id" not in self.vars:
            return {}
        name = str(self["meteo_vault_id"])
        values = {key: str(self[key]) for key in self.vars if key.startswith(VARIABLES_OF_SECRETS)}
        return {
            "vault": name,
            "fingerprints": {
                key: hashlib.sha256(f"{name}|{key}|{value}".encode()).hexdigest()[:FINGERPRINT_LENGTH]
                for key, value in sorted(values.items())
            },
        }
