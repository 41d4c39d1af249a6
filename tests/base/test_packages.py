"""Packages are installed without starting anything, held, and left alone when they are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]

# A Debian of text files: `state` has a line a package ("name want status"), `calls` what was run, and what the
# machine's policy-rc.d said while something installed.
DPKG_QUERY = """#!/bin/sh
shift 3
for package in "$@"; do grep "^$package " "$DEBIAN/state" | tr ' ' '\\t'; done
"""
DPKG = """#!/bin/sh
case $1 in
--audit) cat "$DEBIAN/unfinished" 2>/dev/null ;;
--configure) echo "dpkg $*" >>"$DEBIAN/calls"; rm -f "$DEBIAN/unfinished" ;;
esac
exit 0
"""
APT_GET = """#!/bin/sh
for word in "$@"; do case $word in install | update) verb=$word ;; esac; last=$word; done
echo "apt-get $verb" >>"$DEBIAN/calls"
[ "$verb" = update ] && { touch "$DEBIAN/fresh"; exit 0; }
[ -e "$DEBIAN/stale" ] && [ ! -e "$DEBIAN/fresh" ] && exit 100
"$DEBIAN/policy-rc.d" thing start; echo "policy $?" >>"$DEBIAN/calls"
echo "$last install installed" >>"$DEBIAN/state"
"""
APT_MARK = """#!/bin/sh
shift
echo "apt-mark hold $*" >>"$DEBIAN/calls"
for package in "$@"; do sed -i "s/^$package install/$package hold/" "$DEBIAN/state"; done
"""


class Debian:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, script in (("dpkg-query", DPKG_QUERY), ("dpkg", DPKG), ("apt-get", APT_GET), ("apt-mark", APT_MARK)):
            (folder / name).write_text(script, "utf-8")
            (folder / name).chmod(0o755)
        (folder / "state").write_text("", "utf-8")
        (folder / "lists").mkdir()
        (folder / "lists" / "mirror_dists_trixie_Packages").touch()

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        found = path.read_text("utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    monkeypatch.setenv("DEBIAN", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Debian(tmp_path)


@pytest.fixture
def packages(load_module: Callable[[str], ModuleType], debian: Debian, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_module("meteo_packages")
    monkeypatch.setattr(module, "POLICY", debian.folder / "policy-rc.d")
    monkeypatch.setattr(module, "POLICY_ASIDE", debian.folder / "policy-rc.d.before-meteo")
    monkeypatch.setattr(module, "LISTS", debian.folder / "lists")
    return module


def test_a_package_is_installed_without_a_start_and_held(packages: ModuleType, debian: Debian, run: Run) -> None:
    """KF-37: held, so that an upgrade restarts nothing behind our back."""
    result = run(packages, names=["redis"])
    assert (result["changed"], result["installed"], result["held"]) == (True, ["redis"], ["redis"])
    assert debian.calls() == ["apt-get install", "policy 101", "apt-mark hold redis"]
    assert not (debian.folder / "policy-rc.d").exists()


def test_a_run_that_changes_nothing_asks_no_mirror(packages: ModuleType, debian: Debian, run: Run) -> None:
    run(packages, names=["redis"])
    debian.calls()
    assert run(packages, names=["redis"], cache_valid_s=0)["changed"] is False
    assert debian.calls() == []


def test_check_mode_tells_on_a_bare_machine(packages: ModuleType, debian: Debian, run: Run) -> None:
    """KF-57: without python3-apt, without package lists, and without doing anything."""
    result = run(packages, names=["redis"], _ansible_check_mode=True)
    assert result["installed"] == ["redis"]
    assert debian.calls() == []


def test_lists_that_do_not_suffice_are_fetched(packages: ModuleType, debian: Debian, run: Run) -> None:
    (debian.folder / "stale").touch()
    run(packages, names=["redis"])
    assert debian.calls()[:3] == ["apt-get install", "apt-get update", "apt-get install"]


def test_an_interrupted_installation_is_finished_first(packages: ModuleType, debian: Debian, run: Run) -> None:
    (debian.folder / "state").write_text("redis hold installed\n", "utf-8")
    (debian.folder / "unfinished").write_text("redis is half configured\n", "utf-8")
    assert run(packages, names=["redis"])["changed"] is True
    assert [call.split()[:2] for call in debian.calls()] == [["dpkg", "--configure"]]


def test_the_machines_own_policy_comes_back(packages: ModuleType, debian: Debian, run: Run) -> None:
    """Also after a run that was killed while it installed."""
    policy, aside = debian.folder / "policy-rc.d", debian.folder / "policy-rc.d.before-meteo"
    policy.write_text("#!/bin/sh\nexit 0\n", "utf-8")
    run(packages, names=["redis"])
    assert policy.read_text("utf-8") == "#!/bin/sh\nexit 0\n"
    policy.rename(aside)
    policy.write_text(packages.POLICY_TEXT, "utf-8")
    run(packages, names=["redis"])
    assert policy.read_text("utf-8") == "#!/bin/sh\nexit 0\n"
    assert not aside.exists()
