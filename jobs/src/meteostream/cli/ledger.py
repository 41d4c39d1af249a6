"""``meteostream ledger``: the independent proof that nothing is lost and nothing doubled."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meteostream.cli.common import Context, fail, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from meteostream.ledger.check import Ledger, Result

COLUMNS = ("journal_ids", "accepted", "duplicate", "superseded", "dead", "bronze_rows", "lost", "doubled")


@click.group()
def command() -> None:
    """Compare the producers' journals with the warehouse and the lake.

    Every report that a producer wrote to its journal must be in both, once. The hours are hours of reception (UTC).
    """


@command.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option(
    "--wait", default=120.0, show_default=True, metavar="SECONDS", help="Wait at most so long for what is on its way."
)
@click.option("--closed", "closed_too", is_flag=True, help="Examine closed hours again.")
@click.pass_obj
def check(context: Context, *, as_json: bool, wait: float, closed_too: bool) -> None:
    """Check that everything received by now is accounted for.

    Exit code 0: yes. 1: something is lost, doubled or does not add up; the findings say what.
    """
    with _ledger(context) as ledger:
        result = ledger.wait(wait) if wait and not closed_too else ledger.check(closed_too=closed_too)
    _show(result, as_json=as_json)
    sys.exit(0 if result.ok else 1)


@command.command("close")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def close(context: Context, *, as_json: bool) -> None:
    """Store the hours that are over and whole, so that the proof outlives the journals.

    An hour with a finding stays open. Producers then know how far back they need to send again after a start.
    """
    with _ledger(context) as ledger:
        done, result = ledger.close()
    if not as_json:
        click.echo(f"closed {len(done)} hours")
    _show(result, as_json=as_json)
    sys.exit(0 if result.ok else 1)


@contextmanager
def _ledger(context: Context) -> Iterator[Ledger]:
    import psycopg2

    from meteostream.ledger.bronze import BronzeError
    from meteostream.ledger.check import Ledger
    from meteostream.ledger.journal import JournalError
    from meteostream.ledger.store import store_of
    from meteostream.ledger.warehouse import Warehouse
    from meteostream.warehouse.connection import connect

    settings = context.settings
    try:
        connection = connect(settings.warehouse, "meteostream ledger")
    except psycopg2.OperationalError as error:
        message = f"the warehouse does not answer: {error}".strip()
        raise fail(message) from None
    try:
        yield Ledger(
            Path(settings.outbox.directory),
            Warehouse(connection),
            store_of(settings.lake.uri, settings.lake.namenodes, settings.lake.user),
            settings.lake.uri,
            settings.topics.observations,
        )
    except (JournalError, BronzeError) as error:
        raise fail(str(error)) from None
    finally:
        connection.close()


def _show(result: Result, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.as_dict()))
        return
    rows = [
        [f"{hour.hour:%Y-%m-%dT%H}", *(str(getattr(hour, name)) for name in COLUMNS), "closed" if hour.closed else ""]
        for hour in result.hours
    ]
    rows.append(["all", *(str(result.total(name)) for name in COLUMNS), ""])
    click.echo(table(rows, ["hour", *COLUMNS, ""]))
    for finding in result.findings:
        click.echo(f"- {finding}")
    for note in result.notes:
        click.echo(f"(note) {note}")
    click.echo(
        f"{result.lost} lost, {result.doubled} doubled, {result.offsets} offsets read: "
        f"{'everything adds up' if result.ok else 'NOT everything adds up'}"
    )
