"""What is exported: stations, a period, one nature, and which sources' reports."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from meteostream.contract.report import is_simulated_station
from meteostream.contract.times import EPOCH, parse_time
from meteostream.export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg2.extensions

OBSERVED: Final = "observed"
SIMULATED: Final = "simulated"
REPLAYED: Final = "replayed"
NATURES: Final = (OBSERVED, SIMULATED, REPLAYED)

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Selection(NamedTuple):
    """Which reports.

    Attributes
    ----------
    stations
        WIGOS identifiers, at least one.
    begin, end
        From ``begin`` to before ``end``, UTC.
    nature
        The one nature; natures never mix in a file.
    sources, report_types
        Only these; empty: all.
    leave_out
        Leave out what may not be redistributed, instead of refusing the whole.
    """

    stations: tuple[str, ...]
    begin: datetime
    end: datetime
    nature: str = OBSERVED
    sources: tuple[str, ...] = ()
    report_types: tuple[str, ...] = ()
    leave_out: bool = False


def moment(text: str, name: str) -> datetime:
    """Time of a command's option: a time of the contract, or a date, which is its beginning.

    >>> moment("2026-08-01", "--from").isoformat(), moment("2026-08-01T06:00:00Z", "--to").isoformat()
    ('2026-08-01T00:00:00+00:00', '2026-08-01T06:00:00+00:00')

    Raises
    ------
    ContractError
        If it is neither.
    """
    whole = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text
    return EPOCH + timedelta(microseconds=parse_time(whole, name, fraction=False))


def time_text(when: datetime) -> str:
    """Write a time as ISO 8601 in UTC, whole seconds.

    >>> time_text(datetime(2026, 8, 1, 6, tzinfo=UTC))
    '2026-08-01T06:00:00Z'
    """
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_period(begin: datetime, end: datetime) -> None:
    """Refuse a period that is empty.

    Raises
    ------
    ExportError
        Naming both ends.
    """
    if begin >= end:
        raise ExportError(f"expected a period that ends after it begins, found {time_text(begin)} to {time_text(end)}")


def observed_only(station: str, nature: str, product: str) -> None:
    """Let nothing but observations into a format of WMO's exchange.

    Raises
    ------
    ExportError
        If the station or the report is simulated or replayed.
    """
    if is_simulated_station(station):
        raise ExportError(f"{product} is for observations: station {station} is simulated, which never goes to WMO")
    if nature != OBSERVED:
        raise ExportError(f"{product} is for observations: station {station} has {nature} data, which never go to WMO")


@contextmanager
def snapshot(connection: psycopg2.extensions.connection) -> Iterator[psycopg2.extensions.connection]:
    """See one state of the warehouse for a while, without writing: what is counted first is what is written then."""
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True, autocommit=False)
    try:
        yield connection
    finally:
        connection.rollback()
