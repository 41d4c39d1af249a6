"""``meteostream stream``: the two streaming queries, as services."""

from __future__ import annotations

import sys

import click

from meteostream.cli.common import Context, stop_event
from meteostream.metrics import serve_metrics


@click.group()
def command() -> None:
    """Run a stream from Kafka to the warehouse or to the lake (a service)."""


def _start(context: Context, name: str, port: int, address: str) -> None:
    context.start_logging(f"stream-{name}")
    if port:
        serve_metrics(port, address)


@command.command("warehouse")
@click.option("--accept-loss", is_flag=True, help="Begin although Kafka no longer has what comes next.")
@click.pass_obj
def warehouse(context: Context, *, accept_loss: bool) -> None:
    """Reports into PostgreSQL, dead letters to their topic."""
    from meteostream.streams.positions import PositionError
    from meteostream.streams.to_warehouse import run_warehouse

    stopping = stop_event()
    stream = context.settings.streams.warehouse
    _start(context, "warehouse", stream.metrics_port, stream.metrics_address)
    try:
        run_warehouse(context.settings, stopping, accept_loss=accept_loss)
    except PositionError as error:
        sys.exit(_refused(error))


@command.command("lake")
@click.option("--accept-loss", is_flag=True, help="Begin although Kafka no longer has what comes next.")
@click.pass_obj
def lake(context: Context, *, accept_loss: bool) -> None:
    """Every message into the lake's bronze table."""
    from meteostream.streams.positions import PositionError
    from meteostream.streams.to_lake import run_lake

    stopping = stop_event()
    stream = context.settings.streams.lake
    _start(context, "lake", stream.metrics_port, stream.metrics_address)
    try:
        run_lake(context.settings, stopping, accept_loss=accept_loss)
    except PositionError as error:
        sys.exit(_refused(error))


def _refused(error: Exception) -> int:
    import logging

    logging.getLogger(__name__).critical("%s", error)
    click.echo(f"meteostream: {error}", err=True)
    return 1
