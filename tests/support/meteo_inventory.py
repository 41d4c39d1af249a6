"""Inventories that tests make, right but for what a test makes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

# One machine with the first line, as inventories/one has it.
GROUPS: Final = (
    "zookeeper", "kafka", "namenode", "datanode", "spark_master", "spark_worker", "spark_history", "postgres", "jobs",
)  # fmt: skip
IDENTITIES: Final = {
    "ansible_host": "10.99.0.11",
    "zookeeper_id": 1,
    "kafka_node_id": 1,
    "kafka_directory_id": "8L8c0yIfzbiug05picWVhg",
    "namenode_id": "nn1",
}


class Inventory:
    """An inventory that is right until a test makes something wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vars: dict[str, Any] = {"kafka_cluster_id": "oK8YZ__Nye4AkmLnceFxdA"}
        self.hosts: dict[str, dict[str, Any]] = {"n1": dict(IDENTITIES)}
        self.groups: dict[str, list[str]] = {group: ["n1"] for group in GROUPS}

    def add(self, host: str, *groups: str, **variables: Any) -> None:
        """Put another host with identities of its own into some groups."""
        number = len(self.hosts) + 1
        own = {"ansible_host": f"10.99.0.1{number}", "zookeeper_id": number, "kafka_node_id": number,
               "kafka_directory_id": f"8L8c0yIfzbiug05picWV{number}g", "namenode_id": f"nn{number}"}  # fmt: skip
        self.hosts[host] = own | variables
        for group in groups:
            self.groups.setdefault(group, []).append(host)

    def write(self) -> Path:
        """Write it for Ansible."""
        content = {
            "all": {"hosts": self.hosts, "vars": self.vars},
            **{group: {"hosts": {host: {} for host in hosts}} for group, hosts in self.groups.items()},
        }
        path = self.folder / "hosts.yml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path
