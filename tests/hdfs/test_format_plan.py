"""Whether a NameNode is formatted, copied or left alone is decided from what all members hold."""

from __future__ import annotations

from types import ModuleType
from typing import Any

IDS = {"a": "nn2", "b": "nn1"}


def held(state: str, cluster: str | None = None) -> dict[str, Any]:
    return {"state": state, "cluster_id": cluster}


def members(a: str, b: str, journals: str = "absent", clusters: tuple[str, str] = ("X", "X")) -> dict[str, Any]:
    ids = {"formatted": clusters}
    return {
        "a": {"name": held(a, ids.get(a, (None, None))[0]), "journal": held(journals)},
        "b": {"name": held(b, ids.get(b, (None, None))[1]), "journal": held(journals)},
        "c": {"journal": held(journals)},
    }


def test_a_new_pair_is_formatted_once_by_the_smallest_id_wherever_it_stands(filters: ModuleType) -> None:
    """KF-43: no host is special for being first in the inventory."""
    plan = filters.format_plan(members("absent", "absent"), IDS)
    assert plan == {"refuse": "", "steps": {"a": "bootstrap", "b": "format"}, "force": []}


def test_one_namenode_is_formatted(filters: ModuleType) -> None:
    plan = filters.format_plan({"a": {"name": held("absent")}}, {"a": "nn1"})
    assert plan["steps"] == {"a": "format"}


def test_a_replaced_namenode_copies_the_others_namespace_kf_7(filters: ModuleType) -> None:
    """KF-7: an empty NameNode, whatever its id, is never formatted while another member holds the namespace."""
    plan = filters.format_plan(members("formatted", "absent", "formatted"), IDS)
    assert (plan["refuse"], plan["steps"]) == ("", {"a": "none", "b": "bootstrap"})


def test_nothing_is_formatted_while_journals_hold_edits_kf_7(filters: ModuleType) -> None:
    """KF-7: both NameNodes empty, JournalNodes not: a format would lose the namespace for ever."""
    plan = filters.format_plan(members("absent", "absent", "formatted"), IDS)
    assert "JournalNodes hold edits" in plan["refuse"]


def test_nothing_is_formatted_while_datanodes_hold_blocks_kf_8(filters: ModuleType) -> None:
    """KF-8: a new namespace would make every DataNode's blocks those of another cluster."""
    plan = filters.format_plan(members("absent", "absent") | {"d": {"data": held("formatted", "X")}}, IDS)
    assert "DataNodes of ['d'] hold blocks" in plan["refuse"]


def test_datanodes_with_blocks_do_not_keep_a_replaced_namenode_from_copying(filters: ModuleType) -> None:
    plan = filters.format_plan(members("formatted", "absent") | {"d": {"data": held("formatted", "X")}}, IDS)
    assert (plan["refuse"], plan["steps"]["b"]) == ("", "bootstrap")


def test_the_leavings_of_an_interrupted_format_are_overwritten_kf_5(filters: ModuleType) -> None:
    """KF-5: a format that broke off is done again, without a question that would wait for ever."""
    plan = filters.format_plan(members("absent", "partial", "partial"), IDS)
    assert (plan["refuse"], plan["steps"], plan["force"]) == ("", {"a": "bootstrap", "b": "format"}, ["b"])


def test_a_copy_that_broke_off_is_copied_again(filters: ModuleType) -> None:
    plan = filters.format_plan(members("formatted", "partial", "formatted"), IDS)
    assert (plan["steps"]["b"], plan["force"]) == ("bootstrap", ["b"])


def test_edits_without_an_image_are_never_overwritten(filters: ModuleType) -> None:
    assert "edits without" in filters.format_plan(members("damaged", "absent"), IDS)["refuse"]
    assert "edits without" in filters.format_plan(members("absent", "absent", "damaged"), IDS)["refuse"]


def test_namenodes_of_two_clusters_are_refused_kf_8(filters: ModuleType) -> None:
    plan = filters.format_plan(members("formatted", "formatted", "formatted", ("X", "Y")), IDS)
    assert "different clusters" in plan["refuse"]


def test_members_that_hold_the_namespace_are_left_alone(filters: ModuleType) -> None:
    plan = filters.format_plan(members("formatted", "formatted", "formatted"), IDS)
    assert plan == {"refuse": "", "steps": {"a": "none", "b": "none"}, "force": []}
