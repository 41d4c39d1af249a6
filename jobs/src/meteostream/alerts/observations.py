"""Observations for the rules, from the warehouse: what did not fail the quality control."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from meteostream.alerts.episodes import Place, Reading
from meteostream.alerts.look import Key
from meteostream.contract.variables import WIDE_BIT

if TYPE_CHECKING:
    import psycopg2.extensions

    from meteostream.alerts.rules import Ruleset

SILENT: Final = timedelta(days=30)
"""A station that has not reported for longer is closed, not silent; the gate `freshness` uses the same."""
BENCH: Final = "bench"
"""Reports of benchmarks."""


def read_observations(
    connection: psycopg2.extensions.connection, ruleset: Ruleset, begin: datetime, now: datetime
) -> dict[Key, list[Reading]]:
    """Readings of all variables that the rules name, by station and nature.

    Of several reports of one time the first by source and type that has the value counts.

    Parameters
    ----------
    connection
        To the warehouse.
    ruleset
        Says which variables.
    begin, now
        From after ``begin`` to ``now``; for silence the last report of 30 days.
    """
    found: dict[Key, dict[datetime, float]] = {}
    names = sorted({rule.variable for rule in ruleset.rules if rule.variable is not None})
    with connection, connection.cursor() as cursor:
        for name in names:
            cursor.execute(
                f"SELECT station, nature, observed_at, {name} FROM core.observation "  # noqa: S608 - a name of the contract
                f"WHERE observed_at > %s AND observed_at <= %s AND source <> %s AND {name} IS NOT NULL "
                "AND qc_failed & %s = 0 ORDER BY source, report_type, report_id",
                (begin, now, BENCH, 1 << WIDE_BIT[name]),
            )
            for station, nature, observed_at, value in cursor:
                found.setdefault(Key(Place(station, nature), name), {}).setdefault(observed_at, value)
        cursor.execute(
            "SELECT station, nature, max(observed_at) FROM core.observation "
            "WHERE observed_at > %s AND observed_at <= %s AND source <> %s GROUP BY station, nature",
            (now - SILENT, now, BENCH),
        )
        for station, nature, observed_at in cursor:
            found[Key(Place(station, nature), None)] = {observed_at: 0.0}
    return {key: [Reading(at, value) for at, value in sorted(values.items())] for key, values in found.items()}
