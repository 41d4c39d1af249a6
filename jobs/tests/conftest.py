"""Settings of the tests of meteostream, and what several of them need."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import scratch
from postgres_server import PostgresServer, running_server

settings.register_profile("fast", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))

scratch.folder()

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run; each test has a database of its own."""
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    """Name of a migrated database, empty but for what the migrations write."""
    with server.migrated() as name:
        yield name


@pytest.fixture(scope="session")
def program() -> str:
    """The locked dbt; made at first use."""
    made = subprocess.run(  # noqa: S603 - a script of ours
        [REPOSITORY / "scripts" / "venv", "dbt", REPOSITORY / "artifacts" / "dbt" / "requirements.txt"],
        check=True,
        capture_output=True,
        text=True,
    )
    return str(Path(made.stdout.strip()) / "bin" / "dbt")
