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

import os
import time

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "MainPID", "NRestarts")


class Unit:
    """What systemd knows of one unit."""

    def __init__(self, module):
        self.module = module
        self.name = module.params["name"]
        self.lib = module.params["lib"]
        self.refresh()

    def systemctl(self, *arguments):
        rc, out, err = self.module.run_command(["systemctl", *arguments])
        if rc != 0:
            self.fail("systemctl %s ended with %d: %s" % (" ".join(arguments), rc, (err or out).strip()))
        return out

    def refresh(self):
        out = self.systemctl("show", self.name, "--property=" + ",".join(PROPERTIES))
        self.state = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)

    @property
    def running(self):
        return self.state["ActiveState"] in ("active", "activating", "reloading")

    def stale(self):
        """Return whether the unit reads something else now than when it started."""
        stamp = os.path.join(self.lib, "stamp")
        if not os.path.exists(os.path.join(self.lib, "watch", self.name)):
            return False
        rc, now, err = self.module.run_command([stamp, "--print", self.name])
        if rc != 0:
            self.fail("%s --print %s ended with %d: %s" % (stamp, self.name, rc, err.strip()))
        try:
            with open("/run/meteo/%s.digest" % self.name, encoding="ascii") as stream:
                return stream.read().strip() != now.strip()
        except FileNotFoundError:
            return True

    def health(self):
        """Return (healthy, what the probe said)."""
        probe = os.path.join(self.lib, "health", self.name)
        if not os.path.exists(probe):
            return self.state["ActiveState"] == "active", "unit is %(ActiveState)s (%(SubState)s)" % self.state
        rc, out, err = self.module.run_command(["timeout", "30", probe])
        return rc == 0, (out + err).strip() or "probe ended with %d" % rc

    def wait(self, timeout):
        """Wait until the unit is active and its probe agrees; fail with the journal if it does not."""
        begin = time.monotonic()
        said = ""
        while True:
            self.refresh()
            if self.state["ActiveState"] == "active":
                healthy, said = self.health()
                if healthy:
                    return said
            else:
                said = "unit is %(ActiveState)s (%(SubState)s)" % self.state
            if time.monotonic() - begin > timeout:
                self.fail("expected healthy within %d s, found: %s" % (timeout, said))
            time.sleep(0.5)

    def fail(self, message):
        _rc, journal, _err = self.module.run_command(
            ["journalctl", "--unit", self.name, "--lines", "60", "--no-pager", "--output", "short-iso"]
        )
        self.module.fail_json(
            msg="%s: %s. Look further with: systemctl status %s; journalctl -u %s; the last lines are below."
            % (self.name, message, self.name, self.name),
            journal=journal.splitlines(),
        )


def start(unit, module):
    """Return (changed, restarted, health). In check mode nothing is done and only changed is known."""
    if unit.state["LoadState"] == "not-found" or unit.state["NeedDaemonReload"] == "yes":
        if module.check_mode:
            return True, False, "not started yet"
        unit.systemctl("daemon-reload")
        unit.refresh()
    enable = unit.state["UnitFileState"] not in ("enabled", "static", "enabled-runtime")
    stale = unit.running and unit.stale()
    changed = enable or stale or not unit.running
    if module.check_mode:
        return changed, False, "not waited for in check mode"
    if enable:
        unit.systemctl("enable", unit.name)
    if stale:
        unit.systemctl("restart", "--no-block", unit.name)
    elif not unit.running:
        if unit.state["ActiveState"] == "failed":
            unit.systemctl("reset-failed", unit.name)
        unit.systemctl("start", "--no-block", unit.name)
    if stale:
        await_restart(unit, module.params["timeout"])
    return changed, stale, unit.wait(module.params["timeout"])


def await_restart(unit, timeout):
    """Wait until the restarted process has stamped what it reads; before that the probe would ask the old one."""
    begin = time.monotonic()
    while unit.stale():
        if time.monotonic() - begin > timeout:
            unit.fail("expected a restart within %d s; the old process is still there" % timeout)
        time.sleep(0.3)


def stop(unit, module):
    if unit.state["ActiveState"] in ("inactive", "failed") or unit.state["LoadState"] == "not-found":
        return False
    if not module.check_mode:
        unit.systemctl("stop", unit.name)
        unit.refresh()
        if unit.state["ActiveState"] not in ("inactive", "failed"):
            unit.fail("expected stopped, found %(ActiveState)s" % unit.state)
    return True


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
            "timeout": {"type": "int", "default": 300},
            "lib": {"type": "str", "default": "/usr/local/lib/meteo"},
        },
        supports_check_mode=True,
    )
    unit = Unit(module)
    if module.params["state"] == "stopped":
        module.exit_json(changed=stop(unit, module), name=unit.name)
    changed, restarted, health = start(unit, module)
    module.exit_json(
        changed=changed, restarted=restarted, health=health, name=unit.name, main_pid=unit.state.get("MainPID")
    )


if __name__ == "__main__":
    main()
