"""Answers that a service may call unchanged: kept with their validators (RFC 9110, conditional requests).

An unchanged answer is read again from here and goes the same way as a new one, so a run that died after the answer
and before the outbox loses nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from meteostream.durable import locked, replace_durably

_BODY: Final = ".gz"
_HEAD: Final = ".json"
_LOCK: Final = ".lock"


class Kept(NamedTuple):
    """A kept answer: validators (None where the service gave none), type and bytes."""

    etag: str | None
    last_modified: str | None
    content_type: str
    body: bytes


class Cache:
    """Kept answers below a directory, the least recently used of which go when there is no room.

    Parameters
    ----------
    directory
        Of the collectors' state.
    max_bytes
        Of all kept bodies together.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory / "cache"
        self._max_bytes = max_bytes

    def get(self, url: str) -> Kept | None:
        """What is kept of a URL; None if nothing is, or it is damaged."""
        head, body = self._paths(url)
        try:
            found = json.loads(head.read_bytes())
            content = gzip.decompress(body.read_bytes())
            if hashlib.sha256(content).hexdigest() != found["sha256"]:
                return None
            body.touch()
            return Kept(found["etag"], found["last_modified"], found["content_type"], content)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zlib.error):
            return None

    def put(self, url: str, kept: Kept) -> None:
        """Keep an answer that has a validator."""
        if kept.etag is None and kept.last_modified is None:
            return
        head, body = self._paths(url)
        about = {
            "etag": kept.etag,
            "last_modified": kept.last_modified,
            "content_type": kept.content_type,
            "sha256": hashlib.sha256(kept.body).hexdigest(),
        }
        with locked(self._directory / _LOCK):
            replace_durably(body, gzip.compress(kept.body, mtime=0))
            # The head comes last and names the body's hash: a crash between the two leaves a pair that is not used.
            replace_durably(head, json.dumps(about).encode())
            self._prune()

    def _paths(self, url: str) -> tuple[Path, Path]:
        # By hash: a URL may hold a key, which must not stand in a file name.
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._directory / f"{name}{_HEAD}", self._directory / f"{name}{_BODY}"

    def _prune(self) -> None:
        bodies = sorted(self._directory.glob(f"*{_BODY}"), key=lambda path: path.stat().st_mtime_ns)
        size = sum(path.stat().st_size for path in bodies)
        for path in bodies[:-1]:
            if size <= self._max_bytes:
                return
            size -= path.stat().st_size
            path.with_suffix(_HEAD).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
