"""``meteostream load``: real reports from a file."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, stop_event, table

if TYPE_CHECKING:
    from meteostream.config import Settings
    from meteostream.contract import Nature
    from meteostream.outbox import Draft
    from meteostream.sources.observation import Reject
    from meteostream.sources.profile import Profile

log = logging.getLogger(__name__)

NAME: Final = "load"


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]")
@click.option("--profile", "profile_name", help="How the file is written: a shipped profile's name, or a path to one.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, send nothing. Needs no cluster.")
@click.option("--strict", is_flag=True, help="Send nothing at all if any line is rejected.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where rejected lines go (default: FILE.rejects.jsonl here)."
)
@click.option(
    "--replay-as", metavar="SOURCE", help="For drills: mark the reports as replayed, under this source's name."
)
@click.option("--resume", is_flag=True, help="Without FILE: send what earlier loads left in the outbox.")
@click.option("--list-profiles", is_flag=True, help="Name the shipped profiles.")
@click.pass_obj
def command(
    context: Context,
    file: Path | None,
    profile_name: str | None,
    dry_run: bool,
    strict: bool,
    rejects: Path | None,
    replay_as: str | None,
    resume: bool,
    list_profiles: bool,
) -> None:
    """Load a file of observations.

    Columns are found by name and converted to the platform's units as the profile says. Try --dry-run first. A line
    that cannot be read is written to the rejects file with its reason, and the others are loaded; loading a file
    twice changes nothing. Exit code 1 if any line was rejected.
    """
    from meteostream.sources.profile import load_profile, shipped

    if list_profiles:
        click.echo("\n".join(shipped()))
        return
    if resume and file is None:
        _send(context.settings, iter(()))
        return
    if file is None or profile_name is None:
        raise click.UsageError("expected FILE and --profile (or --resume alone)")
    profile = load_profile(profile_name)
    load = _Load(file, profile, replay_as, topic="" if dry_run else context.settings.topics.observations)
    if strict or dry_run:
        for _ in load.drafts():
            pass
        load.write_rejects(rejects)
        load.report(dry_run=True)
        if load.rejects or dry_run:
            raise SystemExit(1 if load.rejects else 0)
        load = _Load(file, profile, replay_as, topic=context.settings.topics.observations)
    _send(context.settings, load.drafts())
    load.write_rejects(rejects)
    load.report(dry_run=False)
    raise SystemExit(1 if load.rejects else 0)


class _Load:
    """One pass over a file, and what it found."""

    def __init__(self, file: Path, profile: Profile, replay_as: str | None, *, topic: str) -> None:
        self.file, self.profile, self.topic = file, profile, topic
        self.source = replay_as or profile.source
        self.nature: Nature = "replayed" if replay_as else "observed"
        self.stations: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.rejects: list[Reject] = []

    def drafts(self) -> Iterator[Draft]:
        """Journal entries; rejected lines are kept aside."""
        from meteostream.contract import ContractError, format_time
        from meteostream.registry import load_registry
        from meteostream.sources.csv_file import read_csv
        from meteostream.sources.observation import Reject
        from meteostream.sources.reports import draft_of

        for found in read_csv(self.file, self.profile, load_registry()):
            if isinstance(found, Reject):
                self.rejects.append(found)
                continue
            received_at = format_time(time.time_ns() // 1000, fraction=True)
            try:
                draft = draft_of(
                    found,
                    source=self.source,
                    received_at=received_at,
                    topic=self.topic,
                    nature=self.nature,
                )
            except ContractError as error:
                self.rejects.append(Reject(found.line, f"{error.detail} ({error.reason})", found.text))
                continue
            self.stations[found.station] += 1
            self.ids.add(draft.id)
            yield draft

    def write_rejects(self, path: Path | None) -> None:
        """Keep every rejected line, one JSON object each."""
        if not self.rejects:
            return
        path = path or Path(f"{self.file.name}.rejects.jsonl")
        with path.open("w", encoding="utf-8") as out:
            for reject in self.rejects:
                raw = reject.text.encode(self.profile.encoding, "surrogateescape")
                entry = {"file": str(self.file), "line": reject.line, "reason": reject.reason}
                out.write(
                    json.dumps({**entry, "text": raw.decode("utf-8", "backslashreplace")}, ensure_ascii=False) + "\n"
                )
        for reject in self.rejects[:10]:
            click.echo(f"{self.file}, line {reject.line}: {reject.reason}", err=True)
        click.echo(f"{len(self.rejects)} rejected lines are in {path}", err=True)

    def report(self, *, dry_run: bool) -> None:
        """Say what was read."""
        from meteostream.registry import load_registry

        registry = load_registry()
        rows = [[name, registry.resolve(name).name, str(count)] for name, count in sorted(self.stations.items())]
        click.echo(table(rows, ["Station", "Name", "Reports"]))
        done = "read, nothing sent" if dry_run else "acknowledged by the brokers"
        total = sum(self.stations.values())
        click.echo(f"{total} reports ({len(self.ids)} distinct) {done}, {len(self.rejects)} lines rejected")


def _send(settings: Settings, drafts: Iterator[Draft]) -> None:
    from meteostream.delivery import deliver
    from meteostream.logs import log_to

    log_to(NAME, level="WARNING", text=True)
    deliver(settings, NAME, drafts, stopping=stop_event(), resume="meteostream load --resume")
