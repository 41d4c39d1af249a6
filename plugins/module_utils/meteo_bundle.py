"""Installs a bundle on a node so that any interruption leaves something the next run finishes.

Layout below `<prefix>/<name>/`:

- `<version>-<lock hash>/` one installed version. Its `.files` lists every file as it was installed, its `.complete`
  says from which archive and holds the checksum of that list. Both are written before the folder gets its name.
- `current` link to the version in use, replaced by one rename.
- `.*` folders are work of a run that did not end; the next run removes them.

No part of this module is Ansible's: it is tested as plain Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import tarfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPLETE = ".complete"
LISTING = ".files"
CURRENT = "current"
DESCRIPTION = "bundle.json"
INSTALL_FOLDER = ".install"
NODE_PYTHON = "/usr/bin/python3"
PROGRAM_SECONDS = 900

_LOCK_FILE = ".lock"
_VERSION_FOLDER = re.compile(r".+-[0-9a-f]{12}")
_BLOCK = 1 << 20
_NAMED_DIFFERENCES = 5


class BundleError(Exception):
    """What was expected, what was found, what to do."""


@dataclass(frozen=True)
class Wanted:
    """The bundle that a node shall have."""

    name: str
    id: str
    prefix: Path
    python: str | None = None
    """Python minor that a bundle with an environment is for, such as "3.13"; None for a bundle without one."""
    keep: int = 2
    """Versions that stay installed, the current one included."""

    @property
    def home(self) -> Path:
        """Folder of all versions."""
        return self.prefix / self.name

    @property
    def folder(self) -> Path:
        """Folder of the wanted version."""
        return self.home / self.id

    @property
    def link(self) -> Path:
        """The link to the version in use."""
        return self.home / CURRENT


@dataclass
class Finding:
    """How a node stands to what is wanted."""

    installed: bool
    problems: list[str] = field(default_factory=list)
    """Why the version must be unpacked (again); empty if it is complete and as it was installed."""
    linked: bool = False
    leftovers: list[Path] = field(default_factory=list)

    @property
    def converged(self) -> bool:
        """Whether nothing is to do."""
        return self.installed and self.linked and not self.leftovers


def inspect(wanted: Wanted) -> Finding:
    """Compares the node with what is wanted; reads names, sizes, modes and times, no file's content."""
    problems = _problems(wanted)
    return Finding(
        installed=not problems,
        problems=problems,
        linked=_linked_id(wanted) == wanted.id,
        leftovers=_leftovers(wanted.home),
    )


def converge(wanted: Wanted, get_archive: Callable[[], Path], sha256: str) -> Finding:
    """Does what is missing, each step repeatable; returns what it found before.

    The archive is asked for only if the version must be unpacked, and removed afterwards, whatever happened.
    """
    with alone(wanted):
        found = inspect(wanted)
        came_from = current_id(wanted)
        if not found.installed:
            archive = get_archive()
            try:
                install(wanted, archive, sha256)
            finally:
                archive.unlink(missing_ok=True)
        if not found.converged:
            switch(wanted)
            tidy(wanted, came_from)
    return found


def install(wanted: Wanted, archive: Path, sha256: str) -> None:
    """Verifies the archive, unpacks it beside, and gives it its name when it is complete.

    Raises:
        BundleError: the archive is not the expected one; nothing was unpacked.
    """
    verify_archive(archive, sha256)
    partial = wanted.home / f".{wanted.id}.partial"
    replaced = wanted.home / f".{wanted.id}.replaced"
    for folder in (partial, replaced):
        _remove(folder)
    partial.mkdir(mode=0o755)
    _unpack(archive, partial)
    description = json.loads((partial / DESCRIPTION).read_text(encoding="utf-8"))
    if (partial / INSTALL_FOLDER).exists():
        _make_environment(wanted, partial)
    for name, target in description["links"].items():
        (partial / name).symlink_to(target.replace("{python}", wanted.python or ""))
    _seal(partial, {"id": wanted.id, "python": wanted.python, "sha256": sha256})
    # What is named complete must be on the disk before it has its name: a power cut comes at any time.
    _run(["/usr/bin/sync", "--file-system", str(partial)])
    if os.path.lexists(wanted.folder):
        wanted.folder.rename(replaced)
    partial.rename(wanted.folder)
    _sync_folder(wanted.home)
    _remove(replaced)


def switch(wanted: Wanted) -> None:
    """Points `current` to the wanted version in one step."""
    beside = wanted.home / f".{CURRENT}.new"
    beside.unlink(missing_ok=True)
    beside.symlink_to(wanted.id)
    if wanted.link.is_dir() and not wanted.link.is_symlink():
        raise BundleError(
            f"{wanted.link}: expected a link, found a folder that is not ours; move it away and run again"
        )
    beside.replace(wanted.link)
    _sync_folder(wanted.home)


def tidy(wanted: Wanted, came_from: str | None) -> None:
    """Removes what interrupted runs left, and versions beyond `keep`; never the wanted or the last one in use."""
    for leftover in _leftovers(wanted.home):
        _remove(leftover)
    others = [folder for folder in _versions(wanted.home) if folder.name != wanted.id]
    others.sort(key=lambda folder: (folder.name == came_from, _installed_at(folder)), reverse=True)
    for folder in others[max(wanted.keep - 1, 0) :]:
        _remove(folder)


def previous(wanted: Wanted) -> str:
    """Path of the newest other complete version, the one to go back to; empty if there is none."""
    others = [folder for folder in _versions(wanted.home) if folder.name != wanted.id and _installed_at(folder)]
    return str(max(others, key=_installed_at)) if others else ""


def current_id(wanted: Wanted) -> str | None:
    """Id of the version that `current` points to, None without one."""
    return _linked_id(wanted)


def check_space(wanted: Wanted, needed: int) -> None:
    """Refuses before anything is transferred if the file system lacks room.

    Raises:
        BundleError: tells what is needed and what is free.
    """
    place = next(folder for folder in (wanted.home, *wanted.home.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    if free < needed:
        raise BundleError(
            f"{wanted.name}: needs {needed / 1e6:.0f} MB below {wanted.prefix} while it installs, "
            f"found {free / 1e6:.0f} MB free. Make room (df -h {place}) and run again"
        )


def verify_archive(archive: Path, sha256: str) -> None:
    """Reads the archive as a whole.

    Raises:
        BundleError: names the archive and both checksums.
    """
    digest = hashlib.sha256()
    with archive.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    if digest.hexdigest() != sha256:
        raise BundleError(
            f"{archive.name.removesuffix('.part')} reached this node damaged and was not unpacked: expected SHA-256 "
            f"{sha256}, found {digest.hexdigest()} in {archive.stat().st_size} bytes. Run again to transfer it anew"
        )


@contextmanager
def alone(wanted: Wanted) -> Iterator[None]:
    """Makes the bundle's folder, and keeps a second run on this node waiting while it is changed."""
    wanted.home.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (wanted.home / _LOCK_FILE).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def listing(folder: Path) -> dict[str, str]:
    """Every file, link and folder below `folder` with what tells a change: owner, mode, and size and time or target.

    Bytecode caches don't count: Python writes them by itself.
    """
    found: dict[str, str] = {}
    pending = [folder]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                relative = os.path.relpath(entry.path, folder)
                if relative in (COMPLETE, LISTING) or entry.name == "__pycache__":
                    continue
                status = entry.stat(follow_symlinks=False)
                what = f"{status.st_uid}:{status.st_gid} {stat.filemode(status.st_mode)}"
                if entry.is_symlink():
                    what += f" -> {Path(entry.path).readlink()}"
                elif entry.is_dir():
                    pending.append(Path(entry.path))
                else:
                    what += f" {status.st_size} {status.st_mtime_ns}"
                found[relative] = what
    return found


def _problems(wanted: Wanted) -> list[str]:
    if not wanted.folder.is_dir():
        return ["not installed"]
    try:
        complete = json.loads((wanted.folder / COMPLETE).read_text(encoding="utf-8"))
        listed = (wanted.folder / LISTING).read_bytes()
        expected: dict[str, str] = json.loads(listed)
    except (OSError, ValueError):
        return ["its installation did not end"]
    if complete.get("id") != wanted.id or complete.get("listing") != hashlib.sha256(listed).hexdigest():
        return [f"{COMPLETE} does not belong to it"]
    if complete.get("python") != wanted.python:
        return [f"made for Python {complete.get('python')}, the node has {wanted.python}"]
    present = listing(wanted.folder)
    if present == expected:
        return []
    problems = [f"{path} is missing" for path in expected if path not in present]
    problems += [f"{path} does not belong there" for path in present if path not in expected]
    problems += [f"{path} was changed" for path in expected if present.get(path, expected[path]) != expected[path]]
    more = len(problems) - _NAMED_DIFFERENCES
    return sorted(problems)[:_NAMED_DIFFERENCES] + ([f"and {more} more"] if more > 0 else [])


def _linked_id(wanted: Wanted) -> str | None:
    try:
        return str(wanted.link.readlink())
    except OSError:
        return None


def _leftovers(home: Path) -> list[Path]:
    return sorted(path for path in home.glob(".*") if path.name != _LOCK_FILE) if home.is_dir() else []


def _versions(home: Path) -> list[Path]:
    if not home.is_dir():
        return []
    return [path for path in home.iterdir() if _VERSION_FOLDER.fullmatch(path.name) and path.is_dir()]


def _installed_at(folder: Path) -> float:
    """When a version was completed; 0 if it never was."""
    try:
        return float(json.loads((folder / COMPLETE).read_text(encoding="utf-8"))["installed_at"])
    except (OSError, ValueError, KeyError):
        return 0.0


def _unpack(archive: Path, folder: Path) -> None:
    """Plain files only, each inside `folder`, none writable by others: whatever the archive says."""
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            parts = Path(member.name).parts
            if not member.isfile() or member.name.startswith("/") or ".." in parts:
                raise BundleError(f"{archive.name}: expected plain files inside the bundle, found {member.name!r}")
            target = folder.joinpath(*parts)
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            content = tar.extractfile(member)
            with target.open("xb") as stream:
                shutil.copyfileobj(content or io.BytesIO(), stream, _BLOCK)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _make_environment(wanted: Wanted, folder: Path) -> None:
    """Makes `venv` from the wheels of the archive alone, with the uv of the archive, without network."""
    minor = "{0.major}.{0.minor}"
    asked = [NODE_PYTHON, "-c", f"import sys; print('{minor}'.format(sys.version_info))"]
    found = _run(asked).strip()
    if found != wanted.python:
        raise BundleError(
            f"{wanted.name}: expected {NODE_PYTHON} to be Python {wanted.python} (what Ansible found on this node), "
            f"found {found}. Let ansible_python_interpreter be {NODE_PYTHON}"
        )
    work = folder / INSTALL_FOLDER
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(work),
        "LC_ALL": "C.UTF-8",
        "UV_CACHE_DIR": str(work / "cache"),
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    uv, venv = str(work / "uv"), str(folder / "venv")
    commands = (
        # Relocatable: it is made under another name than it is used by.
        [uv, "venv", "--quiet", "--relocatable", "--prompt", wanted.name, "--python", NODE_PYTHON, venv],
        [
            *(uv, "pip", "sync", "--quiet", "--python", f"{venv}/bin/python", "--no-index"),
            *("--find-links", str(work / "wheels"), "--require-hashes", "--link-mode", "hardlink"),
            str(work / "requirements.txt"),
        ],
    )
    for command in commands:
        _run(command, environment, folder)
    _compile(venv)
    shutil.rmtree(work)


def _compile(venv: str) -> None:
    """Bytecode for all but the libraries' own tests: daemons may not write it, and would compile at each start."""
    command = [
        f"{venv}/bin/python",
        "-W",
        "ignore",
        "-m",
        "compileall",
        "-qq",
        "-j",
        "0",
        "-x",
        "/tests?/",
        f"{venv}/lib",
    ]
    # The exit code counts files that no Python 3 can compile (templates of code): nothing imports those.
    subprocess.run(command, check=False, capture_output=True, timeout=PROGRAM_SECONDS)


def _run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """Runs a program of the system or of the verified archive; returns what it said."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PROGRAM_SECONDS, env=environment, cwd=folder
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        raise BundleError(f"{' '.join(command)} failed with exit code {done.returncode}: {words}")
    return done.stdout


def _seal(folder: Path, facts: dict[str, str | None]) -> None:
    """Takes write permission from group and others, lists what is there, and writes `.complete`."""
    for path, _, files in os.walk(folder):
        for name in ("", *files):
            target = Path(path, name)
            mode = target.lstat().st_mode
            if not stat.S_ISLNK(mode) and mode & 0o022:
                target.chmod(stat.S_IMODE(mode) & ~0o022)
    listed = json.dumps(listing(folder), indent=0, sort_keys=True).encode()
    complete = {**facts, "listing": hashlib.sha256(listed).hexdigest(), "installed_at": time.time()}
    for name, content in ((LISTING, listed), (COMPLETE, json.dumps(complete, indent=1, sort_keys=True).encode())):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
