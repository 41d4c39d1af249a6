"""What a reader found, for tests that expect one thing."""

from __future__ import annotations

from collections.abc import Iterable

from meteostream.sources.observation import Observation, Reject


def observed(found: Iterable[Observation | Reject]) -> list[Observation]:
    """All that was found, of which nothing was rejected."""
    lines = list(found)
    rejects = [line for line in lines if isinstance(line, Reject)]
    assert not rejects, rejects[:3]
    return [line for line in lines if isinstance(line, Observation)]


def only(found: Iterable[Observation | Reject]) -> Observation:
    """The one observation."""
    (line,) = observed(found)
    return line


def refused(found: Iterable[Observation | Reject]) -> Reject:
    """The one reject."""
    (line,) = found
    assert isinstance(line, Reject), line
    return line
