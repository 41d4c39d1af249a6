"""The folder of a test run, which goes with the run.

All temporary files of this process, and of what it starts, lie in one folder. A run that was killed removes nothing,
so a run holds a lock on a file in its folder for as long as it lives, and each begins by removing the folders whose
lock nobody holds.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

PREFIX: Final = "meteostream-tests-"
OWNER: Final = "owner"
"""The locked file."""
TRIES: Final = 5


@cache
def folder() -> Path:
    """Make this process's folder at the first call, and make it the place of temporary files."""
    parent = Path(tempfile.gettempdir())
    sweep(parent)
    made = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=parent))
    made.chmod(0o755)  # PostgreSQL runs as a user of its own
    owner = os.open(made / OWNER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(owner, fcntl.LOCK_EX)
    named = made.rename(parent / made.name.removeprefix("."))  # seen by others only once it is locked
    os.environ["TMPDIR"] = tempfile.tempdir = str(named)
    atexit.register(_remove_own, named, os.getpid())
    return named


def sweep(parent: Path) -> list[Path]:
    """Remove the folders of processes that are gone; give them."""
    left = [path for path in parent.glob(f"{PREFIX}*") if path.is_dir() and not _owned(path)]
    for path in left:
        _remove(path)
    return left


def _owned(path: Path) -> bool:
    """Whether a process holds the folder's lock."""
    try:
        owner = os.open(path / OWNER, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(owner)
    return False


def _remove_own(path: Path, pid: int) -> None:
    if os.getpid() == pid:  # not in a fork of it
        _remove(path)


def _remove(path: Path) -> None:
    """Remove a folder, after the PostgreSQL servers in it: they outlive the process that started them."""
    for file in path.glob("*/data/postmaster.pid"):
        with suppress(ValueError, OSError):
            pid = int(file.read_text().split(maxsplit=1)[0])
            if Path(f"/proc/{pid}/cwd").resolve() == file.parent.resolve():  # the number may be another's by now
                os.kill(pid, signal.SIGQUIT)
    for _ in range(TRIES):
        with suppress(OSError):  # a server that is ending removes files beside us
            shutil.rmtree(path)
        if not path.exists():
            return
