"""What the modules of Kafka's storage and of its content agree on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile

SCRAM_ITERATIONS = 8192


def digest(value):
    """Return a digest of what was ensured, so that it can be kept on the node without a password in it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def user_digests(cluster_id, users):
    """Return name to digest of SCRAM users given as name to password."""
    return {name: digest([cluster_id, name, password]) for name, password in users.items()}


def stamp_path(data_dir):
    """Return the file that keeps what was ensured."""
    return os.path.join(data_dir, "content.json")


def read_stamp(data_dir, cluster_id):
    """Return what was ensured, or nothing if that was for another cluster or can't be read."""
    try:
        with open(stamp_path(data_dir), encoding="utf-8") as stream:
            content = json.load(stream)
    except (OSError, ValueError):
        return {}
    return content if content.get("cluster") == cluster_id else {}


def write_stamp(data_dir, content):
    """Replace the file, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=data_dir, prefix=".content.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(temporary, stamp_path(data_dir))
