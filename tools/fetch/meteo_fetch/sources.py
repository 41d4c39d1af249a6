"""Source bundles: files of this repository, identified by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meteo_fetch.definition import Source, source_files
from meteo_fetch.errors import FetchError

if TYPE_CHECKING:
    from meteo_fetch.pack import Content


def add_sources(content: Content, source: Source) -> None:
    """Adds all files of a source bundle below its target folder."""
    files = source_files(source)
    if not files:
        raise FetchError(f"{source.folder}: expected files like {', '.join(source.patterns)}, found none")
    for path, file in files:
        content.add(f"{source.target}/{path}", file, "this repository")
