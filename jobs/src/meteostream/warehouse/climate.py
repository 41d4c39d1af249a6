"""Climate products in the warehouse: gold's days in, every value that changed as a new version out."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from meteostream.climate.compute import INPUTS, Days, Result, Station
from meteostream.climate.normals import Normal
from meteostream.climate.series import daily
from meteostream.derived.evapotranspiration import Site
from meteostream.etl.products import IMPORTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import psycopg2.extensions

    from meteostream.climate.compute import Series

ROWS_AT_ONCE: Final = 20_000
_DAYS: Final = """
SELECT DISTINCT ON (station, nature, variable, statistic, rule, label)
    station, nature, variable, statistic, rule, label, value
FROM gold.daily
WHERE expected > 0 AND value IS NOT NULL AND (variable, statistic) IN %(series)s AND station LIKE %(station)s
ORDER BY station, nature, variable, statistic, rule, label, period_start
"""
_PLACES: Final = """
SELECT station, latitude, longitude, elevation_m FROM dim.station WHERE valid_to = 'infinity'
"""
_NORMALS: Final = """
SELECT DISTINCT ON (station) station, value, first_year, last_year FROM core.normal
WHERE replaced_at IS NULL AND variable = 'rain' AND day_statistic = 'sum' AND statistic = 'sum' AND period = 'dekad'
    AND number = %(dekad)s
ORDER BY station, first_year DESC, source
"""
_STAGE: Final = """
CREATE TEMPORARY TABLE climate_stage (
    station text COLLATE "C", nature text COLLATE "C", product text COLLATE "C", element text COLLATE "C",
    first_day date, last_day date, value double precision, known integer, expected integer, rule text COLLATE "C",
    sureness text COLLATE "C", detail jsonb
) ON COMMIT DROP
"""
KEY: Final = ("station", "product", "element", "first_day", "last_day", "nature")
CONTENT: Final = ("value", "known", "expected", "rule", "sureness", "detail")
_SAME: Final = " AND ".join(f"g.{name} = s.{name}" for name in KEY)
_CONTENT_G: Final = ", ".join(f"g.{name}" for name in CONTENT)
_CONTENT_S: Final = ", ".join(f"s.{name}" for name in CONTENT)
_COLUMNS: Final = ", ".join((*KEY, *CONTENT))
_REPLACE: Final = f"""
UPDATE gold.climate AS g SET replaced_at = now()
WHERE g.replaced_at IS NULL AND NOT EXISTS (
    SELECT FROM climate_stage AS s WHERE {_SAME} AND ({_CONTENT_G}) IS NOT DISTINCT FROM ({_CONTENT_S})
)
"""  # noqa: S608 - names of ours
_INSERT: Final = f"""
INSERT INTO gold.climate ({_COLUMNS}, version)
SELECT {", ".join(f"s.{name}" for name in (*KEY, *CONTENT))}, coalesce((
    SELECT max(g.version) FROM gold.climate AS g WHERE {_SAME}
), 0) + 1
FROM climate_stage AS s
WHERE NOT EXISTS (SELECT FROM gold.climate AS g WHERE g.replaced_at IS NULL AND {_SAME})
ORDER BY {", ".join(f"s.{name}" for name in KEY)}
"""  # noqa: S608 - names of ours


class Stored(NamedTuple):
    """How many values there are, how many were new or changed, how many were replaced or taken back."""

    values: int
    written: int
    replaced: int


def read_stations(connection: psycopg2.extensions.connection, station: str = "%") -> Iterator[Station]:
    """Stations with their days, each nature for itself.

    Of several rules that give one series the one with most days is taken, of equal ones what was computed from reports.

    Parameters
    ----------
    connection
        In a transaction.
    station
        Identifier; all of them by default.
    """
    with connection.cursor() as cursor:
        cursor.execute(_PLACES)
        places = {row[0]: Site(*row[1:]) for row in cursor.fetchall() if row[3] is not None}
    with connection.cursor("meteostream_climate") as rows:
        rows.itersize = ROWS_AT_ONCE
        rows.execute(_DAYS, {"series": INPUTS, "station": station})
        for (identifier, nature), found in groupby(rows, key=itemgetter(0, 1)):
            yield Station(identifier, nature, places.get(identifier), _chosen(found))


def _chosen(rows: Iterable[Sequence[Any]]) -> dict[Series, Days]:
    best: dict[Series, tuple[int, bool, Days]] = {}
    for (variable, statistic, rule), found in groupby(rows, key=itemgetter(2, 3, 4)):
        labels, values = zip(*(row[5:7] for row in found), strict=True)
        order = (len(labels), not rule.startswith(f"{IMPORTED}:"))
        series = (variable, statistic)
        if series not in best or order > best[series][:2]:
            best[series] = (*order, Days(daily(labels, values), rule))
    return {series: days for series, (_, _, days) in best.items()}


def read_rain_normals(connection: psycopg2.extensions.connection, dekad: int) -> dict[str, Normal]:
    """Published normals of a dekad's rain by station: of several periods the latest, of several sources the first.

    Their quintiles are not published, so the normal has none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NORMALS, {"dekad": dekad})
        none = (math.nan,) * 6
        return {
            station: Normal(0, value, none, last - first + 1, first, last)
            for station, value, first, last in cursor.fetchall()
        }


def store_products(
    connection: psycopg2.extensions.connection, results: Iterable[tuple[Station, Iterable[Result]]]
) -> Stored:
    """Make the current values what was computed, all of them in one transaction.

    A value that is the same is not touched; another one is a new version; one that is no longer computed is replaced by
    none.

    Parameters
    ----------
    results
        All products of all stations.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('meteostream.climate'))")
        cursor.execute(_STAGE)
        values = 0
        for station, products in results:
            text = io.StringIO()
            writer = csv.writer(text)
            for one in products:
                writer.writerow(_row(station, one))
                values += 1
            text.seek(0)
            cursor.copy_expert("COPY climate_stage FROM STDIN WITH (FORMAT csv)", text)
        cursor.execute("ANALYZE climate_stage")
        cursor.execute(_REPLACE)
        replaced = int(cursor.rowcount)
        cursor.execute(_INSERT)
        return Stored(values, int(cursor.rowcount), replaced)


def _row(station: Station, one: Result) -> tuple[Any, ...]:
    value = None if math.isnan(one.value) else one.value
    detail = None if one.detail is None else json.dumps(one.detail, sort_keys=True)
    return (station.station, station.nature, *one[:4], value, *one[5:8], one.sureness, detail)
