"""Filters that read the platform's shape from the inventory's groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

GROUPS = [
    "zookeeper",
    "kafka",
    "journalnode",
    "namenode",
    "datanode",
    "resourcemanager",
    "nodemanager",
    "mapred_history",
    "spark_master",
    "spark_worker",
    "spark_history",
    "postgres",
    "postgres_proxy",
    "redis",
    "airflow_api",
    "airflow_scheduler",
    "airflow_dag_processor",
    "airflow_triggerer",
    "airflow_worker",
    "elasticsearch",
    "logstash",
    "kibana",
    "prometheus",
    "gateway",
    "pgadmin",
    "dashboard",
    "jobs",
]


def member(host: str, hostvars: Mapping[str, Any]) -> dict[str, str]:
    """Return how others reach `host`: inventory name, advertised name, cluster address, bind address.

    The three names are three different variables (KF-62): `meteo_name`, `meteo_address` and
    `meteo_bind_address`. Only static inventory data is read, so that `--limit` works (KF-59).
    """
    variables = hostvars[host]
    address = variables.get("meteo_address") or variables.get("ansible_host") or host
    return {
        "host": str(host),
        "name": str(variables.get("meteo_name") or host),
        "address": str(address),
        "bind": str(variables.get("meteo_bind_address") or address),
    }


def topology(groups: Mapping[str, Iterable[str]], hostvars: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
    """Return every group's members, in inventory order; every group of the design exists, if only empty."""
    members = {host: member(host, hostvars) for host in groups.get("all", [])}
    result: dict[str, list[dict[str, str]]] = {name: [] for name in GROUPS}
    for group, hosts in groups.items():
        result[str(group)] = [members[host] for host in hosts if host in members]
    return result


def local_daemons(daemons: Mapping[str, Mapping[str, Any]], groups: Mapping[str, list[str]], host: str) -> list[str]:
    """Return the names of the daemons that run on `host`, in start order."""
    here = [
        (int(daemon["stage"]), str(name))
        for name, daemon in daemons.items()
        if host in groups.get(daemon["group"], []) and len(groups[daemon["group"]]) >= int(daemon.get("min_group", 1))
    ]
    return [name for _, name in sorted(here)]


def host_ids(hosts: Iterable[str], hostvars: Mapping[str, Any], variable: str) -> dict[str, str]:
    """Return host -> explicit id. Ids never come from a position in a list (KF-1, KF-2, KF-3)."""
    ids: dict[str, str] = {}
    for host in hosts:
        value = hostvars[host].get(variable)
        if value is None:
            raise AnsibleFilterError(f"host '{host}' has no '{variable}': give it a fixed one in the inventory")
        ids[str(host)] = str(value)
    if len(set(ids.values())) != len(ids):
        raise AnsibleFilterError(f"'{variable}' must differ between hosts, found {ids}")
    return ids


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        return {
            "meteo_topology": topology,
            "meteo_member": member,
            "meteo_local_daemons": local_daemons,
            "meteo_host_ids": host_ids,
        }
