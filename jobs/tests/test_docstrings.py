"""Examples in docstrings say what is so."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import meteostream.climate
import meteostream.contract
import meteostream.derived
import meteostream.export
import meteostream.intake
import meteostream.registry
import meteostream.sources

PACKAGES = (
    meteostream.climate,
    meteostream.contract,
    meteostream.derived,
    meteostream.export,
    meteostream.intake,
    meteostream.registry,
    meteostream.sources,
)
MODULES = [
    f"{package.__name__}.{module.name}" for package in PACKAGES for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize(
    "name", [*MODULES, "meteostream.quarantine", "meteostream.dropfolder", "meteostream.cli.common"]
)
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.failed == 0


def test_there_are_examples() -> None:
    assert sum(doctest.testmod(import_module(name)).attempted for name in MODULES) > 20
