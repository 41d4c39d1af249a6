"""One pass over a file: its observations as entries of the outbox, and what became of the rest."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from meteostream.contract import ContractError, Nature, format_time
from meteostream.outbox import Draft
from meteostream.quarantine import held_of, hold
from meteostream.registry import load_registry
from meteostream.sources.formats import Reading
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of


class Load:
    """Reads a file once, and counts.

    Parameters
    ----------
    reading
        How the file is written.
    topic
        Of the entries.
    replay_as
        For drills: the source's name, and the nature is ``replayed``.
    name
        What the file is called in messages; its path unless given.
    """

    def __init__(
        self, file: Path, reading: Reading, *, topic: str, replay_as: str | None = None, name: str | None = None
    ) -> None:
        self.file, self.reading, self.topic = file, reading, topic
        self.name = name or str(file)
        self.source = replay_as or reading.source
        self.nature: Nature = "replayed" if replay_as else "observed"
        self.stations: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.rejects: list[Reject] = []
        self.partial: list[Observation] = []

    @property
    def reports(self) -> int:
        """How many were read."""
        return sum(self.stations.values())

    @property
    def held(self) -> list[Reject]:
        """Rejects that only lack a registered station."""
        return [reject for reject in self.rejects if reject.held is not None]

    def drafts(self) -> Iterator[Draft]:
        """Journal entries; rejected records are kept aside.

        Raises
        ------
        SourceError
            If the file cannot be used at all.
        """
        for found in self.reading.read(self.file, load_registry()):
            if isinstance(found, Reject):
                self.rejects.append(found)
                continue
            received_at = format_time(time.time_ns() // 1000, fraction=True)
            try:
                draft = draft_of(
                    found, source=self.source, received_at=received_at, topic=self.topic, nature=self.nature
                )
            except ContractError as error:
                self.rejects.append(Reject(found.line, f"{error.detail} ({error.reason})", found.text))
                continue
            if found.partial:
                self.partial.append(found)
            self.stations[found.station] += 1
            self.ids.add(draft.id)
            yield draft

    def try_out(self) -> None:
        """Read and check everything, and send nothing."""
        for _ in self.drafts():
            pass

    def hold(self, directory: Path) -> int:
        """Keep in quarantine what only lacks a registered station; gives how many reports are new there."""
        held_at = format_time(time.time_ns() // 1000, fraction=True)
        reports = held_of(self.rejects, source=self.source, nature=self.nature, file=self.name, held_at=held_at)
        return hold(directory, reports)

    def write_rejects(self, path: Path) -> None:
        """Keep every rejected record, one JSON object a line."""
        with path.open("w", encoding="utf-8") as out:
            for reject in self.rejects:
                raw = reject.text.encode(self.reading.encoding, "surrogateescape")
                entry = {"file": self.name, "line": reject.line, "reason": reject.reason}
                text = raw.decode("utf-8", "backslashreplace")
                out.write(json.dumps({**entry, "text": text}, ensure_ascii=False) + "\n")
