"""Python wheels: downloaded for a node's Python, verified against the hashed lock by name.

The control machine's own Python may be another one: markers are evaluated, and wheels chosen, for the node's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from meteo_fetch.cache import sha256_of
from meteo_fetch.errors import FetchError
from meteo_fetch.pack import MODIFIED, Content

if TYPE_CHECKING:
    from collections.abc import Callable

    from meteo_fetch.definition import Bundle

ARCHITECTURE = "x86_64"
NEWEST_GLIBC_MINOR = 36
"""glibc 2.36 is Debian 12's: a wheel that needs a newer one does not run there."""

INSTALL_FOLDER = ".install"
"""Folder of the archive that holds what the node needs to make the environment, and drops afterwards."""

DOWNLOAD_SECONDS = 1200
BUILD_SECONDS = 900

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Requirement:
    """One pinned package of a lock."""

    name: str
    version: str
    marker: str | None
    hashes: frozenset[str]

    @property
    def line(self) -> str:
        """The requirement for an installer, with all hashes of the lock, without its marker."""
        return f"{self.name}=={self.version} " + " ".join(f"--hash=sha256:{value}" for value in sorted(self.hashes))


def normalised(name: str) -> str:
    """A package's name in its one canonical spelling (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_requirements(file: Path) -> list[Requirement]:
    """Reads a hashed requirements file as `uv pip compile` writes it.

    Raises:
        FetchError: a line is not pinned by `==`, or has no hash.
    """
    found = []
    text = re.sub(r"\\\n", " ", file.read_text(encoding="utf-8"))
    for line in (raw.partition(" #")[0].strip() for raw in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)\s*(?:;\s*(.*?))?\s*(?=--hash|$)", line)
        hashes = frozenset(_HASH.findall(line))
        if match is None or not hashes:
            raise FetchError(f"{file}: expected name==version with hashes, found {line[:80]!r}")
        found.append(Requirement(normalised(match[1]), match[2], match[3], hashes))
    return found


def for_python(requirements: list[Requirement], python: str) -> list[Requirement]:
    """The requirements whose markers hold on a Linux node with this Python minor (such as "3.13")."""
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": ARCHITECTURE,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    return [one for one in requirements if one.marker is None or Marker(one.marker).evaluate(environment)]


def collect(bundle: Bundle, python: str, cache: Path, content: Content, say: Callable[[str], None]) -> None:
    """Adds installer, requirements and wheels of a bundle for one Python minor to an archive's content.

    Raises:
        FetchError: a wheel is not in the lock (named), or cannot be had for that Python.
    """
    requirements = for_python(read_requirements(bundle.python_lock), python)
    published = [one for one in requirements if one.name not in bundle.build]
    built = [one for one in requirements if one.name in bundle.build]
    installer = read_requirements(bundle.installer_lock)

    wheels = cache / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    chosen = _download(bundle, published + installer, python, wheels, say)
    chosen |= {one.name: _build(bundle, one, wheels, say) for one in built}

    lines = []
    for one in sorted(requirements, key=lambda one: one.name):
        wheel = chosen[one.name]
        lines.append(f"{one.name}=={one.version} --hash=sha256:{sha256_of(wheel)}\n")
        content.add(f"{INSTALL_FOLDER}/wheels/{wheel.name}", wheel, f"{one.name}=={one.version}")
    content.add(f"{INSTALL_FOLDER}/requirements.txt", "".join(lines).encode(), "the lock")
    content.add(
        f"{INSTALL_FOLDER}/uv",
        _member(chosen["uv"], ".data/scripts/uv"),
        f"uv=={installer[0].version}",
        executable=True,
    )


def verify(requirement: Requirement, wheel: Path) -> None:
    """Refuses a wheel whose SHA-256 the lock does not have."""
    found = sha256_of(wheel)
    if found not in requirement.hashes:
        raise FetchError(
            f"{wheel.name} is damaged or was exchanged, and nothing was packed: expected one of the "
            f"{len(requirement.hashes)} SHA-256 that the lock has for {requirement.name}=={requirement.version}, "
            f"found {found}. Download it again with: rm {wheel} && ./meteo fetch"
        )


def _wheel_of(requirement: Requirement, folder: Path, python: str) -> Path | None:
    """A wheel of this requirement that is already there and suits the node's Python, or None."""
    suitable = _tags(python)
    for wheel in sorted(folder.glob("*.whl")):
        try:
            name, version, _, tags = parse_wheel_filename(wheel.name)
        except InvalidWheelFilename:
            continue
        if (
            name == requirement.name
            and str(version) == requirement.version
            and any(str(tag) in suitable for tag in tags)
        ):
            return wheel
    return None


def _platforms() -> list[str]:
    """Platform tags of a node, the newest first."""
    newest_first = [f"manylinux_2_{minor}_{ARCHITECTURE}" for minor in range(NEWEST_GLIBC_MINOR, 4, -1)]
    return [*newest_first, f"manylinux2014_{ARCHITECTURE}", f"manylinux2010_{ARCHITECTURE}", f"linux_{ARCHITECTURE}"]


def _tags(python: str) -> set[str]:
    major, minor = (int(part) for part in python.split("."))
    platforms = _platforms()
    return {
        *(str(tag) for tag in cpython_tags((major, minor), platforms=platforms)),
        *(str(tag) for tag in compatible_tags((major, minor), f"cp{major}{minor}", platforms=platforms)),
    }


def _download(
    bundle: Bundle, requirements: list[Requirement], python: str, wheels: Path, say: Callable[[str], None]
) -> dict[str, Path]:
    """Wheels of all requirements by package name, verified; downloads those that the folder lacks."""
    missing = [one for one in requirements if _wheel_of(one, wheels, python) is None]
    if missing:
        say(f"{bundle.name}: {len(missing)} of {len(requirements)} wheels to download for Python {python}")
        with tempfile.TemporaryDirectory(prefix=".download-", dir=wheels) as scratch:
            lock = Path(scratch) / "requirements.txt"
            lock.write_text("".join(one.line + "\n" for one in missing), encoding="utf-8")
            _run(
                [
                    *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"),
                    *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--python-version", python),
                    *("--implementation", "cp"),
                    *(argument for platform in _platforms() for argument in ("--platform", platform)),
                    *("--dest", scratch, "--requirement", str(lock)),
                ],
                f"{bundle.name}: the wheels for Python {python} could not be downloaded",
                DOWNLOAD_SECONDS,
            )
            for wheel in Path(scratch).glob("*.whl"):
                wheel.replace(wheels / wheel.name)
    chosen = {}
    for one in requirements:
        found = _wheel_of(one, wheels, python)
        if found is None:
            raise FetchError(
                f"{bundle.name}: expected a wheel of {one.name}=={one.version} for Python {python}, got none"
            )
        verify(one, found)
        chosen[one.name] = found
    return chosen


def _build(bundle: Bundle, requirement: Requirement, wheels: Path, say: Callable[[str], None]) -> Path:
    """The wheel of a package that is published as source only, built here from the locked source.

    pip checks the source against the lock before it runs anything of it; the build tools are locked, too. The
    wheel's own hash is written beside it: it is this machine's product and stands in no lock.
    """
    folder = wheels / "built" / f"{requirement.name}-{requirement.version}-{min(requirement.hashes)[:12]}"
    stamp = folder / "SHA256SUM"
    if stamp.exists():
        expected, name = stamp.read_text(encoding="utf-8").split()
        wheel = folder / name
        if not wheel.exists() or (found := sha256_of(wheel)) != expected:
            finding = f"SHA-256 {found}" if wheel.exists() else "no file"
            raise FetchError(
                f"{name}, built here earlier, is damaged: expected SHA-256 {expected}, found {finding}. "
                f"Build it again with: rm -r {folder} && ./meteo fetch"
            )
        return wheel
    say(f"{bundle.name}: building {requirement.name} {requirement.version} from its locked source (a minute or two)")
    failure = f"{bundle.name}: {requirement.name} could not be built"
    with tempfile.TemporaryDirectory(prefix=".build-", dir=wheels) as scratch:
        tools = Path(scratch) / "tools"
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(tools)], failure, BUILD_SECONDS)
        python = tools / "bin" / "python"
        sync = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(bundle.build_lock)]
        _run(sync, failure, BUILD_SECONDS)
        lock = Path(scratch) / "requirements.txt"
        lock.write_text(requirement.line + "\n", encoding="utf-8")
        _run(
            [
                *(str(python), "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"),
                *("--no-cache-dir", "--no-build-isolation", "--require-hashes", "--no-binary", ":all:"),
                *("--wheel-dir", f"{scratch}/out", "--requirement", str(lock)),
            ],
            failure,
            BUILD_SECONDS,
        )
        (wheel,) = Path(scratch, "out").glob("*.whl")
        if not wheel.name.endswith("-none-any.whl"):
            raise FetchError(f"{failure}: expected a wheel for any Python, got {wheel.name}")
        folder.mkdir(parents=True, exist_ok=True)
        wheel = wheel.replace(folder / wheel.name)
    stamp.write_text(f"{sha256_of(wheel)}  {wheel.name}\n", encoding="utf-8")
    return wheel


def _member(wheel: Path, suffix: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(suffix)]
        return archive.read(name)


def _run(command: list[str], failure: str, seconds: int) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(MODIFIED)}
    try:
        subprocess.run(
            command,
            check=True,
            text=True,
            capture_output=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except FileNotFoundError:
        raise FetchError(
            f"{failure}: {command[0]} was not found. Make the tools with: scripts/venv current requirements/control.txt"
        ) from None
    except subprocess.TimeoutExpired:
        raise FetchError(f"{failure}: no end within {seconds} s. Run ./meteo fetch again") from None
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{failure}:\n{error.stderr.strip() or error.stdout.strip()}") from None
