"""Dimensions with their history: a row is true from ``valid_from`` to before ``valid_to`` and is never rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg2 import sql

from meteostream.warehouse.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import psycopg2.extensions

FOREVER: Final = "infinity"
ALWAYS: Final = "-infinity"


class HistoryTable(NamedTuple):
    """A table with ``valid_from`` and ``valid_to``.

    Attributes
    ----------
    name
        In the schema ``dim``; its column of the same name holds the identifier.
    columns
        The attributes that make a new row when they change.
    """

    name: str
    columns: tuple[str, ...]


class Changes(NamedTuple):
    """What was done: identifiers of new things, of changed ones, and of changed ones that were left as they are."""

    added: list[str]
    changed: list[str]
    pending: list[str]


def keep_history(
    cursor: psycopg2.extensions.cursor,
    table: HistoryTable,
    rows: Mapping[str, tuple[Any, ...]],
    since: datetime | None,
) -> Changes:
    """Bring a table's present rows to what ``rows`` says. A thing that ``rows`` lacks stays as it is.

    Parameters
    ----------
    cursor
        Within a transaction, which the caller ends.
    table
        What is written.
    rows
        Attributes by identifier, in the order of the table's columns.
    since
        From when what has changed is true; None leaves changed things alone and names them as pending. What is new is
        taken to have been so always: nothing else is known about it.

    Raises
    ------
    HistoryError
        If the present row began at ``since`` or later.
    """
    name, key = sql.Identifier("dim", table.name), sql.Identifier(table.name)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext('meteostream.dimensions'))")
    cursor.execute(
        sql.SQL(
            "SELECT {key}, coalesce(valid_from >= %s, false), valid_from::text, {columns} FROM {name} "
            "WHERE valid_to = %s"
        ).format(key=key, columns=columns, name=name),
        (since, FOREVER),
    )
    present = {row[0]: row[1:] for row in cursor.fetchall()}
    added = sorted(rows.keys() - present.keys())
    changed = sorted(found for found in rows.keys() & present.keys() if present[found][2:] != rows[found])
    if since is None:
        changed, pending = [], changed
    else:
        pending = []
    for found in changed:
        began_later, began, *_ = present[found]
        if began_later:
            raise HistoryError(
                f"{table.name} {found}: expected a change after {began}, when its present row began, found "
                f"{since}; give a later time with --since"
            )
    cursor.execute(
        sql.SQL("UPDATE {name} SET valid_to = %s WHERE {key} = ANY(%s) AND valid_to = %s").format(name=name, key=key),
        (since, changed, FOREVER),
    )
    insert = sql.SQL("INSERT INTO {name} ({key}, valid_from, {columns}) VALUES ({values})").format(
        name=name, key=key, columns=columns, values=sql.SQL(", ").join(sql.Placeholder() * (len(table.columns) + 2))
    )
    for found in [*added, *changed]:
        cursor.execute(insert, (found, ALWAYS if found in added else since, *rows[found]))
    return Changes(added, changed, pending)
