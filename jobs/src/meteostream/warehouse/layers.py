"""What the ETL counted in the lake after its run, where the gate ``silver`` reads it."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, Final, Protocol

import psycopg2

from meteostream.warehouse.connection import retrying
from meteostream.warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

KEPT_DAYS: Final = 90
PATIENCE_S: Final = 120.0
"""How long a count is tried again through a failover."""


class Count(Protocol):
    """Rows of bronze and silver since a time of intake (:class:`meteostream.etl.silver.Counted`)."""

    @property
    def since(self) -> datetime:
        """Begin of intake."""

    @property
    def bronze(self) -> int:
        """Valid events."""

    @property
    def silver(self) -> int:
        """Rows that hold them."""


def note_count(conninfo: str, counted: Count) -> None:
    """Note a count; those of :data:`KEPT_DAYS` ago go.

    Raises
    ------
    WarehouseError
        If the warehouse does not take it within :data:`PATIENCE_S`.
    """

    def attempt() -> None:
        with closing(psycopg2.connect(conninfo)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO pipeline.layer_count (since, bronze, silver) VALUES (%s, %s, %s)",
                (counted.since, counted.bronze, counted.silver),
            )
            cursor.execute(
                "DELETE FROM pipeline.layer_count WHERE counted_at < now() - make_interval(days => %s)", (KEPT_DAYS,)
            )

    def tell(tries: int, error: BaseException) -> None:
        log.warning("the warehouse did not take the count of the lake's layers (attempt %d): %s", tries, error)

    try:
        retrying(attempt, patience_s=PATIENCE_S, on_retry=tell)
    except psycopg2.Error as error:
        raise WarehouseError(f"the count of the lake's layers could not be noted: {str(error).strip()}") from None
