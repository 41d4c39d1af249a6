"""The rainy season of a year: onset, false onsets, cessation, length, and how sure each of them is.

Sivakumar's definitions for the Sahel: the season begins on the first day from 1 May on when three consecutive days
have brought 20 mm, unless a dry spell of more than 7 days follows within 30 days; it ends on the first day, from
1 September on, after which 20 days stay dry.

A missing day is neither dry nor wet. What is said is what holds whatever fell on it; where that would decide, the
result is *uncertain*, and where the days to come would decide, *provisional*.

References: Sivakumar (1988), Predicting rainy season potential from the onset of rains in southern Sahelian and
Sudanian climatic zones of West Africa, Agric. For. Meteorol. 42, 295-305; AGRHYMET and national services use it with
the thresholds below [to be confirmed by the service].
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np

from meteostream.climate.series import Daily, Truth, longest_run, runs

DRY_BELOW_MM: Final = 1.0
"""A dry day has less, a rainy day at least this much (WMO-No. 1203)."""


class Sureness(StrEnum):
    """How sure a date is."""

    CONFIRMED = "confirmed"
    PROVISIONAL = "provisional"
    UNCERTAIN = "uncertain"
    NONE = "none"


class Criteria(NamedTuple):
    """Sivakumar's numbers; a service may have others."""

    onset_from: tuple[int, int] = (5, 1)
    onset_mm: float = 20.0
    onset_days: int = 3
    dry_spell_days: int = 7
    watch_days: int = 30
    cessation_from: tuple[int, int] = (9, 1)
    cessation_dry_days: int = 20
    dry_below_mm: float = DRY_BELOW_MM


SIVAKUMAR: Final = Criteria()


class Season(NamedTuple):
    """A year's rainy season.

    Attributes
    ----------
    year
        Calendar year.
    onset
        Day on which the sum was reached (the last of the three), None if there is none yet.
    onset_is
        Confirmed; provisional while its 30 days are not over; uncertain if missing days could decide otherwise.
    false_onsets
        Days on which the sum was reached and a long dry spell followed.
    missing_before
        Days without a value from 1 May to the onset (or to the end of the data): an earlier onset may hide there.
    cessation
        Day before the 20 dry days, None if there is none yet.
    cessation_is
        As for the onset; provisional while more than 7 dry days go on to the end of the data and are not yet 20.
    length_days
        From onset to cessation, both included, None if one of them is not known.
    """

    year: int
    onset: date | None
    onset_is: Sureness
    false_onsets: tuple[date, ...]
    missing_before: int
    cessation: date | None
    cessation_is: Sureness
    length_days: int | None


def rainy_season(rain_mm: Daily, year: int, criteria: Criteria = SIVAKUMAR) -> Season:
    """Rainy season of a year.

    Parameters
    ----------
    rain_mm
        Rain of climatological days. It ends where the data end: later days are not missing, they are to come.
    year
        Which.
    criteria
        Numbers of the definition.

    Examples
    --------
    Rain on every second day from 20 June to 30 September, and dry days around it:

    >>> days = np.arange(np.datetime64("2025-05-01"), np.datetime64("2026-01-01"))
    >>> wet = (days >= np.datetime64("2025-06-20")) & (days <= np.datetime64("2025-09-30"))
    >>> rain = np.where(wet & (np.arange(days.size) % 2 == 0), 12.0, 0.0)
    >>> season = rainy_season(Daily(date(2025, 5, 1), rain), 2025)
    >>> season.onset.isoformat(), season.cessation.isoformat(), season.length_days, season.onset_is.value
    ('2025-06-22', '2025-09-30', 101, 'confirmed')
    """
    first = date(year, *criteria.onset_from)
    last = min(rain_mm.last, date(year, 12, 31))
    known = rain_mm.within(first, last)
    onset, sureness, false_onsets = _onset(known, criteria)
    until = known.values if onset is None else known.values[: onset + 1]
    cessation, cessation_is = None, Sureness.NONE
    if onset is not None:
        begin = max(known.position(date(year, *criteria.cessation_from)), onset)
        cessation, cessation_is = _cessation(known, begin, criteria)
    return Season(
        year,
        _day(known, onset),
        sureness,
        tuple(known.first + timedelta(days=position) for position in false_onsets),
        int(np.isnan(until).sum()),
        _day(known, cessation),
        cessation_is,
        cessation - onset + 1 if cessation is not None and onset is not None else None,
    )


def longest_dry_spell(rain_mm: Daily, dry_below_mm: float = DRY_BELOW_MM) -> tuple[int, int]:
    """Longest run of dry days: of days known to be dry, and of days that may have been.

    >>> longest_dry_spell(Daily(date(2026, 7, 1), np.array([0.0, 0.2, np.nan, 0.0, 5.0, 0.0])))
    (2, 4)
    """
    dry, missing = _dry(rain_mm, dry_below_mm), np.isnan(rain_mm.values)
    return longest_run(dry), longest_run(dry | missing)


def _onset(rain: Daily, criteria: Criteria) -> tuple[int | None, Sureness, list[int]]:
    dry = _dry(rain, criteria.dry_below_mm)
    maybe_dry = dry | np.isnan(rain.values)
    fell = np.nan_to_num(rain.values)
    false: list[int] = []
    position = criteria.onset_days - 1
    while position < len(fell):
        if fell[position - criteria.onset_days + 1 : position + 1].sum() < criteria.onset_mm:
            position += 1
            continue
        watch = slice(position + 1, position + 1 + criteria.watch_days)
        spell = next((run for run in runs(dry[watch]) if run[1] - run[0] > criteria.dry_spell_days), None)
        if spell is not None:
            false.append(position)
            # The rain of this onset is spent: the next sum is looked for after the dry spell has begun.
            position += spell[0] + 1 + criteria.onset_days - 1
            continue
        if longest_run(maybe_dry[watch]) > criteria.dry_spell_days:
            return position, Sureness.UNCERTAIN, false
        is_over = position + criteria.watch_days < len(fell)
        return position, Sureness.CONFIRMED if is_over else Sureness.PROVISIONAL, false
    return None, Sureness.NONE, false


def _cessation(rain: Daily, begin: int, criteria: Criteria) -> tuple[int | None, Sureness]:
    """First day from ``begin`` on after which days stay dry."""
    dry = _dry(rain, criteria.dry_below_mm)[begin + 1 :]
    maybe_dry = dry | np.isnan(rain.values[begin + 1 :])
    needed = criteria.cessation_dry_days
    certain = next((run for run in runs(dry) if run[1] - run[0] >= needed), None)
    possible = next((run for run in runs(maybe_dry) if run[1] - run[0] >= needed), None)
    if possible is not None:
        sure = certain is not None and certain[0] == possible[0]
        return begin + possible[0], Sureness.CONFIRMED if sure else Sureness.UNCERTAIN
    last = runs(maybe_dry)[-1:]
    if last and last[0][1] == len(dry) and last[0][1] - last[0][0] > criteria.dry_spell_days:
        return begin + last[0][0], Sureness.PROVISIONAL
    return None, Sureness.NONE


def _dry(rain: Daily, below_mm: float) -> Truth:
    return rain.values < below_mm  # false for NaN


def _day(rain: Daily, position: int | None) -> date | None:
    return None if position is None else rain.first + timedelta(days=position)
