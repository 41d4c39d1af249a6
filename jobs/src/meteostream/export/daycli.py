"""DAYCLI: a month of daily values of each station, as the CSV that csv2bufr turns into BUFR 307095.

The columns are those of csv2bufr-templates' ``daycli-v3`` (BUFR master table 46). Its times are the service's
meteorological local time; ours is UTC (offset 0). The rule of a climatological day is open at its beginning, so a
period is written from the minute after, as that layout's documentation and sample do: 06:01 to 06:00 for rain.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from meteostream.export.days import MAXIMUM, MEAN, MINIMUM, RAIN
from meteostream.export.errors import ExportError, NothingFoundError
from meteostream.export.identifiers import identifier_cells
from meteostream.export.licences import refusal
from meteostream.export.numbers import rounded
from meteostream.export.selection import OBSERVED, observed_only
from meteostream.export.wis2box import KELVIN
from meteostream.qc.flags import Flag
from meteostream.sources.units import SAME, express

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from meteostream.export.days import DailyValue, Day
    from meteostream.export.licences import Licence, Licences
    from meteostream.sources.units import Conversion

PRODUCT: Final = "DAYCLI"
CLOCK: Final = ("year", "month", "day", "hour", "minute")
PERIODS: Final[dict[tuple[str, str], tuple[str, str]]] = {
    RAIN: ("precip_accumulation", "total_acc_precip"),
    MAXIMUM: ("tmax", "air_temperature_maximum"),
    MINIMUM: ("tmin", "air_temperature_minimum"),
    MEAN: ("tave", "air_temperature_average"),
}
"""Names of a series' columns: of its period, of its value."""


def _period_columns(period: str, value: str) -> tuple[str, ...]:
    ends = (f"{part}_{period}_{end}" for end in ("start", "end") for part in CLOCK)
    return (*ends, value, f"{value}_quality")


COLUMNS: Final = (
    "wsi_series",
    "wsi_issuer",
    "wsi_issue_number",
    "wsi_local",
    "wmo_block_number",
    "wmo_station_number",
    "latitude",
    "longitude",
    "station_height_above_msl",
    "temperature_siting_classification",
    "precipitation_siting_classification",
    "averaging_method",
    "utc_offset",
    "attribution_year",
    "attribution_month",
    "attribution_day",
    *(f"{part}_total_snow_depth" for part in CLOCK),
    "total_snow_depth",
    "total_snow_depth_quality",
    *_period_columns(*PERIODS[RAIN]),
    *_period_columns("depth_of_fresh_snow", "depth_of_fresh_snow"),
    "thermometer_height",
    *_period_columns(*PERIODS[MAXIMUM]),
    *_period_columns(*PERIODS[MINIMUM]),
    *_period_columns(*PERIODS[MEAN]),
)

UTC_OFFSET: Final = "0"
"""Minutes between the times here and UTC: gold's climatological days are defined in UTC."""
MEAN_OF_24_HOURS: Final = "2"
"""BUFR code table 0 08 094: average of the 24 hourly observations, which gold's mean is."""
NOT_PROVIDED: Final = "6"
QUALITY: Final = {Flag.PASS: "0", Flag.SUSPECT: "1", Flag.NOT_EVALUATED: "7"}
"""Classes of quality (BUFR code table 0 31 021, significance 5) by QARTOD flag; a value of another is not provided."""
_UNITS: Final[dict[tuple[str, str], tuple[Conversion, int]]] = {
    RAIN: (SAME, 1),  # 0 13 060, kg m-2
    MAXIMUM: (KELVIN, 2),  # 0 12 101
    MINIMUM: (KELVIN, 2),
    MEAN: (KELVIN, 2),
}
_HEIGHT_DECIMALS: Final = 2
_MINUTE: Final = timedelta(minutes=1)


def days_of(month: str, now: datetime) -> tuple[date, date]:
    """First and last day of a month that is over.

    Parameters
    ----------
    month
        YYYY-MM.
    now
        Its last rain ends at 06 UTC of the next month's first day; before the second, the month is not over.

    Raises
    ------
    ExportError
        If it is no month, or not over.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> [str(day) for day in days_of("2024-02", datetime(2026, 1, 1, tzinfo=UTC))]
    ['2024-02-01', '2024-02-29']
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise ExportError(f"--month: expected a month such as 2026-08, found {month!r}") from None
    after = (first + timedelta(days=31)).replace(day=1)
    if now.date() <= after:
        raise ExportError(f"--month: expected a month that is over, found {month}; its last day ends on {after}")
    return first, after - timedelta(days=1)


class DayRows:
    """Rows of DAYCLI, and what is known when all are written.

    Parameters
    ----------
    licences
        Of every source that may occur.
    leave_out
        Leave out values that may not be redistributed, instead of refusing the whole.

    Attributes
    ----------
    notices
        Licences of what was written.
    left_out
        How many values of which sources were left out.
    """

    def __init__(self, licences: Licences, *, leave_out: bool) -> None:
        self._licences = licences
        self._leave_out = leave_out
        self._values: dict[str, int] = {}
        self.notices: dict[Licence, None] = {}
        self.left_out: dict[str, int] = {}

    def rows(self, days: Iterable[Day]) -> Iterator[list[str]]:
        """Cells of each day, in the order of :data:`COLUMNS`.

        Raises
        ------
        ExportError
            At a day that is no observation; at the end, if something may not be redistributed and was not to be left
            out, or a station has no value at all.
        """
        for day in days:
            yield self._row(day)
        if self.left_out and not self._leave_out:
            raise refusal(self.left_out, "daily values")
        silent = sorted(station for station, count in self._values.items() if count == 0)
        if silent:
            left = f" that may be redistributed ({', '.join(sorted(self.left_out))} may not)" if self.left_out else ""
            raise NothingFoundError(
                f"expected observed daily values{left} of {', '.join(silent)} in the month, found none; "
                "nothing was written"
            )

    def _row(self, day: Day) -> list[str]:
        station = day.place.station
        observed_only(station, OBSERVED, PRODUCT)
        chosen = {series: self._choose(day.values.get(series, [])) for series in PERIODS}
        self._values[station] = self._values.get(station, 0) + sum(one is not None for one in chosen.values())
        height = day.place.heights_m.get("air_temperature")
        cells = identifier_cells(day.place) | {
            "averaging_method": _averaging(chosen[MEAN]),
            "utc_offset": UTC_OFFSET,
            "attribution_year": str(day.label.year),
            "attribution_month": str(day.label.month),
            "attribution_day": str(day.label.day),
            "total_snow_depth_quality": NOT_PROVIDED,
            "depth_of_fresh_snow_quality": NOT_PROVIDED,
            "thermometer_height": "" if height is None else rounded(Fraction(repr(height)), _HEIGHT_DECIMALS),
        }
        for series, value in chosen.items():
            cells |= _cells(series, value)
        return [cells.get(column, "") for column in COLUMNS]

    def _choose(self, candidates: list[DailyValue]) -> DailyValue | None:
        """First value that may be passed on; those before it are counted as left out."""
        for one in candidates:
            if QUALITY.get(Flag(one.flag)) is None:
                continue
            refused = [source for source in one.sources if not (source and self._licences.allows(source, one.end))]
            if not refused:
                notices = (self._licences.at(source, one.end) for source in one.sources if source)
                self.notices.update(dict.fromkeys(notice for notice in notices if notice))
                return one
            for source in refused:
                name = source or "an unknown source"
                self.left_out[name] = self.left_out.get(name, 0) + 1
        return None


def _averaging(mean: DailyValue | None) -> str:
    return MEAN_OF_24_HOURS if mean is not None and not mean.imported else ""


def _cells(series: tuple[str, str], one: DailyValue | None) -> dict[str, str]:
    period, name = PERIODS[series]
    if one is None:
        return {f"{name}_quality": NOT_PROVIDED}
    unit, decimals = _UNITS[series]
    cells = {name: rounded(express(one.value, unit), decimals), f"{name}_quality": QUALITY[Flag(one.flag)]}
    for end, at in (("start", one.begin + _MINUTE), ("end", one.end)):
        cells |= {f"{part}_{period}_{end}": str(getattr(at, part)) for part in CLOCK}
    return cells
