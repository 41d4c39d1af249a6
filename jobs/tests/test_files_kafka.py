"""Files of people through a real broker: drop folder, quarantine, load."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kafka_broker import OBSERVATIONS, KafkaBroker, running_broker
from meteostream.cli import group
from meteostream.contract import decode_message
from support_settings import settings_file
from test_dropfolder import GOOD, UNKNOWN

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with running_broker(OBSERVATIONS) as running:
        yield running


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(settings), *arguments])


def test_a_dropped_file_arrives_and_a_held_station_follows_when_it_is_released(
    tmp_path: Path, broker: KafkaBroker
) -> None:
    """KF-114, KF-111: two files, one dropped twice, then the quarantine's release; each event arrives, none is lost."""
    settings = settings_file(tmp_path, kafka=broker.toml())
    folder = tmp_path / "drop/incoming/csv-fr"
    folder.mkdir(parents=True)
    for name, content in (("a.csv", GOOD), ("b.csv", UNKNOWN), ("c.csv", GOOD)):
        (folder / name).write_bytes(content)
        os.utime(folder / name, (1e9, 1e9))
    result = run(settings, "dropfolder", "--json")
    assert result.exit_code == 0, result.output
    outcomes = {one["name"]: one for one in map(json.loads, result.stdout.splitlines())}
    assert [outcomes[f"csv-fr/{name}.csv"]["state"] for name in "abc"] == ["accepted", "accepted", "again"]
    assert outcomes["csv-fr/b.csv"]["held"] == 8
    before = events(broker)
    assert len(before) == 24, "a.csv and the two stations of b.csv that it has as well"
    result = run(settings, "quarantine", "release", "Tataguine", "--station", "Matam")
    assert result.exit_code == 0, result.output
    assert "8 reports released as 0-20000-0-61630" in result.output
    after = events(broker)
    assert len(after) == 32
    assert before < after
    assert run(settings, "quarantine", "list").output.splitlines()[1:] == []
    assert run(settings, "dropfolder", "--json").stdout == ""


def test_a_loaded_file_leaves_unregistered_stations_in_quarantine(tmp_path: Path, broker: KafkaBroker) -> None:
    """KF-114."""
    settings = settings_file(tmp_path, kafka=broker.toml())
    path = tmp_path / "relevés.csv"
    path.write_bytes(UNKNOWN)
    rejects = tmp_path / "rejects.jsonl"
    result = run(settings, "load", str(path), "--profile", "csv-fr", "--rejects", str(rejects))
    assert result.exit_code == 1
    assert "16 reports (16 distinct) acknowledged by the brokers, 8 lines rejected" in result.output
    assert "8 reports of unregistered stations wait in quarantine" in result.output
    assert len(rejects.read_text("utf-8").splitlines()) == 8
    held = [json.loads(line) for line in run(settings, "quarantine", "list", "--json").stdout.splitlines()]
    assert [one["name"] for one in held] == ["Tataguine"] * 8
    assert {one["file"] for one in held} == {str(path)}


def events(broker: KafkaBroker) -> set[str]:
    """Different events in the topic, each of a valid report."""
    found = set()
    for _, key, value, headers in broker.records():
        decode_message(value, key)
        found.add(headers["event_id"].decode())
    return found
