"""A connection of a command that reads and ends: opened, used, closed, and told in a sentence if there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg2

from meteostream.warehouse.connection import connect
from meteostream.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg2.extensions

    from meteostream.warehouse.connection import WarehouseSettings


@contextmanager
def session(settings: WarehouseSettings, application: str) -> Iterator[psycopg2.extensions.connection]:
    """Open a connection and close it at the end.

    Raises
    ------
    WarehouseError
        If the warehouse does not answer, or its schema is older than the code.
    """
    try:
        connection = connect(settings, application)
    except psycopg2.OperationalError as error:
        raise WarehouseError(f"the warehouse does not answer: {str(error).strip()}") from None
    try:
        yield connection
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.InvalidSchemaName) as error:
        sentence = str(error).partition("\n")[0]
        raise WarehouseError(f"{sentence}; is the warehouse at this version? 'meteostream migrate' brings it") from None
    finally:
        connection.close()
