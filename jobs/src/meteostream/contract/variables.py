"""The table of variables: the one place that names what a report may carry.

A name carries its statistic and period (``rain_6h``, ``tmax_12h``) and has one unit, for ever. Wide variables are
columns of the warehouse and own one bit each in the ``reported`` and quality-control masks; the bit is the
position in :data:`WIDE`, so rows may only ever be appended to it. Long variables (daily values, soil, snow) go to
the long table.

CF names are from the CF Standard Name Table (https://cfconventions.org); ``None`` where it has no such name.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Unit = Literal["degC", "%", "hPa", "m/s", "degree", "bool", "mm", "m", "okta", "W m-2", "s"]
Statistic = Literal["point", "mean", "maximum", "minimum", "sum"]


class Variable(NamedTuple):
    """One variable of the contract.

    Attributes
    ----------
    name
        Name in the message and in the warehouse.
    unit
        The one unit it is stored in; other units exist only in adapters and exports.
    cf_name
        CF standard name, or None.
    statistic
        How values within the period were combined; ``point`` for an instantaneous reading.
    period_s
        Length in seconds of the period that ends at ``observed_at``; 0 for a point value.
    title
        What a technician reads.
    """

    name: str
    unit: Unit
    cf_name: str | None
    statistic: Statistic
    period_s: int
    title: str

    @property
    def is_boolean(self) -> bool:
        """Whether the value is true or false instead of a number."""
        return self.unit == "bool"


HOUR: Final = 3600
DAY: Final = 24 * HOUR

WIDE: Final[tuple[Variable, ...]] = (
    Variable("air_temperature", "degC", "air_temperature", "point", 0, "Air temperature"),
    Variable("dew_point_temperature", "degC", "dew_point_temperature", "point", 0, "Dew point"),
    Variable("relative_humidity", "%", "relative_humidity", "point", 0, "Relative humidity"),
    Variable("station_pressure", "hPa", "surface_air_pressure", "point", 0, "Pressure at the station"),
    Variable("sea_level_pressure", "hPa", "air_pressure_at_mean_sea_level", "point", 0, "Pressure at sea level"),
    Variable("wind_mean_2min", "m/s", "wind_speed", "mean", 120, "Mean wind over 2 minutes"),
    Variable("wind_mean_10min", "m/s", "wind_speed", "mean", 600, "Mean wind over 10 minutes"),
    Variable("wind_direction", "degree", "wind_from_direction", "mean", 600, "Direction the wind comes from"),
    Variable("wind_variable", "bool", None, "point", 0, "Wind direction is variable"),
    Variable("gust_10min", "m/s", "wind_speed_of_gust", "maximum", 600, "Strongest gust of 10 minutes"),
    Variable("gust_1h", "m/s", "wind_speed_of_gust", "maximum", HOUR, "Strongest gust of the hour"),
    Variable("rain_1min", "mm", "lwe_thickness_of_precipitation_amount", "sum", 60, "Rain of 1 minute"),
    Variable("rain_1h", "mm", "lwe_thickness_of_precipitation_amount", "sum", HOUR, "Rain of 1 hour"),
    Variable("rain_6h", "mm", "lwe_thickness_of_precipitation_amount", "sum", 6 * HOUR, "Rain of 6 hours"),
    Variable("rain_24h", "mm", "lwe_thickness_of_precipitation_amount", "sum", DAY, "Rain of 24 hours"),
    Variable("tmax_12h", "degC", "air_temperature", "maximum", 12 * HOUR, "Highest temperature of 12 hours"),
    Variable("tmin_12h", "degC", "air_temperature", "minimum", 12 * HOUR, "Lowest temperature of 12 hours"),
    Variable("visibility", "m", "visibility_in_air", "point", 0, "Visibility"),
    Variable("cloud_cover", "okta", "cloud_area_fraction", "point", 0, "Total cloud cover"),
    Variable("irradiance", "W m-2", "surface_downwelling_shortwave_flux_in_air", "mean", 60, "Global irradiance"),
    Variable("sunshine_1h", "s", "duration_of_sunshine", "sum", HOUR, "Sunshine of the hour"),
)
"""Wide variables; a variable's bit is its position here."""

LONG: Final[tuple[Variable, ...]] = (
    Variable("tmax_24h", "degC", "air_temperature", "maximum", DAY, "Highest temperature of 24 hours"),
    Variable("tmin_24h", "degC", "air_temperature", "minimum", DAY, "Lowest temperature of 24 hours"),
    Variable("tmean_24h", "degC", "air_temperature", "mean", DAY, "Mean temperature of 24 hours"),
    Variable("relative_humidity_mean_24h", "%", "relative_humidity", "mean", DAY, "Mean humidity of 24 hours"),
    Variable("wind_mean_24h", "m/s", "wind_speed", "mean", DAY, "Mean wind of 24 hours"),
    Variable("gust_24h", "m/s", "wind_speed_of_gust", "maximum", DAY, "Strongest gust of 24 hours"),
    Variable("rain_3h", "mm", "lwe_thickness_of_precipitation_amount", "sum", 3 * HOUR, "Rain of 3 hours"),
    Variable("rain_12h", "mm", "lwe_thickness_of_precipitation_amount", "sum", 12 * HOUR, "Rain of 12 hours"),
    Variable("sunshine_24h", "s", "duration_of_sunshine", "sum", DAY, "Sunshine of 24 hours"),
    Variable(
        "irradiance_mean_24h",
        "W m-2",
        "surface_downwelling_shortwave_flux_in_air",
        "mean",
        DAY,
        "Mean global irradiance of 24 hours",
    ),
    Variable(
        "evaporation_24h",
        "mm",
        "lwe_thickness_of_water_evaporation_amount",
        "sum",
        DAY,
        "Evaporation of 24 hours",
    ),
    Variable("snow_depth", "m", "surface_snow_thickness", "point", 0, "Depth of snow"),
)
"""Variables of the long table."""

ALL: Final[dict[str, Variable]] = {variable.name: variable for variable in (*WIDE, *LONG)}
"""Every variable of the contract by its name."""

WIDE_NAMES: Final[tuple[str, ...]] = tuple(variable.name for variable in WIDE)
LONG_NAMES: Final[tuple[str, ...]] = tuple(variable.name for variable in LONG)
WIDE_BIT: Final[dict[str, int]] = {name: bit for bit, name in enumerate(WIDE_NAMES)}
"""Bit of a wide variable in ``reported``, ``qc_failed`` and ``qc_suspect``; its slot in ``qc_run``."""


def mask_names(mask: int) -> list[str]:
    """Names of the wide variables whose bits are set.

    >>> mask_names(0b101)
    ['air_temperature', 'relative_humidity']
    """
    return [name for bit, name in enumerate(WIDE_NAMES) if mask >> bit & 1]
