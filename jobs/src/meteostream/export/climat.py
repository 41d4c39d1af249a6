"""CLIMAT messages (FM 71) of stations and a month, out of gold's days.

The vapour pressure is that of the daily mean dew point. Days that were imported as such are left out: their rules
differ from those of the message. The normal of section 2 is that of the station's own rain, if it has 24 years of
1991-2020.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np

from meteostream.climate.climat import ClimatError, Month, Normals, climat
from meteostream.climate.compute import GUST, MAXIMUM, MINIMUM, RAIN, SECONDS_PER_HOUR, SUNSHINE, monthly_sums
from meteostream.climate.normals import Normal, normals_of
from meteostream.climate.periods import ONE_DAY, month_last
from meteostream.climate.series import Daily, daily
from meteostream.derived.humidity import saturation_vapour_pressure_hpa
from meteostream.durable import replace_durably
from meteostream.etl.products import IMPORTED
from meteostream.export.daycli import days_of
from meteostream.export.days import sources_between
from meteostream.export.errors import ExportError
from meteostream.export.licences import load_licences, refusal
from meteostream.export.run import Written
from meteostream.export.selection import OBSERVED, observed_only, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    import psycopg2.extensions

    from meteostream.climate.completeness import Completeness
    from meteostream.climate.compute import Series
    from meteostream.registry import Station

PRODUCT: Final = "CLIMAT"
STATION_PRESSURE: Final[Series] = ("station_pressure", "mean")
SEA_LEVEL_PRESSURE: Final[Series] = ("sea_level_pressure", "mean")
MEAN: Final[Series] = ("air_temperature", "mean")
DEW_POINT: Final[Series] = ("dew_point_temperature", "mean")
SERIES: Final = (STATION_PRESSURE, SEA_LEVEL_PRESSURE, MEAN, MAXIMUM, MINIMUM, DEW_POINT, RAIN, SUNSHINE, GUST)
_DAYS: Final = """
SELECT DISTINCT ON (variable, statistic, label) variable, statistic, label, value FROM gold.daily
WHERE station = %(station)s AND nature = 'observed' AND expected > 0 AND value IS NOT NULL
    AND (variable, statistic) IN %(series)s AND label <= %(last)s AND rule NOT LIKE %(imported)s
ORDER BY variable, statistic, label, rule, period_start
"""


def export_climat(
    connection: psycopg2.extensions.connection,
    stations: Sequence[Station],
    month: str,
    path: Path,
    now: datetime,
    rule: Completeness,
) -> Written:
    """Write a message a station; only observations.

    Parameters
    ----------
    stations
        Of the registry, with WMO numbers.
    month
        YYYY-MM, over.
    path
        A text file.
    now
        Moment of the export.
    rule
        Which means are published.

    Raises
    ------
    ExportError
        If the month is not over, or something may not be redistributed.
    ClimatError
        If a station has no WMO number, or not one observed day.
    """
    first, last = days_of(month, now)
    names = [station.wigos_id for station in stations]
    for name in names:
        observed_only(name, OBSERVED, PRODUCT)
    with snapshot(connection):
        sources = sources_between(connection, names, first, last)
        licences = load_licences(connection, sources, now)
        begin = datetime.combine(first, time(), UTC) - ONE_DAY
        end = datetime.combine(last, time(), UTC) + 2 * ONE_DAY
        closed = [source for source in sources if not licences.always(source, begin, end)]
        if closed:
            raise refusal(dict.fromkeys(closed, len(stations)), "stations")
        messages = [_message(connection, station, first, rule) for station in stations]
    try:
        replace_durably(path, ("\n".join(messages) + "\n").encode("ascii"))
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error}; nothing was changed") from None
    notices = {one for source in sources for one in licences.between(source, begin, end)}
    return Written(len(messages), tuple(sorted(notices, key=lambda one: one.source)), ())


def _message(connection: psycopg2.extensions.connection, station: Station, first: date, rule: Completeness) -> str:
    if station.wmo is None:
        raise ClimatError(
            f"{station.name}: expected a station with a WMO number, without which CLIMAT has no name for it"
        )
    last = month_last(first)
    with connection.cursor() as cursor:
        cursor.execute(
            _DAYS, {"station": station.wigos_id, "series": SERIES, "last": last, "imported": f"{IMPORTED}:%"}
        )
        found: dict[Series, Daily] = {}
        for (variable, statistic), rows in groupby(cursor, key=itemgetter(0, 1)):
            labels, values = zip(*(row[2:4] for row in rows), strict=True)
            found[variable, statistic] = daily(labels, values)
    nothing = Daily(first, np.full((last - first).days + 1, np.nan))
    of = {series: found.get(series, nothing).within(first, last) for series in SERIES}
    if all(np.isnan(days.values).all() for days in of.values()):
        raise ClimatError(f"{station.name}: expected observed days of {first:%Y-%m}, found none")
    month = Month(
        station_pressure_hpa=of[STATION_PRESSURE],
        sea_level_pressure_hpa=of[SEA_LEVEL_PRESSURE],
        mean_degc=of[MEAN],
        maximum_degc=of[MAXIMUM],
        minimum_degc=of[MINIMUM],
        vapour_pressure_hpa=Daily(first, saturation_vapour_pressure_hpa(of[DEW_POINT].values)),
        rain_mm=of[RAIN],
        sunshine_h=Daily(first, of[SUNSHINE].values / SECONDS_PER_HOUR),
        gust_mps=of[GUST],
    )
    return climat(station.wmo, first, month, Normals(rain_mm=_rain_normal(found.get(RAIN), first.month)), rule)


def _rain_normal(rain: Daily | None, month: int) -> Normal | None:
    if rain is None:
        return None
    normal = normals_of(monthly_sums(rain))[month - 1]
    return None if np.isnan(normal.value) else normal
