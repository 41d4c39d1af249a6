"""Logs are one ECS JSON object a line, whatever is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.net.sasl.scram import SaslMechanismScram

from meteostream.logs import log_to


@pytest.fixture(autouse=True)
def _root() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], level = before
    root.setLevel(level)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_line_has_the_fields_of_ecs(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "generator.json"
    log_to("generator", file=str(path))
    log = logging.getLogger("meteostream.test")
    log.warning("two\nlines: %s", "é", extra={"labels": {"topic": "t"}})
    try:
        raise ValueError("why")
    except ValueError:
        log.exception("failed")
    log.debug("not written")
    first, second = lines(path)
    assert first["message"] == "two\nlines: é"
    assert first["log.level"] == "warning"
    assert first["service.name"] == "generator"
    assert first["labels"] == {"topic": "t"}
    assert str(first["@timestamp"]).endswith("Z")
    assert second["error.type"] == "ValueError"
    assert "why" in str(second["error.stack_trace"])


def test_a_rotated_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "generator.json"
    log_to("generator", file=str(path))
    logging.warning("before")
    path.rename(tmp_path / "generator.json.1")
    logging.warning("after")
    assert [line["message"] for line in lines(path)] == ["after"]


def test_kafka_python_does_not_call_scram_the_clear(tmp_path: Path) -> None:
    path = tmp_path / "check.json"
    log_to("check", file=str(path), level="DEBUG")
    user = {"sasl_plain_username": "jobs", "sasl_plain_password": "any"}
    SaslMechanismScram(sasl_mechanism="SCRAM-SHA-512", security_protocol="SASL_PLAINTEXT", **user)
    assert lines(path) == []
