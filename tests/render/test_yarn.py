"""YARN as the inventories make it: one ResourceManager, or two by the size of the group; memory from the plan."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml
from meteo_rendered import REPOSITORY, Rendered

NODES: Final = ("node1", "node2", "node3")
UNIT: Final = "/etc/systemd/system/{}.service"


def spark(rendered: Rendered, host: str) -> dict[str, str]:
    lines = rendered.text(host, "/etc/spark/yarn.conf").splitlines()
    split = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {key: value.strip() for key, _, value in split}


def daemons() -> dict[str, dict[str, Any]]:
    text = (REPOSITORY / "roles/topology/defaults/main/daemons.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["topology_daemon_defaults"])


def ports() -> dict[str, dict[str, Any]]:
    text = (REPOSITORY / "roles/topology/defaults/main/ports.yml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text)["topology_port_defaults"])


def mib(text: str) -> int:
    return int(text.removesuffix("m"))


@pytest.mark.parametrize("host", NODES)
def test_everybody_finds_both_resourcemanagers_by_their_ids(lab: Rendered, host: str) -> None:
    site = lab.hadoop(host, "yarn-site.xml")
    assert site["yarn.resourcemanager.ha.enabled"] == "true"
    assert site["yarn.resourcemanager.ha.rm-ids"] == "rm1,rm2"
    assert site["yarn.resourcemanager.address.rm1"] == "node1:8032"
    assert site["yarn.resourcemanager.webapp.address.rm2"] == "node2:8088"


def test_identities_are_the_inventorys_kf_1(lab: Rendered) -> None:
    """KF-1: an id comes from the host's own variable, and a host that is no ResourceManager has none."""
    found = {host: lab.hadoop(host, "yarn-site.xml").get("yarn.resourcemanager.ha.id") for host in NODES}
    assert found == {"node1": "rm1", "node2": "rm2", "node3": None}


def test_one_resourcemanager_has_no_election_but_remembers_in_zookeeper(one: Rendered, lab: Rendered) -> None:
    """Growing to two changes no store: applications are kept in ZooKeeper already."""
    alone, pair = one.hadoop("node1", "yarn-site.xml"), lab.hadoop("node1", "yarn-site.xml")
    assert "yarn.resourcemanager.ha.enabled" not in alone
    assert alone["yarn.resourcemanager.address"] == "meteo.example:8032"
    for setting in ("yarn.resourcemanager.store.class", "yarn.resourcemanager.zk-state-store.parent-path"):
        assert alone[setting] == pair[setting]
    assert pair["yarn.resourcemanager.zk-address"] == pair["hadoop.zk.address"] == "node1:2181,node2:2181,node3:2181"


def test_the_tree_in_zookeeper_is_the_resourcemanagers_alone(lab: Rendered) -> None:
    entries = lab.entries("node1", "yarn-resourcemanager")
    auth, acl = entries["/etc/hadoop/yarn-zookeeper-auth"], entries["/etc/hadoop/yarn-zookeeper-acl"]
    assert auth["content"].strip() == f"digest:yarn:{lab.secrets['secret_zookeeper_yarn']}"
    assert (auth["mode"], auth["group"], auth["secret"]) == ("0640", "yarn", True)
    assert re.fullmatch(r"digest:yarn:[^:]+:rwcda", acl["content"].strip())
    assert lab.secrets["secret_zookeeper_yarn"] not in acl["content"]


def test_daemons_are_where_their_groups_are(lab: Rendered) -> None:
    units = ("yarn-resourcemanager", "yarn-nodemanager", "mapred-history")
    found = {host: [unit for unit in units if lab.has(host, UNIT.format(unit))] for host in NODES}
    assert found == {"node1": [*units[:2]], "node2": [*units[:2]], "node3": ["yarn-nodemanager", "mapred-history"]}


@pytest.mark.parametrize("setting", ["bind-host", "address"])
def test_bound_and_advertised_addresses_are_different_variables_kf_62(one: Rendered, setting: str) -> None:
    site = one.hadoop("node1", "yarn-site.xml")
    wanted = {"bind-host": "0.0.0.0", "address": "meteo.example:8041"}  # noqa: S104 (a setting's text)
    assert site[f"yarn.nodemanager.{setting}"] == wanted[setting]


def test_containers_get_what_the_plan_counts_for_them_kf_79(one: Rendered) -> None:
    """KF-79: the memory of containers is the plan's, never Hadoop's 8 GB; address space is not memory."""
    site = one.hadoop("node1", "yarn-site.xml")
    assert int(site["yarn.nodemanager.resource.memory-mb"]) == daemons()["yarn-nodemanager"]["containers_mb"]
    assert site["yarn.scheduler.maximum-allocation-mb"] == site["yarn.nodemanager.resource.memory-mb"]
    assert site["yarn.nodemanager.pmem-check-enabled"] == "true"
    assert site["yarn.nodemanager.vmem-check-enabled"] == "false"


def test_a_driver_and_an_executor_of_spark_fit_into_the_smallest_node(one: Rendered) -> None:
    site, conf = one.hadoop("node1", "yarn-site.xml"), spark(one, "node1")
    step = int(site["yarn.scheduler.minimum-allocation-mb"])
    containers = [
        -(-(mib(conf[f"spark.{who}.memory"]) + mib(conf[f"spark.{who}.memoryOverhead"])) // step) * step
        for who in ("driver", "executor")
    ]
    limit = int(site["yarn.nodemanager.resource.memory-mb"])
    assert sum(containers) <= limit
    share = float(one.hadoop("node1", "capacity-scheduler.xml")["yarn.scheduler.capacity.maximum-am-resource-percent"])
    assert containers[0] <= limit * share < 2 * containers[0], "two drivers alone would leave no room for executors"


def test_jobs_outlive_a_restart_of_their_nodemanager(one: Rendered) -> None:
    site, unit = one.hadoop("node1", "yarn-site.xml"), one.text("node1", UNIT.format("yarn-nodemanager"))
    assert site["yarn.nodemanager.recovery.enabled"] == site["yarn.nodemanager.recovery.supervised"] == "true"
    lines = unit.splitlines()
    assert "KillMode=process" in lines
    # A folder that is the unit's own would be removed with it, under its containers' feet.
    assert [line for line in lines if line.startswith("PrivateTmp=")][-1] == "PrivateTmp=no"


def test_every_port_is_the_tables_and_masters_of_mapreduce_have_a_range(one: Rendered) -> None:
    site, mapred, table = one.hadoop("node1", "yarn-site.xml"), one.hadoop("node1", "mapred-site.xml"), ports()
    for setting, port in (
        ("yarn.nodemanager.address", "nodemanager_rpc"),
        ("yarn.nodemanager.localizer.address", "nodemanager_localizer"),
        ("yarn.nodemanager.webapp.address", "nodemanager_http"),
        ("yarn.resourcemanager.scheduler.address", "resourcemanager_scheduler"),
    ):
        assert site[setting].rpartition(":")[2] == str(table[port]["port"])
    assert site["mapreduce.shuffle.port"] == str(table["mapred_shuffle"]["port"])
    first, last = map(int, mapred["yarn.app.mapreduce.am.job.client.port-range"].split("-"))
    assert (first, last - first + 1) == (table["mapred_master"]["port"], table["mapred_master"]["count"])


def test_a_driver_on_yarn_takes_its_address_from_the_node_it_runs_on(lab: Rendered) -> None:
    """The settings travel with the application: an address in them would be the client's."""
    conf = spark(lab, "node1")
    assert not {"spark.driver.host", "spark.driver.bindAddress", "spark.cores.max"} & set(conf)
    for host, address in (("node1", "10.77.1.11"), ("node3", "10.77.1.13")):
        environment = lab.hadoop(host, "yarn-site.xml")["yarn.nodemanager.admin-env"]
        assert f"SPARK_LOCAL_IP={address},SPARK_LOCAL_HOSTNAME={host}," in environment


def test_spark_submit_chooses_the_settings_for_yarn_by_the_master(one: Rendered) -> None:
    tool = one.text("node1", "/usr/local/bin/spark-submit")
    assert '*" --master yarn "* | *" --master=yarn "*) set -- --properties-file /etc/spark/yarn.conf "$@" ;;' in tool
    assert '*" --properties-file"*) ;;' in tool


def test_settings_with_passwords_are_read_by_the_jobs_group_alone(lab: Rendered) -> None:
    """Containers run as yarn and tasks as airflow: both are in the group, and nobody else is."""
    for host in ("node2", "node3"):  # no host of `jobs`
        entry = lab.entries(host, "meteostream")["/etc/meteostream/batch.toml"]
        assert (entry["mode"], entry["owner"], entry["group"], entry["secret"]) == ("0640", "root", "meteojobs", True)


def test_a_job_reads_its_settings_in_a_container(one: Rendered) -> None:
    assert spark(one, "node1")["spark.yarn.appMasterEnv.METEOSTREAM_CONFIG"] == "/etc/meteostream/batch.toml"
    assert one.has("node1", "/etc/meteostream/batch.toml")


def test_logs_and_caches_are_bounded(one: Rendered) -> None:
    site, mapred = one.hadoop("node1", "yarn-site.xml"), one.hadoop("node1", "mapred-site.xml")
    assert 0 < int(site["yarn.log-aggregation.retain-seconds"]) <= 30 * 86400
    assert int(site["yarn.nodemanager.localizer.cache.target-size-mb"]) > 0
    assert int(site["yarn.resourcemanager.max-completed-applications"]) <= 1000
    assert int(mapred["mapreduce.jobhistory.max-age-ms"]) > 0
