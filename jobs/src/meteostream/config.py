"""Settings: one TOML file, checked on reading; a key that nobody reads is an error, not a surprise.

The file is ``--config``, else ``METEOSTREAM_CONFIG``, else :data:`DEFAULT_FILE`. It holds secrets (0640, group
meteostream), so settings never show them: not in ``repr``, not in an error.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

DEFAULT_FILE: Final = Path("/etc/meteostream/meteostream.toml")
ENVIRONMENT: Final = "METEOSTREAM_CONFIG"
_SECRET: Final = frozenset({"password"})


class ConfigError(ValueError):
    """Settings that cannot be used; the message names file, section and key."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file. Its ``repr`` hides secrets."""

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if name in _SECRET and getattr(self, name) else getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Kafka(Section, frozen=True):
    """How to reach the brokers."""

    bootstrap: list[str] = msgspec.field(default_factory=lambda: ["localhost:9092"])
    security: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL"] = "SASL_PLAINTEXT"
    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = None
    ca: str | None = None

    def __post_init__(self) -> None:
        """Ask for credentials where the protocol needs them."""
        if self.security.startswith("SASL") and not (self.username and self.password):
            raise ValueError(f"security = {self.security!r} needs username and password")


class Topics(Section, frozen=True):
    """Names of topics."""

    observations: str = "weather.observations"
    dead_letters: str = "weather.observations.dlq"
    decisions: str = "weather.decisions"


class Outbox(Section, frozen=True):
    """The producers' journals: one directory below ``directory`` a producer."""

    directory: str = "/var/lib/meteostream/outbox"
    retention_days: float = 7.0
    max_bytes: int = 8 * 1024**3
    segment_bytes: int = 64 * 1024**2


class Generator(Section, frozen=True):
    """The simulator as a service."""

    stations: int = 15
    rate_per_second: float = 0.25
    step_seconds: int = 60
    seed: int = 1
    metrics_address: str = "127.0.0.1"
    metrics_port: int = 8611

    def __post_init__(self) -> None:
        """Refuse what cannot run."""
        if self.stations < 1 or self.step_seconds < 1 or self.rate_per_second <= 0:
            raise ValueError("stations, step_seconds and rate_per_second must be positive")


class Warehouse(Section, frozen=True):
    """The PostgreSQL database; with several hosts the one that accepts writes is found."""

    hosts: list[str] = msgspec.field(default_factory=lambda: ["localhost"])
    port: int = 5432
    database: str = "warehouse"
    user: str = "pipeline"
    password: str = ""


class Lake(Section, frozen=True):
    """The lake on HDFS. ``zookeeper`` (host:port each) keeps its lock; empty: this process alone writes the lake."""

    uri: str = "hdfs://meteo/lake"
    namenodes: list[str] = msgspec.field(default_factory=list)
    user: str = "meteostream"
    zookeeper: list[str] = msgspec.field(default_factory=list)


class Etl(Section, frozen=True):
    """The batch ETL: its rules, and what it takes of YARN.

    ``completeness`` names the rule of months (wmo1203-11-5, or the older wmo-3-5); ``priorities`` a file of source
    priorities instead of the shipped one.
    """

    completeness: Literal["wmo1203-11-5", "wmo-3-5"] = "wmo1203-11-5"
    priorities: str | None = None
    shuffle_partitions: int = 16
    queue: str = "default"
    driver_memory_mb: int = 1024
    executor_memory_mb: int = 1024
    executors: int = 1
    executor_cores: int = 1
    attempts: int = 2


class Maintenance(Section, frozen=True):
    """What the lake's maintenance keeps. Snapshots are only how the tables were: no row is ever deleted by it."""

    snapshot_days: float = 7.0
    snapshots_kept: int = 20
    orphan_days: float = 3.0
    lock_patience_seconds: float = 900.0
    checkpoint_backup: str = "hdfs://meteo/backup/checkpoints"
    checkpoint_backups_kept: int = 7

    def __post_init__(self) -> None:
        """Refuse what would break writers."""
        if self.orphan_days < 1:
            raise ValueError("orphan_days must be at least 1: files of a commit that is under way are not orphans")
        if self.snapshots_kept < 1:
            raise ValueError("snapshots_kept must be at least 1: the current snapshot is the table")


class Stream(Section, frozen=True):
    """One streaming query; ``driver_ports`` are the first and the last of its driver's RPC ports."""

    trigger_seconds: float
    checkpoint: str
    max_offsets_per_trigger: int = 100_000
    driver_ports: tuple[int, int] | None = None
    metrics_address: str = "127.0.0.1"
    metrics_port: int = 0


class Streams(Section, frozen=True):
    """The streaming queries."""

    warehouse: Stream = msgspec.field(
        default_factory=lambda: Stream(trigger_seconds=1.0, checkpoint="hdfs://meteo/checkpoints/warehouse")
    )
    lake: Stream = msgspec.field(
        default_factory=lambda: Stream(
            trigger_seconds=60.0, checkpoint="hdfs://meteo/checkpoints/lake", max_offsets_per_trigger=1_000_000
        )
    )


class Logging(Section, frozen=True):
    """Where a service's log goes: ECS JSON lines in ``file``, or standard error without one."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    file: str | None = None


class Settings(Section, frozen=True):
    """The whole file; a section that is left out has its defaults."""

    kafka: Kafka | None = None
    topics: Topics = Topics()
    outbox: Outbox = Outbox()
    generator: Generator = Generator()
    warehouse: Warehouse = msgspec.field(default_factory=Warehouse)
    lake: Lake = msgspec.field(default_factory=Lake)
    streams: Streams = msgspec.field(default_factory=Streams)
    etl: Etl = Etl()
    maintenance: Maintenance = Maintenance()
    logging: Logging = Logging()

    def need_kafka(self) -> Kafka:
        """The section [kafka], which has no defaults that could work: brokers ask for a password."""
        if self.kafka is None:
            raise ConfigError("expected a section [kafka] with bootstrap, username and password, found none")
        return self.kafka


def settings_file(given: str | None = None) -> Path:
    """The file that is read when ``given`` is what the command line says."""
    return Path(given or os.environ.get(ENVIRONMENT) or DEFAULT_FILE)


def load_settings(path: Path) -> Settings:
    """Read and check a file of settings.

    Raises
    ------
    ConfigError
        If it cannot be read, is no TOML, or has an unknown or ill-typed key.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: expected a file of settings, found none; name it with --config or {ENVIRONMENT}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    return parse_settings(text, str(path))


def parse_settings(text: str, origin: str) -> Settings:
    """Settings from TOML; ``origin`` is the file's name for errors."""
    try:
        return msgspec.toml.decode(text, type=Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_explain(str(error))}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"{origin}: expected TOML: {error}") from None


_PLACE: Final = re.compile(r"(?P<what>.*) - at `\$\.?(?P<where>[^`]*)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>.*)`")


def _explain(message: str) -> str:
    """Put msgspec's words into those of the file: ``[kafka] port: expected a known key, found none``."""
    match = _PLACE.fullmatch(message)
    what, where = (match["what"], match["where"]) if match else (message, "")
    unknown = _UNKNOWN.fullmatch(what)
    if unknown:
        return f"{_table(where)}{unknown['key']}: unknown key; known here: {', '.join(_known(where))}"
    if not where or _struct(where) is not None:
        return f"{_table(where)}{what}"
    section, _, key = where.rpartition(".")
    return f"{_table(section)}{key}: {what}"


def _table(path: str) -> str:
    return f"[{path}] " if path else ""


def _known(path: str) -> list[str]:
    return [field.name for field in msgspec.structs.fields(_struct(path) or Settings)]


def _struct(path: str) -> type[Section] | None:
    """The section at a place of the file, None if it is a key."""
    kind: Any = Settings
    for part in filter(None, path.split(".")):
        field = next((field for field in msgspec.structs.fields(kind) if field.name == part), None)
        kind = Kafka if part == "kafka" else field and field.type
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            return None
    return kind  # type: ignore[no-any-return]
