"""Daily values out of ``gold.daily``, a station's day at a time, with the sources behind each value."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg2 import sql

from meteostream.etl.products import IMPORTED
from meteostream.export.reports import PLACE_COLUMNS, ROWS_AT_ONCE, place_of, station_at
from meteostream.export.selection import OBSERVED

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import date, datetime

    import psycopg2.extensions

    from meteostream.export.reports import Place

RAIN: Final = ("rain", "sum")
MAXIMUM: Final = ("air_temperature", "maximum")
MINIMUM: Final = ("air_temperature", "minimum")
MEAN: Final = ("air_temperature", "mean")
SERIES: Final = (RAIN, MAXIMUM, MINIMUM, MEAN)
"""What is read: variable and statistic of gold."""


class DailyValue(NamedTuple):
    """A row of ``gold.daily`` that has a value.

    Attributes
    ----------
    flag
        QARTOD.
    begin, end
        Of its climatological day; the value is of the interval (begin, end].
    sources
        Sources of all hourly values of the variable within the day, a superset of those it was made of; None among
        them: one whose source nobody wrote down.
    """

    value: float
    flag: int
    begin: datetime
    end: datetime
    rule: str
    sources: tuple[str | None, ...]

    @property
    def imported(self) -> bool:
        """Whether it came as a daily value, so that how it was made is its source's matter."""
        return self.rule.startswith(f"{IMPORTED}:")


class Day(NamedTuple):
    """A station's day: of each series the values of all rules, the one to be preferred first."""

    place: Place
    label: date
    values: dict[tuple[str, str], list[DailyValue]]


_DAYS: Final = sql.SQL("""
SELECT w.station, {place}, w.day, d.variable, d.statistic, d.value, d.flag, d.period_start, d.period_end, d.rule, (
    SELECT array_agg(DISTINCT h.source) FROM gold.hourly AS h
    WHERE h.station = d.station AND h.variable = d.variable AND h.nature = d.nature AND h.value IS NOT NULL
        AND h.period_end > d.period_start AND h.period_end <= d.period_end
)
FROM (
    SELECT t.station, c.day, c.day::timestamp AT TIME ZONE 'UTC' AS moment
    FROM unnest(%(stations)s::text[]) AS t (station) CROSS JOIN dim.date AS c
    WHERE c.day >= %(first)s AND c.day <= %(last)s
) AS w
LEFT JOIN dim.station AS s ON s.station = w.station AND w.moment >= s.valid_from AND w.moment < s.valid_to
LEFT JOIN gold.daily AS d ON d.station = w.station AND d.label = w.day AND d.nature = %(nature)s AND d.expected > 0
    AND d.value IS NOT NULL AND (d.variable, d.statistic) IN %(series)s
ORDER BY w.station, w.day, d.variable, d.statistic, d.rule LIKE %(imported)s, d.rule, d.period_start
""")


def stream_days(
    connection: psycopg2.extensions.connection, stations: Sequence[str], first: date, last: date
) -> Generator[Day, None, None]:
    """Read every day of some stations, also those without a value, by station and day.

    What was computed from reports goes before what was imported, as in the marts.

    Parameters
    ----------
    connection
        In a transaction (:func:`~meteostream.export.selection.snapshot`).
    first, last
        Labels, both included.

    Raises
    ------
    ExportError
        If a station has no row in the dimension.
    """
    query = _DAYS.format(place=station_at("w.station", "w.moment"))
    with connection.cursor("meteostream_export") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(
            query,
            {
                "stations": list(stations),
                "first": first,
                "last": last,
                "nature": OBSERVED,
                "series": SERIES,
                "imported": f"{IMPORTED}:%",
            },
        )
        for (station, label), rows in groupby(cursor, key=lambda row: (row[0], row[1 + PLACE_COLUMNS])):
            yield _day(station, label, list(rows))


def _day(station: str, label: date, rows: list[tuple[Any, ...]]) -> Day:
    place = place_of(station, rows[0][1 : 1 + PLACE_COLUMNS], label.isoformat())
    values: dict[tuple[str, str], list[DailyValue]] = {}
    for row in rows:
        variable, statistic, value, flag, begin, end, rule, sources = row[2 + PLACE_COLUMNS :]
        if variable is not None:
            found = DailyValue(value, flag, begin, end, rule, _sources(rule, sources))
            values.setdefault((variable, statistic), []).append(found)
    return Day(place, label, values)


def _sources(rule: str, hourly: list[str | None] | None) -> tuple[str | None, ...]:
    """Sources behind a value; an imported one names its own (``imported:SOURCE:VARIABLE``)."""
    if rule.startswith(f"{IMPORTED}:"):
        return (rule.split(":")[1],)
    return tuple(hourly or (None,))


def sources_between(
    connection: psycopg2.extensions.connection, stations: Sequence[str], first: date, last: date
) -> list[str]:
    """Every source that the days of some stations can come from."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT source FROM gold.hourly WHERE station = ANY(%(stations)s) AND source IS NOT NULL "
            "AND label >= %(first)s::date - 2 AND label <= %(last)s::date + 2 "
            "UNION SELECT split_part(rule, ':', 2) FROM gold.daily WHERE station = ANY(%(stations)s) "
            "AND label >= %(first)s AND label <= %(last)s AND rule LIKE %(imported)s",
            {"stations": list(stations), "first": first, "last": last, "imported": f"{IMPORTED}:%"},
        )
        return [source for (source,) in cursor.fetchall()]
