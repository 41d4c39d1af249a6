"""Exports that are made by themselves, every day: people's CSV and wis2box's a day, DAYCLI a station and month.

Each run writes the last days again, and the months that they lie in once those are over: what came late, or was
corrected, is in the files without anybody asking. A file is replaced when the new one is whole.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from meteostream.export import daycli
from meteostream.export.errors import ExportError, NothingFoundError
from meteostream.export.people import PLAIN
from meteostream.export.run import export_daycli, export_people, export_wis2box
from meteostream.export.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import psycopg2.extensions

    from meteostream.config import Exports
    from meteostream.export.run import Written
    from meteostream.registry import Registry

AUTOMATIC: Final = "aws"
"""The type of report that wis2box's layout of automatic weather stations is for."""


class Outcome(NamedTuple):
    """What became of a file.

    Attributes
    ----------
    written
        None if there was nothing to write, or it was refused.
    reason
        Why it was not written.
    refused
        Whether there was something to write.
    """

    path: Path
    written: Written | None
    reason: str = ""
    refused: bool = False


def export_daily(
    connection: psycopg2.extensions.connection, settings: Exports, registry: Registry, now: datetime
) -> Iterator[Outcome]:
    """Write all files of ``[exports]``; give each file's outcome as it is made.

    What may not be redistributed is left out. A file that is refused does not keep the others from being written.

    Parameters
    ----------
    connection
        As a role that may read; no transaction open.
    now
        The day before it is the last one that is written.

    Raises
    ------
    ExportError
        If ``[exports] country`` has no station.
    RegistryError
        If a station of ``[exports] stations`` is not registered.
    """
    stations = _stations(settings, registry)
    base = Path(settings.directory)
    days = [now.astimezone(UTC).date() - timedelta(days=back) for back in range(1, settings.days + 1)]
    for day in days:
        begin = datetime.combine(day, time(), UTC)
        chosen = Selection(stations, begin, begin + timedelta(days=1), leave_out=True)
        people = partial(export_people, connection, chosen, now=now, language=settings.language, dialect=PLAIN)
        yield _made(base / "csv" / f"{day}.csv", people)
        automatic = chosen._replace(report_types=(AUTOMATIC,))
        yield _made(base / "wis2box" / f"{day}.csv", partial(export_wis2box, connection, automatic, now=now))
    for month in _months(days, now):
        for station in stations:
            of_month = partial(export_daycli, connection, (station,), month, now=now, leave_out=True)
            yield _made(base / "daycli" / month / f"{station}.csv", of_month)


def _stations(settings: Exports, registry: Registry) -> tuple[str, ...]:
    if settings.stations:
        return tuple(dict.fromkeys(registry.resolve(name).wigos_id for name in settings.stations))
    found = tuple(one.wigos_id for one in registry if one.country == settings.country and not one.simulated)
    if not found:
        raise ExportError(f"[exports] country: expected one that has stations, found {settings.country!r}")
    return found


def _months(days: Iterable[date], now: datetime) -> list[str]:
    """The months of some days that are over, each once."""
    found = []
    for month in dict.fromkeys(f"{day:%Y-%m}" for day in days):
        try:
            daycli.days_of(month, now)
        except ExportError:
            continue
        found.append(month)
    return found


def _made(path: Path, write: Callable[[Path], Written]) -> Outcome:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Outcome(path, write(path))
    except NothingFoundError as error:
        return Outcome(path, None, str(error))
    except ExportError as error:
        return Outcome(path, None, str(error), refused=True)
