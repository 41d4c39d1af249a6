"""Climate products and CLIMAT messages on a real PostgreSQL, as commands."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meteostream.sources.profile import Licence
from meteostream.warehouse.dimensions import load_dimensions
from postgres_server import PostgresServer
from support_gold import REAL, TWIN, Gold, rain
from support_warehouse import Platform

pytestmark = pytest.mark.postgres
FIRST = date(2024, 1, 1)
OPEN = Licence(name="CC-BY-4.0", attribution="ANACIM", redistribute=True)
CLOSED = Licence(name="unknown", attribution="unknown")


class Climate:
    """The commands of climate products on a warehouse."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.days, self.change, self.ask, self.run = platform.gold, platform.change, platform.ask, platform.run
        self.folder = platform.folder

    def compute(self) -> str:
        done = self.run("climate", "compute", role="pipeline")
        assert done.exit_code == 0, done.exception
        return done.output

    def current(self, where: str = "true") -> list[tuple[Any, ...]]:
        return self.ask(
            "SELECT station, nature, product, element, first_day, value, version FROM gold.climate "  # noqa: S608 - ours
            f"WHERE replaced_at IS NULL AND {where} ORDER BY 1, 2, 3, 4, 5"
        )


@pytest.fixture
def climate(server: PostgresServer, tmp_path: Path) -> Climate:
    platform = Platform.make(server, tmp_path)
    with platform.owner() as owner:
        load_dimensions(owner, None, licences={"synop": OPEN, "closed": CLOSED})
    return Climate(platform)


def season(station: str = REAL, nature: str = "observed", amount: float = 12.0) -> list[Gold]:
    """Rain of a year: every second day from 20 June to 30 September."""
    rows = []
    for at in range(366):
        day = FIRST + timedelta(days=at)
        wet = date(2024, 6, 20) <= day <= date(2024, 9, 30) and at % 2 == 0
        rows.append(rain(day, amount if wet else 0.0, station=station, nature=nature))
    return rows


def warm(days: int = 366) -> list[Gold]:
    rows = []
    for at in range(days):
        day = FIRST + timedelta(days=at)
        rows += [
            Gold(day, "air_temperature", "maximum", 44.0 if at in range(100, 104) else 31.0, "tx-18-18", from_hour=-6),
            Gold(day, "air_temperature", "minimum", 22.0, "tn-18-06", from_hour=-6),
            Gold(day, "relative_humidity", "mean", 60.0, "utc-00-24"),
            Gold(day, "wind_speed", "mean", 3.0, "utc-00-24"),
            Gold(day, "irradiance", "mean", 230.0, "utc-00-24"),
        ]
    return rows


def test_products_are_stored_once_and_a_second_run_changes_nothing(climate: Climate) -> None:
    climate.days(season() + warm())
    first = climate.compute()
    count = len(climate.current())
    assert first == f"{count} values: {count} written, 0 replaced or taken back\n"
    assert {row[2] for row in climate.current()} == {
        "et0",
        "growing-degree-days",
        "heat-waves",
        "rainy-season",
        "water-balance",
    }
    assert climate.compute() == f"{count} values: 0 written, 0 replaced or taken back\n"


def test_a_late_value_makes_a_new_version_and_the_old_one_stays(climate: Climate) -> None:
    climate.days(season())
    climate.compute()
    assert [row[3:] for row in climate.current()] == [
        ("cessation", FIRST, 273.0, 1),
        ("length", FIRST, 99.0, 1),
        ("onset", FIRST, 175.0, 1),
    ]
    climate.change("UPDATE gold.daily SET value = 30 WHERE label = '2024-10-10'")
    assert climate.compute() == "3 values: 3 written, 3 replaced or taken back\n"
    assert ("cessation", FIRST, 284.0, 2) in [row[3:] for row in climate.current()]
    old = climate.ask("SELECT value, version FROM gold.climate WHERE replaced_at IS NOT NULL AND element = 'cessation'")
    assert old == [(273.0, 1)]


def test_what_is_no_longer_computed_is_taken_back_and_may_return(climate: Climate) -> None:
    climate.days(warm())
    climate.compute()
    assert len(climate.current("product = 'heat-waves'")) == 1
    climate.change("UPDATE gold.daily SET value = 40 WHERE value = 44")
    climate.compute()
    assert climate.current("product = 'heat-waves'") == []
    climate.change("UPDATE gold.daily SET value = 44 WHERE value = 40")
    climate.compute()
    assert [row[6] for row in climate.current("product = 'heat-waves'")] == [2]


def test_natures_and_stations_are_never_put_together(climate: Climate) -> None:
    climate.days(season() + season(TWIN, "simulated", 3.0) + season(REAL, "replayed", 3.0))
    climate.compute()
    onsets = {row[:2]: row[5] for row in climate.current("element = 'onset'")}
    assert onsets[REAL, "observed"] == 175.0
    assert onsets.keys() == {(REAL, "observed"), (REAL, "replayed"), (TWIN, "simulated")}
    assert onsets[TWIN, "simulated"] is None  # 6 mm in three days are no onset


def test_days_of_different_rules_are_never_put_together(climate: Climate) -> None:
    """What was computed goes before what was imported, the rule with more days before both."""
    imported = [rain(FIRST + timedelta(days=at), 50.0)._replace(rule="imported:gsod:rain_24h") for at in range(100)]
    climate.days(season()[:100] + imported)
    climate.days(season()[100:200])
    climate.compute()
    assert {row[0] for row in climate.ask("SELECT rule FROM gold.climate")} == {"sivakumar/rain-06-06"}


def test_a_withdrawn_day_and_one_without_value_are_missing(climate: Climate) -> None:
    rows = season()
    rows[200] = rows[200]._replace(value=None)
    rows[202] = rows[202]._replace(expected=0)
    climate.days(rows)
    climate.compute()
    assert climate.ask("SELECT DISTINCT known, expected FROM gold.climate") == [(364, 366)]


def test_the_role_that_reads_may_not_compute(climate: Climate) -> None:
    climate.days(season())
    assert climate.run("climate", "compute", role="reader").exit_code == 1
    assert climate.current() == []


def test_a_bulletin_compares_with_the_published_normal_or_says_that_there_is_none(climate: Climate) -> None:
    climate.days(season() + warm() + season(TWIN, "simulated", 3.0))
    (line,) = climate.run("climate", "bulletin", "--day", "2024-08-15").output.splitlines()
    found = json.loads(line)
    assert (found["station"], found["nature"], found["rain_mm"]["value"]) == (REAL, "observed", 60.0)
    assert found["rain_anomaly"] is None
    assert "expected a normal, found none" in found["no_anomaly"]
    climate.change(
        "INSERT INTO core.normal (station, variable, day_statistic, statistic, period, number, value, first_year, "
        "last_year, source, licence, attribution, commercial_use, redistribute, file_name, file_sha256) VALUES "
        "(%s, 'rain', 'sum', 'sum', 'dekad', 23, 40, 1991, 2020, 'wmo', 'CC', 'WMO', true, true, 'f', %s)",
        REAL,
        b"0" * 32,
    )
    found = json.loads(climate.run("climate", "bulletin", "--day", "2024-08-15", "--station", "GOOY").output)
    assert found["rain_anomaly"] == {"value": 60.0, "normal": 40.0, "difference": 20.0, "percent": 150.0}
    simulated = json.loads(climate.run("climate", "bulletin", "--day", "2024-08-15", "--nature", "simulated").output)
    assert (simulated["notice"], simulated["rain_anomaly"]) == ("SIMULÉ", None)
    assert climate.run("climate", "bulletin", "--day", "August").exit_code == 2


# --- CLIMAT ------------------------------------------------------------------------------------------------------


def hourly() -> Gold:
    return Gold(date(2024, 8, 15), "air_temperature", "point", 25.0, "best-of-sources", count=1, expected=1)


def with_source(climate: Climate, source: str) -> None:
    climate.days([hourly()], "hourly")
    climate.change("UPDATE gold.hourly SET source = %s", source)


def test_a_message_is_made_of_observed_days(climate: Climate) -> None:
    climate.days(season() + warm() + season(TWIN, "simulated", 90.0))
    with_source(climate, "synop")
    file = climate.folder / "climat.txt"
    done = climate.run("export", "climat", str(file), "--station", "GOOY", "--month", "2024-08")
    assert done.exit_code == 0, done.exception
    assert "1 messages\nsource synop: ANACIM (licence: CC-BY-4.0" in done.output
    lines = file.read_text().splitlines()
    assert lines[0] == "CLIMAT 08024 61641"
    assert lines[1] == "111 1//// 2//// 3/////// 403100220 5/// 60180/15 7////// 8313100 9310031"
    assert lines[2] == "333 03131 10000 20000 31515 41500 50000"
    assert lines[3] == "444 2031051 3022051 4012052="


@pytest.mark.parametrize(
    ("source", "station", "month", "said"),
    [
        ("closed", "GOOY", "2024-08", "no permission to redistribute is recorded for: closed"),
        ("synop", "GOBD", "2024-08", "expected a station with a WMO number"),
        ("synop", "GOSS", "2024-08", "expected observed days of 2024-08, found none"),
        ("synop", TWIN, "2024-08", "simulated"),
        ("synop", "GOOY", "2099-08", "2099-08"),
        ("synop", "GOOY", "August", "August"),
    ],
)
def test_what_is_no_message_is_refused_without_a_file(
    climate: Climate, source: str, station: str, month: str, said: str
) -> None:
    climate.days(season() + season(TWIN, "simulated", 90.0))
    with_source(climate, source)
    file = climate.folder / "climat.txt"
    done = climate.run("export", "climat", str(file), "--station", station, "--month", month)
    assert done.exit_code == 1
    assert said in str(done.exception)
    assert not file.exists()


def test_the_numbers_of_a_year_are_those_of_the_formulas(climate: Climate) -> None:
    climate.days(season() + warm())
    climate.compute()
    sums = dict(climate.ask("SELECT element, sum(value) FROM gold.climate WHERE product = 'water-balance' GROUP BY 1"))
    et0 = climate.ask("SELECT sum(value) FROM gold.climate WHERE product = 'et0' AND first_day >= '2024-05-01'")[0][0]
    rain_mm = climate.ask("SELECT sum(value) FROM gold.daily WHERE variable = 'rain' AND label >= '2024-05-01'")[0][0]
    (end,) = climate.ask("SELECT value FROM gold.climate WHERE element = 'storage_mm' AND first_day = '2024-12-31'")[0]
    np.testing.assert_allclose(sums["evapotranspiration_mm"] + sums["deficit_mm"], et0, atol=1e-3)
    np.testing.assert_allclose(sums["evapotranspiration_mm"] + sums["surplus_mm"] + end, rain_mm, atol=1e-3)
