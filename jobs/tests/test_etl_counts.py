# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""Bronze and silver counted after a run, on a lake of this test alone: what the gate between silver and gold reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support_lake import BronzeWriter, lake_session, lake_settings
from support_reports import report

pytestmark = pytest.mark.spark


def when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_what_silver_lacks_or_has_twice_of_the_last_days_is_counted(tmp_path: Path) -> None:
    spark = lake_session(lake_settings(tmp_path))
    from meteostream.etl.silver import NAME, count_layers, merge_silver

    bronze = BronzeWriter(spark)
    now = datetime(2026, 3, 12, 15, tzinfo=UTC)

    def messages(received: datetime, *values: float) -> list[tuple[bytes, bytes]]:
        return [
            report(
                {"air_temperature": value}, observed_at=when(received - timedelta(hours=1)), received_at=when(received)
            )
            for value in values
        ]

    bronze.append(messages(now - timedelta(days=5), 1.0))  # received before what is counted
    bronze.append(messages(now - timedelta(days=1), 2.0, 3.0, 3.0))  # one came twice
    bronze.append([*messages(now, 4.0), (b"x", b"no report")])
    merge_silver(spark)
    assert count_layers(spark, now)[1:] == (3, 3)
    bronze.append(messages(now, 5.0))  # while silver was merged
    assert count_layers(spark, now)[1:] == (3, 3)
    lost = spark.table(NAME).where("air_temperature = 3.0").limit(1)
    kept = lost.localCheckpoint()
    spark.sql("DELETE FROM lake.weather.silver WHERE air_temperature = 3.0")
    assert count_layers(spark, now)[1:] == (3, 2)
    kept.writeTo(NAME).append()
    kept.writeTo(NAME).append()
    assert count_layers(spark, now)[1:] == (3, 4)
    spark.stop()
