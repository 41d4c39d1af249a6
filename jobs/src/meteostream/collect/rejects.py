"""Records of an answer that could not be read: kept with their reason, one JSON object a line, by source and day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from meteostream.sources.observation import Reject


def keep_rejects(directory: Path, source: str, rejects: Sequence[Reject], now: datetime) -> Path:
    """Add rejects to the day's file; give its path."""
    path = directory / "rejects" / source / f"{now:%Y-%m-%d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", errors="backslashreplace") as out:
        for reject in rejects:
            entry = {"at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "reason": reject.reason, "text": reject.text}
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return path
