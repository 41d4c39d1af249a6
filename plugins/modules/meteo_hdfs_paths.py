#!/usr/bin/python
"""Bring directories of HDFS to their owner, group and mode, through WebHDFS."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_hdfs_paths
short_description: Bring directories of HDFS to their owner, group and mode
description:
  - Waits until one NameNode is active and out of safe mode, so that success means that HDFS takes writes (KF-6).
  - Then looks at each directory, and makes or corrects it if needed. No JVM is started - a dozen directories that are
    right take some tens of milliseconds.
  - Directories are never removed, and what lies in them is not touched.
options:
  servers:
    description: Addresses of the NameNodes' pages, such as C(http://node1:9870).
    type: list
    elements: str
    required: true
  user:
    description: The user of HDFS who may do this.
    type: str
    default: hdfs
  paths:
    description: Path to C(owner), C(group) and C(mode).
    type: dict
    required: true
  timeout:
    description: Seconds to wait for an active NameNode out of safe mode.
    type: int
    default: 300
"""

import json
import time
import urllib.error
import urllib.parse
import urllib.request

from ansible.module_utils.basic import AnsibleModule

REQUEST_TIMEOUT_S = 10


class UnavailableError(Exception):
    """Why HDFS takes no writes now."""


def fetch(url, method="GET"):
    request = urllib.request.Request(url, method=method)  # noqa: S310 (addresses of the inventory)
    with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else {}


def bean(server, name):
    beans = fetch(f"{server}/jmx?qry=Hadoop:service=NameNode,name={name}")["beans"]
    return beans[0] if beans else {}


def writable_server(servers):
    """Return the active NameNode's address, or raise what each NameNode said instead."""
    said = []
    for server in servers:
        try:
            state = bean(server, "NameNodeStatus").get("State")
            if state != "active":
                said.append(f"{server} is {state or 'starting'}")
                continue
            info = bean(server, "NameNodeInfo").get("Safemode")
        except (OSError, ValueError, KeyError) as error:
            said.append(f"{server} does not answer: {error}")
            continue
        if not info:
            return server
        said.append(f"{server} is in safe mode: {' '.join(info.split())}")
    raise UnavailableError("; ".join(said))


def wait(servers, timeout):
    begin = time.monotonic()
    while True:
        try:
            return writable_server(servers)
        except UnavailableError:
            if time.monotonic() - begin > timeout:
                raise
        time.sleep(0.5)


class WebHdfs:
    """The few operations on directories that are needed."""

    def __init__(self, server, user):
        self.server, self.user = server, user

    def call(self, method, path, **query):
        query["user.name"] = self.user
        url = f"{self.server}/webhdfs/v1{urllib.parse.quote(path)}?{urllib.parse.urlencode(query)}"
        return fetch(url, method)

    def status(self, path):
        """Return {type, owner, group, permission}, or None if there is no such path."""
        try:
            return self.call("GET", path, op="GETFILESTATUS")["FileStatus"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def bring(self, path, wanted, check):
        """Bring one directory to its wanted state and return what was changed, as text."""
        found = self.status(path)
        if found is not None and found["type"] != "DIRECTORY":
            raise ValueError(f"{path} is a file: expected a directory. Move it away with: hdfs dfs -mv")
        octal = wanted["mode"].lstrip("0") or "0"
        changes = []
        if found is None:
            changes.append("made")
            if not check:
                self.call("PUT", path, op="MKDIRS", permission=octal)
            found = {} if check else self.status(path)
        if found.get("permission") != octal:
            changes.append(f"mode {octal}")
            if not check:
                self.call("PUT", path, op="SETPERMISSION", permission=octal)
        if (found.get("owner"), found.get("group")) != (wanted["owner"], wanted["group"]):
            changes.append(f"{wanted['owner']}:{wanted['group']}")
            if not check:
                self.call("PUT", path, op="SETOWNER", owner=wanted["owner"], group=wanted["group"])
        return ", ".join(changes)


def refusal(error):
    """Return what WebHDFS said of a request that it refused."""
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)["RemoteException"]["message"]
    except (ValueError, KeyError):
        return text[:300]


def main():
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "str", "required": True},
            "user": {"type": "str", "default": "hdfs"},
            "paths": {"type": "dict", "required": True},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    paths, check = module.params["paths"], module.check_mode
    try:
        server = wait(module.params["servers"], 0 if check else module.params["timeout"])
    except UnavailableError as error:
        if check:
            module.exit_json(changed=True, paths={}, msg=f"HDFS does not run yet: {error}")
        module.fail_json(
            msg=f"HDFS takes no writes after {module.params['timeout']} s: {error}. In safe mode it waits for blocks "
            "of DataNodes: see hdfs dfsadmin -report, and journalctl -u hdfs-datanode on their hosts."
        )
    client = WebHdfs(server, module.params["user"])
    changes = {}
    try:
        for path in sorted(paths):
            change = client.bring(path, paths[path], check)
            if change:
                changes[path] = change
    except urllib.error.HTTPError as error:
        module.fail_json(msg=f"{server} refused {path}: {refusal(error)}", paths=changes)
    except (OSError, ValueError) as error:
        module.fail_json(msg=f"{server}, at {path}: {error}", paths=changes)
    diff = {"before": "", "after": "".join(f"{path}: {change}\n" for path, change in sorted(changes.items()))}
    module.exit_json(changed=bool(changes), paths=changes, server=server, diff=diff)


if __name__ == "__main__":
    main()
