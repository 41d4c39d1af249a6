"""wis2box's CSV of automatic weather stations, which csv2bufr turns into BUFR 301150, 307096.

The columns, their units and resolutions are those of csv2bufr-templates' ``aws-template`` (its documentation says:
"defined for this csv2bufr template only"). A value has the resolution of its BUFR element, so that BUFR holds exactly
what the CSV says. What is not known is an empty cell.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

from meteostream.export.errors import ExportError
from meteostream.export.identifiers import identifier_cells
from meteostream.export.numbers import rounded
from meteostream.export.selection import observed_only, time_text
from meteostream.sources.units import SAME, Conversion, conversion, express

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from meteostream.export.reports import Report

PRODUCT: Final = "the wis2box CSV"
COLUMNS: Final = (
    "wsi_series",
    "wsi_issuer",
    "wsi_issue_number",
    "wsi_local",
    "wmo_block_number",
    "wmo_station_number",
    "station_type",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "latitude",
    "longitude",
    "station_height_above_msl",
    "barometer_height_above_msl",
    "station_pressure",
    "msl_pressure",
    "geopotential_height",
    "thermometer_height",
    "air_temperature",
    "dewpoint_temperature",
    "relative_humidity",
    "method_of_ground_state_measurement",
    "ground_state",
    "method_of_snow_depth_measurement",
    "snow_depth",
    "precipitation_intensity",
    "anemometer_height",
    "time_period_of_wind",
    "wind_direction",
    "wind_speed",
    "maximum_wind_gust_direction_10_minutes",
    "maximum_wind_gust_speed_10_minutes",
    "maximum_wind_gust_direction_1_hour",
    "maximum_wind_gust_speed_1_hour",
    "maximum_wind_gust_direction_3_hours",
    "maximum_wind_gust_speed_3_hours",
    "rain_sensor_height",
    "total_precipitation_1_hour",
    "total_precipitation_3_hours",
    "total_precipitation_6_hours",
    "total_precipitation_12_hours",
    "total_precipitation_24_hours",
)

KELVIN: Final = conversion("K", "degC")
PASCAL: Final = conversion("Pa", "hPa")
PER_SECOND: Final = Conversion(Fraction(60))
"""Rain of a minute, mm, from an intensity, kg m-2 s-1: 1 kg m-2 of water is 1 mm, a minute has 60 s."""

AUTOMATIC: Final = {"aws": "0"}
"""Report types of stations of one kind, by BUFR code table 0 02 001 (0 automatic, 1 manned, 2 hybrid)."""
NO_DIRECTION: Final = "0"
"""Direction of a calm, with speed 0, and of a variable wind, with its speed (WMO-No. 306, B/C 1.10.5.3.2)."""
NORTH: Final = "360"


class Cell(NamedTuple):
    """Where a column's value comes from, and the resolution of its BUFR element."""

    variable: str
    decimals: int
    unit: Conversion = SAME


VALUES: Final[dict[str, Cell]] = {
    "station_pressure": Cell("station_pressure", -1, PASCAL),  # 0 10 004
    "msl_pressure": Cell("sea_level_pressure", -1, PASCAL),  # 0 10 051
    "air_temperature": Cell("air_temperature", 2, KELVIN),  # 0 12 101
    "dewpoint_temperature": Cell("dew_point_temperature", 2, KELVIN),  # 0 12 103
    "relative_humidity": Cell("relative_humidity", 0),  # 0 13 003
    "snow_depth": Cell("snow_depth", 2),  # 0 13 013
    "precipitation_intensity": Cell("rain_1min", 5, PER_SECOND),  # 0 13 155
    "maximum_wind_gust_speed_10_minutes": Cell("gust_10min", 1),  # 0 11 041
    "maximum_wind_gust_speed_1_hour": Cell("gust_1h", 1),
    "total_precipitation_1_hour": Cell("rain_1h", 1),  # 0 13 011
    "total_precipitation_3_hours": Cell("rain_3h", 1),
    "total_precipitation_6_hours": Cell("rain_6h", 1),
    "total_precipitation_12_hours": Cell("rain_12h", 1),
    "total_precipitation_24_hours": Cell("rain_24h", 1),
}
HEIGHTS: Final = {
    "thermometer_height": "air_temperature",
    "anemometer_height": "wind_speed",
    "rain_sensor_height": "rain",
}
"""Columns with the height of a sensor above the ground, by gold's variable."""
MEAN_WINDS: Final = (("wind_mean_10min", "-10"), ("wind_mean_2min", "-2"))
"""Mean winds and their periods in minutes; the first that is there is written."""


def wis2box_row(report: Report) -> list[str]:
    """Cells of a report, in the order of :data:`COLUMNS`.

    Raises
    ------
    ExportError
        If it is no observation, or its station's identifier is not one.
    """
    place, values = report.place, report.values
    observed_only(place.station, report.nature, PRODUCT)
    at = report.observed_at
    cells = identifier_cells(place) | {
        "station_type": AUTOMATIC.get(report.report_type, ""),
        "year": str(at.year),
        "month": str(at.month),
        "day": str(at.day),
        "hour": str(at.hour),
        "minute": str(at.minute),
        "barometer_height_above_msl": _number(place.barometer_m, 1),
    }
    cells |= {column: _number(place.heights_m.get(variable), 2) for column, variable in HEIGHTS.items()}
    cells |= {column: _number(values.get(cell.variable), cell.decimals, cell.unit) for column, cell in VALUES.items()}
    cells |= _wind(values)
    return [cells.get(column, "") for column in COLUMNS]


def wis2box_rows(reports: Iterable[Report], skipped: list[Report]) -> Iterator[list[str]]:
    """Rows of reports that come by station and time.

    Parameters
    ----------
    reports
        As :func:`~meteostream.export.reports.stream_reports` gives them.
    skipped
        Takes the reports between two minutes: the format has no seconds, and no time is rounded here.

    Raises
    ------
    ExportError
        If two reports are of one station and minute: WMO's exchange takes one (KF-111).
    """
    before: Report | None = None
    for report in reports:
        if report.observed_at.second:
            skipped.append(report)
            continue
        if before is not None and _key(before) == _key(report):
            raise ExportError(
                f"station {report.place.station} has two reports of {time_text(report.observed_at)}: "
                f"{before.source} ({before.report_type}) and {report.source} ({report.report_type}); choose with "
                "--source or --type. Nothing was written"
            )
        yield wis2box_row(report)
        before = report


def _key(report: Report) -> tuple[object, ...]:
    return report.place.station, report.observed_at


def _number(value: float | bool | None, decimals: int, unit: Conversion = SAME) -> str:
    return "" if value is None else rounded(express(float(value), unit), decimals)


def _wind(values: dict[str, float | bool | None]) -> dict[str, str]:
    """Mean wind with its period; without a mean wind no direction, for its period is not known."""
    for name, period in MEAN_WINDS:
        speed = values.get(name)
        if speed is not None:
            return {
                "time_period_of_wind": period,
                "wind_direction": _direction(speed, values),
                "wind_speed": _number(speed, 1),
            }
    return {}


def _direction(speed: float, values: dict[str, float | bool | None]) -> str:
    towards = values.get("wind_direction")
    if towards is None:
        return NO_DIRECTION if speed == 0 or values.get("wind_variable") else ""
    degrees = _number(towards, 0)
    return NORTH if degrees == NO_DIRECTION else degrees
