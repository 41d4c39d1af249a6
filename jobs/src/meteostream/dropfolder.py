"""The folder for files of people: tried out, sent, archived; or refused with the reason beside them.

Layout, all on one file system::

    incoming/NAME/FILE          NAME is a format or a profile; formats that need a month: incoming/NAME/YYYY-MM/FILE
    working/NAME/…              what a pass has taken; a pass that was interrupted leaves it to the next
    archive/YYYY/SHA256-FILE    what was sent, and archive/index.jsonl, which says when and with what result
    rejects/…                   lines of accepted files that could not be read, and a report
    refused/NAME/…              files that were not accepted, and a report

A file is left alone while it may still be being written: its name ends with .part, .tmp, .filepart or ~, begins with a
dot, or it changed a moment ago. Nothing is ever opened that is no regular file.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import stat
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

from meteostream.config import Dropfolder
from meteostream.durable import append_durably, locked, sync_directory
from meteostream.loading import Load
from meteostream.outbox import Draft
from meteostream.sources.errors import SourceError
from meteostream.sources.formats import MONTH, Options, Reading, reading
from meteostream.sources.profile import SUFFIX

log = logging.getLogger(__name__)

INCOMING: Final = "incoming"
WORKING: Final = "working"
ARCHIVE: Final = "archive"
REFUSED: Final = "refused"
REJECTS: Final = "rejects"
INDEX: Final = "index.jsonl"
UNFINISHED: Final = (".part", ".tmp", ".filepart", ".crdownload", "~")
"""Ends of names that programs give to files which they are still writing."""
SHOWN: Final = 20
"""Rejected lines that a report shows."""
_LOCK: Final = ".lock"
_CHUNK: Final = 1024**2
_NAME_CHARACTERS: Final = 100
_DIGEST_SHOWN: Final = 12

State = Literal["accepted", "again", "refused", "waiting", "ignored"]


class DropfolderError(RuntimeError):
    """The folder cannot be used; the message says what was found and what to do."""


class Outcome(NamedTuple):
    """What became of a file.

    Attributes
    ----------
    name
        Below incoming/.
    detail
        Why, unless all is well.
    held
        Of the rejected lines, those in quarantine.
    report
        Where the written report lies.
    """

    name: str
    state: State
    detail: str = ""
    reports: int = 0
    rejected: int = 0
    held: int = 0
    report: Path | None = None


Known = tuple[str, str | None, str]
"""What makes content the same: the folder, the month (a bulletin of another month is another), the digest."""


_HIDDEN: Final = Outcome("", "ignored")
"""Of a file that is being written, which is nobody's concern."""


class _Taken(NamedTuple):
    """A file in working/."""

    path: Path
    folder: str
    month: str | None
    name: str

    @property
    def shown(self) -> str:
        return "/".join(filter(None, [self.folder, self.month, self.name]))

    def key(self, digest: str) -> Known:
        return self.folder, self.month, digest


class _Tried(NamedTuple):
    """A file that will be sent."""

    taken: _Taken
    digest: str
    reading: Reading
    load: Load


Send = Callable[[Iterable[Draft]], None]
"""Makes drafts durable, and returns when the brokers have them."""


def run_pass(settings: Dropfolder, *, topic: str, quarantine: Path, send: Send) -> list[Outcome]:
    """Handle every file that is complete, once.

    All files are tried out first and sent together; only then are they archived. Whatever interrupts a pass, the next
    one takes up its files again, and what is sent twice changes nothing.

    Raises
    ------
    DropfolderError
        If the folder is not there, or another pass is at work.
    OSError
        If there is no room, or no permission.
    """
    base = Path(settings.directory)
    if not (base / INCOMING).is_dir():
        raise DropfolderError(
            f"{base / INCOMING}: expected a folder, found none; make it, with a folder a profile in it"
        )
    try:
        with locked(base / _LOCK, wait=False):
            return list(_pass(settings, base, topic, quarantine, send))
    except BlockingIOError:
        raise DropfolderError(f"{base}: expected no other pass, found one at work") from None


def _pass(settings: Dropfolder, base: Path, topic: str, quarantine: Path, send: Send) -> Iterator[Outcome]:
    outcomes: list[Outcome] = []
    tried: list[_Tried] = []
    known = _index(base)
    for taken in [*_left_over(base), *_take(settings, base, outcomes)]:
        found = _try(settings, base, taken, known, topic)
        if isinstance(found, Outcome):
            outcomes.append(found)
        else:
            tried.append(found)
            known.add(taken.key(found.digest))
    yield from outcomes
    if tried:
        send(draft for one in tried for draft in one.load.drafts())
    for one in tried:
        yield _archive(base, one, quarantine)


# --- Taking ---


def _take(settings: Dropfolder, base: Path, outcomes: list[Outcome]) -> Iterator[_Taken]:
    """Move complete files to working/."""
    for folder in sorted((base / INCOMING).iterdir()):
        if not stat.S_ISDIR(folder.lstat().st_mode):
            if not _hidden(folder.name):
                outcomes.append(
                    Outcome(_printable(folder.name), "ignored", "expected a folder with the profile's name")
                )
            continue
        for month, file in _files(folder):
            shown = _printable("/".join(filter(None, [folder.name, month, file.name])))
            target = _working(base, folder.name, month) / file.name
            try:
                outcome = _look(settings, file, shown, target)
                if outcome is None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    file.rename(target)
            except FileNotFoundError:  # somebody took it away again
                continue
            if outcome is None:
                yield _Taken(target, folder.name, month, file.name)
            elif outcome is not _HIDDEN:
                outcomes.append(outcome)


def _files(folder: Path) -> Iterator[tuple[str | None, Path]]:
    """What lies in a folder of incoming/, and in its folders of months."""
    for path in sorted(folder.iterdir()):
        if MONTH.fullmatch(path.name) and stat.S_ISDIR(path.lstat().st_mode):
            yield from ((path.name, file) for file in sorted(path.iterdir()))
        else:
            yield None, path


def _look(settings: Dropfolder, file: Path, shown: str, target: Path) -> Outcome | None:
    """Why a file is not taken now; None if it is."""
    if _hidden(file.name):
        return _HIDDEN
    found = file.lstat()
    if not stat.S_ISREG(found.st_mode):
        return Outcome(shown, "ignored", "expected a file, found a link, a folder or a device")
    age = time.time() - found.st_mtime
    if 0 <= age < settings.settle_seconds:
        waits = f"changed {age:.0f} s ago; it is taken when it has been left alone for a while"
        return Outcome(shown, "waiting", waits)
    if target.exists():
        return Outcome(shown, "waiting", "an earlier file of this name is still at work")
    return None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower().endswith(UNFINISHED)


def _left_over(base: Path) -> Iterator[_Taken]:
    """Files that an interrupted pass has left."""
    if not (base / WORKING).is_dir():
        return
    for folder in sorted((base / WORKING).iterdir()):
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                for file in sorted(path.iterdir()):
                    yield _Taken(file, folder.name, path.name, file.name)
            else:
                yield _Taken(path, folder.name, None, path.name)


def _working(base: Path, folder: str, month: str | None) -> Path:
    return base / WORKING / folder / month if month else base / WORKING / folder


# --- Trying ---


def _try(settings: Dropfolder, base: Path, taken: _Taken, known: set[Known], topic: str) -> Outcome | _Tried:
    before = taken.path.stat()
    digest, load = "unread", None
    try:
        digest = _checked_digest(settings, taken.path, before.st_size)
        if taken.key(digest) in known:
            taken.path.unlink()
            return Outcome(_printable(taken.shown), "again", "the same content was loaded before; nothing to do")
        chosen, load = _try_out(settings, taken, topic)
        after = taken.path.stat()
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            taken.path.rename(_back(base, taken))
            return Outcome(_printable(taken.shown), "waiting", "it was changed while it was read")
        reason = _unacceptable(load, strict=settings.strict)
        if reason is None:
            return _Tried(taken, digest, chosen, Load(taken.path, chosen, topic=topic, name=load.name))
    except SourceError as error:
        reason = str(error).replace(str(taken.path), _printable(taken.name))
    except Exception as error:  # one file must not keep the others from being loaded (KF-126)
        log.exception("a fault in reading %s", _printable(taken.shown))
        reason = f"a fault of this platform, not of the file; tell its operator: {type(error).__name__}: {error}"
    return _refuse(base, taken, digest, reason, load)


def _checked_digest(settings: Dropfolder, path: Path, size: int) -> str:
    if size > settings.max_bytes:
        raise SourceError(f"expected at most {settings.max_bytes} bytes, found {size}")
    try:
        return _digest(path)
    except PermissionError as error:
        raise SourceError(f"expected a file that may be read: {error.strerror}") from None


def _try_out(settings: Dropfolder, taken: _Taken, topic: str) -> tuple[Reading, Load]:
    if taken.folder.endswith(SUFFIX):
        raise SourceError(f"{taken.folder!r}: expected a format's or profile's name as the folder's, found a file's")
    chosen = reading(taken.folder, Options(taken.month, settings.max_unpacked_bytes), Path(settings.profiles))
    load = Load(taken.path, chosen, topic=topic, name=_printable(taken.shown))
    load.try_out()
    return chosen, load


def _unacceptable(load: Load, *, strict: bool) -> str | None:
    """Why a file that could be read is refused; None if it is not."""
    if load.rejects and strict:
        return f"{len(load.rejects)} lines cannot be read, and none may be (strict)"
    if load.rejects and not load.reports and not load.held:
        return f"none of its {len(load.rejects)} lines can be read"
    return None


def _back(base: Path, taken: _Taken) -> Path:
    """A free name in incoming/ for a file that goes back."""
    folder = base / INCOMING / taken.folder / (taken.month or "")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / taken.name
    return target if not target.exists() else folder / f"{time.time_ns()}-{taken.name}"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


# --- Ends ---


def _archive(base: Path, one: _Tried, quarantine: Path) -> Outcome:
    """Put a file that was sent where it stays, note it, and keep what could not be read."""
    load, now = one.load, datetime.now(UTC)
    held = len(load.held)
    load.hold(quarantine)
    report = None
    if load.rejects:
        stem = f"{now:%Y%m%dT%H%M%SZ}-{one.digest[:_DIGEST_SHOWN]}-{safe_name(one.taken.name)}"
        folder = base / REJECTS / one.taken.folder
        folder.mkdir(parents=True, exist_ok=True)
        load.write_rejects(folder / f"{stem}.rejects.jsonl")
        report = folder / f"{stem}.rapport.txt"
        report.write_text(report_text(one.taken.shown, load, reason=None), "utf-8")
    target = base / ARCHIVE / f"{now:%Y}" / f"{one.digest}-{safe_name(one.taken.name)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    one.taken.path.rename(target)
    sync_directory(target.parent)
    entry = {
        "sha256": one.digest,
        "folder": one.taken.folder,
        "month": one.taken.month,
        "name": _printable(one.taken.name),
        "archived": str(target.relative_to(base / ARCHIVE)),
        "at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "source": load.source,
        "licence": one.reading.licence.name,
        "reports": load.reports,
        "rejected": len(load.rejects),
        "held": held,
    }
    append_durably(base / ARCHIVE / INDEX, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
    detail = f"{len(load.rejects)} lines rejected" if load.rejects else ""
    return Outcome(_printable(one.taken.shown), "accepted", detail, load.reports, len(load.rejects), held, report)


def _refuse(base: Path, taken: _Taken, digest: str, reason: str, load: Load | None) -> Outcome:
    """Put a file aside with a report beside it."""
    folder = base / REFUSED / safe_name(taken.folder)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{digest[:_DIGEST_SHOWN]}-{safe_name(taken.name)}"
    report = folder / f"{stem}.rapport.txt"
    report.write_text(report_text(taken.shown, load, reason=reason), "utf-8")
    if load is not None:
        load.write_rejects(folder / f"{stem}.rejects.jsonl")
    taken.path.rename(folder / stem)
    sync_directory(folder)
    rejected = len(load.rejects) if load is not None else 0
    return Outcome(_printable(taken.shown), "refused", reason, rejected=rejected, report=report)


def _index(base: Path) -> set[Known]:
    """Folders and digests of everything that was archived and still is."""
    known: set[Known] = set()
    path = base / ARCHIVE / INDEX
    if not path.exists():
        return known
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            entry = json.loads(line)
        except ValueError:
            if line.endswith(b"\n"):
                raise DropfolderError(f"{path}: expected JSON lines, found {line[:60]!r}; repair it") from None
            break
        if (base / ARCHIVE / entry["archived"]).exists():
            known.add((entry["folder"], entry["month"], entry["sha256"]))
    return known


def safe_name(name: str) -> str:
    r"""A name that is harmless in any shell, page and file system; accents lose their marks.

    >>> safe_name("Relevé du 24.csv"), safe_name("..\n$(reboot)")
    ('Releve-du-24.csv', 'reboot')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip(".-")[-_NAME_CHARACTERS:] or "file"


def _printable(name: str) -> str:
    """A name that cannot disturb a terminal or a log."""
    return "".join(character if character.isprintable() else "?" for character in name)


def report_text(name: str, load: Load | None, *, reason: str | None) -> str:
    """What a person reads beside a file: French, then English.

    Parameters
    ----------
    reason
        Why it was refused; None for a file that was accepted in part.
    """
    rejects = load.rejects if load is not None else []
    lines = [f"  {reject.line}: {_printable(reject.reason)}" for reject in rejects[:SHOWN]]
    if len(rejects) > SHOWN:
        lines.append("  …")
    counts = (load.reports, len(rejects), len(load.held) if load is not None else 0) if load is not None else None
    parts = []
    for words in (_FRENCH, _ENGLISH):
        parts.append(words["refused" if reason else "accepted"].format(name=_printable(name)))
        if reason:
            parts.append(f"{words['reason']} {_printable(reason)}")
        if counts:
            parts.append(words["counts"].format(*counts))
        if lines:
            parts += [words["lines"], *lines]
        parts += [words["advice" if reason else "rest"], ""]
    return "\n".join(parts)


_FRENCH: Final = {
    "refused": "REFUSÉ : le fichier {name} n'a pas été chargé. Rien n'en a été envoyé.",
    "accepted": "CHARGÉ EN PARTIE : le fichier {name} a été chargé, sauf les lignes ci-dessous.",
    "reason": "Motif (en anglais) :",
    "counts": "Relevés lus : {0}. Lignes rejetées : {1}, dont {2} d'une station non enregistrée (en quarantaine).",
    "lines": "Lignes rejetées (numéro de ligne, motif en anglais) :",
    "advice": "Que faire : corrigez le fichier et déposez-le de nouveau dans le même dossier d'arrivée (incoming).",
    "rest": "Que faire : corrigez ces lignes et déposez-les dans un nouveau fichier, avec la ligne d'en-tête.",
}
_ENGLISH: Final = {
    "refused": "REFUSED: the file {name} was not loaded. Nothing of it was sent.",
    "accepted": "LOADED IN PART: the file {name} was loaded, but for the lines below.",
    "reason": "Reason:",
    "counts": "Reports read: {0}. Lines rejected: {1}, of which {2} are of an unregistered station (in quarantine).",
    "lines": "Rejected lines (line number, reason):",
    "advice": "What to do: correct the file and put it into the same folder of incoming again.",
    "rest": "What to do: correct these lines and put them into a new file, with the header line.",
}
