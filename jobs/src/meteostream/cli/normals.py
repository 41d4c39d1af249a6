"""``meteostream normals``: published climate normals."""

from __future__ import annotations

from pathlib import Path

import click

from meteostream.cli.common import Context, fail

SHOWN = 20


@click.group()
def command() -> None:
    """Import published climate normals (such as 1991-2020); without them there are no anomalies."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--profile",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="How the file is written and what its columns mean (TOML; docs/marts.md has an example).",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, store nothing; needs no warehouse.")
@click.pass_obj
def load(context: Context, file: Path, profile: Path, dry_run: bool) -> None:
    """Load a FILE of normals, as they were published.

    All of it is stored, or nothing: a line that cannot be read is named and ends the command. Loaded again, nothing
    changes; a value that was published anew replaces the old one, which stays in the table.

    For example 'meteostream normals load senegal-1991-2020.csv --profile senegal.toml --dry-run'.
    """
    import hashlib

    from meteostream.registry import load_registry
    from meteostream.sources.normals import Normal, load_normals_profile, read_normals
    from meteostream.sources.observation import Reject
    from meteostream.warehouse.access import session
    from meteostream.warehouse.normals import store_normals

    dialect = load_normals_profile(profile)
    read = list(read_normals(file, dialect, load_registry()))
    rejects = [one for one in read if isinstance(one, Reject)]
    normals = [one for one in read if isinstance(one, Normal)]
    for reject in rejects[:SHOWN]:
        click.echo(f"{file}, line {reject.line}: {reject.reason}", err=True)
    if rejects:
        raise fail(f"{file}: expected lines that can be read, found {len(rejects)} that cannot; nothing was stored")
    if not normals:
        raise fail(f"{file}: expected normals, found none")
    stations = len({normal.station for normal in normals})
    said = f"{len(normals)} normals {dialect.first_year}-{dialect.last_year} of {stations} stations"
    if dry_run:
        click.echo(f"{said} can be read; nothing was stored")
        return
    sha256 = hashlib.sha256(file.read_bytes()).digest()
    with session(context.settings.warehouse, "meteostream normals") as connection:
        stored = store_normals(connection, normals, dialect, file.name, sha256)
    click.echo(f"{said}: {stored.added} new, {stored.replaced} replaced, {stored.known} known already")
