"""First witness: the producers' journals, read by their documented format (docs/contract.md).

A journal is a directory of segments named ``<first entry, 20 digits>-<hour, YYYYMMDDTHH>.journal``. A line is the
CRC-32 of the rest in 8 hexadecimal digits, a space, and a JSON object with ``n``, ``id``, ``received_at``, ``topic``,
``key`` and ``value``. The last line of the last segment may be torn: it was never acknowledged to anybody.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX: Final = ".journal"
HOUR: Final = timedelta(hours=1)


class Journalled(NamedTuple):
    """What the ledger needs of an entry."""

    id: bytes
    hour: datetime
    observed_at: str | None


class JournalError(Exception):
    """A journal cannot be trusted: a line inside it is damaged, or entries are missing."""


@dataclass(slots=True)
class Journal:
    """One producer's journal, as it was when the ledger looked.

    Attributes
    ----------
    directory
        Where it lies.
    torn
        Whether the last line was not complete.
    """

    directory: Path
    torn: bool = False

    def hours(self) -> set[datetime]:
        """Hours that the journal's segments span."""
        found: set[datetime] = set()
        for path in self._segments():
            begin, end = _span(path)
            found |= {begin + HOUR * step for step in range(int((end - begin) / HOUR) + 1)}
        return found

    def read(self, topic: str, hour: datetime, until: datetime) -> Iterator[Journalled]:
        """Entries for ``topic`` that were received in ``hour`` and before ``until``, in order.

        Parameters
        ----------
        topic
            Entries for other topics are passed over.
        hour
            Segments without it are not read.
        until
            The ledger's horizon; what was received later is not judged.

        Raises
        ------
        JournalError
            A line that is not the last is damaged, or entry numbers have a gap.
        """
        segments = self._segments()
        for index, path in enumerate(segments):
            begin, end = _span(path)
            if begin <= hour <= end:
                yield from self._segment(path, topic, hour, until, last=index == len(segments) - 1)

    def _segments(self) -> list[Path]:
        return sorted(path for path in self.directory.iterdir() if path.name.endswith(SUFFIX) and path.stat().st_size)

    def _segment(self, path: Path, topic: str, hour: datetime, until: datetime, *, last: bool) -> Iterator[Journalled]:
        number_before: int | None = None
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                entry = _entry(line)
                if entry is None:
                    if last and not line.endswith(b"\n"):
                        self.torn = True
                        return
                    msg = f"{path} line {number}: expected an entry with a right checksum, found a damaged line"
                    raise JournalError(msg)
                if number_before is not None and entry["n"] != number_before + 1:
                    msg = f"{path} line {number}: expected entry {number_before + 1}, found {entry['n']}"
                    raise JournalError(msg)
                number_before = entry["n"]
                received = _moment(entry["received_at"])
                if entry["topic"] == topic and received < until and _hour(received) == hour:
                    yield Journalled(bytes.fromhex(entry["id"]), hour, _observed_at(entry["value"]))


def journals(root: Path) -> list[Journal]:
    """The journals below ``root``: each directory that holds segments.

    Raises
    ------
    JournalError
        ``root`` is not there: without it nothing would be checked.
    """
    if not root.is_dir():
        msg = f"{root}: expected the producers' journals, found no directory; see [outbox] in the settings"
        raise JournalError(msg)
    folders = sorted(
        {path.parent for path in root.glob(f"*/*{SUFFIX}")} | {path.parent for path in root.glob(f"*{SUFFIX}")}
    )
    return [Journal(folder) for folder in folders]


def _entry(line: bytes) -> dict[str, Any] | None:
    crc, space, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or not space or crc != f"{zlib.crc32(body):08x}".encode():
        return None
    entry: dict[str, Any] = json.loads(body)
    return entry


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _span(path: Path) -> tuple[datetime, datetime]:
    """First and last hour of a segment: of its first entry, and by its name."""
    end = _hour_of_name(path.name)
    with path.open("rb") as lines:
        line = lines.readline()
    first = _entry(line)
    if first is None:
        return end, end  # torn at once, or damaged: reading it will tell which
    return min(_hour(_moment(first["received_at"])), end), end


def _hour_of_name(name: str) -> datetime:
    return datetime.strptime(name.removesuffix(SUFFIX).rpartition("-")[2], "%Y%m%dT%H").replace(tzinfo=UTC)


def _observed_at(value: str) -> str | None:
    """Time of observation as the message states it; None if the message is beyond reading."""
    try:
        observed_at = json.loads(value)["observed_at"]
        datetime.fromisoformat(observed_at)
    except (ValueError, KeyError, TypeError):
        return None
    return str(observed_at)
