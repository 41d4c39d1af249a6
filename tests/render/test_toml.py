"""Settings as TOML: what Python's own reader makes of the filter's text is what was given."""

from __future__ import annotations

import importlib.util
import tomllib
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from meteo_rendered import REPOSITORY


def to_toml(settings: Any) -> str:
    spec = importlib.util.spec_from_file_location("meteo_toml", REPOSITORY / "plugins/filter/meteo_toml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.to_toml(settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"gates": {}},
        {
            "a": {
                "text": 'quote " back\\slash \n tab\t é 𝄞 \x7f',
                "yes": True,
                "no": False,
                "n": 3,
                "x": 0.1,
                "l": ["é", "b"],
            }
        },
        {"a": {"b": {"c": {"d": 1}}, "e": []}},
        {"collect": {"noaa": {"stations": {"0-20000-0-72502": {"ghcnh": "USW00014734"}}}, "models": ["a"]}},
        {"a": {"key with space": 1, "é": 2}, "b.c": {"d": -1.5e300}},
    ],
)
def test_what_is_read_is_what_was_given(settings: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(settings)) == settings


def test_null_is_left_out_because_toml_has_none() -> None:
    assert tomllib.loads(to_toml({"a": {"b": None, "c": 1}})) == {"a": {"c": 1}}


@pytest.mark.parametrize("settings", [{"a": {"b": [{"c": 1}]}}, {"a": {"b": object()}}, {"a": 1}])
def test_what_toml_has_no_form_of_is_refused_with_its_place(settings: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^(a\.b: )?expected"):
        to_toml(settings)
