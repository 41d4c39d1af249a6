"""Modules of ours, run as Ansible runs them but with their paths moved."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from ansible.module_utils.testing import patch_module_args

MODULES: Final = Path(__file__).resolve().parents[2] / "plugins" / "modules"
Run = Callable[..., dict[str, Any]]


def load(name: str) -> ModuleType:
    """Import a module of plugins/modules."""
    spec = importlib.util.spec_from_file_location(name, MODULES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def load_module() -> Callable[[str], ModuleType]:
    return load


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module with arguments and return its result."""

    def call(module: ModuleType, **arguments: Any) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(capsys.readouterr().out))

    return call
