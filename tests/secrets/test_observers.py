"""Observers of the inventory get a secret each; the intake's settings hold its digest alone."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

REPOSITORY = Path(__file__).resolve().parents[2]
AWA = {"name": "Awa Ndiaye", "stations": ["Thiès"], "phone": "+221770000001"}


@pytest.fixture(scope="module")
def filters() -> ModuleType:
    spec = importlib.util.spec_from_file_location("meteo_intake", REPOSITORY / "plugins/filter/meteo_intake.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_observer_has_a_secret_that_credentials_shows(filters: ModuleType) -> None:
    found = filters.observer_secrets({"awa": AWA, "moussa_2": {"name": "Moussa", "stations": ["Kaolack"]}})
    assert list(found) == ["secret_intake_observer_awa", "secret_intake_observer_moussa_2"]
    assert found["secret_intake_observer_awa"] == {
        "service": "Intake, rain of Awa Ndiaye",
        "user": "awa",
        "port": "intake",
    }


@pytest.mark.parametrize(
    "people", [{"Awa": AWA}, {"a-b": AWA}, {"awa": AWA | {"name": ""}}, {"awa": {"name": "Awa"}}, {"": AWA}]
)
def test_an_observer_without_a_name_or_a_station_is_refused(filters: ModuleType, people: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="pipeline_intake_observers, "):
        filters.observer_secrets(people)


def test_settings_hold_digests_in_the_observers_order_and_no_token(filters: ModuleType) -> None:
    tokens = ["AbCd-EfGh ", "other"]
    found = filters.observers({"awa": AWA, "moussa": {"name": "Moussa", "stations": ["Kaolack"]}}, tokens)
    assert found["awa"] == AWA | {"token_sha256": hashlib.sha256(b"abcdefgh").hexdigest()}
    assert found["moussa"]["token_sha256"] == hashlib.sha256(b"other").hexdigest()
    assert not any(token in repr(found) for token in tokens)


def test_a_token_that_is_missing_is_an_error_and_no_open_door(filters: ModuleType) -> None:
    with pytest.raises(ValueError, match="zip"):
        filters.observers({"awa": AWA}, [])
