"""Runs of the ETL: what they computed, what gold has taken in, what is to be published.

A run is one row, written when all its tables are: a run that died has none, and what it would have taken in is still
new to the next.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.etl.scope import Scope
from meteostream.lake.table import Table

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import SparkSession

NAME: Final = "lake.gold.runs"
TABLE: Final = Table(
    NAME,
    {
        "run_id": "string",
        "name": "string",
        "silver_sequence": "bigint",
        "decision_sequence": "bigint",
        "first_day": "date",
        "last_day": "date",
        "pairs": "array<struct<station:string,day:date>>",
        "changed": "bigint",
        "ended_at": "timestamp",
    },
)
"""``name``: of the backfill that it is a part of, null for what is new; ``pairs`` null = all stations."""


class Position(NamedTuple):
    """What gold has taken in: the last sequences of silver and of the decisions."""

    silver: int
    decisions: int


class Run(NamedTuple):
    """A run that ended."""

    run_id: str
    name: str | None
    position: Position | None
    scope: Scope
    changed: int


def position(spark: SparkSession) -> Position:
    """What the incremental runs have taken in; zeros at first."""
    row = spark.table(NAME).select(F.max("silver_sequence"), F.max("decision_sequence")).first()
    return Position(int(row[0] or 0), int(row[1] or 0)) if row else Position(0, 0)


def note(spark: SparkSession, run: Run) -> None:
    """Note that a run ended."""
    pairs = None if run.scope.pairs is None else sorted(run.scope.pairs)
    silver, decisions = run.position or (None, None)
    row = (
        run.run_id,
        run.name,
        silver,
        decisions,
        run.scope.first,
        run.scope.last,
        pairs,
        run.changed,
        datetime.now(UTC),
    )
    schema = ", ".join(f"{name} {kind}" for name, kind in TABLE.columns.items())
    spark.createDataFrame([row], schema).coalesce(1).writeTo(NAME).append()


def done_slices(spark: SparkSession, name: str) -> set[tuple[date, date]]:
    """Ranges of days that a backfill of this name has finished."""
    rows = spark.table(NAME).where(F.col("name") == name).select("first_day", "last_day").collect()
    return {(row[0], row[1]) for row in rows}


def unpublished(spark: SparkSession, published: Collection[str]) -> list[Run]:
    """Runs that ended and are not in ``published``, oldest first."""
    rows = spark.table(NAME).orderBy("ended_at", "run_id").collect()
    return [
        Run(
            row["run_id"],
            row["name"],
            None,
            Scope(
                row["first_day"],
                row["last_day"],
                None if row["pairs"] is None else frozenset((pair["station"], pair["day"]) for pair in row["pairs"]),
            ),
            row["changed"],
        )
        for row in rows
        if row["run_id"] not in published
    ]
