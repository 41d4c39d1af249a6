"""Fixtures of all tests that need running machines.

Which machines: `--inventory`, else the one Molecule made, else inventories/one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))

from meteo_nodes.platform import REPOSITORY, Platform


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--inventory", type=Path, default=None, help="inventory of the machines under test")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Platform:
    """The machines under test."""
    given = request.config.getoption("--inventory")
    ephemeral = os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY")
    made = Path(ephemeral) / "inventory" if ephemeral else REPOSITORY / "inventories" / "one"
    return Platform(Path(given).resolve() if given else made)
