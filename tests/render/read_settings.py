"""Runs with the jobs' libraries: prints as JSON what their own code makes of its arguments.

read_settings.py settings FILE...     the settings of files, as the package reads them
read_settings.py folders              names of formats and profiles
read_settings.py digests TOKEN...     what the intake keeps of tokens
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec  # type: ignore[import-not-found]  # the jobs' environment has it, and all of the following
from meteostream.config import load_settings  # type: ignore[import-not-found]
from meteostream.intake.people import digest_of  # type: ignore[import-not-found]
from meteostream.sources.formats import FORMATS  # type: ignore[import-not-found]
from meteostream.sources.profile import shipped  # type: ignore[import-not-found]


def main(what: str, *arguments: str) -> Any:
    """Return what is printed."""
    if what == "settings":
        return {path: msgspec.to_builtins(load_settings(Path(path))) for path in arguments}
    if what == "folders":
        return sorted([*FORMATS, *shipped()])
    return [digest_of(token) for token in arguments]


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
