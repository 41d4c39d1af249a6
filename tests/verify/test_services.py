"""Every daemon of every host, as systemd and the kernel see it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest
from meteo_nodes.platform import Platform

EXPOSURE_LIMIT: Final = 4.0
SOCKETS: Final = "ss --no-header --listening --tcp --numeric"
# Hadoop's shuffle server takes a port and no address: it listens on all of them, behind the firewall.
ANY_ADDRESS: Final = ("mapred_shuffle",)


@pytest.fixture(scope="module")
def report(platform: Platform) -> dict[tuple[str, str], dict[str, Any]]:
    return platform.report()


def show(platform: Platform, host: str, daemon: str, *properties: str) -> dict[str, str]:
    """Properties of a unit, as systemd tells them."""
    text = platform.host(host).check_output("systemctl show %s --property=%s", daemon, ",".join(properties))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def daemons(platform: Platform) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for host, facts in platform.topology["hosts"].items():
        for name in facts["daemons"]:
            yield host, name, platform.topology["daemons"][name]


def test_every_daemon_is_enabled_and_healthy(report: dict[tuple[str, str], dict[str, Any]]) -> None:
    wrong = {where: facts["health"] for where, facts in report.items() if not (facts["healthy"] and facts["enabled"])}
    assert not wrong


def test_no_daemon_was_restarted_by_systemd_since_it_was_installed(
    report: dict[tuple[str, str], dict[str, Any]],
) -> None:
    wrong = {where: facts["restarts"] for where, facts in report.items() if facts["restarts"]}
    assert not wrong


def test_every_daemon_runs_as_its_own_user(platform: Platform, report: dict[tuple[str, str], dict[str, Any]]) -> None:
    wrong = {}
    for host, name, daemon in daemons(platform):
        user = platform.host(host).check_output("ps -o user:32= -p %s", str(report[host, name]["main_pid"])).strip()
        if user != daemon["user"]:
            wrong[host, name] = f"expected {daemon['user']}, found {user}"
    assert not wrong


def test_every_unit_is_hardened(platform: Platform) -> None:
    """`systemd-analyze security` rates each at 4.0 or less (0 is safest, 10 is open)."""
    wrong = {}
    for host, name, _ in daemons(platform):
        text = platform.host(host).run("systemd-analyze security --no-pager %s", name + ".service").stdout
        found = re.search(r"exposure level for .*: ([0-9.]+)", text)
        assert found, f"{name}: systemd-analyze printed no exposure level:\n{text}"
        if float(found[1]) > EXPOSURE_LIMIT:
            wrong[host, name] = float(found[1])
    assert not wrong, f"expected at most {EXPOSURE_LIMIT}"


def test_units_restart_without_giving_up_and_after_boot(platform: Platform) -> None:
    wrong = {}
    for host, name, _ in daemons(platform):
        found = show(platform, host, name, "Restart", "StartLimitIntervalUSec", "OOMPolicy")
        if found["Restart"] not in ("always", "on-failure") or found["StartLimitIntervalUSec"] != "0":
            wrong[host, name] = found
    assert not wrong


def test_processes_have_the_limits_their_units_ask_for(
    platform: Platform, report: dict[tuple[str, str], dict[str, Any]]
) -> None:
    """KF-76: a unit's limit that the machine does not grant is lowered in silence, so the process is asked."""
    wrong = {}
    for host, name, _ in daemons(platform):
        node = platform.host(host)
        wanted = int(show(platform, host, name, "LimitNOFILE")["LimitNOFILE"].replace("infinity", "1048576"))
        highest = int(node.check_output("cat /proc/1/limits | awk '/Max open files/ {print $5}'"))
        limits = node.check_output("cat /proc/%s/limits", str(report[host, name]["main_pid"]))
        # The hard limit: a Go program lowers its own soft one.
        found = int(re.search(r"Max open files +\d+ +(\d+)", limits)[1])  # type: ignore[index]  # the kernel prints it
        if found < min(wanted, highest):
            wrong[host, name] = f"expected {min(wanted, highest)} open files, found {found}"
    assert not wrong


def test_nothing_was_killed_for_want_of_memory(platform: Platform) -> None:
    wrong = {}
    for host in platform.hosts:
        node = platform.host(host)
        counters = node.run("cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control").stdout
        found = re.findall(r"^oom_kill (\d+)", counters, re.MULTILINE)
        assert found, "expected a counter oom_kill in the node's control group, found none"
        if any(int(count) for count in found):
            wrong[host] = counters
    assert not wrong


def owners(entry: dict[str, Any]) -> list[str]:
    """Daemons that may listen on a port of the table: one, or for the ranges of Spark's applications several."""
    daemon = entry["daemon"]
    return [daemon] if isinstance(daemon, str) else list(daemon)


def expected_ports(platform: Platform, host: str) -> dict[int, str]:
    """Port to daemon, of what belongs on a host; ranges count port by port."""
    here = set(platform.topology["hosts"][host]["daemons"])
    return {
        int(entry["port"]) + step: owners(entry)[0]
        for entry in platform.topology["ports"].values()
        if here & set(owners(entry))
        for step in range(int(entry.get("count", 1)))
    }


def test_nothing_listens_beside_what_the_table_of_ports_names(platform: Platform) -> None:
    """KF-62: each socket is on its port and on the address the inventory binds, never on every address.

    On loopback a daemon may have ports that the system chose: a Spark driver's gateway to its Python, a DataNode's
    own proxy. They are known by their owner.
    """
    wrong = []
    for host in platform.hosts:
        node = platform.host(host)
        bind = platform.topology["hosts"][host]["member"]["bind"]
        ports = expected_ports(platform, host)
        open_everywhere = {platform.port(name) for name in ANY_ADDRESS}
        users = {platform.topology["daemons"][name]["user"] for name in platform.topology["hosts"][host]["daemons"]}
        accounts = [line.split(":") for line in node.check_output("getent passwd").splitlines()]
        ours = {account[2] for account in accounts if account[0] in users}
        for line in node.check_output(f"{SOCKETS} --extended").splitlines():
            address, _, port = line.split()[3].rpartition(":")
            address = address.strip("[]").removeprefix("::ffff:")
            owner = re.search(r"uid:(\d+)", line)
            if port == "22" and owner is None:
                continue
            if address.startswith("127.") and owner and owner[1] in ours:
                continue
            if address in ("*", "0.0.0.0") and int(port) in open_everywhere & set(ports):  # noqa: S104 (what is found)
                continue
            if address != bind or int(port) not in ports:
                wrong.append(f"{host}: {address}:{port} ({owner[0] if owner else 'root'})")
    assert not wrong, "expected the bind address and a port of topology_ports"


def test_each_port_of_the_table_is_open_where_its_daemon_runs(platform: Platform) -> None:
    """A range (Spark's applications) needs none, and a daemon with one port needs exactly that."""
    wrong = []
    # A ZooKeeper alone has no quorum to talk to.
    unused = ("zookeeper_quorum", "zookeeper_election") if len(platform.members("zookeeper")) == 1 else ()
    for host in platform.hosts:
        text = platform.host(host).check_output(SOCKETS)
        open_ports = {int(line.split()[3].rpartition(":")[2]) for line in text.splitlines()}
        here = set(platform.topology["hosts"][host]["daemons"])
        wrong += [
            f"{host}: {name} ({entry['port']})"
            for name, entry in platform.topology["ports"].items()
            if here & set(owners(entry))
            and "count" not in entry
            and name not in unused
            and entry["port"] not in open_ports
        ]
    assert not wrong


def test_units_live_in_utc_whatever_the_machine_says(
    platform: Platform, report: dict[tuple[str, str], dict[str, Any]]
) -> None:
    wrong = {}
    for (host, name), facts in report.items():
        # Root of a container may not trace others, but an owner may read its own.
        user = platform.topology["daemons"][name]["user"]
        pid = str(facts["main_pid"])
        node = platform.host(host)
        lines = node.check_output("sudo -u %s cat /proc/%s/environ | tr '\\0' '\\n'", user, pid).splitlines()
        if not any("=" in line for line in lines):
            # Redis, gunicorn and Celery write their title over it: then what systemd gave them.
            lines = shlex.split(node.check_output("systemctl show --property=Environment --value %s", name))
        if "TZ=UTC" not in lines:
            wrong[host, name] = sorted(line for line in lines if line.startswith(("TZ", "LANG")))
    assert not wrong


def test_the_machine_keeps_its_own_local_time(platform: Platform) -> None:
    for host in platform.hosts:
        wanted = platform.variables(host).get("local_nodes_timezone", "Etc/UTC")
        assert platform.host(host).check_output("readlink --canonicalize /etc/localtime").endswith(f"/{wanted}")


def test_people_log_in_to_utc(platform: Platform) -> None:
    for host in platform.hosts:
        person = platform.host(host, sudo=False)
        assert person.check_output("bash --login -c 'date +%Z; locale charmap'") == "UTC\nUTF-8"
