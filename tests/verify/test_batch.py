"""YARN, Airflow, Redis and pgAdmin at work: as people use them, and when a part of them goes away for a moment."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from meteo_nodes.airflow import POLL_S, Airflow, request
from meteo_nodes.platform import Platform

JOB_S: Final = 240
# A job that lasts until it finds the file that ends it; one reducer, so that its master has something to wait for.
SLEEPER: Final = """
from pyspark.sql import SparkSession
import time
spark = SparkSession.builder.appName("verify-sleeper").getOrCreate()
def wait(rows):
    time.sleep({seconds})
    yield from rows
print(spark.sparkContext.parallelize(range(2), 2).mapPartitions(wait).count())
spark.stop()
"""


@pytest.fixture(scope="module")
def airflow(platform: Platform) -> Airflow:
    if not platform.members("airflow_api"):
        pytest.skip("this inventory has no airflow_api")
    return Airflow(platform)


@pytest.fixture(scope="module")
def checked(airflow: Airflow) -> tuple[str, str]:
    """A run of platform_check: the run's id, and its log."""
    run, state = airflow.run("platform_check")
    log = airflow.log("platform_check", run, "report")
    assert state == "success", log
    return run, log


def healthy(platform: Platform, host: str, daemon: str) -> str:
    """What a daemon's probe says, once it agrees."""
    said = ""
    for _ in range(120):
        done = platform.host(host).run("/usr/local/lib/meteo/health/%s", daemon)
        if done.rc == 0:
            return str(done.stdout)
        said = done.stdout
        time.sleep(POLL_S)
    raise AssertionError(f"expected {daemon} on {host} to become healthy, found: {said}")


def test_a_dag_runs_through_scheduler_broker_and_worker(checked: tuple[str, str]) -> None:
    """The task sent a report from the worker, which came out of the warehouse: its log says so."""
    assert re.search(r"warehouse +ok", checked[1])


def test_the_log_of_a_task_is_read_while_its_worker_is_away_and_after(
    platform: Platform, airflow: Airflow, checked: tuple[str, str]
) -> None:
    """It lies on the worker's disk, and a daemon of its own serves it."""
    run, log = checked
    host = platform.members("airflow_worker")[0]
    platform.host(host).check_output("systemctl stop airflow-worker")
    try:
        assert airflow.log("platform_check", run, "report") == log
    finally:
        platform.host(host).check_output("systemctl start airflow-worker")
    healthy(platform, host, "airflow-worker")
    assert airflow.log("platform_check", run, "report") == log


def test_a_job_of_spark_runs_on_yarn_from_a_dag(airflow: Airflow) -> None:
    run, state = airflow.run("yarn_check")
    assert state == "success", airflow.log("yarn_check", run, "spark")


def test_only_our_dags_are_there_and_all_of_them_are_read(airflow: Airflow) -> None:
    dags = airflow.get("dags?limit=100")["dags"]
    assert {"platform_check", "lake_to_marts", "lake_maintenance"} <= {dag["dag_id"] for dag in dags}
    assert [dag["dag_id"] for dag in dags if "meteostream" not in {tag["name"] for tag in dag["tags"]}] == []
    assert airflow.get("importErrors")["import_errors"] == []


def test_pools_and_connections_are_provisioned_and_no_others(airflow: Airflow) -> None:
    pools = {pool["name"]: pool["slots"] for pool in airflow.get("pools?limit=100")["pools"]}
    assert pools["yarn"] >= 1
    assert {"aviationweather", "open_meteo", "noaa", "warehouse"} <= set(pools)
    connections = {entry["connection_id"]: entry for entry in airflow.get("connections?limit=100")["connections"]}
    assert set(connections) == {"warehouse", "spark_yarn"}
    assert connections["warehouse"].get("password") in (None, "***")


def test_a_key_that_cannot_read_what_is_stored_is_refused_before_any_restart_kf_16(platform: Platform) -> None:
    """KF-16: the run's own script says so, and the daemons go on with the key they have."""
    if not platform.members("airflow_scheduler"):
        pytest.skip("this inventory has no airflow_scheduler")
    node = platform.first("airflow_scheduler")
    other = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
    done = node.run(
        "runuser -u airflow -- env AIRFLOW__CORE__FERNET_KEY=%s timeout 120 /usr/local/bin/airflow --python "
        "/usr/local/lib/meteo/provision-airflow.py /etc/airflow/provision.json",
        other,
    )
    assert done.rc == 1
    assert "connection 'spark_yarn'" in done.stderr or "connection 'warehouse'" in done.stderr
    assert "Fernet key" in done.stderr


def test_health_tells_a_scheduler_that_is_down_though_the_api_answers(platform: Platform, airflow: Airflow) -> None:
    """The API's answer is 200 whoever is dead: the probe reads what it says."""
    host = platform.members("airflow_scheduler")[0]
    node = platform.host(host)
    node.check_output("systemctl stop airflow-scheduler")
    try:
        assert request(f"{airflow.url}/api/v2/monitor/health")["metadatabase"]["status"] == "healthy"
        assert node.run("/usr/local/lib/meteo/health/airflow-scheduler").rc == 1
    finally:
        node.check_output("systemctl start airflow-scheduler")
    healthy(platform, host, "airflow-scheduler")


@pytest.fixture
def yarn(platform: Platform) -> Callable[[str], dict[str, Any]]:
    """Ask the ResourceManager."""
    if not platform.members("resourcemanager"):
        pytest.skip("this inventory has no resourcemanager")
    host = platform.members("resourcemanager")[0]
    address = platform.topology["hosts"][host]["member"]["address"]
    return lambda path: dict(request(f"http://{address}:{platform.port('resourcemanager_http')}/ws/v1/cluster/{path}"))


@pytest.fixture
def sleeper(platform: Platform, yarn: Callable[[str], dict[str, Any]]) -> Iterator[str]:
    """A Spark application on YARN that runs for a minute: its id."""
    host = platform.members("spark_worker")[0]
    node = platform.host(host, sudo=False)
    node.check_output("printf %s > /tmp/verify-sleeper.py", SLEEPER.format(seconds=60))
    node.check_output(
        "nohup timeout 300 bash -lc 'spark-submit --master yarn --deploy-mode cluster --name verify-sleeper "
        "/tmp/verify-sleeper.py' >/tmp/verify-sleeper.log 2>&1 & echo started"
    )
    begin = time.monotonic()
    while time.monotonic() - begin < JOB_S:
        found = [
            app
            for app in (yarn("apps?states=RUNNING").get("apps") or {}).get("app", [])
            if app["name"] == "verify-sleeper"
        ]
        if found and found[0]["runningContainers"] >= 2:
            yield str(found[0]["id"])
            node.run("rm -f /tmp/verify-sleeper.py /tmp/verify-sleeper.log")
            return
        time.sleep(POLL_S)
    raise AssertionError(f"expected the job to run, found: {node.run('cat /tmp/verify-sleeper.log').stdout[-3000:]}")


def test_a_restart_of_the_nodemanager_leaves_its_job_running(
    platform: Platform, yarn: Callable[[str], dict[str, Any]], sleeper: str
) -> None:
    """What runs in its containers before runs in them after, and the job needs no second attempt.

    Other applications, of DAGs by their schedule, may come and go meanwhile.
    """
    hosts = platform.members("nodemanager")

    def running(what: str = "") -> dict[str, set[str]]:
        pattern = f"'[o]rg[.]apache[.]spark.*{what}.*{sleeper}'"
        return {host: set(platform.host(host).run(f"pgrep -u yarn -f {pattern}").stdout.split()) for host in hosts}

    # YARN calls a container running before its process is there.
    begin = time.monotonic()
    while not any(running("CoarseGrainedExecutorBackend").values()) and time.monotonic() - begin < JOB_S:
        time.sleep(POLL_S)
    before = running()
    assert sum(map(len, before.values())) >= 2
    for host in hosts:
        platform.host(host).check_output("systemctl restart yarn-nodemanager")
        healthy(platform, host, "yarn-nodemanager")
    after = running()
    assert {host: pids - after[host] for host, pids in before.items() if pids - after[host]} == {}
    begin = time.monotonic()
    while time.monotonic() - begin < JOB_S:
        app = yarn(f"apps/{sleeper}")["app"]
        if app["state"] == "FINISHED":
            break
        time.sleep(POLL_S)
    assert app["finalStatus"] == "SUCCEEDED"
    assert len(yarn(f"apps/{sleeper}/appattempts")["appAttempts"]["appAttempt"]) == 1


@pytest.mark.needs("redis")
def test_redis_refuses_who_has_no_password_and_keeps_a_message_through_a_kill(platform: Platform) -> None:
    """What the broker acknowledged is on its disk."""
    host = platform.members("redis")[0]
    node = platform.host(host)
    address = platform.topology["hosts"][host]["member"]["address"]
    client = f"redis-cli -h {address} -n 15"
    assert "NOAUTH" in node.run(f"{client} PING").stdout
    known = f"REDISCLI_AUTH=$(cat /etc/redis-meteo/password) {client}"
    node.check_output(f"{known} DEL verify")
    assert node.check_output(f"{known} LPUSH verify message").strip() == "1"
    node.check_output("systemctl kill --signal=KILL redis-server")
    time.sleep(POLL_S)
    healthy(platform, host, "redis-server")
    assert node.check_output(f"{known} RPOP verify").strip() == "message"
    node.check_output("systemctl reset-failed redis-server || true")


@pytest.mark.needs("pgadmin")
def test_pgadmin_opens_the_database_without_a_second_password(platform: Platform) -> None:
    """The role's own check: log in as the account, open the preloaded server, see its databases."""
    host = platform.members("pgadmin")[0]
    assert "warehouse" in platform.host(host).check_output("/usr/local/lib/meteo/check-pgadmin")
