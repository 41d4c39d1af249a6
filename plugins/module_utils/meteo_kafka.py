"""What the modules of Kafka's storage and of its content agree on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from typing import Any

SCRAM_ITERATIONS = 8192


def digest(value: object) -> str:
    """Return a digest of what was ensured, so that it can be kept on the node without a password in it."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def user_digests(cluster_id: str, users: dict[str, str]) -> dict[str, str]:
    """Return name to digest of SCRAM users given as name to password."""
    return {name: digest([cluster_id, name, password]) for name, password in users.items()}


def stamp_path(data_dir: str) -> str:
    """Return the file that keeps what was ensured."""
    return os.path.join(data_dir, "content.json")


def read_stamp(data_dir: str, cluster_id: str) -> dict[str, Any]:
    """Return what was ensured, or nothing if that was for another cluster or can't be read."""
    try:
        with open(stamp_path(data_dir), encoding="utf-8") as stream:
            content: dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return {}
    return content if content.get("cluster") == cluster_id else {}


def write_stamp(data_dir: str, content: dict[str, Any]) -> None:
    """Replace the file, whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=data_dir, prefix=".content.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    os.rename(temporary, stamp_path(data_dir))
