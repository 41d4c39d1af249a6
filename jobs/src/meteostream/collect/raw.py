"""Raw answers, as they came, with where, when and under which licence: by source and day, bounded in days and bytes.

What an observation needs for ever is in its report's ``raw``; this is for looking back at a service that changed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from meteostream.durable import locked, replace_durably
from meteostream.sources.profile import Licence

_DAY: Final = "%Y-%m-%d"
_LOCK: Final = ".lock"


class RawStore:
    """Where raw answers lie: ``raw/<source>/<day>/<hash>.gz`` with ``<hash>.json`` beside it.

    Parameters
    ----------
    directory
        Of the collectors' state.
    days, max_bytes
        Of each source: what is older goes, then the oldest days until the rest fits. Today's stays.
    """

    def __init__(self, directory: Path, *, days: int, max_bytes: int) -> None:
        self._directory = directory / "raw"
        self._days = days
        self._max_bytes = max_bytes

    def keep(self, source: str, body: bytes, *, url: str, content_type: str, licence: Licence, now: datetime) -> Path:
        """Store an answer; the same bytes on the same day are stored once.

        Parameters
        ----------
        url
            Without secrets.
        now
            UTC, the moment of the answer.
        """
        digest = hashlib.sha256(body).hexdigest()
        path = self._directory / source / now.strftime(_DAY) / f"{digest[:32]}.gz"
        with locked(self._directory / source / _LOCK):
            if path.exists():
                return path
            replace_durably(path, gzip.compress(body, mtime=0))
            about = {
                "url": url,
                "fetched_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "content_type": content_type,
                "sha256": digest,
                "bytes": len(body),
                "licence": licence.name,
                "attribution": licence.attribution,
            }
            replace_durably(path.with_suffix(".json"), json.dumps(about, ensure_ascii=False, indent=1).encode())
            self._prune(source, now)
        return path

    def _prune(self, source: str, now: datetime) -> None:
        days = sorted(path for path in (self._directory / source).iterdir() if path.is_dir())
        oldest = (now - timedelta(days=self._days)).strftime(_DAY)
        sizes = {day: sum(path.stat().st_size for path in day.iterdir()) for day in days}
        total = sum(sizes.values())
        for day in days[:-1]:
            if day.name >= oldest and total <= self._max_bytes:
                return
            total -= sizes[day]
            shutil.rmtree(day)
