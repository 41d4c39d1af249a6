"""Exports as commands run them: count, ask the licences, write, tell."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from meteostream.export import daycli, wis2box
from meteostream.export.days import sources_between, stream_days
from meteostream.export.errors import NothingFoundError
from meteostream.export.licences import load_licences
from meteostream.export.people import people_header, people_notes, people_row
from meteostream.export.reports import choose, find_reports, stream_reports
from meteostream.export.selection import OBSERVED, check_period, observed_only, snapshot
from meteostream.export.writing import write_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    import psycopg2.extensions

    from meteostream.export.licences import Licence, Licences
    from meteostream.export.people import Dialect
    from meteostream.export.reports import Chosen, Report
    from meteostream.export.selection import Selection
    from meteostream.export.titles import Language


class Written(NamedTuple):
    """What a file holds.

    Attributes
    ----------
    rows
        Lines of data.
    notices
        Licences of its sources.
    left_out
        Sources of which something may not be redistributed.
    skipped
        Reports that the format cannot hold: their time lies between two minutes.
    """

    rows: int
    notices: tuple[Licence, ...]
    left_out: tuple[str, ...]
    skipped: int = 0


def export_people(
    connection: psycopg2.extensions.connection,
    selection: Selection,
    path: Path,
    now: datetime,
    *,
    language: Language,
    dialect: Dialect,
) -> Written:
    """Write a CSV file for people.

    Raises
    ------
    ExportError
        If there is nothing to write, something may not be redistributed, or the file cannot be written.
    """
    with snapshot(connection):
        chosen, licences = _chosen(connection, selection, now)
        with closing(stream_reports(connection, selection, chosen, licences)) as reports:
            rows = write_rows(
                path,
                people_header(language),
                _some(people_row(report, language, dialect) for report in reports),
                notes=people_notes(selection, chosen.notices, language),
                delimiter=dialect.delimiter,
                encoding=dialect.encoding,
            )
    return Written(rows, chosen.notices, chosen.left_out)


def export_wis2box(
    connection: psycopg2.extensions.connection, selection: Selection, path: Path, now: datetime
) -> Written:
    """Write wis2box's CSV of automatic weather stations; only observations.

    Raises
    ------
    ExportError
        As :func:`export_people`; also if a station is simulated, another nature than ``observed`` is asked for, or two
        reports are of one station and minute.
    """
    for station in selection.stations:
        observed_only(station, selection.nature, wis2box.PRODUCT)
    skipped: list[Report] = []
    with snapshot(connection):
        chosen, licences = _chosen(connection, selection, now)
        with closing(stream_reports(connection, selection, chosen, licences)) as reports:
            rows = write_rows(path, wis2box.COLUMNS, _some(wis2box.wis2box_rows(reports, skipped)), quoted=False)
    return Written(rows, chosen.notices, chosen.left_out, len(skipped))


def export_daycli(
    connection: psycopg2.extensions.connection,
    stations: Sequence[str],
    month: str,
    path: Path,
    now: datetime,
    *,
    leave_out: bool,
) -> Written:
    """Write a month of DAYCLI; only observations.

    Raises
    ------
    ExportError
        If a station is simulated or has no value in the month, the month is not over, or something may not be
        redistributed.
    """
    for station in stations:
        observed_only(station, OBSERVED, daycli.PRODUCT)
    first, last = daycli.days_of(month, now)
    with snapshot(connection):
        licences = load_licences(connection, sources_between(connection, stations, first, last), now)
        days = daycli.DayRows(licences, leave_out=leave_out)
        with closing(stream_days(connection, stations, first, last)) as found:
            count = write_rows(path, daycli.COLUMNS, days.rows(found), quoted=False)
    return Written(count, tuple(sorted(days.notices, key=lambda one: one.source)), tuple(sorted(days.left_out)))


def _chosen(connection: psycopg2.extensions.connection, selection: Selection, now: datetime) -> tuple[Chosen, Licences]:
    check_period(selection.begin, selection.end)
    found = find_reports(connection, selection)
    licences = load_licences(connection, sorted({one.source for one in found}), now)
    return choose(found, selection, licences), licences


def _some(rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Pass rows on, and refuse if there were none: an empty file looks like a period without weather."""
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise NothingFoundError(
            "expected reports that this format can hold and that may be redistributed, found none; nothing was written"
        )
