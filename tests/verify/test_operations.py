"""The verbs that look and change nothing, on a platform that is well."""

from __future__ import annotations

import subprocess

from meteo_nodes.platform import REPOSITORY, Platform, ansible_environment


def test_every_service_passes_its_check(platform: Platform) -> None:
    """Real operations: a znode, a record, a file, a transaction, a job, a report from end to end."""
    run = platform.playbook("check.yml")
    assert run.changed == []
    checks = {name.split(" : ")[0] for _, name, result in run.results if " : " in name and not result.get("skipped")}
    roles = {
        "zookeeper": "zookeeper",
        "kafka": "kafka",
        "namenode": "hdfs",
        "nodemanager": "yarn",
        "redis": "redis",
        "postgres": "postgres",
        "airflow_worker": "airflow",
        "pgadmin": "pgadmin",
        "jobs": "pipeline",
    }
    assert {role for group, role in roles.items() if platform.members(group)} <= checks


def test_status_is_one_table_and_exits_with_success(platform: Platform) -> None:
    command = ["ansible-playbook", "--inventory", str(platform.inventory), "playbooks/status.yml"]
    environment = ansible_environment(ANSIBLE_STDOUT_CALLBACK="meteo_quiet")
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert done.returncode == 0, done.stdout
    heading, *rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert heading == ["SERVICE", "NODE", "STATE", "MEMORY", "ADDRESS", "PASSWORD", "HEALTH"]
    wanted = {(name, host) for host, facts in platform.topology["hosts"].items() for name in facts["daemons"]}
    assert {(row[0], row[1]) for row in rows} == wanted
