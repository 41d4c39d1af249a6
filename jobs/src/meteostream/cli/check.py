"""``meteostream check``: one report, all the way through."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from meteostream.cli.common import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from meteostream.config import Settings
    from meteostream.outbox import Draft

NAME: Final = "check"
LOOK_S: Final = 0.2
LOOK_LAKE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Step:
    """How one stage went: seconds since the report was written down, or what to look at."""

    stage: str
    ok: bool
    seconds: float
    advice: str = ""


@click.command()
@click.option("--timeout", default=180.0, show_default=True, metavar="SECONDS", help="For all stages together.")
@click.option("--no-lake", is_flag=True, help="Stop at the warehouse (the lake commits about once a minute).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def command(context: Context, *, timeout: float, no_lake: bool, as_json: bool) -> None:
    """Send one simulated report and follow it: outbox, Kafka, warehouse, lake.

    Its source is 'check' and its station 0-0-0-SIMCHECK. Exit code 1 if it does not arrive in time; the last line
    names the stage that did not pass it on.
    """
    end_with(follow(context.settings, timeout, lake=not no_lake), as_json=as_json)


def end_with(steps: list[Step], *, as_json: bool) -> NoReturn:
    """Show the steps and end: with 0 if all went well, else with 1."""
    if as_json:
        click.echo(json.dumps({"ok": all(step.ok for step in steps), "steps": [asdict(step) for step in steps]}))
    else:
        for step in steps:
            click.echo(
                f"{step.stage:<10} {'ok' if step.ok else 'FAILED':<7} {step.seconds:7.2f} s  {step.advice}".rstrip()
            )
    sys.exit(0 if all(step.ok for step in steps) else 1)


def marker(topic: str, now_us: int) -> Draft:
    """The report of a check: its variables say when it was made, so that no two are the same event."""
    from meteostream.contract import SCHEMA, Report, encode_report, event_id_of, format_time, make_variables
    from meteostream.contract.report import CHECK_STATION
    from meteostream.outbox import Draft

    received_at = format_time(now_us, fraction=True)
    report = Report(
        schema=SCHEMA,
        station=CHECK_STATION,
        observed_at=format_time(now_us // 1_000_000 * 1_000_000, fraction=False),
        source=NAME,
        report_type="check",
        revision=0,
        nature="simulated",
        received_at=received_at,
        variables=make_variables({"air_temperature": now_us % 1_000_000 / 100_000, "wind_direction": None}),
    )
    return Draft(event_id_of(report).hex(), received_at, topic, CHECK_STATION, encode_report(report).decode())


def follow(settings: Settings, timeout: float, *, lake: bool) -> list[Step]:
    """Send the report and wait for it at each stage; ends with the first stage that fails."""
    began = time.monotonic()
    until = began + timeout
    draft = marker(settings.topics.observations, time.time_ns() // 1000)
    stages: list[tuple[str, float, Callable[[], bool], str]] = [
        (
            "warehouse",
            LOOK_S,
            lambda: _in_warehouse(settings, draft),
            "look at the stream to the warehouse: meteo logs stream-warehouse",
        ),
    ]
    if lake:
        stages.append(
            (
                "lake",
                LOOK_LAKE_S,
                lambda: _in_lake(settings, draft),
                "look at the stream to the lake: meteo logs stream-lake",
            )
        )
    steps = [Step(*_sent(settings, draft, until), advice="")]
    if not steps[0].ok:
        return [
            Step(
                "kafka",
                ok=False,
                seconds=time.monotonic() - began,
                advice="the report waits in the outbox; look at Kafka: meteo logs kafka",
            )
        ]
    for stage, pause, arrived, advice in stages:
        ok, error = wait_until(arrived, until, pause)
        steps.append(
            Step(stage, ok, time.monotonic() - began, "" if ok else f"{error or 'not there in time'}; {advice}")
        )
        if not ok:
            break
    return steps


def _sent(settings: Settings, draft: Draft, until: float) -> tuple[str, bool, float]:
    from meteostream.logs import log_to
    from meteostream.metrics import ProducerMetrics
    from meteostream.outbox import DAY_S, Outbox
    from meteostream.producer import Forwarder, kafka_client

    log_to(NAME, level="WARNING", text=True)
    began = time.monotonic()
    kafka = settings.need_kafka()
    with Outbox(Path(settings.outbox.directory) / NAME, retention_s=settings.outbox.retention_days * DAY_S) as outbox:
        forwarder = Forwarder(
            outbox, lambda: kafka_client(kafka, NAME), producer=NAME, metrics=ProducerMetrics(), resend=False
        )
        forwarder.start()
        outbox.append([draft])
        forwarder.wake()
        ok = forwarder.wait_until_empty(max(0.1, until - time.monotonic()))
        forwarder.stop(0.0)
        outbox.forget(time.time())
    return "kafka", ok, time.monotonic() - began


def _in_warehouse(settings: Settings, draft: Draft) -> bool:
    from meteostream.warehouse.connection import connect

    connection = connect(settings.warehouse, "meteostream check", writable=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM core.observation_event AS e "
                "JOIN core.published AS p USING (observed_at, report_id) "
                "WHERE e.observed_at = %s AND e.event_id = decode(%s, 'hex')",
                (json.loads(draft.value)["observed_at"], draft.id),
            )
            return bool((cursor.fetchone() or (0,))[0])
    finally:
        connection.close()


def _in_lake(settings: Settings, draft: Draft) -> bool:
    import pyarrow.compute as pc

    from meteostream.ledger.bronze import Snapshot
    from meteostream.ledger.store import store_of

    store = store_of(settings.lake.uri, settings.lake.namenodes, settings.lake.user)
    hour = datetime.fromisoformat(draft.received_at).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    rows = Snapshot(store, settings.lake.uri).rows(hour)
    return bool(pc.any(pc.equal(rows["event_id"], bytes.fromhex(draft.id))).as_py())


def wait_until(arrived: Callable[[], bool], until: float, pause: float) -> tuple[bool, str]:
    """Ask until the answer is yes; a server that does not answer is asked again."""
    import psycopg2
    from hdfs.util import HdfsError
    from requests import RequestException

    from meteostream.ledger.bronze import BronzeError

    error = ""
    while True:
        try:
            if arrived():
                return True, ""
            error = ""
        except (psycopg2.Error, HdfsError, BronzeError, RequestException, OSError) as found:
            error = f"{type(found).__name__}: {found}".splitlines()[0]
        if time.monotonic() >= until:
            return False, error
        time.sleep(pause)
