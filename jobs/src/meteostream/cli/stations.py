"""``meteostream stations``: the registry."""

from __future__ import annotations

import click

from meteostream.cli.common import table


@click.group()
def command() -> None:
    """List stations, or find the one that a name means."""


@command.command("list")
@click.option("--simulated/--real", "simulated", default=None, help="Only simulated, or only real stations.")
@click.option("--csv", "as_csv", is_flag=True, help="As CSV, with all columns.")
def list_stations(simulated: bool | None, as_csv: bool) -> None:
    """List every registered station."""
    import csv
    import sys

    from meteostream.registry import Station, load_registry

    chosen = [station for station in load_registry() if simulated is None or station.simulated is simulated]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(Station.__struct_fields__)
        for station in chosen:
            cells = (getattr(station, name) for name in Station.__struct_fields__)
            writer.writerow(["|".join(cell) if isinstance(cell, tuple) else cell for cell in cells])
        return
    rows = [
        [
            station.wigos_id,
            station.icao or "-",
            station.name,
            f"{station.latitude:.4f}",
            f"{station.longitude:.4f}",
            f"{station.elevation_m:g}",
        ]
        for station in chosen
    ]
    click.echo(table(rows, ["WIGOS id", "ICAO", "Name", "Latitude", "Longitude", "Elevation m"]))


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def resolve(names: tuple[str, ...]) -> None:
    """Say which station each NAME means.

    A NAME is a WIGOS identifier, a WMO number, an ICAO code or a name; accents and capitals do not matter. Exit code
    1 if a name fits none or several.
    """
    from meteostream.registry import RegistryError, load_registry

    registry = load_registry()
    bad = False
    for name in names:
        try:
            station = registry.resolve(name)
        except RegistryError as error:
            click.echo(str(error), err=True)
            bad = True
        else:
            click.echo(f"{name}: {station.wigos_id} {station.name}")
    if bad:
        raise SystemExit(1)
