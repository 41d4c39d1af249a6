"""What is written about variables is what the roles read."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
ROLES: Final = sorted(path for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
MOST_VARIABLES: Final = 30


def read(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else None
    return content or {}


def options(role: Path) -> dict[str, dict[str, Any]]:
    specs = read(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    return {name: option for entry in specs.values() for name, option in entry.get("options", {}).items()}


def test_the_page_is_current() -> None:
    done = subprocess.run(
        [REPOSITORY / "scripts" / "variables-doc", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_roles_defaults_are_its_options(role: Path) -> None:
    """A default that no option names is a variable that nobody checks. (topology derives the rest of its own.)."""
    names: set[str] = set()
    for path in (*role.glob("defaults/main.yml"), *role.glob("defaults/main/*.yml")):
        names |= {name for name in read(path) if not name.startswith("__")}
    if role.name != "topology":
        assert names - options(role).keys() == set()
    assert len(options(role)) <= MOST_VARIABLES


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_an_option_says_its_type_and_meaning(role: Path) -> None:
    for name, option in options(role).items():
        assert name.startswith((f"{role.name}_", "meteo_", "namenode_id", "resourcemanager_id")), (
            f"{name} does not begin with its role's name"
        )
        assert option.get("type"), name
        assert str(option.get("description", "")).strip(), name
