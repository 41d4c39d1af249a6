"""``meteostream dropfolder``: files that people put into a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, fail, stop_event, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meteostream.outbox import Draft

NAME: Final = "dropfolder"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file instead of a table.")
@click.option("--fail-on-refusal", is_flag=True, help="Exit code 1 also if a file was refused.")
@click.pass_obj
def command(context: Context, *, as_json: bool, fail_on_refusal: bool) -> None:
    """Load the files that lie in the drop folder, once.

    A file for the profile csv-fr is put into incoming/csv-fr/, one of the format isd into incoming/isd/, coded reports
    of November 2026 into incoming/synop/2026-11/. Each file is tried out first. What is accepted is sent and archived
    by its content, so that the same file twice changes nothing; lines that cannot be read are kept in rejects/. What is
    refused lies in refused/ with a report in French and English beside it. Files that are still being written are left
    alone. The section [dropfolder] of the settings has the folder, the limits, and strict.
    """
    from meteostream.delivery import deliver
    from meteostream.dropfolder import DropfolderError, run_pass
    from meteostream.logs import log_to

    settings = context.settings
    log_to(NAME, level="WARNING", text=True)
    stopping = stop_event()

    def send(drafts: Iterable[Draft]) -> None:
        deliver(settings, NAME, drafts, stopping=stopping, resume="meteostream dropfolder")

    try:
        outcomes = run_pass(
            settings.dropfolder,
            topic=settings.topics.observations,
            quarantine=Path(settings.quarantine.directory),
            send=send,
        )
    except DropfolderError as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"{error.filename or settings.dropfolder.directory}: {error.strerror}") from None
    if as_json:
        for outcome in outcomes:
            click.echo(json.dumps({**outcome._asdict(), "report": outcome.report and str(outcome.report)}))
    else:
        rows = [
            [one.name, one.state, str(one.reports), str(one.rejected), str(one.held), one.detail] for one in outcomes
        ]
        click.echo(table(rows, ["file", "state", "reports", "rejected", "held", "detail"]))
    if fail_on_refusal and any(outcome.state == "refused" for outcome in outcomes):
        raise SystemExit(1)
