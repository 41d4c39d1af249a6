"""Second witness: the warehouse, by SQL of the ledger's own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import psycopg2.extensions

    from meteostream.ledger.journal import Journalled

QUERY: Final = "warehouse"
ENDS: Final = ("accepted", "duplicate", "superseded", "dead")

_TEMPORARY: Final = """
CREATE TEMP TABLE IF NOT EXISTS journalled (id bytea NOT NULL, observed_at timestamptz);
CREATE TEMP TABLE IF NOT EXISTS unseen (id bytea NOT NULL);
TRUNCATE journalled, unseen
"""
_FIND_UNSEEN: Final = """
INSERT INTO unseen
SELECT j.id FROM journalled AS j
LEFT JOIN core.observation_event AS e ON e.observed_at = j.observed_at AND e.event_id = j.id
LEFT JOIN core.observation AS o ON o.observed_at = e.observed_at AND o.report_id = e.report_id
WHERE o.report_id IS NULL AND NOT EXISTS (SELECT FROM pipeline.dead_letter AS d WHERE d.journal_id = j.id)
"""
_LOOK_UP: Final = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_memoize = off; SET jit = off"
_DOUBLED: Final = """
SELECT coalesce(sum(copies - 1), 0) FROM (
    SELECT count(*) AS copies FROM core.observation_event
    WHERE received_at >= %(h)s AND received_at < %(h)s + interval '1 hour' GROUP BY event_id HAVING count(*) > 1
) AS twice
"""


class Totals(NamedTuple):
    """All hours and all partitions of the query: what was counted, and what the positions say was read."""

    counted: int
    read: int


class Warehouse:
    """A connection of the ledger's own."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self._connection = connection
        self._connection.autocommit = True
        with self._connection.cursor() as cursor:
            cursor.execute(_TEMPORARY)
            cursor.execute(_LOOK_UP)

    def unseen(self, entries: Iterable[Journalled], *, at_once: int = 100_000) -> set[bytes]:
        """Journal ids that are neither an event with its report nor a dead letter."""
        lines: list[str] = []
        with self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE unseen")
            for entry in entries:
                lines.append(f"\\\\x{entry.id.hex()}\t{entry.observed_at or chr(92) + 'N'}\n")
                if len(lines) >= at_once:
                    self._look_up(cursor, lines)
            self._look_up(cursor, lines)
            cursor.execute("SELECT DISTINCT id FROM unseen")
            return {bytes(row[0]) for row in cursor.fetchall()}

    @staticmethod
    def _look_up(cursor: psycopg2.extensions.cursor, lines: list[str]) -> None:
        if not lines:
            return
        cursor.execute("TRUNCATE journalled")
        cursor.copy_expert("COPY journalled FROM STDIN", io.StringIO("".join(lines)))
        cursor.execute("ANALYZE journalled")
        cursor.execute(_FIND_UNSEEN)
        lines.clear()

    def dead_ids(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of ``ids`` that are dead letters."""
        if not ids:
            return set()
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT journal_id FROM pipeline.dead_letter WHERE journal_id = ANY(%s)", (list(ids),))
            return {bytes(row[0]) for row in cursor.fetchall()}

    def hours(self) -> set[datetime]:
        """Hours that something was counted in."""
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT hour FROM pipeline.batch_hour WHERE query = %s", (QUERY,))
            return {row[0] for row in cursor.fetchall()}

    def hour(self, hour: datetime, topic: str) -> dict[str, int]:
        """How the offsets of an hour ended, and ``events``: the rows that say so; of one moment."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(accepted), 0), coalesce(sum(duplicate), 0), coalesce(sum(superseded), 0), "
                "coalesce(sum(dead), 0), (SELECT count(*) FROM core.observation_event "
                "WHERE received_at >= %(h)s AND received_at < %(h)s + interval '1 hour' AND kafka_topic = %(t)s) "
                "FROM pipeline.batch_hour WHERE query = %(q)s AND hour = %(h)s",
                {"q": QUERY, "h": hour, "t": topic},
            )
            row = cursor.fetchone() or (0,) * (len(ENDS) + 1)
            return dict(zip((*ENDS, "events"), map(int, row), strict=True))

    def totals(self) -> Totals:
        """Counted and read, in one statement and so of one moment."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT coalesce(sum(accepted + duplicate + superseded + dead), 0) FROM pipeline.batch_hour "
                "WHERE query = %(q)s), (SELECT coalesce(sum(next_offset - first_offset - missing), 0) "
                "FROM pipeline.stream_offset WHERE query = %(q)s)",
                {"q": QUERY},
            )
            counted, read = cursor.fetchone() or (0, 0)
            return Totals(int(counted), int(read))

    def next_offsets(self, topic: str) -> dict[int, int]:
        """Position of each partition."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "SELECT partition, next_offset FROM pipeline.stream_offset WHERE query = %s AND topic = %s",
                (QUERY, topic),
            )
            return dict(cursor.fetchall())

    def doubled(self, hour: datetime) -> int:
        """Copies of an event beyond the first, among those received in ``hour``."""
        with self._connection.cursor() as cursor:
            cursor.execute(_DOUBLED, {"h": hour})
            return int((cursor.fetchone() or (0,))[0])

    def closed(self) -> dict[datetime, dict[str, Any]]:
        """The closed hours."""
        names = ("journal_ids", *ENDS, "bronze_rows", "lost", "doubled")
        with self._connection.cursor() as cursor:
            cursor.execute(f"SELECT hour, {', '.join(names)} FROM pipeline.ledger_hour")  # noqa: S608 - names above
            return {row[0]: dict(zip(names, row[1:], strict=True)) for row in cursor.fetchall()}

    def close(self, hour: datetime, row: dict[str, int]) -> None:
        """Store a closed hour; an hour is closed once."""
        with self._connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO pipeline.ledger_hour "
                "(hour, journal_ids, accepted, duplicate, superseded, dead, bronze_rows, lost, doubled) VALUES "
                "(%(hour)s, %(journal_ids)s, %(accepted)s, %(duplicate)s, %(superseded)s, %(dead)s, %(bronze_rows)s, "
                "%(lost)s, %(doubled)s) ON CONFLICT (hour) DO NOTHING",
                row | {"hour": hour},
            )
