#!/usr/bin/python
"""Read what a node's directories of HDFS hold, without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_hdfs_state
short_description: Tell what a node's HDFS directories hold
description:
  - Returns, for each directory given, its state and the cluster's id. C(absent) is no directory or an empty one;
    C(partial) is what a format that was interrupted left, and holds no data; C(formatted) may hold data.
  - A namespace is complete with C(VERSION) and an image that has its checksum beside it; a journal holds data with its
    first segment of edits.
  - Nothing is decided here; the format of a cluster is decided from the states of all its members (KF-7).
options:
  name:
    description: The NameNode's directory; left out if the node has none.
    type: path
  data:
    description: The DataNode's directory.
    type: path
  journal:
    description: The JournalNode's directory of the nameservice.
    type: path
  namenodes:
    description: Addresses of the NameNodes' pages; the cluster's id is asked of the first that answers.
    type: list
    elements: str
    default: []
  units:
    description: Units whose activity is told in C(active).
    type: list
    elements: str
    default: []
"""

import json
import os
import re
import urllib.request

from ansible.module_utils.basic import AnsibleModule

IMAGE = re.compile(r"fsimage_\d+")
EDITS = re.compile(r"edits_(inprogress_)?\d+(-\d+)?")
TIMEOUT_S = 3


def properties(path):
    """Return the pairs of a Java properties file, or None if there is no such file."""
    try:
        with open(path, encoding="iso-8859-1") as stream:
            lines = [line.strip() for line in stream]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def listing(path):
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def inspect(kind, directory):
    """Return {state, cluster_id, block_pool} of one directory."""
    current = os.path.join(directory, "current")
    version = properties(os.path.join(current, "VERSION"))
    names = listing(current)
    images = [name for name in names if IMAGE.fullmatch(name) and name + ".md5" in names]
    edits = [name for name in names if EDITS.fullmatch(name)]
    if not names and not listing(directory):
        state = "absent"
    elif kind == "name":
        state = "formatted" if version and images else "damaged" if edits else "partial"
    elif kind == "journal":
        state = "formatted" if version and edits else "damaged" if edits else "partial"
    else:
        state = "formatted" if version else "partial"
    version = version or {}
    return {"state": state, "cluster_id": version.get("clusterID"), "namespace_id": version.get("namespaceID")}


def live_cluster_id(servers):
    """Return the id that a running NameNode tells, or None if none answers."""
    for server in servers:
        url = server + "/jmx?qry=Hadoop:service=NameNode,name=NameNodeInfo"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 (addresses of the inventory)
                beans = json.load(answer)["beans"]
        except (OSError, ValueError, KeyError):
            continue
        if beans:
            return beans[0].get("ClusterId")
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "path"},
            "data": {"type": "path"},
            "journal": {"type": "path"},
            "namenodes": {"type": "list", "elements": "str", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    found = {
        kind: inspect(kind, module.params[kind]) for kind in ("name", "data", "journal") if module.params.get(kind)
    }
    ids = {entry["cluster_id"] for entry in found.values() if entry["cluster_id"]}
    if ids:
        ids |= {live for live in [live_cluster_id(module.params["namenodes"])] if live}
    active = [u for u in module.params["units"] if module.run_command(["systemctl", "is-active", "--quiet", u])[0] == 0]
    module.exit_json(changed=False, found=found, cluster_ids=sorted(ids), active=active)


if __name__ == "__main__":
    main()
