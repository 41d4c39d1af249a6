"""The outbox: a journal on disk that holds every report from before it is sent until long after.

A producer writes a group of entries, waits for the disk (fsync), and only then sends. What a power cut or a broker's
absence leaves unsent is sent later; sending twice is harmless because identities are computed from contents. The
ledger reads the same files, with code of its own, as the one source of what should have arrived. The format is
specified in docs/contract.md.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, Self

import msgspec

from meteostream.config import Outbox as Settings
from meteostream.contract.times import format_time, parse_time
from meteostream.durable import sync_directory

log = logging.getLogger(__name__)

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3600 * SECOND_US
CLOCK_SLACK_US: Final = 60 * SECOND_US
"""How far the clock may step back (a correction by NTP) before the journal refuses to go on."""
DAY_S: Final = 86_400
_CRC_DIGITS: Final = 8
_SEGMENT: Final = re.compile(r"(?P<first>[0-9]{20})-(?P<hour>[0-9]{8}T[0-9]{2})\.journal")
_LINE_START: Final = re.compile(rb'[0-9a-f]{8} \{"n":')
_ACKED: Final = "acked"
_RECONCILED: Final = "reconciled"
_LOCK: Final = "lock"


class OutboxError(RuntimeError):
    """The journal cannot go on; the message says what was found and what to do. Nothing was sent unwritten."""


class OutboxLockedError(OutboxError):
    """Another process writes this journal."""


class OutboxFullError(OutboxError):
    """The journal has reached its size, or the disk is full. The intake must stop, loudly (KF-112)."""


class ClockError(OutboxError):
    """The machine's clock is before the last stored report: it must wait until the clock is right."""


class Draft(NamedTuple):
    """What a producer wants to send. ``received_at`` is the message's own."""

    id: str
    received_at: str
    topic: str
    key: str
    value: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A line of the journal, members in the order they are written.

    ``n`` counts from 1 without a gap; ``batch`` is the ``n`` of the first entry of the group that was made durable
    together; ``id`` is the event_id in hex.
    """

    n: int
    batch: int
    id: str
    received_at: str
    topic: str
    key: str
    value: str


class Segment(NamedTuple):
    """A file of the journal: number of its first entry, and the latest hour (UTC) in which one was received."""

    path: Path
    first: int
    hour: str

    @property
    def end_us(self) -> int:
        """All its entries were received before this moment (microseconds since 1970)."""
        return _hour_us(self.hour) + HOUR_US


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Entry).decode


def write_line(entry: Entry) -> bytes:
    """A journal line: CRC-32 in 8 hexadecimal digits, a space, the entry as JSON, a newline."""
    body = _encode(entry)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def read_line(line: bytes) -> Entry | None:
    """Entry of a line, None if the line is damaged."""
    if len(line) <= _CRC_DIGITS + 2 or line[-1:] != b"\n" or line[_CRC_DIGITS : _CRC_DIGITS + 1] != b" ":
        return None
    body = line[_CRC_DIGITS + 1 : -1]
    if line[:_CRC_DIGITS] != b"%08x" % zlib.crc32(body):
        return None
    try:
        return _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def segments(directory: Path) -> list[Segment]:
    """Files of a journal, oldest first."""
    found = [
        Segment(path, int(match["first"]), match["hour"])
        for path in directory.iterdir()
        if (match := _SEGMENT.fullmatch(path.name))
    ]
    return sorted(found, key=lambda segment: segment.first)


class Outbox:
    """A journal opened for writing, by one process at a time.

    Parameters
    ----------
    directory
        Made if it is not there.
    retention_s
        Acknowledged entries are kept this long.
    max_bytes
        Size at which acknowledged segments go earlier, or else the journal is full.
    segment_bytes
        Size at which a new file is begun; one is begun at each hour, too.

    Raises
    ------
    OutboxLockedError
        If another process has it.
    OutboxError
        If a durable part is damaged: an entry is missing that later ones were written after.
    """

    def __init__(
        self,
        directory: Path,
        *,
        retention_s: float = 7 * DAY_S,
        max_bytes: int = 8 * 1024**3,
        segment_bytes: int = 64 * 1024**2,
    ) -> None:
        self.directory = directory
        self._retention_s = retention_s
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._mutex = threading.Lock()
        self._file: IO[bytes] | None = None
        self._broken: str | None = None
        self.last = 0
        """Number of the last durable entry; 0 in a new journal."""
        self.last_received_us = 0
        """Latest received_at so far, in microseconds since 1970; 0 in a new journal."""
        self.acked = 0
        """Every entry up to this one is stored by the brokers."""
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory / _LOCK)
        try:
            self._segments = segments(directory)
            self.acked = _read_number(directory / _ACKED)
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def first(self) -> int:
        """Number of the oldest entry that is kept."""
        return self._segments[0].first if self._segments else self.last + 1

    def _recover(self) -> None:
        self.last = self.acked
        if self._segments:
            # Files before the last one were complete and durable when the last was begun.
            self.last_received_us = _hour_us(self._segments[-1].hour)
            self._recover_tail(self._segments[-1])
        if self.acked > self.last:
            raise OutboxError(
                f"{self.directory}: expected entries up to {self.acked}, which were acknowledged, found the last at "
                f"{self.last}; a file of the journal is missing or was replaced"
            )

    def _recover_tail(self, segment: Segment) -> None:
        """Find the end of the last file; drop a torn group that was never durable, and say so."""
        number, good = segment.first - 1, 0
        with segment.path.open("rb") as file:
            for line in file:
                entry = read_line(line)
                if entry is None or entry.n != number + 1:
                    break
                number, good = entry.n, good + len(line)
                self.last_received_us = max(self.last_received_us, _micros(entry.received_at))
            # The next group is only written when the last is on disk: a damaged line with a later group behind it
            # was durable once. Of the last group any part may be missing, in any order.
            file.seek(good)
            rest = file.read()
        for begin in _LINE_START.finditer(rest):  # not by lines: the damage may have taken a newline
            later = read_line(rest[begin.start() : rest.find(b"\n", begin.start()) + 1])
            if later is not None and later.batch > number + 1:
                raise OutboxError(
                    f"{segment.path}: expected entry {number + 1} at byte {good}, found damage and the intact entry "
                    f"{later.n} after it: a part that was on disk was changed. Move the journal away, keep it for "
                    "the ledger, and start with an empty directory"
                )
        if rest:
            log.warning(
                "%s: cut a torn tail of %d bytes after entry %d: that group was never durable, nothing of it was sent",
                segment.path,
                len(rest),
                number,
            )
            with segment.path.open("r+b") as file:
                file.truncate(good)
                os.fsync(file.fileno())
        if number < segment.first:
            segment.path.unlink()
            sync_directory(self.directory)
            self._segments.pop()
        self.last = number

    def append(self, drafts: Sequence[Draft]) -> int:
        """Make a group durable, together.

        Returns
        -------
        int
            Number of its last entry. When it returns, the group survives a power cut.

        Raises
        ------
        ClockError
            If a report was received before the last one stored, by more than :data:`CLOCK_SLACK_US`.
        OutboxFullError
            If there is no room; nothing of the group is kept.
        """
        if not drafts:
            return self.last
        latest = self.last_received_us
        for draft in drafts:
            received = _micros(draft.received_at)
            if received < latest - CLOCK_SLACK_US:
                raise ClockError(
                    f"expected a time of reception from {format_time(latest - CLOCK_SLACK_US, fraction=True)} on "
                    f"(the last stored one, less {CLOCK_SLACK_US // SECOND_US} s), found {draft.received_at}: is this "
                    "machine's clock right?"
                )
            latest = max(latest, received)
        with self._mutex:
            if self._broken:
                raise OutboxError(self._broken)
            first = self.last + 1
            block = b"".join(write_line(Entry(first + n, first, *draft)) for n, draft in enumerate(drafts))
            self._write(block, first, format_time(latest, fraction=True)[:13].replace("-", ""))
            self.last = first + len(drafts) - 1
            self.last_received_us = latest
            return self.last

    def _write(self, block: bytes, first: int, hour: str) -> None:
        if self._file is None:
            self._reopen(hour)
        if self._file is None or self._segments[-1].hour != hour or self._file.tell() >= self._segment_bytes:
            self._make_room(len(block))
            self._begin_segment(first, hour)
        file = self._file
        assert file is not None  # noqa: S101 - set by _begin_segment
        start = file.tell()
        try:
            file.write(block)
            os.fsync(file.fileno())
        except OSError as error:
            # After a failed fsync the kernel may have dropped the pages: nothing may be written behind them.
            self._broken = f"{file.name}: writing failed ({error}); the journal is closed, restart after repair"
            try:
                os.ftruncate(file.fileno(), start)
            except OSError:
                log.exception("%s: the unfinished group stays for the next recovery", file.name)
            raise OutboxFullError(self._broken) from error

    def _reopen(self, hour: str) -> None:
        """After a start, go on in the last file if it is of this hour."""
        if self._segments and self._segments[-1].hour == hour:
            self._file = self._segments[-1].path.open("ab", buffering=0)

    def _begin_segment(self, first: int, hour: str) -> None:
        if self._file is not None:
            self._file.close()
        segment = Segment(self.directory / f"{first:020d}-{hour}.journal", first, hour)
        self._file = segment.path.open("xb", buffering=0)
        self._segments.append(segment)
        sync_directory(self.directory)

    # --- Reading, acknowledging, forgetting ---

    def read(self, after: int, limit: int) -> list[Entry]:
        """At most ``limit`` durable entries whose numbers follow ``after``; a plain scan, for short reads.

        A sender that goes through the journal uses :meth:`cursor`.
        """
        cursor = self.cursor(after)
        try:
            return cursor.read(limit)
        finally:
            cursor.close()

    def cursor(self, after: int) -> Cursor:
        """A reader that begins behind entry ``after``."""
        return Cursor(self, after)

    def acknowledge(self, number: int) -> None:
        """Note that every entry up to ``number`` is stored by the brokers; durable, but not at each call.

        The note may be older than the truth: then some entries are sent twice, which does no harm.
        """
        with self._mutex:
            if number > self.acked:
                _write_text(self.directory / _ACKED, f"{number}\n")
                self.acked = number

    def resend_after(self) -> int:
        """Number behind which a starting producer sends again: the last reconciled hour, else the oldest entry.

        An acknowledgement is not enough: brokers that all lost power may have lost what they acknowledged.
        """
        reconciled = read_reconciled(self.directory)
        oldest = self.first - 1
        if reconciled is None:
            return oldest
        done = [number for number, segment in enumerate(self._segments) if segment.end_us <= reconciled]
        if not done:
            return oldest
        following = self._segments[done[-1] + 1 : done[-1] + 2]
        after = following[0].first - 1 if following else self.last
        return max(oldest, min(after, self.acked))

    def forget(self, now_s: float) -> int:
        """Delete acknowledged files that are past retention.

        Returns
        -------
        int
            Bytes that are left.
        """
        with self._mutex:
            while len(self._segments) > 1:
                too_old = self._segments[0].end_us / SECOND_US + self._retention_s < now_s
                if not too_old or self._segments[1].first - 1 > self.acked:
                    break
                self._delete_oldest()
            return self.size()

    def size(self) -> int:
        """Bytes of all files."""
        return sum(segment.path.stat().st_size for segment in self._segments)

    def _make_room(self, needed: int) -> None:
        while self.size() + needed + self._segment_bytes > self._max_bytes:
            if len(self._segments) < 2 or self._segments[1].first - 1 > self.acked:  # noqa: PLR2004
                raise OutboxFullError(
                    f"{self.directory}: expected at most {self._max_bytes} bytes, found {self.size()}, none may go: "
                    f"entries {self.acked + 1} to {self.last} are not acknowledged. Bring the brokers back, or raise "
                    "outbox.max_bytes"
                )
            log.warning(
                "%s: full, an acknowledged hour goes before its time: %s", self.directory, self._segments[0].hour
            )
            self._delete_oldest()

    def _delete_oldest(self) -> None:
        segment = self._segments.pop(0)
        segment.path.unlink()
        sync_directory(self.directory)

    def close(self) -> None:
        """Close the files and give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class Cursor:
    """Reads a journal in order while it is being written; never past what is durable."""

    def __init__(self, outbox: Outbox, after: int) -> None:
        self._outbox = outbox
        self.after = after
        self._file: IO[bytes] | None = None
        self._path: Path | None = None

    def read(self, limit: int) -> list[Entry]:
        """The next entries, at most ``limit``; empty at the end."""
        found: list[Entry] = []
        durable = self._outbox.last
        while len(found) < limit and self.after < durable:
            if self._file is None:
                self._open()
            assert self._file is not None  # noqa: S101 - set by _open
            line = self._file.readline()
            if not line:
                self._next()
                continue
            entry = read_line(line)
            if entry is None:
                raise OutboxError(f"{self._path}: expected entry {self.after + 1}, found damage: {line[:24]!r}")
            if entry.n > self.after:
                found.append(entry)
                self.after = entry.n
        return found

    def _open(self) -> None:
        holding = [segment for segment in segments(self._outbox.directory) if segment.first <= self.after + 1]
        if not holding:
            raise OutboxError(f"{self._outbox.directory}: expected entry {self.after + 1}, found it deleted")
        self._path = holding[-1].path
        self._file = self._path.open("rb")

    def _next(self) -> None:
        """Go on to the file that begins with the next entry."""
        following = [segment for segment in segments(self._outbox.directory) if segment.first == self.after + 1]
        if not following or following[0].path == self._path:
            raise OutboxError(f"{self._path}: expected entry {self.after + 1} in this file or the next, found neither")
        self.close()

    def rewind(self, after: int) -> None:
        """Read again from behind entry ``after``."""
        self.after = after
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def open_journal(settings: Settings, name: str) -> Outbox:
    """The outbox of a producer, below ``[outbox] directory``, as the settings want it."""
    return Outbox(
        Path(settings.directory) / name,
        retention_s=settings.retention_days * DAY_S,
        max_bytes=settings.max_bytes,
        segment_bytes=settings.segment_bytes,
    )


def iterate(directory: Path) -> Iterator[Entry]:
    """Entries of a journal that nobody writes, oldest first; stops at a torn tail."""
    for segment in segments(directory):
        with segment.path.open("rb") as file:
            for line in file:
                entry = read_line(line)
                if entry is None:
                    return
                yield entry


def read_reconciled(directory: Path) -> int | None:
    """End of the last reconciled hour in microseconds since 1970, as the ledger left it; None if it never did."""
    try:
        text = (directory / _RECONCILED).read_text("ascii")
    except FileNotFoundError:
        return None
    return parse_time(text.strip(), _RECONCILED, fraction=False)


def write_reconciled(directory: Path, end: str) -> None:
    """Note that everything received before ``end`` (``YYYY-MM-DDTHH:00:00Z``) is accounted for."""
    parse_time(end, _RECONCILED, fraction=False)
    _write_text(directory / _RECONCILED, f"{end}\n")


def _micros(text: str) -> int:
    return parse_time(text, "received_at", fraction=True)


def _hour_us(hour: str) -> int:
    return parse_time(f"{hour[:4]}-{hour[4:6]}-{hour[6:]}:00:00Z", "hour", fraction=False)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise OutboxLockedError(
            f"{path.parent}: expected no other writer, found process {holder or '(unknown)'}"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text("ascii"))
    except FileNotFoundError:
        return 0
    except ValueError:
        raise OutboxError(
            f"{path}: expected a number, found something else; delete it to send everything again"
        ) from None


def _write_text(path: Path, text: str) -> None:
    """Replace a small file so that a power cut leaves the old or the new one, whole."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    with beside.open("wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_directory(path.parent)
