"""Runs of site.yml on a converged platform: what they may change, and what they must."""

from __future__ import annotations

from typing import Any, Final

import pytest
from meteo_nodes.platform import Platform, Run

# Design goals, for the streaming line and with batch: what an operator waits for when nothing is to do.
TASKS_OF_A_RUN_WITHOUT_CHANGE: Final = 110
TASKS_WITH_BATCH: Final = 150


def assert_nothing_changed(run: Run) -> None:
    assert run.changed == [], f"expected 0 changed, found: {run.changed}"


@pytest.fixture(scope="module")
def second(platform: Platform) -> tuple[Run, dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Another run of site.yml, and the main processes before and after it."""
    before = platform.processes()
    run = platform.playbook("site.yml")
    return run, before, platform.processes()


def test_check_mode_on_a_converged_platform_predicts_nothing(platform: Platform) -> None:
    """KF-57: `--check --diff` is green, and says that nothing would change."""
    assert_nothing_changed(platform.playbook("site.yml", "--check", "--diff"))


def test_a_second_run_changes_nothing(second: tuple[Run, Any, Any]) -> None:
    """KF-26, KF-21."""
    assert_nothing_changed(second[0])


def test_a_second_run_restarts_nothing(second: tuple[Run, Any, Any]) -> None:
    """KF-26: the same main processes, so not one daemon was restarted, whatever the run reported."""
    _, before, after = second
    assert all(before.values())
    assert after == before


def test_a_run_without_change_is_short(platform: Platform, second: tuple[Run, Any, Any]) -> None:
    run = second[0]
    limit = TASKS_WITH_BATCH if platform.members("airflow_scheduler") else TASKS_OF_A_RUN_WITHOUT_CHANGE
    print(f"a run without change: {run.tasks} tasks, {run.seconds:.1f} s")
    hosts = max(1, len(run.stats) - 1)
    assert run.tasks <= limit * hosts


@pytest.mark.parametrize(
    ("group", "daemon", "file"),
    [
        ("zookeeper", "zookeeper", "/etc/zookeeper/zoo.cfg"),
        ("jobs", "generator", "/etc/meteostream/generator.toml"),
    ],
)
def test_a_file_edited_by_hand_is_repaired_and_restarts_its_daemon_alone(
    platform: Platform, group: str, daemon: str, file: str
) -> None:
    """KF-31, KF-39: the run reports the file, and exactly one daemon has another main process."""
    if not platform.members(group):
        pytest.skip(f"this inventory has no {group}")
    host = platform.members(group)[0]
    node = platform.host(host)
    text = node.file(file).content_string
    before = platform.processes()
    node.check_output("printf '# by hand\\n' >> %s", file)
    run = platform.playbook("site.yml", "--diff", "--tags", group if group != "jobs" else "pipeline")
    after = platform.processes()
    assert node.file(file).content_string == text
    repaired = [result for _, _, result in run.results if file in result.get("files", [])]
    assert len(repaired) == 1, f"expected one task that reports {file}, found {run.changed}"
    restarted = {where for where, pid in after.items() if before[where] != pid}
    assert restarted == {(host, daemon)}


@pytest.mark.needs("zookeeper")
def test_a_change_that_a_run_left_unapplied_is_applied_by_the_next(platform: Platform) -> None:
    """KF-31: the file was written and the run died before the restart; here the file is right and the process old."""
    host = platform.members("zookeeper")[0]
    node = platform.host(host)
    before = platform.processes()
    node.check_output("echo unapplied > /run/meteo/zookeeper.digest")
    run = platform.playbook("site.yml", "--tags", "zookeeper")
    after = platform.processes()
    assert [name for _, name in run.changed] == ["zookeeper : Start ZooKeeper and wait until it serves"]
    assert {where for where, pid in after.items() if before[where] != pid} == {(host, "zookeeper")}
