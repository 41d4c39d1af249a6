"""``meteostream deadletters``: messages that broke the contract, and their return."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from meteostream.cli.common import Context, fail, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg2.extensions


@click.group()
def command() -> None:
    """Look at messages that broke the contract, and send them again when the cause is mended."""


@command.command("list")
@click.option("--reason", metavar="REASON", help="Only these.")
@click.option("--pending", is_flag=True, help="Only those that were never sent again.")
@click.option("--limit", default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the message.")
@click.pass_obj
def list_(context: Context, *, reason: str | None, pending: bool, limit: int, as_json: bool) -> None:
    """The newest dead letters and their reasons."""
    from meteostream.deadletter import as_json as line
    from meteostream.deadletter import list_letters

    with _warehouse(context) as connection:
        letters = list_letters(connection, reason=reason, pending=pending, limit=limit)
    if as_json:
        for letter in letters:
            click.echo(line(letter))
        return
    rows = [[letter.place, letter.hour, letter.reason, letter.detail[:80], str(letter.replays)] for letter in letters]
    click.echo(table(rows, ["place", "hour", "reason", "detail", "sent again"]))


@command.command("show")
@click.argument("place")
@click.pass_obj
def show(context: Context, place: str) -> None:
    """One dead letter with its message. PLACE is as `list` shows it: topic-partition@offset."""
    from meteostream.contract import ADVICE, Reason
    from meteostream.deadletter import DeadLetterError, find_letter

    try:
        with _warehouse(context) as connection:
            letter = find_letter(connection, place)
    except DeadLetterError as error:
        raise fail(str(error)) from None
    click.echo(f"place       {letter.place}\nhour        {letter.hour}")
    click.echo(f"reason      {letter.reason}\ndetail      {letter.detail}")
    click.echo(f"journal id  {letter.journal_id or 'none'}\nsent again  {letter.replays} times")
    if letter.reason in set(Reason):
        click.echo(f"advice      {ADVICE[Reason(letter.reason)]}")
    click.echo(f"key         {_shown(letter.key)}\nmessage     {_shown(letter.value)}")


@command.command("replay")
@click.argument("places", nargs=-1)
@click.option("--reason", metavar="REASON", help="All of this reason that were never sent again.")
@click.option("--again", is_flag=True, help="Also those that were sent again before.")
@click.option("--limit", default=10_000, show_default=True, help="At most so many.")
@click.pass_obj
def replay(context: Context, *, places: tuple[str, ...], reason: str | None, again: bool, limit: int) -> None:
    """Send the very bytes of dead letters to the observations (or forecasts) again, once.

    Do it after the cause was mended (a new variable in the contract, a corrected guard). What breaks the contract
    still becomes a new dead letter.
    """
    from meteostream.deadletter import DeadLetterError, DeadLetterProducer, find_letter, list_letters
    from meteostream.deadletter import replay as send

    if not places and reason is None:
        raise click.UsageError("name PLACES, or --reason")
    settings = context.settings
    producer = DeadLetterProducer(settings.need_kafka(), settings.topics.dead_letters)
    try:
        with _warehouse(context) as connection:
            letters = [find_letter(connection, place) for place in places]
            if reason is not None:
                letters += list_letters(connection, reason=reason, pending=not again, limit=limit)
            home = frozenset({settings.topics.forecasts})
            sent = send(connection, producer, settings.topics.observations, letters, again=again, home=home)
    except DeadLetterError as error:
        raise fail(str(error)) from None
    finally:
        producer.close()
    click.echo(
        f"sent {len(sent)} of {len(letters)}" + ("" if len(sent) == len(letters) else "; the others were sent before")
    )


@contextmanager
def _warehouse(context: Context) -> Iterator[psycopg2.extensions.connection]:
    import psycopg2

    from meteostream.warehouse.connection import connect

    try:
        connection = connect(context.settings.warehouse, "meteostream deadletters")
    except psycopg2.OperationalError as error:
        message = f"the warehouse does not answer: {error}".strip()
        raise fail(message) from None
    try:
        yield connection
    finally:
        connection.close()


def _shown(content: bytes | None) -> str:
    return "none" if content is None else content.decode("utf-8", errors="backslashreplace")
