"""``meteostream generate``: the simulator as a service."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

import click

from meteostream.cli.common import Context, notify, open_outbox, stop_event

if TYPE_CHECKING:
    from meteostream.config import Settings
    from meteostream.metrics import ProducerMetrics
    from meteostream.outbox import Outbox
    from meteostream.producer import Forwarder

log = logging.getLogger(__name__)

NAME: Final = "generator"
TICK_S: Final = 0.1
"""Reports that fall due within a tick share one fsync."""
LARGEST_GROUP: Final = 5_000
LONGEST_PAUSE_S: Final = 60.0
"""After a longer pause (a suspended machine, a full disk) the generator goes on with the clock."""
DRAIN_S: Final = 30.0
WAIT_S: Final = 5.0


@click.command()
@click.option("--drain-seconds", default=DRAIN_S, show_default=True, help="At the end, wait so long for the brokers.")
@click.pass_obj
def command(context: Context, drain_seconds: float) -> None:
    """Send simulated reports in real time, until stopped (the service 'generator').

    Stations, rate, step and seed are in the section [generator] of the settings. Each report is on disk before it is
    sent; what the brokers do not take now, they get later.
    """
    from meteostream.metrics import ProducerMetrics, serve_metrics
    from meteostream.producer import Forwarder, kafka_client

    settings = context.settings
    context.start_logging(NAME)
    kafka = settings.need_kafka()
    metrics = ProducerMetrics()
    serve_metrics(settings.generator.metrics_port, settings.generator.metrics_address)
    stopping = stop_event()
    with open_outbox(settings, NAME) as outbox:
        forwarder = Forwarder(outbox, lambda: kafka_client(kafka, NAME), producer=NAME, metrics=metrics)
        forwarder.start()
        notify("READY=1")
        try:
            _run(settings, outbox, forwarder, metrics, stopping)
        finally:
            notify("STOPPING=1")
            empty = forwarder.stop(drain_seconds)
            log.info("stopped; %s", "all acknowledged" if empty else f"{forwarder.pending} wait in the outbox")


def _run(
    settings: Settings, outbox: Outbox, forwarder: Forwarder, metrics: ProducerMetrics, stopping: threading.Event
) -> None:
    from meteostream.outbox import ClockError, OutboxFullError
    from meteostream.simulator.messages import messages
    from meteostream.simulator.places import simulated_places
    from meteostream.simulator.schedule import Schedule
    from meteostream.simulator.weather import simulate

    generator, topic = settings.generator, settings.topics.observations
    schedule = Schedule(stations=generator.stations, rate=generator.rate_per_second, step_s=generator.step_seconds)
    places = simulated_places(schedule.stations)
    log.info(
        "simulating %d stations, %s reports a second, at most one a station every %d s; seed %d",
        schedule.stations,
        float(schedule.rate),
        generator.step_seconds,
        generator.seed,
    )
    done = schedule.number_at(_now_us())
    while not stopping.wait(TICK_S):
        forwarder.check()
        now = _now_us()
        last = schedule.number_at(now)
        skipped = last - schedule.number_at(now - int(LONGEST_PAUSE_S * 1e6))
        if last - done > skipped:
            log.warning("the clock is %d reports ahead: going on with the clock, these were never made", last - done)
            done = last
        due = schedule.due(done, min(last, done + LARGEST_GROUP))
        if not len(due.places):
            continue
        columns = simulate(places, due.places, due.seconds, generator.seed)
        try:
            outbox.append(messages(places, due.places, due.seconds, columns, _text(now), topic))
        except (ClockError, OutboxFullError) as error:
            # The intake stops, loudly, and asks again: nothing is stamped wrongly, nothing is dropped unsaid.
            log.error("no report is taken: %s", error)
            stopping.wait(WAIT_S)
            continue
        done += len(due.places)
        metrics.journaled.inc(len(due.places))
        forwarder.wake()


def _now_us() -> int:
    return time.time_ns() // 1000


def _text(micros: int) -> str:
    from meteostream.contract import format_time

    return format_time(micros, fraction=True)
