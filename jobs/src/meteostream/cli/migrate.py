"""``meteostream migrate``: bring the warehouse to this version."""

from __future__ import annotations

import click

from meteostream.cli.common import Context, fail


@click.command()
@click.option("--role", metavar="ROLE", help="Become this role first, so that it owns what is made.")
@click.pass_obj
def command(context: Context, role: str | None) -> None:
    """Bring the warehouse's schema, stations and other dimensions to this version.

    Run again, it changes nothing. It needs the warehouse's owner. A station that moved is only named: from when it is
    at the new place is said by 'meteostream dimensions load --since'.
    """
    import psycopg2

    from meteostream.warehouse.connection import connect
    from meteostream.warehouse.dimensions import load_dimensions
    from meteostream.warehouse.migrate import MigrationError, migrate
    from meteostream.warehouse.stations import load_stations

    try:
        connection = connect(context.settings.warehouse, "meteostream migrate")
    except psycopg2.OperationalError as error:
        message = f"the warehouse does not answer: {error}".strip()
        raise fail(message) from None
    try:
        for migration in migrate(connection, role=role):
            click.echo(f"applied {migration.version:04d} {migration.name}")
        changed = load_stations(connection)
        click.echo(f"applied {changed} changes to stations" if changed else "stations are up to date")
        loaded = load_dimensions(connection, None)
        click.echo(f"applied {loaded.changed} changes to dimensions" if loaded.changed else "dimensions are up to date")
        for kind, changes in (("station", loaded.stations), ("source", loaded.sources)):
            for found in changes.pending:
                click.echo(f"{kind} {found} differs from its present row: 'meteostream dimensions load --since TIME'")
    except MigrationError as error:
        raise fail(str(error)) from None
    finally:
        connection.close()
