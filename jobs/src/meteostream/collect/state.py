"""What a source's next run needs to know of the last: up to when all is collected, and each station's newest report.

Losing this file costs nothing but requests: windows overlap, and what comes twice counts once (KF-111).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from meteostream.durable import replace_durably

OVERLAP: Final = timedelta(hours=1)
"""How far a window reaches back into the last one: reports come late."""


class Silence(NamedTuple):
    """A station's newest report; None if none ever came (KF-109)."""

    station: str
    newest: datetime | None
    silent: bool


class State(NamedTuple):
    """What is kept of a source.

    Attributes
    ----------
    until
        End of the last window that was collected whole and handed over; None before the first.
    newest
        Newest observation or valid time by station.
    """

    until: datetime | None
    newest: dict[str, datetime]


def read_state(directory: Path, source: str) -> State:
    """The state of a source; that of a new one if there is none, or it is damaged."""
    try:
        found = json.loads(_path(directory, source).read_bytes())
        until = found["until"]
        return State(
            None if until is None else datetime.fromisoformat(until),
            {station: datetime.fromisoformat(moment) for station, moment in found["newest"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return State(None, {})


def write_state(directory: Path, source: str, state: State) -> None:
    """Keep the state, whole."""
    text = json.dumps(
        {
            "until": None if state.until is None else state.until.isoformat(),
            "newest": {station: moment.isoformat() for station, moment in sorted(state.newest.items())},
        },
        indent=1,
    )
    replace_durably(_path(directory, source), text.encode())


def window(state: State, now: datetime, *, hours: float, days_back: float | None) -> tuple[datetime, datetime]:
    """The window of a run that names none: the usual one, or longer after an outage, as far as the service reaches.

    Parameters
    ----------
    hours
        Of the usual window.
    days_back
        How far the service reaches; None: without limit.
    """
    start = now - timedelta(hours=hours)
    if state.until is not None:
        start = min(start, state.until - OVERLAP)
    if days_back is not None:
        start = max(start, now - timedelta(days=days_back))
    return start, now


def merged(old: Mapping[str, datetime], new: Mapping[str, datetime]) -> dict[str, datetime]:
    """The newer moment of each station."""
    return {station: max(filter(None, (old.get(station), new.get(station)))) for station in {*old, *new}}


def silences(stations: list[str], newest: Mapping[str, datetime], now: datetime, *, hours: float) -> list[Silence]:
    """Each station's newest report, and whether it is older than it should be."""
    limit = now - timedelta(hours=hours)
    return [
        Silence(station, newest.get(station), station not in newest or newest[station] < limit) for station in stations
    ]


def _path(directory: Path, source: str) -> Path:
    return directory / "state" / f"{source}.json"
