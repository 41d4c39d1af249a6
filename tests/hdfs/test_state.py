"""What a directory of HDFS holds, as an interrupted or a finished format leaves it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

VERSION = "#Wed Nov 25 03:49:34 UTC 2026\nnamespaceID=1\nclusterID=CID-1\nstorageType=NAME_NODE\nlayoutVersion=-67\n"


def fill(folder: Path, *names: str) -> str:
    current = folder / "current"
    current.mkdir(parents=True)
    for name in names:
        (current / name).write_text(VERSION if name == "VERSION" else "")
    return str(folder)


def test_a_namespace_is_one_with_its_version_and_a_checked_image(state: ModuleType, tmp_path: Path) -> None:
    folder = fill(
        tmp_path / "name", "VERSION", "seen_txid", "fsimage_0000000000000000000", "fsimage_0000000000000000000.md5"
    )
    assert state.inspect("name", folder) == {"state": "formatted", "cluster_id": "CID-1", "namespace_id": "1"}


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("VERSION",),
        ("VERSION", "seen_txid", "fsimage.ckpt_0000000000000000000"),
        ("VERSION", "seen_txid", "fsimage_0000000000000000000"),
        ("fsimage_0000000000000000000", "fsimage_0000000000000000000.md5"),
    ],
)
def test_every_step_of_a_format_that_broke_off_is_partial_kf_5(
    state: ModuleType, tmp_path: Path, names: tuple[str, ...]
) -> None:
    assert state.inspect("name", fill(tmp_path / "name", *names))["state"] == "partial"


def test_edits_are_data_even_if_the_image_is_gone(state: ModuleType, tmp_path: Path) -> None:
    edits = "edits_0000000000000000001-0000000000000000018"
    assert state.inspect("name", fill(tmp_path / "a", "VERSION", edits))["state"] == "damaged"
    assert state.inspect("journal", fill(tmp_path / "b", "edits_inprogress_0000000000000000027"))["state"] == "damaged"


def test_a_journal_holds_data_with_its_first_edits(state: ModuleType, tmp_path: Path) -> None:
    assert state.inspect("journal", fill(tmp_path / "a", "VERSION"))["state"] == "partial"
    edits = "edits_inprogress_0000000000000000001"
    assert state.inspect("journal", fill(tmp_path / "b", "VERSION", edits))["state"] == "formatted"


def test_no_directory_and_an_empty_one_hold_nothing(state: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert state.inspect("name", str(tmp_path / "empty"))["state"] == "absent"
    assert state.inspect("data", str(tmp_path / "none")) == {
        "state": "absent",
        "cluster_id": None,
        "namespace_id": None,
    }
