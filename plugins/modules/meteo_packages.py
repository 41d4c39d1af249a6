#!/usr/bin/python
"""Have Debian packages installed and held, without starting a service and without touching apt when nothing lacks."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENTATION = r"""
module: meteo_packages
short_description: Have Debian packages installed and held
description:
  - One look at dpkg decides; apt runs only if a package lacks, so a run that changes nothing downloads nothing.
    (C(ansible.builtin.apt) reads its whole cache each time, refreshes lists that are old, and needs python3-apt, which
    a bare machine lacks, so that check mode fails there - KF-57.)
  - Services of packages are kept from starting with default settings while they install (policy-rc.d).
  - Installed packages are held, so that nothing but a play of ours changes them under a running cluster (KF-37).
  - An installation that was interrupted is finished first.
options:
  names:
    description: The packages.
    type: list
    elements: str
    required: true
  cache_valid_s:
    description: Package lists that are older are fetched anew before something is installed.
    type: int
    default: 86400
  lock_timeout_s:
    description: How long to wait for another apt (a first boot's upgrades) to let go.
    type: int
    default: 300
"""

RETURN = r"""
installed:
  description: Packages that were not there before.
  type: list
held:
  description: Packages that were not held before.
  type: list
"""

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_ASIDE = Path("/usr/sbin/policy-rc.d.before-meteo")
POLICY_TEXT = (
    "#!/bin/sh\n# Of MeteoStream, while it installs packages: no service starts with default settings.\nexit 101\n"
)
LISTS = Path("/var/lib/apt/lists")
TAIL = 40


def dpkg_states(module: AnsibleModule, names: list[str]) -> dict[str, tuple[str, str]]:
    """Return package -> (selection, status), such as ('hold', 'installed'); unknown packages are left out."""
    form = "${Package}\t${db:Status-Want}\t${db:Status-Status}\n"
    _rc, out, _err = module.run_command(["dpkg-query", "--show", "--showformat", form, *names])
    rows = (line.split("\t") for line in out.splitlines())
    return {name: (want, status) for name, want, status in rows}


@contextlib.contextmanager
def services_kept_down() -> Iterator[None]:
    """Put a policy-rc.d that forbids every start in place, and the machine's own one back afterwards."""
    if POLICY.exists() and POLICY.read_text(encoding="utf-8") != POLICY_TEXT:
        POLICY.replace(POLICY_ASIDE)
    POLICY.write_text(POLICY_TEXT, encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        restore_policy()


def restore_policy() -> None:
    """Take our policy-rc.d away, also one that a killed run left behind."""
    if POLICY.exists() and POLICY.read_text(encoding="utf-8") == POLICY_TEXT:
        POLICY.unlink()
    if POLICY_ASIDE.exists():
        POLICY_ASIDE.replace(POLICY)


class Apt:
    """The few commands that change something."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.environment = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1", "LC_ALL": "C.UTF-8"}

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command and return its exit status and output."""
        rc, out, err = self.module.run_command(list(command), environ_update=self.environment)
        return rc, out + err

    def must(self, *command: str) -> None:
        """Run a command and end the module with its last lines if it fails."""
        rc, said = self.run(*command)
        if rc != 0:
            self.module.fail_json(
                msg=f"expected '{' '.join(command)}' to succeed, found exit status {rc}; its last lines are below. "
                "Look at the machine's package sources (/etc/apt) and run the command there.",
                output=said.splitlines()[-TAIL:],
            )

    def lists_age(self) -> float:
        """Return the seconds since the package lists were fetched; infinite if there are none."""
        if not any(LISTS.glob("*_dists_*")):
            return float("inf")
        # The lists themselves carry the archive's times; their folders carry the fetch's.
        return time.time() - max(path.stat().st_mtime for path in (LISTS, LISTS / "partial") if path.exists())

    def install(self, names: list[str]) -> None:
        """Install packages; with fresh lists if the present ones are old or do not suffice."""
        lock = f"DPkg::Lock::Timeout={self.module.params['lock_timeout_s']}"
        update = ("apt-get", "--quiet", "--option", lock, "update")
        command = (
            *("apt-get", "--quiet", "--yes", "--no-install-recommends", "--option", lock),
            *("--option", "Dpkg::Options::=--force-confdef", "--option", "Dpkg::Options::=--force-confold"),
            *("install", *names),
        )
        if self.lists_age() > self.module.params["cache_valid_s"]:
            self.must(*update)
        elif self.run(*command)[0] == 0:
            return
        else:
            self.must(*update)
        self.must(*command)


def main() -> None:
    """Compare, then bring the node to the wanted state."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "cache_valid_s": {"type": "int", "default": 86400},
            "lock_timeout_s": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    names = sorted(set(module.params["names"]))
    before = dpkg_states(module, names)
    missing = [name for name in names if before.get(name, ("", ""))[1] != "installed"]
    _rc, unfinished, _err = module.run_command(["dpkg", "--audit"])
    unheld = [name for name in names if before.get(name, ("", ""))[0] != "hold"]
    if not module.check_mode:
        restore_policy()
        apt = Apt(module)
        if missing or unfinished.strip():
            with services_kept_down():
                if unfinished.strip():
                    apt.must("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")
                if missing:
                    apt.install(missing)
        if unheld:
            apt.must("apt-mark", "hold", *unheld)
        after = dpkg_states(module, names)
        absent = [name for name in names if after.get(name, ("", ""))[1] != "installed"]
        if absent:
            module.fail_json(msg=f"expected these packages to be installed now, found them absent: {', '.join(absent)}")
    module.exit_json(
        changed=bool(missing or unheld or unfinished.strip()),
        installed=missing,
        held=unheld,
        diff={
            "before": "".join(f"{name}: {' '.join(before.get(name, ('', 'absent')))}\n" for name in names),
            "after": "".join(f"{name}: hold installed\n" for name in names),
        },
    )


if __name__ == "__main__":
    main()
