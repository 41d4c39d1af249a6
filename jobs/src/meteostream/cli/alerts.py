"""``meteostream alerts``: drafts of warnings, and the authority's word about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meteostream.cli.common import Context, table

if TYPE_CHECKING:
    from meteostream.alerts.journal import Journal

IDENTIFIER = click.argument("identifier", metavar="IDENTIFIER")


@click.group()
def command() -> None:
    """Watch the rules, make drafts of warnings, publish what a forecaster approved.

    What the rules make are drafts for forecasters (CAP 1.2: status Draft, scope Private, no sender), exercises if the
    weather is simulated. A draft becomes a warning only by 'meteostream alerts approve', and only if the operator has
    configured a sender, switched publishing on and named the forecaster.
    """


@command.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def rules(context: Context, file: Path | None) -> None:
    """Check a FILE of rules and show them; without FILE those of the settings.

    For example 'meteostream alerts rules my-rules.yml', before it is deployed.
    """
    from meteostream.alerts.rules import load_rules

    ruleset = load_rules(str(file) if file is not None else context.settings.alerts.rules)
    rows = [
        [
            rule.name,
            rule.kind,
            rule.variable or "reports",
            "" if rule.period_h is None else f"{rule.period_h:g} h",
            ", ".join(f"{level.severity} {level.start:g} (to {level.stop:g})" for level in rule.levels),
            rule.unit,
            rule.confirmed_by or "not official",
        ]
        for rule in ruleset.rules
    ]
    click.echo(table(rows, ["Rule", "Kind", "Variable", "Period", "Levels", "Unit", "Confirmed by"]))
    click.echo(f"version {ruleset.version}: {len(rows)} rules, {len(ruleset.areas)} areas")


@command.command()
@click.option("--at", "at", metavar="TIME", help="As if it were this time, UTC: 2026-08-01T06:00:00Z. Default: now.")
@click.pass_obj
def evaluate(context: Context, at: str | None) -> None:
    """Look at the last observations and make the drafts that are due.

    Run again, it makes nothing twice: an episode has one Alert, Updates while it goes on, and one Cancel.
    """
    from datetime import UTC, datetime

    from meteostream.alerts.look import look, lookback
    from meteostream.alerts.observations import read_observations
    from meteostream.alerts.rules import load_rules
    from meteostream.export.selection import moment
    from meteostream.registry import load_registry
    from meteostream.warehouse.access import session

    settings = context.settings
    now = datetime.now(UTC).replace(microsecond=0) if at is None else moment(at, "--at")
    ruleset = load_rules(settings.alerts.rules)
    with session(settings.warehouse, "meteostream alerts") as connection:
        observations = read_observations(connection, ruleset, now - lookback(ruleset), now)
    with _journal(context).hold() as journal:
        made = look(journal, ruleset, load_registry(), observations, now)
    for message in made:
        click.echo(f"{message.identifier}: {message.status} {message.kind} {message.episode.rule}")
    click.echo(f"{len(made)} drafts, {len({key.place for key in observations})} stations")


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also of episodes that are over.")
@click.pass_obj
def list_(context: Context, everything: bool) -> None:
    """Show the latest draft of each episode, and whether a warning was published."""
    with _journal(context).hold() as journal:
        rows = []
        episodes = {message.episode.identity: None for line in journal.lines for message in line.messages}
        for identity in episodes:
            last, published = journal.drafts(identity)[-1], journal.published(identity)
            if last.kind == "Cancel" and not everything:
                continue
            rows.append(
                [
                    last.identifier,
                    f"{last.status} {last.kind}",
                    last.episode.rule,
                    last.episode.station,
                    f"{last.episode.began:%Y-%m-%dT%H:%MZ}",
                    f"{last.expires:%Y-%m-%dT%H:%MZ}",
                    f"{published[-1].kind} by {_approver(journal, published[-1].identifier)}" if published else "no",
                ]
            )
    click.echo(table(rows, ["Draft", "Is", "Rule", "Station", "Began", "Expires", "Published"]))


@command.command()
@IDENTIFIER
@click.pass_obj
def show(context: Context, identifier: str) -> None:
    """Print a message as CAP."""
    from meteostream.alerts.errors import AlertError

    with _journal(context).hold() as journal:
        for line in journal.lines:
            for message, document in zip(line.messages, line.documents, strict=True):
                if message.identifier == identifier:
                    click.echo(document, nl=False)
                    return
    raise AlertError(f"{identifier}: expected the identifier of a message; 'meteostream alerts list --all' shows them")


@command.command()
@IDENTIFIER
@click.option("--by", "forecaster", required=True, metavar="WHO", help="The forecaster who approves.")
@click.option("--because", "reason", required=True, metavar="WHY", help="Why; kept with the name in the journal.")
@click.pass_obj
def approve(context: Context, identifier: str, forecaster: str, reason: str) -> None:
    """Publish a draft: status Actual, scope Public, the configured sender.

    Refused, with all that is missing, unless the settings have a sender, the switch and this forecaster, the operator
    has confirmed the rule's thresholds, and the weather was observed. Approvals and refusals are kept for ever.
    """
    from datetime import UTC, datetime

    from meteostream.alerts.authority import Approval, Authority
    from meteostream.alerts.look import approve as publish
    from meteostream.alerts.rules import load_rules
    from meteostream.registry import load_registry

    alerts = context.settings.alerts
    authority = Authority(alerts.sender, alerts.publish, tuple(alerts.forecasters))
    approval = Approval(forecaster, reason, datetime.now(UTC).replace(microsecond=0))
    with _journal(context).hold() as journal:
        message = publish(journal, load_rules(alerts.rules), load_registry(), identifier, approval, authority)
    click.echo(f"{message.identifier}: {message.status} {message.kind}, sender {message.sender}")


@command.command()
@click.pass_obj
def audit(context: Context) -> None:
    """Check that the journal is whole, and print every approval and refusal."""
    with _journal(context).hold() as journal:
        rows = [
            [
                f"{line.at:%Y-%m-%dT%H:%M:%SZ}",
                line.what,
                line.who or "",
                line.why or "",
                line.detail or ", ".join(message.identifier for message in line.messages),
            ]
            for line in journal.lines
            if line.what != "look"
        ]
        count = len(journal.lines)
    if rows:
        click.echo(table(rows, ["At", "What", "Who", "Why", "Of"]))
    click.echo(f"the journal is whole: {count} lines, {len(rows)} of them approvals and refusals")


def _journal(context: Context) -> Journal:
    from meteostream.alerts.journal import Journal

    return Journal(Path(context.settings.alerts.directory))


def _approver(journal: Journal, identifier: str) -> str:
    return next(
        line.who or "" for line in journal.lines if any(message.identifier == identifier for message in line.messages)
    )
