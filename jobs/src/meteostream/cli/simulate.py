"""``meteostream simulate``: simulated reports into a file, without a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import BinaryIO, Final

import click

GROUP: Final = 20_000


@click.command()
@click.option("--stations", default=15, show_default=True, type=click.IntRange(1), help="How many stations.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]), required=True, help="First moment, UTC."
)
@click.option("--hours", default=24.0, show_default=True, help="How long.")
@click.option("--step", default=3600, show_default=True, type=click.IntRange(1), help="Seconds between reports.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same weather.")
@click.option("--output", type=click.File("wb"), default="-", help="File (default: standard output).")
def command(stations: int, start: datetime, hours: float, step: int, seed: int, output: BinaryIO) -> None:
    """Write simulated reports, one JSON object a line.

    The weather of a station at a moment depends on the seed alone: any part of any run can be made again. Reports are
    marked simulated and their stations begin with 0-0-0-SIM; they never mix with observed ones.
    """
    import numpy as np

    from meteostream.contract import format_time
    from meteostream.simulator import simulate, simulated_places
    from meteostream.simulator.messages import messages

    places = simulated_places(stations)
    begin = int(start.replace(tzinfo=UTC).timestamp())
    begin += -begin % step
    moments = np.arange(begin, begin + round(hours * 3600), step)
    for first in range(0, len(moments) * stations, GROUP):
        row = np.arange(first, min(first + GROUP, len(moments) * stations))
        index, seconds = row % stations, moments[row // stations]
        columns = simulate(places, index, seconds, seed)
        for moment in np.unique(seconds):
            chosen = seconds == moment
            received_at = format_time(int(moment) * 1_000_000, fraction=True)
            part = {name: values[chosen] for name, values in columns.items()}
            for draft in messages(places, index[chosen], seconds[chosen], part, received_at, ""):
                output.write(draft.value.encode() + b"\n")
