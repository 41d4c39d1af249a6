"""Kill -9 under load: whatever dies, no report is lost and none counts twice.

Load: the generator at 500 reports/s or more, for 60 s and more before and after each kill. Judge: the ledger, which
reads the producers' own fsynced journals and shares no code with the pipeline.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest
from meteo_nodes.platform import SUPPORT_PLAYBOOKS, Platform

RATE: Final = 600
RATE_AT_LEAST: Final = 500
SIDE_S: Final = 60
RECOVERY_S: Final = 300
LEDGER_S: Final = 300


class Kill(NamedTuple):
    """What dies.

    Attributes:
        daemon: The unit.
        group: The group whose first host it dies on.
        program: Kill the unit's processes of this name; none means its main process; `*` all of them.
    """

    daemon: str
    group: str
    program: str | None = None


SPARK_MASTER: Final = Kill("spark-master", "spark_master")
SPARK_WORKER: Final = Kill("spark-worker", "spark_worker", "*")
KILLS: Final = {
    "the broker": [Kill("kafka", "kafka")],
    "the warehouse stream's driver": [Kill("stream-warehouse", "jobs")],
    "the warehouse stream's JVM": [Kill("stream-warehouse", "jobs", "java")],
    "the lake stream's driver": [Kill("stream-lake", "jobs")],
    "the lake stream's JVM": [Kill("stream-lake", "jobs", "java")],
    "the worker with its executors": [SPARK_WORKER],
    "the Spark master": [SPARK_MASTER],
    # The new master reads of the old worker, and greets the new one in its place.
    "the Spark master and the worker": [SPARK_MASTER, SPARK_WORKER],
    "the generator": [Kill("generator", "jobs")],
}


def main_pid(platform: Platform, kill: Kill) -> str:
    return str(platform.first(kill.group).check_output("systemctl show --property=MainPID --value %s", kill.daemon))


def victims(platform: Platform, kill: Kill) -> list[str]:
    """Process ids to kill."""
    host = platform.members(kill.group)[0]
    found = platform.report()[host, kill.daemon]
    if kill.program is None:
        return [str(found["main_pid"])]
    table = platform.host(host).check_output("ps -o pid=,comm= -p %s", ",".join(map(str, found["pids"])))
    named = [line.split(maxsplit=1) for line in table.splitlines()]
    return [pid for pid, program in named if kill.program in ("*", program)]


class Side(NamedTuple):
    """A time under load, by the clock of the host that runs the generator (seconds since 1970)."""

    begin: float
    end: float


def under_load(platform: Platform, seconds: int) -> Side:
    """Let the load run for a while."""
    node = platform.first("jobs")
    begin = float(node.check_output("date +%s.%N"))
    time.sleep(seconds)
    return Side(begin, float(node.check_output("date +%s.%N")))


def rate(platform: Platform, side: Side) -> float:
    """Reports a second that were received in that time and are in the warehouse by now."""
    query = f"""SELECT count(*) FROM core.observation_event WHERE source = 'simulator'
        AND received_at >= to_timestamp({side.begin}) AND received_at < to_timestamp({side.end})"""  # noqa: S608 (numbers)
    return int(platform.value(query) or 0) / (side.end - side.begin)


def await_healthy(platform: Platform) -> float:
    """Wait until every daemon of every host is healthy; the seconds it took."""
    begin = time.monotonic()
    while time.monotonic() - begin < RECOVERY_S:
        ill = {where: facts["health"] for where, facts in platform.report().items() if not facts["healthy"]}
        if not ill:
            return time.monotonic() - begin
        time.sleep(2)
    raise AssertionError(f"expected every daemon healthy within {RECOVERY_S} s, found: {ill}")


def ledger(platform: Platform) -> dict[str, Any]:
    """The ledger, once the generator has stopped and every journal entry is accounted for, or the wait is over."""
    host = platform.first("jobs")
    host.check_output("systemctl stop generator")
    try:
        done = platform.meteostream(
            "ledger", "check", "--json", "--wait", str(LEDGER_S), check=False, timeout=LEDGER_S + 120
        )
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout))
    finally:
        host.check_output("systemctl start generator")


pytestmark = pytest.mark.needs("jobs", "kafka", "postgres")


@pytest.fixture(scope="module", autouse=True)
def load(platform: Platform) -> Iterator[None]:
    """The generator at test rate, set as an operator would; and back again."""
    settings = ["-e", f"pipeline_generator_rate_per_second={RATE}", "-e", f"pipeline_generator_stations={RATE}"]
    platform.playbook("site.yml", "--tags", "pipeline", *settings)
    time.sleep(15)
    yield
    platform.playbook("site.yml", "--tags", "pipeline")


def assert_whole(platform: Platform, before: Side, after: Side) -> None:
    found = ledger(platform)
    rates = [rate(platform, side) for side in (before, after)]
    print(
        f"{rates[0]:.0f} reports/s for {before.end - before.begin:.0f} s before, {rates[1]:.0f} for "
        f"{after.end - after.begin:.0f} s after; ledger: {found['lost']} lost, {found['doubled']} doubled"
    )
    assert (found["lost"], found["doubled"], found["findings"]) == (0, 0, [])
    assert min(rates) >= RATE_AT_LEAST


@pytest.mark.kill
def test_nothing_is_lost_or_doubled_when_every_node_is_killed(platform: Platform) -> None:
    """Containers are killed, which keeps the host's page cache: crash safety, not a power cut."""
    before = under_load(platform, SIDE_S)
    platform.playbook(SUPPORT_PLAYBOOKS / "kill_nodes.yml")
    begin = time.monotonic()
    platform.playbook("nodes_start.yml")
    platform.playbook("start.yml")
    print(f"every node: healthy again after {time.monotonic() - begin:.0f} s")
    after = under_load(platform, SIDE_S)
    assert_whole(platform, before, after)


@pytest.mark.kill
def test_nothing_is_lost_or_doubled_by_an_ordered_stop_and_start(platform: Platform) -> None:
    """Stop drains the streams first, and start brings everything back in order; then the same after the nodes' stop."""
    before = under_load(platform, SIDE_S)
    platform.playbook("stop.yml")
    states = {where: facts["state"] for where, facts in platform.report().items()}
    assert set(states.values()) <= {"inactive"}, states
    platform.playbook("nodes_stop.yml")
    platform.playbook("nodes_start.yml")
    platform.playbook("start.yml")
    after = under_load(platform, SIDE_S)
    assert_whole(platform, before, after)


@pytest.mark.kill
@pytest.mark.parametrize("name", KILLS)
def test_nothing_is_lost_or_doubled_when_it_is_killed(platform: Platform, name: str) -> None:
    before = under_load(platform, SIDE_S)
    old = [main_pid(platform, kill) for kill in KILLS[name]]
    pids = [victims(platform, kill) for kill in KILLS[name]]
    assert all(pids), f"expected processes to kill for {name}"
    assert all(pid.isdigit() and int(pid) > 1 for found in pids for pid in found)
    for kill, found in zip(KILLS[name], pids, strict=True):
        platform.first(kill.group).check_output("kill -9 " + " ".join(found))
    time.sleep(2)
    took = await_healthy(platform)
    assert not set(old) & {main_pid(platform, kill) for kill in KILLS[name]}
    print(f"{name}: healthy again after {took:.0f} s")
    after = under_load(platform, SIDE_S)
    assert_whole(platform, before, after)
