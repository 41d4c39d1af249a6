"""Filter that turns the platform's shape into settings of YARN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CLUSTER = "meteo"
# Setting of yarn-site.xml to the name of its port in topology_ports.
ADDRESSES = {
    "yarn.resourcemanager.address": "resourcemanager_rpc",
    "yarn.resourcemanager.scheduler.address": "resourcemanager_scheduler",
    "yarn.resourcemanager.resource-tracker.address": "resourcemanager_tracker",
    "yarn.resourcemanager.admin.address": "resourcemanager_admin",
    "yarn.resourcemanager.webapp.address": "resourcemanager_http",
}


def masters(
    members: Iterable[Mapping[str, str]], ids: Mapping[str, str], ports: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Return the settings by which everybody finds the ResourceManagers: one by its name, several by their ids.

    `members` are members as `meteo_topology` gives them, `ids` maps a member's host to its fixed id, `ports` is
    topology_ports.
    """
    members = list(members)
    alone = len(members) == 1
    settings = {} if alone else {
        "yarn.resourcemanager.ha.enabled": "true",
        "yarn.resourcemanager.cluster-id": CLUSTER,
        "yarn.resourcemanager.ha.rm-ids": ",".join(ids[member["host"]] for member in members),
    }  # fmt: skip
    for member in members:
        suffix = "" if alone else f".{ids[member['host']]}"
        settings[f"yarn.resourcemanager.hostname{suffix}"] = member["name"]
        for setting, port in ADDRESSES.items():
            settings[f"{setting}{suffix}"] = f"{member['name']}:{ports[port]['port']}"
    return settings


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"meteo_yarn_masters": masters}
