"""Local nodes: made bare, made once, kept through kills and stops, removed without a trace and without others' harm.

Needs root and podman. The cluster is one of its own (label `test-nodes`), with one node of each supported Debian.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CACHE = Path(os.environ.get("METEO_CACHE") or Path.home() / ".cache" / "meteostream")
CLUSTER = "test-nodes"
LOOPBACK = "127.77.2.1"
HELD_PORT = 8080
INVENTORY = f"""
all:
  vars:
    local_nodes_cluster: {CLUSTER}
    local_nodes_subnet: 10.77.2.0/24
local_nodes:
  hosts:
    new:
      ansible_host: 10.77.2.11
      local_nodes_memory: 512m
      local_nodes_publish_address: {LOOPBACK}
      local_nodes_timezone: Africa/Niamey
    old:
      ansible_host: 10.77.2.12
      local_nodes_memory: 256m
      local_nodes_publish_address: ""
      local_nodes_suite: bookworm
"""
HOSTS = {"new": "13", "old": "12"}

pytestmark = pytest.mark.cluster


def podman(*arguments: str) -> str:
    return subprocess.run(["podman", *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


def containers(*arguments: str) -> dict[str, dict[str, object]]:
    """The cluster's containers by name."""
    found = json.loads(
        podman("ps", "--all", "--format=json", *arguments, "--filter", f"label=meteostream.cluster={CLUSTER}")
    )
    return {container["Names"][0]: container for container in found}


@dataclass
class Run:
    """What a playbook said."""

    output: str

    @property
    def changed(self) -> int:
        recap = re.search(r"^localhost +: .*changed=(\d+)", self.output, re.MULTILINE)
        assert recap is not None, self.output
        return int(recap[1])


@dataclass
class Cluster:
    """Runs the verbs on the cluster, and commands on its nodes."""

    inventory: Path

    def play(self, verb: str, *, check: bool = True) -> Run:
        done = subprocess.run(
            ["ansible-playbook", "-i", self.inventory, REPOSITORY / f"playbooks/nodes_{verb}.yml"],
            cwd=REPOSITORY,
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert (done.returncode == 0) is check, done.stdout + done.stderr
        return Run(done.stdout)

    def ssh(self, host: str, command: str) -> str:
        config = CACHE / "nodes" / CLUSTER / "ssh_config"
        done = subprocess.run(
            ["ssh", "-F", config, host, command], check=False, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{host}: {command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two fresh nodes, made while another program holds one of the ports to be published."""
    inventory = tmp_path_factory.mktemp("inventory") / "hosts.yml"
    inventory.write_text(INVENTORY, encoding="utf-8")
    made = Cluster(inventory)
    made.play("down")
    with socket.create_server((LOOPBACK, HELD_PORT)):
        first = made.play("up")
    assert f"another program listens there: {HELD_PORT}." in first.output
    yield made
    made.play("down")


@pytest.mark.parametrize("host", HOSTS)
def test_a_node_is_what_an_installer_leaves(cluster: Cluster, host: str) -> None:
    assert cluster.ssh(host, "systemctl is-system-running --wait || systemctl --failed") == "running"
    assert cluster.ssh(host, ". /etc/os-release; echo $ID $VERSION_ID") == f"debian {HOSTS[host]}"
    assert cluster.ssh(host, "id --user --name; sudo --non-interactive id --user") == "ops\n0"
    assert cluster.ssh(host, "hostname") == host
    assert cluster.ssh(host, "ls /opt /srv") == "/opt:\n\n/srv:"


def test_a_name_resolves_to_the_nodes_own_address_and_not_to_loopback(cluster: Cluster) -> None:
    assert cluster.ssh("new", "getent hosts new").split() == ["10.77.2.11", "new"]


def test_hosts_file_is_a_plain_file(cluster: Cluster) -> None:
    """A mounted one cannot be replaced by a rename, which is how Ansible writes."""
    cluster.ssh("new", "sudo cp /etc/hosts /etc/hosts.new && sudo mv /etc/hosts.new /etc/hosts")


def test_each_node_has_its_own_identity(cluster: Cluster) -> None:
    identities = {cluster.ssh(host, "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub") for host in HOSTS}
    assert len(identities) == len(HOSTS)


def test_a_node_has_the_local_time_that_its_inventory_says(cluster: Cluster) -> None:
    assert cluster.ssh("new", "date +%z") == "+0100"
    assert cluster.ssh("old", "date +%z") == "+0000"


def test_the_memory_limit_holds(cluster: Cluster) -> None:
    assert cluster.ssh("new", "python3 -c 'bytearray(200 * 2**20)'; echo $?") == "0"
    assert cluster.ssh("new", "python3 -c 'bytearray(700 * 2**20)' 2>/dev/null; echo $?") == "137"


def test_pages_are_published_on_loopback_alone_and_without_the_port_that_was_held(cluster: Cluster) -> None:
    published = podman("port", f"meteostream-{CLUSTER}-new").splitlines()
    assert len(published) > 10
    assert {line.split(" -> ")[1].split(":")[0] for line in published} == {LOOPBACK}
    assert not any(line.startswith(f"{HELD_PORT}/") for line in published)
    assert podman("port", f"meteostream-{CLUSTER}-old") == ""
    cluster.ssh("new", "sudo systemd-run --quiet --unit page python3 -m http.server 8501")
    cluster.ssh("new", "for i in $(seq 50); do ss -Htln sport = :8501 | grep -q . && break; sleep 0.1; done")
    with socket.create_connection((LOOPBACK, 8501), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.0 200"
    cluster.ssh("new", "sudo systemctl stop page")


def test_a_second_run_changes_nothing(cluster: Cluster) -> None:
    """KF-26."""
    before = containers()
    assert cluster.play("up").changed == 0
    after = containers()
    assert {name: (node["Id"], node["Pid"]) for name, node in before.items()} == {
        name: (node["Id"], node["Pid"]) for name, node in after.items()
    }


def test_a_package_is_downloaded_by_the_first_node_alone(cluster: Cluster) -> None:
    """Nodes of one suite share what was downloaded, and apt's lock on its archive is each node's own."""
    install = "sudo apt-get update -qq && sudo apt-get install --yes --no-install-recommends jq 2>&1"
    cluster.ssh("new", install)
    assert cluster.ssh("new", "ls -L /var/cache/apt/archives/jq_*.deb | xargs -n 1 basename").startswith("jq_")
    name = f"meteostream-{CLUSTER}-new"
    podman("rm", "--force", "--volumes", "--time", "0", name)
    assert cluster.play("up").changed > 0
    assert "Need to get 0 B/" in cluster.ssh("new", install)


def test_a_killed_node_comes_back_with_its_data_and_its_journal(cluster: Cluster) -> None:
    cluster.ssh(
        "old",
        "echo kept | sudo tee /var/lib/kept >/dev/null; sudo sync; logger before the kill; sudo journalctl --sync",
    )
    before = containers()[f"meteostream-{CLUSTER}-old"]["Id"]
    podman("kill", f"meteostream-{CLUSTER}-old")
    cluster.play("start")
    assert containers()[f"meteostream-{CLUSTER}-old"]["Id"] == before
    assert cluster.ssh("old", "cat /var/lib/kept") == "kept"
    assert "before the kill" in cluster.ssh("old", "sudo journalctl --quiet --no-pager")


def test_nodes_stop_cleanly_and_start_again(cluster: Cluster) -> None:
    cluster.play("stop")
    assert {node["State"] for node in containers().values()} == {"exited"}
    assert {node["ExitCode"] for node in containers().values()} == {0}
    assert cluster.play("stop").changed == 0
    cluster.play("start")
    assert {node["State"] for node in containers().values()} == {"running"}


def test_a_changed_variable_never_makes_a_node_anew(cluster: Cluster) -> None:
    """A node holds data: KF-12's kind, a rebuilt machine that nobody asked for."""
    before = {name: node["Id"] for name, node in containers().items()}
    cluster.inventory.write_text(INVENTORY.replace("512m", "600m").replace("bookworm", "trixie"), encoding="utf-8")
    try:
        cluster.play("up")
    finally:
        cluster.inventory.write_text(INVENTORY, encoding="utf-8")
    assert {name: node["Id"] for name, node in containers().items()} == before


def test_down_removes_all_of_the_cluster_and_nothing_else(cluster: Cluster) -> None:
    everything = set(podman("ps", "--all", "--quiet", "--no-trunc").split())
    ours = {str(node["Id"]) for node in containers().values()}
    mounts = [mount for node in ours for mount in json.loads(podman("inspect", "--format", "{{json .Mounts}}", node))]
    volumes = {mount["Name"] for mount in mounts if mount["Type"] == "volume"}
    assert len(ours) == len(volumes) == len(HOSTS)
    cluster.play("down")
    remaining = set(podman("ps", "--all", "--quiet", "--no-trunc").split())
    assert everything - ours <= remaining
    assert not ours & remaining
    assert not volumes & set(podman("volume", "ls", "--quiet").split())
    assert podman("network", "ls", "--quiet", "--filter", f"label=meteostream.cluster={CLUSTER}") == ""
    assert not (CACHE / "nodes" / CLUSTER).exists()
    assert cluster.play("down").changed == 0


def test_an_inventory_without_local_nodes_is_refused_in_a_sentence(cluster: Cluster) -> None:
    cluster.inventory.write_text("all: {hosts: {real: {ansible_host: 192.0.2.1}}}\n", encoding="utf-8")
    try:
        refused = cluster.play("up", check=False)
    finally:
        cluster.inventory.write_text(INVENTORY, encoding="utf-8")
    assert "hosts: none" in re.sub(r"\s+", " ", refused.output)
