"""HDFS as the inventories make it: always under one logical name; a second NameNode adds failover and nothing else."""

from __future__ import annotations

import pytest
from meteo_rendered import Rendered

NODES = ("node1", "node2", "node3")
UNIT = "/etc/systemd/system/{}.service"


@pytest.mark.parametrize("host", NODES)
def test_every_host_names_the_same_filesystem(lab: Rendered, host: str) -> None:
    core, site = lab.hadoop(host, "core-site.xml"), lab.hadoop(host, "hdfs-site.xml")
    assert core["fs.defaultFS"] == "hdfs://meteo"
    assert site["dfs.nameservices"] == "meteo"
    assert site["dfs.ha.namenodes.meteo"] == "nn1,nn2"
    assert site["dfs.namenode.rpc-address.meteo.nn1"] == "node1:8020"
    assert site["dfs.namenode.http-address.meteo.nn2"] == "node2:9870"
    assert site["dfs.replication"] == "3"


def test_one_namenode_has_the_logical_name_too_so_that_growing_changes_no_path(one: Rendered, lab: Rendered) -> None:
    alone, pair = one.hadoop("node1", "hdfs-site.xml"), lab.hadoop("node1", "hdfs-site.xml")
    assert one.hadoop("node1", "core-site.xml")["fs.defaultFS"] == lab.hadoop("node1", "core-site.xml")["fs.defaultFS"]
    assert alone["dfs.ha.namenodes.meteo"] == "nn1"
    provider = "dfs.client.failover.proxy.provider.meteo"
    assert alone[provider] == pair[provider]
    assert not any(name.startswith(("dfs.ha.fencing", "dfs.ha.automatic", "dfs.namenode.shared")) for name in alone)
    assert alone["dfs.replication"] == "1"


def test_bound_and_advertised_addresses_are_different_variables_kf_62(one: Rendered) -> None:
    """KF-62: what a daemon binds to, and the name under which others reach it, do not follow from each other."""
    site = one.hadoop("node1", "hdfs-site.xml")
    assert site["dfs.namenode.rpc-address.meteo.nn1"] == "meteo.example:8020"
    assert site["dfs.namenode.rpc-bind-host"] == "0.0.0.0"  # noqa: S104 (a setting's text)
    assert site["dfs.datanode.hostname"] == "meteo.example"
    assert site["dfs.datanode.address"] == "0.0.0.0:9866"


def test_two_namenodes_share_edits_and_fail_over_through_zookeeper(lab: Rendered) -> None:
    core, site = lab.hadoop("node2", "core-site.xml"), lab.hadoop("node2", "hdfs-site.xml")
    assert site["dfs.namenode.shared.edits.dir"] == "qjournal://node1:8485;node2:8485;node3:8485/meteo"
    assert site["dfs.ha.automatic-failover.enabled"] == "true"
    assert core["ha.zookeeper.quorum"] == "node1:2181,node2:2181,node3:2181"
    assert site["dfs.ha.fencing.methods"].splitlines()[-1] == "shell(/bin/true)"


def test_identities_are_the_inventorys_kf_1(lab: Rendered) -> None:
    """KF-1: an id comes from the host's own variable, and a host that is no NameNode has none."""
    found = {host: lab.hadoop(host, "hdfs-site.xml").get("dfs.ha.namenode.id") for host in NODES}
    assert found == {"node1": "nn1", "node2": "nn2", "node3": None}


def test_a_daemon_is_where_its_group_is_and_a_helper_only_where_it_helps(lab: Rendered, one: Rendered) -> None:
    units = ("hdfs-journalnode", "hdfs-namenode", "hdfs-zkfc", "hdfs-datanode", "hdfs-checkpoint")
    found = {host: [unit for unit in units if lab.has(host, UNIT.format(unit))] for host in NODES}
    both = ["hdfs-journalnode", "hdfs-namenode", "hdfs-zkfc", "hdfs-datanode"]
    assert found == {"node1": both, "node2": both, "node3": ["hdfs-journalnode", "hdfs-datanode"]}
    alone = [unit for unit in units if one.has("node1", UNIT.format(unit))]
    assert alone == ["hdfs-namenode", "hdfs-datanode", "hdfs-checkpoint"]


def test_failover_controllers_alone_may_change_their_tree_in_zookeeper(lab: Rendered) -> None:
    entries = lab.entries("node1", "hdfs-zkfc")
    auth, acl = entries["/etc/hadoop/zookeeper-auth"], entries["/etc/hadoop/zookeeper-acl"]
    assert auth["content"].strip() == f"digest:hdfs:{lab.secrets['secret_zookeeper_hdfs']}"
    assert auth["secret"]
    assert (auth["mode"], auth["group"]) == ("0640", "hdfs")
    assert acl["content"].startswith("digest:hdfs:")
    assert acl["content"].strip().endswith(":rwcda")
    assert lab.secrets["secret_zookeeper_hdfs"] not in acl["content"]


def test_every_daemon_watches_the_files_that_all_of_them_read(lab: Rendered) -> None:
    """KF-39, KF-49: the shared files have one owner, and their change restarts each daemon that reads them."""
    for unit in ("hdfs-journalnode", "hdfs-namenode", "hdfs-zkfc", "hdfs-datanode"):
        request = (lab.root / "node1" / f"{unit}.render.json").read_text(encoding="utf-8")
        for name in ("core-site.xml", "hdfs-site.xml", "log4j.properties"):
            assert f'"/etc/hadoop/{name}"' in request
            assert f"/etc/hadoop/{name}" not in lab.entries("node1", unit)


@pytest.mark.parametrize("host", NODES)
def test_a_closed_file_is_on_disk(lab: Rendered, host: str) -> None:
    site = lab.hadoop(host, "hdfs-site.xml")
    assert site["dfs.datanode.synconclose"] == "true"
    assert site["dfs.datanode.sync.behind.writes"] == "true"
    assert int(site["dfs.datanode.du.reserved"]) > 0


def test_daemons_log_ecs_json_bounded(lab: Rendered) -> None:
    text = lab.text("node1", "/etc/hadoop/log4j.properties")
    assert "co.elastic.logging.log4j.EcsLayout" in text
    assert text.count("MaxFileSize=32MB") == text.count("RollingFileAppender")
