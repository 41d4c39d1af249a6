"""The project's own bundles, for tests with real parts."""

from __future__ import annotations

import os
from pathlib import Path


def newest(name: str) -> Path | None:
    """The newest bundle of a name in the cache (``./meteo fetch`` makes it), None if there is none."""
    base = (
        os.environ.get("METEO_CACHE")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meteostream"
    )
    found = sorted(Path(base).glob(f"bundles/{name}-*.tar"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None
