"""``meteostream climate``: climate products of the warehouse's days."""

from __future__ import annotations

import click

from meteostream.cli.common import Context


@click.group()
def command() -> None:
    """Compute climate products from gold's days: seasons, SPI, ET0, water balance, heat waves, records.

    Missing days are never dry and never zero; what is not known yet is provisional, what cannot be known is refused.
    """


@command.command()
@click.pass_obj
def compute(context: Context) -> None:
    """Bring all products up to gold's days.

    A value that changed is a new version, the old one stays readable; run again, nothing changes.
    """
    from meteostream.climate.compute import station_products
    from meteostream.warehouse.access import session
    from meteostream.warehouse.climate import read_stations, store_products

    warehouse = context.settings.warehouse
    with (
        session(warehouse, "meteostream climate, days") as days,
        session(warehouse, "meteostream climate") as connection,
    ):
        stored = store_products(connection, ((one, station_products(one)) for one in read_stations(days)))
    click.echo(f"{stored.values} values: {stored.written} written, {stored.replaced} replaced or taken back")
