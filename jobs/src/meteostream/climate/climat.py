"""CLIMAT: a month of a land station as a message of FM 71-XV.

WMO-No. 306, Manual on Codes, volume I.1, FM 71 CLIMAT; WMO-TD No. 1188, Handbook on CLIMAT and CLIMAT TEMP Reporting;
GCOS-127, Practical help for compiling CLIMAT reports. Groups of which nothing is known are left out (sections 3 and 4)
or filled with solidi (section 1), and every mean meets the completeness that its caller chose.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import numpy as np

from meteostream.climate.completeness import (
    WMO_1203,
    Completeness,
    Value,
    count_of,
    highest_of,
    is_enough,
    lowest_of,
    mean_of,
    sum_of,
)
from meteostream.climate.errors import ClimateError
from meteostream.climate.normals import Normal, quintile
from meteostream.climate.periods import month_last
from meteostream.climate.series import Daily
from meteostream.derived.arrays import Floats

RAINY_MM: Final = 1.0
TRACE: Final = "9999"
"""R1R1R1R1 of more than 0 and less than 1 mm (it is 0 for none)."""
MOST_MISSING: Final = 9
"""mTx and mTn have one figure: 9 is nine days or more."""
GUST_IN_MPS: Final = 1
"""iw: wind measured, in m/s (code table 1855); the gust is in tenths of it."""
TEMPERATURE_DAYS: Final = (25.0, 30.0, 35.0, 40.0)
RAIN_DAYS: Final = (1.0, 5.0, 10.0, 50.0, 100.0, 150.0)
WIND_DAYS: Final = (10.0, 20.0, 30.0)
FREEZING_DEGC: Final = 0.0
"""Days of section 3: maxima and rain at or above, extremes below freezing, gusts at or above (degC, mm, m/s)."""
MORE_THAN_ONCE: Final = 50
"""Is added to the first day of an extreme that came on several."""
WMO_FIGURES: Final = 5
TENTHS: Final = 10.0


class Month(NamedTuple):
    """A month's daily values; each series has all days of the month, NaN where one is missing.

    Attributes
    ----------
    station_pressure_hpa, sea_level_pressure_hpa, mean_degc, vapour_pressure_hpa
        Daily means.
    maximum_degc, minimum_degc
        Daily extremes.
    rain_mm, sunshine_h
        Daily sums, rain of climatological days.
    gust_mps
        Strongest gust of each day.
    """

    station_pressure_hpa: Daily
    sea_level_pressure_hpa: Daily
    mean_degc: Daily
    maximum_degc: Daily
    minimum_degc: Daily
    vapour_pressure_hpa: Daily
    rain_mm: Daily
    sunshine_h: Daily
    gust_mps: Daily


class Normals(NamedTuple):
    """Normals of the calendar month, None where a station has none."""

    station_pressure_hpa: Normal | None = None
    sea_level_pressure_hpa: Normal | None = None
    mean_degc: Normal | None = None
    maximum_degc: Normal | None = None
    minimum_degc: Normal | None = None
    vapour_pressure_hpa: Normal | None = None
    rain_mm: Normal | None = None
    rainy_days: Normal | None = None
    sunshine_h: Normal | None = None


class ClimatError(ClimateError):
    """A message that cannot be made; it says what was expected and found."""


def climat(wmo: str, first: date, month: Month, normals: Normals | None = None, rule: Completeness = WMO_1203) -> str:
    """CLIMAT message of one station and month.

    Parameters
    ----------
    wmo
        Block and station number, five figures.
    first
        First day of the month.
    month
        Its days.
    normals
        Of this calendar month; without any there is no section 2.
    rule
        Which means and extremes are published.

    Returns
    -------
    The message, a line a section, ended by ``=``.

    Raises
    ------
    ClimatError
        If the identifier is no WMO number, or a series is not the month's.

    Examples
    --------
    >>> def of(value):
    ...     return Daily(date(2026, 8, 1), np.full(31, value))
    >>> august = Month(of(1009.1), of(1012.3), of(27.6), of(30.4), of(25.0), of(29.9), of(0.2), of(7.0), of(9.0))
    >>> print(climat("61641", date(2026, 8, 1), august))
    CLIMAT 08026 61641
    111 10091 20123 30276000 403040250 5299 60006/00 7217/// 8000000 9000000
    333 03131 10000 20000 30000 40000 50000 8000000
    444 0027651 1027651 2030451 3025051 4000251 5109051=
    """
    if not (len(wmo) == WMO_FIGURES and wmo.isascii() and wmo.isdecimal()):
        raise ClimatError(f"expected a WMO number of five figures, found {wmo!r}: CLIMAT knows no other identifier")
    last = month_last(first)
    for name, series in zip(Month._fields, month, strict=True):
        if first.day != 1 or series.first != first or series.last != last:
            raise ClimatError(
                f"{name}: expected the days {first.replace(day=1)} to {last}, found {series.first} to {series.last}"
            )
    sections = [
        f"CLIMAT {first:%m}{first.year % 1000:03d} {wmo}",
        _section_1(month, normals or Normals(), rule),
        _section_2(normals or Normals()),
        _section_3(month),
        _section_4(month, rule),
    ]
    return "\n".join(filter(None, sections)) + "="


def _section_1(month: Month, normals: Normals, rule: Completeness) -> str:
    """Means and sums. The days that lack are told also where the value is refused for them."""
    station, sea, mean, high, low, vapour = (mean_of(series.values, rule) for series in month[:6])
    rain, rainy = sum_of(month.rain_mm.values), count_of(month.rain_mm.values, RAINY_MM)
    sun = sum_of(month.sunshine_h.values)
    group = quintile(rain.value, normals.rain_mm)
    return " ".join(
        (
            "111",
            f"1{_pressure(station.value)}",
            f"2{_pressure(sea.value)}",
            f"3{_signed(mean.value)}{_figures(_deviation(month.mean_degc.values, rule) * TENTHS, 3)}",
            f"4{_signed(high.value)}{_signed(low.value)}",
            f"5{_figures(vapour.value * TENTHS, 3)}",
            f"6{_rain(rain.value)}{'/' if group is None else group}{_figures(rainy.value, 2)}",
            f"7{_figures(sun.value, 3)}{_figures(_share(sun.value, normals.sunshine_h), 3)}",
            f"8{_missing(station, 2)}{_missing(mean, 2)}{_missing(high, 1)}{_missing(low, 1)}",
            f"9{_missing(vapour, 2)}{_missing(rain, 2)}{_missing(sun, 2)}",
        )
    )


def _section_2(normals: Normals) -> str:
    """Normals, and the years that lack in each; nothing without any."""
    some = next((normal for normal in normals if normal is not None), None)
    if some is None:
        return ""
    values = [np.nan if normal is None else normal.value for normal in normals]
    value = dict(zip(Normals._fields, values, strict=True))
    lacking = [np.nan if one is None else one.last_year - one.first_year + 1 - one.years for one in normals]
    of = dict(zip(Normals._fields, lacking, strict=True))
    extremes = max(of["maximum_degc"], of["minimum_degc"])
    return " ".join(
        (
            "222",
            f"0{some.first_year % 100:02d}{some.last_year % 100:02d}",
            f"1{_pressure(value['station_pressure_hpa'])}",
            f"2{_pressure(value['sea_level_pressure_hpa'])}",
            f"3{_signed(value['mean_degc'])}///",
            f"4{_signed(value['maximum_degc'])}{_signed(value['minimum_degc'])}",
            f"5{_figures(value['vapour_pressure_hpa'] * TENTHS, 3)}",
            f"6{_rain(value['rain_mm'])}{_figures(value['rainy_days'], 2)}",
            f"7{_figures(value['sunshine_h'], 3)}",
            f"8{_figures(of['sea_level_pressure_hpa'], 2)}{_figures(of['mean_degc'], 2)}{_figures(extremes, 2)}",
            f"9{_figures(of['vapour_pressure_hpa'], 2)}{_figures(of['rain_mm'], 2)}{_figures(of['sunshine_h'], 2)}",
        )
    )


def _section_3(month: Month) -> str:
    """Days beyond thresholds: a count needs every day, and a group all of its counts."""
    hot = [count_of(month.maximum_degc.values, limit).value for limit in TEMPERATURE_DAYS]
    frost = [count_of(-series.values, np.nextafter(-FREEZING_DEGC, 1.0)).value for series in month[4:2:-1]]
    wet = [count_of(month.rain_mm.values, limit).value for limit in RAIN_DAYS]
    windy = [count_of(month.gust_mps.values, limit).value for limit in WIND_DAYS]
    groups = {"0": hot[:2], "1": hot[2:], "2": frost, "3": wet[:2], "4": wet[2:4], "5": wet[4:], "8": windy}
    return _section("333", [name + "".join(_figures(count, 2) for count in counts) for name, counts in groups.items()])


def _section_4(month: Month, rule: Completeness) -> str:
    """Extremes and their days."""
    temperatures = (
        ("0", month.mean_degc, True),
        ("1", month.mean_degc, False),
        ("2", month.maximum_degc, True),
        ("3", month.minimum_degc, False),
    )
    groups = []
    for name, series, is_highest in temperatures:
        extreme = (highest_of if is_highest else lowest_of)(series.values, rule).value
        groups.append(f"{name}{_signed(extreme)}{_day_of(series, extreme)}")
    rain, gust = (highest_of(series.values, rule).value for series in (month.rain_mm, month.gust_mps))
    groups.append(f"4{_figures(rain * TENTHS, 4)}{_day_of(month.rain_mm, rain)}")
    groups.append(f"5{GUST_IN_MPS}{_figures(gust * TENTHS, 3)}{_day_of(month.gust_mps, gust)}")
    return _section("444", groups)


def _section(name: str, groups: list[str]) -> str:
    known = [group for group in groups if "/" not in group]
    return " ".join((name, *known)) if known else ""


def _figures(value: float, width: int) -> str:
    """A number that is not negative, to the nearest whole one; solidi if it is not known or does not fit."""
    text = "" if np.isnan(value) else f"{round(value):0{width}d}"
    return text if len(text) == width and "-" not in text else "/" * width


def _pressure(hpa: float) -> str:
    """Tenths of hPa without the thousands."""
    return _figures(np.mod(np.round(hpa * TENTHS), 10_000.0), 4)


def _signed(degc: float) -> str:
    """Sign (0 for plus, 1 for minus) and tenths of degC."""
    tenths = np.round(degc * TENTHS)
    return f"{'/' if np.isnan(tenths) else int(tenths < 0)}{_figures(abs(tenths), 3)}"


def _rain(mm: float) -> str:
    return TRACE if 0.0 < mm < RAINY_MM else _figures(mm, 4)


def _missing(value: Value, width: int) -> str:
    return f"{min(value.missing, MOST_MISSING if width == 1 else 99):0{width}d}"


def _share(value: float, normal: Normal | None) -> float:
    return 100.0 * value / normal.value if normal is not None and normal.value > 0.0 else np.nan


def _deviation(values: Floats, rule: Completeness) -> float:
    """Standard deviation of the daily means."""
    known = values[np.isfinite(values)]
    return float(np.std(known, ddof=1)) if is_enough(values, rule) and known.size > 1 else np.nan


def _day_of(series: Daily, extreme: float) -> str:
    at = np.flatnonzero(np.round(series.values * TENTHS) == np.round(extreme * TENTHS))
    return "//" if at.size == 0 else f"{int(at[0]) + 1 + (MORE_THAN_ONCE if at.size > 1 else 0):02d}"
