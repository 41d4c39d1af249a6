"""Every secret that a role reads is one that is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
DECLARED: Final = REPOSITORY / "roles" / "controller" / "vars" / "main.yml"
# A key of a mapping (Airflow's api.secret_key) reads nothing.
NAME: Final = re.compile(r"(?<![\w.])secret_[a-z_]+\b(?!:)")
SUFFIXES: Final = {".yml", ".j2"}


def test_roles_read_declared_secrets_only() -> None:
    declared = set(yaml.safe_load(DECLARED.read_text("utf-8"))["__controller_own_secrets"])
    read = {
        (name, str(path.relative_to(REPOSITORY)))
        for folder in ("roles", "playbooks")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in SUFFIXES and path.parts[-3:-1] != ("controller", "meta")
        for name in NAME.findall(path.read_text("utf-8"))
    }
    assert len({name for name, _ in read}) >= 10
    assert sorted((name, path) for name, path in read if name not in declared) == []
