"""``meteostream decide``: a person's word about one value."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, fail, station_id, stop_event

if TYPE_CHECKING:
    from meteostream.contract.decision import Action


HELP: Final = """Accept, reject or replace one value of one report.

The report itself is never changed: the decision stands above it, also when the source sends a correction later,
and `meteostream undo` takes it back. Hours, days and months follow with the next run of the ETL. Prints the
decision's id.

\b
    meteostream decide replace --station GOOY --at 2026-11-25T06:00:00Z --source synop --type synop
        --variable air_temperature --value 24.6 --by "A. Diop" --because "book of the station, page 112"
"""


@click.command(help=HELP)
@click.argument("action", required=False, type=click.Choice(["accept", "reject", "replace"]))
@click.option("--station", metavar="ID", help="Any identifier of the station: WIGOS, WMO, ICAO, or its name.")
@click.option("--at", "observed_at", metavar="TIME", help="Time of the report, UTC: 2026-11-25T06:00:00Z.")
@click.option("--source", metavar="SOURCE", help="Which source's report, for example synop.")
@click.option("--type", "report_type", metavar="TYPE", help="Its type, for example aws.")
@click.option("--variable", metavar="NAME", help="Which value, for example air_temperature.")
@click.option(
    "--value", metavar="NUMBER", help="What replaces it, in the platform's unit (true or false for wind_variable)."
)
@click.option("--by", "author", metavar="WHO", help="Who decides.")
@click.option("--because", "reason", metavar="WHY", help="Why, for whoever reads it in twenty years.")
@click.option("--resume", is_flag=True, help="Alone: send decisions that the brokers did not take yet.")
@click.pass_obj
def command(
    context: Context,
    *,
    action: Action | None,
    station: str | None,
    observed_at: str | None,
    source: str | None,
    report_type: str | None,
    variable: str | None,
    value: str | None,
    author: str | None,
    reason: str | None,
    resume: bool,
) -> None:
    """See :data:`HELP`."""
    from meteostream.contract.decision import DecisionError, make_decision
    from meteostream.contract.times import format_time
    from meteostream.decisions import send

    if resume and action is None:
        send(context.settings, [], stop_event())
        return
    given = {
        "--station": station,
        "--at": observed_at,
        "--source": source,
        "--type": report_type,
        "--variable": variable,
        "--by": author,
        "--because": reason,
    }
    missing = [name for name, text in given.items() if not text]
    if action is None or missing or (value is None) == (action == "replace"):
        wanted = [*(["accept, reject or replace"] if action is None else []), *missing]
        raise click.UsageError(
            f"expected {', '.join(wanted)}" if wanted else "expected --value with replace, and with nothing else"
        )
    members: dict[str, str | float | bool] = {
        "station": station_id(str(station)),
        "observed_at": str(observed_at),
        "source": str(source),
        "report_type": str(report_type),
        "variable": str(variable),
    }
    if value is not None:
        members["value"] = _number(value)
    try:
        decision = make_decision(
            action,
            author=str(author),
            reason=str(reason),
            decided_at=format_time(time.time_ns() // 1000, fraction=True),
            **members,
        )
    except DecisionError as error:
        raise fail(str(error)) from None
    send(context.settings, [decision], stop_event())
    click.echo(decision.decision_id)


def _number(text: str) -> float | bool:
    if text in {"true", "false"}:
        return text == "true"
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f"--value: expected a number, true or false, found {text!r}") from None
