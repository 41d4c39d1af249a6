"""start.yml and stop.yml: dependencies first, health waited for, a barrier over all hosts between stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def stages(request: pytest.FixtureRequest) -> dict[str, int]:
    """Daemon to stage, as roles/topology has them."""
    root: Path = request.config.rootpath
    text = (root / "roles/topology/defaults/main/daemons.yml").read_text(encoding="utf-8")
    daemons: dict[str, dict[str, Any]] = yaml.safe_load(text)["topology_daemon_defaults"]
    return {name: daemon["stage"] for name, daemon in daemons.items()}


def test_dependencies_have_earlier_stages_than_what_needs_them(stages: dict[str, int]) -> None:
    needs = {
        "patroni": ["zookeeper"],
        "hdfs-namenode": ["zookeeper", "hdfs-journalnode"],
        "hdfs-zkfc": ["zookeeper", "hdfs-namenode"],
        "hdfs-datanode": ["hdfs-namenode"],
        "spark-worker": ["spark-master"],
        "spark-history": ["hdfs-datanode"],
        "yarn-resourcemanager": ["zookeeper", "hdfs-datanode"],
        "yarn-nodemanager": ["yarn-resourcemanager"],
        "airflow-scheduler": ["airflow-api", "patroni", "redis-server"],
        "airflow-worker": ["airflow-api", "airflow-scheduler", "redis-server", "yarn-nodemanager", "stream-warehouse"],
        "pgadmin": ["patroni"],
        "stream-warehouse": ["kafka", "patroni", "spark-worker", "hdfs-datanode"],
        "stream-lake": ["kafka", "spark-worker", "hdfs-datanode"],
        "generator": ["kafka", "stream-warehouse", "stream-lake"],
    }
    wrong = [(daemon, other) for daemon, others in needs.items() for other in others if stages[other] >= stages[daemon]]
    assert wrong == []


def test_start_waits_for_the_health_of_a_stage_on_every_host(started: Any, stages: dict[str, int]) -> None:
    log = started.log()
    begun = [(host, unit) for event, host, unit in log if event == "start"]
    ready: set[tuple[str, str]] = set()
    for event, host, unit in log:
        if event == "ready":
            ready.add((host, unit))
            continue
        early = [other for other in begun if stages[other[1]] < stages[unit] and other not in ready]
        assert early == [], f"{unit} on {host} was started before these were healthy: {early}"
    assert {host for host, unit in begun if unit == "zookeeper"} == {"a", "b", "c"}
    assert ("c", "stream-warehouse") in begun
    assert len(begun) == len(set(begun))


def test_start_leaves_alone_what_runs(started: Any) -> None:
    before = started.log()
    done = started.play("start.yml")
    assert done.returncode == 0
    assert "changed=0" in done.stdout
    assert started.log() == before


def test_stop_goes_the_other_way_and_begins_with_the_sources(machines: Any, stages: dict[str, int]) -> None:
    for host in ("a", "b", "c"):
        for unit in stages:
            (machines.folder / host / unit).write_text("active\n", encoding="utf-8")
    count = len(machines.log())
    assert machines.play("stop.yml").returncode == 0
    stopped = [(host, unit) for event, host, unit in machines.log()[count:] if event == "stop"]
    order = [stages[unit] for _, unit in stopped]
    assert order == sorted(order, reverse=True)
    assert stopped[:2] == [("c", "generator"), ("c", "intake")]
    assert {unit for _, unit in stopped[2:4]} == {"stream-warehouse", "stream-lake"}


def test_check_mode_starts_and_stops_nothing(machines: Any) -> None:
    """KF-57."""
    assert machines.play("start.yml", "--check").returncode == 0
    assert machines.play("stop.yml", "--check").returncode == 0
    assert machines.log() == []


def test_a_machine_without_the_platform_is_told_to_install_it(machines: Any) -> None:
    (machines.folder / "b" / "zookeeper.absent").touch()
    done = machines.play("start.yml")
    assert done.returncode != 0
    assert "no such units" in done.stdout
    assert "site.yml" in done.stdout
    assert not [unit for event, _, unit in machines.log() if event == "start" and unit == "kafka"]


def test_status_shows_every_daemon_and_fails_if_one_is_not_healthy(started: Any) -> None:
    done = started.play("status.yml")
    assert done.returncode == 0, done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[2] for row in rows if row[:2] == ["zookeeper", "b"]] == ["active"]
    (started.folder / "b" / "zookeeper").write_text("failed\n", encoding="utf-8")
    done = started.play("status.yml")
    (started.folder / "b" / "zookeeper").write_text("active\n", encoding="utf-8")
    assert done.returncode != 0
    assert "zookeeper on b" in done.stdout
    assert "./meteo logs" in done.stdout


def test_status_shows_a_host_that_does_not_answer(started: Any) -> None:
    """Its daemons are rows too: what is down is what one looks for."""
    done = started.play("status.yml", "--extra-vars", '{"ansible_connection": "ssh", "ansible_port": 9}')
    assert done.returncode != 0
    assert [line.split()[2] for line in done.stdout.splitlines() if line.split()[:2] == ["zookeeper", "b"]] == [
        "unknown"
    ]
