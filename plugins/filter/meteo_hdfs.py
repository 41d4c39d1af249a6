"""Filters that turn the platform's shape into settings of HDFS."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

PROXY_PROVIDER = "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"


def nameservice(
    namenodes: Iterable[Mapping[str, str]], ids: Mapping[str, str], name: str, rpc_port: int, http_port: int
) -> dict[str, str]:
    """Return the settings that make `name` the logical name of these NameNodes, be it one or two.

    `namenodes` are members as `meteo_topology` gives them, `ids` maps a member's host to its fixed id.
    """
    settings = {
        "dfs.nameservices": name,
        f"dfs.ha.namenodes.{name}": ",".join(ids[member["host"]] for member in namenodes),
        f"dfs.client.failover.proxy.provider.{name}": PROXY_PROVIDER,
    }
    for member in namenodes:
        suffix = f"{name}.{ids[member['host']]}"
        settings[f"dfs.namenode.rpc-address.{suffix}"] = f"{member['name']}:{rpc_port}"
        settings[f"dfs.namenode.http-address.{suffix}"] = f"{member['name']}:{http_port}"
    return settings


def homes(users: Iterable[str], group: str) -> dict[str, dict[str, str]]:
    """Return the home directories of `users` in HDFS: path to owner, group and mode."""
    return {f"/user/{user}": {"owner": user, "group": group, "mode": "0750"} for user in users}


def zookeeper_digest(user: str, password: str) -> str:
    """Return ZooKeeper's digest identity: `user:base64(sha1(user:password))`.

    >>> zookeeper_digest("super", "test")
    'super:D/InIHSb7yEEbrWz8b9l71RjZJU='
    """
    digest = hashlib.sha1(f"{user}:{password}".encode(), usedforsecurity=False).digest()
    return f"{user}:{base64.b64encode(digest).decode()}"


def _kinds(states: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, Mapping[str, Any]]:
    return {host: found[kind] for host, found in states.items() if kind in found}


def format_plan(states: Mapping[str, Mapping[str, Any]], ids: Mapping[str, str]) -> dict[str, Any]:
    """Decide from the states of ALL members which NameNode is to be formatted, and how (KF-7).

    Args:
        states: host -> what `meteo_hdfs_state` found there (`name`, `journal`, `data`), of every member of HDFS.
        ids: host -> id of every NameNode. The smallest id formats a new cluster, wherever it stands in the inventory.

    Returns:
        `refuse`: a sentence, or empty; `steps`: host -> `format`, `bootstrap` or `none`; `force`: hosts whose
        directory, or whose journal, holds the leavings of an interrupted format, which may be overwritten (KF-5).
    """
    names, journals = _kinds(states, "name"), _kinds(states, "journal")
    formatted = [host for host in names if names[host]["state"] == "formatted"]
    damaged = [host for kind in (names, journals) for host in kind if kind[host]["state"] == "damaged"]
    holders = sorted(host for host, found in _kinds(states, "data").items() if found["state"] == "formatted")
    clusters = {names[host]["cluster_id"] for host in formatted}
    refuse = ""
    if damaged:
        refuse = (
            f"{sorted(set(damaged))}: edits without a VERSION or an image that fits. Nothing is formatted over them; "
            "put the directory's copy or backup back, or move it away if another NameNode holds the namespace."
        )
    elif len(clusters) > 1:
        refuse = f"the NameNodes hold different clusters, {sorted(clusters)}: move one's name directory away."
    elif not formatted and any(found["state"] == "formatted" for found in journals.values()):
        refuse = (
            "no NameNode holds a namespace, but the JournalNodes hold edits of one. A new format would lose them; put "
            "a NameNode's name directory back, or remove the journal directories if the data may go."
        )
    elif not formatted and (
        holders := sorted(h for h, f in _kinds(states, "data").items() if f["state"] == "formatted")
    ):
        refuse = (
            f"no NameNode holds a namespace, but the DataNodes of {holders} hold blocks of one. A new format would "
            "make them unreadable for ever; put a NameNode's name directory back, or remove the blocks if they may go."
        )
    missing = [host for host in names if host not in formatted]
    steps = dict.fromkeys(names, "none") | dict.fromkeys(missing, "bootstrap")
    if not formatted and missing:
        steps[min(missing, key=lambda host: ids[host])] = "format"
    leavings = any(found["state"] == "partial" for found in journals.values())
    force = [
        host for host, step in steps.items() if names[host]["state"] == "partial" or (step == "format" and leavings)
    ]
    return {"refuse": refuse, "steps": steps, "force": force}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "meteo_hdfs_nameservice": nameservice,
            "meteo_hdfs_homes": homes,
            "meteo_hdfs_format_plan": format_plan,
            "meteo_zookeeper_digest": zookeeper_digest,
        }
