"""The packet filter that an inventory gives: who reaches what, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from meteo_inventory import Inventory

REPOSITORY: Final = Path(__file__).resolve().parents[2]
Render = Callable[..., str]


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


@pytest.fixture
def render(inventory: Inventory, tmp_path: Path) -> Render:
    """Render the rules of all hosts offline, and return one host's."""

    def run(host: str, **variables: Any) -> str:
        playbook = tmp_path / "play.yml"
        role = {"name": "firewall", "tasks_from": "configure", "rolespec_validate": False}
        play = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "vars": {"meteo_render_root": str(tmp_path)} | variables,
            "tasks": [{"ansible.builtin.import_role": role}],
        }
        playbook.write_text(yaml.safe_dump([play]), "utf-8")
        done = subprocess.run(
            ["ansible-playbook", str(playbook), "--inventory", str(inventory.write())],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return (tmp_path / host / "etc/nftables.d/meteo.nft").read_text("utf-8")

    return run


def accepted(rules: str, address: str) -> set[str]:
    """Return the ports, as they are written, that an address may reach."""
    lines = [line.split() for line in rules.splitlines() if f" {address}" in line and "tcp dport" in line]
    return {word.strip(",") for line in lines for word in line[line.index("dport") + 1 :] if word[0].isdigit()}


def test_everything_is_turned_away_but_what_daemons_of_the_host_serve(inventory: Inventory, render: Render) -> None:
    inventory.add("n2", "datanode")
    rules = render("n2", firewall_operator_sources=["10.5.0.0/24", "fd00::/64"])
    assert "policy drop" in rules
    assert {"9864", "9866", "9867", "9100"} == accepted(rules, "10.99.0.11")
    assert {"9864", "9866"} == accepted(rules, "10.5.0.0/24") == accepted(rules, "fd00::/64")


def test_nodes_reach_each_other_and_people_do_not_unless_named(inventory: Inventory, render: Render) -> None:
    """HDFS has no authentication yet: without firewall_operator_sources nobody but the nodes reaches it."""
    inventory.add("n2", "datanode")
    rules = render("n1")
    assert {"2181", "9092", "19093", "8020", "9870", "5432", "7200-7219"} <= accepted(rules, "10.99.0.12")
    sources = {word.strip(",") for line in rules.splitlines() if "saddr {" in line
               for word in line.partition("{")[2].partition("}")[0].split()}  # fmt: skip
    assert sources == {"10.99.0.11", "10.99.0.12"}


def test_a_driver_is_reached_where_it_runs(inventory: Inventory, render: Render) -> None:
    """Executors connect back to a driver on a host of jobs that is no Spark worker."""
    inventory.add("n2", "jobs")
    inventory.groups["jobs"] = ["n2"]
    assert {"7200-7219", "7300-7339"} <= accepted(render("n2"), "10.99.0.11")


def test_ssh_stays_open(inventory: Inventory, render: Render) -> None:
    """KF-80: sshd's own port, and the one that Ansible comes by, from everywhere unless it is said from where."""
    inventory.hosts["n1"]["ansible_port"] = 2222
    assert "tcp dport { 22, 2222 } accept" in render("n1")
    rules = render("n1", firewall_ssh_sources=["10.5.0.7"])
    assert "tcp dport { 22, 2222 } accept" in rules
    assert accepted(rules, "10.5.0.7") == {"22", "2222"}


def test_only_the_own_table_is_replaced(render: Render) -> None:
    rules = render("n1")
    assert "flush ruleset" not in rules
    assert [line for line in rules.splitlines() if line.startswith(("table", "delete", "flush"))] == [
        "table inet meteo",
        "delete table inet meteo",
        "table inet meteo {",
    ]


def test_without_a_firewall_the_table_goes(render: Render) -> None:
    assert "chain" not in render("n1", firewall_enabled=False)


@pytest.mark.skipif(shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin") is None, reason="needs nft")
def test_nft_reads_the_rules(inventory: Inventory, render: Render, tmp_path: Path) -> None:
    inventory.add("n2", "datanode", ansible_host="fd00::12")
    rules = render(
        "n1", firewall_operator_sources=["10.5.0.0/24"], firewall_extra_rules=["udp dport 161 ip saddr 10.5.0.7 accept"]
    )
    (tmp_path / "rules.nft").write_text(rules, "utf-8")
    command = ["unshare", "--user", "--map-root-user", "--net", "nft", "--check", "--file", str(tmp_path / "rules.nft")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    assert "udp dport 161" in rules
