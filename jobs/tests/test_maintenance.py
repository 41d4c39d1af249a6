# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""Maintenance of a real lake: nothing is lost, and what is read and written next is as it was."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from meteostream.config import Maintenance
from meteostream.lake.lock import LakeLock
from meteostream.ledger.bronze import Snapshot
from meteostream.ledger.store import Local
from support_lake import BronzeWriter, lake_session, lake_settings
from support_reports import TOPIC, report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

NOW = datetime.now(UTC)
KEEP_ONE = Maintenance(snapshot_days=0.0, snapshots_kept=1)
NO_LOCK = LakeLock([], "test")
APPENDS = 8
EACH = 5


class Place(NamedTuple):
    spark: SparkSession
    bronze: BronzeWriter
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("maintenance")
    spark = lake_session(lake_settings(folder))
    bronze = BronzeWriter(spark)
    for number in range(APPENDS):
        bronze.append(messages(number * EACH))
    yield Place(spark, bronze, folder)
    spark.stop()


def messages(first: int) -> list[tuple[bytes, bytes]]:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return [
        report({"air_temperature": 20.0}, observed_at=f"{at + timedelta(minutes=n):%Y-%m-%dT%H:%M:%SZ}")
        for n in range(first, first + EACH)
    ]


def offsets(place: Place) -> list[int]:
    from meteostream.lake.bronze import TABLE

    place.spark.sql(f"REFRESH TABLE {TABLE}")
    return sorted(row["offset"] for row in place.spark.table(TABLE).select("offset").collect())


def data_files(place: Place) -> int:
    return int(place.spark.sql("SELECT count(*) FROM lake.weather.bronze.files").collect()[0][0])


def snapshots(place: Place) -> int:
    return int(place.spark.sql("SELECT count(*) FROM lake.weather.bronze.snapshots").collect()[0][0])


def positions(place: Place) -> dict[int, int]:
    from meteostream.lake.bronze import Bronze

    return {partition: found.next_offset for partition, found in Bronze(place.spark, TOPIC).positions().items()}


def test_compaction_makes_few_files_and_keeps_rows_and_position(place: Place) -> None:
    """KF-121, KF-82. The ledger, which reads the format by itself, finds the same as before."""
    from meteostream.lake.maintenance import compact

    uri = f"file:{place.folder}/lake"
    before = offsets(place), positions(place), Snapshot(Local(), uri).next_offsets()
    assert data_files(place) == APPENDS
    (done,) = compact(place.spark, NO_LOCK, Maintenance())
    assert (done.table, done.files) == ("lake.weather.bronze", APPENDS)
    assert data_files(place) == 1
    assert (offsets(place), positions(place), Snapshot(Local(), uri).next_offsets()) == before
    assert compact(place.spark, NO_LOCK, Maintenance())[0].files == 0


def test_after_expiry_a_batch_that_comes_again_adds_nothing(place: Place) -> None:
    """The position is in the rows: forgetting snapshots does not move it. A lost checkpoint replays a batch."""
    from meteostream.lake.maintenance import expire

    before = offsets(place)
    (done,) = expire(place.spark, NO_LOCK, KEEP_ONE, NOW + timedelta(minutes=5))
    assert done.files == APPENDS  # the small ones that compaction replaced
    assert snapshots(place) == 1
    assert offsets(place) == before
    again = BronzeWriter(place.spark)
    again.restart()
    again.append(messages(0))
    again.append(messages(EACH))
    assert offsets(place) == before


def test_orphans_are_listed_then_removed_and_young_files_stay(place: Place) -> None:
    from meteostream.lake.maintenance import orphans

    data = place.folder / "lake" / "weather" / "bronze" / "data"
    known = next(data.rglob("*.parquet"))
    old, young = data / "orphan-old.parquet", data / "orphan-young.parquet"
    for file in (old, young):
        shutil.copy(known, file)
    long_ago = (NOW - timedelta(days=9)).timestamp()
    os.utime(old, (long_ago, long_ago))
    assert [done.files for done in orphans(place.spark, NO_LOCK, Maintenance(), remove=False)] == [1]
    assert old.exists()
    assert [done.files for done in orphans(place.spark, NO_LOCK, Maintenance(), remove=True)] == [1]
    assert (old.exists(), young.exists(), known.exists()) == (False, True, True)
    assert len(offsets(place)) == APPENDS * EACH


def test_files_put_back_to_an_hour_ago_are_read_on_from_there(place: Place) -> None:
    """As after a restore: the position goes back with the rows, Kafka's records come again, each is there once."""
    table, kept = place.folder / "lake" / "weather" / "bronze", place.folder / "kept"
    shutil.copytree(table, kept)
    place.bronze.append(messages(APPENDS * EACH))
    whole = offsets(place)
    shutil.rmtree(table)
    shutil.copytree(kept, table)
    assert positions(place) == {0: APPENDS * EACH}
    stream = BronzeWriter(place.spark)
    stream.restart()
    stream.next_offset = (APPENDS - 1) * EACH  # Kafka gives more than is missing
    stream.append(messages((APPENDS - 1) * EACH))
    stream.append(messages(APPENDS * EACH))
    assert offsets(place) == whole


def test_checkpoints_are_copied_and_old_copies_go(place: Place) -> None:
    """KF-119."""
    from meteostream.lake.maintenance import MaintenanceError, back_up_checkpoints

    folder, target = place.folder / "checkpoints", place.folder / "backup"
    (folder / "run" / "offsets").mkdir(parents=True)
    (folder / "run" / "offsets" / "0").write_text("plan")
    for number in range(3):
        when = NOW + timedelta(seconds=number)
        made = back_up_checkpoints(place.spark, f"file:{folder}", f"file:{target}", 2, when)
    assert (Path(made.removeprefix("file:")) / "run" / "offsets" / "0").read_text() == "plan"
    assert len([path for path in target.iterdir() if not path.name.startswith(".")]) == 2
    with pytest.raises(MaintenanceError, match="expected the streams' checkpoints"):
        back_up_checkpoints(place.spark, f"file:{folder}-none", f"file:{target}", 2)


@pytest.mark.parametrize(("orphan_days", "kept"), [(0.5, 20), (3.0, 0)])
def test_settings_that_would_break_writers_are_refused(orphan_days: float, kept: int) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        Maintenance(orphan_days=orphan_days, snapshots_kept=kept)
