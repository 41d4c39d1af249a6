"""What a Kafka member may do with its disk, decided from what all members hold."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CLUSTER = "oK8YZ__Nye4AkmLnceFxdA"
OTHER = "XWtl5LMWS4Oe5pKdwUaPaA"


def load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


# Ansible finds module_utils by its own ways; here they are given their names first.
load("plugins/module_utils/meteo_kafka.py", "ansible.module_utils.meteo_kafka")
storage = load("plugins/modules/meteo_kafka_storage.py", "meteo_kafka_storage")
content = load("plugins/modules/meteo_kafka_content.py", "meteo_kafka_content")


def member(folder: Path, cluster: str = CLUSTER, node: str = "1") -> Path:
    """Lay out what kafka-storage format leaves on a disk."""
    for name in ("metadata", "data"):
        (folder / name).mkdir(parents=True)
        (folder / name / "meta.properties").write_text(
            f"#\n#Wed Nov 25 03:32:14 UTC 2026\nnode.id={node}\ndirectory.id=8L8c0yIfzbiug05picWVhg\n"
            f"version=1\ncluster.id={cluster}\n"
        )
    log = folder / "metadata" / "__cluster_metadata-0"
    log.mkdir()
    (log / "00000000000000000000-0000000000.checkpoint").write_bytes(b"voters")
    return folder


def work(folder: Path) -> Path:
    """Lay out what a member that once had a leader has more."""
    (folder / "metadata/__cluster_metadata-0/00000000000000000000.log").write_bytes(b"leader change")
    (folder / "data" / "weather.observations-0").mkdir()
    return folder


def test_a_fresh_disk_is_empty(tmp_path: Path) -> None:
    assert storage.read(str(tmp_path))["state"] == "empty"


def test_a_formatted_disk_that_never_worked_is_founded(tmp_path: Path) -> None:
    found = storage.read(str(member(tmp_path)))
    assert found == {
        "state": "founded",
        "cluster_id": CLUSTER,
        "node_id": "1",
        "directory_id": "8L8c0yIfzbiug05picWVhg",
    }


def test_a_first_record_or_a_later_snapshot_shows_that_it_worked(tmp_path: Path) -> None:
    assert storage.read(str(work(member(tmp_path / "a"))))["state"] == "formed"
    later = member(tmp_path / "b")
    (later / "metadata/__cluster_metadata-0/00000000000000000146-0000000001.checkpoint").touch()
    assert storage.read(str(later))["state"] == "formed"


@pytest.mark.parametrize("lost", ["data", "metadata"])
def test_a_format_that_was_interrupted_is_begun_again(tmp_path: Path, lost: str) -> None:
    (member(tmp_path) / lost / "meta.properties").unlink()
    assert storage.read(str(tmp_path))["state"] == "interrupted"


def test_a_format_without_its_end_is_interrupted_whatever_it_left(tmp_path: Path) -> None:
    (member(tmp_path) / "formatting").write_text("found\n")
    assert storage.read(str(tmp_path))["state"] == "interrupted"


def test_partitions_without_metadata_are_never_formatted_away(tmp_path: Path) -> None:
    disk = work(member(tmp_path))
    for path in sorted((disk / "metadata").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(storage.RefusedError, match=r"weather\.observations-0.*Nothing was changed"):
        storage.read(str(disk))


def test_an_unmounted_data_disk_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    disk = work(member(tmp_path))
    (disk / "data" / "weather.observations-0").rmdir()
    (disk / "data" / "meta.properties").unlink()
    with pytest.raises(storage.RefusedError, match="not mounted"):
        storage.read(str(disk))


def test_kf_01_another_id_than_the_disks_is_refused(tmp_path: Path) -> None:
    found = storage.read(str(member(tmp_path)))
    storage.verify(found, CLUSTER, "1")
    with pytest.raises(storage.RefusedError, match=r"kafka_node_id says, found one of 1"):
        storage.verify(found, CLUSTER, "2")
    with pytest.raises(storage.RefusedError, match="kafka_cluster_id"):
        storage.verify(found, OTHER, "1")


def states(*names: str, cluster: str = CLUSTER) -> dict[str, Any]:
    return {
        f"node{i}": {"state": name, "cluster_id": None if name == "empty" else cluster}
        for i, name in enumerate(names, 1)
    }


@pytest.mark.parametrize(
    ("group", "how"),
    [
        (["empty"], "found"),
        (["empty", "empty", "empty"], "found"),
        # A founding that was interrupted between two members goes on as one.
        (["founded", "interrupted", "empty"], "found"),
        # A rebuilt member, the first of the inventory like any other, joins what is there.
        (["empty", "formed", "formed"], "join"),
        (["formed", "empty", "empty"], "join"),
        (["founded", "formed", "empty"], "join"),
    ],
)
def test_kf_12_a_cluster_is_founded_only_if_no_member_ever_worked_in_one(group: list[str], how: str) -> None:
    assert storage.decide(states(*group), CLUSTER) == how


def test_kf_12_nothing_is_decided_while_a_member_is_unknown() -> None:
    group = states("empty", "empty") | {"node3": {}}
    with pytest.raises(storage.RefusedError, match=r"node3.*without --limit"):
        storage.decide(group, CLUSTER)


def test_an_empty_member_is_not_put_into_another_cluster() -> None:
    with pytest.raises(storage.RefusedError, match="kafka_cluster_id must be the same"):
        storage.decide(states("empty", "formed", cluster=OTHER), CLUSTER)


def test_kf_64_passwords_stand_in_the_argument_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def run_command(argv: list[str], **_options: object) -> tuple[int, str, str]:
        path = Path(argv[-1].removeprefix("@"))
        seen.update(argv=argv, mode=path.stat().st_mode & 0o777, text=path.read_text())
        return 0, "", ""

    for name in ("metadata", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / "meta.properties").write_text("half\n")
    monkeypatch.setattr(storage.os, "chown", lambda *_arguments: None)
    monkeypatch.setattr(storage, "ARGUMENT_FOLDER", str(tmp_path))
    params = {
        "data_dir": str(tmp_path),
        "account": "root",
        "cluster_id": CLUSTER,
        "config": "/etc/kafka/server.properties",
        "founders": "1@node1:19093:8L8c0yIfzbiug05picWVhg",
        "users": {"admin": "canary-password"},
    }
    storage.form(SimpleNamespace(params=params, run_command=run_command), "found")
    assert not any("canary-password" in argument for argument in seen["argv"])
    assert "SCRAM-SHA-512=[name=admin,iterations=8192,password=canary-password]" in seen["text"].splitlines()
    assert seen["mode"] == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["content.json", "data", "metadata"]
    assert "canary-password" not in (tmp_path / "content.json").read_text()
    assert not list((tmp_path / "data").iterdir())


DESCRIPTION = """\
Topic: weather.observations	TopicId: 3zB	PartitionCount: 4	ReplicationFactor: 1	Configs: retention.ms=1
	Topic: weather.observations	Partition: 0	Leader: 1	Replicas: 1	Isr: 1	Elr: 	LastKnownElr:
Topic: __consumer_offsets	TopicId: w PartitionCount: 12	ReplicationFactor: 1	Configs:
"""


def test_a_topic_that_drifted_is_named_with_what_was_expected_and_found() -> None:
    topics = [
        {"name": "weather.observations", "partitions": 4, "replication": 1, "config": {"retention.ms": 2}},
        {"name": "weather.observations.dlq", "partitions": 1, "replication": 1, "config": {}},
    ]
    assert content.differences(topics, dict(content.parse_description(DESCRIPTION))) == [
        "topic weather.observations: expected retention.ms=2, found 1",
        "topic weather.observations.dlq is missing",
    ]


def test_only_what_is_new_is_asked_of_kafka() -> None:
    params = {
        "cluster_id": CLUSTER,
        "users": {"admin": "a", "jobs": "j"},
        "topics": [{"name": "t", "partitions": 1, "replication": 1, "config": {}}],
        "grants": [],
    }
    before = content.wanted(params)
    after = content.wanted(params | {"users": {"admin": "a", "jobs": "changed"}})
    assert content.differing("users", before, before) == []
    assert content.differing("users", after, before) == ["jobs"]
    assert content.differing("topics", after, before) == []
