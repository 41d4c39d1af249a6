#!/usr/bin/python
"""Say what a Kafka member's disk holds, and format it if the whole group's state allows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_kafka_storage
short_description: Read or format the storage of one KRaft member
description:
  - With O(members) absent it only reads. C(state) of the result is C(empty); C(interrupted) (a format did not end, and
    nothing was ever started on it); C(founded) (formatted, but never part of a working cluster); or C(formed).
  - With O(members), the states of all members of the group, it formats a member that is empty or was interrupted. A
    cluster is founded only if no member was ever part of one (KF-12); a member of a formed cluster joins it.
  - Identities on the disk that differ from the inventory's are refused (KF-1), never rewritten.
options:
  data_dir:
    description: Holds C(metadata) and C(data).
    type: path
    required: true
  cluster_id:
    description: The cluster's id in the inventory.
    type: str
    required: true
  node_id:
    description: This member's id in the inventory.
    type: str
    required: true
  members:
    description: Of every member of the group what reading returned (a dict with C(state)), by host name.
    type: dict
  founders:
    description: C(id@name:port:directory) of all members, for C(--initial-controllers).
    type: str
  users:
    description: SCRAM users, name to password, that exist from the first start on.
    type: dict
  config:
    description: The rendered server.properties.
    type: path
    default: /etc/kafka/server.properties
  account:
    description: The account that owns the storage.
    type: str
    default: kafka
"""

import json
import os
import pwd
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_kafka import SCRAM_ITERATIONS, stamp_path, user_digests, write_stamp

STATES = ("empty", "interrupted", "founded", "formed")
FORMAT_TIMEOUT_S = "120"
ARGUMENT_FOLDER = "/run"
FORMAT = ("/usr/local/bin/kafka-storage", "format")


class RefusedError(Exception):
    """What was expected, what was found, what to do."""


def properties(path):
    """Return a properties file's pairs, or None if there is no such file."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = (line.strip() for line in stream)
            return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    except FileNotFoundError:
        return None


def worked(metadata):
    """Return whether this member ever had a record or a snapshot of a working quorum in its metadata log.

    Formatting leaves one checkpoint, at offset 0; the first elected leader writes the first record.
    """
    log = os.path.join(metadata, "__cluster_metadata-0")
    for name in os.listdir(log) if os.path.isdir(log) else []:
        if name.endswith(".log") and os.path.getsize(os.path.join(log, name)) > 0:
            return True
        if name.endswith(".checkpoint") and not name.startswith("0" * 20 + "-"):
            return True
    return False


def read(data_dir):
    """Return {state, cluster_id, node_id, directory_id} of the disk."""
    metadata, data = os.path.join(data_dir, "metadata"), os.path.join(data_dir, "data")
    found = [p for p in (properties(os.path.join(d, "meta.properties")) for d in (metadata, data)) if p]
    ids = {
        "cluster_id": found[0].get("cluster.id") if found else None,
        "node_id": found[0].get("node.id") if found else None,
        "directory_id": (properties(os.path.join(metadata, "meta.properties")) or {}).get("directory.id"),
    }
    kept = partitions(data)
    formatted = os.path.exists(os.path.join(data, "meta.properties"))
    if kept and not (formatted and worked(metadata)):
        raise RefusedError(
            f"expected an empty disk or a whole one, found {len(kept)} partitions in {data} (such as {kept[0]}) and "
            f"{'no meta.properties beside them' if worked(metadata) else 'no metadata in ' + metadata}. Nothing was "
            f"changed. Restore what is missing; if these records are not needed, move {data_dir} away"
        )
    if worked(metadata) and not formatted:
        raise RefusedError(
            f"{metadata} is of a cluster that worked, and {data} is empty: its disk was lost, or is not mounted. "
            f"Nothing was changed. Mount it; or, if other brokers have replicas of all it held, move {data_dir} away "
            "and run again: this member then joins as a new one"
        )
    if worked(metadata):
        state = "formed"
    elif os.path.exists(marker(data_dir)) or len(found) == 1:
        state = "interrupted"
    else:
        state = "founded" if found else "empty"
    return dict(ids, state=state)


def partitions(data):
    """Return the names of the partitions' folders: records that no format may ever remove."""
    names = sorted(os.listdir(data)) if os.path.isdir(data) else []
    return [name for name in names if name != "lost+found" and os.path.isdir(os.path.join(data, name))]


def marker(data_dir):
    """Return the path of the file that is there while a format is under way."""
    return os.path.join(data_dir, "formatting")


def verify(found, cluster_id, node_id):
    """Refuse a disk that belongs to another cluster or another member."""
    for key, wanted, variable in (
        ("cluster_id", cluster_id, "kafka_cluster_id"),
        ("node_id", node_id, "kafka_node_id"),
    ):
        if found[key] is not None and found[key] != wanted:
            raise RefusedError(
                "expected a disk of {} {}, as the inventory's {} says, found one of {}. Nothing was changed. Give the "
                "inventory the old value back, or move the data directory away if this member is to start anew".format(
                    key.replace("_id", ""), wanted, variable, found[key]
                )
            )


def decide(members, cluster_id):
    """Return `found` or `join` for a member without state, from the states of all members (KF-12)."""
    unknown = sorted(host for host, facts in members.items() if facts.get("state") not in STATES)
    if unknown:
        raise RefusedError(
            "this member is empty, and whether to found a cluster or to join one depends on all members: expected the "
            f"states of all, found none of {unknown}. Run again without --limit, or with all of the group kafka"
        )
    others = {host: facts.get("cluster_id") for host, facts in members.items() if facts.get("cluster_id")}
    if any(found != cluster_id for found in others.values()):
        raise RefusedError(
            f"this member is empty and shall belong to cluster {cluster_id}, but the group's members are of {others}: "
            "kafka_cluster_id must be the same for all of them, and that of the cluster that is there"
        )
    return "join" if any(facts["state"] == "formed" for facts in members.values()) else "found"


def arguments(how, params):
    """Return the lines of the argument file of kafka-storage, one argument each; it holds the passwords."""
    lines = ["--cluster-id", params["cluster_id"], "--config", params["config"]]
    if how == "join":
        return [*lines, "--no-initial-controllers"]
    lines += ["--initial-controllers", params["founders"]]
    for name, password in sorted(params["users"].items()):
        credential = f"name={name},iterations={SCRAM_ITERATIONS},password={password}"
        lines += ["--add-scram", f"SCRAM-SHA-512=[{credential}]"]
    return lines


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def clear(data_dir):
    """Remove what an interrupted format left; nothing was ever started on it."""
    for name in ("metadata", "data"):
        folder = os.path.join(data_dir, name)
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def form(module, how):
    """Format as the daemon's own account, with a marker beside it until everything is on the disk."""
    params = module.params
    data_dir, owner = params["data_dir"], pwd.getpwnam(params["account"])
    with open(marker(data_dir), "w", encoding="ascii") as stream:
        stream.write(how + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    sync(data_dir)
    clear(data_dir)
    descriptor, path = tempfile.mkstemp(prefix="meteo-format.", dir=ARGUMENT_FOLDER)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write("\n".join(arguments(how, params)) + "\n")
        os.chown(path, owner.pw_uid, owner.pw_gid)
        # The passwords are in the file (0600), never on the command line (KF-64).
        rc, _out, err = module.run_command(
            ["runuser", "-u", params["account"], "--", "timeout", FORMAT_TIMEOUT_S, *FORMAT, "@" + path],
            umask=0o027,
        )
    finally:
        os.unlink(path)
    if rc != 0:
        # The output names verifiers of passwords; the error does not.
        raise RefusedError(f"kafka-storage format ended with {rc}: {err.strip()[-2000:]}")
    for folder in ("metadata", "data", "metadata/__cluster_metadata-0"):
        if os.path.isdir(os.path.join(data_dir, folder)):
            sync(os.path.join(data_dir, folder))
    # What an earlier life of this disk was told about topics and users is void; a founding brings its users along.
    if how == "found":
        users = user_digests(params["cluster_id"], params["users"])
        write_stamp(data_dir, {"cluster": params["cluster_id"], "users": users})
    elif os.path.exists(stamp_path(data_dir)):
        os.unlink(stamp_path(data_dir))
    os.unlink(marker(data_dir))
    sync(data_dir)


def main():
    module = AnsibleModule(
        argument_spec={
            "data_dir": {"type": "path", "required": True},
            "cluster_id": {"type": "str", "required": True},
            "node_id": {"type": "str", "required": True},
            "members": {"type": "dict"},
            "founders": {"type": "str"},
            "users": {"type": "dict", "no_log": True, "default": {}},
            "config": {"type": "path", "default": "/etc/kafka/server.properties"},
            "account": {"type": "str", "default": "kafka"},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        found = read(params["data_dir"])
        verify(found, params["cluster_id"], params["node_id"])
        if params["members"] is None or found["state"] not in ("empty", "interrupted"):
            module.exit_json(changed=False, **found)
        how = decide(params["members"], params["cluster_id"])
        if not module.check_mode:
            form(module, how)
            found = read(params["data_dir"])
        module.exit_json(changed=True, how=how, **found)
    except RefusedError as reason:
        module.fail_json(msg="Kafka storage in {}: {}.".format(params["data_dir"], reason))
    except OSError as error:
        module.fail_json(msg="Kafka storage in {}: {}".format(params["data_dir"], json.dumps(str(error))))


if __name__ == "__main__":
    main()
