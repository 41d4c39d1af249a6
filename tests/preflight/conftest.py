"""The parts that the checks are made of, and inventories to check."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "plugins" / "plugin_utils"))

from meteo_inventory import Inventory  # noqa: E402


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    return Inventory(tmp_path)


@pytest.fixture
def validate(inventory: Inventory) -> Callable[..., str]:
    """Run the playbook that checks an inventory offline, and return what it refused; nothing if it agrees."""

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["ansible-playbook", "playbooks/validate.yml", "--inventory", str(inventory.write()), *arguments],
            cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or "nothing was changed" in done.stdout, done.stdout + done.stderr
        return "" if done.returncode == 0 else done.stdout.partition("fatal:")[2]

    return run
