"""A tiny bundle, its local Maven repository and its cache: everything offline."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from meteo_fetch import cache, cli
from meteo_fetch.definition import Bundle, archive_name, bundle_id, read_bundle

REPOSITORY = Path(__file__).resolve().parents[2]

AGENT = "example.metrics:agent:jar:1.0"
SERVER = "example.server:server-core:jar:2.0"
NATIVE = "example.server:server-native:jar:linux-x86_64:2.0"
PAGES = "example.server:server:jar:tests:2.0"

DEFINITION = """
name = "tiny"
version = "2.0"

[[place]]
match = "example.metrics:agent:*"
path = "agent/agent.jar"

[[place]]
match = "*:tests:*"
path = "webapps"
unpack = "webapps"
"""


@dataclass
class Workshop:
    """A control machine with one bundle named `tiny`."""

    artifacts: Path
    repository: Path
    root: Path
    jars: dict[str, Path]

    @property
    def bundle(self) -> Bundle:
        return read_bundle(self.artifacts / "tiny")

    @property
    def archive(self) -> Path:
        return self.root / "bundles" / archive_name(self.bundle, None)

    @property
    def bundle_id(self) -> str:
        return bundle_id(self.bundle)

    def provide(self, *, verify: bool = False) -> str:
        return cli.provide(self.bundle, "3.13", self.root, verify=verify)

    def found(self) -> cache.Archive:
        archive = cache.find(self.archive)
        assert archive is not None
        return archive

    def lock(self) -> None:
        """Writes the lock of the jars as they are now."""
        lines = [
            f"{coordinates}\t{jar.stat().st_size}\t{hashlib.sha256(jar.read_bytes()).hexdigest()}\n"
            for coordinates, jar in sorted(self.jars.items())
        ]
        (self.artifacts / "tiny" / "lock.tsv").write_text("# lock\n" + "".join(lines))


def make_jar(path: Path, members: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for name, text in members.items():
            jar.writestr(zipfile.ZipInfo(name), text)
    return path
