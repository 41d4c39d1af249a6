"""What a collector is: a name, a licence, and a function from a wish to what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from meteostream.collect.http import Http
from meteostream.config import Collect, Quota
from meteostream.registry import Registry, Station
from meteostream.sources.forecast import Forecast
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Licence

Kind = Literal["observations", "forecasts", "files"]


class Product(NamedTuple):
    """Forecasts that came together: values of one station and run, and their text where they had one (a TAF)."""

    rows: tuple[Forecast, ...]
    text: str | None = None


class SavedFile(NamedTuple):
    """A file that was brought to the drop folder, or found unchanged there (``changed`` False)."""

    name: str
    bytes: int
    changed: bool


class Remark(NamedTuple):
    """Something the operator should read, which spoils nothing."""

    text: str


Found = Observation | Product | Reject | SavedFile | Remark


class Wanted(NamedTuple):
    """What a run is asked for.

    Attributes
    ----------
    stations
        Which ones, at least one.
    start, end
        UTC; observations from ``start`` on and before ``end``. Forecasts of today have no window.
    now
        The run's moment, UTC.
    settings
        Section ``[collect]``.
    registry
        Who a name in an answer is.
    incoming
        The drop folder's folder for what arrives.
    """

    stations: tuple[Station, ...]
    start: datetime
    end: datetime
    now: datetime
    settings: Collect
    registry: Registry
    incoming: Path


class Collector(NamedTuple):
    """A source on the network.

    Attributes
    ----------
    name
        On the command line; ``source`` of what it yields.
    kind
        Whether it yields observations, forecasts, or files for the drop folder.
    title
        What a technician reads.
    licence
        Of the data.
    api, quota
        The service whose limits it shares.
    read
        Asks, and yields what was found.
    sample
        Asks for as little as shows the answer's shape and gives its bytes; used by ``--probe``.
    shape
        What differs from the known shape in such bytes, a sentence each; nothing if all is as known.
    days_back
        How far back the service can be asked; None: without limit.
    hours_default
        Window of a run that names none.
    off
        Why it may not be asked yet; None if it may.
    """

    name: str
    kind: Kind
    title: str
    licence: Licence
    api: str
    quota: Quota
    read: Callable[[Http, Wanted], Iterator[Found]]
    sample: Callable[[Http, Wanted], bytes]
    shape: Callable[[bytes], list[str]]
    days_back: float | None = None
    hours_default: float = 0.0
    off: str | None = None
