"""The marts' versions in the warehouse: begun, built, judged, published. The database itself refuses a wrong order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg2

from meteostream.warehouse.errors import MartsError

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg2.extensions


class Version(NamedTuple):
    """A version of the marts: its number, how far it came, and why no further."""

    version: int
    state: str
    reason: str | None
    started_at: datetime
    built_at: datetime | None
    published_at: datetime | None


def newest(connection: psycopg2.extensions.connection) -> Version | None:
    """The version that was begun last."""
    return next(iter(versions(connection, 1)), None)


def versions(connection: psycopg2.extensions.connection, limit: int) -> list[Version]:
    """The versions that were begun last, newest first."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT version, state, reason, started_at, built_at, published_at FROM pipeline.mart_version "
            "ORDER BY version DESC LIMIT %s",
            (limit,),
        )
        return [Version(*row) for row in cursor.fetchall()]


def built_version(connection: psycopg2.extensions.connection) -> int:
    """Number of the newest version, which waits for its gate or was judged already.

    Raises
    ------
    MartsError
        If the newest version is not built, or is served already.
    """
    found = newest(connection)
    if found is None or found.state not in {"built", "passed", "refused"}:
        state = "none" if found is None else f"version {found.version} ({found.state})"
        raise MartsError(f"marts: expected a version that is built, found {state}; run 'meteostream marts build' first")
    return found.version


def begin(connection: psycopg2.extensions.connection) -> int:
    """Empty ``mart_build`` for a new version; give its number."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pipeline.begin_marts()")
        (version,) = cursor.fetchone() or (0,)
        return int(version)


def finish(connection: psycopg2.extensions.connection, version: int, reason: str | None) -> None:
    """Note that a version is built, or why it could not be."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipeline.mart_version SET state = %s, reason = %s, built_at = now() "
            "WHERE version = %s AND state = 'building'",
            ("built" if reason is None else "failed", reason, version),
        )


def judge(connection: psycopg2.extensions.connection, version: int, gate_run: str, reason: str | None) -> None:
    """Note a gate's verdict, within the transaction that stores it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pipeline.mart_version SET state = %s, reason = %s, gate_run = %s "
            "WHERE version = %s AND state IN ('built', 'passed', 'refused')",
            ("passed" if reason is None else "refused", reason, gate_run, version),
        )
        if cursor.rowcount != 1:
            raise MartsError(f"marts: version {version} was built anew while it was judged; run the gate again")


def publish(connection: psycopg2.extensions.connection) -> int:
    """Serve the newest version; give its number. A version that is served already stays so.

    Raises
    ------
    MartsError
        If it did not pass its gate; what is served is as it was.
    """
    found = newest(connection)
    if found is None:
        raise MartsError("marts: expected a version that passed its gate, found none; run 'meteostream marts build'")
    if found.state == "published":
        return found.version
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pipeline.publish_marts(%s)", (found.version,))
    except (psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.LockNotAvailable) as error:
        why = found.reason or str(error).partition("\n")[0]
        raise MartsError(
            f"marts: version {found.version} ({found.state}) is not published and the last good one is served on: {why}"
        ) from None
    return found.version
