"""From observations to the signal that a rule watches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from meteostream.alerts.episodes import Reading
from meteostream.alerts.rules import Rule
from meteostream.contract.variables import ALL

TOLERANCE: Final = timedelta(minutes=30)
"""How far from the period's beginning the value may lie that a drop is measured from."""
NEAR_SLOT_S: Final = 600
"""A value belongs to the end of its own period (the full hour) within this; others overlap it and would count twice."""
HOUR_S: Final = 3600.0


def signal(rule: Rule, observations: Sequence[Reading], now: datetime) -> list[Reading]:
    """Readings of a rule's signal, in the contract's unit.

    Parameters
    ----------
    rule
        Its kind decides.
    observations
        Of one station and the rule's variable (for ``silent``: of any, the values do not matter); each time once.
    now
        The time of looking.
    """
    known = sorted((one for one in observations if not math.isnan(one.value)), key=lambda one: one.at)
    known = [one for one in known if one.at <= now]
    if rule.kind == "above":
        return known
    if rule.kind == "silent":
        return silence(known, now)
    assert rule.period_h is not None  # noqa: S101 - the rule has been checked
    period = timedelta(hours=rule.period_h)
    if rule.kind == "drop":
        return drops(known, period)
    assert rule.variable is not None  # noqa: S101 - the rule has been checked
    return sums(slots(known, ALL[rule.variable].period_s), period)


def silence(known: Sequence[Reading], now: datetime) -> list[Reading]:
    """Hours since the last report: 0 at each report, and what it is now. A station never heard of is not silent."""
    found = [Reading(one.at, 0.0) for one in known]
    if found and found[-1].at < now:
        found.append(Reading(now, (now - found[-1].at).total_seconds() / HOUR_S))
    return found


def drops(known: Sequence[Reading], period: timedelta) -> list[Reading]:
    """How much each value is below the one a period before it (within half an hour); a rise is negative."""
    found = []
    for one in known:
        wanted = one.at - period
        near = [other for other in known if abs(other.at - wanted) <= TOLERANCE]
        if near:
            before = min(near, key=lambda other: (abs(other.at - wanted), other.at))
            found.append(Reading(one.at, before.value - one.value))
    return found


def slots(known: Sequence[Reading], period_s: int) -> list[Reading]:
    """Of values that are sums over ``period_s`` those that do not overlap: one at each multiple of it.

    A station that reports the last hour's rain every ten minutes is counted once an hour.
    """
    chosen: dict[int, tuple[float, Reading]] = {}
    for one in known:
        seconds = one.at.timestamp()
        slot = round(seconds / period_s) * period_s
        away = abs(seconds - slot)
        if away <= NEAR_SLOT_S and (slot not in chosen or away < chosen[slot][0]):
            chosen[slot] = (away, Reading(datetime.fromtimestamp(slot, UTC), one.value))
    return [chosen[slot][1] for slot in sorted(chosen)]


def sums(known: Sequence[Reading], period: timedelta) -> list[Reading]:
    """What fell in the period that ends at each value, of all that is known: at least this much has fallen."""
    found = []
    first, total = 0, 0.0
    for one in known:
        total += one.value
        while known[first].at <= one.at - period:
            total -= known[first].value
            first += 1
        found.append(Reading(one.at, round(total, 6)))
    return found
