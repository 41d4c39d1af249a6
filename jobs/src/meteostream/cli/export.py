"""``meteostream export``: files of observations for people and for WMO's exchange."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meteostream.cli.common import Context, fail, station_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from meteostream.export.run import Written
    from meteostream.export.selection import Selection
    from meteostream.export.titles import Language

FILE: Final = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
STATION: Final = click.option(
    "--station",
    "stations",
    multiple=True,
    required=True,
    metavar="ID",
    help="Any identifier of a station: WIGOS, WMO, ICAO, or its name. May be given several times.",
)
LEAVE_OUT: Final = click.option(
    "--leave-out",
    is_flag=True,
    help="Leave out what may not be redistributed. Without it, one such value refuses the whole file.",
)
BEGIN: Final = click.option(
    "--from", "begin", required=True, metavar="TIME", help="First time, UTC: 2026-08-01 or 2026-08-01T06:00:00Z."
)
END: Final = click.option("--to", "end", required=True, metavar="TIME", help="End, UTC; itself not included.")
SOURCE: Final = click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Only this source's reports, for example synop."
)
TYPE: Final = click.option(
    "--type", "report_types", multiple=True, metavar="TYPE", help="Only reports of this type, for example aws."
)


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


REPORTS: Final = _options(FILE, STATION, BEGIN, END, SOURCE, TYPE, LEAVE_OUT)


@click.group()
def command() -> None:
    """Write observations to a file: for people, for wis2box, as DAYCLI.

    A source whose owner's permission to redistribute is not recorded is never written ('meteostream dimensions load
    --licences FILE' records it). What has to be said about the sources is printed at the end, and stands in the files
    for people. A file appears when it is whole; whatever fails before leaves it as it was. Forecasts are no
    observations and are never written.
    """


@command.command("csv")
@REPORTS
@click.option(
    "--nature",
    type=click.Choice(["observed", "simulated", "replayed"]),
    default="observed",
    show_default=True,
    help="Simulated weather is marked SIMULÉ at the beginning of the file and in each row.",
)
@click.option("--language", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Of the headers.")
@click.option(
    "--spreadsheet",
    is_flag=True,
    help="As spreadsheets in French open it: ';' between columns, decimal comma, byte order mark.",
)
@click.pass_obj
def csv_(context: Context, /, *, file: Path, nature: str, language: Language, spreadsheet: bool, **which: Any) -> None:
    """Write reports to FILE for people: names, units, every variable, licences.

    Values that failed the quality control are left empty and named in the last column; suspect ones stay and are named.

    For example 'meteostream export csv yoff.csv --station GOOY --from 2026-08-01 --to 2026-09-01'.
    """
    from datetime import UTC, datetime

    from meteostream.export.people import PLAIN, SPREADSHEET
    from meteostream.export.run import export_people
    from meteostream.warehouse.access import session

    selection = _selection(nature=nature, **which)
    with session(context.settings.warehouse, "meteostream export") as connection:
        dialect = SPREADSHEET if spreadsheet else PLAIN
        written = export_people(connection, selection, file, datetime.now(UTC), language=language, dialect=dialect)
    _tell(file, written, "reports")


@command.command()
@REPORTS
@click.pass_obj
def wis2box(context: Context, /, *, file: Path, **which: Any) -> None:
    """Write reports to FILE as wis2box's CSV of automatic weather stations.

    44 columns, pressure in Pa, temperature in K, empty where nothing is known; wis2box's aws-template makes BUFR of it.
    Simulated and replayed data are refused.

    For example 'meteostream export wis2box yoff.csv --station GOOY --from 2026-08-01 --to 2026-08-02 --type aws'.
    """
    from datetime import UTC, datetime

    from meteostream.export.run import export_wis2box
    from meteostream.warehouse.access import session

    selection = _selection(**which)
    with session(context.settings.warehouse, "meteostream export") as connection:
        written = export_wis2box(connection, selection, file, datetime.now(UTC))
    _tell(file, written, "reports")


@command.command("climat")
@FILE
@STATION
@click.option("--month", required=True, metavar="YYYY-MM", help="A month that is over.")
@click.pass_obj
def climat_(context: Context, /, *, file: Path, stations: tuple[str, ...], month: str) -> None:
    """Write a month's CLIMAT message of each station to FILE (FM 71, one after the other).

    Observed days alone; which means are published is the ETL's rule ([etl] completeness). Stations without a WMO
    number, and values whose source may not be redistributed, are refused.

    For example 'meteostream export climat august.txt --station GOOY --month 2026-08'.
    """
    from datetime import UTC, datetime

    from meteostream.climate.completeness import MONTHLY
    from meteostream.export.climat import export_climat
    from meteostream.registry import load_registry
    from meteostream.warehouse.access import session

    registry = load_registry()
    chosen = [registry.resolve(name) for name in _known(stations)]
    rule = MONTHLY[context.settings.etl.completeness]
    with session(context.settings.warehouse, "meteostream export") as connection:
        written = export_climat(connection, chosen, month, file, datetime.now(UTC), rule)
    _tell(file, written, "messages")


@command.command()
@FILE
@STATION
@click.option("--month", required=True, metavar="YYYY-MM", help="A month that is over.")
@LEAVE_OUT
@click.pass_obj
def daycli(context: Context, /, *, file: Path, stations: tuple[str, ...], month: str, leave_out: bool) -> None:
    """Write a month of daily values to FILE as DAYCLI (BUFR 307095, csv2bufr's daycli-v3).

    One row a station and day, also without a value. Simulated data are refused.

    For example 'meteostream export daycli august.csv --station GOOY --station Linguère --month 2026-08'.
    """
    from datetime import UTC, datetime

    from meteostream.export.run import export_daycli
    from meteostream.warehouse.access import session

    known = _known(stations)
    with session(context.settings.warehouse, "meteostream export") as connection:
        written = export_daycli(connection, known, month, file, datetime.now(UTC), leave_out=leave_out)
    _tell(file, written, "days")


@command.command("daily")
@click.pass_obj
def daily(context: Context) -> None:
    """Write the files of the last days that [exports] names, and DAYCLI of the month that is over.

    They lie below its directory: csv/DAY.csv for people, wis2box/DAY.csv, daycli/MONTH/STATION.csv. What may not be
    redistributed is left out; a day without anything has no file. Exit code 1 if a file was refused.
    """
    from datetime import UTC, datetime

    from meteostream.export.routine import export_daily
    from meteostream.registry import load_registry
    from meteostream.warehouse.access import session

    settings, refused = context.settings, 0
    with session(settings.warehouse, "meteostream export") as connection:
        for outcome in export_daily(connection, settings.exports, load_registry(), datetime.now(UTC)):
            if outcome.written is not None:
                _tell(outcome.path, outcome.written, "rows")
            else:
                refused += outcome.refused
                word = "refused" if outcome.refused else "nothing to write"
                click.echo(f"{outcome.path}: {word}: {outcome.reason}", err=outcome.refused)
    if refused:
        raise fail(f"{refused} files were refused; the others are written")


def _known(stations: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(station_id, stations)))


def _selection(
    *,
    stations: tuple[str, ...],
    begin: str,
    end: str,
    sources: tuple[str, ...],
    report_types: tuple[str, ...],
    leave_out: bool,
    nature: str = "observed",
) -> Selection:
    from meteostream.export.selection import Selection, moment

    return Selection(
        _known(stations), moment(begin, "--from"), moment(end, "--to"), nature, sources, report_types, leave_out
    )


def _tell(file: Path, written: Written, things: str) -> None:
    click.echo(f"{file}: {written.rows} {things}")
    for notice in written.notices:
        click.echo(f"source {notice.notice}")
    if written.left_out:
        click.echo(f"left out, no permission to redistribute is recorded: {', '.join(written.left_out)}")
    if written.skipped:
        click.echo(f"left out, their time is between two minutes: {written.skipped} reports")
