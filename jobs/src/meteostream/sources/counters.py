"""Rain from a counter that only ever counts up."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import NamedTuple

from meteostream.sources.errors import Refusal


class Growth(NamedTuple):
    """Growth over a period; None where it cannot be known."""

    value: float | None


class _Reading(NamedTuple):
    seconds: int
    total: Fraction


class Gauge:
    """Growth of one counter a station, over whole periods (KF-118).

    Amounts end at whole multiples of the period (an hour's rain at the full hour) and need a reading at both ends.
    A total that falls was reset, or has begun again at 0; unless ``wraps_at`` says where it begins again, what fell
    meanwhile is unknown and the amount is missing, never a phantom. So is an amount beyond ``most``.

    Parameters
    ----------
    period_s
        Length of the period, s.
    most
        Greatest growth over the period that is believed.
    wraps_at
        Total at which the counter begins again at 0, in the unit of ``most``.
    """

    def __init__(self, period_s: int, most: float, wraps_at: float | None) -> None:
        self._period_s = period_s
        self._most = most
        self._wraps_at = None if wraps_at is None else Fraction(str(wraps_at))
        self._readings: dict[str, deque[_Reading]] = {}

    def growth(self, station: str, seconds: int, total: Fraction | None) -> Growth | None:
        """Take the next reading.

        Parameters
        ----------
        seconds
            Of the reading, since 1970.
        total
            The counter, None if it was not read.

        Returns
        -------
        Growth or None
            None where no amount is due: between ends of periods, and without a reading a period ago, which an earlier
            file may have.

        Raises
        ------
        Refusal
            If the reading is older than the last one: growth needs readings in their order.
        """
        readings = self._readings.setdefault(station, deque())
        if readings and seconds < readings[-1].seconds:
            raise Refusal(
                f"counter of {station}: expected readings in the order of their times, found one that is "
                f"{readings[-1].seconds - seconds} s older than the one before"
            )
        due = seconds % self._period_s == 0
        if total is None:
            return Growth(None) if due else None
        if not readings or seconds > readings[-1].seconds:
            readings.append(_Reading(seconds, total))
        while readings[0].seconds < seconds - self._period_s:
            readings.popleft()
        if not due or readings[0].seconds != seconds - self._period_s:
            return None
        grown = Fraction(0)
        for before, after in zip(readings, list(readings)[1:], strict=False):
            step = after.total - before.total
            if step < 0:
                if self._wraps_at is None:
                    return Growth(None)
                step += self._wraps_at
            grown += step
        return Growth(float(grown) if 0 <= grown <= self._most else None)
