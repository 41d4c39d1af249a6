"""The entries that were accepted, on disk: what a second entry for the same station and day is compared with.

An entry is committed here and in the outbox, or in neither: the outbox is written first, inside the transaction. If
the power goes between the two, the outbox has it and this file does not; the observer, who saw no confirmation, sends
again, and the same content is the same event.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, Self

from meteostream.intake.rain import Amount

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entry (
    station TEXT NOT NULL,
    day TEXT NOT NULL,
    revision INTEGER NOT NULL,
    mm REAL NOT NULL,
    trace INTEGER NOT NULL,
    observer TEXT NOT NULL,
    channel TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (station, day, revision)
) STRICT
"""
_LATEST: Final = """
SELECT station, day, revision, mm, trace, observer, channel, received_at FROM entry
WHERE station = ? AND day = ? ORDER BY revision DESC LIMIT 1
"""
_RECENT: Final = """
SELECT station, day, revision, mm, trace, observer, channel, received_at FROM entry AS e
WHERE station = ? AND revision = (SELECT max(revision) FROM entry WHERE station = e.station AND day = e.day)
ORDER BY day DESC LIMIT ?
"""
_INSERT: Final = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class Entry(NamedTuple):
    """What one observer said about one station and day; ``revision`` counts corrections from 0."""

    station: str
    day: date
    revision: int
    amount: Amount
    observer: str
    channel: str
    received_at: str


class Entries:
    """The file of entries; one process writes it, any of its threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._mutex = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def latest(self, station: str, day: date) -> Entry | None:
        """The entry that counts, None if there is none yet."""
        with self._mutex:
            return self._latest(station, day)

    def recent(self, station: str, limit: int) -> list[Entry]:
        """The entries that count of the last days, newest first."""
        with self._mutex:
            return [_entry(row) for row in self._database.execute(_RECENT, (station, limit))]

    def add(self, entry: Entry, *, after: int | None, journal: Callable[[], object]) -> bool:
        """Keep an entry if nothing came between.

        Parameters
        ----------
        after
            Revision that the caller has seen as the latest, None for none.
        journal
            Makes the report durable in the outbox; what it raises leaves nothing behind.

        Returns
        -------
        bool
            False if another entry for the station and day came first: look again.
        """
        with self._mutex:
            latest = self._latest(entry.station, entry.day)
            if (latest.revision if latest else None) != after:
                return False
            self._database.execute("BEGIN IMMEDIATE")
            try:
                self._database.execute(
                    _INSERT,
                    (
                        entry.station,
                        entry.day.isoformat(),
                        entry.revision,
                        entry.amount.mm,
                        int(entry.amount.trace),
                        entry.observer,
                        entry.channel,
                        entry.received_at,
                    ),
                )
                journal()
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            return True

    def _latest(self, station: str, day: date) -> Entry | None:
        row = self._database.execute(_LATEST, (station, day.isoformat())).fetchone()
        return None if row is None else _entry(row)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _entry(row: tuple[str, str, int, float, int, str, str, str]) -> Entry:
    station, day, revision, mm, trace, observer, channel, received_at = row
    return Entry(station, date.fromisoformat(day), revision, Amount(mm, bool(trace)), observer, channel, received_at)
