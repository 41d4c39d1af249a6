"""What preflight refuses about a machine: each reason, and that nothing is refused without it."""

from __future__ import annotations

from typing import Any, Final

import pytest
from meteo_checks import machine, report

GIB: Final = 1024**3
DAEMONS: Final[dict[str, dict[str, Any]]] = {
    "kafka": {"group": "kafka", "memory_mb": 800},
    "spark-worker": {"group": "spark_worker", "memory_mb": 300},
    "stream-warehouse": {"group": "jobs", "memory_mb": 1000, "executor_memory_mb": 900},
    "stream-lake": {"group": "jobs", "memory_mb": 850, "executor_memory_mb": 700},
}
PORTS: Final[dict[str, dict[str, Any]]] = {
    "kafka_broker": {"port": 9092, "daemon": "kafka", "open_to": "operators"},
    "spark_driver_rpc": {"port": 7200, "count": 4, "daemon": "spark-worker", "open_to": "cluster"},
}


def facts(**differences: Any) -> dict[str, Any]:
    """A machine that is as it should be, but for the differences."""
    return {
        "os_release": {"ID": "debian", "VERSION_ID": "13", "PRETTY_NAME": "Debian GNU/Linux 13 (trixie)"},
        "init": "systemd",
        "user": 0,
        "container": True,
        "memory_limit": 8 * GIB,
        "memory_limit_by": "MemTotal",
        "disks": {"/var/lib/kafka": {"mount": "/", "free": 50 * GIB, "used": False}},
        "names": {"n1": ["10.99.0.11"]},
        "hosts_lines": [],
        "listeners": [],
        "missing_accounts": [],
        "sysctl": {"vm.max_map_count": "65530"},
    } | differences


def test_a_good_machine_is_not_refused() -> None:
    good = facts()
    assert machine.system("n1", good) == []
    assert machine.names("n1", good, "10.99.0.11") == []
    assert machine.disk("n1", good, {"kafka": ("/var/lib/kafka", 3072)}, 1024) == []
    assert machine.held_ports("n1", good, "10.99.0.11", ["kafka"], PORTS, DAEMONS) == []
    assert machine.operators("n1", good, "meteo") == []
    assert machine.clock("n1", {"clock_at_start": 100.5, "clock": 101.0}, 100.0, 101.1, 2) == []


@pytest.mark.parametrize(
    ("release", "refused"),
    [
        ({"ID": "debian", "VERSION_ID": "12"}, False),
        ({"ID": "debian", "VERSION_ID": "11", "PRETTY_NAME": "Debian 11"}, True),
        ({"ID": "ubuntu", "VERSION_ID": "24.04", "PRETTY_NAME": "Ubuntu 24.04 LTS"}, True),
        ({"ID": "debian", "PRETTY_NAME": "Debian GNU/Linux trixie/sid"}, True),
        ({}, True),
    ],
)
def test_an_unsupported_system_is_refused(release: dict[str, str], refused: bool) -> None:
    findings = machine.system("n1", facts(os_release=release))
    assert [finding.check for finding in findings] == (["operating system"] if refused else [])


def test_a_machine_without_systemd_or_root_is_refused() -> None:
    findings = machine.system("n1", facts(init="tini", user=1000))
    assert [finding.check for finding in findings] == ["service manager", "privileges"]


def test_the_memory_plan_counts_executors_on_workers() -> None:
    """KF-79: what runs on a machine is summed, with what streams start there, and compared with the machine."""
    groups = {"kafka": ["n1"], "spark_worker": ["n1"], "jobs": ["n1"]}
    plan = machine.memory_plan("n1", ["kafka", "spark-worker", "stream-warehouse", "stream-lake"], DAEMONS, groups)
    assert sum(share.mib for share in plan) == 800 + 300 + 1000 + 850 + 900 + 700


def test_the_memory_plan_counts_yarns_containers_and_tells_what_nobody_has() -> None:
    """KF-79: containers are planned beside their daemon; what is left over may be given to them."""
    daemons = {"yarn-nodemanager": {"group": "nodemanager", "memory_mb": 270, "containers_mb": 2048}}
    plan = machine.memory_plan("n1", ["yarn-nodemanager"], daemons, {"nodemanager": ["n1"]})
    assert plan == [machine.Share("yarn-nodemanager", 270), machine.Share("containers of yarn-nodemanager", 2048)]
    assert machine.memory_spare(facts(memory_limit=4096 * machine.MIB), plan, 256) == 4096 - 256 - 270 - 2048
    assert machine.memory_spare(facts(memory_limit=2048 * machine.MIB), plan, 256) == 0


def test_several_workers_share_the_executors() -> None:
    """Two executors on two workers: each is planned for one, and for the larger, since either may get it."""
    groups = {"spark_worker": ["n1", "n2"], "jobs": ["n3"]}
    for host in ("n1", "n2"):
        plan = machine.memory_plan(host, ["spark-worker"], DAEMONS, groups)
        assert [share.what for share in plan] == ["spark-worker", "executor of stream-warehouse"]
    assert machine.memory_plan("n3", ["stream-lake"], DAEMONS, groups) == [machine.Share("stream-lake", 850)]


def test_too_little_memory_is_refused_and_says_who_gets_what() -> None:
    """KF-79: the limit of the control group counts, where it is less than the machine's memory."""
    plan = [machine.Share("kafka", 800), machine.Share("executor of stream-lake", 700)]
    small = facts(memory_limit=1700 * machine.MIB, memory_limit_by="the control group's limit")
    assert machine.memory("n1", small, plan, 200) == []
    (finding,) = machine.memory("n1", small, plan, 201)
    assert "the control group's limit" in finding.expected
    assert finding.found == "1500 MiB planned: kafka 800, executor of stream-lake 700"
    assert "1 MiB more" in finding.do
    assert machine.memory_table("n1", plan, 1700, 200)[-1].split()[:5] == ["left", "of", "1700", "MiB", "200"]


def test_too_little_disk_is_refused() -> None:
    """Stores on one file system are added up; one that is in use needs no room for what it has already."""
    stores = {"kafka": ("/var/lib/kafka", 3000), "hdfs": ("/var/lib/hdfs", 2000)}
    disks = {
        "/var/lib/kafka": {"mount": "/", "free": 5999 * machine.MIB, "used": False},
        "/var/lib/hdfs": {"mount": "/", "free": 5999 * machine.MIB, "used": False},
    }
    (finding,) = machine.disk("n1", facts(disks=disks), stores, 1000)
    assert finding.expected.startswith("6000 MiB free (/var/lib/kafka 3000, /var/lib/hdfs 2000")
    assert finding.found == "5999 MiB"
    disks["/var/lib/hdfs"]["used"] = True
    assert machine.disk("n1", facts(disks=disks), stores, 1000) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.1", "::1"])
def test_a_name_that_leads_to_loopback_is_refused(address: str) -> None:
    line = f"{address}\tn1 n1.example"
    (finding,) = machine.names("n1", facts(names={"n1": [address]}, hosts_lines=[line]), "10.99.0.11")
    assert finding.found == f"{address}, from the line '{address} n1 n1.example' of /etc/hosts"
    (finding,) = machine.names("n1", facts(names={"n1": ["10.99.0.11", address]}), "10.99.0.11")
    assert "nsswitch.conf" in finding.do


@pytest.mark.parametrize(("off", "word"), [(5.0, "ahead"), (-5.0, "behind"), (1.5, None), (-1.5, None)])
def test_a_clock_that_is_apart_is_refused(off: float, word: str | None) -> None:
    """However long the machine took to answer: here between 0.8 and 1.1 s of 1.3 s."""
    found = {"clock_at_start": 100.8 + off, "clock": 101.1 + off}
    findings = machine.clock("n1", found, 100.0, 101.3, 2)
    assert [finding.found.split()[-1] for finding in findings] == ([word] if word else [])


@pytest.mark.parametrize(
    ("address", "unit", "refused"),
    [
        ("10.99.0.11", "kafka.service", False),
        ("10.99.0.11", "spark-worker.service", True),
        ("0.0.0.0", "ssh.service", True),  # noqa: S104 (what is found, not what is bound)
        ("::", "", True),
        ("127.0.0.1", "ssh.service", False),
    ],
)
def test_a_port_that_somebody_else_holds_is_refused(address: str, unit: str, refused: bool) -> None:
    """An open port is no proof that it is our daemon's: the unit of its process is."""
    listener = {"address": address, "port": 9092, "process": "python3 (pid 7)", "unit": unit}
    findings = machine.held_ports("n1", facts(listeners=[listener]), "10.99.0.11", ["kafka"], PORTS, DAEMONS)
    assert [finding.check for finding in findings] == (["port 9092 (kafka_broker)"] if refused else [])
    assert all("python3 (pid 7)" in finding.found for finding in findings)


def test_a_range_of_ports_may_have_some_strangers() -> None:
    """An application takes the range's first free port: only a range that strangers have half of is refused."""

    def found(*ports: int) -> int:
        listeners = [{"address": "::", "port": port, "process": "x (pid 7)", "unit": "x.service"} for port in ports]
        there = facts(listeners=listeners)
        return len(machine.held_ports("n1", there, "10.99.0.11", ["spark-worker"], PORTS, DAEMONS))

    assert found(7200) == 0
    assert found(7200, 7203) == 1


def test_ports_of_daemons_that_are_not_here_may_be_anybodys() -> None:
    listener = {"address": "::", "port": 9092, "process": "x (pid 7)", "unit": "x.service"}
    assert machine.held_ports("n1", facts(listeners=[listener]), "10.99.0.11", ["spark-worker"], PORTS, DAEMONS) == []


def test_operators_without_an_account_are_refused() -> None:
    (finding,) = machine.operators("n1", facts(missing_accounts=["aida"]), "meteo")
    assert "aida" in finding.found


VAULT: Final = {"vault": "a1", "fingerprints": {"secret_a": "01", "secret_b": "02"}}


def test_a_vault_that_was_made_anew_is_refused() -> None:
    """KF-68: the machine has secrets of another vault, which was lost."""
    (finding,) = machine.secrets("n1", {"vault": "b2", "fingerprints": {}}, VAULT)
    assert "b2" in finding.expected
    assert "bring back" in finding.do


def test_an_old_copy_of_the_vault_is_refused() -> None:
    """KF-68: it is the same vault, and lacked a secret that the machine has, which was then made anew."""
    held = {"vault": "a1", "fingerprints": {"secret_a": "01", "secret_b": "99"}}
    (finding,) = machine.secrets("n1", held, VAULT)
    assert finding.found == "other ones for secret_b"


def test_a_bare_machine_and_a_growing_vault_are_not_refused() -> None:
    assert machine.secrets("n1", None, VAULT) == []
    assert machine.secrets("n1", {"vault": "a1", "fingerprints": {"secret_a": "01"}}, VAULT) == []
    assert machine.secrets("n1", VAULT, VAULT) == []


def test_mixed_python_minors_are_refused() -> None:
    groups = {"jobs": ["n1"], "spark_worker": ["n2"], "kafka": ["n3"]}
    assert machine.python_minors({"n1": "3.13", "n2": "3.13", "n3": "3.11"}, groups) == []
    (finding,) = machine.python_minors({"n1": "3.13", "n2": "3.11", "n3": "3.11"}, groups)
    assert finding.found == "3.13 on n1, 3.11 on n2"


def test_a_kernel_that_a_container_cannot_change_is_noted() -> None:
    wanted = {"vm.max_map_count": 262144}
    assert machine.notes("n1", facts(container=False), wanted) == []
    (note,) = machine.notes("n1", facts(), wanted)
    assert "65530" in note


def test_all_findings_make_one_message_and_equal_ones_are_told_once() -> None:
    findings = machine.system("n2", facts(init="tini", user=1000)) + machine.system("n1", facts(user=1000))
    text = report(findings)
    assert text.startswith("2 findings; nothing was changed.\nn1, n2: privileges\n")
    assert "\nn2: service manager\n" in text
    assert text.count("expected: ") == text.count("found: ") == text.count("do: ") == 2
