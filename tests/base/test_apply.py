"""A change is applied once, also by the run after one that failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def apply(load_module: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_module("meteo_apply")
    monkeypatch.setattr(module, "APPLIED", tmp_path / "applied")
    return module


@pytest.fixture
def step(tmp_path: Path) -> dict[str, Any]:
    """A step that leaves a line each time its command runs."""
    (tmp_path / "config").write_text("one\n", "utf-8")
    command = ["sh", "-c", f"[ ! -e {tmp_path}/broken ] && echo ran >>{tmp_path}/runs"]
    return {"name": "step", "files": [str(tmp_path / "config")], "command": command}


def runs(folder: Path) -> int:
    path = folder / "runs"
    return len(path.read_text("utf-8").splitlines()) if path.exists() else 0


def test_a_change_is_applied_once(apply: ModuleType, step: dict[str, Any], run: Run, tmp_path: Path) -> None:
    assert run(apply, steps=[step])["applied"] == ["step"]
    assert run(apply, steps=[step])["changed"] is False
    (tmp_path / "config").write_text("two\n", "utf-8")
    assert run(apply, steps=[step])["changed"] is True
    (tmp_path / "config").unlink()
    assert run(apply, steps=[step])["changed"] is True
    assert runs(tmp_path) == 3


def test_what_a_failed_run_left_is_applied_by_the_next(
    apply: ModuleType, step: dict[str, Any], run: Run, tmp_path: Path
) -> None:
    """KF-31: the file is right already when the second run looks, and still it is applied."""
    (tmp_path / "broken").touch()
    failed = run(apply, steps=[step])
    assert failed["failed"] is True
    assert "exit status 1" in failed["msg"]
    (tmp_path / "broken").unlink()
    assert run(apply, steps=[step])["applied"] == ["step"]
    assert runs(tmp_path) == 1


def test_a_check_that_fails_makes_it_due(apply: ModuleType, step: dict[str, Any], run: Run, tmp_path: Path) -> None:
    step["check"] = ["test", "-e", str(tmp_path / "live")]
    (tmp_path / "live").touch()
    run(apply, steps=[step])
    assert run(apply, steps=[step])["changed"] is False
    (tmp_path / "live").unlink()
    assert run(apply, steps=[step])["changed"] is True


def test_check_mode_tells_and_does_nothing(apply: ModuleType, step: dict[str, Any], run: Run, tmp_path: Path) -> None:
    """KF-57."""
    assert run(apply, steps=[step], _ansible_check_mode=True)["applied"] == ["step"]
    assert runs(tmp_path) == 0
    assert run(apply, steps=[step])["applied"] == ["step"]
