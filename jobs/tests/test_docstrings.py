"""Examples in docstrings are true: every module that has some and needs no Spark."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import meteostream

SOURCE = Path(meteostream.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(SOURCE)], "meteostream.")
    if not (module.ispkg or module.name.startswith("meteostream.etl."))
    and ">>> " in (SOURCE.parent / f"{module.name.replace('.', '/')}.py").read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_true(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_there_are_examples_in_every_part() -> None:
    assert {name.split(".")[1] for name in MODULES} >= {"collect", "contract", "export", "intake", "qc", "sources"}
