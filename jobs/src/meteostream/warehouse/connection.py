"""How to reach the warehouse: one libpq connection string for every client of ours.

All hosts of the group are named, and libpq takes the one that accepts writes, so a failover needs no proxy and no
change here. Timeouts are short: a host that vanished sends no reset, and a writer that waits for it holds a batch.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import psycopg2
import psycopg2.extensions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

CONNECT_TIMEOUT_S: Final = 3
TCP_USER_TIMEOUT_MS: Final = 10_000
RETRIED_SQLSTATES: Final = (
    "08",  # connection exception
    "40001",  # serialization failure
    "40P01",  # deadlock detected
    "55P03",  # lock not available
    "57P",  # operator intervention: shutdown, crash, cannot connect now
    "25006",  # read-only transaction: the primary became a replica under us
    "53300",  # too many connections
)
"""Beginnings of the SQLSTATEs after which the same transaction may be tried again (KF-122, failover)."""


class WarehouseSettings(Protocol):
    """What is needed to connect: the ``[warehouse]`` section of the settings."""

    @property
    def hosts(self) -> Sequence[str]:
        """Addresses of all members, in any order."""

    @property
    def port(self) -> int:
        """The members' port."""

    @property
    def database(self) -> str:
        """Name of the database."""

    @property
    def user(self) -> str:
        """Role to connect as."""

    @property
    def password(self) -> str:
        """Its password; empty where the server asks for none."""


def conninfo(settings: WarehouseSettings, application: str, *, writable: bool = True) -> str:
    """Give the libpq connection string of the warehouse.

    Parameters
    ----------
    settings
        The ``[warehouse]`` section.
    application
        Name that ``pg_stat_activity`` shows.
    writable
        Take only a host that accepts writes; otherwise any.
    """
    hosts = list(settings.hosts)
    parts: dict[str, Any] = {
        "host": ",".join(hosts),
        "port": ",".join([str(settings.port)] * len(hosts)),
        "dbname": settings.database,
        "user": settings.user,
        "application_name": application,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "target_session_attrs": "read-write" if writable else "any",
        "options": "-c timezone=UTC",
    }
    if settings.password:
        parts["password"] = settings.password
    dsn: str = psycopg2.extensions.make_dsn(**parts)
    return dsn


def connect(settings: WarehouseSettings, application: str, *, writable: bool = True) -> psycopg2.extensions.connection:
    """Open a psycopg2 connection, in UTC."""
    return psycopg2.connect(conninfo(settings, application, writable=writable))


def sqlstate_of(error: BaseException) -> str:
    """SQLSTATE of a psycopg2 or ADBC error; empty when the server never answered."""
    state = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
    return str(state or "")


def may_retry(error: BaseException) -> bool:
    """Whether the transaction that failed with ``error`` can succeed when it is tried again, unchanged.

    An error without SQLSTATE is a connection that broke or was never made, which a failover looks like.
    """
    if isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError) and not sqlstate_of(error):
        return True
    state = sqlstate_of(error)
    if state:
        return state.startswith(RETRIED_SQLSTATES)
    status = getattr(error, "status_code", None)  # ADBC: IO, UNKNOWN or INTERNAL without SQLSTATE = broken connection
    return status is not None and getattr(status, "name", "") in {
        "IO",
        "UNKNOWN",
        "INTERNAL",
        "CANCELLED",
        "TIMEOUT",
    }


def retrying(
    attempt: Callable[[], T],
    *,
    patience_s: float,
    on_retry: Callable[[int, BaseException], Any],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call ``attempt`` until it succeeds, fails for good, or ``patience_s`` has passed.

    Waits 0.1 s, doubling to 5 s: a deadlock's victim comes back at once, a failover is not hammered.
    """
    started = time.monotonic()
    tries = 0
    while True:
        try:
            return attempt()
        except Exception as error:
            tries += 1
            if not may_retry(error) or time.monotonic() - started > patience_s:
                raise
            on_retry(tries, error)
            sleep(min(5.0, 0.1 * 2 ** min(tries - 1, 6)))
