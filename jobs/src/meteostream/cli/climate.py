"""``meteostream climate``: climate products of the warehouse's days."""

from __future__ import annotations

import click

from meteostream.cli.common import Context, station_id


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


@command.command()
@click.option("--day", required=True, metavar="DAY", help="Any day of the dekad, such as 2026-08-15.")
@click.option("--station", metavar="ID", help="Only this one: WIGOS, WMO, ICAO, or its name.")
@click.option(
    "--nature",
    type=click.Choice(["observed", "simulated", "replayed"]),
    default="observed",
    show_default=True,
    help="What is not observed is marked SIMULÉ.",
)
@click.pass_obj
def bulletin(context: Context, day: str, station: str | None, nature: str) -> None:
    """Print the data of the dekadal bulletin, one JSON object a station.

    Each value has the days it is made of and the rule they met; null is no value. Rain is compared with the published
    normal of the dekad; without one the line says so.
    """
    import json
    from datetime import date

    from meteostream.climate.bulletin import document
    from meteostream.climate.compute import station_bulletin
    from meteostream.climate.periods import dekad_number
    from meteostream.warehouse.access import session
    from meteostream.warehouse.climate import read_rain_normals, read_stations

    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        raise click.UsageError(f"--day: expected a day such as 2026-08-15, found {day!r}") from None
    only = "%" if station is None else station_id(station)
    with session(context.settings.warehouse, "meteostream climate") as connection:
        normals = read_rain_normals(connection, dekad_number(wanted))
        for one in read_stations(connection, only):
            if one.nature == nature:
                normal = normals.get(one.station) if nature == "observed" else None
                head = {"station": one.station, "nature": nature}
                if nature != "observed":
                    head["notice"] = "SIMULÉ"
                line = head | document(station_bulletin(one, wanted, normal))
                click.echo(json.dumps(line, ensure_ascii=False, allow_nan=False))
