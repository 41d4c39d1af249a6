"""Parts that measure the streams: latency at a fixed rate, sustained rates."""

from __future__ import annotations

import json
import time
from typing import Final

from meteo_nodes import latency
from meteo_nodes.platform import Platform

from meteo_bench.figure import Figure, at_most

RATE: Final = 1000
SETTLE_S: Final = 20
WATCH_S: Final = 90
P95_GOAL_S: Final = 3


def produce_to_visible(platform: Platform) -> list[Figure]:
    """Latency at 1,000 reports/s, with the generator set as an operator would; it goes back afterwards."""
    settings = ["-e", f"pipeline_generator_rate_per_second={RATE}", "-e", f"pipeline_generator_stations={RATE}"]
    platform.playbook("site.yml", "--tags", "pipeline", *settings)
    try:
        time.sleep(SETTLE_S)
        found = latency.measure(platform, WATCH_S)
    finally:
        platform.playbook("site.yml", "--tags", "pipeline")
    note = f"{found.reports} reports at {found.rate:.0f} a second"
    return [
        Figure("latency", "produce to visible, p50", found.p50, "s", note=note),
        at_most("latency", "produce to visible, p95", found.p95, "s", P95_GOAL_S, note),
        Figure("latency", "produce to visible, worst", found.worst, "s"),
    ]


def throughput(platform: Platform) -> list[Figure]:
    """Sustained reports/s of each query on the deployed node, by our command line; the ratio is to the null sink."""
    done = platform.meteostream("bench", "--json", timeout=1800)
    sustained = json.loads(done.stdout)["sustained"]
    null = sustained["null"]
    return [
        Figure("throughput", name, rate, "reports/s", note=f"{rate / null:.2f} of the null sink")
        for name, rate in sustained.items()
    ]
