"""Check one machine, as `meteo_preflight` found it, against what is planned for it."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from . import Finding
from .inventory import owners, port_range

Facts = Mapping[str, Any]
Daemons = Mapping[str, Mapping[str, Any]]
MIB = 1024 * 1024
SUPPORTED = {"debian": {"12": "Debian 12 (bookworm)", "13": "Debian 13 (trixie)"}}


def system(host: str, facts: Facts) -> list[Finding]:
    """Refuse what is no supported Debian under systemd, and a session that is not root's."""
    findings = []
    release = facts["os_release"]
    versions = SUPPORTED.get(release.get("ID", ""), {})
    if release.get("VERSION_ID") not in versions:
        findings.append(
            Finding(
                host,
                "operating system",
                " or ".join(SUPPORTED["debian"].values()),
                release.get("PRETTY_NAME") or "a system without /etc/os-release",
                "install Debian 13 on the machine",
            )
        )
    if facts["init"] != "systemd":
        findings.append(
            Finding(host, "service manager", "systemd as process 1", facts["init"], "boot the machine with systemd")
        )
    if facts["user"] != 0:
        findings.append(
            Finding(host, "privileges", "root, for example by sudo", f"user id {facts['user']}",
                    "set ansible_become: true and see that the account may use sudo")
        )  # fmt: skip
    return findings


class Share(NamedTuple):
    """One line of the memory plan."""

    what: str
    mib: int


def memory_plan(host: str, local: list[str], daemons: Daemons, groups: Mapping[str, list[str]]) -> list[Share]:
    """Return who gets what on a host: its daemons, YARN's containers, executors of streams if it is a Spark worker.

    Streams give their executors to workers in any order, so each worker is planned for its share rounded up, the
    largest first.
    """
    plan = [Share(name, int(daemons[name]["memory_mb"])) for name in local]
    plan += [
        Share(f"containers of {name}", int(daemons[name]["containers_mb"]))
        for name in local
        if daemons[name].get("containers_mb")
    ]
    workers = groups.get("spark_worker", [])
    if host in workers:
        executors = sorted(
            (
                (int(daemon["executor_memory_mb"]), name)
                for name, daemon in daemons.items()
                if daemon.get("executor_memory_mb") and groups.get(daemon["group"])
            ),
            reverse=True,
        )
        here = -(-len(executors) // len(workers))
        plan += [Share(f"executor of {name}", mib) for mib, name in executors[:here]]
    return plan


def memory_spare(facts: Facts, plan: list[Share], reserve_mib: int) -> int:
    """Return the MiB of a machine that nobody is planned to use, beyond the reserve."""
    limit = int(facts["memory_limit"]) // MIB
    return max(0, limit - reserve_mib - sum(share.mib for share in plan))


def memory_table(host: str, plan: list[Share], limit_mib: int, reserve_mib: int) -> list[str]:
    """Return the plan as lines of text."""
    total = sum(share.mib for share in plan)
    lines = [f"{share.what:<40}{share.mib:>7} MiB" for share in sorted(plan, key=lambda share: -share.mib)]
    rest = limit_mib - total
    return [
        f"{host}: memory",
        *lines,
        f"{'left of ' + str(limit_mib) + ' MiB':<40}{rest:>7} MiB (at least {reserve_mib} for the system)",
    ]


def memory(host: str, facts: Facts, plan: list[Share], reserve_mib: int) -> list[Finding]:
    """Refuse more than min(MemTotal, cgroup limit) less a reserve (KF-79)."""
    limit = facts["memory_limit"] // MIB
    total = sum(share.mib for share in plan)
    if total + reserve_mib <= limit:
        return []
    largest = sorted(plan, key=lambda share: -share.mib)
    shares = ", ".join(f"{share.what} {share.mib}" for share in largest)
    return [
        Finding(
            host,
            "memory",
            f"at most {limit - reserve_mib} MiB in use "
            f"({limit} by {facts['memory_limit_by']}, {reserve_mib} for the system)",
            f"{total} MiB planned: {shares}",
            f"give the machine {total + reserve_mib - limit} MiB more, move daemons to another host, "
            "or lower them with topology_daemon_overrides",
        )
    ]


def disk(host: str, facts: Facts, stores: Mapping[str, tuple[str, int]], reserve_mib: int) -> list[Finding]:
    """Refuse file systems that cannot take the bounded stores (daemon -> folder, MiB) of this host's daemons.

    A store that does not exist yet needs its whole bound; one that is in use has had its share, and the file system
    only has to have the reserve left.
    """
    asked: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, bound in stores.values():
        asked[facts["disks"][path]["mount"]].append((path, 0 if facts["disks"][path]["used"] else bound))
    findings = []
    for mount, bounds in sorted(asked.items()):
        free = next(disk["free"] for disk in facts["disks"].values() if disk["mount"] == mount) // MIB
        total = sum(mib for _, mib in bounds) + reserve_mib
        if free < total:
            parts = ", ".join(f"{path} {mib}" for path, mib in bounds)
            findings.append(
                Finding(
                    host,
                    f"disk of {mount}",
                    f"{total} MiB free ({parts}, reserve {reserve_mib})",
                    f"{free} MiB",
                    "free some, give these folders a disk of their own, or lower the stores' bounds",
                )
            )
    return findings


def names(host: str, facts: Facts, address: str) -> list[Finding]:
    """Refuse a machine whose own name leads to itself only: others would be told to connect to themselves."""
    findings = []
    for name, resolved in sorted(facts["names"].items()):
        looped = [found for found in resolved if ipaddress.ip_address(found).is_loopback]
        if looped and not ipaddress.ip_address(address).is_loopback:
            lines = [line for line in facts["hosts_lines"] if name in line.split()[1:]]
            found = f"{looped[0]}" + (f", from the line '{' '.join(lines[0].split())}' of /etc/hosts" if lines else "")
            findings.append(
                Finding(
                    host,
                    f"its own name {name}",
                    f"the cluster address {address}",
                    found,
                    "take the name off that line (and cloud-init's manage_etc_hosts off); MeteoStream adds a right one"
                    if lines
                    else "correct the machine's name resolution (nsswitch.conf, DNS)",
                )
            )
    return findings


def clock(host: str, facts: Facts, before: float, after: float, limit_s: float) -> list[Finding]:
    """Refuse a clock that is surely apart from the control machine's.

    The machine read its clock between `before` and `after` of the control machine, so only what lies outside of
    that, by more than the limit, is apart.
    """
    ahead, behind = facts["clock"] - after, before - facts["clock_at_start"]
    apart = max(ahead, behind)
    if apart <= limit_s:
        return []
    return [
        Finding(
            host,
            "clock",
            f"within {limit_s:g} s of the control machine's",
            f"{apart:.1f} s {'ahead' if ahead > behind else 'behind'}",
            "set it (timedatectl, chronyc makestep), or correct the control machine's",
        )
    ]


def _meets(bind: str, listening: str) -> bool:
    """Return whether sockets at two addresses exclude each other."""
    one, two = ipaddress.ip_address(bind), ipaddress.ip_address(listening)
    return one == two or one.is_unspecified or two.is_unspecified


def held_ports(
    host: str, facts: Facts, bind: str, local: list[str], table: Mapping[str, Mapping[str, Any]], ours: Iterable[str]
) -> list[Finding]:
    """Refuse a port that somebody else holds. An open port is no proof that it is our daemon's: its unit is asked."""
    listeners = defaultdict(list)
    for listener in facts["listeners"]:
        listeners[int(listener["port"])].append(listener)
    units = {f"{name}.service" for name in ours}
    findings = []
    for name, port in sorted(table.items()):
        mine = set(owners(port)) & set(local)
        if not mine:
            continue
        numbers = port_range(port)
        # A range is used from its first free port on, by any application of ours: it only must not be full of others.
        allowed = {f"{daemon}.service" for daemon in mine} if len(numbers) == 1 else units
        strangers = {
            number: listener
            for number in numbers
            for listener in listeners[number]
            if listener["unit"] not in allowed and _meets(bind, listener["address"])
        }
        if len(strangers) * 2 >= len(numbers):
            number, listener = min(strangers.items())
            findings.append(
                Finding(
                    host,
                    f"port {number} ({name})",
                    f"free, or held by {' or '.join(sorted(allowed)) if len(numbers) == 1 else 'our daemons'}",
                    f"{listener['address']} held by {listener['process']}"
                    + (f" ({listener['unit']})" if listener["unit"] else ""),
                    f"stop that, or move ours: topology_port_overrides: {{{name}: {{port: ...}}}}",
                )
            )
    return findings


def operators(host: str, facts: Facts, group: str) -> list[Finding]:
    """Refuse operators without an account."""
    strangers = facts["missing_accounts"]
    if not strangers:
        return []
    return [
        Finding(host, "topology_operators", f"accounts of this machine, to become members of {group}",
                f"no account {', '.join(strangers)}", "make the accounts, or name others")
    ]  # fmt: skip


def secrets(host: str, held: Mapping[str, Any] | None, vault: Mapping[str, Any]) -> list[Finding]:
    """Refuse to replace secrets of a running platform because the vault was lost or is an old copy (KF-68).

    `held` is the marker that the machine keeps: the vault's name and the beginnings of its secrets' digests.
    """
    if not held:
        return []
    do = (
        "bring back the secrets.yml (and vault.key) that the platform was made with; to change secrets on purpose, see "
        "'Changing a secret' in docs/security.md"
    )
    if held.get("vault") != vault["vault"]:
        return [
            Finding(host, "secrets", f"the vault {held.get('vault')}, whose secrets this machine has",
                    f"the vault {vault['vault']}", do)
        ]  # fmt: skip
    changed = sorted(
        name
        for name, fingerprint in held.get("fingerprints", {}).items()
        if vault["fingerprints"].get(name, fingerprint) != fingerprint
    )
    if not changed:
        return []
    return [Finding(host, "secrets", "the values that this machine has", f"other ones for {', '.join(changed)}", do)]


def python_minors(pythons: Mapping[str, str], groups: Mapping[str, list[str]]) -> list[Finding]:
    """Refuse drivers and executors of different Python minors: what one pickles the other does not read."""
    concerned = {
        host: version
        for host, version in pythons.items()
        if any(host in groups.get(group, []) for group in ("jobs", "spark_worker", "nodemanager", "airflow_worker"))
    }
    if len(set(concerned.values())) <= 1:
        return []
    return [
        Finding(
            "",
            "Python of jobs, spark_worker, nodemanager and airflow_worker",
            "one minor version for drivers and executors",
            ", ".join(f"{version} on {host}" for host, version in sorted(concerned.items())),
            "run the same Debian release on all hosts of these groups",
        )
    ]


def notes(host: str, facts: Facts, sysctl: Mapping[str, Any]) -> list[str]:
    """Return what is worth knowing and no reason to refuse: kernel settings that a container cannot set."""
    if not facts["container"]:
        return []
    return [
        f"{host}: {name} is {facts['sysctl'][name]} on the host of this container, {value} is better"
        for name, value in sorted(sysctl.items())
        if str(facts["sysctl"].get(name, value)) != str(value)
    ]
