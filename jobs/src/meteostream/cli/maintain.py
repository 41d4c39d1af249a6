"""``meteostream maintain``: look after the lake's files."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from meteostream.cli._lake import lake_session, run_on_yarn, submit_option
from meteostream.cli.common import Context, table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from meteostream.lake.lock import LakeLock
    from meteostream.lake.maintenance import Outcome


@click.group()
def command() -> None:
    """Look after the lake's files: make them few, forget old snapshots, find orphans, copy checkpoints.

    No report is deleted by any of these. Each takes the lake's lock, which the stream takes for its appends: it waits
    meanwhile and goes on afterwards.
    """


def _run(context: Context, name: str, work: Callable[[SparkSession, LakeLock], list[Outcome]]) -> None:
    from meteostream.lake.lock import LakeLock

    with lake_session(context, f"maintain {name}") as spark:
        lock = LakeLock(context.settings.lake.zookeeper, f"meteostream maintain {name}")
        try:
            outcomes = work(spark, lock)
        finally:
            lock.close()
    click.echo(table([[done.table, str(done.files), done.what] for done in outcomes], ["table", "files", "what"]))


@command.command("compact")
@submit_option
@click.pass_obj
def compact(context: Context, *, submit: bool) -> None:
    """Write many small files of a table as few large ones."""
    if submit:
        run_on_yarn(context, ["maintain", "compact"])
    from meteostream.lake.maintenance import compact as work

    _run(context, "compact", lambda spark, lock: work(spark, lock, context.settings.maintenance))


@command.command("expire")
@submit_option
@click.pass_obj
def expire(context: Context, *, submit: bool) -> None:
    """Forget how tables were before the days that [maintenance] snapshot_days keeps."""
    if submit:
        run_on_yarn(context, ["maintain", "expire"])
    from meteostream.lake.maintenance import expire as work

    _run(context, "expire", lambda spark, lock: work(spark, lock, context.settings.maintenance))


@command.command("orphans")
@click.option("--remove", is_flag=True, help="Remove them; without it they are listed in the log and counted.")
@submit_option
@click.pass_obj
def orphans(context: Context, *, remove: bool, submit: bool) -> None:
    """Files that no table names, left by a writer that died, older than [maintenance] orphan_days."""
    if submit:
        run_on_yarn(context, ["maintain", "orphans", *(["--remove"] if remove else [])])
    from meteostream.lake.maintenance import orphans as work

    _run(context, "orphans", lambda spark, lock: work(spark, lock, context.settings.maintenance, remove=remove))


@command.command("checkpoints")
@submit_option
@click.pass_obj
def checkpoints(context: Context, *, submit: bool) -> None:
    """Copy the streams' checkpoints to [maintenance] checkpoint_backup."""
    if submit:
        run_on_yarn(context, ["maintain", "checkpoints"])
    from meteostream.lake.maintenance import back_up_checkpoints

    settings = context.settings
    with lake_session(context, "maintain checkpoints") as spark:
        for stream in (settings.streams.warehouse, settings.streams.lake):
            name = stream.checkpoint.rstrip("/").rpartition("/")[2]
            target = f"{settings.maintenance.checkpoint_backup}/{name}"
            kept = settings.maintenance.checkpoint_backups_kept
            click.echo(back_up_checkpoints(spark, stream.checkpoint, target, kept))
