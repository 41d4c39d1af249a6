#!/usr/bin/python
"""Tell what a machine is like, reading only (the action plugin of the same name judges it)."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import pwd
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: meteo_preflight
short_description: Find every reason not to deploy to a machine, in one task
description:
  - The action plugin of the same name checks the inventory and its variables, has this module look at the machine, and
    judges both. It changes nothing and never fails; M(meteo_refuse) does, with the findings of all machines.
  - Sets the few facts that roles need C(distribution), C(distribution_major_version), C(distribution_release),
    C(hostname), C(python.version), and C(meteo) with C(container), C(vault_marker) and C(memory_spare_mb)), so no other
    task gathers any.
options:
  action:
    description: What is about to be done; checks that do not matter for it are left out (KF-44).
    type: str
    choices: [deploy, stop, remove]
    default: deploy
  memory_reserve_mb:
    description: MiB that are left for the system.
    type: int
    required: true
  disk_mb:
    description: Daemon to the MiB that it may store.
    type: dict
    required: true
  disk_paths:
    description: Daemon to the folder where it stores them.
    type: dict
    required: true
  disk_reserve_mb:
    description: MiB that every file system of ours keeps free.
    type: int
    required: true
  clock_skew_s:
    description: Seconds that a machine's clock may be off.
    type: float
    required: true
  sysctl:
    description: Kernel settings that the platform likes, for a note about a container's host.
    type: dict
    default: {}
  accept_secrets:
    description: Do not compare the vault with the secrets that the machine has.
    type: bool
    default: false
"""

MARKER = Path("/etc/meteo/vault.json")
TCP_LISTEN = "0A"
UNLIMITED = 1 << 60


def os_release() -> dict[str, str]:
    """Return the fields of /etc/os-release."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def memory_limit() -> tuple[int, str]:
    """Return min(MemTotal, the limits of all control groups around this process) in bytes, and whose it is."""
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    total = next(int(line.split()[1]) * 1024 for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    best, by = total, "MemTotal"
    for path in limit_files():
        with contextlib.suppress(OSError, ValueError):
            value = int(path.read_text(encoding="ascii"))
            if value < min(best, UNLIMITED):
                best, by = value, f"the control group's limit ({path})"
    return best, by


def limit_files() -> list[Path]:
    """Return the memory limits of the machine (in a container: the container) and of the control groups of process 1.

    Both hierarchies are looked at: version 2 (memory.max) and version 1, also where a hybrid layout has both.
    """
    found = [Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")]
    with contextlib.suppress(OSError):
        for line in Path("/proc/1/cgroup").read_text(encoding="utf-8").splitlines():
            _number, controllers, group = line.split(":", 2)
            if controllers == "":
                root, name = Path("/sys/fs/cgroup"), "memory.max"
            elif "memory" in controllers.split(","):
                root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
            else:
                continue
            here = root / group.strip("/")
            found += [folder / name for folder in (here, *here.parents) if folder.is_relative_to(root)]
    return found


def disk(path: str) -> dict[str, Any]:
    """Return the file system on which a folder lies or would lie, its free bytes, and whether the folder is in use."""
    here = Path(path)
    used = here.is_dir() and any(here.iterdir())
    while not here.exists():
        here = here.parent
    status = os.statvfs(here)
    mount = here.resolve()
    while not mount.is_mount():
        mount = mount.parent
    return {"mount": str(mount), "free": status.f_bavail * status.f_frsize, "used": used}


def resolve(name: str) -> list[str]:
    """Return the addresses of a name, as this machine's own resolver gives them."""
    try:
        return list(
            dict.fromkeys(str(entry[4][0]) for entry in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP))
        )
    except OSError:
        return []


def address_of(text: str) -> str:
    """Return the address of /proc/net/tcp's hexadecimal form (32-bit words in the machine's order)."""
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4] for i in range(0, len(raw), 4)]
    packed = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    if packed.startswith(b"\0" * 10 + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed)


def listeners(wanted: set[int]) -> list[dict[str, Any]]:
    """Return who listens on the ports in question: address, port, process and its unit."""
    sockets = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                address, port = fields[1].split(":")
                if fields[3] == TCP_LISTEN and int(port, 16) in wanted:
                    sockets[fields[9]] = (address_of(address), int(port, 16))
    holders = processes_of(set(sockets)) if sockets else {}
    return [
        {"address": address, "port": port, **holders.get(inode, {"process": "an unknown process", "unit": ""})}
        for inode, (address, port) in sockets.items()
    ]


def processes_of(inodes: set[str]) -> dict[str, dict[str, str]]:
    """Return socket inode -> the process that holds it."""
    found: dict[str, dict[str, str]] = {}
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            held = [wanted[link] for link in open_files(process) if link in wanted]
            found.update({inode: {"process": describe(process), "unit": unit_of(process)} for inode in held})
    return found


def open_files(process: Path) -> list[str]:
    """Return what a process has open, as its owner sees it: in a container root may not look into others' processes."""
    owner = process.stat()
    privileged = os.geteuid() == 0
    if privileged:
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
    try:
        links = []
        for link in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(str(link.readlink()))
        return links
    finally:
        if privileged:
            os.seteuid(0)
            os.setegid(0)


def describe(process: Path) -> str:
    """Return a process's name and id."""
    return f"{(process / 'comm').read_text(encoding='utf-8', errors='replace').strip()} (pid {process.name})"


def unit_of(process: Path) -> str:
    """Return the systemd unit of a process, or nothing."""
    for line in (process / "cgroup").read_text(encoding="utf-8").splitlines():
        parts = [part for part in line.split(":", 2)[2].split("/") if part.endswith((".service", ".scope"))]
        if parts:
            return parts[-1]
    return ""


def has_account(name: str) -> bool:
    """Return whether the machine knows an account."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def in_container() -> bool:
    """Return whether this machine shares its kernel with others."""
    if Path("/run/systemd/container").exists() or Path("/run/.containerenv").exists():
        return True
    with contextlib.suppress(OSError):
        return b"container=" in Path("/proc/1/environ").read_bytes()
    return False


def sysctl(names: list[str]) -> dict[str, str]:
    """Return the kernel settings that this kernel has."""
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            found[name] = Path("/proc/sys", *name.split(".")).read_text(encoding="ascii").strip()
    return found


def marker() -> dict[str, Any] | None:
    """Return whose secrets this machine has."""
    try:
        content = json.loads(MARKER.read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError):
        return None
    except ValueError:
        return {"vault": f"unreadable ({MARKER} is no JSON)"}
    return content if isinstance(content, dict) else None


def main() -> None:
    """Look, and tell."""
    spec = {
        "names": {"type": "list", "elements": "str", "required": True},
        "ports": {"type": "list", "elements": "int", "required": True},
        "paths": {"type": "list", "elements": "path", "required": True},
        "sysctl": {"type": "list", "elements": "str", "required": True},
        "accounts": {"type": "list", "elements": "str", "required": True},
    }
    begin = time.time()
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    wanted = module.params
    limit, limit_by = memory_limit()
    hostname = socket.gethostname()
    names = {*wanted["names"], hostname}
    hosts = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace") if Path("/etc/hosts").exists() else ""
    facts = {
        "os_release": os_release(),
        "init": Path("/proc/1/comm").read_text(encoding="utf-8").strip(),
        "user": os.geteuid(),
        "container": in_container(),
        "hostname": hostname,
        "python": [*sys.version_info[:3]],
        "memory_limit": limit,
        "memory_limit_by": limit_by,
        "disks": {path: disk(path) for path in wanted["paths"]},
        "names": {name: resolve(name) for name in sorted(names)},
        "hosts_lines": [line for line in hosts.splitlines() if names & set(line.partition("#")[0].split()[1:])],
        "listeners": listeners(set(wanted["ports"])),
        "missing_accounts": [name for name in wanted["accounts"] if not has_account(name)],
        "sysctl": sysctl(wanted["sysctl"]),
        "vault": marker(),
        "clock_at_start": begin,
    }
    module.exit_json(changed=False, facts=facts | {"clock": time.time()})


if __name__ == "__main__":
    main()
