"""Rows of gold as the batch ETL publishes them, for tests of what is made of them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from psycopg2.extras import execute_values

REAL = "0-20000-0-61641"
TWIN = "0-0-0-SIM61641"
RUN = str(uuid.UUID(int=1))
MOMENT = datetime(2025, 9, 1, tzinfo=UTC)


class Gold(NamedTuple):
    """A row of one of gold's tables, but for the technical columns; periods follow from label and hours."""

    label: date
    variable: str
    statistic: str
    value: float | None
    rule: str
    station: str = REAL
    nature: str = "observed"
    days: int = 1
    from_hour: int = 0
    count: int = 24
    expected: int = 24
    flag: int | None = None
    version: int = 1


def insert_gold(connection: Any, table: str, rows: list[Gold]) -> None:
    """Write rows as the owner, and commit."""
    values = []
    for row in rows:
        begin = datetime.combine(row.label, time(), UTC) + timedelta(hours=row.from_hour)
        flag = row.flag if row.flag is not None else (9 if row.value is None else 1)
        values.append(
            (
                row.station,
                row.nature,
                row.variable,
                row.statistic,
                begin,
                begin + timedelta(days=row.days),
                row.label,
                row.rule,
                row.value,
                row.count,
                row.expected,
                row.value is not None,
                flag,
                row.version,
                MOMENT,
                RUN,
            )
        )
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO gold.{table} (station, nature, variable, statistic, period_start, period_end, label, rule, "  # noqa: S608 - names of ours
            "value, count, expected, complete, flag, version, computed_at, run_id) VALUES %s",
            values,
        )


def insert_hours(connection: Any, source: str, day: date, ends: range = range(1, 25)) -> None:
    """Write hours of rain behind a day (06 to 06 UTC), of a source, as the owner, and commit; ``ends`` counts them."""
    begin = datetime.combine(day, time(6), UTC)
    rest = ("best-of-sources", 0.1, 1, 1, True, 1, source, 1, MOMENT, RUN)
    values = [
        (REAL, "observed", "rain", "sum", end - timedelta(hours=1), end, end.date(), *rest)
        for end in (begin + timedelta(hours=hour) for hour in ends)
    ]
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO gold.hourly (station, nature, variable, statistic, period_start, period_end, label, rule, "
            "value, count, expected, complete, flag, source, version, computed_at, run_id) VALUES %s",
            values,
        )


def rain(day: date, value: float | None, **others: Any) -> Gold:
    """A day's rain, 06 to 06 UTC."""
    return Gold(day, "rain", "sum", value, "rain-06-06", from_hour=6, **others)


def month_rain(first: date, value: float | None, **others: Any) -> Gold:
    """A month's rain."""
    return Gold(first, "rain", "sum", value, "rain-06-06/wmo1203-11-5", days=30, from_hour=6, **others)
