# ruff: noqa: PLC0415 - Spark is unpacked first, so what needs it is imported after it
"""The ETL's bench: two engines over one file give the same, or it says so."""

from __future__ import annotations

import os

import pyarrow as pa
import pytest

import local_spark

pytestmark = pytest.mark.spark


def test_spark_and_duckdb_give_the_same_days_and_months(monkeypatch: pytest.MonkeyPatch) -> None:
    local_spark.install()
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", os.environ["PYSPARK_SUBMIT_ARGS"])
    from pyspark.sql import SparkSession

    from meteostream.etl.bench import Plan, measure

    active = SparkSession.getActiveSession()
    if active is not None:
        active.stop()
    found = measure(Plan(stations=3, years=1, cores=2, driver_memory="1g"))
    assert found["rows"] == 3 * 8760
    assert found["ratio"] == found["spark_s"] / found["duckdb_s"]


def test_engines_that_disagree_are_told() -> None:
    local_spark.install()
    from meteostream.etl.bench import BenchError, _compare

    with pytest.raises(BenchError, match="expected the same from both engines"):
        _compare(pa.table({"rows": [1]}), pa.table({"rows": [2]}))
