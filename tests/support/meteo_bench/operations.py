"""Parts that measure operating the platform: runs, redeploys, fresh nodes, memory."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from meteo_nodes.platform import REPOSITORY, SUPPORT_PLAYBOOKS, Platform

from meteo_bench.figure import Figure, at_most

TASKS_GOAL: Final = 110
COST_RATIO_GOAL: Final = 1.5
REDEPLOY_GOAL_S: Final = 20
FRESH_GOAL_S: Final = 360
NODE_MEMORY_GOAL_MB: Final = 7 * 1024


def no_change(platform: Platform) -> list[Figure]:
    """A run of site.yml that changes nothing, and the cost of a trivial task on the same node right after it."""
    run = platform.playbook("site.yml")
    if run.changed:
        raise AssertionError(f"expected a platform on which nothing is to do, found changes: {run.changed}")
    trivial = platform.playbook(SUPPORT_PLAYBOOKS / "trivial.yml")
    hosts = len(platform.hosts)
    cost = trivial.seconds * hosts / trivial.tasks
    tasks = run.tasks / hosts
    return [
        at_most("run", "tasks of a run without change", tasks, "tasks", TASKS_GOAL, "ok + changed, a host"),
        Figure("run", "a run without change", run.seconds, "s"),
        Figure("run", "a trivial task", cost, "s", note=f"mean of {trivial.tasks // hosts} in this run"),
        at_most("run", "a task of the run over a trivial task", run.seconds / (tasks * cost), "", COST_RATIO_GOAL),
    ]


def memory(platform: Platform) -> list[Figure]:
    """Proportional set size of each service; what the node's control group counts; kills."""
    figures = [
        Figure("memory", daemon, facts["pss_mb"], "MB", note=f"RSS {facts['rss_mb']} MB, on {host}")
        for (host, daemon), facts in platform.report().items()
        if facts["pss_mb"]
    ]
    figures.append(Figure("memory", "all services", sum(figure.value for figure in figures), "MB"))
    for host in platform.hosts:
        usage, kills = node_memory(platform, host)
        figures.append(
            at_most("memory", f"node {host}", usage, "MB", NODE_MEMORY_GOAL_MB, "without page cache that can go")
        )
        figures.append(at_most("memory", f"kills for want of memory on {host}", kills, "", 0))
    return figures


def node_memory(platform: Platform, host: str) -> tuple[float, int]:
    """(working set in MB, OOM kills) of a node, by its control group: usage less the inactive page cache."""
    node = platform.host(host)
    script = (
        "cd /sys/fs/cgroup; cat memory.current memory/memory.usage_in_bytes 2>/dev/null | head -n 1; "
        "cat memory.stat memory/memory.stat 2>/dev/null | awk '/^(total_)?inactive_file/ {v=$2} END {print v+0}'; "
        "cat memory.events memory/memory.oom_control 2>/dev/null | awk '/^oom_kill / {n+=$2} END {print n+0}'"
    )
    usage, inactive, kills = (int(word) for word in node.check_output(script).split())
    return (usage - inactive) / 2**20, kills


def redeploy(platform: Platform) -> list[Figure]:
    """Change our code in a copy of the repository, deploy the copy, find the changed job's first batch; then go back.

    Spark's own start is from the start of the driver's process until it says that its query is started: the session,
    its connections, the plan. What remains is the run of site.yml until the restart, and the first batch.
    """
    host = platform.first("jobs")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        shutil.copytree(
            REPOSITORY, copy, ignore=shutil.ignore_patterns(".git", "*_cache", "__pycache__"), symlinks=True
        )
        changed = copy / "jobs" / "src" / "meteostream" / "validate.py"
        changed.write_text(
            changed.read_text(encoding="utf-8") + f"\n# Changed at {time.time():.0f}.\n", encoding="utf-8"
        )
        begin = float(host.check_output("date +%s.%N"))
        platform.playbook("site.yml", "--tags", "pipeline", source=copy)
    started = unit_started(host, "stream-warehouse")
    if started < begin:
        raise AssertionError("expected the changed job to be restarted; its process is older than the change")
    first = platform.value(
        "SELECT min(extract(epoch FROM committed_at) + seconds) FROM pipeline.batch "  # noqa: S608 (a number)
        f"WHERE query = 'warehouse' AND received > known AND committed_at > to_timestamp({started})"
    )
    if first is None:
        raise AssertionError("expected a batch of the changed job, found none")
    total, spark = float(first) - begin, query_started(host, started) - started
    platform.playbook("site.yml", "--tags", "pipeline")
    return [
        Figure("redeploy", "changed job to its first committed batch", total, "s"),
        Figure("redeploy", "of it until the restart", started - begin, "s", note="site.yml --tags pipeline"),
        Figure("redeploy", "of it Spark's own start", spark, "s", note="process started to query started"),
        at_most("redeploy", "without Spark's own start", total - spark, "s", REDEPLOY_GOAL_S),
    ]


def unit_started(host: Any, unit: str) -> float:
    """When a unit's main process was started, seconds since 1970."""
    show = f"systemctl show --timestamp=us+utc --property=ExecMainStartTimestamp --value {unit}"
    return float(host.check_output(f'date --date "$({show})" +%s.%N'))


def query_started(host: Any, since: float) -> float:
    """When the driver said that its query is started, from its log."""
    for line in host.check_output("cat /var/log/meteostream/stream-warehouse.json").splitlines():
        entry = json.loads(line)
        when = datetime.fromisoformat(entry["@timestamp"]).timestamp()
        if when >= since and str(entry["message"]).startswith("query warehouse started"):
            return when
    raise AssertionError("expected the driver's log to say that its query is started")


def fresh(platform: Platform) -> list[Figure]:
    """Remove and make the nodes, install everything, wait for the first row. The caches on this machine are warm."""
    cluster = str(platform.variables(platform.hosts[0]).get("local_nodes_cluster", ""))
    if not cluster.startswith("test-"):
        raise AssertionError(
            f"expected an inventory of test nodes, found cluster {cluster!r}: its data is not the bench's"
        )
    platform.playbook("nodes_down.yml")
    begin = time.monotonic()
    platform.playbook("nodes_up.yml")
    made = time.monotonic() - begin
    run = platform.playbook("site.yml")
    while int(platform.value("SELECT count(*) FROM core.observation") or 0) == 0:
        if time.monotonic() - begin > 2 * FRESH_GOAL_S:
            raise AssertionError("expected a row of the generator, found none")
        time.sleep(0.2)
    total = time.monotonic() - begin
    return [
        Figure("fresh", "making the bare nodes", made, "s"),
        Figure("fresh", "installing everything", run.seconds, "s", note=f"{run.tasks} tasks"),
        at_most("fresh", "bare node to first row", total, "s", FRESH_GOAL_S, "bundles and packages in the cache"),
    ]
