"""Versioned migrations: numbered SQL files, each applied once, in one transaction, and never changed afterwards.

The runner is small on purpose: a table of what was applied with each file's SHA-256, and an advisory lock so that two
hosts that start together take turns. A file that was changed after it was applied is refused: the database and the
repository would tell different stories.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Final, NamedTuple

from psycopg2 import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg2.extensions

LOCK: Final = "meteostream.migrations"
FILE_NAME: Final = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
BOOTSTRAP: Final = """
CREATE SCHEMA IF NOT EXISTS pipeline;
CREATE TABLE IF NOT EXISTS pipeline.schema_migration (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT session_user
);
"""


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Checksum of the text, hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class MigrationError(Exception):
    """The database and the migrations do not belong together; nothing was changed."""


def shipped() -> list[Migration]:
    """All migrations of this version of the code, in order.

    Raises
    ------
        MigrationError: A file name has another form, or the numbers have a gap.
    """
    found: list[Migration] = []
    for entry in resources.files(__package__).joinpath("migrations").iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = FILE_NAME.fullmatch(entry.name)
        if match is None:
            msg = f"migration file {entry.name}: expected a name like 0001_what_it_does.sql"
            raise MigrationError(msg)
        found.append(Migration(int(match["version"]), match["name"], entry.read_text(encoding="utf-8")))
    found.sort()
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        msg = f"migrations: expected the numbers 1 to {len(found)} without a gap, found {[m.version for m in found]}"
        raise MigrationError(msg)
    return found


def pending(applied: dict[int, tuple[str, str]], migrations: Sequence[Migration]) -> list[Migration]:
    """Those of ``migrations`` that the database lacks.

    Parameters
    ----------
    applied
        version -> (name, sha256), as the database has it.
    migrations
        What this version of the code ships.

    Raises
    ------
        MigrationError: An applied file was changed, or the database is newer than the code.
    """
    by_version = {migration.version: migration for migration in migrations}
    for version, (name, sha256) in sorted(applied.items()):
        migration = by_version.get(version)
        if migration is None:
            msg = (
                f"the warehouse has migration {version:04d} ({name}), this code ends at {len(migrations):04d}: "
                "expected a database that is not newer; deploy the newer code"
            )
            raise MigrationError(msg)
        if migration.sha256 != sha256:
            msg = (
                f"migration {version:04d} ({name}) was applied with SHA-256 {sha256}, the file now has "
                f"{migration.sha256}: an applied migration must not change; put it back and add a new one"
            )
            raise MigrationError(msg)
    return [migration for migration in migrations if migration.version not in applied]


def applied_in(connection: psycopg2.extensions.connection) -> dict[int, tuple[str, str]]:
    """What the database says was applied: version -> (name, sha256); empty for a new database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pipeline.schema_migration') IS NOT NULL")
        row = cursor.fetchone()
        if row is None or not row[0]:
            return {}
        cursor.execute("SELECT version, name, sha256 FROM pipeline.schema_migration")
        return {version: (name, sha256) for version, name, sha256 in cursor.fetchall()}


def migrate(
    connection: psycopg2.extensions.connection,
    migrations: Sequence[Migration] | None = None,
    *,
    role: str | None = None,
) -> list[Migration]:
    """Bring the database to this code's version; give the migrations that were applied now.

    Each migration is committed with its row, so an interrupted run is finished by the next.

    Parameters
    ----------
    connection
        As the owner, or as somebody who may become it; left in autocommit mode.
    migrations
        Instead of the shipped ones (tests).
    role
        Become this role first (``SET ROLE``), so that it owns what is made.

    Raises
    ------
        MigrationError: See :func:`pending`.
    """
    todo: list[Migration] = []
    connection.autocommit = True
    with connection.cursor() as cursor:
        if role is not None:
            cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", (LOCK,))
        try:
            todo = pending(applied_in(connection), shipped() if migrations is None else migrations)
            if todo:
                cursor.execute(BOOTSTRAP)
            for migration in todo:
                cursor.execute("BEGIN")
                try:
                    cursor.execute(migration.text)
                    cursor.execute(
                        "INSERT INTO pipeline.schema_migration (version, name, sha256) VALUES (%s, %s, %s)",
                        (migration.version, migration.name, migration.sha256),
                    )
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", (LOCK,))
    return todo
