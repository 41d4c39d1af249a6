"""Which sources may be passed on, and what has to be said with them.

A value may leave if the licence that its source had *at the time of the value* allows it, and the present one allows
it too: a permission that is withdrawn ends for older values as well. What is not recorded is not allowed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from meteostream.export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg2.extensions


class Licence(NamedTuple):
    """A row of ``dim.source``: what was true from ``valid_from`` to before ``valid_to`` (None: since or for ever)."""

    source: str
    valid_from: datetime | None
    valid_to: datetime | None
    licence: str
    attribution: str
    commercial_use: bool
    redistribute: bool

    def covers(self, moment: datetime) -> bool:
        """Whether it is the licence of a moment."""
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_to is None or moment < self.valid_to
        )

    def meets(self, first: datetime, last: datetime) -> bool:
        """Whether it is the licence of a moment from ``first`` to ``last``, both included."""
        return (self.valid_from is None or self.valid_from <= last) and (self.valid_to is None or first < self.valid_to)

    @property
    def notice(self) -> str:
        r"""The line that goes with the data.

        >>> Licence("open", None, None, "CC-BY-4.0", "Some  Service\n(2026)", False, True).notice
        'open: Some Service (2026) (licence: CC-BY-4.0; no commercial use)'
        """
        words = f"{self.source}: {self.attribution} (licence: {self.licence}"
        return " ".join(f"{words}{'' if self.commercial_use else '; no commercial use'})".split())


class Licences:
    """The licences of sources with their history.

    Parameters
    ----------
    rows
        Of ``dim.source``.
    now
        The moment of the export.
    """

    def __init__(self, rows: Iterable[Licence], now: datetime) -> None:
        self._by_source: dict[str, list[Licence]] = {}
        for row in rows:
            self._by_source.setdefault(row.source, []).append(row)
        self._now = now

    def at(self, source: str, moment: datetime) -> Licence | None:
        """Licence that a source had at a moment; None if none is recorded."""
        return next((row for row in self._by_source.get(source, ()) if row.covers(moment)), None)

    def allows(self, source: str, moment: datetime) -> bool:
        """Whether a source's value of a moment may be passed on."""
        found, present = self.at(source, moment), self.at(source, self._now)
        return found is not None and found.redistribute and present is not None and present.redistribute

    def between(self, source: str, first: datetime, last: datetime) -> list[Licence]:
        """Licences that allowed passing on between two moments, both included, the oldest first."""
        present = self.at(source, self._now)
        if present is None or not present.redistribute:
            return []
        rows = [row for row in self._by_source[source] if row.redistribute and row.meets(first, last)]
        return sorted(rows, key=lambda row: row.valid_from or datetime.min.replace(tzinfo=UTC))

    def always(self, source: str, first: datetime, last: datetime) -> bool:
        """Whether every value of a source between two moments, both included, may be passed on."""
        allowed = self.between(source, first, last)
        meeting = [row for row in self._by_source.get(source, ()) if row.meets(first, last)]
        return len(allowed) == len(meeting) > 0 and allowed[0].covers(first) and allowed[-1].covers(last)


def refusal(sources: Mapping[str, int], things: str) -> ExportError:
    """Give the error about sources that may not be passed on.

    Parameters
    ----------
    sources
        How many values or reports each has.
    things
        What is counted.
    """
    named = ", ".join(f"{source} ({count} {things})" for source, count in sorted(sources.items()))
    return ExportError(
        f"no permission to redistribute is recorded for: {named}; nothing was written. Record the owner's permission "
        "with 'meteostream dimensions load --licences FILE', or leave these out with --leave-out"
    )


_LICENCES = """
SELECT source, nullif(valid_from, '-infinity'), nullif(valid_to, 'infinity'), licence, attribution, commercial_use,
    redistribute
FROM dim.source WHERE source = ANY(%s)
"""


def load_licences(connection: psycopg2.extensions.connection, sources: Sequence[str], now: datetime) -> Licences:
    """Read the licences of some sources."""
    with connection.cursor() as cursor:
        cursor.execute(_LICENCES, (list(sources),))
        return Licences((Licence(*row) for row in cursor.fetchall()), now)
