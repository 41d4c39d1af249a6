"""Silver and decisions to gold: what is new, or any range again."""

from __future__ import annotations

import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pyspark.sql import functions as F  # noqa: N812 - Spark's own custom

from meteostream.climate.periods import ONE_DAY, dekad_first, dekad_last, month_first, month_last
from meteostream.etl import decisions as people
from meteostream.etl import gold, runs, silver
from meteostream.etl.availability import availability_values
from meteostream.etl.daily import daily_values, day_sums, imported_days, wide_hours
from meteostream.etl.errors import EtlError
from meteostream.etl.hourly import hourly_values
from meteostream.etl.runs import Position, Run
from meteostream.etl.scope import Scope, scope_of
from meteostream.etl.summary import dekad_values, month_values
from meteostream.etl.values import effective_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from meteostream.climate.completeness import Completeness
    from meteostream.etl.sources import Priorities

log = logging.getLogger(__name__)
T = TypeVar("T")


class Rules(NamedTuple):
    """What computing depends on beside the data."""

    priorities: Priorities
    monthly: Completeness


def create_tables(spark: SparkSession) -> None:
    """Make every table of the ETL unless it is there."""
    silver.TABLE.create(spark)
    people.TABLE.create(spark)
    gold.create(spark)
    runs.TABLE.create(spark)


def update(spark: SparkSession, rules: Rules) -> Run | None:
    """Compute what depends on events and decisions that gold has not taken in; None if there are none."""
    create_tables(spark)
    taken = runs.position(spark)
    now = Position(silver.last_sequence(spark), people.last_sequence(spark))
    new_events = spark.table(silver.NAME).where((F.col("sequence") > taken.silver) & (F.col("sequence") <= now.silver))
    decided = people.touched(spark.table(people.NAME).where(F.col("sequence") <= now.decisions), taken.decisions)
    scope = scope_of(new_events.select("station", "observed_at").unionByName(decided))
    if scope is None:
        return None
    run_id = str(uuid.uuid4())
    # A first load may be decades: hours year by year, then what follows from them.
    slices = [scope] if scope.pairs is not None else slices_of(scope.first, scope.last)
    changed = sum(_hours(spark, rules, part, run_id) for part in slices)
    changed += sum(_days_and_longer(spark, rules, part, run_id) for part in slices)
    return _noted(spark, Run(run_id, None, now, scope, changed))


def backfill(spark: SparkSession, rules: Rules, slices: Sequence[Scope], *, name: str, parallel: int = 1) -> list[Run]:
    """Compute ranges of days again, whatever was there; those that a backfill of this name finished are left out.

    Parameters
    ----------
    slices
        Whole months, so that two never write one value: see :func:`slices_of`.
    name
        Of the backfill: tried again under its name, it goes on where it stopped.
    parallel
        Slices at once.

    Raises
    ------
    EtlError
        A slice failed; the others are done, and noted.
    """
    create_tables(spark)
    done = runs.done_slices(spark, name)
    left = [scope for scope in slices if (scope.first, scope.last) not in done]
    run_ids = {scope: str(uuid.uuid4()) for scope in left}
    _side_by_side(lambda scope: _hours(spark, rules, scope, run_ids[scope]), left, name, parallel)

    def rest(scope: Scope) -> Run:
        # The days on both sides use hours of the range, too; between slices they are the neighbour's own.
        outer = Scope(
            scope.first - ONE_DAY if scope == slices[0] else scope.first,
            scope.last + ONE_DAY if scope == slices[-1] else scope.last,
        )
        changed = _days_and_longer(spark, rules, outer, run_ids[scope])
        return _noted(spark, Run(run_ids[scope], name, None, scope, changed))

    return _side_by_side(rest, left, name, parallel)


def _side_by_side(work: Callable[[Scope], T], slices: Sequence[Scope], name: str, parallel: int) -> list[T]:
    with ThreadPoolExecutor(max_workers=parallel, thread_name_prefix="backfill") as pool:
        futures = [pool.submit(work, scope) for scope in slices]
    failed = [(scope, future.exception()) for scope, future in zip(slices, futures, strict=True) if future.exception()]
    if failed:
        scope, error = failed[0]
        raise EtlError(
            f"backfill {name}: {len(failed)} of {len(slices)} slices failed; the same command goes on with what is not "
            f"done. The first failure, {scope.first} to {scope.last}: {error}"
        ) from error
    return [future.result() for future in futures]


def slices_of(first: date, last: date, months: int = 12) -> list[Scope]:
    """Whole months from that of ``first`` to that of ``last``, so many at a time.

    >>> [(str(s.first), str(s.last)) for s in slices_of(date(2026, 1, 5), date(2026, 3, 1), 2)]
    [('2026-01-01', '2026-02-28'), ('2026-03-01', '2026-03-31')]
    """
    found = []
    begin = month_first(first)
    while begin <= last:
        end = begin
        for _ in range(months - 1):
            following = month_last(end) + ONE_DAY
            if following > last:
                break
            end = following
        found.append(Scope(begin, month_last(end)))
        begin = month_last(end) + ONE_DAY
    return found


def whole_range(spark: SparkSession) -> Scope | None:
    """Days that silver's events may touch; None if it has none."""
    row = spark.table(silver.NAME).select(F.min("observed_at"), F.max("observed_at")).first()
    if row is None or row[0] is None:
        return None
    return Scope(row[0].date() - ONE_DAY, row[1].date() + ONE_DAY)


def _hours(spark: SparkSession, rules: Rules, scope: Scope, run_id: str) -> int:
    log.info(
        "run %s: %s to %s, %s",
        run_id,
        scope.first,
        scope.last,
        "all stations" if scope.pairs is None else f"{len(scope.pairs)} days of stations",
    )
    return gold.replace(spark, gold.HOURLY, hours_of(spark, rules, scope), scope, run_id=run_id)


def _days_and_longer(spark: SparkSession, rules: Rules, scope: Scope, run_id: str) -> int:
    """Compute all that follows from hours, which are gold's already; give how many rows changed."""
    hourly = scope.padded(1).restrict(gold.read(spark, gold.HOURLY))
    # One shuffle: hours, sums of days and their neighbours are all of one station and nature.
    wide = wide_hours(hourly.repartition("station", "nature"))
    days = daily_values(day_sums(wide)).unionByName(imported_days(hourly).select(*gold.COMPUTED))
    changed = gold.replace(spark, gold.DAILY, days, scope, run_id=run_id)
    changed += gold.replace(spark, gold.AVAILABILITY, availability_values(hourly), scope, run_id=run_id)
    daily = gold.read(spark, gold.DAILY)
    dekads, months = scope.periods(dekad_first), scope.periods(month_first)
    found = dekad_values(dekads.days_of(dekad_last).restrict(daily))
    changed += gold.replace(spark, gold.DEKAD, found, dekads, run_id=run_id)
    found = month_values(months.days_of(month_last).restrict(daily), rules.monthly)
    return changed + gold.replace(spark, gold.MONTHLY, found, months, run_id=run_id)


def _noted(spark: SparkSession, run: Run) -> Run:
    runs.note(spark, run)
    log.info("run %s: %d rows changed", run.run_id, run.changed)
    return run


def hours_of(spark: SparkSession, rules: Rules, scope: Scope) -> DataFrame:
    """Hourly values of a scope, from silver and decisions."""
    midnight = datetime.combine(scope.first, time(), UTC)
    end = datetime.combine(scope.last, time(), UTC) + ONE_DAY
    slack = timedelta(hours=1)  # a report belongs to an hour at most half an hour away
    events = spark.table(silver.NAME).where(
        (F.col("observed_at") >= F.lit(midnight - slack)) & (F.col("observed_at") < F.lit(end + slack))
    )
    if scope.pairs is not None:
        events = scope.padded(1).restrict(events.withColumn("label", F.to_date("observed_at"))).drop("label")
    found = people.in_force(spark.table(people.NAME))
    return hourly_values(effective_values(events, found), rules.priorities)
