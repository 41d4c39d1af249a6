"""How fast the ETL computes, beside DuckDB on the same file.

Measured is what every value passes: from hours, as silver has them, to days of all rules and months. Both engines read
one Parquet file, both give the same rows (compared), both have the machine's cores. Spark's time is its second run: the
first one warms the JVM up, and is given too.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.climate.completeness import WMO_1203
from meteostream.etl.daily import daily_values, day_sums
from meteostream.etl.summary import month_values
from meteostream.streams.source import spark_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

BEGIN_S: Final = 1_420_070_400  # 2015-01-01T00:00:00Z
HOUR_S: Final = 3600
ROW_GROUP: Final = 1_000_000
MOST_OF_DUCKDB: Final = 2.5
"""Goal: Spark's computing takes at most so many times DuckDB's."""


class Plan(NamedTuple):
    """What to compute: hours of so many stations and years."""

    stations: int
    years: int
    cores: int
    driver_memory: str


class BenchError(Exception):
    """The measurement did not come about, or the engines disagree."""


def measure(plan: Plan) -> dict[str, float]:
    """Generate hours, compute days and months with both engines; give seconds, rows and the ratio.

    Raises
    ------
    BenchError
        DuckDB is not installed (it is a library of the tests), or the results differ.
    """
    try:
        import duckdb  # noqa: PLC0415 - a library of the tests, not of the platform
    except ImportError:
        raise BenchError(
            "expected DuckDB to compare with; it is one of the tests' libraries: "
            "PYTHONPATH=tests:src scripts/jobs-python local_spark meteostream bench etl"
        ) from None
    # Of an option that is given twice the last counts.
    given = os.environ.get("PYSPARK_SUBMIT_ARGS", "").removesuffix("pyspark-shell")
    ours = f"--master local[{plan.cores}] --driver-memory {plan.driver_memory} pyspark-shell"
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{given} {ours}"
    with tempfile.TemporaryDirectory(prefix="meteostream-bench-") as folder:
        file = Path(folder) / "hours.parquet"
        rows = generate(file, plan.stations, plan.years)
        spark = spark_session(
            "meteostream bench etl",
            {"spark.sql.adaptive.enabled": "true", "spark.sql.shuffle.partitions": str(4 * plan.cores)},
        )
        try:
            hours = spark.read.parquet(str(file))
            first, _ = _timed(lambda: _spark(hours))
            seconds, found = _timed(lambda: _spark(hours))
        finally:
            spark.stop()
        base = duckdb.connect()
        base.execute(f"SET threads = {plan.cores}")
        base.execute("SET TimeZone = 'UTC'")
        peer, theirs = _timed(lambda: base.execute(_peer(str(file))).to_arrow_table())
        _compare(found, theirs)
        return {
            "rows": float(rows),
            "megabytes": file.stat().st_size / 1e6,
            "spark_cold_s": first,
            "spark_s": seconds,
            "duckdb_s": peer,
            "ratio": seconds / peer,
        }


def generate(file: Path, stations: int, years: int) -> int:
    """Write hours of made-up weather; give how many.

    Columns: station, nature, s (seconds since 1970), air_temperature, relative_humidity, rain_1h.
    """
    schema = pa.schema(
        [
            ("station", pa.string()),
            ("nature", pa.string()),
            ("s", pa.int64()),
            ("air_temperature", pa.float64()),
            ("relative_humidity", pa.float64()),
            ("rain_1h", pa.float64()),
        ]
    )
    hours = years * 8760
    seconds = BEGIN_S + HOUR_S * np.arange(1, hours + 1, dtype=np.int64)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for number in range(stations):
            dice = np.random.default_rng(number)
            columns = [
                pa.array([f"0-0-0-SIM{number:05d}"] * hours),
                pa.array(["simulated"] * hours),
                pa.array(seconds),
                pa.array(np.round(26 + 6 * np.sin(seconds / 13_751) + dice.normal(0, 1, hours), 1)),
                pa.array(np.round(dice.uniform(20, 100, hours))),
                pa.array(np.round(dice.gamma(1, 2, hours) * (dice.random(hours) < 0.05), 1)),  # noqa: PLR2004 - showers
            ]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
    return stations * hours


def _spark(hours: DataFrame) -> pa.Table:
    """Days of all rules, and months, as one row an aggregate's sum: the work is done, the answer is small."""
    sums = day_sums(hours).persist()  # a sixth of the daily rows that are made of it twice
    daily = daily_values(sums)
    try:
        both = daily.select(F.lit("day").alias("period"), "*").unionByName(
            month_values(daily, WMO_1203).select(F.lit("month").alias("period"), "*")
        )
        table: pa.Table = (
            both.where("value IS NOT NULL")
            .groupBy("period", "variable", "statistic")
            .agg(
                F.count("*").alias("rows"),
                F.sum(F.rint(F.col("value") * 1e6).cast("bigint")).alias("millionths"),
            )
            .orderBy("period", "variable", "statistic")
            .toArrow()
        )
        return table
    finally:
        sums.unpersist()


def _peer(file: str) -> str:
    """The same in DuckDB's SQL, written for it."""
    source = f"read_parquet('{file}')"
    exact = "sum(round_even({0} * 1e6, 0)::bigint) / 1e6"

    def days(variable: str, statistic: str, value: str, begin_h: int, hours: int, needed: int) -> str:
        start = f"(s - 1 - {begin_h * HOUR_S})"
        night = f"WHERE {start} % 86400 < {hours * HOUR_S}" if hours < 24 else ""  # noqa: PLR2004 - a day
        return (
            f"SELECT station, {start} // 86400 AS day, '{variable}' AS variable, '{statistic}' AS statistic, "  # noqa: S608 - ours
            f"{value} AS value FROM {source} {night} GROUP BY station, day HAVING count(*) >= {needed}"
        )

    mean = "{0} / count(*)"
    found = [
        days("rain", "sum", exact.format("rain_1h"), 6, 24, 24),
        days("air_temperature", "maximum", "max(air_temperature)", -6, 24, 18),
        days("air_temperature", "minimum", "min(air_temperature)", -6, 12, 9),
        days("air_temperature", "mean", mean.format(exact.format("air_temperature")), 0, 24, 18),
        days("relative_humidity", "mean", mean.format(exact.format("relative_humidity")), 0, 24, 18),
    ]
    return f"""
        WITH d AS MATERIALIZED ({" UNION ALL ".join(found)}),
        labelled AS (SELECT *, DATE '1970-01-01' + day::integer AS label FROM d),
        m AS (
            SELECT station, variable, statistic, date_trunc('month', label)::date AS first, count(*) AS n,
                day(last_day(min(label))) AS length, {exact.format("value")} AS total,
                max(value) AS highest, min(value) AS lowest, list_sort(list(day(label))) AS days
            FROM labelled GROUP BY ALL
        ),
        w AS (
            SELECT *, list_max(list_transform(
                list_zip(days || [length + 1], [0] || days), lambda x: x[1] - x[2] - 1)) AS gap
            FROM m
        ),
        months AS (
            SELECT variable, 'sum' AS statistic, total AS value FROM w WHERE statistic = 'sum' AND n = length
            UNION ALL SELECT variable, 'mean', total / n FROM w
                WHERE statistic <> 'sum' AND length - n < {WMO_1203.missing} AND gap < {WMO_1203.in_a_row}
            UNION ALL SELECT variable, statistic, CASE statistic WHEN 'maximum' THEN highest ELSE lowest END FROM w
                WHERE statistic IN ('maximum', 'minimum')
                AND length - n < {WMO_1203.missing} AND gap < {WMO_1203.in_a_row}
        ),
        every AS (
            SELECT 'day' AS period, variable, statistic, value FROM labelled
            UNION ALL SELECT 'month', variable, statistic, value FROM months
        )
        SELECT period, variable, statistic, count(*) AS rows,
            sum(round_even(value * 1e6, 0)::bigint)::bigint AS millionths
        FROM every GROUP BY ALL ORDER BY period, variable, statistic
    """  # noqa: S608 - names and numbers of ours


def _timed(work: Callable[[], pa.Table]) -> tuple[float, pa.Table]:
    started = time.monotonic()
    found = work()
    return time.monotonic() - started, found


def _compare(ours: pa.Table, theirs: pa.Table) -> None:
    left: list[dict[str, Any]] = ours.to_pylist()
    right: list[dict[str, Any]] = theirs.to_pylist()
    if left != right:
        raise BenchError(f"expected the same from both engines, found {left} by Spark and {right} by DuckDB")
