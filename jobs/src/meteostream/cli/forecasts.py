"""``meteostream forecasts``: forecasts, reanalyses and TAF on their way to the warehouse."""

from __future__ import annotations

import dataclasses
import json

import click

from meteostream.cli.common import Context, fail, stop_event


@click.group()
def command() -> None:
    """Store forecasts, which are never mixed with observations."""


@command.command("store")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a sentence.")
@click.option(
    "--accept-loss", is_flag=True, help="Read the topic from its beginning if Kafka cannot continue where this stopped."
)
@click.pass_obj
def store(context: Context, *, as_json: bool, accept_loss: bool) -> None:
    """Move the collected forecasts from Kafka to the warehouse, and end.

    Run again, it goes on where it stopped; what it has stored it does not store twice. A message that breaks the
    contract becomes a dead letter ('meteostream deadletters list').
    """
    import psycopg2
    from kafka.errors import KafkaError

    from meteostream.forecasts.store import store as run
    from meteostream.logs import log_to
    from meteostream.streams.positions import PositionError
    from meteostream.warehouse.batch import StagingError
    from meteostream.warehouse.connection import may_retry

    settings = context.settings
    log_to("forecasts", level="WARNING", text=True)
    try:
        totals = run(settings, stopping=stop_event(), accept_loss=accept_loss)
    except (PositionError, StagingError) as error:
        raise fail(str(error)) from None
    except KafkaError as error:
        message = f"the brokers do not answer ({type(error).__name__}: {error}); nothing is lost, the next run goes on"
        raise fail(message) from None
    except Exception as error:
        if not (isinstance(error, psycopg2.Error) or may_retry(error)):
            raise
        message = f"the warehouse does not answer: {error}".strip()
        raise fail(message) from None
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(totals)))
        return
    click.echo(
        f"{totals.received} forecasts read: {totals.accepted} stored, {totals.duplicate} known, "
        f"{totals.superseded} older than what is stored, {totals.dead} dead letters"
    )
