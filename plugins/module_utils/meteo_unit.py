"""One systemd unit of the platform, as the modules `meteo_service` and `meteo_daemons` see it."""

from __future__ import annotations

import os
import time

LIB = "/usr/local/lib/meteo"
PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "MainPID",
    "NRestarts",
    "ActiveEnterTimestamp",
    "ReadWritePaths",
)
PROBE_TIMEOUT_S = 30
JOURNAL_LINES = 60


class Unit:
    """What systemd, the stamp and the health probe know of one unit."""

    def __init__(self, module, name, lib=LIB):
        self.module = module
        self.name = name
        self.lib = lib
        self.state = {}
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
    def missing(self):
        return self.state["LoadState"] == "not-found"

    @property
    def running(self):
        return self.state["ActiveState"] in ("active", "activating", "reloading")

    @property
    def stopped(self):
        return self.state["ActiveState"] in ("inactive", "failed") or self.missing

    @property
    def enabled(self):
        return self.state["UnitFileState"] in ("enabled", "static", "enabled-runtime")

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
        state = "unit is %(ActiveState)s (%(SubState)s)" % self.state
        if self.state["ActiveState"] != "active":
            return False, "no such unit" if self.missing else state
        probe = os.path.join(self.lib, "health", self.name)
        if not os.path.exists(probe):
            return True, state
        rc, out, err = self.module.run_command(["timeout", str(PROBE_TIMEOUT_S), probe])
        return rc == 0, (out + err).strip() or "probe ended with %d" % rc

    def begin_start(self):
        """Ask systemd to start the unit, without waiting for it."""
        if self.state["ActiveState"] == "failed":
            self.systemctl("reset-failed", self.name)
        self.systemctl("start", "--no-block", self.name)

    def wait(self, timeout):
        """Wait until the unit is active and its probe agrees; fail with the journal if it does not (KF-81)."""
        begin = time.monotonic()
        while True:
            self.refresh()
            healthy, said = self.health()
            if healthy:
                return said
            if time.monotonic() - begin > timeout:
                self.fail("expected healthy within %d s, found: %s" % (timeout, said))
            time.sleep(0.5)

    def journal(self, lines=JOURNAL_LINES):
        _rc, text, _err = self.module.run_command(
            ["journalctl", "--unit", self.name, "--lines", str(lines), "--no-pager", "--output", "short-iso"]
        )
        return text.splitlines()

    def fail(self, message):
        self.module.fail_json(
            msg="%s: %s. Look further with: systemctl status %s; journalctl -u %s; the last lines are below."
            % (self.name, message, self.name, self.name),
            journal=self.journal(),
        )
