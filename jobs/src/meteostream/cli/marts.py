"""``meteostream marts``: build, publish and describe the marts."""

from __future__ import annotations

from pathlib import Path

import click

from meteostream.cli.common import Context, fail, table

SHOWN = 10


@click.group()
def command() -> None:
    """Build the marts, and serve a version that passed its gate.

    First 'meteostream marts build' builds and tests the next version beside the one that is served; then
    'meteostream gate marts' judges it; then 'meteostream marts publish' serves it, if it passed.

    Whatever fails, what is served stays as it is. The version before it can be read in the schema mart_previous.
    """


@command.command()
@click.pass_obj
def build(context: Context) -> None:
    """Build and test the next version by dbt, in the schema mart_build."""
    from meteostream.marts.build import build as build_marts
    from meteostream.warehouse.access import session

    with session(context.settings.warehouse, "meteostream marts build") as connection:
        version = build_marts(connection, context.settings)
    click.echo(f"version {version} is built; next: meteostream gate marts")


@command.command()
@click.pass_obj
def publish(context: Context) -> None:
    """Serve the newest version, in one step; refused unless it passed its gate."""
    from meteostream.warehouse.access import session
    from meteostream.warehouse.marts import publish as publish_marts

    with session(context.settings.warehouse, "meteostream marts publish") as connection:
        version = publish_marts(connection)
    click.echo(f"version {version} is served")


@command.command()
@click.pass_obj
def status(context: Context) -> None:
    """Show the last versions, how far each came, and why no further."""
    from meteostream.warehouse.access import session
    from meteostream.warehouse.marts import versions

    with session(context.settings.warehouse, "meteostream marts status") as connection:
        found = versions(connection, SHOWN)
    rows = [[str(one.version), one.state, f"{one.started_at:%Y-%m-%d %H:%M}", one.reason or ""] for one in found]
    click.echo(table(rows, ["Version", "State", "Begun (UTC)", "Why"]) if rows else "no version was built yet")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def docs(context: Context, file: Path) -> None:
    """Write what is served, column by column, as one page of HTML to FILE; it needs no network to be read."""
    import shutil

    from meteostream.marts.build import SERVED
    from meteostream.marts.dbt import run_dbt, variables

    settings = context.settings
    command_line = ["docs", "generate", "--static"]
    reason = run_dbt(settings.warehouse, settings.marts, SERVED, command_line, variables(settings.marts, 0))
    if reason is not None:
        raise fail(f"the documentation was not written: {reason}")
    shutil.copyfile(Path(settings.marts.directory) / "target" / "static_index.html", file)
    click.echo(f"{file}: documentation of the marts")
