"""``meteostream collect``: observations and forecasts from the network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from meteostream.cli.common import Context, fail, stop_event, table

if TYPE_CHECKING:
    from meteostream.collect.collector import Collector, Wanted
    from meteostream.collect.http import Http
    from meteostream.collect.run import Account
    from meteostream.config import Settings

SHOWN: Final = 10
"""Rejects and remarks that are shown; all are kept."""
DATES: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ"]


class _Wish(NamedTuple):
    """What the command line says beside the source."""

    start: datetime | None
    end: datetime | None
    stations: tuple[str, ...]
    dry_run: bool
    is_probe: bool
    fixture: Path | None


@click.command()
@click.argument("source", required=False, metavar="[SOURCE]")
@click.option(
    "--from", "start", type=click.DateTime(DATES), help="Beginning of the window, UTC (default: the source's)."
)
@click.option(
    "--to", "end", type=click.DateTime(DATES), help="End of the window, UTC (default: now). A day counts whole."
)
@click.option(
    "--stations", multiple=True, metavar="NAME", help="Only this station, by any of its names; may be given again."
)
@click.option("--dry-run", is_flag=True, help="Ask and read, send nothing. Needs no cluster.")
@click.option("--probe", "is_probe", is_flag=True, help="Ask for a sample, compare its shape, store it; send nothing.")
@click.option("--fixture", type=click.Path(path_type=Path, dir_okay=False), help="With --probe: where the sample goes.")
@click.option("--declared", is_flag=True, help="Instead of a SOURCE: those that are declared here, one after another.")
@click.option("--list", "list_", is_flag=True, help="Name the sources, with their licences.")
@click.pass_obj
def command(
    context: Context,
    source: str | None,
    start: datetime | None,
    end: datetime | None,
    stations: tuple[str, ...],
    dry_run: bool,
    is_probe: bool,
    fixture: Path | None,
    declared: bool,
    list_: bool,
) -> None:
    """Collect what a SOURCE on the network has for our stations.

    Observations and forecasts go to Kafka as files' do; archives go to the drop folder. Windows overlap, and what was
    collected twice counts once. After an outage the next run asks for what was missed. Nothing is an answer too.

    Exit code 1, with one sentence: the network or the service failed, a limit is used up, or nothing of what came
    could be read. What had come before that is kept and sent.
    """
    settings = context.settings
    if list_:
        _list(settings)
        return
    if declared == (source is not None):
        raise click.UsageError("expected a SOURCE, for example metar, or --declared; --list names the sources")
    if declared and fixture is not None:
        raise click.UsageError("--fixture: expected one SOURCE, found --declared")

    wish = _Wish(start, end, stations, dry_run, is_probe, fixture)
    if source is not None:
        _run(settings, source, wish)
    else:
        _each_declared(settings, wish)


def _each_declared(settings: Settings, wish: _Wish) -> None:
    """Run each declared source that is not off; a failure of one keeps no other from its turn."""
    from meteostream.collect.catalogue import find
    from meteostream.collect.declared import declared_collectors
    from meteostream.sources.errors import SourceError

    failed = []
    names = list(declared_collectors(Path(settings.collect.sources)))
    if not names:
        click.echo(f"no source is declared in {settings.collect.sources}; nothing to do")
    for name in names:
        try:
            off = find(name, settings.collect).off
            if off is not None:
                click.echo(off, err=True)
                continue
            _run(settings, name, wish)
        except SourceError as error:
            click.echo(f"{name}: {error}", err=True)
            failed.append(name)
        except SystemExit:  # it has said why
            failed.append(name)
    if failed:
        raise fail(f"{len(failed)} of {len(names)} declared sources failed: {', '.join(failed)}")


def _run(settings: Settings, source: str, wish: _Wish) -> None:
    from meteostream.collect.catalogue import find

    collector = find(source, settings.collect)
    wanted = _wanted(settings, collector, wish.start, wish.end, wish.stations)
    http = _http(settings, collector)
    try:
        if wish.is_probe:
            _probe(collector, http, wanted, wish.fixture)
            return
        account = _collect(settings, collector, http, wanted, dry_run=wish.dry_run)
        _report(settings, collector, wanted, account, dry_run=wish.dry_run)
        if not wish.dry_run:
            _remember(settings, collector, wanted, account, whole=not (wish.start or wish.end or wish.stations))
    except OSError as error:
        raise fail(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}") from None
    if account.failure is not None:
        raise account.failure
    if account.barren:
        raise SystemExit(1)


def _list(settings: Settings) -> None:
    from meteostream.collect.catalogue import find, names
    from meteostream.sources.errors import SourceError

    rows = []
    for name in names(settings.collect):
        try:
            collector = find(name, settings.collect)
        except SourceError as error:
            rows.append([name, "-", "-", f"cannot be used: {error}"])
        else:
            rows.append([name, collector.kind, collector.licence.name, collector.title])
    click.echo(table(rows, ["Source", "Gives", "Licence", ""]))


def _wanted(
    settings: Settings, collector: Collector, start: datetime | None, end: datetime | None, names: tuple[str, ...]
) -> Wanted:
    from meteostream.collect.collector import Wanted
    from meteostream.collect.errors import CollectError
    from meteostream.collect.state import read_state, window
    from meteostream.dropfolder import INCOMING
    from meteostream.registry import load_registry

    registry, now = load_registry(), datetime.now(UTC).replace(microsecond=0)
    chosen = [registry.resolve(name) for name in (names or settings.collect.stations)] or [
        station for station in registry if station.country == settings.collect.country and not station.simulated
    ]
    simulated = next((station for station in chosen if station.simulated), None)
    if simulated is not None:
        raise CollectError(f"{simulated.wigos_id}: expected a real station, found a simulated one")
    if not chosen:
        raise CollectError(f"[collect] country: expected one that has stations, found {settings.collect.country!r}")
    usual = window(
        read_state(Path(settings.collect.directory), collector.name),
        now,
        hours=collector.hours_default,
        days_back=collector.days_back,
    )
    begin = usual[0] if start is None else start.replace(tzinfo=UTC)
    stop = usual[1] if end is None else end.replace(tzinfo=UTC)
    if end is not None and end.time() == datetime.min.time():
        stop += timedelta(days=1)
    if start is not None and begin >= stop:
        raise CollectError(f"--from: expected a moment before {stop:%Y-%m-%dT%H:%MZ}, found {begin:%Y-%m-%dT%H:%MZ}")
    if collector.days_back is not None and begin < now - timedelta(days=collector.days_back):
        raise CollectError(
            f"--from: {collector.name} reaches {collector.days_back:g} days back, found {begin:%Y-%m-%dT%H:%MZ}; an "
            "archive has older values ('meteostream collect --list')"
        )
    incoming = Path(settings.dropfolder.directory) / INCOMING
    return Wanted(tuple(chosen), begin, stop, now, settings.collect, registry, incoming)


def _http(settings: Settings, collector: Collector) -> Http:
    from meteostream.collect.http import Http
    from meteostream.logs import log_to

    log_to(f"collect-{collector.name}", level="WARNING", text=True)
    return Http(settings.collect, {collector.api: collector.quota})


def _probe(collector: Collector, http: Http, wanted: Wanted, fixture: Path | None) -> None:
    from meteostream.collect.run import probe

    path, differences = probe(collector, http, wanted, fixture)
    click.echo(f"{collector.name}: a sample is in {path}")
    for difference in differences:
        click.echo(difference, err=True)
    click.echo(f"{collector.name}: {f'{len(differences)} differences' if differences else 'shaped as known'}")
    if differences:
        raise SystemExit(1)


def _collect(settings: Settings, collector: Collector, http: Http, wanted: Wanted, *, dry_run: bool) -> Account:
    from meteostream.collect.run import Account, drafts
    from meteostream.delivery import deliver

    forecasts = collector.kind == "forecasts"
    account = Account()
    topics = settings.topics
    entries = drafts(collector, http, wanted, topics.forecasts if forecasts else topics.observations, account)
    if dry_run or collector.kind == "files":
        for _ in entries:
            pass
        return account
    name = f"collect-{collector.name}"
    deliver(
        settings,
        # Forecasts' journals lie one level lower: the ledger proves observations.
        f"forecasts/{name}" if forecasts else name,
        entries,
        stopping=stop_event(),
        resume=f"meteostream collect {collector.name}",
        resend=not forecasts,
        patience_s=settings.collect.delivery_seconds,
    )
    return account


def _report(settings: Settings, collector: Collector, wanted: Wanted, account: Account, *, dry_run: bool) -> None:
    from meteostream.collect.state import merged, read_state, silences

    for remark in account.remarks[:SHOWN]:
        click.echo(f"{collector.name}: {remark}", err=True)
    if len(account.remarks) > SHOWN:
        click.echo(f"{collector.name}: and {len(account.remarks) - SHOWN} remarks more", err=True)
    for reject in account.rejects[:SHOWN]:
        click.echo(f"{collector.name}: not read: {reject.reason}: {reject.text[:120]!r}", err=True)
    if account.rejects and not dry_run:
        _keep(settings, collector, wanted, account)
    if collector.kind == "files":
        changed = [file for file in account.files if file.changed]
        click.echo(
            f"{collector.name}: {len(changed)} files brought ({sum(file.bytes for file in changed)} bytes), "
            f"{len(account.files) - len(changed)} unchanged"
        )
        return
    newest = merged(read_state(Path(settings.collect.directory), collector.name).newest, account.newest)
    limit = settings.collect.silent_hours if collector.kind == "observations" else None
    rows, silent = [], []
    for station, found in zip(
        wanted.stations,
        silences([s.wigos_id for s in wanted.stations], newest, wanted.now, hours=limit or 0.0),
        strict=True,
    ):
        moment = "never" if found.newest is None else f"{found.newest:%Y-%m-%dT%H:%M}Z"
        rows.append([station.wigos_id, station.name, str(account.messages[station.wigos_id]), moment])
        if limit is not None and found.silent:
            silent.append(f"{station.name} (newest: {moment})")
    click.echo(table(rows, ["Station", "Name", "Messages", "Newest"]))
    if silent:
        click.echo(f"{collector.name}: silent for more than {limit:g} h: {', '.join(silent)}", err=True)
    done = "read, nothing sent" if dry_run else "acknowledged by the brokers"
    click.echo(
        f"{collector.name}: {account.messages.total()} messages ({len(account.ids)} distinct) {done}, "
        f"{len(account.rejects)} records rejected"
    )


def _keep(settings: Settings, collector: Collector, wanted: Wanted, account: Account) -> None:
    """Keep what was not read; what only lacks a registered station waits for it in quarantine (KF-114)."""
    from meteostream.collect.rejects import keep_rejects
    from meteostream.quarantine import held_of, hold

    path = keep_rejects(Path(settings.collect.directory), collector.name, account.rejects, wanted.now)
    click.echo(f"{collector.name}: {len(account.rejects)} rejected records are in {path}", err=True)
    held = held_of(
        account.rejects,
        source=collector.name,
        nature="observed",
        file=collector.title,
        held_at=f"{wanted.now:%Y-%m-%dT%H:%M:%SZ}",
    )
    new = hold(Path(settings.quarantine.directory), held)
    if held:
        click.echo(
            f"{collector.name}: {len(held)} reports of unregistered stations wait in quarantine, {new} of them new "
            "('meteostream quarantine list')",
            err=True,
        )


def _remember(settings: Settings, collector: Collector, wanted: Wanted, account: Account, *, whole: bool) -> None:
    """Note each station's newest, and the window's end if it was the usual one and came whole."""
    from meteostream.collect.state import State, merged, read_state, write_state

    directory = Path(settings.collect.directory)
    old = read_state(directory, collector.name)
    until = wanted.end if whole and account.failure is None else old.until
    write_state(directory, collector.name, State(until, merged(old.newest, account.newest)))
