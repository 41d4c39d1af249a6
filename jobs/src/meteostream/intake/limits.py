"""How often somebody may ask."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST_CALLERS: Final = 10_000
"""Callers that are remembered; the one that was silent longest is forgotten first."""


class RateLimit:
    """A bucket of tokens for each caller, filled at a constant rate.

    Parameters
    ----------
    per_minute
        Requests a minute; so many may come at once.
    clock
        Monotonic seconds.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._mutex = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, caller: str) -> bool:
        """Take a token of the caller's; False if none is left."""
        now = self._clock()
        with self._mutex:
            tokens, then = self._buckets.pop(caller, (self._most, now))
            tokens = min(self._most, tokens + (now - then) * self._most / 60)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - allowed, now)
            if len(self._buckets) > MOST_CALLERS:
                self._buckets.popitem(last=False)
            return allowed
