"""Kafka's files of one node and of three, as the inventory's group makes them."""

from __future__ import annotations

from meteo_rendered import Rendered

SERVER = "etc/kafka/server.properties"
LAB = ("node1", "node2", "node3")


def settings(rendered: Rendered, host: str, path: str) -> dict[str, str]:
    """Return the settings of a properties file, read as plainly as its daemon does."""
    lines = (line.strip() for line in rendered.text(host, path).splitlines())
    split = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in split}


def test_alone_it_asks_for_no_replica_that_cannot_be(one: Rendered) -> None:
    server = settings(one, "node1", SERVER)
    factors = {key: value for key, value in server.items() if key.endswith((".replication.factor", "min.isr"))}
    assert set(factors.values()) == {"1"}
    assert len(factors) == 6
    assert server["min.insync.replicas"] == "1"
    assert server["auto.create.topics.enable"] == "false"


def test_three_keep_three_replicas_and_need_two(lab: Rendered) -> None:
    for host in LAB:
        server = settings(lab, host, SERVER)
        assert server["default.replication.factor"] == server["offsets.topic.replication.factor"] == "3"
        assert server["min.insync.replicas"] == server["transaction.state.log.min.isr"] == "2"


def test_kf_01_ids_are_the_hosts_own_and_all_know_the_same_controllers(lab: Rendered) -> None:
    servers = [settings(lab, host, SERVER) for host in LAB]
    assert [server["node.id"] for server in servers] == ["1", "2", "3"]
    assert {server["controller.quorum.bootstrap.servers"] for server in servers} == {
        "node1:19093,node2:19093,node3:19093"
    }
    assert not any("controller.quorum.voters" in server for server in servers)


def test_kf_62_bind_address_and_advertised_name_are_two_variables(one: Rendered) -> None:
    server = settings(one, "node1", SERVER)
    assert server["listeners"] == "BROKER://0.0.0.0:9092,CONTROLLER://0.0.0.0:19093"
    assert server["advertised.listeners"] == "BROKER://meteo.example:9092,CONTROLLER://meteo.example:19093"


def test_no_listener_is_without_a_password(lab: Rendered) -> None:
    server = settings(lab, "node1", SERVER)
    protocols = dict(pair.split(":") for pair in server["listener.security.protocol.map"].split(","))
    assert set(protocols.values()) == {"SASL_PLAINTEXT"}
    assert server["listener.name.broker.sasl.enabled.mechanisms"] == "SCRAM-SHA-512"
    assert server["authorizer.class.name"].endswith("StandardAuthorizer")
    assert "allow.everyone.if.no.acl.found" not in server


def test_kf_64_passwords_stand_in_files_that_few_may_read(lab: Rendered) -> None:
    files = lab.entries("node1", "kafka").values()
    secret = {entry["dest"]: (entry["group"], entry["mode"]) for entry in files if entry["secret"]}
    assert secret == {
        "/etc/kafka/server.properties": ("kafka", "0640"),
        "/etc/kafka/client.properties": ("meteo", "0640"),
    }


def test_kf_18_the_gate_of_a_rolling_restart_asks_every_broker(lab: Rendered) -> None:
    gate = lab.text("node2", "usr/local/lib/meteo/gate/kafka")
    for address in ("10.77.1.11", "10.77.1.12", "10.77.1.13"):
        assert (
            f"metric http://{address}:7102/metrics kafka_server_replicamanager_underreplicatedpartitions == 0" in gate
        )
