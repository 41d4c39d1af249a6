"""PostgreSQL under Patroni as the inventories make it."""

from __future__ import annotations

import pytest
from meteo_rendered import Rendered

NODES = ("node1", "node2", "node3")
CONF = "/etc/patroni/conf.d"


def cluster(rendered: Rendered, host: str) -> dict[str, object]:
    found = rendered.yaml(host, f"{CONF}/bootstrap.yml")["bootstrap"]["dcs"]
    assert isinstance(found, dict)
    return found


def rules(rendered: Rendered, host: str) -> list[str]:
    postgresql = cluster(rendered, host)["postgresql"]
    assert isinstance(postgresql, dict)
    return list(postgresql["pg_hba"])


def test_every_member_knows_the_same_cluster(lab: Rendered) -> None:
    assert cluster(lab, "node1") == cluster(lab, "node2") == cluster(lab, "node3")
    names = [lab.yaml(host, f"{CONF}/node.yml")["name"] for host in NODES]
    assert names == list(NODES)
    assert {lab.yaml(host, f"{CONF}/node.yml")["scope"] for host in NODES} == {"meteo"}


def test_an_acknowledged_write_is_on_two_disks_if_there_are_two(lab: Rendered, one: Rendered) -> None:
    assert cluster(lab, "node1")["synchronous_mode"] is True
    assert cluster(one, "node1")["synchronous_mode"] is False


@pytest.mark.parametrize("inventory", ["lab", "one"])
def test_the_primary_outlives_zookeeper_and_durability_is_on(inventory: str, request: pytest.FixtureRequest) -> None:
    found = cluster(request.getfixturevalue(inventory), "node1")
    assert found["failsafe_mode"] is True
    assert found["ttl"] >= found["loop_wait"] + 2 * found["retry_timeout"]  # type: ignore[operator]
    postgresql = found["postgresql"]
    assert isinstance(postgresql, dict)
    parameters = postgresql["parameters"]
    assert [parameters[name] for name in ("fsync", "full_page_writes", "synchronous_commit")] == ["on"] * 3
    assert parameters["max_slot_wal_keep_size"] == "2048MB"


def test_patronis_own_way_in_is_the_first_rule_kf_55(lab: Rendered) -> None:
    """KF-55: without the superuser's local rule every member would be demoted."""
    assert rules(lab, "node1")[0] == "local all postgres peer"


def test_members_are_let_in_by_each_other_without_an_edit_by_hand_kf_45(lab: Rendered) -> None:
    """KF-45: a member that the inventory gains is in every member's rules."""
    for last in (11, 12, 13):
        for rule in ("host replication replicator", "host postgres rewind", "host all +clients"):
            assert f"{rule} 10.77.1.{last}/32 scram-sha-256" in rules(lab, "node1")


def test_nobody_comes_over_the_network_without_a_scram_password(lab: Rendered, one: Rendered) -> None:
    for rule in rules(lab, "node1") + rules(one, "node1"):
        assert rule.endswith(" scram-sha-256" if rule.startswith("host") else " peer"), rule


def test_a_change_of_the_clusters_settings_restarts_no_patroni(lab: Rendered) -> None:
    """What only the first start of a cluster reads is not watched; it reaches members through ZooKeeper."""
    entries = lab.entries("node1", "patroni")
    assert entries[f"{CONF}/node.yml"]["watch"]
    assert not entries[f"{CONF}/bootstrap.yml"]["watch"]


def test_files_with_a_secret_are_closed_to_others_and_the_superuser_has_none(lab: Rendered) -> None:
    entries = lab.entries("node1", "patroni")
    holders = {path for path, entry in entries.items() if entry["secret"]}
    assert holders == {f"{CONF}/node.yml", "/etc/patroni/patronictl.yml", "/etc/postgresql-common/pg_service.conf"}
    assert all(entries[path]["mode"] == "0640" for path in holders)
    assert lab.yaml("node1", f"{CONF}/node.yml")["postgresql"]["authentication"]["superuser"] == {
        "username": "postgres"
    }


def test_operators_find_the_primary_by_all_members_names(lab: Rendered) -> None:
    text = lab.text("node1", "/etc/postgresql-common/pg_service.conf")
    assert "[warehouse]\nhost=node1,node2,node3\nport=5432,5432,5432\ntarget_session_attrs=read-write\n" in text


def test_bound_and_advertised_addresses_are_different_variables_kf_62(one: Rendered) -> None:
    node = one.yaml("node1", f"{CONF}/node.yml")
    assert node["postgresql"]["listen"] == "0.0.0.0:5432"
    assert node["postgresql"]["connect_address"] == "10.77.0.11:5432"
    assert node["restapi"]["listen"] == "0.0.0.0:8008"


def test_each_debian_gets_what_its_versions_can(lab: Rendered, one: Rendered) -> None:
    """Debian 12 has PostgreSQL 15 without the built-in collation, and a Patroni without JSON logs."""
    new, old = ({"data": cfg.yaml("node1", f"{CONF}/node.yml"), "init": cfg.yaml("node1", f"{CONF}/bootstrap.yml")}
                for cfg in (lab, one))  # fmt: skip
    assert new["data"]["postgresql"]["data_dir"] == "/var/lib/postgresql/17/meteo"
    assert old["data"]["postgresql"]["data_dir"] == "/var/lib/postgresql/15/meteo"
    assert {"locale-provider": "builtin"} in new["init"]["bootstrap"]["initdb"]
    assert {"locale-provider": "builtin"} not in old["init"]["bootstrap"]["initdb"]
    assert {"locale": "C.UTF-8"} in old["init"]["bootstrap"]["initdb"]
    assert new["data"]["log"]["type"] == "json"
    assert "type" not in old["data"]["log"]
