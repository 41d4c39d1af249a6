"""What is refused about an inventory, through the playbook that needs no machine (KF-58)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from meteo_checks import inventory as shape
from meteo_checks import variables
from meteo_inventory import Inventory

REPOSITORY = Path(__file__).resolve().parents[2]
Validate = Callable[..., str]


def test_a_good_inventory_is_not_refused(validate: Validate) -> None:
    assert validate() == ""


def test_everything_wrong_is_told_in_one_message(inventory: Inventory, validate: Validate) -> None:
    """Ill-typed and unknown variables, identities that lack or are doubled, and what the groups lack: all at once."""
    inventory.add("n2", "zookeeper", "kafka", "namenode", zookeeper_id=1, ansible_host="10.99.0.11")
    del inventory.hosts["n1"]["kafka_node_id"]
    inventory.hosts["n2"]["kafka_directory_id"] = "not-an-id"
    inventory.vars |= {
        "zookeeper_tick_ms": "fast",
        "zookeeper_tick_mss": 2000,
        "zookeeper_config_overrides": "tickTime=1",
        "topology_port_overrides": {"kafka_broker": {"port": 2181}},
    }
    text = validate()
    assert "10 findings" in text
    for finding in (
        "inventory: ZooKeeper's size",
        "inventory: HDFS with several NameNodes",
        "inventory: cluster address",
        "inventory: identity zookeeper_id",
        "n1: identity kafka_node_id",
        "n2: identity kafka_directory_id",
        "n1, n2: variable zookeeper_tick_ms",
        "n1, n2: variable zookeeper_config_overrides",
        "n1, n2: variable zookeeper_tick_mss",
        "did you mean zookeeper_tick_ms?",
        "n1, n2: ports",
    ):
        assert finding in text, text


def test_growing_to_three_is_not_refused(inventory: Inventory, validate: Validate) -> None:
    for host in ("n2", "n3"):
        inventory.add(host, "zookeeper", "kafka", "datanode", "journalnode", "postgres", "spark_worker")
    inventory.groups["journalnode"].append("n1")
    inventory.groups["namenode"].append("n2")
    assert validate() == ""


def test_stopping_and_removing_are_not_held_up_by_the_shape(inventory: Inventory, validate: Validate) -> None:
    """KF-44: an ensemble that lost a member has to be stopped and shrunk, whatever its size is meanwhile."""
    inventory.add("n2", "zookeeper")
    assert "ZooKeeper's size" in validate()
    assert validate("--extra-vars", "preflight_action=stop") == ""
    assert validate("--extra-vars", "preflight_action=remove") == ""


def test_one_host_can_be_checked_alone(inventory: Inventory, validate: Validate) -> None:
    """KF-59: --limit leaves the others' static data in reach."""
    inventory.add("n2", "datanode")
    assert validate("--limit", "n2") == ""


@pytest.mark.parametrize("name", ["one", "core", "lab"])
def test_shipped_inventories_are_not_refused(name: str, validate: Validate, inventory: Inventory) -> None:
    inventory.write = lambda: REPOSITORY / "inventories" / name  # type: ignore[method-assign]
    assert validate() == ""


GOOD: dict[str, list[str]] = {"zookeeper": ["n1"], "namenode": ["n1"], "datanode": ["n1"]}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"datanode": []}, "group namenode"),
        ({"namenode": []}, "group datanode"),
        ({"spark_worker": ["n1"]}, "group spark_worker"),
        ({"spark_master": ["n1"]}, "group spark_master"),
        ({"zookeeper": [], "postgres": ["n1"]}, "group postgres"),
        ({"jobs": ["n1"], "kafka": ["n1"], "postgres": ["n1"]}, "group jobs"),
        ({"resourcemanager": ["n1"]}, "group resourcemanager"),
        ({"nodemanager": ["n1"]}, "group nodemanager"),
        ({"mapred_history": ["n1"]}, "group mapred_history"),
        ({"airflow_scheduler": ["n1"], "postgres": ["n1"]}, "group airflow_scheduler"),
        ({"airflow_worker": ["n1"]}, "group airflow_worker"),
        ({"pgadmin": ["n1"]}, "group pgadmin"),
    ],
)
def test_a_group_without_what_it_depends_on_is_refused(change: dict[str, list[str]], check: str) -> None:
    assert shape.needed_groups(GOOD) == []
    assert check in [finding.check for finding in shape.needed_groups(GOOD | change)]


def test_elections_without_zookeeper_are_refused() -> None:
    groups = {"spark_master": ["n1", "n2"], "spark_worker": ["n1"]}
    assert [finding.found for finding in shape.needed_groups(groups)] == ["no host in zookeeper"]


@pytest.mark.parametrize("group", ["redis", "pgadmin"])
def test_a_second_member_with_data_of_its_own_is_refused(group: str) -> None:
    assert shape.single({group: ["n1"]}) == []
    (finding,) = shape.single({group: ["n1", "n2"]})
    assert finding.found == "2: n1, n2"


def test_a_triggerer_without_a_log_server_is_refused() -> None:
    assert shape.trigger_logs({"airflow_triggerer": ["n1"], "airflow_worker": ["n1", "n2"]}) == []
    (finding,) = shape.trigger_logs({"airflow_triggerer": ["n3"], "airflow_worker": ["n1", "n2"]})
    assert finding.host == "n3"


@pytest.mark.parametrize(("size", "refused"), [(0, False), (1, False), (2, True), (3, False), (4, True), (5, False)])
def test_an_even_ensemble_is_refused(size: int, refused: bool) -> None:
    findings = shape.zookeeper_size({"zookeeper": [f"n{number}" for number in range(size)]})
    assert bool(findings) == refused


@pytest.mark.parametrize(
    ("names", "journals", "refused"),
    [(1, 0, False), (2, 3, False), (2, 0, True), (2, 1, True), (2, 2, True), (2, 4, True), (1, 3, True)],
)
def test_namenodes_without_enough_journalnodes_are_refused(names: int, journals: int, refused: bool) -> None:
    hosts = [f"n{number}" for number in range(5)]
    findings = shape.journals({"namenode": hosts[:names], "journalnode": hosts[:journals]})
    assert bool(findings) == refused


def test_a_misspelt_group_is_refused() -> None:
    known = ["spark_worker", "kafka"]
    (finding,) = shape.misspelt_groups({"spark_workers": ["n1"], "sensors": ["n1"], "kafka": ["n1"]}, known)
    assert "did you mean spark_worker?" in finding.do


@pytest.mark.parametrize(
    ("identities", "check"),
    [
        ({"zookeeper_id": None}, "identity zookeeper_id"),
        ({"zookeeper_id": 256}, "identity zookeeper_id"),
        ({"zookeeper_id": "one"}, "identity zookeeper_id"),
        ({"kafka_node_id": 1}, "identity kafka_node_id"),
        ({"kafka_directory_id": "8L8c0yIfzbiug05picWVhg"}, "identity kafka_directory_id"),
        ({"kafka_directory_id": "short"}, "identity kafka_directory_id"),
        ({"kafka_cluster_id": "another"}, "identity kafka_cluster_id"),
        ({"namenode_id": "nn1"}, "identity namenode_id"),
        ({"resourcemanager_id": "rm1"}, "identity resourcemanager_id"),
    ],
)
def test_identities_are_there_and_differ(identities: dict[str, Any], check: str) -> None:
    """KF-1, KF-2, KF-3: identities are written down, one a host."""
    groups = {group: ["n1", "n2"] for group in ("zookeeper", "kafka", "namenode", "resourcemanager")}
    cluster = {"kafka_cluster_id": "oK8YZ__Nye4AkmLnceFxdA"}
    first = cluster | {"zookeeper_id": 1, "kafka_node_id": 1, "kafka_directory_id": "8L8c0yIfzbiug05picWVhg",
                       "namenode_id": "nn1", "resourcemanager_id": "rm1"}  # fmt: skip
    second = cluster | {"zookeeper_id": 2, "kafka_node_id": 2, "kafka_directory_id": "AAAc0yIfzbiug05picWVhg",
                        "namenode_id": "nn2", "resourcemanager_id": "rm2"}  # fmt: skip
    assert shape.identities(groups, {"n1": first, "n2": second}) == []
    findings = shape.identities(groups, {"n1": first, "n2": second | identities})
    assert [finding.check for finding in findings] == [check]


@pytest.mark.parametrize(
    ("second", "check"),
    [
        ({"address": "10.0.0.1", "name": "n2"}, "cluster address"),
        ({"address": "10.0.0.2", "name": "n1"}, "advertised name"),
        ({"address": "127.0.0.1", "name": "n2"}, "cluster address"),
        ({"address": "n2.example", "name": "n2"}, "cluster address"),
    ],
)
def test_names_and_addresses_are_good_for_others(second: dict[str, str], check: str) -> None:
    """KF-62: bind address, advertised name and inventory name are three variables; this is about what is advertised."""
    first = {"host": "n1", "address": "10.0.0.1", "name": "n1"}
    assert shape.addresses([first, {"host": "n2", "address": "10.0.0.2", "name": "n2"}]) == []
    assert [finding.check for finding in shape.addresses([first, {"host": "n2"} | second])] == [check]


def test_a_required_variable_is_asked_for_where_its_role_is(tmp_path: Path) -> None:
    role = tmp_path / "kafka" / "meta"
    role.mkdir(parents=True)
    (role / "argument_specs.yml").write_text(
        "argument_specs: {main: {options: {kafka_size: {type: int, required: true, description: How big.}}}}",
        encoding="utf-8",
    )
    specs = variables.load(tmp_path)
    groups = {"kafka": ["n1"]}

    def checks(host: str, **given: Any) -> list[str]:
        return [finding.check for finding in variables.check(host, given, groups, specs, lambda value: value)]

    assert checks("n1") == ["variable kafka_size"]
    assert checks("n2") == []
    assert checks("n1", kafka_size=3) == []
    assert checks("n1", kafka_size="3") == []  # as --extra-vars gives it
    assert checks("n1", kafka_size="three") == ["variable kafka_size"]
    assert checks("n1", kafka_size=3, kafka_sise=3) == ["variable kafka_sise"]


@pytest.mark.parametrize(
    ("option", "value", "refused"),
    [
        ({"type": "list"}, "a,b", True),
        ({"type": "list", "elements": "int"}, [1, "x"], True),
        ({"type": "list", "elements": "int"}, [1, 2], False),
        ({"type": "dict"}, "a=1", True),
        ({"type": "bool"}, "perhaps", True),
        ({"type": "bool"}, True, False),
        ({"type": "str", "choices": ["a", "b"]}, "c", True),
        ({"type": "dict", "options": {"port": {"type": "int"}}}, {"port": "http"}, True),
        ({"type": "dict", "options": {"port": {"type": "int"}}}, {"prot": 1}, True),
    ],
)
def test_values_are_what_their_option_says(option: dict[str, Any], value: object, refused: bool) -> None:
    """A text is no list: Ansible would split it, and a template that loops over it would see its letters."""
    assert bool(variables.ill_typed("n1", "x", value, option)) == refused
