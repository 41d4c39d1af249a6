"""Reports, days and licences as exports get them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from meteostream.contract.report import Value
from meteostream.export.days import MAXIMUM, MEAN, MINIMUM, RAIN, DailyValue, Day
from meteostream.export.licences import Licence, Licences
from meteostream.export.reports import Place, Report

YOFF = Place(
    "0-20000-0-61641",
    "Dakar/Yoff",
    "61641",
    "GOOY",
    14.7333,
    -17.5,
    27.0,
    28.5,
    {"air_temperature": 2.0, "wind_speed": 10.0, "rain": 1.25},
)
DIASS = Place("0-686-0-GOBD", "Dakar-Diass", None, "GOBD", 14.6709, -17.0728, 88.0, None, {})
SIX = datetime(2026, 8, 15, 6, tzinfo=UTC)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def a_report(values: dict[str, Value] | None = None, **others: Any) -> Report:
    """A report of an automatic station at 06 UTC."""
    made = Report(YOFF, SIX, "aws-anacim", "aws", "observed", {}, (), ())
    return made._replace(values={"air_temperature": 25.3} if values is None else values, **others)


def licence(source: str, *, redistribute: bool = True, **others: Any) -> Licence:
    """A licence that is true for ever."""
    return Licence(source, None, None, "CC-BY-4.0", f"© {source}", True, redistribute)._replace(**others)


def licences(*rows: Licence) -> Licences:
    """Known licences on the day of the test."""
    return Licences(rows, NOW)


def a_day(label: date, place: Place = YOFF, sources: tuple[str | None, ...] = ("synop",)) -> Day:
    """A day with all four values."""
    begin = datetime(label.year, label.month, label.day, tzinfo=UTC)

    def one(value: float, from_hour: int, hours: int, rule: str, flag: int = 1) -> list[DailyValue]:
        start = begin + timedelta(hours=from_hour)
        return [DailyValue(value, flag, start, start + timedelta(hours=hours), rule, sources)]

    return Day(
        place,
        label,
        {
            RAIN: one(12.4, 6, 24, "rain-06-06"),
            MAXIMUM: one(33.1, -6, 24, "tx-18-18", flag=3),
            MINIMUM: one(24.6, -6, 12, "tn-18-06"),
            MEAN: one(28.25, 0, 24, "utc"),
        },
    )
