"""Hysteresis: from a signal over time to episodes. Pure functions; state goes in and comes out.

An episode begins when a level was reached ``confirm`` times in a row, rises with the levels, falls back only below a
level's ``stop``, and ends after ``clear_h`` hours below the lowest one, or when nothing more is heard for
``expires_h``. A value that is missing neither begins nor ends anything. Readings older than the last one that was seen
are left out: a warning is about now, and what came late is in the archive.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from meteostream.alerts.rules import Rule
from meteostream.contract.report import Nature

UTC_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


class Reading(msgspec.Struct, frozen=True):
    """A signal's value at a time (UTC); NaN where it is missing."""

    at: datetime
    value: float


class Episode(msgspec.Struct, frozen=True):
    """One event of a rule at a station.

    Attributes
    ----------
    rule, station, nature, began
        What it is; its identity. Natures never mix in an episode.
    level
        Index of the level now.
    peak, peak_at
        Greatest value, in the contract's unit, and when.
    ended, because
        None while it goes on; ``cleared``, or ``unheard`` where observations stopped.
    """

    rule: str
    station: str
    nature: Nature
    began: datetime
    level: int
    peak: float
    peak_at: datetime
    ended: datetime | None = None
    because: Literal["cleared", "unheard"] | None = None

    @property
    def identity(self) -> str:
        """The same for the same rule, station, nature and beginning, however often it is computed."""
        text = f"v1|{self.rule}|{self.station}|{self.nature}|{self.began.astimezone(UTC):{UTC_FORM}}"
        return hashlib.sha256(text.encode()).hexdigest()[:24]


class Place(NamedTuple):
    """A station and a nature of its reports."""

    station: str
    nature: Nature


class Watch(msgspec.Struct, frozen=True):
    """What is remembered of a rule at a station between two looks.

    Attributes
    ----------
    last
        Time of the last reading.
    value
        Of that reading that had one.
    reached
        Readings in a row that reached the lowest level.
    below_since
        Since when the value has been below the lowest level's ``stop``.
    episode
        The one that goes on.
    """

    last: datetime | None = None
    value: float | None = None
    reached: int = 0
    below_since: datetime | None = None
    episode: Episode | None = None


def advance(
    rule: Rule, place: Place, watch: Watch, readings: Iterable[Reading], now: datetime
) -> tuple[Watch, list[Episode]]:
    """Go on with readings.

    Parameters
    ----------
    rule, place
        Whose signal it is.
    watch
        What was remembered.
    readings
        In any order; later than ``now``, older than the last one seen, or without a value they are left out.
    now
        The time of looking.

    Returns
    -------
    What to remember, and the episodes that ended.
    """
    ended: list[Episode] = []
    usable = {one.at: one for one in readings if one.at <= now and not math.isnan(one.value)}
    for at in sorted(usable):
        if watch.last is not None and at <= watch.last:
            continue
        if watch.episode is not None and watch.last is not None and at - watch.last > rule.expires:
            watch, closed = _closed(watch, watch.last + rule.expires, "unheard")
            ended.append(closed)
        watch = _step(rule, place, watch, usable[at])
        episode = watch.episode
        if episode is not None and watch.below_since is not None and at - watch.below_since >= rule.clear:
            watch, closed = _closed(watch, at, "cleared")
            ended.append(closed)
    if watch.episode is not None and watch.last is not None and now - watch.last > rule.expires:
        watch, closed = _closed(watch, watch.last + rule.expires, "unheard")
        ended.append(closed)
    return watch, ended


def _step(rule: Rule, place: Place, watch: Watch, reading: Reading) -> Watch:
    starts, stops = rule.starts, rule.stops
    reached = sum(reading.value >= start for start in starts) - 1  # index of the highest level reached
    is_below = reading.value < stops[0]
    below_since = (watch.below_since or reading.at) if is_below else None
    count = watch.reached + 1 if reached >= 0 else 0
    episode = watch.episode
    if episode is None:
        if count >= rule.confirm:
            episode = Episode(rule.name, place.station, place.nature, reading.at, reached, reading.value, reading.at)
    else:
        held = sum(reading.value >= stop for stop in stops[: episode.level + 1]) - 1
        level = max(reached, held, 0)
        if reading.value > episode.peak:
            episode = msgspec.structs.replace(episode, peak=reading.value, peak_at=reading.at)
        episode = msgspec.structs.replace(episode, level=level)
    return Watch(reading.at, reading.value, count, below_since, episode)


def _closed(watch: Watch, at: datetime, because: Literal["cleared", "unheard"]) -> tuple[Watch, Episode]:
    assert watch.episode is not None  # noqa: S101 - callers have looked
    closed = msgspec.structs.replace(watch.episode, ended=at, because=because)
    return Watch(last=watch.last, value=watch.value), closed
