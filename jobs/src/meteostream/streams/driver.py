"""A driver that is of no use ends, so that its unit starts another one.

A Spark master that comes back spends a while on finding its old applications again. What registers meanwhile at the
address of one of them is told that it is registered, and forgotten with the old one (``Master.registerApplication``:
"Attempted to re-register application at same address"): the driver would wait for executors for ever. So each start
takes another port of the range, and a driver that has had no executor for long enough gives up.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

LOOK_S: Final = 1.0
WITHOUT_EXECUTORS_S: Final = 90.0
"""A worker that was killed is back, with its executors, in about half of this."""
BEFORE_THE_QUERY_S: Final = 5.0
"""How long a stop waits for what comes before the query; nothing is in flight then."""


class DriverError(Exception):
    """The driver cannot start; the message says why."""


def driver_settings(ports: tuple[int, int] | None) -> dict[str, str]:
    """Spark settings of one start: a free port out of ``ports`` (first and last), chosen at random.

    Raises
    ------
    DriverError
        All are taken.
    """
    if ports is None:
        return {}
    first, last = ports
    candidates = list(range(first, last + 1))
    secrets.SystemRandom().shuffle(candidates)
    for port in candidates:
        if _is_free(port):
            return {"spark.driver.port": str(port)}
    raise DriverError(f"driver_ports: expected a free port from {first} to {last}, found all of them taken")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


class Guard:
    """Ends the process when its driver has no executors for long, or is told to stop before its query runs.

    Looks once a second, in a thread of its own, for as long as it is a context.

    Parameters
    ----------
    executors
        How many there are now; None where that is no question (a local master, a JVM that is going).
    stopping
        Set by SIGTERM.
    end
        Ends the process with an exit code.
    """

    def __init__(
        self, executors: Callable[[], int | None], stopping: threading.Event, end: Callable[[int], object] = os._exit
    ) -> None:
        self._executors = executors
        self._stopping = stopping
        self._end = end
        self._querying = threading.Event()
        self._over = threading.Event()
        self._alone_since: float | None = None
        self._told_at: float | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="guard", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def query_runs(self) -> None:
        """From now on a stop is the query's affair."""
        self._querying.set()

    def look(self, now: float) -> None:
        """Look once; ``now`` in seconds of a clock that never goes back."""
        if self._stopping.is_set() and not self._querying.is_set():
            self._told_at = now if self._told_at is None else self._told_at
            if now - self._told_at >= BEFORE_THE_QUERY_S:
                log.info("stopped before the query began")
                self._end(0)
            return
        if self._executors() != 0:
            self._alone_since = None
            return
        self._alone_since = now if self._alone_since is None else self._alone_since
        if now - self._alone_since >= WITHOUT_EXECUTORS_S and not self._stopping.is_set():
            log.critical(
                "no executor for %.0f s: is a spark-worker up, with cores and memory to spare? (see the master's "
                "page); ending, so that the next start registers anew",
                now - self._alone_since,
            )
            self._end(1)

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            self.look(time.monotonic())
