"""A file as people save it: semicolons, decimal commas, narrow spaces, accents composed and decomposed, NULLs."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from datetime import datetime
from typing import Any, Final

import pytest
from meteo_nodes.platform import REPOSITORY, Platform

FILE: Final = REPOSITORY / "jobs" / "tests" / "data" / "senegal.csv"
SOURCE: Final = "csv-fr"
STATIONS: Final = {"kedougou": "0-20000-0-61699", "linguere": "0-20000-0-61627", "thies": "0-20000-0-61654"}
ABSENT: Final = ("", "NULL", "-")
RAIN_6H_BIT: Final = 13
WAIT_S: Final = 300

pytestmark = pytest.mark.needs("jobs", "kafka", "postgres")


def plain(name: str) -> str:
    """A name without accents and capitals, however its accents are written."""
    return "".join(c for c in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(c))


def number(text: str) -> float | None:
    return None if text in ABSENT else float(re.sub(r"[\s\u202f\u00a0]", "", text).replace(",", "."))


def wanted() -> dict[tuple[str, str], dict[str, float | bool | None]]:
    """(station, observed_at) to the values that the file says, by this file's own arithmetic."""
    result: dict[tuple[str, str], dict[str, float | bool | None]] = {}
    with FILE.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream, delimiter=";"):
            row = {unicodedata.normalize("NFC", name): text for name, text in line.items()}
            when = datetime.strptime(f"{row['Date']} {row['Heure']} +0000", "%d/%m/%Y %H:%M %z")
            speed, turning = number(row["Vent (km/h)"]), row["Direction (°)"] == "VRB"
            direction = None if turning else number(row["Direction (°)"])
            result[STATIONS[plain(row["Station"])], when.strftime("%Y-%m-%dT%H:%M:%SZ")] = {
                "air_temperature": number(row["Température (°C)"]),
                "relative_humidity": number(row["Humidité (%)"]),
                "station_pressure": number(row["Pression station (hPa)"]),
                "wind_mean_10min": None if speed is None else speed / 3.6,
                "wind_direction": None if not speed else 360.0 if direction == 0 else direction,
                "wind_variable": True if turning else None,
                "rain_6h": number(row["Pluie 6 h (mm)"]),
            }
    return result


@pytest.fixture(scope="module")
def loaded(platform: Platform) -> dict[str, Any]:
    platform.copy(FILE, platform.members("jobs")[0], "senegal.csv")
    platform.meteostream("load", "senegal.csv", "--profile", SOURCE)
    done = platform.meteostream("ledger", "check", "--json", "--wait", str(WAIT_S), timeout=WAIT_S + 120)
    return dict(json.loads(done.stdout))


def test_the_fixture_holds_what_it_is_for() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert unicodedata.normalize("NFC", "Kédougou") in text
    assert unicodedata.normalize("NFD", "Kédougou") in text
    assert "NULL" in text
    assert len(wanted()) == 24


def test_every_value_of_the_file_is_in_the_warehouse(platform: Platform, loaded: dict[str, Any]) -> None:
    """KF-106, KF-116, KF-128: names that differ in accents only are one station; commas are decimals; null is not 0."""
    assert (loaded["lost"], loaded["doubled"], loaded["findings"]) == (0, 0, [])
    names = list(next(iter(wanted().values())))
    rows = platform.sql(
        "SELECT station, to_char(observed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS observed_at, "  # noqa: S608 (constants)
        f"{', '.join(names)} FROM core.observation WHERE source = '{SOURCE}'"
    )
    found = {(row["station"], row["observed_at"]): row for row in rows}
    assert set(found) == set(wanted())
    wrong = []
    for where, values in wanted().items():
        for name, value in values.items():
            stored = found[where][name]
            if value is None or value is True:
                same = stored == {None: None, True: "t"}[value]
            else:
                same = stored is not None and float(stored) == pytest.approx(value, rel=1e-9)
            if not same:
                wrong.append((where, name, value, stored))
    assert wrong == []


@pytest.mark.usefixtures("loaded")
def test_a_null_is_reported_as_missing_and_not_left_out(platform: Platform) -> None:
    """An absent variable and an explicit NULL differ: every row said something about rain."""
    query = (
        f"SELECT count(*) FILTER (WHERE reported >> {RAIN_6H_BIT} & 1 = 1) AS reported, "  # noqa: S608 (constants)
        f"count(rain_6h) AS valued FROM core.observation WHERE source = '{SOURCE}'"
    )
    valued = sum(values["rain_6h"] is not None for values in wanted().values())
    assert platform.sql(query) == [{"reported": "24", "valued": str(valued)}]
