"""When which simulated station reports.

Report number k falls due at ``k / rate`` seconds after 1970 and comes from station ``k mod n``, for the step that
holds that moment. So the reports of a day are spread evenly, a restart goes on with the clock, and no state is kept.
A station reports at most once a step: where the rate asks for more than ``stations / step_seconds``, there are more
stations (``ceil(rate * step_seconds)``); where it asks for less, each station skips steps.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np

from meteostream.simulator.random import Integers

_FINEST: Final = 1000
"""Rates are taken to a thousandth of a report a second."""
_MICROS: Final = 1_000_000


class Due(NamedTuple):
    """Reports that are due: position of the station, and the beginning of its step (UTC, seconds since 1970)."""

    places: Integers
    seconds: Integers


class Schedule:
    """Which reports fall due when.

    Parameters
    ----------
    stations
        At least this many take part.
    rate
        Reports a second, over all.
    step_s
        Seconds between two reports of a station, at least; ``observed_at`` is a multiple.

    Examples
    --------
    >>> Schedule(stations=15, rate=0.25, step_s=60).stations, Schedule(stations=15, rate=1000, step_s=60).stations
    (15, 60000)
    """

    def __init__(self, *, stations: int, rate: float, step_s: int) -> None:
        self.rate = Fraction(rate).limit_denominator(_FINEST)
        if self.rate <= 0:
            raise ValueError(f"rate: expected at least 0.001 a second, found {rate}")
        self.step_s = step_s
        self.stations = max(stations, math.ceil(self.rate * step_s))

    def number_at(self, micros: int) -> int:
        """Number of the last report that is due at a moment (microseconds since 1970)."""
        return int(micros * self.rate.numerator // (self.rate.denominator * _MICROS))

    def due(self, after: int, last: int) -> Due:
        """Reports ``after + 1`` to ``last``."""
        number = np.arange(after + 1, last + 1, dtype=np.int64)
        step = number * self.rate.denominator // (self.rate.numerator * self.step_s)
        return Due(number % self.stations, step * self.step_s)
