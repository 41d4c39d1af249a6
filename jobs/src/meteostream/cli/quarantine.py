"""``meteostream quarantine``: reports of stations that nobody registered."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, fail, stop_event, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meteostream.outbox import Draft
    from meteostream.quarantine import Waiting

NAME: Final = "quarantine"


@click.group()
def command() -> None:
    """Look at reports of unregistered stations, and release them when the station is registered.

    Such reports are never published and never lost: 'load' and 'dropfolder' keep them here under the name that their
    source uses.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a report.")
@click.pass_obj
def list_(context: Context, *, as_json: bool) -> None:
    """Names that wait, and which station each would be by now."""
    import msgspec

    from meteostream.quarantine import station_of, waiting
    from meteostream.registry import load_registry

    groups = waiting(Path(context.settings.quarantine.directory))
    if as_json:
        for group in groups:
            for report in group.reports:
                click.echo(json.dumps(msgspec.to_builtins(report), ensure_ascii=False))
        return
    rows = [
        [
            group.source,
            group.name,
            str(len(group.reports)),
            min(report.observed_at for report in group.reports),
            max(report.observed_at for report in group.reports),
            station_of(group.name, load_registry()) or "not registered",
        ]
        for group in groups
    ]
    click.echo(table(rows, ["source", "name", "reports", "first", "last", "station"]))


@command.command("release")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--station", metavar="STATION", help="The registered station that NAME (one) means.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, send nothing.")
@click.pass_obj
def release(context: Context, *, names: tuple[str, ...], station: str | None, dry_run: bool) -> None:
    """Send what waits under NAMES (without: under every name that is registered by now).

    Reports get the present time as their time of reception. What was released stays on disk, in released/.
    """
    from meteostream.delivery import deliver
    from meteostream.logs import log_to
    from meteostream.quarantine import released, station_of, waiting
    from meteostream.registry import load_registry

    if station is not None and len(names) != 1:
        raise click.UsageError("--station says what one NAME means: expected one NAME")
    settings, registry = context.settings, load_registry()
    directory = Path(settings.quarantine.directory)
    known = registry.resolve(station) if station is not None else None
    if known is not None and known.simulated:
        raise fail(f"station {station!r}: expected a real station, found the simulated {known.wigos_id}")
    chosen: list[tuple[Waiting, str]] = []
    for group in waiting(directory):
        if names and group.name not in names:
            continue
        found = known.wigos_id if known is not None else station_of(group.name, registry)
        if found is not None:
            chosen.append((group, found))
        elif names:
            raise fail(f"{group.name!r}: expected a registered station, found none; register it, or use --station")
    unknown = set(names) - {group.name for group, _ in chosen}
    if unknown:
        raise fail(f"nothing waits under {', '.join(sorted(unknown))}; 'meteostream quarantine list' shows what does")
    total = sum(len(group.reports) for group, _ in chosen)
    if dry_run:
        click.echo(f"{total} reports of {len(chosen)} names would be sent")
        return
    if chosen:
        log_to(NAME, level="WARNING", text=True)
        drafts = _drafts(chosen, settings.topics.observations)
        deliver(settings, NAME, drafts, stopping=stop_event(), resume="meteostream quarantine release")
    for group, found in chosen:
        released(directory, group, found)
        click.echo(f"{group.name} ({group.source}): {len(group.reports)} reports released as {found}")
    click.echo(f"{total} reports released")


def _drafts(chosen: list[tuple[Waiting, str]], topic: str) -> Iterator[Draft]:
    from meteostream.contract import format_time
    from meteostream.sources.reports import draft_of

    for group, station in chosen:
        for report in group.reports:
            yield draft_of(
                report.observation(station),
                source=report.source,
                received_at=format_time(time.time_ns() // 1000, fraction=True),
                topic=topic,
                nature=report.nature,
            )
