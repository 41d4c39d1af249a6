"""Settings: a key that nobody reads is an error that names it; secrets are never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from meteostream.config import ConfigError, load_settings, parse_settings, settings_file

WHOLE = """
[kafka]
bootstrap = ["node1:9092", "node2:9092"]
security = "SASL_PLAINTEXT"
mechanism = "SCRAM-SHA-512"
username = "jobs"
password = "canary-1"

[outbox]
directory = "/var/lib/meteostream/outbox"
retention_days = 7

[generator]
stations = 15
rate_per_second = 5
step_seconds = 60
seed = 1
metrics_address = "10.0.0.1"
metrics_port = 8611

[warehouse]
hosts = ["node1"]
port = 5432
database = "warehouse"
user = "pipeline"
password = "canary-2"

[lake]
uri = "hdfs://meteo/lake"
namenodes = ["http://node1:9870"]
user = "meteostream"

[streams.warehouse]
trigger_seconds = 1
checkpoint = "hdfs://meteo/checkpoints/warehouse"
max_offsets_per_trigger = 50000
metrics_address = "10.0.0.1"
metrics_port = 8612

[streams.lake]
trigger_seconds = 60
checkpoint = "hdfs://meteo/checkpoints/lake"

[logging]
level = "INFO"
file = "/var/log/meteostream/generator.json"
"""


def test_a_whole_file_is_read() -> None:
    settings = parse_settings(WHOLE, "x.toml")
    assert settings.need_kafka().bootstrap == ["node1:9092", "node2:9092"]
    assert settings.generator.rate_per_second == 5.0
    assert settings.streams.warehouse.max_offsets_per_trigger == 50_000
    assert settings.topics.observations == "weather.observations"


def test_secrets_are_not_shown() -> None:
    """KF-64."""
    settings = parse_settings(WHOLE, "x.toml")
    assert "canary" not in repr(settings)
    assert "password='***'" in repr(settings.warehouse)
    assert settings.warehouse.password == "canary-2"  # noqa: S105


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 1", "sead = 1", r"x.toml: \[generator\] sead: unknown key; known here: stations, "),
        ("[lake]", "[laek]", r"x.toml: laek: unknown key; known here: kafka, "),
        ("trigger_seconds = 60", "trigger = 60", r"\[streams.lake\] trigger: unknown key"),
        ("port = 5432", 'port = "5432"', r"\[warehouse\] port: Expected `int`, got `str`"),
        ('level = "INFO"', 'level = "LOUD"', r"\[logging\] level: Invalid enum value"),
        ("stations = 15", "stations = 0", r"\[generator\] .*must be positive"),
        ('username = "jobs"', "", r"\[kafka\] .*needs username and password"),
        ("seed = 1", "seed = ", "expected TOML"),
        ('user = "meteostream"', 'user = "meteostream"\nuser = "x"', "expected TOML"),
    ],
)
def test_a_bad_file_is_refused_by_section_and_key(old: str, new: str, message: str) -> None:
    assert old in WHOLE
    with pytest.raises(ConfigError, match=message) as caught:
        parse_settings(WHOLE.replace(old, new), "x.toml")
    assert "canary" not in str(caught.value)


def test_an_empty_file_has_defaults_but_no_kafka() -> None:
    settings = parse_settings("", "x.toml")
    assert settings.generator.stations == 15
    with pytest.raises(ConfigError, match=r"section \[kafka\]"):
        settings.need_kafka()


def test_the_file_is_found_by_option_then_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METEOSTREAM_CONFIG", "/somewhere/else.toml")
    assert settings_file("given.toml") == Path("given.toml")
    assert settings_file() == Path("/somewhere/else.toml")
    monkeypatch.delenv("METEOSTREAM_CONFIG")
    assert settings_file() == Path("/etc/meteostream/meteostream.toml")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name it with --config or METEOSTREAM_CONFIG"):
        load_settings(tmp_path / "none.toml")
