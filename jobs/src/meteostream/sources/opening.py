"""Opening files that strangers made: plain or gzip, never more than was asked for."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from meteostream.sources.errors import SourceError

MAX_BYTES: Final = 2 * 1024**3
"""Most bytes of a file once it is unpacked."""
MAX_RATIO: Final = 200
"""Most bytes out of one byte of gzip. Weather files come to about 10, deflate can do no more than 1032 (zlib's manual,
'Maximum Compression Factor'), and a bomb is near that."""
RATIO_FREE_BYTES: Final = 1024**2
"""So much may come out whatever the ratio: a short file of blanks is no bomb."""
MAX_LINE: Final = 16 * 1024**2
"""Most characters of a line: lines of MySQL's exports reach 16 MiB (net_buffer_length), others not a thousandth."""
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_SIGNATURE_BYTES: Final = 4


class _Bounded(io.RawIOBase):
    """A stream that raises instead of giving more than its limit."""

    def __init__(self, inner: BinaryIO, limit: int, reason: str) -> None:
        self._inner, self._left, self._reason = inner, limit, reason

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        chunk = self._inner.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise SourceError(self._reason)
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def open_bytes(path: Path, max_bytes: int = MAX_BYTES) -> Iterator[BinaryIO]:
    """A file's content, unpacked if it is gzip (known by its first bytes, whatever its name).

    Raises
    ------
    SourceError
        If it cannot be opened, is a zip archive, is damaged, or unpacks to more than it should: a file of that kind
        fills disks.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None
    with file:
        signature = file.read(_SIGNATURE_BYTES)
        file.seek(0)
        if signature == _ZIP:
            raise SourceError(f"{path}: expected text or gzip, found a zip archive; unpack it first")
        limit = max_bytes
        reason = f"{path}: expected at most {max_bytes} bytes, found more"
        inner: BinaryIO = file
        if signature[:2] == _GZIP:
            packed = path.stat().st_size
            if packed * MAX_RATIO + RATIO_FREE_BYTES < max_bytes:
                limit = packed * MAX_RATIO + RATIO_FREE_BYTES
                reason = (
                    f"{path}: expected at most {MAX_RATIO} bytes out of each byte of gzip, found more than {limit} out "
                    f"of {packed}: no weather file is like that"
                )
            inner = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
        try:
            yield io.BufferedReader(_Bounded(inner, limit, reason))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SourceError(f"{path}: expected whole gzip, found damage: {error}") from None


@contextmanager
def open_text(path: Path, encoding: str, max_bytes: int = MAX_BYTES) -> Iterator[Iterator[str]]:
    """A file's lines with their ends; bytes that are not in the encoding become surrogates.

    Raises
    ------
    SourceError
        As :func:`open_bytes`, and for a line of more than :data:`MAX_LINE` characters.
    """
    with open_bytes(path, max_bytes) as file:
        yield _lines(io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline=""), path)


def _lines(text: io.TextIOWrapper, path: Path) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE + 1):
        number += 1
        if len(line) > MAX_LINE:
            raise SourceError(f"{path}, line {number}: expected at most {MAX_LINE} characters, found more: is it text?")
        yield line
