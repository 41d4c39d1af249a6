"""Messages that break the contract, through the real broker: each is a dead letter, and the streams live on."""

from __future__ import annotations

import base64
import json
import time
from typing import Any, Final

import pytest
from meteo_nodes.platform import REPOSITORY, Platform

TOPIC: Final = "weather.observations"
VECTORS: Final = REPOSITORY / "jobs" / "tests" / "vectors" / "poison.json"
SENDER: Final = REPOSITORY / "tests" / "support" / "meteo_nodes" / "send_raw.py"
KINDS_AT_LEAST: Final = 20
WAIT_S: Final = 120


def message(vector: dict[str, Any]) -> dict[str, str | None]:
    """A vector as the sender takes it (jobs/tests/vectors/README.md says how a vector gives its value)."""
    if "value_base64" in vector:
        return {"key": vector["key"], "value": vector["value_base64"]}
    if "value_padded_to" in vector:
        first = json.loads((VECTORS.parent / "reports.json").read_text(encoding="utf-8"))[0]["message"]
        text = first.ljust(vector["value_padded_to"])
    else:
        text = vector["value"]
    return {"key": vector["key"], "value": None if text is None else base64.b64encode(text.encode()).decode()}


pytestmark = pytest.mark.needs("jobs", "kafka", "postgres")


@pytest.fixture(scope="module")
def vectors() -> list[dict[str, Any]]:
    return list(json.loads(VECTORS.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def before(platform: Platform) -> dict[tuple[str, str], int]:
    return platform.processes()


@pytest.fixture(scope="module")
def letters(
    platform: Platform, vectors: list[dict[str, Any]], before: dict[tuple[str, str], int]
) -> list[dict[str, str | None]]:
    """The dead letter of each vector, in the vectors' order."""
    assert all(before.values())
    host = platform.members("jobs")[0]
    platform.copy(SENDER, host, "send_raw.py")
    done = platform.ssh(
        host,
        f"/opt/jobs/current/venv/bin/python /home/*/send_raw.py {TOPIC}",
        given=json.dumps([message(vector) for vector in vectors]),
    )
    assert done.returncode == 0, done.stderr
    places = json.loads(done.stdout)
    wanted = " OR ".join(f"(partition = {place['partition']} AND kafka_offset = {place['offset']})" for place in places)
    query = (
        "SELECT partition, kafka_offset, reason, detail, encode(value, 'base64') AS value "  # noqa: S608 (numbers)
        f"FROM pipeline.dead_letter WHERE topic = '{TOPIC}' AND ({wanted})"
    )
    end = time.monotonic() + WAIT_S
    while len(found := platform.sql(query)) < len(places) and time.monotonic() < end:
        time.sleep(2)
    by_place = {(row["partition"], row["kafka_offset"]): row for row in found}
    return [by_place.get((str(place["partition"]), str(place["offset"])), {}) for place in places]


def test_every_kind_of_poison_is_a_dead_letter_with_its_reason(
    vectors: list[dict[str, Any]], letters: list[dict[str, str | None]]
) -> None:
    """KF-126, KF-115, KF-114, KF-120: twenty kinds and more, none of them lost, none blamed for something else."""
    assert len({vector["reason"] for vector in vectors}) >= KINDS_AT_LEAST
    wrong = [
        (vector["name"], vector["reason"], letter.get("reason", "no dead letter"))
        for vector, letter in zip(vectors, letters, strict=True)
        if letter.get("reason") != vector["reason"]
    ]
    assert wrong == []


def test_a_dead_letter_keeps_the_raw_bytes(vectors: list[dict[str, Any]], letters: list[dict[str, str | None]]) -> None:
    """What cannot be read today can be replayed when the reader is mended."""
    for vector, letter in zip(vectors, letters, strict=True):
        wanted = message(vector)["value"]
        found = letter["value"]
        assert (found is None) == (wanted is None), vector["name"]
        assert found is None or wanted is None or base64.b64decode(found) == base64.b64decode(wanted), vector["name"]


@pytest.mark.usefixtures("letters")
def test_dead_letters_are_on_their_topic_with_reason_and_origin(platform: Platform) -> None:
    node = platform.host(platform.members("kafka")[0], sudo=False)
    done = node.run(
        "timeout 90 kafka-console-consumer --topic weather.observations.dlq --from-beginning --timeout-ms 15000 "
        "--property print.headers=true --property print.value=false"
    )
    lines = [line for line in done.stdout.splitlines() if "reason" in line]
    assert len(lines) >= KINDS_AT_LEAST
    assert all("offset" in line for line in lines)


@pytest.mark.usefixtures("letters")
def test_the_streams_live_on(platform: Platform, before: dict[tuple[str, str], int]) -> None:
    """Not one process is another, and a report that is sent now arrives (KF-126: no poison loops for ever)."""
    assert platform.processes() == before
    platform.meteostream("check", timeout=300)


@pytest.mark.usefixtures("letters")
def test_the_ledger_counts_dead_letters_as_an_end_and_not_as_a_loss(platform: Platform) -> None:
    done = platform.meteostream("ledger", "check", "--json", "--wait", "180", timeout=300)
    ledger = json.loads(done.stdout)
    assert (ledger["lost"], ledger["doubled"], ledger["findings"]) == (0, 0, [])
    assert int(ledger["dead"]) >= KINDS_AT_LEAST
