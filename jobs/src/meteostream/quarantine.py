"""Reports of stations that nobody registered: kept on disk, released when somebody has (KF-114).

A reader that knows everything of a record but its station holds the observation under the source's name. It lies in a
file of its source and that name, one JSON object a line; the same observation is kept once. A release gives it the
station's identifier and today's time of reception, because only then does the platform receive it; when it was held
stays in the file, which moves to ``released/``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from meteostream.contract import Nature
from meteostream.contract.report import Value
from meteostream.durable import append_durably, locked, sync_directory
from meteostream.registry import Registry, RegistryError
from meteostream.sources.noaa import spellings
from meteostream.sources.observation import Observation, Reject

RELEASED: Final = "released"
_SUFFIX: Final = ".jsonl"
_LOCK: Final = ".lock"
_NAME_CHARACTERS: Final = 40


class QuarantineError(RuntimeError):
    """The quarantine cannot be used; the message names the file and what to do."""


class Held(msgspec.Struct, frozen=True):
    """A report that waits for its station.

    Attributes
    ----------
    id
        Equal for equal observations.
    name
        Of the station, as its source writes it.
    held_at
        When it was first held, RFC 3339 UTC.
    file, line
        Where it stood.
    """

    id: str
    name: str
    source: str
    nature: Nature
    held_at: str
    file: str
    line: int
    report_type: str
    observed_at: str
    revision: int
    values: dict[str, Value]
    text: str
    partial: tuple[str, ...] = ()

    def observation(self, station: str) -> Observation:
        """The report under its station's identifier."""
        return Observation(
            self.line,
            station,
            self.observed_at,
            self.values,
            self.text,
            self.report_type,
            self.revision,
            self.partial,
        )


class Waiting(NamedTuple):
    """What waits for one station of one source."""

    path: Path
    source: str
    name: str
    reports: list[Held]


_encode: Final = msgspec.json.Encoder().encode
_sorted: Final = msgspec.json.Encoder(order="sorted").encode
_decode: Final = msgspec.json.Decoder(Held).decode


def held_of(rejects: Iterable[Reject], *, source: str, nature: Nature, file: str, held_at: str) -> list[Held]:
    """Entries of those rejects that only lack a station."""
    found = []
    for reject in rejects:
        one = reject.held
        if one is None:
            continue
        content = (source, nature, one.station, one.observed_at, one.report_type, one.revision, one.values)
        found.append(
            Held(
                id=hashlib.sha256(_sorted(content)).hexdigest(),
                name=one.station,
                source=source,
                nature=nature,
                held_at=held_at,
                file=file,
                line=one.line,
                report_type=one.report_type,
                observed_at=one.observed_at,
                revision=one.revision,
                values=one.values,
                text=one.text,
                partial=one.partial,
            )
        )
    return found


def hold(directory: Path, reports: Iterable[Held]) -> int:
    """Keep reports, durably; those that wait already are not kept again.

    Returns
    -------
    int
        How many are new.

    Raises
    ------
    QuarantineError
        If a file of the quarantine is damaged.
    OSError
        If there is no room, or no permission.
    """
    groups: dict[tuple[str, str], list[Held]] = {}
    for report in reports:
        groups.setdefault((report.source, report.name), []).append(report)
    if not groups:
        return 0
    new = 0
    with locked(directory / _LOCK):
        for (source, name), group in groups.items():
            path = directory / file_name(source, name)
            known = {report.id for report in _read(path)} if path.exists() else set()
            fresh = {report.id: report for report in group if report.id not in known}
            if fresh:
                append_durably(path, _lines(fresh.values()))
                new += len(fresh)
        sync_directory(directory)
    return new


def waiting(directory: Path) -> list[Waiting]:
    """Everything that waits, by source and name."""
    if not directory.is_dir():
        return []
    found = []
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        reports = _read(path)
        if reports:
            found.append(Waiting(path, reports[0].source, reports[0].name, reports))
    return found


def station_of(name: str, registry: Registry) -> str | None:
    """Identifier of a name that is registered by now, None if it still is not."""
    for spelling in (name, *spellings(name)):
        try:
            station = registry.resolve(spelling)
        except RegistryError:
            continue
        return None if station.simulated else station.wigos_id
    return None


def released(directory: Path, group: Waiting, station: str) -> Path:
    """Note that a group was sent: its file moves to ``released/``, with the station in its name.

    What was held meanwhile under the same name stays in quarantine.
    """
    with locked(directory / _LOCK):
        folder = directory / RELEASED
        folder.mkdir(exist_ok=True)
        sent = {report.id for report in group.reports}
        rest = [report for report in _read(group.path) if report.id not in sent]
        target = folder / f"{group.path.stem}.{station}{_SUFFIX}"
        append_durably(target, _lines(group.reports))
        sync_directory(folder)
        if rest:
            beside = group.path.with_suffix(".new")
            beside.unlink(missing_ok=True)
            append_durably(beside, _lines(rest))
            beside.replace(group.path)
        else:
            group.path.unlink()
        sync_directory(directory)
    return target


def file_name(source: str, name: str) -> str:
    """A file's name for any name a source may think of; different names have different files.

    >>> file_name("isd", "../../etc/passwd")
    'isd.etc-passwd.60a32acf.jsonl'
    """
    digest = hashlib.sha256(f"{source}|{name}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:_NAME_CHARACTERS]
    return f"{source}.{plain}.{digest}{_SUFFIX}"


def _lines(reports: Iterable[Held]) -> bytes:
    return b"".join(_encode(report) + b"\n" for report in reports)


def _read(path: Path) -> list[Held]:
    reports: dict[str, Held] = {}
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), 1):
        try:
            report = _decode(line)
        except msgspec.MsgspecError as error:
            if not line.endswith(b"\n"):
                break  # a torn end: the file that it came from was never reported as read
            raise QuarantineError(
                f"{path}, line {number}: expected a held report: {error}; move the file away"
            ) from None
        reports.setdefault(report.id, report)
    return list(reports.values())
