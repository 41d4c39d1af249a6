"""``meteostream load``: real reports from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, fail, stop_event, table

if TYPE_CHECKING:
    from meteostream.config import Settings
    from meteostream.loading import Load
    from meteostream.outbox import Draft

NAME: Final = "load"
SHOWN: Final = 10
"""Rejected lines that are shown; all are in the rejects file."""


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]")
@click.option("--profile", "profile_name", help="How a table is written: a shipped profile's name, or a path to one.")
@click.option("--format", "format_name", help="For files that are no tables: a format's name (see --list-formats).")
@click.option("--month", metavar="YYYY-MM", help="Month of coded reports, which name no more than a day.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, send nothing. Needs no cluster.")
@click.option("--strict", is_flag=True, help="Send nothing at all if any line is rejected.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where rejected lines go (default: FILE.rejects.jsonl here)."
)
@click.option(
    "--replay-as", metavar="SOURCE", help="For drills: mark the reports as replayed, under this source's name."
)
@click.option("--resume", is_flag=True, help="Without FILE: send what earlier loads left in the outbox.")
@click.option("--list-profiles", is_flag=True, help="Name the shipped profiles.")
@click.option("--list-formats", is_flag=True, help="Name the formats.")
@click.pass_obj
def command(
    context: Context,
    file: Path | None,
    profile_name: str | None,
    format_name: str | None,
    month: str | None,
    dry_run: bool,
    strict: bool,
    rejects: Path | None,
    replay_as: str | None,
    resume: bool,
    list_profiles: bool,
    list_formats: bool,
) -> None:
    """Load a file of observations (also .gz).

    A table (CSV, a Campbell logger's TOA5, an SQL export) needs --profile: columns are found by name and converted to
    the platform's units as the profile says. Other files need --format. Try --dry-run first. A line that cannot be
    read is written to the rejects file with its reason, and the others are loaded; loading a file twice changes
    nothing. Reports of stations that nobody registered wait in quarantine (meteostream quarantine --help). Exit code
    1 if any line was rejected.
    """
    from meteostream.loading import Load
    from meteostream.sources.formats import FORMATS, Options, reading
    from meteostream.sources.profile import shipped

    if list_profiles:
        click.echo("\n".join(shipped()))
        return
    if list_formats:
        click.echo("\n".join(f"{name:<12} {found.title}" for name, found in FORMATS.items()))
        return
    if resume and file is None:
        _send(context.settings, iter(()))
        return
    if file is None or (profile_name is None) == (format_name is None):
        raise click.UsageError("expected FILE and one of --profile and --format (or --resume alone)")
    if format_name is not None and format_name not in FORMATS:
        raise click.UsageError(f"--format: expected one of {', '.join(FORMATS)}, found {format_name!r}")
    chosen = reading(format_name or profile_name or "", Options(month=month))
    topic = "" if dry_run else context.settings.topics.observations
    load = Load(file, chosen, topic=topic, replay_as=replay_as)
    if strict or dry_run:
        load.try_out()
        _write_rejects(load, rejects)
        _report(load, dry_run=True)
        if load.rejects or dry_run:
            raise SystemExit(1 if load.rejects else 0)
        load = Load(file, chosen, topic=topic, replay_as=replay_as)
    _send(context.settings, load.drafts())
    _write_rejects(load, rejects)
    _hold(context.settings, load)
    _report(load, dry_run=False)
    raise SystemExit(1 if load.rejects else 0)


def _write_rejects(load: Load, path: Path | None) -> None:
    if not load.rejects:
        return
    path = path or Path(f"{load.file.name}.rejects.jsonl")
    load.write_rejects(path)
    for reject in load.rejects[:SHOWN]:
        click.echo(f"{load.file}, line {reject.line}: {reject.reason}", err=True)
    click.echo(f"{len(load.rejects)} rejected lines are in {path}", err=True)


def _hold(settings: Settings, load: Load) -> None:
    """Keep what only lacks a registered station."""
    if not load.held:
        return
    directory = Path(settings.quarantine.directory)
    try:
        load.hold(directory)
    except OSError as error:
        raise fail(
            f"{len(load.held)} reports of unregistered stations could not be kept in {directory}: {error.strerror}; "
            "they are in the rejects file: load the file again when the station is registered"
        ) from None
    click.echo(f"{len(load.held)} reports of unregistered stations wait in quarantine", err=True)


def _report(load: Load, *, dry_run: bool) -> None:
    """Say what was read."""
    from meteostream.registry import load_registry

    registry = load_registry()
    rows = [[name, registry.resolve(name).name, str(count)] for name, count in sorted(load.stations.items())]
    click.echo(table(rows, ["Station", "Name", "Reports"]))
    done = "read, nothing sent" if dry_run else "acknowledged by the brokers"
    for found in load.partial[:SHOWN]:
        click.echo(f"{load.file}, line {found.line}: read without {' '.join(found.partial)}", err=True)
    if load.partial:
        click.echo(f"{len(load.partial)} reports were read in part; their raw text is whole", err=True)
    click.echo(f"{load.reports} reports ({len(load.ids)} distinct) {done}, {len(load.rejects)} lines rejected")


def _send(settings: Settings, drafts: Iterator[Draft]) -> None:
    from meteostream.delivery import deliver
    from meteostream.logs import log_to

    log_to(NAME, level="WARNING", text=True)
    deliver(settings, NAME, drafts, stopping=stop_event(), resume="meteostream load --resume")
