"""From the lake to what is served, by the hourly DAG: gold and marts equal what SQL computes of published reports."""

from __future__ import annotations

from typing import Final

import pytest
from meteo_nodes.airflow import Airflow
from meteo_nodes.platform import Platform
from meteo_nodes.weather import ROWS, SOURCE, STATIONS

RUN_S: Final = 1500
MILLIONTH: Final = 1e-6
"""Sums are of whole millionths (docs/etl.md)."""
ALL_HOURS: Final = 24

pytestmark = pytest.mark.needs("jobs", "airflow_worker", "nodemanager")


@pytest.fixture(scope="module")
def served(platform: Platform) -> str:
    """A run of the DAG after the year of real weather was loaded (test_real_input): its id."""
    count = platform.value(f"SELECT count(*) FROM core.observation WHERE source = '{SOURCE}'")  # noqa: S608 (a constant)
    assert int(count or 0) == ROWS, "expected test_real_input to have loaded the year"
    airflow = Airflow(platform)
    run, state = airflow.run("lake_to_marts", RUN_S)
    assert state == "success", airflow.story("lake_to_marts", run)
    return run


@pytest.mark.usefixtures("served")
def test_every_hour_of_the_year_is_in_gold_with_its_value(platform: Platform) -> None:
    """One source, whose reports are of full hours: gold's point is the report's, and nothing else is there."""
    (row,) = platform.sql(
        f"""
        WITH reports AS (
            SELECT station, observed_at, air_temperature FROM core.published
            WHERE source = '{SOURCE}' AND air_temperature IS NOT NULL
        ), gold AS (
            SELECT station, period_end, value FROM gold.hourly
            WHERE source = '{SOURCE}' AND variable = 'air_temperature' AND statistic = 'point' AND value IS NOT NULL
        )
        SELECT count(*) FILTER (WHERE r.air_temperature = g.value) AS equal,
               count(*) FILTER (WHERE r.air_temperature IS DISTINCT FROM g.value) AS different,
               (SELECT count(*) FROM reports) AS reports
        FROM reports AS r FULL JOIN gold AS g ON g.station = r.station AND g.period_end = r.observed_at
        """  # noqa: S608 (constants)
    )
    assert int(row["reports"] or 0) > ROWS - 200  # what failed the quality control or was missing
    assert (row["equal"], row["different"]) == (row["reports"], "0")


@pytest.mark.usefixtures("served")
def test_the_rain_of_each_day_is_the_sum_of_its_24_hours(platform: Platform) -> None:
    """From 06 UTC to 06 UTC; a day of which an hour is missing has no sum."""
    (row,) = platform.sql(
        f"""
        WITH hours AS (
            SELECT station, (observed_at AT TIME ZONE 'UTC' - interval '6 hours 1 second')::date AS day, rain_1h
            FROM core.published WHERE source = '{SOURCE}' AND rain_1h IS NOT NULL
        ), days AS (
            SELECT station, day, sum(rain_1h) AS rain FROM hours GROUP BY 1, 2 HAVING count(*) = {ALL_HOURS}
        ), gold AS (
            SELECT station, label, value FROM gold.daily
            WHERE variable = 'rain' AND rule = 'rain-06-06' AND value IS NOT NULL
                AND station IN ({", ".join(f"'{station}'" for station in STATIONS.values())})
        )
        SELECT count(*) FILTER (WHERE abs(d.rain - g.value) < {MILLIONTH}) AS equal,
               count(*) FILTER (WHERE (abs(d.rain - g.value) < {MILLIONTH}) IS NOT TRUE) AS different,
               (SELECT count(*) FROM days) AS days
        FROM days AS d FULL JOIN gold AS g ON g.station = d.station AND g.label = d.day
        """  # noqa: S608 (constants)
    )
    assert int(row["days"] or 0) > 900, "expected about three stations times a year"
    assert (row["equal"], row["different"]) == (row["days"], "0")


@pytest.mark.usefixtures("served")
def test_the_marts_serve_what_gold_says_and_keep_natures_apart(platform: Platform) -> None:
    days = "SELECT station, nature, label, value FROM gold.daily WHERE variable = 'rain' AND rule = 'rain-06-06'"
    served = (
        "SELECT station, nature, day, value FROM mart.daily_climate WHERE variable = 'rain' AND rule = 'rain-06-06'"
    )
    # Rows of gold that only say that a day is not computed any more are no days.
    (row,) = platform.sql(
        f"SELECT (SELECT count(*) FROM ({served}) AS s) AS served, "  # noqa: S608 (constants)
        f"(SELECT count(*) FROM (({served}) EXCEPT ({days})) AS a) AS wrong"
    )
    assert int(row["served"] or 0) > 900
    assert row["wrong"] == "0"
    mixed = "SELECT count(*) FROM mart.daily_climate WHERE (nature = 'simulated') <> (station LIKE '0-0-0-SIM%')"
    assert platform.value(mixed) == "0"


@pytest.mark.usefixtures("served")
def test_what_the_generator_reported_is_in_gold_as_simulated(platform: Platform) -> None:
    rows = platform.sql("SELECT nature, count(*) AS n FROM gold.hourly WHERE station LIKE '0-0-0-SIM%' GROUP BY nature")
    assert [row["nature"] for row in rows] == ["simulated"]


@pytest.mark.usefixtures("served")
def test_the_gate_before_gold_compared_bronze_with_silver(platform: Platform) -> None:
    """Both were counted by this run's silver, and are not nothing."""
    (row,) = platform.sql("SELECT bronze, silver FROM pipeline.layer_count ORDER BY counted_at DESC LIMIT 1")
    assert int(row["bronze"] or 0) > ROWS
    assert row["bronze"] == row["silver"]
    results = platform.sql(
        "SELECT r.outcome FROM pipeline.gate_result AS r JOIN pipeline.gate_run AS g USING (run_id) "
        "WHERE g.gate = 'silver' AND r.name = 'silver-holds-bronze' ORDER BY g.finished_at DESC LIMIT 1"
    )
    assert results == [{"outcome": "passed"}]
