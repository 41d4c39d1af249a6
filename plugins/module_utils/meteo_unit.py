"""One systemd unit of the platform, as the modules `meteo_service` and `meteo_daemons` see it."""

from __future__ import annotations

import os
import time
from typing import Any

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
    "Triggers",
    "DropInPaths",
)
PROBE_TIMEOUT_S = 30
JOURNAL_LINES = 60


class Unit:
    """What systemd, the stamp and the health probe know of one unit."""

    def __init__(self, module: Any, name: str, lib: str = LIB) -> None:
        self.module = module
        self.name = name
        self.lib = lib
        self.state: dict[str, str] = {}
        self.refresh()

    def systemctl(self, *arguments: str) -> str:
        """Return what systemctl printed; its failure is the module's."""
        rc, out, err = self.module.run_command(["systemctl", *arguments])
        if rc != 0:
            self.fail(f"systemctl {' '.join(arguments)} ended with {rc}: {(err or out).strip()}")
        return str(out)

    def refresh(self) -> None:
        """Ask systemd again."""
        out = self.systemctl("show", self.name, "--property=" + ",".join(PROPERTIES))
        self.state = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        # A timer is as systemd knows it only if the unit that it triggers is, too.
        triggered = self.state.get("Triggers")
        if triggered and "yes" in self.systemctl("show", triggered, "--property=NeedDaemonReload"):
            self.state["NeedDaemonReload"] = "yes"
        # systemd 252 does not see a folder of drop-ins that is new: it says that nothing is to be reloaded.
        if set(self.drop_ins()) - set(self.state.get("DropInPaths", "").split()):
            self.state["NeedDaemonReload"] = "yes"

    def drop_ins(self) -> list[str]:
        """Return the drop-ins that lie on the disk for this unit alone."""
        name = self.name if "." in self.name else self.name + ".service"
        folder = f"/etc/systemd/system/{name}.d"
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [os.path.join(folder, entry) for entry in sorted(names) if entry.endswith(".conf")]

    @property
    def missing(self) -> bool:
        """Whether there is no such unit."""
        return self.state["LoadState"] == "not-found"

    @property
    def running(self) -> bool:
        """Whether it runs, or is about to (which includes the pause before systemd restarts it)."""
        return self.state["ActiveState"] in ("active", "activating", "reloading")

    @property
    def stopped(self) -> bool:
        """Whether it neither runs nor is about to."""
        return self.state["ActiveState"] in ("inactive", "failed") or self.missing

    @property
    def enabled(self) -> bool:
        """Whether it starts at boot."""
        return self.state["UnitFileState"] in ("enabled", "static", "enabled-runtime")

    def stale(self) -> bool:
        """Return whether the unit reads something else now than when it started."""
        stamp = os.path.join(self.lib, "stamp")
        if not os.path.exists(os.path.join(self.lib, "watch", self.name)):
            return False
        rc, now, err = self.module.run_command([stamp, "--print", self.name])
        if rc != 0:
            self.fail(f"{stamp} --print {self.name} ended with {rc}: {err.strip()}")
        try:
            with open(f"/run/meteo/{self.name}.digest", encoding="ascii") as stream:
                return stream.read().strip() != str(now).strip()
        except FileNotFoundError:
            return True

    def health(self) -> tuple[bool, str]:
        """Return (healthy, what the probe said)."""
        state = f"unit is {self.state['ActiveState']} ({self.state['SubState']})"
        if self.state["ActiveState"] != "active":
            return False, "no such unit" if self.missing else state
        probe = os.path.join(self.lib, "health", self.name)
        if not os.path.exists(probe):
            return True, state
        rc, out, err = self.module.run_command(["timeout", str(PROBE_TIMEOUT_S), probe])
        return rc == 0, (out + err).strip() or f"probe ended with {rc}"

    def begin_start(self) -> None:
        """Ask systemd to start the unit, without waiting for it."""
        if self.state["ActiveState"] == "failed":
            self.systemctl("reset-failed", self.name)
        self.systemctl("start", "--no-block", self.name)

    def wait(self, timeout: int) -> str:
        """Wait until the unit is active and its probe agrees; fail with the journal if it does not (KF-81)."""
        begin = time.monotonic()
        while True:
            self.refresh()
            healthy, said = self.health()
            if healthy:
                return said
            if time.monotonic() - begin > timeout:
                self.fail(f"expected healthy within {timeout} s, found: {said}")
            time.sleep(0.5)

    def journal(self, lines: int = JOURNAL_LINES) -> list[str]:
        """Return the last lines of its journal."""
        _rc, text, _err = self.module.run_command(
            ["journalctl", "--unit", self.name, "--lines", str(lines), "--no-pager", "--output", "short-iso"]
        )
        return str(text).splitlines()

    def fail(self, message: str) -> None:
        """End the module with what was expected and found, and with the unit's journal."""
        self.module.fail_json(
            msg=f"{self.name}: {message}. Look further with: systemctl status {self.name}; journalctl -u {self.name}; "
            "the last lines are below.",
            journal=self.journal(),
        )
