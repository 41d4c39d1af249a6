"""Fixtures of all tests that need running machines.

Which machines: `--inventory`, else the one Molecule made, else inventories/one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from meteo_nodes.platform import REPOSITORY, Platform

# Kills and bad input come after what looks at a platform that was just installed.
ORDER: Final = ("verify", "e2e", "negative", "batch", "kills")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", type=Path, default=None, help="inventory of the machines under test")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Platform:
    """The machines under test."""
    given = request.config.getoption("--inventory")
    ephemeral = os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY")
    made = Path(ephemeral) / "inventory" if ephemeral else REPOSITORY / "inventories" / "one"
    return Platform(Path(given).resolve() if given else made)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run folders in their order, and within them files in theirs."""
    places = {name: place for place, name in enumerate(ORDER)}
    items.sort(key=lambda item: places.get(item.path.parent.name, -1))


@pytest.fixture(autouse=True)
def needed_groups(request: pytest.FixtureRequest) -> None:
    """Skip what is marked `needs(group, ...)` on an inventory that lacks one of the groups (small scenarios)."""
    marker = request.node.get_closest_marker("needs")
    if marker is None:
        return
    platform: Platform = request.getfixturevalue("platform")
    missing = [group for group in marker.args if not platform.members(group)]
    if missing:
        pytest.skip(f"this inventory has no {', '.join(missing)}")
