"""`./meteo fetch`: has every bundle in the cache, verified, and says which were made."""

from __future__ import annotations

import argparse
import fcntl
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meteo_fetch import cache, maven, sources, wheels
from meteo_fetch.definition import SUPPORTED_PYTHONS, Bundle, archive_name, bundle_id, bundle_names, read_bundle
from meteo_fetch.errors import FetchError
from meteo_fetch.pack import Content, write

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT_ARCHIVES = 3
"""Archives of one bundle and Python that stay in the cache, the newest first."""

REPOSITORY = Path(__file__).resolve().parents[3]


def say(message: str) -> None:
    """Progress, for people: standard error."""
    print(f"[{time.strftime('%H:%M:%S')}] {message}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs `./meteo fetch`; 0 if all that was asked for is there."""
    parser = argparse.ArgumentParser(prog="./meteo fetch", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="bundles (default: all)")
    parser.add_argument(
        "--python",
        default=SUPPORTED_PYTHONS[0],
        metavar="MINORS",
        help="Python minors of the nodes, such as 3.13,3.11 (default: %(default)s)",
    )
    parser.add_argument("--lock", action="store_true", help="for developers: make the locks anew from pom.xml and *.in")
    parser.add_argument("--verify", action="store_true", help="read every archive as a whole, not only its size")
    options = parser.parse_args(arguments)
    artifacts = REPOSITORY / "artifacts"
    try:
        pythons = _pythons(options.python)
        for name in options.names or bundle_names(artifacts):
            bundle = read_bundle(artifacts / name)
            if options.lock:
                make_lock(bundle)
            else:
                for python in pythons if bundle.python == "each" else pythons[:1]:
                    print(provide(bundle, python, cache.cache_root(), verify=options.verify), flush=True)
    except FetchError as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    return 0


def provide(bundle: Bundle, python: str, root: Path, *, verify: bool = False) -> str:
    """Has one archive in the cache; returns a line that begins with `ready` (it was there) or `made`."""
    path = root / "bundles" / archive_name(bundle, python)
    found = cache.find(path)
    if found is None:
        with _alone(root / "bundles", bundle.name):
            found = cache.find(path)
            if found is None:
                started = time.monotonic()
                manifest = make(bundle, python, root, path)
                _drop_old(path, bundle)
                seconds = time.monotonic() - started
                files, megabytes = len(manifest["files"]), manifest["size"] / 1e6
                return f"made {path.name} ({megabytes:.1f} MB, {files} files, {seconds:.1f} s)"
    if verify:
        cache.verify_content(found)
    else:
        cache.verify_size(found)
    return f"ready {path.name} ({found.size / 1e6:.1f} MB)"


def make(bundle: Bundle, python: str, root: Path, path: Path) -> dict[str, Any]:
    """Collects and verifies all files of a bundle, and packs them."""
    content = Content()
    if bundle.source is not None:
        sources.add_sources(content, bundle.source)
    if bundle.jar_lock.exists():
        for jar, file in maven.collect(bundle, say):
            place = bundle.place_of(jar.coordinates)
            if place is None:
                content.add(f"{bundle.jars}/{file.name}", file, jar.coordinates)
            elif place.unpack is None:
                content.add(place.path, file, jar.coordinates)
            else:
                content.add_unpacked(place.path, file, place.unpack, jar.coordinates)
    if bundle.python != "none":
        wheels.collect(bundle, python, root, content, say)
    description = {
        "name": bundle.name,
        "version": bundle.version,
        "id": bundle_id(bundle),
        "python": python if bundle.python == "each" else bundle.python,
        "links": bundle.links,
        "installed_size": content.installed_size(),
    }
    return write(path, content, description)


def make_lock(bundle: Bundle) -> None:
    """Makes the locks of one bundle anew."""
    if (bundle.folder / "pom.xml").exists():
        jars = maven.lock(bundle, say)
        print(f"{bundle.jar_lock.relative_to(REPOSITORY)}: {len(jars)} jars")
    if bundle.python != "none":
        for source in (
            bundle.folder / "requirements.in",
            bundle.build_lock.with_suffix(".in"),
            bundle.installer_lock.with_suffix(".in"),
        ):
            lock = [str(REPOSITORY / "scripts" / "lock"), str(source.relative_to(REPOSITORY))]
            if subprocess.run(lock, cwd=REPOSITORY, check=False).returncode:
                raise FetchError(f"{source} could not be locked; uv's words stand above")


def _pythons(text: str) -> list[str]:
    pythons = [part.strip() for part in text.split(",") if part.strip()]
    unsupported = [python for python in pythons if python not in SUPPORTED_PYTHONS]
    if unsupported or not pythons:
        found = ", ".join(unsupported) or "none"
        raise FetchError(f"--python: expected {' or '.join(SUPPORTED_PYTHONS)}, found {found}")
    return pythons


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Two runs at once do not make the same bundle twice: the second waits, and finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another run is making it; waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _drop_old(path: Path, bundle: Bundle) -> None:
    """Removes archives of earlier versions beyond the newest few: the cache stays bounded."""
    suffix = path.name.removesuffix(".tar").rpartition("-")[2] if bundle.python == "each" else ""
    same = [
        archive
        for archive in path.parent.glob(f"{bundle.name}-*.tar")
        if (archive.stem.rpartition("-")[2] == suffix if suffix else "-py3" not in archive.stem)
    ]
    for archive in sorted(same, key=lambda archive: archive.stat().st_mtime_ns, reverse=True)[KEPT_ARCHIVES:]:
        cache.manifest_path(archive).unlink(missing_ok=True)
        archive.unlink()


if __name__ == "__main__":
    sys.exit(main())
