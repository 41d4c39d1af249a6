"""Jars: resolved by Maven, verified against `lock.tsv` by name.

Maven starts only when a locked jar is missing from the local repository.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from meteo_fetch.cache import sha256_of
from meteo_fetch.errors import FetchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from meteo_fetch.definition import Bundle

ATTEMPTS = 3
PROGRESS_SECONDS = 5

SILENCE_SECONDS = 120
"""Maven without a word for this long hangs (a dropped connection): it is ended and started again."""

_HEADER = "# coordinates (group:artifact:type[:classifier]:version)\tbytes\tSHA-256\n"
_LOCK_LINE = re.compile(r"([^\t:]+(?::[^\t:]+){3,4})\t(\d+)\t([0-9a-f]{64})")
_TERMINAL_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Jar:
    """One locked file."""

    coordinates: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name Maven gives the file: `artifact-version[-classifier].type`."""
        _, artifact, kind, *classifier, version = self.coordinates.split(":")
        return "-".join([artifact, version, *classifier]) + f".{kind}"

    def path_in(self, repository: Path) -> Path:
        """Where the file lies in a local Maven repository."""
        group, artifact, _, *_, version = self.coordinates.split(":")
        return repository.joinpath(*group.split("."), artifact, version, self.file_name)


def local_repository() -> Path:
    """The user's local Maven repository: `<localRepository>` of his settings, default `~/.m2/repository`."""
    settings = Path.home() / ".m2" / "settings.xml"
    if settings.exists():
        for element in ET.parse(settings).iter():  # noqa: S314 (the user's own settings)
            if element.tag.rpartition("}")[2] == "localRepository" and element.text:
                return Path(element.text.strip().replace("${user.home}", str(Path.home())))
    return Path.home() / ".m2" / "repository"


def read_lock(file: Path) -> list[Jar]:
    """Reads `lock.tsv`.

    Raises:
        FetchError: a line is not three columns with a SHA-256.
    """
    jars = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        columns = _LOCK_LINE.fullmatch(line)
        if columns is None:
            raise FetchError(f"{file}:{number}: expected coordinates, bytes, SHA-256 between tabs, found {line!r}")
        jars.append(Jar(columns[1], int(columns[2]), columns[3]))
    return jars


def write_lock(file: Path, jars: list[Jar]) -> None:
    """Writes `lock.tsv`, sorted, without any address."""
    lines = [f"{jar.coordinates}\t{jar.size}\t{jar.sha256}\n" for jar in sorted(jars, key=lambda jar: jar.coordinates)]
    file.write_text(_HEADER + "".join(lines), encoding="utf-8")


def collect(bundle: Bundle, say: Callable[[str], None], repository: Path | None = None) -> list[tuple[Jar, Path]]:
    """All locked jars of a bundle, each verified.

    Raises:
        FetchError: a jar is damaged (named, with both checksums), or Maven cannot deliver it.
    """
    repository = repository or local_repository()
    jars = [(jar, jar.path_in(repository)) for jar in read_lock(bundle.jar_lock)]
    missing = [jar for jar, path in jars if not path.exists()]
    if missing:
        say(f"{bundle.name}: {len(missing)} of {len(jars)} jars to download")
        resolve(bundle, say, repository)
        still_missing = [jar.coordinates for jar, path in jars if not path.exists()]
        if still_missing:
            raise FetchError(
                f"{bundle.name}: Maven did not deliver {', '.join(still_missing)}, which {bundle.jar_lock} lists. "
                f"If {bundle.folder}/pom.xml was changed: ./meteo fetch --lock {bundle.name}"
            )
    for jar, path in jars:
        verify(jar, path)
    return jars


def verify(jar: Jar, path: Path) -> None:
    """Refuses a jar that is not the locked one."""
    size = path.stat().st_size
    finding = None
    if size != jar.size:
        finding = f"expected {jar.size} bytes, found {size}"
    elif (found := sha256_of(path)) != jar.sha256:
        finding = f"expected SHA-256 {jar.sha256}, found {found}"
    if finding:
        raise FetchError(
            f"{path.name} ({jar.coordinates}) is damaged or was exchanged, and nothing was packed: {finding}. "
            f"Download it again with: rm {path} && ./meteo fetch"
        )


def lock(bundle: Bundle, say: Callable[[str], None]) -> list[Jar]:
    """Resolves `pom.xml` and writes the lock; Maven has verified the repository's own checksums (-C)."""
    repository = local_repository()
    jars = []
    for coordinates in resolve(bundle, say, repository):
        if bundle.omits(coordinates):
            continue
        path = Jar(coordinates, 0, "").path_in(repository)
        jars.append(Jar(coordinates, path.stat().st_size, sha256_of(path)))
    write_lock(bundle.jar_lock, jars)
    return jars


def resolve(bundle: Bundle, say: Callable[[str], None], repository: Path) -> list[str]:
    """Runs Maven on the bundle's `pom.xml`; returns the coordinates of all it resolved (run time scope)."""
    with tempfile.TemporaryDirectory(prefix="meteo-fetch-") as scratch:
        listing = Path(scratch) / "resolved.txt"
        command = [
            *("mvn", "--batch-mode", "--strict-checksums", f"-Dmaven.repo.local={repository}"),
            *("--file", str(bundle.folder / "pom.xml"), "dependency:list", "-DincludeScope=runtime"),
            *(f"-DoutputFile={listing}", "-Dsort=true", "-Dstyle.color=never"),
        ]
        for attempt in range(1, ATTEMPTS + 1):
            say(f"{bundle.name}: Maven resolves pom.xml" + (f" (attempt {attempt})" if attempt > 1 else ""))
            problem = _run_maven(bundle, command, say)
            if problem is None:
                return _parse_listing(listing.read_text(encoding="utf-8"))
            say(f"{bundle.name}: {problem.splitlines()[0]}")
    raise FetchError(f"{bundle.name}: Maven failed {ATTEMPTS} times. Its last words:\n{problem}")


def _run_maven(bundle: Bundle, command: list[str], say: Callable[[str], None]) -> str | None:
    """One run of Maven; None if it went well, else what went wrong. Tells how many files came."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
        )
    except FileNotFoundError:
        raise FetchError("mvn was not found. Install it with: apt-get install maven") from None
    output = bytearray()
    pipe = cast("IO[bytes]", process.stdout)
    downloads, told_at = 0, time.monotonic()
    with process, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=SILENCE_SECONDS):
                process.kill()
                return f"Maven said nothing for {SILENCE_SECONDS} s and was ended"
            block = os.read(pipe.fileno(), 1 << 16)
            if not block:
                break
            output += block
            downloads += block.count(b"Downloaded from")
            if downloads and time.monotonic() - told_at > PROGRESS_SECONDS:
                told_at = time.monotonic()
                say(f"{bundle.name}: {downloads} files downloaded")
    if process.returncode == 0:
        return None
    lines = _TERMINAL_COLOURS.sub("", output.decode(errors="replace")).splitlines()
    errors = [line for line in lines if line.startswith("[ERROR]")] or lines
    return f"Maven ended with exit code {process.returncode}\n" + "\n".join(errors[:12])


def _parse_listing(text: str) -> list[str]:
    """Coordinates out of `dependency:list`'s lines, `group:artifact:type[:classifier]:version:scope`."""
    found = []
    for line in _TERMINAL_COLOURS.sub("", text).splitlines():
        fields = line.strip().split(" ")[0].split(":")
        if line.startswith("   ") and len(fields) in (5, 6):
            found.append(":".join(fields[:-1]))
    return found
