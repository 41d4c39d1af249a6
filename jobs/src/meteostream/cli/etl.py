"""``meteostream etl``: the batch ETL, layer by layer."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli._lake import lake_session, run_on_yarn, submit_option
from meteostream.cli.common import Context

if TYPE_CHECKING:
    from meteostream.config import Etl
    from meteostream.etl.compute import Rules

_DATE: Final = click.DateTime(formats=["%Y-%m-%d"])


HELP: Final = """Turn what the lake received into hourly, daily, dekad and monthly values.

\b
silver    every event once, with its quality control; people's decisions
gold      hours, days, dekads, months, availability of what is new
publish   gold to the warehouse, a run at a time, at once or not at all
backfill  gold of any days again

Each may be run again at any time: what is done already changes nothing.
"""


@click.group(help=HELP)
def command() -> None:
    """See :data:`HELP`."""


@command.command("silver")
@click.option("--rebuild", is_flag=True, help="Judge everything in bronze again and replace silver.")
@submit_option
@click.pass_obj
def silver(context: Context, *, rebuild: bool, submit: bool) -> None:
    """Take in what came into bronze, and the decisions that people made."""
    if submit:
        run_on_yarn(context, ["etl", "silver", *(["--rebuild"] if rebuild else [])])
    with lake_session(context, "etl silver") as spark:
        from meteostream.etl.decisions import take_in
        from meteostream.etl.silver import count_layers, merge_silver
        from meteostream.warehouse.connection import conninfo
        from meteostream.warehouse.layers import note_count

        settings = context.settings
        decided = take_in(spark, settings.need_kafka(), settings.topics.decisions)
        added = merge_silver(spark, rebuild=rebuild)
        counted = count_layers(spark)
        note_count(conninfo(settings.warehouse, "meteostream etl silver"), counted)
    click.echo(f"silver: {added} events added, {decided} decisions; {counted.silver} of {counted.bronze} counted")


@command.command("gold")
@submit_option
@click.pass_obj
def gold(context: Context, *, submit: bool) -> None:
    """Compute what depends on new events and decisions, and on nothing else. Publishes nothing."""
    if submit:
        run_on_yarn(context, ["etl", "gold"])
    with lake_session(context, "etl gold") as spark:
        from meteostream.etl.compute import update

        run = update(spark, _rules(context.settings.etl))
    if run is None:
        click.echo("gold: nothing new")
    else:
        click.echo(f"gold: {run.changed} rows changed, {run.scope.first} to {run.scope.last}, run {run.run_id}")


@command.command("publish")
@submit_option
@click.pass_obj
def publish(context: Context, *, submit: bool) -> None:
    """Bring the warehouse's gold up to the lake's. Replaced values stay readable in gold.*_history."""
    if submit:
        run_on_yarn(context, ["etl", "publish"])
    with lake_session(context, "etl publish") as spark:
        from meteostream.etl.publish import publish as work
        from meteostream.warehouse.connection import conninfo

        done = work(spark, conninfo(context.settings.warehouse, "meteostream etl publish"))
    click.echo(f"published {len(done)} runs, {sum(done.values())} rows changed")


@command.command("backfill")
@click.option("--from", "first", required=True, type=_DATE, help="First day.")
@click.option("--to", "last", required=True, type=_DATE, help="Last day, included.")
@click.option("--months", default=12, show_default=True, help="Months that are computed together.")
@click.option("--parallel", default=2, show_default=True, help="So many of them at once.")
@click.option("--name", help="Tried again under its name, a backfill goes on where it stopped.")
@submit_option
@click.pass_obj
def backfill(
    context: Context,
    *,
    first: datetime,
    last: datetime,
    months: int,
    parallel: int,
    name: str | None,
    submit: bool,
) -> None:
    """Compute the days from --from to --to again (whole months), whatever was there. Publishes nothing."""
    if last < first or months < 1 or parallel < 1:
        raise click.UsageError("expected --from not after --to, and --months and --parallel from 1 on")
    name = name or f"{first:%Y-%m-%d}..{last:%Y-%m-%d}@{datetime.now().astimezone():%Y%m%dT%H%M%S%z}"
    if submit:
        days = ["--from", f"{first:%Y-%m-%d}", "--to", f"{last:%Y-%m-%d}"]
        run_on_yarn(
            context,
            ["etl", "backfill", *days, "--months", str(months), "--parallel", str(parallel), "--name", name],
        )
    with lake_session(context, "etl backfill") as spark:
        from meteostream.etl.compute import backfill as work
        from meteostream.etl.compute import slices_of

        slices = slices_of(first.date(), last.date(), months)
        done = work(spark, _rules(context.settings.etl), slices, name=name, parallel=parallel)
    left = len(slices) - len(done)
    click.echo(
        f"backfill {name}: {len(done)} slices computed, {sum(run.changed for run in done)} rows changed"
        + (f", {left} were done before" if left else "")
    )


def _rules(etl: Etl) -> Rules:
    from meteostream.climate.completeness import MONTHLY
    from meteostream.etl.compute import Rules
    from meteostream.etl.sources import load_priorities

    return Rules(load_priorities(etl.priorities), MONTHLY[etl.completeness])
