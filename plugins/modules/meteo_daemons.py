#!/usr/bin/python
"""Start, stop or look at several daemons of one host together, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_daemons
short_description: Start, stop or report on the daemons of one stage, or of a whole host, in one task
description:
  - C(started) starts all of O(names) at once and then waits for the health of each, so a stage takes as long as its
    slowest daemon. What runs already is left alone; to restart what is stale is M(meteo_service)'s.
  - C(stopped) stops them one after the other, in the order given.
  - C(report) changes nothing and tells state, health, main process, restarts and memory of each. With O(evidence) it
    adds the last lines of the journal and of the log files of what is unhealthy or was restarted by systemd.
options:
  names:
    description: Units, without C(.service).
    type: list
    elements: str
    required: true
  state:
    description: What to do.
    type: str
    choices: [started, stopped, report]
    required: true
  timeout:
    description: Seconds that each daemon may take to become healthy.
    type: int
    default: 300
  evidence:
    description: Lines of journal and logs that a report adds for an unhealthy daemon.
    type: int
    default: 0
  lib:
    description: Where C(watch) and C(health) lie.
    type: str
    default: /usr/local/lib/meteo
"""

import glob
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_unit import LIB, Unit

# A version 1 hierarchy of its own for systemd, or the unified one.
CONTROL_GROUP_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
LOG_FILES_SHOWN = 3
LOG_TAIL_BYTES = 65536


def start(units, module):
    """Return the names of the units that were started."""
    absent = [unit.name for unit in units if unit.missing]
    if absent:
        module.fail_json(
            msg=f"expected the units {', '.join(absent)}, found no such units: they were never installed here. "
            "Run ansible-playbook site.yml for this inventory first."
        )
    begun = [unit for unit in units if not unit.running]
    if not module.check_mode:
        for unit in begun:
            unit.begin_start()
        for unit in units:
            unit.wait(module.params["timeout"])
    return [unit.name for unit in begun]


def stop(units, module):
    """Return the names of the units that were stopped."""
    ended = []
    for unit in units:
        if unit.stopped:
            continue
        ended.append(unit.name)
        if module.check_mode:
            continue
        unit.systemctl("stop", unit.name)
        unit.refresh()
        if not unit.stopped:
            unit.fail(f"expected stopped, found {unit.state['ActiveState']} ({unit.state['SubState']})")
    return ended


def processes(unit):
    """Return the process ids of the unit's control group."""
    path = unit.systemctl("show", unit.name, "--property=ControlGroup", "--value").strip()
    for root in CONTROL_GROUP_ROOTS:
        found = []
        for name in glob.glob(root + path + "/cgroup.procs") + glob.glob(root + path + "/**/cgroup.procs"):
            with open(name, encoding="ascii") as stream:
                found += stream.read().split()
        if path and found:
            return sorted(set(found), key=int)
    return []


def read_as_owner(pid, name):
    """Return the lines of a file of /proc/PID, as its owner: root of a container may not trace others."""
    path = f"/proc/{pid}/{name}"
    try:
        owner = os.stat(f"/proc/{pid}")
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        with open(path, encoding="ascii") as stream:
            return stream.read().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []  # it has ended, or it hides
    finally:
        os.seteuid(0)
        os.setegid(0)


def memory_mb(pids):
    """Return (proportional set size, resident set size) of the processes in MB; pages they share count once in PSS."""
    total = {"Pss:": 0, "Rss:": 0}
    for pid in pids:
        for fields in map(str.split, read_as_owner(pid, "smaps_rollup")):
            if fields[0] in total:
                total[fields[0]] += int(fields[1])
    return round(total["Pss:"] / 1024), round(total["Rss:"] / 1024)


def log_tails(unit, lines):
    """Return {file: last lines} of the newest log files below the unit's log directories."""
    folders = [path.lstrip("-+") for path in unit.state.get("ReadWritePaths", "").split()]
    names = [name for folder in folders if folder.startswith("/var/log/") for name in glob.glob(folder + "/*")]
    newest = sorted((name for name in names if os.path.isfile(name)), key=os.path.getmtime)[-LOG_FILES_SHOWN:]
    tails = {}
    for name in newest:
        with open(name, "rb") as stream:
            stream.seek(max(0, os.path.getsize(name) - LOG_TAIL_BYTES))
            tails[name] = stream.read().decode(errors="replace").splitlines()[-lines:]
    return tails


def report(unit, evidence):
    """Return what is known of one unit."""
    healthy, said = unit.health()
    pids = processes(unit)
    proportional, resident = memory_mb(pids)
    restarts = int(unit.state.get("NRestarts") or 0)
    facts = {
        "name": unit.name,
        "state": unit.state["ActiveState"],
        "substate": unit.state["SubState"],
        "enabled": unit.enabled,
        "healthy": healthy,
        "health": said,
        "main_pid": int(unit.state.get("MainPID") or 0),
        "pids": [int(pid) for pid in pids],
        "restarts": restarts,
        "since": unit.state.get("ActiveEnterTimestamp", ""),
        "pss_mb": proportional,
        "rss_mb": resident,
    }
    if evidence and (restarts or not healthy):
        facts["journal"] = unit.journal(evidence)
        facts["logs"] = log_tails(unit, evidence)
    return facts


def main():
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped", "report"], "required": True},
            "timeout": {"type": "int", "default": 300},
            "evidence": {"type": "int", "default": 0},
            "lib": {"type": "str", "default": LIB},
        },
        supports_check_mode=True,
    )
    units = [Unit(module, name, module.params["lib"]) for name in module.params["names"]]
    if module.params["state"] == "report":
        found = [report(unit, module.params["evidence"]) for unit in units]
        module.exit_json(changed=False, daemons=found, healthy=all(unit["healthy"] for unit in found))
    names = (start if module.params["state"] == "started" else stop)(units, module)
    module.exit_json(changed=bool(names), names=names)


if __name__ == "__main__":
    main()
