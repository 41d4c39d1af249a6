#!/usr/bin/python
"""Have Kafka's users, topics and grants as the variables say, and ask Kafka only if they say something new."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_kafka_content
short_description: Ensure SCRAM users, topics and ACLs of a Kafka cluster
description:
  - What was ensured is kept in C(content.json) in O(data_dir), passwords as digests. Only what differs from it is
    ensured again, so a run that changes nothing starts no JVM. Formatting removes the file.
  - A topic that somebody changed behind our back is found by the role's C(check), and repaired after that file is
    removed.
options:
  data_dir:
    description: The member's data directory.
    type: path
    required: true
  cluster_id:
    description: The cluster's id.
    type: str
    required: true
  users:
    description: SCRAM users, name to password.
    type: dict
    required: true
  topics:
    description: Topics, each with C(name), C(partitions), C(replication), C(config).
    type: list
    elements: dict
    required: true
  grants:
    description: Grants, each with C(user), C(topic_prefixes), C(topic_operations), C(group_operations).
    type: list
    elements: dict
    default: []
  compare:
    description: Only compare the topics with what Kafka has, and fail if they differ.
    type: bool
    default: false
"""

import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_kafka import (
    SCRAM_ITERATIONS,
    digest,
    read_stamp,
    stamp_path,
    user_digests,
    write_stamp,
)

TIMEOUT_S = "60"


class ContentError(Exception):
    """What a tool said."""


def wanted(params):
    """Return what shall be there, as name to digest: the text that the stamp keeps."""
    return {
        "cluster": params["cluster_id"],
        "users": user_digests(params["cluster_id"], params["users"]),
        "topics": {topic["name"]: digest(topic) for topic in params["topics"]},
        "grants": {grant["user"]: digest(grant) for grant in params["grants"]},
    }


def differing(kind, want, have):
    return sorted(name for name, value in want[kind].items() if have.get(kind, {}).get(name) != value)


class Tools:
    """Kafka's command-line tools, as the operator's account uses them."""

    def __init__(self, module):
        self.module = module

    def run(self, *argv):
        rc, out, err = self.module.run_command(["timeout", TIMEOUT_S, "/usr/local/bin/" + argv[0], *argv[1:]])
        if rc != 0:
            raise ContentError(f"{' '.join(argv)} ended with {rc}: {(err.strip() or out.strip())[-2000:]}")
        return out

    def with_file(self, text, *argv):
        """Run with a file of settings that only root reads: values may be secret (KF-64)."""
        descriptor, path = tempfile.mkstemp(prefix="meteo-kafka.", dir="/run")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            return self.run(*argv, path)
        finally:
            os.unlink(path)

    def user(self, name, password):
        text = f"SCRAM-SHA-512=iterations={SCRAM_ITERATIONS},password={password}\n"
        entity = ["--entity-type", "users", "--entity-name", name]
        self.with_file(text, "kafka-configs", "--alter", *entity, "--add-config-file")

    def grant(self, grant):
        user = "User:{}".format(grant["user"])
        topics = [part for prefix in grant["topic_prefixes"] for part in ("--topic", prefix)]
        operations = [part for name in grant["topic_operations"] for part in ("--operation", name)]
        self.run(
            *["kafka-acls", "--add", "--force", "--allow-principal", user],
            *topics,
            *operations,
            *["--resource-pattern-type", "prefixed"],
        )
        operations = [part for name in grant["group_operations"] for part in ("--operation", name)]
        self.run("kafka-acls", "--add", "--force", "--allow-principal", user, "--group", "*", *operations)

    def topic(self, topic):
        """Create a topic, or bring the one that is there to its partitions and settings. Return a warning or None."""
        settings = [part for pair in config_of(topic) for part in ("--config", "=".join(pair))]
        shape = ["--partitions", str(topic["partitions"]), "--replication-factor", str(topic["replication"])]
        out = self.run("kafka-topics", "--create", "--if-not-exists", "--topic", topic["name"], *shape, *settings)
        if "Created topic" in out:
            return None
        found = self.describe(topic["name"])
        if found["partitions"] > topic["partitions"]:
            raise ContentError(
                f"topic {topic['name']} has {found['partitions']} partitions, the variables say {topic['partitions']}, "
                f"and Kafka never removes one: say {found['partitions']} in kafka_topics"
            )
        if found["partitions"] < topic["partitions"]:
            self.run("kafka-topics", "--alter", "--topic", topic["name"], "--partitions", str(topic["partitions"]))
        text = "".join("{}={}\n".format(*pair) for pair in config_of(topic))
        entity = ["--entity-type", "topics", "--entity-name", topic["name"]]
        self.with_file(text, "kafka-configs", "--alter", *entity, "--add-config-file")
        if found["replication"] != topic["replication"]:
            return (
                f"topic {topic['name']} has {found['replication']} replicas, wanted are {topic['replication']}: "
                "move them with kafka-reassign-partitions"
            )
        return None

    def describe(self, name=None):
        """Return {partitions, replication, config} of one topic, or of all by name."""
        out = self.run("kafka-topics", "--describe", *(["--topic", name] if name else []))
        topics = dict(parse_description(out))
        return topics[name] if name else topics


def config_of(topic):
    return sorted((key, str(value)) for key, value in topic["config"].items())


def parse_description(text):
    """Yield (topic, {partitions, replication, config}) from what kafka-topics --describe prints."""
    for line in text.splitlines():
        match = re.match(
            r"Topic: (?P<name>\S+)\s.*PartitionCount: (?P<partitions>\d+)\s+ReplicationFactor: (?P<replication>\d+)"
            r"\s+Configs: ?(?P<config>\S*)",
            line,
        )
        if match:
            pairs = (pair.partition("=") for pair in match["config"].split(",") if pair)
            yield (
                match["name"],
                {
                    "partitions": int(match["partitions"]),
                    "replication": int(match["replication"]),
                    "config": {key: value for key, _, value in pairs},
                },
            )


def differences(topics, found):
    """Return sentences on what the cluster has otherwise than the variables say."""
    lines = []
    for topic in topics:
        have = found.get(topic["name"])
        if have is None:
            lines.append("topic {} is missing".format(topic["name"]))
            continue
        settings = {key: (value, have["config"].get(key)) for key, value in config_of(topic)}
        shape = {key: (topic[key], have[key]) for key in ("partitions", "replication")}
        lines += [
            f"topic {topic['name']}: expected {key}={expected}, found {found_value}"
            for key, (expected, found_value) in (shape | settings).items()
            if expected != found_value
        ]
    return lines


def ensure(module, tools, want, have):
    """Bring about what differs, one thing after another, and stamp each as soon as it is there."""
    params = module.params
    done = {"cluster": want["cluster"], **{kind: dict(have.get(kind, {})) for kind in ("users", "topics", "grants")}}
    steps = [
        ("users", name, lambda name: tools.user(name, params["users"][name])) for name in differing("users", want, have)
    ]
    topics = {topic["name"]: topic for topic in params["topics"]}
    steps += [("topics", name, lambda name: tools.topic(topics[name])) for name in differing("topics", want, have)]
    grants = {grant["user"]: grant for grant in params["grants"]}
    steps += [("grants", name, lambda name: tools.grant(grants[name])) for name in differing("grants", want, have)]
    for kind, name, step in steps:
        warning = step(name)
        if warning:
            module.warn(warning)
        else:
            done[kind][name] = want[kind][name]
        write_stamp(params["data_dir"], done)


def main():
    module = AnsibleModule(
        argument_spec={
            "data_dir": {"type": "path", "required": True},
            "cluster_id": {"type": "str", "required": True},
            "users": {"type": "dict", "required": True, "no_log": True},
            "topics": {"type": "list", "elements": "dict", "required": True},
            "grants": {"type": "list", "elements": "dict", "default": []},
            "compare": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    tools = Tools(module)
    want, have = wanted(params), read_stamp(params["data_dir"], params["cluster_id"])
    changes = [f"{kind} {name}" for kind in ("users", "topics", "grants") for name in differing(kind, want, have)]
    try:
        if params["compare"]:
            lines = differences(params["topics"], tools.describe())
            if lines:
                raise ContentError(
                    "; ".join(lines)
                    + ". Remove {} and run site.yml to repair this".format(stamp_path(params["data_dir"]))
                )
            module.exit_json(changed=False, compared=sorted(want["topics"]))
        if changes and not module.check_mode:
            ensure(module, tools, want, have)
    except ContentError as reason:
        module.fail_json(msg=f"Kafka: {reason}.")
    module.exit_json(changed=bool(changes), ensured=changes)


if __name__ == "__main__":
    main()
