"""Writes a bundle's files into one reproducible tar, and its manifest beside it."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meteo_fetch.cache import manifest_path, sha256_of
from meteo_fetch.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFIED = 1_577_836_800
"""2020-01-01T00:00:00Z, the time of every member: the same files give the same bytes."""

DESCRIPTION = "bundle.json"
"""First member of each archive: tells the node what it is and how to finish the installation."""


@dataclass
class Content:
    """What goes into an archive: members by their path, and what the manifest says about each."""

    members: dict[str, tuple[Path | bytes, bool]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, path: str, content: Path | bytes, origin: str, *, executable: bool = False) -> None:
        """Adds a file; two files with one path would hide each other, so that is refused."""
        if path in self.members:
            raise FetchError(f"two files for one place: {path} ({self.origins[path]} and {origin})")
        self.members[path] = (content, executable)
        self.origins[path] = origin

    def add_unpacked(self, path: str, jar: Path, below: str, origin: str) -> None:
        """Adds what lies below the folder `below` of a jar, under `path`."""
        prefix = below.rstrip("/") + "/"
        found = False
        with zipfile.ZipFile(jar) as archive:
            for name in sorted(archive.namelist()):
                if name.startswith(prefix) and not name.endswith("/"):
                    found = True
                    self.add(f"{path}/{name.removeprefix(prefix)}", archive.read(name), origin)
        if not found:
            raise FetchError(f"{origin}: expected a folder {prefix} inside, found none")

    def installed_size(self) -> int:
        """Bytes on the node while it installs: the members, and what the wheels among them unpack to."""
        size = 0
        for path, (source, _) in self.members.items():
            size += len(source) if isinstance(source, bytes) else source.stat().st_size
            if path.endswith(".whl") and isinstance(source, Path):
                with zipfile.ZipFile(source) as wheel:
                    size += sum(member.file_size for member in wheel.infolist())
        return size


def write(archive: Path, content: Content, description: dict[str, Any]) -> dict[str, Any]:
    """Writes archive and manifest, each by a rename, the manifest last. Returns the manifest."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, Any]] = []
    with _replacing(archive) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
        _add_bytes(tar, DESCRIPTION, _json(description), executable=False)
        for path in sorted(content.members):
            source, executable = content.members[path]
            size = _add(tar, path, source, executable)
            files.append({"path": path, "size": size, "from": content.origins[path]})
    manifest = {
        **description,
        "archive": archive.name,
        "size": archive.stat().st_size,
        "sha256": sha256_of(archive),
        "files": files,
    }
    with _replacing(manifest_path(archive)) as temporary:
        temporary.write_bytes(_json(manifest))
    return manifest


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def _header(path: str, size: int, executable: bool) -> tarfile.TarInfo:
    header = tarfile.TarInfo(path)
    header.size, header.mtime, header.mode = size, MODIFIED, 0o755 if executable else 0o644
    return header


def _add_bytes(tar: tarfile.TarFile, path: str, content: bytes, executable: bool) -> None:
    tar.addfile(_header(path, len(content), executable), io.BytesIO(content))


def _add(tar: tarfile.TarFile, path: str, source: Path | bytes, executable: bool) -> int:
    if isinstance(source, bytes):
        _add_bytes(tar, path, source, executable)
        return len(source)
    size = source.stat().st_size
    with source.open("rb") as stream:
        tar.addfile(_header(path, size, executable), stream)
    return size


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` that takes its place when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
