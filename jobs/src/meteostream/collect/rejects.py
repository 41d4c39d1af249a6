"""Records of an answer that could not be read: kept with their reason, one JSON object a line, by source and day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from meteostream.durable import append_durably
from meteostream.sources.observation import Reject


def keep_rejects(directory: Path, source: str, rejects: Sequence[Reject], now: datetime) -> Path:
    """Add rejects to the day's file; give its path."""
    path = directory / "rejects" / source / f"{now:%Y-%m-%d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    lines = (
        json.dumps({"at": at, "reason": reject.reason, "text": reject.text}, ensure_ascii=False) for reject in rejects
    )
    append_durably(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
    return path
