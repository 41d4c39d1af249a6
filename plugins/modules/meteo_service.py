#!/usr/bin/python
"""Bring one systemd unit to a state, restart it only for what it reads, and wait for its health."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_service
short_description: Start, restart if stale, or stop a unit, and wait until it is healthy
description:
  - A unit is restarted if and only if what it reads (its watch list) differs from what it read when it started,
    so a change that a failed run left unapplied is applied by the next one, and nothing restarts twice (KF-26, KF-31).
  - Waits for the unit's health probe, not for a port, and prints its journal if it does not come (KF-81).
options:
  name:
    description: The unit, without C(.service).
    type: str
    required: true
  state:
    description: The wanted state. C(started) includes enabling the unit.
    type: str
    choices: [started, stopped]
    default: started
  timeout:
    description: Seconds to wait for health, or for the unit to stop.
    type: int
    default: 300
  lib:
    description: Where C(stamp), C(watch) and C(health) lie.
    type: str
    default: /usr/local/lib/meteo
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_unit import LIB, Unit


def start(unit, module):
    """Return (changed, restarted, health). In check mode nothing is done and only changed is known."""
    if unit.missing or unit.state["NeedDaemonReload"] == "yes":
        if module.check_mode:
            return True, False, "not started yet"
        unit.systemctl("daemon-reload")
        unit.refresh()
    enable = not unit.enabled
    stale = unit.running and unit.stale()
    changed = enable or stale or not unit.running
    if module.check_mode:
        return changed, False, "not waited for in check mode"
    if enable:
        unit.systemctl("enable", unit.name)
    if stale:
        unit.systemctl("restart", "--no-block", unit.name)
    elif not unit.running:
        unit.begin_start()
    if stale:
        await_restart(unit, module.params["timeout"])
    return changed, stale, unit.wait(module.params["timeout"])


def await_restart(unit, timeout):
    """Wait until the restarted process has stamped what it reads; before that the probe would ask the old one."""
    begin = time.monotonic()
    while unit.stale():
        if time.monotonic() - begin > timeout:
            unit.fail(f"expected a restart within {timeout} s; the old process is still there")
        time.sleep(0.3)


def stop(unit, module):
    if unit.stopped:
        return False
    if not module.check_mode:
        unit.systemctl("stop", unit.name)
        unit.refresh()
        if not unit.stopped:
            unit.fail(f"expected stopped, found {unit.state['ActiveState']}")
    return True


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "timeout": {"type": "int", "default": 300},
            "lib": {"type": "str", "default": LIB},
        },
        supports_check_mode=True,
    )
    unit = Unit(module, module.params["name"], module.params["lib"])
    if module.params["state"] == "stopped":
        module.exit_json(changed=stop(unit, module), name=unit.name)
    changed, restarted, health = start(unit, module)
    module.exit_json(
        changed=changed, restarted=restarted, health=health, name=unit.name, main_pid=unit.state.get("MainPID")
    )


if __name__ == "__main__":
    main()
