"""Which kill a landing run makes: the commit's hash chooses, so that over many commits every one has its turn."""

from __future__ import annotations

import subprocess

import pytest
from meteo_nodes.platform import REPOSITORY


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-kill", action="store_true", help="make the one kill that the commit's hash chooses")


def commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], check=False, capture_output=True, text=True, cwd=REPOSITORY)
    return done.stdout.strip() or "0"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--one-kill"):
        return
    kills = [item for item in items if item.get_closest_marker("kill")]
    if not kills:
        return
    chosen = kills[int(commit(), 16) % len(kills)]
    print(f"\ncommit {commit()[:12]} chooses: {chosen.name} (of {len(kills)})")
    dropped = [item for item in kills if item is not chosen]
    items[:] = [item for item in items if item not in dropped]
    config.hook.pytest_deselected(items=dropped)
