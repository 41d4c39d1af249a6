"""Spark in this process, local mode, from the project's own bundle.

A module that needs it runs by hand with ``PYTHONPATH=tests:src scripts/jobs-python local_spark MODULE ARGUMENTS``.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import scratch
from bundles import newest


def bundle() -> Path | None:
    """The newest bundle of Spark in the cache, None if there is none."""
    return newest("spark")


QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""A test's JVM lives for a minute or two: the time it takes to compile well is not won back."""
LONG = "-XX:+UseParallelGC"
"""Of a JVM that works for minutes on many rows."""


def install(java_options: str = QUICK) -> None:
    """Unpack the bundle beside the archives, once, and make it this process's Spark.

    The folder keeps what its bundle was, so it is made anew exactly when the bundle is another one.
    """
    archive = bundle()
    assert archive is not None, "expected the bundle spark in the cache; './meteo fetch' makes it"
    home = archive.parent.parent / "test-spark" / archive.stem
    if not (home / ".complete").exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "-xf", archive, "-C", home], check=True)  # noqa: S603, S607 - ours
        for wheel in (home / ".install" / "wheels").glob("*.whl"):
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(home / "python")
        for script in (home / "python" / "pyspark" / "bin").iterdir():
            script.chmod(0o755)
        (home / ".complete").touch()
    source = Path(__file__).parents[1] / "src"
    python = home / "python"
    sys.path.insert(0, str(python))
    temporary = scratch.folder()
    jars = ",".join(str(jar) for jar in sorted((home / "connectors").glob("*.jar")))
    options = "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1"
    options += f" --driver-java-options '{f'-Djava.io.tmpdir={temporary} {java_options}'.strip()}'"
    os.environ |= {
        "SPARK_HOME": str(python / "pyspark"),
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": f"{source}:{python}",
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(temporary),
        "PYSPARK_SUBMIT_ARGS": f"{options} --jars {jars} pyspark-shell",
    }


if __name__ == "__main__":
    install(java_options="")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
