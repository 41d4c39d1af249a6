# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""A backfill through SIGKILLs of its driver, after every part and at any moment: it ends right, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

import local_spark
from meteostream.config import load_settings
from support_lake import BronzeWriter, content_hashes, lake_session, moment
from support_reports import report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.batch

STATIONS = ("0-20000-0-61641", "0-0-0-SIM61641")
BEGIN = moment("2026-01-05 00")
DAYS = 75
SPAN = ["--from", "2026-01-01", "--to", "2026-03-31", "--months", "1"]
DAMAGE = "label >= DATE '2026-01-20' AND label < DATE '2026-03-10'"
PATIENCE_S = 180.0
LEAST_DEATHS, MOST_DEATHS = 3, 8


class Place(NamedTuple):
    """A lake, whole; the settings of who works on it; and what gold should hold."""

    folder: Path
    config: Path
    whole: dict[str, str]

    def commits(self) -> int:
        """How many commits the tables of gold have had: each makes the next version of a table's metadata."""
        found = self.folder.glob("lake/gold/*/metadata")
        return sum(max(int(file.name[1:].split(".")[0]) for file in path.glob("v*.metadata.json")) for path in found)

    def new_commits(self, number: int) -> Callable[[], bool]:
        """Whether so many commits have been made since this was asked for."""
        wanted = self.commits() + number
        return lambda: self.commits() >= wanted

    def new_data_file(self) -> Callable[[], bool]:
        """Whether a file of rows has been begun since this was asked for."""
        before = self.data_files()
        return lambda: self.data_files() > before

    def data_files(self) -> int:
        return sum(1 for _ in self.folder.glob("lake/gold/*/data/**/*.parquet"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("kills")
    config = folder / "meteostream.toml"
    config.write_text(f'[lake]\nuri = "file:{folder}/lake"\n[etl]\nshuffle_partitions = 2\n')
    spark = session(config)
    from meteostream.climate.completeness import WMO_1203
    from meteostream.etl.compute import Rules, create_tables, update
    from meteostream.etl.silver import merge_silver
    from meteostream.etl.sources import load_priorities

    BronzeWriter(spark).append(
        [
            report(
                {"air_temperature": round(20 + number % 13 * 0.7, 1), "rain_1h": number % 5 * 0.2},
                station=station,
                observed_at=f"{BEGIN + timedelta(hours=number):%Y-%m-%dT%H:%M:%SZ}",
                received_at=f"{BEGIN + timedelta(hours=number, seconds=20):%Y-%m-%dT%H:%M:%SZ}",
                source="simulator" if "SIM" in station else "aws",
            )
            for station in STATIONS
            for number in range(24 * DAYS)
        ]
    )
    create_tables(spark)
    merge_silver(spark)
    update(spark, Rules(load_priorities(), WMO_1203))
    whole = content_hashes(spark)
    spark.stop()
    return Place(folder, config, whole)


def session(config: Path) -> SparkSession:
    return lake_session(load_settings(config), local_spark.LONG)  # the JVM stays, and a year may follow


def damage(config: Path) -> dict[str, str]:
    """Rows away, rows with another value: everything that a backfill may find to do."""
    from meteostream.etl import gold

    spark = session(config)
    for number, name in enumerate(gold.TABLES):
        target = gold.table(name).name
        if number % 2:
            spark.sql(f"UPDATE {target} SET value = value + 1 WHERE {DAMAGE}")  # noqa: S608 - names of ours
        else:
            spark.sql(f"DELETE FROM {target} WHERE {DAMAGE}")  # noqa: S608 - names of ours
    found = content_hashes(spark)
    spark.stop()
    return found


def backfill(place: Place, name: str, parallel: int, dies_when: Callable[[], bool] | None) -> str | None:
    """The command in a process group of its own; None if it was killed (the interpreter and its JVM at once)."""
    local_spark.install()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "meteostream", "--config", str(place.config), "etl", "backfill", *SPAN]
    command += ["--name", name, "--parallel", str(parallel)]
    log = place.folder / "backfill.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - ours
            command, env=environment, stdout=subprocess.PIPE, stderr=output, text=True, start_new_session=True
        )
    end = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        assert time.monotonic() < end, log.read_text()[-3000:]
        if dies_when is not None and dies_when():
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None
        time.sleep(0.002)
    said, _ = process.communicate()
    assert process.returncode == 0, log.read_text()[-3000:]
    return said


def after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have passed."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def test_a_backfill_that_is_killed_after_every_part_ends_right(place: Place) -> None:
    """The first attempt dies over a file that no commit names, each other two commits further than the one before."""
    damaged = damage(place.config)
    assert all(damaged[name] != place.whole[name] for name in place.whole)
    deaths = 0
    said = backfill(place, "parts", 2, place.new_data_file())
    while said is None and deaths < MOST_DEATHS:
        deaths += 1
        said = backfill(place, "parts", 2, place.new_commits(2 * deaths - 1))
    assert deaths >= LEAST_DEATHS
    assert said is not None
    assert_whole(place, "parts")


def test_a_backfill_that_is_killed_at_any_moment_ends_right(place: Place) -> None:
    """After so many seconds; the seed is printed. Whatever it was doing: starting, computing, writing, committing."""
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 10_000))
    print(f"KILL_SEED={seed}")  # noqa: T201 - shown if the test fails
    dice = random.Random(seed)  # noqa: S311 - a choice of moments
    damage(place.config)
    for _ in range(3):
        if backfill(place, "any", 1, after(dice.uniform(4, 20))) is not None:
            break
    else:
        assert backfill(place, "any", 1, None) is not None
    assert_whole(place, "any")


def assert_whole(place: Place, name: str) -> None:
    """Gold is what it was; each key once; each slice noted once; and the same command has nothing left to do."""
    from meteostream.etl import gold, runs

    spark = session(place.config)
    assert content_hashes(spark) == place.whole
    for table in gold.TABLES:
        rows = spark.table(gold.table(table).name)
        assert rows.count() == rows.select(*gold.KEY).distinct().count(), table
    noted = spark.table(runs.NAME).where(f"name = '{name}'").select("first_day").collect()
    assert sorted(row[0].month for row in noted) == [1, 2, 3]
    spark.stop()
    assert "0 slices computed, 0 rows changed, 3 were done before" in (backfill(place, name, 1, None) or "")
