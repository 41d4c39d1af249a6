"""Check the shape of the whole platform: groups, identities, addresses, ports. Needs no machine."""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from . import Finding

Groups = Mapping[str, list[str]]
Hosts = Mapping[str, Mapping[str, Any]]

# A group that has members needs members in these groups too.
NEEDS = {
    "datanode": ("namenode",),
    "namenode": ("datanode",),
    "journalnode": ("namenode",),
    "spark_master": ("spark_worker",),
    "spark_worker": ("spark_master",),
    "spark_history": ("namenode",),
    "postgres": ("zookeeper",),
    "resourcemanager": ("nodemanager", "namenode", "zookeeper"),
    "nodemanager": ("resourcemanager",),
    "mapred_history": ("resourcemanager",),
    "airflow_api": ("airflow_scheduler", "airflow_dag_processor", "airflow_triggerer", "airflow_worker"),
    "airflow_scheduler": ("airflow_api", "postgres", "redis"),
    "airflow_dag_processor": ("airflow_api",),
    "airflow_triggerer": ("airflow_api",),
    "airflow_worker": ("airflow_api", "redis"),
    "pgadmin": ("postgres",),
    "jobs": ("kafka", "postgres", "namenode", "spark_worker"),
}
# With two members or more these need ZooKeeper for their elections.
ELECTED = ("namenode", "resourcemanager", "spark_master")
HA_JOURNALS = 3
# Services that this version runs on one host only.
SINGLE = ("redis", "pgadmin")
ZOOKEEPER_IDS = range(1, 256)
UUID_BYTES = 16
NEAR = 0.8


def zookeeper_size(groups: Groups) -> list[Finding]:
    """Refuse an even ensemble: it survives no more failures than one member less, and more can fail (KF-44)."""
    size = len(groups.get("zookeeper", []))
    if size == 0 or size % 2:
        return []
    return [
        Finding(
            "",
            "ZooKeeper's size",
            "an odd number of hosts in the group zookeeper",
            f"{size}: {', '.join(groups['zookeeper'])}",
            "add one or take one away; two members fail more often than one",
        )
    ]


def needed_groups(groups: Groups) -> list[Finding]:
    """Refuse a group whose daemons could do nothing without another one's."""
    findings = [
        Finding(
            "",
            f"group {group}",
            f"hosts in the group {other}, which {group} depends on",
            "none",
            f"put at least one host into {other}, or take those of {group} out",
        )
        for group, others in NEEDS.items()
        for other in others
        if groups.get(group) and not groups.get(other)
    ]
    findings += [
        Finding(
            "",
            f"group {group}",
            "ZooKeeper for the election between its members",
            "no host in zookeeper",
            f"put one or three hosts into zookeeper, or leave one host in {group}",
        )
        for group in ELECTED
        if len(groups.get(group, [])) > 1 and not groups.get("zookeeper")
    ]
    return findings


def journals(groups: Groups) -> list[Finding]:
    """Refuse two NameNodes that could not share an edit log."""
    names, count = groups.get("namenode", []), len(groups.get("journalnode", []))
    if len(names) > 1 and (count < HA_JOURNALS or count % 2 == 0):
        return [
            Finding(
                "",
                "HDFS with several NameNodes",
                f"an odd number of journalnodes, {HA_JOURNALS} or more",
                f"{len(names)} namenodes and {count} journalnodes",
                "put three hosts into journalnode, or leave one host in namenode",
            )
        ]
    if len(names) <= 1 and count:
        return [
            Finding("", "group journalnode", "two hosts in namenode, which journalnodes serve", f"{len(names)}",
                    "put a second host into namenode, or empty journalnode")
        ]  # fmt: skip
    return []


def single(groups: Groups) -> list[Finding]:
    """Refuse a second member of a service whose members would each hold data of their own."""
    return [
        Finding("", f"group {group}", "at most one host", f"{len(groups[group])}: {', '.join(groups[group])}",
                f"leave one host in {group}")
        for group in SINGLE
        if len(groups.get(group, [])) > 1
    ]  # fmt: skip


def trigger_logs(groups: Groups) -> list[Finding]:
    """Refuse a triggerer whose logs nobody would serve: the workers' log server serves both."""
    apart = [host for host in groups.get("airflow_triggerer", []) if host not in groups.get("airflow_worker", [])]
    return [
        Finding(host, "group airflow_triggerer", "a host that is in airflow_worker too, whose log server serves both",
                "one that is not", "put it into airflow_worker, or take it out of airflow_triggerer")
        for host in apart
    ]  # fmt: skip


def misspelt_groups(groups: Groups, known: Iterable[str]) -> list[Finding]:
    """Refuse a group whose name is nearly one of ours: its hosts would silently get nothing."""
    names = sorted(known)
    findings = []
    for group in groups:
        near = difflib.get_close_matches(group, names, n=1, cutoff=NEAR)
        if groups[group] and group not in names and near and not groups.get(near[0]):
            findings.append(
                Finding("", f"group {group}", "groups that the platform knows", "one that it does not",
                        f"did you mean {near[0]}? Rename it")
            )  # fmt: skip
    return findings


def is_uuid(value: object) -> bool:
    """Return whether a text is a Kafka id: 16 bytes in URL-safe base64 without padding."""
    try:
        return len(base64.urlsafe_b64decode(f"{value}==")) == UUID_BYTES and len(str(value)) == 22
    except (binascii.Error, ValueError):
        return False


def _ids(group: str, variable: str, groups: Groups, hosts: Hosts) -> list[Finding]:
    """Return missing and doubled identities of a group's members."""
    findings, holders = [], defaultdict(list)
    for host in groups.get(group, []):
        value = hosts[host].get(variable)
        if value is None:
            findings.append(
                Finding(
                    host,
                    f"identity {variable}",
                    f"a fixed value for every host of {group}",
                    "none",
                    f"give the host a {variable} in the inventory, and never change it",
                )
            )
        else:
            holders[str(value)].append(host)
    findings += [
        Finding(
            "",
            f"identity {variable}",
            f"a value of its own for every host of {group}",
            f"{value} on {', '.join(members)}",
            "give each another one; a member that has run already keeps the one it has",
        )
        for value, members in holders.items()
        if len(members) > 1
    ]
    return findings


def identities(groups: Groups, hosts: Hosts) -> list[Finding]:
    """Check the identities that are written down for every member (KF-1, KF-2, KF-3)."""
    findings = _ids("zookeeper", "zookeeper_id", groups, hosts)
    findings += _ids("kafka", "kafka_node_id", groups, hosts)
    findings += _ids("kafka", "kafka_directory_id", groups, hosts)
    findings += _ids("namenode", "namenode_id", groups, hosts)
    findings += _ids("resourcemanager", "resourcemanager_id", groups, hosts)
    for host in groups.get("zookeeper", []):
        value = hosts[host].get("zookeeper_id")
        if value is not None and not (str(value).isdigit() and int(value) in ZOOKEEPER_IDS):
            findings.append(
                Finding(host, "identity zookeeper_id", "a number from 1 to 255", repr(value), "choose one that is free")
            )
    make = (
        "make one with: python3 -c "
        "'import base64, uuid; print(base64.urlsafe_b64encode(uuid.uuid4().bytes)[:22].decode())'"
    )
    for host in groups.get("kafka", []):
        value = hosts[host].get("kafka_directory_id")
        if value is not None and not is_uuid(value):
            findings.append(
                Finding(host, "identity kafka_directory_id", "22 characters of base64 (16 bytes)", repr(value), make)
            )
    clusters = {hosts[host].get("kafka_cluster_id") for host in groups.get("kafka", [])}
    if clusters and (len(clusters) > 1 or not is_uuid(next(iter(clusters)))):
        found = ", ".join(sorted(str(value) for value in clusters))
        findings.append(
            Finding(
                "",
                "identity kafka_cluster_id",
                "one id, the same for all of kafka: 22 characters of base64",
                found,
                make,
            )
        )
    return findings


def addresses(members: Iterable[Mapping[str, str]]) -> list[Finding]:
    """Check names and addresses: one each, and none that only its own host can reach (KF-62)."""
    members = list(members)
    findings = []
    for key, what in (("address", "cluster address"), ("name", "advertised name")):
        holders = defaultdict(list)
        for member in members:
            holders[member[key]].append(member["host"])
        variable = {"address": "meteo_address (or ansible_host)", "name": "meteo_name"}[key]
        findings += [
            Finding("", what, "another one for every host", f"{value} on {', '.join(hosts)}", f"correct {variable}")
            for value, hosts in holders.items()
            if len(hosts) > 1
        ]
    for member in members:
        try:
            address = ipaddress.ip_address(member["address"])
        except ValueError:
            findings.append(
                Finding(
                    member["host"],
                    "cluster address",
                    "an IP address: /etc/hosts, the firewall and listeners need one",
                    member["address"],
                    "set meteo_address for this host",
                )
            )
            continue
        if len(members) > 1 and (address.is_loopback or address.is_unspecified):
            findings.append(
                Finding(
                    member["host"],
                    "cluster address",
                    "an address that the other hosts reach",
                    str(address),
                    "set meteo_address for this host",
                )
            )
    return findings


def port_range(port: Mapping[str, Any]) -> range:
    """Return the ports of one entry of topology_ports."""
    first = int(port["port"])
    return range(first, first + int(port.get("count", 1)))


def owners(port: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the daemons that listen there."""
    return (port["daemon"],) if isinstance(port["daemon"], str) else tuple(port["daemon"])


def ports(host: str, local: list[str], table: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Refuse two daemons of one host on one port."""
    users: dict[int, list[str]] = defaultdict(list)
    for name, port in table.items():
        if set(owners(port)) & set(local):
            for number in port_range(port):
                users[number].append(name)
    clashes: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, names in users.items():
        if len(names) > 1:
            clashes[tuple(sorted(names))].append(number)
    return [
        Finding(host, "ports", "one user of every port", f"{min(numbers)} for {' and '.join(names)}",
                "give one of them another with topology_port_overrides")
        for names, numbers in clashes.items()
    ]  # fmt: skip


def check(
    groups: Groups, hosts: Hosts, members: Iterable[Mapping[str, str]], known_groups: Iterable[str], action: str
) -> list[Finding]:
    """Return all findings about the inventory's shape; only what matters for the action (KF-44)."""
    if action == "stop":
        return []
    findings = identities(groups, hosts) + addresses(members)
    if action == "deploy":
        findings += (
            zookeeper_size(groups)
            + journals(groups)
            + needed_groups(groups)
            + single(groups)
            + trigger_logs(groups)
            + misspelt_groups(groups, known_groups)
        )
    return findings
