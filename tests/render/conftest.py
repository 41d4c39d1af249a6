"""Each inventory is rendered once, and read by every test."""

from __future__ import annotations

from typing import Final

import pytest
from meteo_rendered import Rendered, render

BOOKWORM: Final = {"codename": "bookworm", "java": "17", "python": "3.11", "postgres": "15"}


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Three nodes, everything highly available, on Debian 13."""
    return render(tmp_path_factory.mktemp("lab"), "lab")


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """One node on Debian 12, which binds to every address and is known by another name."""
    variables = {"meteo_bind_address": "0.0.0.0", "meteo_name": "meteo.example"}  # noqa: S104 (the test's subject)
    return render(tmp_path_factory.mktemp("one"), "one", topology_debian=BOOKWORM, **variables)
