"""``meteostream intake``: rain as observers report it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, notify, open_outbox, stop_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from meteostream.config import Settings
    from meteostream.intake.check import Entered
    from meteostream.intake.entries import Entries
    from meteostream.outbox import Draft
    from meteostream.producer import Forwarder

log = logging.getLogger(__name__)

NAME: Final = "intake"
DRAIN_S: Final = 10.0
LOOK_S: Final = 0.5


HELP: Final = """\b
Serve the observers' rain form and the SMS hook, until stopped
(the service 'intake').

The section [intake] of the settings has the observers, each with the digest of a token of their own
('meteostream intake token' makes one), their stations and, for SMS, their phone. Every entry is on disk before it
is confirmed, and reaches the brokers as soon as they take it.

\b
An SMS:
    PLUIE THIES 12,5            today's reading of 06 UTC
    PLUIE THIES 24/11 traces    another day's
    PLUIE THIES 15 CONFIRME     instead of what was stored
"""


@click.group(invoke_without_command=True, help=HELP, short_help="Serve the observers' rain form and the SMS hook.")
@click.pass_context
def command(click_context: click.Context) -> None:
    """Serve, unless a subcommand is named."""
    if click_context.invoked_subcommand is None:
        _serve(click_context.obj)


@command.command()
def token() -> None:
    """Make a token for an observer, and the digest that belongs into the settings.

    The token is shown once and kept nowhere.
    """
    from meteostream.intake.people import digest_of, new_token

    made = new_token()
    click.echo(f"token         {made}\ntoken_sha256  {digest_of(made)}")


@command.command()
@click.option("--timeout", default=120.0, show_default=True, metavar="SECONDS", help="For all of it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def check(context: Context, *, timeout: float, as_json: bool) -> None:
    """Enter rain at the form as an observer does, and follow it to the warehouse.

    It is of the simulated station 0-0-0-SIMCHECK. Exit code 1 if it is refused or does not arrive in time.
    """
    import time
    from datetime import UTC, datetime

    import requests

    from meteostream.cli.check import LOOK_S, Step, end_with, wait_until
    from meteostream.intake.check import CheckError, enter_rain

    began = time.monotonic()
    try:
        entered = enter_rain(context.settings.intake, datetime.now(UTC))
    except (CheckError, requests.RequestException) as error:
        advice = f"{error}; look at the intake: meteo logs intake"
        end_with([Step("form", ok=False, seconds=time.monotonic() - began, advice=advice)], as_json=as_json)
    steps = [Step("form", ok=True, seconds=time.monotonic() - began)]
    ok, wrong = wait_until(lambda: _in_warehouse(context.settings, entered), began + timeout, LOOK_S)
    advice = (
        "" if ok else f"{wrong or 'not there in time'}; look at Kafka and at the stream: meteo logs stream-warehouse"
    )
    steps.append(Step("warehouse", ok=ok, seconds=time.monotonic() - began, advice=advice))
    end_with(steps, as_json=as_json)


def _in_warehouse(settings: Settings, entered: Entered) -> bool:
    from contextlib import closing

    from meteostream.contract.report import CHECK_STATION
    from meteostream.intake.rain import REPORT_TYPE, VARIABLE, reading_of
    from meteostream.warehouse.connection import connect

    with (
        closing(connect(settings.warehouse, "meteostream intake check", writable=False)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"SELECT {VARIABLE} FROM core.observation "  # noqa: S608 - a constant
            "WHERE station = %s AND observed_at = %s AND source = %s AND report_type = %s AND nature = 'simulated'",
            (CHECK_STATION, reading_of(entered.day), settings.intake.source, REPORT_TYPE),
        )
        return cursor.fetchone() == (entered.mm,)


def _serve(context: Context) -> None:
    from meteostream.intake.entries import Entries
    from meteostream.intake.server import Server
    from meteostream.metrics import ProducerMetrics, serve_metrics
    from meteostream.producer import Forwarder, kafka_client

    settings = context.settings
    intake = settings.intake
    context.start_logging(NAME)
    kafka = settings.need_kafka()
    metrics = ProducerMetrics()
    stopping = stop_event()
    with (
        Entries(Path(intake.directory) / "entries.db") as entries,
        open_outbox(settings, NAME) as outbox,
    ):
        forwarder = Forwarder(outbox, lambda: kafka_client(kafka, NAME), producer=NAME, metrics=metrics)

        def journal(draft: Draft) -> None:
            outbox.append([draft])
            metrics.journaled.inc()
            forwarder.wake()

        app = make_app(settings, entries, journal, lambda: _wrong(forwarder))
        server = Server(app, intake)
        serve_metrics(intake.metrics_port, intake.metrics_address)
        forwarder.start()
        server.start()
        notify("READY=1")
        log.info("taking rain of %d observers on %s:%d", len(intake.observers), intake.address, server.port)
        try:
            while not stopping.wait(LOOK_S):
                forwarder.check()
        finally:
            notify("STOPPING=1")
            server.stop()
            empty = forwarder.stop(DRAIN_S)
            log.info("stopped; %s", "all acknowledged" if empty else f"{forwarder.pending} wait in the outbox")


def make_app(
    settings: Settings, entries: Entries, journal: Callable[[Draft], object], healthy: Callable[[], str | None]
) -> Flask:
    """The application of these settings."""
    from meteostream.intake.people import People
    from meteostream.intake.service import RainIntake
    from meteostream.intake.web import create_app, session_key
    from meteostream.metrics import IntakeMetrics
    from meteostream.registry import load_registry

    intake = settings.intake
    return create_app(
        intake,
        People(intake.observers, load_registry(), check_token=intake.check_token),
        entries,
        RainIntake(intake, entries, journal, topic=settings.topics.observations),
        key=session_key(Path(intake.directory)),
        metrics=IntakeMetrics(),
        healthy=healthy,
    )


def _wrong(forwarder: Forwarder) -> str | None:
    try:
        forwarder.check()
    except BaseException as error:  # noqa: BLE001 - whatever ended the thread
        return f"reports are not sent: {error}"
    return None
