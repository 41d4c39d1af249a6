"""Data of the dekadal agrometeorological bulletin: one station's ten days, and its season so far.

What is printed is the caller's; these are the numbers, each with how many days it is made of and by which rule.
"""

from __future__ import annotations

import math
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from meteostream.climate.completeness import (
    DEKAD,
    Completeness,
    Value,
    count_of,
    highest_of,
    lowest_of,
    mean_of,
    sum_of,
)
from meteostream.climate.normals import Anomaly, NoNormalError, Normal, anomaly
from meteostream.climate.periods import dekad_first, dekad_last, dekad_number
from meteostream.climate.rain_season import DRY_BELOW_MM, Season, longest_dry_spell, rainy_season
from meteostream.climate.series import Daily
from meteostream.climate.water_balance import climatic_balance_mm

SEASON_FROM: Final = (5, 1)
"""Rain is accumulated from 1 May on, where the season's onset is looked for."""


class Inputs(NamedTuple):
    """Daily series of one station: rain at least from 1 May on, the others of the dekad's days or more."""

    rain_mm: Daily
    maximum_degc: Daily
    minimum_degc: Daily
    wind_mps: Daily
    sunshine_h: Daily
    et0_mm: Daily


class Bulletin(NamedTuple):
    """One station's dekad.

    Attributes
    ----------
    first, last, number
        Days of the dekad, its number in the year.
    rain_mm, rainy_days, wettest_day_mm
        Of the dekad; a rainy day has at least 1 mm.
    season_rain_mm
        Sum from 1 May (or from the first day of the year before May) to the dekad's end.
    longest_dry_spell_days
        Within the dekad: known to be dry, and possibly dry.
    mean_maximum_degc, mean_minimum_degc, highest_degc, lowest_degc, mean_wind_mps, sunshine_h, et0_mm
        Of the dekad.
    balance_mm
        Rain less reference evapotranspiration.
    rain_anomaly
        Against the dekad's normal; None without one, and ``no_anomaly`` says why.
    season
        The rainy season so far.
    """

    first: date
    last: date
    number: int
    rain_mm: Value
    rainy_days: Value
    wettest_day_mm: Value
    season_rain_mm: Value
    longest_dry_spell_days: tuple[int, int]
    mean_maximum_degc: Value
    mean_minimum_degc: Value
    highest_degc: Value
    lowest_degc: Value
    mean_wind_mps: Value
    sunshine_h: Value
    et0_mm: Value
    balance_mm: Value
    rain_anomaly: Anomaly | None
    no_anomaly: str | None
    season: Season


def bulletin(day: date, inputs: Inputs, rain_normal: Normal | None = None, rule: Completeness = DEKAD) -> Bulletin:
    """Data of the dekad that holds a day.

    Parameters
    ----------
    day
        Any of the dekad's.
    inputs
        Daily series.
    rain_normal
        Rain of this dekad, None if the station has none.
    rule
        Completeness of means and extremes.

    Examples
    --------
    >>> rain = Daily(date(2026, 5, 1), np.where(np.arange(123) % 4 == 0, 10.0, 0.0))
    >>> other = Daily(date(2026, 8, 1), np.full(31, 5.0))
    >>> b = bulletin(date(2026, 8, 15), Inputs(rain, other, other, other, other, other))
    >>> b.number, b.rain_mm.value, b.rainy_days.value, b.season_rain_mm.value, b.balance_mm.value
    (23, 20.0, 2.0, 280.0, -30.0)
    >>> b.no_anomaly
    'rain of 2026-08-11 to 2026-08-20: expected a normal, found none; without it there is no anomaly'
    """
    first, last = dekad_first(day), dekad_last(day)
    known = Inputs(*(series.within(first, last) for series in inputs))
    rain = known.rain_mm
    season_first = date(first.year, *SEASON_FROM) if (first.month, first.day) >= SEASON_FROM else date(first.year, 1, 1)
    total = sum_of(rain.values)
    try:
        found, refusal = anomaly(total.value, rain_normal, f"rain of {first} to {last}"), None
    except NoNormalError as error:
        found, refusal = None, str(error)
    return Bulletin(
        first=first,
        last=last,
        number=dekad_number(first),
        rain_mm=total,
        rainy_days=count_of(rain.values, DRY_BELOW_MM),
        wettest_day_mm=highest_of(rain.values, rule),
        season_rain_mm=sum_of(inputs.rain_mm.within(season_first, last).values),
        longest_dry_spell_days=longest_dry_spell(rain),
        mean_maximum_degc=mean_of(known.maximum_degc.values, rule),
        mean_minimum_degc=mean_of(known.minimum_degc.values, rule),
        highest_degc=highest_of(known.maximum_degc.values, rule),
        lowest_degc=lowest_of(known.minimum_degc.values, rule),
        mean_wind_mps=mean_of(known.wind_mps.values, rule),
        sunshine_h=sum_of(known.sunshine_h.values),
        et0_mm=sum_of(known.et0_mm.values),
        balance_mm=sum_of(climatic_balance_mm(rain.values, known.et0_mm.values)),
        rain_anomaly=found,
        no_anomaly=refusal,
        season=rainy_season(_until(inputs.rain_mm, last), first.year),
    )


def document(found: Bulletin) -> dict[str, Any]:
    """A bulletin as it is written: dates as text, and null where there is no value (KF-124)."""
    plain: dict[str, Any] = msgspec.to_builtins({name: _plain(part) for name, part in found._asdict().items()})
    return plain


def _plain(part: Any) -> Any:
    if isinstance(part, float):
        return None if math.isnan(part) else part
    if isinstance(part, tuple) and hasattr(part, "_asdict"):
        return {name: _plain(value) for name, value in part._asdict().items()}
    return [_plain(value) for value in part] if isinstance(part, tuple) else part


def _until(series: Daily, last: date) -> Daily:
    return (
        series.within(series.first, min(series.last, last)) if series.first <= last else Daily(last, np.full(1, np.nan))
    )
