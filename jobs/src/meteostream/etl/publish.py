"""Gold from the lake to the warehouse: each run that ended, in one transaction.

A run's whole scope is compared, not only what it changed: so a publication that was interrupted, a warehouse that was
restored, or a lake that was built anew end at the same rows. Until it commits, readers have the version before.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from meteostream.climate.periods import ONE_DAY, dekad_first, month_first, month_last
from meteostream.etl import gold, runs
from meteostream.etl.scope import Scope
from meteostream.warehouse.connection import retrying
from meteostream.warehouse.gold import PATIENCE_S, STAGE, published_runs, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyspark.sql import SparkSession

    from meteostream.etl.runs import Run

log = logging.getLogger(__name__)

MONTHS_AT_ONCE: Final = {gold.HOURLY: 1}
"""How much of a table is in the driver's memory; a year of the others."""
YEAR: Final = 12


def publish(spark: SparkSession, conninfo: str) -> dict[str, int]:
    """Publish every run that ended and is not published; give the changed rows by run.

    Parameters
    ----------
    conninfo
        libpq connection string of the warehouse, as its role ``pipeline``.
    """
    runs.TABLE.create(spark)
    gold.create(spark)
    return {run.run_id: _publish_run(spark, conninfo, run) for run in runs.unpublished(spark, published_runs(conninfo))}


def _publish_run(spark: SparkSession, conninfo: str, run: Run) -> int:
    def attempt() -> int:
        changed = 0
        with transaction(conninfo) as writer:
            for name in gold.TABLES:
                changed += writer.write(name, _batches(spark, name, scope_in(name, run.scope)))
            writer.note(run.run_id, run.scope.first, run.scope.last, changed)
        return changed

    changed = retrying(
        attempt,
        patience_s=PATIENCE_S,
        on_retry=lambda tries, error: log.warning(
            "the warehouse did not take run %s (attempt %d): %s", run.run_id, tries, error
        ),
    )
    log.info("published run %s: %d rows changed", run.run_id, changed)
    return changed


def scope_in(table: str, scope: Scope) -> Scope:
    """Labels of a table that a run of a scope computed: a backfill's days reach a day further on both sides."""
    if table == gold.HOURLY:
        return scope
    outer = scope if scope.pairs is not None else scope.padded(1)
    if table == gold.DEKAD:
        return outer.periods(dekad_first)
    return outer.periods(month_first) if table == gold.MONTHLY else outer


def _batches(spark: SparkSession, name: str, scope: Scope) -> Iterator[pa.RecordBatch]:
    rows = spark.table(gold.table(name).name)
    for part in parts(scope, MONTHS_AT_ONCE.get(name, YEAR)):
        table = part.restrict(rows).select(*STAGE.names).toArrow()
        yield from table.cast(STAGE).to_batches()


def parts(scope: Scope, months: int) -> Iterator[Scope]:
    """The scope in ranges of at most so many months.

    >>> [(str(p.first), str(p.last)) for p in parts(Scope(date(2026, 1, 30), date(2026, 3, 2)), 2)]
    [('2026-01-30', '2026-02-28'), ('2026-03-01', '2026-03-02')]
    """
    begin = scope.first
    while begin <= scope.last:
        end = begin
        for _ in range(months):
            end = month_last(end) + ONE_DAY
        last = min(end - ONE_DAY, scope.last)
        pairs = scope.pairs and frozenset(pair for pair in scope.pairs if begin <= pair[1] <= last)
        if scope.pairs is None or pairs:
            yield Scope(begin, last, pairs)
        begin = last + ONE_DAY
