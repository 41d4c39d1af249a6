"""``meteostream dimensions``: what the warehouse knows about stations, sensors, variables and sources."""

from __future__ import annotations

from pathlib import Path

import click

from meteostream.cli.common import Context


@click.group()
def command() -> None:
    """Keep the warehouse's stations, sensors, variables, sources and licences up to date."""


@command.command()
@click.option(
    "--since",
    metavar="TIME",
    help="From when what has changed is true, such as 2026-03-01T06:00:00Z (default: now).",
)
@click.option(
    "--sensors",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV with the instruments of stations: docs/marts.md has its columns.",
)
@click.option(
    "--licences",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML with what owners of sources permit: a table a source, name, attribution, commercial_use, redistribute.",
)
@click.pass_obj
def load(context: Context, since: str | None, sensors: Path | None, licences: Path | None) -> None:
    """Load what the registry, the contract, the rulesets and the licences say now.

    A station that moved, or was renamed, gets a new row from --since on; the row before stays, closed at that time, so
    that older observations are still at the old place. What is new counts as always so. Run again, nothing changes.
    Nothing is ever deleted.
    """
    from datetime import UTC, datetime, timedelta

    from meteostream.collect import catalogue
    from meteostream.contract.times import EPOCH, parse_time
    from meteostream.sources.licences import known_licences
    from meteostream.warehouse.access import session
    from meteostream.warehouse.dimensions import load_dimensions
    from meteostream.warehouse.sensors import load_sensors, read_sensors

    began = EPOCH + timedelta(microseconds=parse_time(since, "--since", fraction=False)) if since else datetime.now(UTC)
    read = read_sensors(sensors) if sensors else []
    known = known_licences(catalogue.licences(context.settings.collect), licences)
    with session(context.settings.warehouse, "meteostream dimensions") as connection:
        loaded = load_dimensions(connection, began, licences=known)
        instruments = load_sensors(connection, read)
    for kind, changes in (("station", loaded.stations), ("source", loaded.sources)):
        for found in changes.changed:
            click.echo(f"{kind} {found}: changed from {began:%Y-%m-%dT%H:%M:%SZ} on")
        if changes.added:
            click.echo(f"{len(changes.added)} new {kind}s")
    if instruments:
        click.echo(f"{instruments} rows of sensors")
    click.echo(f"applied {loaded.changed + instruments} changes" if loaded.changed + instruments else "up to date")
