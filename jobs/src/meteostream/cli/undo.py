"""``meteostream undo``: take a decision back."""

from __future__ import annotations

import time

import click

from meteostream.cli.common import Context, fail, stop_event


@click.command()
@click.argument("decision_id", metavar="ID")
@click.option("--by", "author", metavar="WHO", required=True, help="Who takes it back.")
@click.option("--because", "reason", metavar="WHY", required=True, help="Why.")
@click.pass_obj
def command(context: Context, *, decision_id: str, author: str, reason: str) -> None:
    """Take back a decision. ID is what `meteostream decide` printed.

    The value is again what the source says, or what an earlier decision about it says. Both stay on record. To take
    back an undo, decide again. Prints this event's own id.
    """
    from meteostream.contract.decision import DecisionError, make_decision
    from meteostream.contract.times import format_time
    from meteostream.decisions import send

    try:
        undo = make_decision(
            "undo",
            author=author,
            reason=reason,
            decided_at=format_time(time.time_ns() // 1000, fraction=True),
            undoes=decision_id,
        )
    except DecisionError as error:
        raise fail(str(error)) from None
    send(context.settings, [undo], stop_event())
    click.echo(undo.decision_id)
