"""Instruments of the stations, each with its own history, from a CSV file that an instrument keeper writes."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg2
from psycopg2.extras import execute_values

from meteostream.etl.products import BASE_NAMES
from meteostream.registry import load_registry
from meteostream.sources.errors import SourceError
from meteostream.warehouse.errors import HistoryError
from meteostream.warehouse.history import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import psycopg2.extensions

    from meteostream.registry import Registry


class Sensor(NamedTuple):
    """A row of ``dim.sensor``: an instrument at its place from ``valid_from`` to before ``valid_to`` (None: still)."""

    station: str
    sensor: str
    valid_from: datetime
    valid_to: datetime | None
    variable: str
    model: str
    serial: str | None
    height_m: float | None
    calibrated_on: date | None
    calibration: str | None


COLUMNS: Final = Sensor._fields


def read_sensors(file: Path, registry: Registry | None = None) -> list[Sensor]:
    """Read a UTF-8 CSV file with the columns of :class:`Sensor`, in any order.

    Times are RFC 3339 with an offset; ``calibrated_on`` is a date; empty cells are None.

    Raises
    ------
    SourceError
        Naming the line and what is wrong with it.
    """
    stations = load_registry() if registry is None else registry
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.DictReader(text, strict=True)
            if sorted(rows.fieldnames or ()) != sorted(COLUMNS):
                raise SourceError(f"{file}: expected the columns {', '.join(COLUMNS)}, found {rows.fieldnames}")
            return [_sensor(row, stations, f"{file}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{file}: expected a file of sensors: {error}") from None


def _sensor(row: dict[str, str | None], registry: Registry, where: str) -> Sensor:
    if None in row or None in row.values():
        raise SourceError(f"{where}: expected {len(COLUMNS)} cells")
    cells = {name: (cell or "").strip() for name, cell in row.items()}
    for name in ("sensor", "model"):
        if not cells[name]:
            raise SourceError(f"{where}: {name}: expected a name, found none")
    if cells["variable"] not in BASE_NAMES:
        raise SourceError(
            f"{where}: variable: expected one of {', '.join(sorted(BASE_NAMES))}, found {cells['variable']!r}"
        )
    try:
        sensor = Sensor(
            station=registry.resolve(cells["station"]).wigos_id,
            sensor=cells["sensor"],
            valid_from=_moment(cells["valid_from"]),
            valid_to=_given(cells["valid_to"], _moment),
            variable=cells["variable"],
            model=cells["model"],
            serial=cells["serial"] or None,
            height_m=_given(cells["height_m"], float),
            calibrated_on=_given(cells["calibrated_on"], date.fromisoformat),
            calibration=cells["calibration"] or None,
        )
    except ValueError as error:
        raise SourceError(f"{where}: {error}") from None
    if sensor.valid_to is not None and sensor.valid_to <= sensor.valid_from:
        raise SourceError(f"{where}: valid_to: expected a time after {sensor.valid_from}, found {sensor.valid_to}")
    return sensor


def _given(cell: str, read: Callable[[str], Any]) -> Any:
    return read(cell) if cell else None


def _moment(cell: str) -> datetime:
    moment = datetime.fromisoformat(cell)
    if moment.tzinfo is None:
        raise ValueError(f"expected a time with an offset such as 2026-03-01T06:00:00Z, found {cell!r}")
    return moment.astimezone(UTC)


_UPSERT: Final = f"""
INSERT INTO dim.sensor AS s ({", ".join(COLUMNS)}) VALUES %s
ON CONFLICT (station, sensor, valid_from) DO UPDATE SET valid_to = excluded.valid_to, variable = excluded.variable,
    model = excluded.model, serial = excluded.serial, height_m = excluded.height_m,
    calibrated_on = excluded.calibrated_on, calibration = excluded.calibration, recorded_at = now()
WHERE (s.valid_to, s.variable, s.model, s.serial, s.height_m, s.calibrated_on, s.calibration) IS DISTINCT FROM
    (excluded.valid_to, excluded.variable, excluded.model, excluded.serial, excluded.height_m, excluded.calibrated_on,
     excluded.calibration)
"""  # noqa: S608 - names of ours


def load_sensors(connection: psycopg2.extensions.connection, sensors: Sequence[Sensor]) -> int:
    """Bring the sensors' history to what a file says; give how many rows changed. Rows that it lacks stay.

    Raises
    ------
    HistoryError
        If two rows of one sensor overlap. Nothing is changed.
    """
    if not sensors:
        return 0
    # What ends comes first, so that its successor never overlaps it on the way.
    rows = [
        sensor._replace(valid_to=sensor.valid_to or FOREVER)  # type: ignore[arg-type] # PostgreSQL's own word
        for sensor in sorted(sensors, key=lambda one: (one.station, one.sensor, one.valid_from))
    ]
    try:
        with connection, connection.cursor() as cursor:
            execute_values(cursor, _UPSERT, rows, page_size=len(rows))
            return int(cursor.rowcount)
    except psycopg2.errors.ExclusionViolation as error:
        detail = error.diag.message_detail or ""
        raise HistoryError(f"sensors: expected one instrument at a place at a time, found two: {detail}") from None
    except psycopg2.errors.CardinalityViolation:
        raise HistoryError("sensors: expected each (station, sensor, valid_from) once, found one twice") from None
