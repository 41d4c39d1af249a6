"""The lake's locks: one writer at a time, over all machines, by ZooKeeper.

``lake`` is short: the stream holds it for an append, the maintenance for what it does to one table. Iceberg itself
would let a commit fail and be tried again; but a file that another's commit is about to name must not be removed.
``etl`` is long: a run of the ETL holds it from its first read to its last commit, and compaction beside it, so that
neither rewrites what the other has read, and the stream waits for neither. Who loses the session loses the lock, and
knows it (:meth:`LakeLock.check`).
"""

from __future__ import annotations

import logging
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException, LockTimeout
from kazoo.handlers.threading import KazooTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger(__name__)

FOLDER: Final = "/meteostream/locks"
SESSION_S: Final = 20.0
"""A holder whose machine vanishes keeps the others waiting this long."""
CONNECT_S: Final = 30.0
TELL_S: Final = 10.0
"""Who waits longer says so."""


class LakeLockError(RuntimeError):
    """The lock could not be had, or was lost; nothing was written under it afterwards."""


class LakeLock:
    """One of the locks, over one connection that lives as long as the process.

    Parameters
    ----------
    hosts
        ZooKeeper's, host:port each; empty where one process alone writes the lake (tests): then there is no lock.
    holder
        Who we are, for the others' log.
    """

    def __init__(self, hosts: Sequence[str], holder: str, name: Literal["lake", "etl"] = "lake") -> None:
        self._name = name
        self._hosts = ",".join(hosts)
        self._holder = f"{holder} on {socket.gethostname()}"
        self._client: KazooClient | None = None
        self._lost = False

    @contextmanager
    def held(self, patience_s: float | None = None) -> Iterator[None]:
        """Hold the lock.

        Parameters
        ----------
        patience_s
            How long to wait for it; None: as long as it takes.

        Raises
        ------
        LakeLockError
            ZooKeeper does not answer, or another has it for longer than ``patience_s``.
        """
        if not self._hosts:
            yield
            return
        client = self._connected()
        lock = client.Lock(f"{FOLDER}/{self._name}", self._holder)
        self._acquire(lock, patience_s)
        self._lost = False
        try:
            yield
        finally:
            self._release(client, lock)

    def check(self) -> None:
        """Ask whether the lock is still ours.

        Raises
        ------
        LakeLockError
            The session was lost: another may hold the lock by now.
        """
        if self._hosts and (self._lost or self._client is None or not self._client.connected):
            raise LakeLockError(f"the lock {self._name!r} was lost with ZooKeeper's session; run this again")

    def close(self) -> None:
        """End the session, and with it whatever it holds."""
        client, self._client = self._client, None
        if client is not None:
            client.stop()
            client.close()

    def _connected(self) -> KazooClient:
        if self._client is None:
            client = KazooClient(hosts=self._hosts, timeout=SESSION_S)
            client.add_listener(self._noticed)
            try:
                client.start(timeout=CONNECT_S)
            except KazooTimeoutError as error:
                client.close()
                raise LakeLockError(
                    f"expected ZooKeeper at {self._hosts} to answer within {CONNECT_S:.0f} s for the lock "
                    f"{self._name!r}: {error}"
                ) from None
            self._client = client
        return self._client

    def _acquire(self, lock: object, patience_s: float | None) -> None:
        started = time.monotonic()
        wait = TELL_S if patience_s is None else min(TELL_S, patience_s)
        while True:
            try:
                lock.acquire(timeout=wait)  # type: ignore[attr-defined]  # kazoo has no types
            except LockTimeout:
                holders = ", ".join(lock.contenders()[:1])  # type: ignore[attr-defined]
                waited = time.monotonic() - started
                if patience_s is not None and waited >= patience_s:
                    raise LakeLockError(
                        f"expected the lock {self._name!r} within {patience_s:.0f} s, {holders or 'somebody'} holds it"
                    ) from None
                log.info("waiting for the lock %s since %.0f s: %s holds it", self._name, waited, holders or "somebody")
            except (KazooException, KazooTimeoutError) as error:
                raise LakeLockError(f"the lock {self._name!r}: {type(error).__name__}: {error}") from None
            else:
                return

    def _release(self, client: KazooClient, lock: object) -> None:
        """Give the lock back; where ZooKeeper does not answer, end the session, with which it goes."""
        if client.connected:
            try:
                lock.release()  # type: ignore[attr-defined]
            except (KazooException, KazooTimeoutError) as error:
                log.warning("the lock %s goes with the session: %s: %s", self._name, type(error).__name__, error)
            else:
                return
        self.close()

    def _noticed(self, state: str) -> None:
        if state != KazooState.CONNECTED:
            self._lost = True
