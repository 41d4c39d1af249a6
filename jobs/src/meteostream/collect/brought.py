"""Which files were brought to the drop folder, by their content: a file that is the same is not brought again.

Noted after the file lies there: a run that died in between brings it again, and the drop folder knows its content.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from meteostream.durable import replace_durably

_FOLDER: Final = "brought"


def digest_of(body: bytes) -> str:
    """What a file is known by."""
    return hashlib.sha256(body).hexdigest()


def is_brought(directory: Path, source: str, name: str, body: bytes) -> bool:
    """Whether this content of a file was brought before; not, if nothing is noted or the note is damaged."""
    return _read(directory, source).get(name) == digest_of(body)


def note_brought(directory: Path, source: str, name: str, body: bytes) -> None:
    """Note that a file lies in the drop folder."""
    found = _read(directory, source) | {name: digest_of(body)}
    replace_durably(_path(directory, source), json.dumps(found, indent=1, sort_keys=True).encode())


def _read(directory: Path, source: str) -> dict[str, str]:
    try:
        found = json.loads(_path(directory, source).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _path(directory: Path, source: str) -> Path:
    return directory / _FOLDER / f"{source}.json"
