"""Reports out of ``core.published`` with their station as it was at the time, read row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from psycopg2 import sql

from meteostream.contract.variables import WIDE_NAMES
from meteostream.export.errors import ExportError, NothingFoundError
from meteostream.export.licences import refusal
from meteostream.export.selection import time_text

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    import psycopg2.extensions

    from meteostream.export.licences import Licence, Licences
    from meteostream.export.selection import Selection

ROWS_AT_ONCE: Final = 2000
"""Rows that are fetched from the server's cursor together: the memory an export takes, however long it is."""


class Place(NamedTuple):
    """A station at a time.

    Attributes
    ----------
    station
        WIGOS identifier.
    wmo, icao
        Other identifiers, None where there is none.
    latitude, longitude
        Degrees north and east.
    elevation_m, barometer_m
        Of the ground and of the barometer above mean sea level, m; the latter None where it is not known.
    heights_m
        Of sensors above the ground, m, by gold's variable; only where all sensors of a variable agree.
    """

    station: str
    name: str
    wmo: str | None
    icao: str | None
    latitude: float
    longitude: float
    elevation_m: float
    barometer_m: float | None
    heights_m: dict[str, float]


class Report(NamedTuple):
    """A report as it is published.

    Attributes
    ----------
    values
        In the contract's units by the contract's names; failed values, missing and not reported ones are None.
    suspect, failed
        Variables whose value is doubtful, and whose value was taken out.
    """

    place: Place
    observed_at: datetime
    source: str
    report_type: str
    nature: str
    values: dict[str, float | bool | None]
    suspect: tuple[str, ...]
    failed: tuple[str, ...]


class Found(NamedTuple):
    """How many reports of one kind the selected stations have in the period, whatever was asked for."""

    source: str
    report_type: str
    nature: str
    reports: int
    first: datetime
    last: datetime


class Chosen(NamedTuple):
    """What will be written.

    Attributes
    ----------
    sources
        Sources of which at least something may be passed on.
    notices
        Their licences, to be shown.
    left_out
        Sources of which something is left out.
    """

    sources: tuple[str, ...]
    notices: tuple[Licence, ...]
    left_out: tuple[str, ...]


def choose(found: Sequence[Found], selection: Selection, licences: Licences) -> Chosen:
    """Say which sources may be written.

    Raises
    ------
    ExportError
        If nothing is there, or something may not be redistributed and is not to be left out, or nothing remains.
    """
    wanted = [one for one in found if _is_wanted(one, selection)]
    if not wanted:
        raise _nothing(found, selection)
    refused: dict[str, int] = {}
    notices: dict[Licence, None] = {}
    for one in wanted:
        if not licences.always(one.source, one.first, one.last):
            refused[one.source] = refused.get(one.source, 0) + one.reports
        notices.update(dict.fromkeys(licences.between(one.source, one.first, one.last)))
    if refused and not selection.leave_out:
        raise refusal(refused, "reports")
    if refused and not notices:
        raise NothingFoundError(str(refusal(refused, "reports")))
    allowed = tuple(sorted({notice.source for notice in notices}))
    return Chosen(allowed, tuple(sorted(notices, key=lambda one: one.source)), tuple(sorted(refused)))


def _is_wanted(one: Found, selection: Selection) -> bool:
    return (
        one.nature == selection.nature
        and (not selection.sources or one.source in selection.sources)
        and (not selection.report_types or one.report_type in selection.report_types)
    )


def _nothing(found: Sequence[Found], selection: Selection) -> NothingFoundError:
    others = sorted({f"{one.nature} of {one.source} ({one.report_type})" for one in found})
    return NothingFoundError(
        f"expected {selection.nature} reports of {', '.join(selection.stations)} from {time_text(selection.begin)} to "
        f"{time_text(selection.end)}, found {'only ' + ', '.join(others) if others else 'none'}; nothing was written"
    )


_FOUND: Final = """
SELECT source, report_type, nature, count(*), min(observed_at), max(observed_at) FROM core.published
WHERE station = ANY(%s) AND observed_at >= %s AND observed_at < %s
GROUP BY source, report_type, nature ORDER BY source, report_type, nature
"""
PLACE_COLUMNS: Final = 8
"""Columns of :func:`station_at`."""
_STATION_AT: Final = """
s.name, s.wmo, s.icao, s.latitude, s.longitude, s.elevation_m, s.barometer_m, (
    SELECT jsonb_object_agg(one.variable, one.height_m) FROM (
        SELECT n.variable, min(n.height_m) AS height_m FROM dim.sensor AS n
        WHERE n.station = {station} AND {moment} >= n.valid_from AND {moment} < n.valid_to
        GROUP BY n.variable HAVING count(DISTINCT n.height_m) = 1 AND count(*) = count(n.height_m)
    ) AS one
)
"""
_REPORTS: Final = sql.SQL("""
SELECT p.station, {place}, p.observed_at, p.source, p.report_type, p.nature, p.suspect_variables, p.failed_variables, (
    SELECT jsonb_object_agg(l.variable, l.value) FROM core.observation_long AS l
    WHERE l.report_id = p.report_id AND l.level = 0
), {wide}
FROM core.published AS p
LEFT JOIN dim.station AS s ON s.station = p.station AND p.observed_at >= s.valid_from AND p.observed_at < s.valid_to
WHERE p.station = ANY(%(stations)s) AND p.observed_at >= %(begin)s AND p.observed_at < %(end)s
    AND p.nature = %(nature)s AND p.source = ANY(%(sources)s)
    AND (cardinality(%(types)s::text[]) = 0 OR p.report_type = ANY(%(types)s))
ORDER BY p.station, p.observed_at, p.source, p.report_type
""")


def station_at(station: str, moment: str) -> sql.Composed:
    """Columns of a :class:`Place` after its identifier, in a query that names ``dim.station`` ``s``.

    Parameters
    ----------
    station, moment
        The query's columns with the identifier and the time, each as ``table.column``.
    """
    parts = {"station": sql.Identifier(*station.split(".")), "moment": sql.Identifier(*moment.split("."))}
    return sql.SQL(_STATION_AT).format(**parts)


def place_of(station: str, columns: Sequence[Any], moment: str) -> Place:
    """Station from the columns of :func:`station_at`.

    Raises
    ------
    ExportError
        If the dimension does not have it: a file without a station's name and place is of no use (KF-129).
    """
    name, wmo, icao, latitude, longitude, elevation_m, barometer_m, heights = columns
    if name is None:
        raise ExportError(
            f"station {station}: expected its name and place in dim.station at {moment}, found none; "
            "'meteostream dimensions load' brings what the registry has. Nothing was written"
        )
    heights_m = {variable: float(height) for variable, height in (heights or {}).items()}
    return Place(station, name, wmo, icao, latitude, longitude, elevation_m, barometer_m, heights_m)


def find_reports(connection: psycopg2.extensions.connection, selection: Selection) -> list[Found]:
    """Count what the stations have in the period, by source, type and nature."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, (list(selection.stations), selection.begin, selection.end))
        return [Found(*row) for row in cursor.fetchall()]


def stream_reports(
    connection: psycopg2.extensions.connection, selection: Selection, chosen: Chosen, licences: Licences
) -> Generator[Report, None, None]:
    """Read reports by station and time, :data:`ROWS_AT_ONCE` in memory.

    Parameters
    ----------
    connection
        In a transaction (:func:`~meteostream.export.selection.snapshot`).
    chosen
        From :func:`choose`; of its sources what a licence does not allow is left out here, value by value in time.

    Raises
    ------
    ExportError
        If a report's station has no row in the dimension.
    """
    query = _REPORTS.format(
        place=station_at("p.station", "p.observed_at"),
        wide=sql.SQL(", ").join(sql.Identifier("p", name) for name in WIDE_NAMES),
    )
    with connection.cursor("meteostream_export") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(
            query,
            {
                "stations": list(selection.stations),
                "begin": selection.begin,
                "end": selection.end,
                "nature": selection.nature,
                "sources": list(chosen.sources),
                "types": list(selection.report_types),
            },
        )
        for row in cursor:
            report = _report(row)
            if licences.allows(report.source, report.observed_at):
                yield report


def _report(row: tuple[Any, ...]) -> Report:
    station, *others = row
    columns, rest = others[:PLACE_COLUMNS], others[PLACE_COLUMNS:]
    observed_at, source, report_type, nature, suspect, failed, long_values, *wide = rest
    values = dict(zip(WIDE_NAMES, wide, strict=True)) | _floats(long_values)
    place = place_of(station, columns, time_text(observed_at))
    return Report(place, observed_at, source, report_type, nature, values, tuple(suspect), tuple(failed))


def _floats(values: dict[str, Any] | None) -> dict[str, float | None]:
    """PostgreSQL writes a whole number into JSON without its point."""
    return {name: None if value is None else float(value) for name, value in (values or {}).items()}
