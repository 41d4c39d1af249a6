"""Gold's tables in the lake, and how a run's rows get into them.

A row that is the same as before is not touched. One that changed gets the next version; one that is no longer computed
(a report's revision took its value back) is withdrawn: it stays, with a new version, without a value and with nothing
expected. So whoever reads versions sees every change of what was published, and a rerun changes nothing.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Final

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.lake.table import Table
from meteostream.qc.flags import Flag

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from meteostream.etl.scope import Scope

NAMESPACE: Final = "lake.gold"
KEY: Final = ("station", "nature", "variable", "statistic", "period_start", "period_end", "rule")
CONTENT: Final = ("label", "value", "count", "expected", "complete", "flag", "source", "report_id")
TECHNICAL: Final = ("version", "computed_at", "run_id")
COLUMNS: Final[dict[str, str]] = {
    "station": "string",
    "nature": "string",
    "variable": "string",
    "statistic": "string",
    "period_start": "timestamp",
    "period_end": "timestamp",
    "label": "date",
    "rule": "string",
    "value": "double",
    "count": "int",
    "expected": "int",
    "complete": "boolean",
    "flag": "int",
    "source": "string",
    "report_id": "binary",
    "version": "int",
    "computed_at": "timestamp",
    "run_id": "string",
}
COMPUTED: Final = tuple(name for name in COLUMNS if name not in TECHNICAL)
"""Columns that a computation gives; a table's rows differ from it by the technical ones alone."""

HOURLY: Final = "hourly"
DAILY: Final = "daily"
DEKAD: Final = "dekad"
MONTHLY: Final = "monthly"
AVAILABILITY: Final = "availability"
TABLES: Final = (HOURLY, DAILY, DEKAD, MONTHLY, AVAILABILITY)

_MERGING: Final = threading.Lock()
"""Slices of a backfill compute side by side and commit one after the other: two of one year share files."""

_METRICS: Final = {
    "write.distribution-mode": "hash",
    "write.metadata.metrics.default": "counts",
    "write.metadata.metrics.column.label": "full",
    "write.metadata.metrics.column.station": "full",
    "write.metadata.metrics.column.variable": "full",
}


def table(name: str) -> Table:
    """One of :data:`TABLES`. Hours lie in a folder a month, the rest in one a year: few and large files."""
    unit = "months" if name == HOURLY else "years"
    return Table(f"{NAMESPACE}.{name}", COLUMNS, f"{unit}(label)", _METRICS)


def create(spark: SparkSession) -> None:
    """Make all tables unless they are there."""
    for name in TABLES:
        table(name).create(spark)


def read(spark: SparkSession, name: str) -> DataFrame:
    """A table's rows, without withdrawn ones."""
    return spark.table(table(name).name).where("expected > 0")


def replace(spark: SparkSession, name: str, computed: DataFrame, scope: Scope, *, run_id: str) -> int:
    """Make a table's rows of a scope what was computed; give how many changed.

    Parameters
    ----------
    computed
        Columns :data:`COMPUTED`; each key once. Rows outside the scope are left out: they may lack some of their input.
    scope
        Stations and labels. Of these, ``computed`` has all there are.
    run_id
        Noted on each changed row.
    """
    target = table(name).name
    changes = _changes(scope.restrict(computed), scope.restrict(spark.table(target)))
    # What is counted is what is merged; a plan over the target would be planned with it again. The count makes it.
    changes = changes.localCheckpoint(eager=False)
    changed = int(changes.count())
    if changed:
        noted = changes.withColumns({"computed_at": F.current_timestamp(), "run_id": F.lit(run_id)})
        with _MERGING:
            _merge(spark, target, noted.select(*COLUMNS), scope)
    return changed


def _changes(computed: DataFrame, existing: DataFrame) -> DataFrame:
    """Rows to write, with their version."""
    n, o = computed.select(*COMPUTED).alias("n"), existing.alias("o")
    same_key = [F.col(f"n.{name}") == F.col(f"o.{name}") for name in KEY]
    joined = n.join(o, same_key, "full_outer")
    is_new = F.col("o.station").isNull()
    is_gone = F.col("n.station").isNull()
    differs = ~F.col("n.label").eqNullSafe(F.col("o.label"))
    for name in CONTENT:
        differs = differs | ~F.col(f"n.{name}").eqNullSafe(F.col(f"o.{name}"))
    withdrawn = {
        "label": F.col("o.label"),
        "value": F.lit(None).cast("double"),
        "count": F.lit(0),
        "expected": F.lit(0),
        "complete": F.lit(False),
        "flag": F.lit(int(Flag.MISSING)),
        "source": F.lit(None).cast("string"),
        "report_id": F.lit(None).cast("binary"),
    }
    columns = [F.coalesce(F.col(f"n.{name}"), F.col(f"o.{name}")).alias(name) for name in KEY]
    columns += [F.when(is_gone, withdrawn[name]).otherwise(F.col(f"n.{name}")).alias(name) for name in CONTENT]
    version = (F.coalesce(F.col("o.version"), F.lit(0)) + 1).alias("version")
    to_write = is_new | (is_gone & (F.col("o.expected") > 0)) | (~is_gone & ~is_new & differs)
    return joined.where(to_write).select(*columns, version)


def _merge(spark: SparkSession, target: str, changes: DataFrame, scope: Scope) -> None:
    view = f"gold_changes_{uuid.uuid4().hex}"
    changes.createOrReplaceTempView(view)
    pruned = " OR ".join(f"(g.label BETWEEN DATE '{begin}' AND DATE '{end}')" for begin, end in scope.ranges())
    keys = " AND ".join(f"g.{name} = c.{name}" for name in KEY)
    spark.sql(
        f"MERGE INTO {target} g USING {view} c ON {keys} AND ({pruned}) "
        "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    spark.catalog.dropTempView(view)
