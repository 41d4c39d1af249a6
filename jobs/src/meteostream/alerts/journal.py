"""The alerts' memory: a journal that only grows, each line bound to the one before it, and the state of the watches.

One look or one decision is one line, written at once and synced; the state is written after it and can be made again
from observations. A line names the SHA-256 of the line before it, and a file beside that of the last one, so a line
that was changed or removed is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from meteostream.alerts.episodes import Episode, Watch
from meteostream.alerts.errors import AlertError
from meteostream.alerts.messages import Message
from meteostream.durable import append_durably, locked, replace_durably

FIRST: Final = "0" * 64
JOURNAL: Final = "journal.jsonl"
HEAD: Final = "journal.sha256"
STATE: Final = "state.json"
FOLDER: Final = "messages"


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line.

    Attributes
    ----------
    previous
        SHA-256 (hex) of the line before.
    at
        When it was written.
    what
        ``look``: messages that rules made, episodes that ended; ``published``, ``refused``: a forecaster's approval
        and what came of it.
    who, why
        Of an approval.
    detail
        Why it was refused.
    """

    previous: str
    at: datetime
    what: Literal["look", "published", "refused"]
    messages: tuple[Message, ...] = ()
    documents: tuple[str, ...] = ()
    ended: tuple[Episode, ...] = ()
    who: str | None = None
    why: str | None = None
    detail: str | None = None


class State(msgspec.Struct, frozen=True):
    """Watches by rule and station, and the identity of the rules they were made with."""

    ruleset: str
    watches: dict[str, Watch]


class Journal:
    """The folder of the alerts. All use is within :meth:`hold`, so that two commands never write at once.

    Parameters
    ----------
    folder
        Is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: list[Line] = []
        self._last = FIRST

    @contextmanager
    def hold(self) -> Iterator[Journal]:
        """Read the journal and keep others out.

        Raises
        ------
        AlertError
            If another command holds it, or a line does not follow from the one before.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with locked(self.folder / ".lock", wait=False):
                self._read()
                self._restore()
                yield self
        except BlockingIOError:
            raise AlertError(
                f"{self.folder}: another command works with the alerts; try again when it is done"
            ) from None

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, oldest first."""
        return tuple(self._lines)

    def drafts(self, episode: str) -> list[Message]:
        """Drafts and exercises of an episode, in their order."""
        return [message for message in self._messages("look") if message.episode.identity == episode]

    def published(self, episode: str) -> list[Message]:
        """Published messages of an episode, in their order."""
        return [message for message in self._messages("published") if message.episode.identity == episode]

    def draft(self, identifier: str) -> Message:
        """A draft.

        Raises
        ------
        AlertError
            If there is none of that identifier.
        """
        for message in self._messages("look"):
            if message.identifier == identifier:
                return message
        raise AlertError(f"{identifier}: expected the identifier of a draft; 'meteostream alerts list' shows them")

    def open_episodes(self) -> list[Episode]:
        """Episodes whose last draft is no Cancel."""
        last = {message.episode.identity: message for message in self._messages("look")}
        return [message.episode for message in last.values() if message.kind != "Cancel"]

    def add(self, line: Line) -> None:
        """Append a line, and write its documents beside."""
        bound = msgspec.structs.replace(line, previous=self._last)
        text = msgspec.json.encode(bound)
        append_durably(self.folder / JOURNAL, text + b"\n")
        self._take(bound, text)
        replace_durably(self.folder / HEAD, self._last.encode())
        self._restore()

    def state(self) -> State | None:
        """What was remembered last; None if nothing was."""
        try:
            return msgspec.json.decode((self.folder / STATE).read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise AlertError(
                f"{self.folder / STATE}: {error}; remove the file, and the next look makes it again from observations"
            ) from None

    def remember(self, state: State) -> None:
        """Replace the state."""
        replace_durably(self.folder / STATE, msgspec.json.encode(state))

    def _messages(self, what: str) -> Iterator[Message]:
        return (message for line in self._lines if line.what == what for message in line.messages)

    def _read(self) -> None:
        self._lines, self._last = [], FIRST
        file = self.folder / JOURNAL
        content = file.read_bytes() if file.exists() else b""
        *whole, torn = content.split(b"\n")  # what a power cut tore has no line end, and the next append cuts it off
        del torn
        for number, text in enumerate(whole, 1):
            try:
                line = msgspec.json.decode(text, type=Line)
            except msgspec.MsgspecError as error:
                raise AlertError(f"{file}, line {number}: {error}") from None
            if line.previous != self._last:
                raise AlertError(
                    f"{file}, line {number}: expected it to follow {self._last[:12]}, found {line.previous[:12]}: "
                    "a line before it was changed or removed"
                )
            self._take(line, text)

        self._check_end(file)

    def _check_end(self, file: Path) -> None:
        head = self.folder / HEAD
        noted = head.read_text("ascii", errors="replace") if head.exists() else FIRST
        if noted == self._last:
            return
        before = self._lines[-1].previous if self._lines else FIRST
        if not self._lines or noted != before:
            raise AlertError(
                f"{file}: expected it to end with the line {noted[:12]}, found {self._last[:12]}: "
                "lines at its end were changed or removed"
            )
        # A power cut came after the line and before its note.
        replace_durably(head, self._last.encode())

    def _take(self, line: Line, text: bytes) -> None:
        self._lines.append(line)
        self._last = hashlib.sha256(text).hexdigest()

    def _restore(self) -> None:
        """Write documents that are in the journal and not in the folder."""
        for line in self._lines:
            for message, document in zip(line.messages, line.documents, strict=True):
                file = self.folder / FOLDER / f"{message.identifier}.xml"
                if not file.exists():
                    replace_durably(file, document.encode())
