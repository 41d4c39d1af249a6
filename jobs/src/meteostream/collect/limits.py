"""Weighted limits of a service, kept in a file so that all processes of this machine share them (KF-104, KF-105).

Each period of a quota has a token bucket. Half of the quota may go at once, the other half comes back evenly over the
period, so no period of that length, wherever it begins, ever sees more than the quota: services count by the clock's
minute, hour and day, and theirs need not begin with ours.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from meteostream.collect.errors import QuotaError
from meteostream.config import Quota
from meteostream.durable import locked, replace_durably

log = logging.getLogger(__name__)

MINUTE_S: Final = 60.0
HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
MONTH_S: Final = 30 * DAY_S
BURST: Final = 0.5
"""Part of a quota that may go at once; the rest comes back over the period."""
ROUNDING: Final = 1e-6
"""Calls that are not waited for: after a computed wait, floats may lack the last bit."""

Period = Literal["minute", "hour", "day", "month"]
LENGTHS: Final[dict[Period, float]] = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S, "month": MONTH_S}
_REASONS: Final[tuple[tuple[Period, re.Pattern[str]], ...]] = (
    ("month", re.compile(r"\bmonth(ly)?\b", re.IGNORECASE)),
    ("day", re.compile(r"\b(daily|day|tomorrow)\b", re.IGNORECASE)),
    ("hour", re.compile(r"\b(hour|hourly)\b", re.IGNORECASE)),
    ("minute", re.compile(r"\b(minute|minutely)\b", re.IGNORECASE)),
)


class Bucket(NamedTuple):
    """A period's quota as a bucket: room for ``burst`` calls, refilled with ``rate`` calls a second."""

    period: Period
    burst: float
    rate: float


def buckets(quota: Quota) -> list[Bucket]:
    """The buckets of a quota; a limit of 0 has none.

    >>> [tuple(bucket) for bucket in buckets(Quota(per_minute=600))]
    [('minute', 300.0, 5.0)]
    """
    limits: dict[Period, int] = {
        "minute": quota.per_minute,
        "hour": quota.per_hour,
        "day": quota.per_day,
        "month": quota.per_month,
    }
    return [
        Bucket(period, limit * BURST, limit * (1 - BURST) / LENGTHS[period])
        for period, limit in limits.items()
        if limit
    ]


def heaviest(quota: Quota) -> float:
    """The heaviest single request that a quota lets through; infinite without limits."""
    return min((bucket.burst for bucket in buckets(quota)), default=float("inf"))


def period_of(reason: str) -> Period | None:
    """Which limit a service's words speak of; None if of none.

    >>> period_of("Daily API request limit exceeded. Please try again tomorrow.")
    'day'
    >>> period_of("Minutely API request limit exceeded. Please try again in one minute.")
    'minute'
    >>> period_of("Too many concurrent requests") is None
    True
    """
    return next((period for period, pattern in _REASONS if pattern.search(reason)), None)


def end_of(period: Period, now_s: float) -> float:
    """When a limit that the service counts by the clock (UTC) begins anew; seconds since 1970.

    >>> end_of("hour", 3_700.0), end_of("day", 3_700.0)
    (7200.0, 86400.0)
    """
    if period == "month":
        now = datetime.fromtimestamp(now_s, UTC)
        return datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC).timestamp()
    length = LENGTHS[period]
    return (now_s // length + 1) * length


class _State(msgspec.Struct):
    """What the file holds: by period the calls that are left and when that was so; until when to stay away, and why."""

    left: dict[Period, tuple[float, float]] = msgspec.field(default_factory=dict)
    until: float = 0.0
    reason: str = ""


class Limiter:
    """The limits of one service on this machine.

    Parameters
    ----------
    directory
        Of the collectors' state.
    api
        The service's name: processes that use the same name share its limits.
    quota
        What may be asked.
    patience_s
        Wait at most so long for calls to come back.
    clock, sleep
        Seconds since 1970, and waiting (tests).
    """

    def __init__(
        self,
        directory: Path,
        api: str,
        quota: Quota,
        *,
        patience_s: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.api = api
        self._path = directory / "limits" / f"{api}.json"
        self._lock = directory / "limits" / f"{api}.lock"
        self._buckets = buckets(quota)
        self._patience_s = patience_s
        self._clock = clock
        self._sleep = sleep

    def acquire(self, weight: float) -> None:
        """Take ``weight`` calls; wait for them if they come back soon enough.

        Raises
        ------
        QuotaError
            If they do not, or the service itself has said to stay away until later.
        """
        begin = self._clock()
        while True:
            wait, why = self._take(weight)
            if wait <= 0:
                return
            if self._clock() - begin + wait > self._patience_s:
                raise QuotaError(f"{self.api}: {why}; not asked before {_moment(self._clock() + wait)}")
            log.info("%s: %s, waiting %.1f s", self.api, why, wait)
            self._sleep(wait)

    def stay_away(self, until_s: float, reason: str) -> None:
        """Note that the service wants no request before ``until_s`` (seconds since 1970), for all processes."""
        with locked(self._lock):
            state = self._read()
            if until_s > state.until:
                state.until, state.reason = until_s, reason
                self._write(state)

    def _take(self, weight: float) -> tuple[float, str]:
        """Take the calls if they are there; otherwise seconds until they may be, and why."""
        with locked(self._lock):
            state, now = self._read(), self._clock()
            if state.until > now:
                return state.until - now, f"the service said {state.reason!r}"
            if any(at > now for _, at in state.left.values()):
                # The clock was set back: nothing comes back for it, and what is left counts from here.
                state.left = {period: (left, min(at, now)) for period, (left, at) in state.left.items()}
                self._write(state)
            for bucket in self._buckets:
                if weight > bucket.burst:
                    raise QuotaError(
                        f"{self.api}: one request that counts as {weight:.1f} calls can never pass: at most "
                        f"{bucket.burst:g} may go at once ({bucket.period}); ask for fewer days, stations or variables"
                    )
                left, at = state.left.get(bucket.period, (bucket.burst, now))
                left = min(bucket.burst, left + (now - at) * bucket.rate)
                if left < weight - ROUNDING:
                    return (weight - left) / bucket.rate, f"the {bucket.period}'s calls are used up"
                state.left[bucket.period] = (max(0.0, left - weight), now)
            self._write(state)
            return 0.0, ""

    def _read(self) -> _State:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_State)
        except FileNotFoundError:
            return _State()
        except msgspec.MsgspecError:
            log.warning("%s: expected the state of a limit, found damage: all its calls count as used", self._path)
            now = self._clock()
            state = _State({bucket.period: (0.0, now) for bucket in self._buckets})
            self._write(state)
            return state

    def _write(self, state: _State) -> None:
        replace_durably(self._path, msgspec.json.encode(state))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
