"""Plugins and modules of HDFS, loaded from where Ansible finds them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, REPOSITORY / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def filters() -> ModuleType:
    return load("plugins/filter/meteo_hdfs.py")


@pytest.fixture(scope="session")
def state() -> ModuleType:
    return load("plugins/modules/meteo_hdfs_state.py")
