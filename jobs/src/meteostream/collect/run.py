"""One run of a collector: what it found becomes drafts, and an account of it."""

from __future__ import annotations

import gzip
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from meteostream.collect.collector import Collector, Found, Product, Remark, SavedFile, Wanted
from meteostream.collect.errors import CollectError
from meteostream.collect.http import Http
from meteostream.contract import ContractError, format_time, parse_time
from meteostream.durable import replace_durably
from meteostream.forecasts.drafts import forecast_drafts
from meteostream.outbox import Draft
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of

_SUFFIXES: Final = {b"[": ".json", b"{": ".json", b"<": ".html", b"\x1f": ".gz"}


@dataclass(slots=True)
class Account:
    """What a run found.

    Attributes
    ----------
    messages
        By station.
    ids
        Their identities: what a source gave twice is there once.
    newest
        By station: the newest observation, or the newest run of a forecast.
    rejects, remarks, files
        See :mod:`meteostream.collect.collector`.
    failure
        Why it ended before its end, if it did. What came before is sent all the same.
    """

    messages: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    newest: dict[str, datetime] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    files: list[SavedFile] = field(default_factory=list)
    failure: SourceError | None = None

    def saw(self, station: str, moment: str) -> None:
        """Note a station's moment."""
        found = datetime.fromtimestamp(parse_time(moment, "time", fraction=False) / 1e6, UTC)
        self.newest[station] = max(found, self.newest.get(station, found))

    @property
    def barren(self) -> bool:
        """Whether there was something and none of it could be read."""
        return bool(self.rejects) and not (self.messages or self.files)


def drafts(collector: Collector, http: Http, wanted: Wanted, topic: str, account: Account) -> Iterator[Draft]:
    """Journal entries of everything the collector finds; the account tells the rest.

    A failure of the source ends the entries and is kept in the account: what came before it is not thrown away.
    """
    try:
        for found in collector.read(http, wanted):
            for draft in _drafts(found, collector, topic, account):
                account.messages[draft.key] += 1
                account.ids.add(draft.id)
                yield draft
    except SourceError as error:
        account.failure = error


def _drafts(found: Found, collector: Collector, topic: str, account: Account) -> Iterator[Draft]:
    received_at = format_time(time.time_ns() // 1000, fraction=True)
    match found:
        case Observation():
            try:
                draft = draft_of(found, source=collector.name, received_at=received_at, topic=topic)
            except ContractError as error:
                account.rejects.append(Reject(found.line, f"{error.detail} ({error.reason})", found.text))
                return
            account.saw(found.station, found.observed_at)
            if found.partial:
                account.remarks.append(
                    f"{found.station} {found.observed_at}: read in part; left out: {' '.join(found.partial)}"
                )
            yield draft
        case Product():
            made = forecast_drafts(
                found.rows,
                source=collector.name,
                licence=collector.licence.name,
                received_at=received_at,
                topic=topic,
                text=found.text,
            )
            try:
                entries = list(made)
            except ContractError as error:
                account.rejects.append(Reject(1, f"{error.detail} ({error.reason})", found.text or str(found.rows[0])))
                return
            for row in found.rows:
                account.saw(row.station, row.reference_time)
            yield from entries
        case Reject():
            account.rejects.append(found)
        case Remark():
            account.remarks.append(found.text)
        case SavedFile():
            account.files.append(found)


def probe(collector: Collector, http: Http, wanted: Wanted, fixture: Path | None) -> tuple[Path, list[str]]:
    """Ask for a sample, store it as a fixture, and say what differs from the known shape.

    Parameters
    ----------
    fixture
        Where to; None: into ``fixtures`` of the collectors' directory, by source and day.

    Returns
    -------
    tuple[Path, list[str]]
        Where it is, and the differences, a sentence each.
    """
    body = collector.sample(http, wanted)
    differences = collector.shape(body)
    if fixture is None:
        suffix = _SUFFIXES.get(body.lstrip()[:1], ".txt")
        folder = Path(wanted.settings.directory) / "fixtures"
        fixture = folder / f"{collector.name}-{wanted.now:%Y%m%d}{suffix}"
    try:
        replace_durably(fixture, gzip.compress(body, mtime=0) if fixture.name.endswith(".json.gz") else body)
    except OSError as error:
        raise CollectError(f"{fixture}: the fixture cannot be written: {error.strerror}") from None
    return fixture, differences
