"""The content-addressed cache of bundle archives on the control machine.

Beside each `<archive>.tar` lies `<archive>.json` (size, SHA-256, files and where each came from), written last:
an archive without it was interrupted and counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meteo_fetch.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Mapping

_BLOCK = 1 << 20


def cache_root(environment: Mapping[str, str] = os.environ) -> Path:
    """`$METEO_CACHE`, or `meteostream` below `$XDG_CACHE_HOME` (default `~/.cache`)."""
    if environment.get("METEO_CACHE"):
        return Path(environment["METEO_CACHE"])
    base = environment.get("XDG_CACHE_HOME") or str(Path(environment.get("HOME", "~")).expanduser() / ".cache")
    return Path(base) / "meteostream"


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class Archive:
    """An archive that the cache has, as its manifest describes it."""

    path: Path
    manifest: dict[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 that the archive must have."""
        return str(self.manifest["sha256"])

    @property
    def size(self) -> int:
        """Bytes that the archive must have."""
        return int(self.manifest["size"])


def manifest_path(archive: Path) -> Path:
    """The manifest beside an archive."""
    return archive.with_name(archive.name.removesuffix(".tar") + ".json")


def find(archive: Path) -> Archive | None:
    """The archive if the cache has it complete, else None. Reads the manifest, not the archive."""
    manifest_file = manifest_path(archive)
    try:
        manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise FetchError(_refusal(archive, f"its manifest {manifest_file.name} is not readable ({error})")) from None
    if not archive.exists():
        return None
    return Archive(archive, manifest)


def verify_size(archive: Archive) -> None:
    """Refuses a truncated archive; costs nothing.

    An archive that was written to after its manifest is read as a whole.

    Raises:
        FetchError: names the archive, both sizes, and what to do.
    """
    status = archive.path.stat()
    if status.st_size != archive.size:
        raise FetchError(_refusal(archive.path, f"expected {archive.size} bytes, found {status.st_size}"))
    if status.st_mtime_ns > manifest_path(archive.path).stat().st_mtime_ns:
        verify_content(archive)


def verify_content(archive: Archive) -> None:
    """Reads the whole archive and refuses it if it is not what was packed.

    Raises:
        FetchError: names the archive, both checksums, and what to do.
    """
    size = archive.path.stat().st_size
    if size != archive.size:
        raise FetchError(_refusal(archive.path, f"expected {archive.size} bytes, found {size}"))
    found = sha256_of(archive.path)
    if found != archive.sha256:
        raise FetchError(_refusal(archive.path, f"expected SHA-256 {archive.sha256}, found {found}"))


def _refusal(archive: Path, finding: str) -> str:
    manifest = manifest_path(archive)
    return (
        f"{archive.name} in the cache is damaged and was not used: {finding}. "
        f"Make it again with: rm {archive} {manifest} && ./meteo fetch"
    )
