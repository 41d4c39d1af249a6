"""Bundle definitions: what `artifacts/<name>/` says, and the identity that follows from it."""

from __future__ import annotations

import fnmatch
import hashlib
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from meteo_fetch.errors import FetchError

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION_FILE = "bundle.toml"
JAR_LOCK = "lock.tsv"
PYTHON_LOCK = "requirements.txt"
PYTHON_TOOLS = "python"
"""Folder below artifacts/ that locks what every Python bundle is built and installed with."""

PACKING = "1"
"""Part of every identity: raise it when the same locks must give another archive (layout, installer's steps)."""

SUPPORTED_PYTHONS = ("3.13", "3.11")
"""Python of Debian 13 and of Debian 12."""

ID_DIGITS = 12

PythonUse = Literal["none", "any", "each"]

_KEYS = {"name", "version", "description", "python", "build", "jars", "omit", "place", "links", "source"}


@dataclass(frozen=True)
class Place:
    """Where jars whose coordinates match go, if not into the bundle's common folder."""

    match: str
    path: str
    unpack: str | None = None
    """Take only what lies below this folder inside the jar, unpacked to `path`."""


@dataclass(frozen=True)
class Source:
    """A bundle made from files of this repository instead of published ones."""

    folder: Path
    target: str
    patterns: tuple[str, ...]


@dataclass(frozen=True)
class Bundle:
    """One folder below `artifacts/`, read and checked."""

    name: str
    version: str
    folder: Path
    python: PythonUse
    """none: no Python in it; any: one archive serves every Python minor; each: one archive a Python minor."""
    build: frozenset[str]
    """Python packages that are published as source only and are built here from their locked source."""
    jars: str
    omit: tuple[str, ...]
    places: tuple[Place, ...]
    links: dict[str, str]
    """Links inside the installed bundle; `{python}` in a target stands for the node's Python minor."""
    source: Source | None

    def place_of(self, coordinates: str) -> Place | None:
        """The special place of a jar, None for the common folder."""
        return next((place for place in self.places if fnmatch.fnmatchcase(coordinates, place.match)), None)

    def omits(self, coordinates: str) -> bool:
        """Whether a resolved jar stays out (native code for systems that are no node of ours)."""
        return any(fnmatch.fnmatchcase(coordinates, pattern) for pattern in self.omit)

    @property
    def jar_lock(self) -> Path:
        """Lock of the jars; may be absent."""
        return self.folder / JAR_LOCK

    @property
    def python_lock(self) -> Path:
        """Hashed, universal requirements; may be absent."""
        return self.folder / PYTHON_LOCK

    @property
    def build_lock(self) -> Path:
        """Hashed tools that build wheels of packages that are published as source only."""
        return self.folder.parent / PYTHON_TOOLS / "build.txt"

    @property
    def installer_lock(self) -> Path:
        """Hashed requirement of the installer that Python bundles carry."""
        return self.folder.parent / PYTHON_TOOLS / "installer.txt"


def source_files(source: Source) -> list[tuple[str, Path]]:
    """Files of a source bundle as (path below the source folder, file), sorted; caches and bytecode stay out."""
    found = []
    for file in source.folder.rglob("*"):
        relative = file.relative_to(source.folder)
        if "__pycache__" in relative.parts or any(part.endswith(".egg-info") for part in relative.parts):
            continue
        if file.is_file() and any(fnmatch.fnmatchcase(file.name, pattern) for pattern in source.patterns):
            found.append((relative.as_posix(), file))
    return sorted(found)


def lock_hash(bundle: Bundle) -> str:
    """The identity of a bundle's content: 12 hex digits over its definition and locks, or over its sources.

    Equal locks give equal identities on every control machine, whatever was built where.
    """
    digest = hashlib.sha256(f"packing {PACKING}\n".encode())

    def add(label: str, content: bytes) -> None:
        digest.update(f"{label} {len(content)}\n".encode())
        digest.update(content)

    add(DEFINITION_FILE, (bundle.folder / DEFINITION_FILE).read_bytes())
    if bundle.source is not None:
        for path, file in source_files(bundle.source):
            add(path, file.read_bytes())
        return digest.hexdigest()[:ID_DIGITS]
    locks = [lock for lock in (bundle.jar_lock, bundle.python_lock) if lock.exists()]
    if not locks:
        raise FetchError(f"{bundle.folder}: no lock found; make it with: ./meteo fetch --lock {bundle.name}")
    if bundle.python != "none":
        locks.append(bundle.installer_lock)
    if bundle.build:
        locks.append(bundle.build_lock)
    for lock in locks:
        add(f"{lock.parent.name}/{lock.name}", lock.read_bytes())
    return digest.hexdigest()[:ID_DIGITS]


def bundle_id(bundle: Bundle) -> str:
    """Name of the installed version's folder: `<version>-<lock hash>`."""
    return f"{bundle.version}-{lock_hash(bundle)}"


def archive_name(bundle: Bundle, python: str | None) -> str:
    """Name of the archive in the cache; `python` (such as "3.13") counts where archives differ by it."""
    suffix = f"-py{python}" if bundle.python == "each" else ""
    return f"{bundle.name}-{bundle_id(bundle)}{suffix}.tar"


def _check(condition: bool, file: Path, expectation: str, found: object) -> None:
    if not condition:
        raise FetchError(f"{file}: expected {expectation}, found {found!r}")


def read_bundle(folder: Path) -> Bundle:
    """Reads `folder/bundle.toml`.

    Raises:
        FetchError: the folder holds no definition, or one that makes no sense.
    """
    file = folder / DEFINITION_FILE
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(bundle_names(folder.parent)) or "none"
        raise FetchError(f"there is no bundle named {folder.name!r}; known: {known}") from None
    except tomllib.TOMLDecodeError as error:
        raise FetchError(f"{file}: not valid TOML: {error}") from None
    unknown = set(values) - _KEYS
    _check(not unknown, file, "only the keys " + ", ".join(sorted(_KEYS)), ", ".join(sorted(unknown)))
    _check(values.get("name") == folder.name, file, f'name = "{folder.name}"', values.get("name"))
    _check(isinstance(values.get("version"), str), file, "a version", values.get("version"))
    python = values.get("python", "none")
    _check(python in ("none", "any", "each"), file, "python to be none, any or each", python)
    source = None
    if "source" in values:
        source = Source(
            folder=(folder / values["source"]["folder"]).resolve(),
            target=values["source"]["target"],
            patterns=tuple(values["source"]["patterns"]),
        )
    return Bundle(
        name=values["name"],
        version=values["version"],
        folder=folder,
        python=python,
        build=frozenset(values.get("build", ())),
        jars=values.get("jars", "lib"),
        omit=tuple(values.get("omit", ())),
        places=tuple(Place(**place) for place in values.get("place", ())),
        links=dict(values.get("links", {})),
        source=source,
    )


def bundle_names(artifacts: Path) -> list[str]:
    """Names of all bundles below `artifacts/`."""
    return sorted(file.parent.name for file in artifacts.glob(f"*/{DEFINITION_FILE}"))
