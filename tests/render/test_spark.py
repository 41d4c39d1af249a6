"""Spark's files of one node and of three, as the inventory's groups make them."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from meteo_rendered import Rendered

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULTS = "etc/spark/spark-defaults.conf"


def settings(rendered: Rendered, host: str, path: str) -> dict[str, str]:
    """Return the settings of a properties file, read as plainly as its daemon does."""
    lines = (line.strip() for line in rendered.text(host, path).splitlines())
    split = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in split}


def unit_settings(rendered: Rendered, host: str, unit: str, name: str) -> list[str]:
    text = rendered.text(host, f"etc/systemd/system/{unit}.service")
    return re.findall(rf"^{name}=(.*)$", text, re.MULTILINE)


def test_one_master_remembers_until_the_next_boot_and_two_through_zookeeper(lab: Rendered, one: Rendered) -> None:
    alone = settings(one, "node1", "etc/spark/master/spark.conf")
    assert alone["spark.deploy.recoveryMode"] == "FILESYSTEM"
    (directory,) = unit_settings(one, "node1", "spark-master", "RuntimeDirectory")
    assert alone["spark.deploy.recoveryDirectory"] == f"/run/{directory}"
    assert unit_settings(one, "node1", "spark-master", "RuntimeDirectoryPreserve") == ["yes"]
    for host in ("node1", "node2"):
        shared = settings(lab, host, "etc/spark/master/spark.conf")
        assert shared["spark.deploy.recoveryMode"] == "ZOOKEEPER"
        assert shared["spark.deploy.zookeeper.url"] == "node1:2181,node2:2181,node3:2181"


def test_workers_and_applications_know_every_master(lab: Rendered) -> None:
    masters = "spark://node1:7077,node2:7077"
    for host in ("node1", "node2", "node3"):
        assert settings(lab, host, DEFAULTS)["spark.master"] == masters
        unit = lab.text(host, "etc/systemd/system/spark-worker.service")
        assert masters in unit


def test_the_start_of_a_worker_is_judged_by_the_masters(lab: Rendered) -> None:
    probe = lab.text("node3", "usr/local/lib/meteo/health/spark-worker").split()
    assert probe[probe.index("spark-worker") + 1].endswith(":8091/json/")
    masters = probe[probe.index("spark-worker") + 2].strip("'").split("|")
    assert [master.partition("://")[2].partition("/")[0].rpartition(":")[2] for master in masters] == ["8090", "8090"]
    (judge,) = unit_settings(lab, "node3", "spark-worker", "ExecStartPost")
    (limit,) = unit_settings(lab, "node3", "spark-worker", "TimeoutStartSec")
    assert 0 < int(judge.split()[1]) < int(limit)
    assert not unit_settings(lab, "node1", "spark-master", "ExecStartPost")


def test_the_master_takes_no_drivers_from_the_network(one: Rendered) -> None:
    assert settings(one, "node1", "etc/spark/master/spark.conf")["spark.master.rest.enabled"] == "false"


def test_a_worker_has_room_for_both_streams_and_an_operators_job(one: Rendered) -> None:
    unit = one.text("node1", "etc/systemd/system/spark-worker.service")
    cores, memory = (int(re.findall(pattern, unit)[0]) for pattern in (r"--cores (\d+)", r"--memory (\d+)m"))
    daemons = yaml.safe_load((REPOSITORY / "roles/topology/defaults/main/daemons.yml").read_text(encoding="utf-8"))
    streams = [entry for entry in daemons["topology_daemon_defaults"].values() if "executor_heap_mb" in entry]
    defaults = settings(one, "node1", DEFAULTS)
    assert len(streams) == 2
    assert cores >= len(streams) * int(defaults["spark.cores.max"]) + 1
    one_job = int(defaults["spark.executor.memory"].removesuffix("m"))
    assert memory >= sum(entry["executor_heap_mb"] for entry in streams) + one_job


def test_every_port_of_an_application_lies_in_a_range_that_the_firewall_opens(one: Rendered) -> None:
    ports = yaml.safe_load((REPOSITORY / "roles/topology/defaults/main/ports.yml").read_text(encoding="utf-8"))
    defaults = settings(one, "node1", DEFAULTS)
    for setting, name in (
        ("spark.driver.port", "spark_driver_rpc"),
        ("spark.blockManager.port", "spark_block_manager"),
        ("spark.ui.port", "spark_driver_ui"),
    ):
        port = ports["topology_port_defaults"][name]
        assert int(defaults[setting]) == port["port"]
        assert int(defaults["spark.port.maxRetries"]) < port["count"]


def test_kf_64_what_looks_like_a_secret_is_redacted(one: Rendered) -> None:
    defaults = settings(one, "node1", DEFAULTS)
    assert "\\" not in "".join(value for key, value in defaults.items() if "redaction" in key)
    names, values = (re.compile(defaults[f"spark.redaction.{kind}"]) for kind in ("regex", "string.regex"))
    for name in ("spark.hadoop.javax.jdo.option.ConnectionPassword", "kafka.sasl.jaas.config", "SECRET_TOKEN"):
        assert names.search(name)
    assert values.sub("*", 'required username="jobs" password="canary";') == 'required username="jobs" *;'


def test_kf_82_connectors_lie_on_the_nodes_and_nothing_is_fetched_at_start(lab: Rendered) -> None:
    defaults = settings(lab, "node3", DEFAULTS)
    assert defaults["spark.driver.extraClassPath"] == defaults["spark.executor.extraClassPath"]
    assert defaults["spark.driver.extraClassPath"].startswith("/opt/spark/current/")
    assert not {"spark.jars.packages", "spark.jars.repositories"} & set(defaults)


def test_event_logs_and_work_folders_are_bounded(one: Rendered) -> None:
    defaults = settings(one, "node1", DEFAULTS)
    history = settings(one, "node1", "etc/spark/history/spark.conf")
    worker = settings(one, "node1", "etc/spark/worker/spark.conf")
    assert defaults["spark.eventLog.rolling.enabled"] == "true"
    assert defaults["spark.executor.logs.rolling.strategy"] == "size"
    assert history["spark.history.fs.cleaner.enabled"] == worker["spark.worker.cleanup.enabled"] == "true"
    assert int(history["spark.history.fs.eventLog.rolling.maxFilesToRetain"]) > 0
    assert history["spark.history.fs.logDirectory"] == defaults["spark.eventLog.dir"] == "hdfs://meteo/spark-events"
