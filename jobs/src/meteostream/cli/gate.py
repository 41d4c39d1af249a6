"""``meteostream gate``: data tests between the layers."""

from __future__ import annotations

import click

from meteostream.cli.common import Context, fail, table


@click.command()
@click.argument("name", required=False)
@click.option("--count", "counts", multiple=True, metavar="NAME=N", help="Rows of a layer, counted in the lake.")
@click.option("--list", "listed", is_flag=True, help="Show the gates and what each tests; needs no warehouse.")
@click.option("-v", "--verbose", is_flag=True, help="Show every check, not only those that failed.")
@click.pass_obj
def command(context: Context, name: str | None, counts: tuple[str, ...], listed: bool, verbose: bool) -> None:
    """Test the data before the next step may use it.

    NAME is a gate: silver, gold, marts or freshness. A gate that fails ends with exit code 1 and says which check found
    what; nothing is published by what comes after it, and what was published last stays as it is.

    For example 'meteostream gate gold', or 'meteostream gate silver --count bronze=1200 --count silver=1200'.
    """
    from meteostream.gates.definitions import load_definitions
    from meteostream.gates.run import run_gate
    from meteostream.warehouse.access import session

    settings = context.settings
    definitions = load_definitions(settings.gates.file)
    if listed:
        rows = [[gate, check.name, check.title] for gate, one in definitions.gates.items() for check in one.checks]
        click.echo(table(rows, ["Gate", "Check", "What must be"]))
        return
    if name is None:
        raise click.UsageError("expected the name of a gate; 'meteostream gate --list' shows all")
    with session(settings.warehouse, f"meteostream gate {name}") as connection:
        verdict = run_gate(connection, definitions, name, _parse(counts), settings.gates)
    shown = [
        [check, outcome.outcome, outcome.detail]
        for check, outcome in verdict.outcomes.items()
        if verbose or outcome.outcome == "failed"
    ]
    if shown:
        click.echo(table(shown, ["Check", "Outcome", "Found"]))
    if not verdict.passed:
        raise fail(f"gate {name} failed, nothing is published: {verdict.reason} (run {verdict.run_id})")
    made = sum(outcome.outcome == "passed" for outcome in verdict.outcomes.values())
    click.echo(f"gate {name} passed: {made} checks, {len(verdict.outcomes) - made} skipped")


def _parse(counts: tuple[str, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in counts:
        name, equals, number = text.partition("=")
        if not equals or not number.isdecimal() or name in found:
            raise click.UsageError(f"--count {text}: expected NAME=N with a whole number, each name once")
        found[name] = float(number)
    return found
