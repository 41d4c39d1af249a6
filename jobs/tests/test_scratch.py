"""The folder of a test run goes with the run, also with one that was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import scratch

HOLD = "import sys, scratch; print(scratch.folder(), flush=True); sys.stdin.readline()"


def start(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process that has its folder in ``parent`` until it reads a line."""
    environment = {**os.environ, "TMPDIR": str(parent), "PYTHONPATH": str(Path(scratch.__file__).parent)}
    process = subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_run_that_ends_takes_its_folder_with_it(tmp_path: Path) -> None:
    process, folder = start(tmp_path)
    assert folder.parent == tmp_path
    assert folder.is_dir()
    process.communicate("\n")
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    killed, left = start(tmp_path)
    living, kept = start(tmp_path)
    (left / "postgres-1" / "data").mkdir(parents=True)
    # The number of a process that is no server of this folder: it must not be hurt.
    (left / "postgres-1" / "data" / "postmaster.pid").write_text(f"{living.pid}\n")
    (tmp_path / "meteostream-of-somebody").mkdir()
    killed.kill()
    killed.wait()
    assert left.is_dir()
    assert scratch.sweep(tmp_path) == [left]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.name, "meteostream-of-somebody"])
    assert living.poll() is None
    living.communicate("\n")
    killed.communicate()
