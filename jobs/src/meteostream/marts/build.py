"""Building a version of the marts beside the one that is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from meteostream.marts.dbt import run_dbt, variables
from meteostream.warehouse import marts
from meteostream.warehouse.errors import MartsError

if TYPE_CHECKING:
    import psycopg2.extensions

    from meteostream.config import Settings

BUILD: Final = "mart_build"
"""Schema of the version that is built."""
SERVED: Final = "mart"
"""Schema of the version that is read."""
LOCK: Final = "meteostream.marts.build"


def build(connection: psycopg2.extensions.connection, settings: Settings, as_of: str = "") -> int:
    """Build and test the next version in :data:`BUILD`; give its number. What is served stays as it is.

    Parameters
    ----------
    connection
        As the role ``pipeline``; it holds the lock that keeps a second build away.
    as_of
        A time, RFC 3339, instead of now (tests).

    Raises
    ------
    MartsError
        If another build runs, or dbt or one of its tests failed; the reason is kept with the version as well.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (LOCK,))
        if cursor.fetchone() != (True,):
            raise MartsError("marts: expected no other build, found one that runs; wait until it ends")
    try:
        version = marts.begin(connection)
        try:
            given = variables(settings.marts, version, as_of)
            reason = run_dbt(settings.warehouse, settings.marts, BUILD, ["build"], given)
        except MartsError as error:
            marts.finish(connection, version, str(error))
            raise
        marts.finish(connection, version, reason)
    finally:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", (LOCK,))
    if reason is not None:
        raise MartsError(f"marts: version {version} is not built and the last good one is served on: {reason}")
    return version
