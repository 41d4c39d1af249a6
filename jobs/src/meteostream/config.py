"""Settings: one TOML file, checked on reading; a key that nobody reads is an error, not a surprise.

The file is ``--config``, else ``METEOSTREAM_CONFIG``, else :data:`DEFAULT_FILE`. It holds secrets (0640, group
meteostream), so settings never show them: not in ``repr``, not in an error.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

DEFAULT_FILE: Final = Path("/etc/meteostream/meteostream.toml")
ENVIRONMENT: Final = "METEOSTREAM_CONFIG"
_SECRET: Final = frozenset({"password", "api_key", "token_sha256", "sms_token_sha256", "check_token", "webhook"})


CHECKER: Final = "check"
"""Who reports by the intake's check."""


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
    forecasts: str = "weather.forecasts"
    forecast_dead_letters: str = "weather.forecasts.dlq"
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


class Quarantine(Section, frozen=True):
    """Where reports of stations wait that nobody registered."""

    directory: str = "/var/lib/meteostream/quarantine"


class Dropfolder(Section, frozen=True):
    """The folder for files of people.

    Attributes
    ----------
    directory
        Holds incoming/, working/, archive/, refused/ and rejects/, all on one file system.
    profiles
        A folder with further profiles, NAME.toml, for incoming/NAME/.
    settle_seconds
        A file that was changed less than this ago may still be being written.
    max_bytes, max_unpacked_bytes
        Most bytes of a file, as it lies there and once a gzip is unpacked.
    strict
        Refuse a whole file if any line is rejected.
    """

    directory: str = "/var/lib/meteostream/dropfolder"
    profiles: str = "/etc/meteostream/profiles"
    settle_seconds: float = 60.0
    max_bytes: int = 256 * 1024**2
    max_unpacked_bytes: int = 2 * 1024**3
    strict: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.settle_seconds < 0 or self.max_bytes < 1 or self.max_unpacked_bytes < self.max_bytes:
            raise ValueError("settle_seconds must not be negative, max_unpacked_bytes not below max_bytes")


class Observer(Section, frozen=True):
    """A person who reports rain.

    Attributes
    ----------
    name
        As it is kept with each report.
    stations
        Names or identifiers of the stations the person reports for.
    token_sha256
        SHA-256 of the person's token, hexadecimal; 'meteostream intake token' makes one. The token is nowhere else.
    phone
        International form, for SMS.
    """

    name: str
    stations: list[str]
    token_sha256: str
    phone: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be a digest or a number."""
        if not self.stations:
            raise ValueError("stations must name at least one")
        _check_digest(self.token_sha256)
        if self.phone is not None and re.fullmatch(r"\+[0-9]{8,15}", self.phone) is None:
            raise ValueError("phone must be in the international form, for example +221770000000")


class Intake(Section, frozen=True):
    """The observers' form and the gateway for SMS.

    Attributes
    ----------
    directory
        Holds the entries that were accepted (entries.db) and the key that signs sessions.
    https
        Whether browsers reach the form by https, as they do through a gateway; cookies are then sent only so.
    trusted_proxy
        Address of the gateway whose X-Forwarded-For is believed.
    sms_token_sha256
        SHA-256 of the token with which the SMS gateway calls; without it there is no /sms.
    check_token
        With it 'meteostream intake check' enters rain of the simulated station 0-0-0-SIMCHECK; without it nobody may.
    ask_above_mm
        Amounts above it are asked again.
    oldest_days
        Days back that a form or an SMS may report; older corrections are a matter for the office.
    per_minute, per_minute_per_address
        Requests a minute of one person, and of one address (and of one address that shows no valid token).
    """

    address: str = "127.0.0.1"
    port: int = 8600
    directory: str = "/var/lib/meteostream/intake"
    source: str = "observers"
    https: bool = True
    trusted_proxy: str | None = None
    sms_token_sha256: str | None = None
    check_token: str | None = None
    ask_above_mm: float = 200.0
    oldest_days: int = 10
    per_minute: int = 20
    per_minute_per_address: int = 120
    metrics_address: str = "127.0.0.1"
    metrics_port: int = 8614
    observers: dict[str, Observer] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.sms_token_sha256 is not None:
            _check_digest(self.sms_token_sha256)
        if CHECKER in self.observers:
            raise ValueError(f"observers: the name {CHECKER!r} is the platform's own")
        for member in ("token_sha256", "phone"):
            found = [value for one in self.observers.values() if (value := getattr(one, member)) is not None]
            if len(set(found)) != len(found):
                raise ValueError(f"two observers have the same {member}")
        if min(self.per_minute, self.per_minute_per_address, self.oldest_days, self.ask_above_mm) <= 0:
            raise ValueError("ask_above_mm, oldest_days and the rates must be positive")


def _check_digest(text: str) -> None:
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise ValueError("a digest must be 64 hexadecimal digits; 'meteostream intake token' makes one")


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

    Attributes
    ----------
    completeness
        The rule of months: wmo1203-11-5, or the older wmo-3-5.
    priorities
        A file of source priorities instead of the shipped one.
    resourcemanagers
        Addresses of YARN's pages, as ``http://node1:8088``: what is submitted is found again there.
    config
        The file of settings that a driver reads in its container; without it the one that submits.
    executors, executor_cores, driver_memory_mb, executor_memory_mb
        What an application takes; beside the memory Spark's overhead.
    attempts
        How often YARN starts a driver that died.
    """

    completeness: Literal["wmo1203-11-5", "wmo-3-5"] = "wmo1203-11-5"
    priorities: str | None = None
    resourcemanagers: list[str] = msgspec.field(default_factory=list)
    config: str | None = None
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


class Quota(Section, frozen=True):
    """What one client may ask of a service, in calls (a heavy request counts as several); 0 is no limit."""

    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    per_month: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be a limit."""
        if min(self.per_minute, self.per_hour, self.per_day, self.per_month) < 0:
            raise ValueError("limits must be 0 (none) or positive")


class OpenMeteo(Section, frozen=True):
    """Forecasts and reanalyses of Open-Meteo. The defaults are its free, non-commercial service."""

    base_url: str = "https://api.open-meteo.com"
    archive_url: str = "https://archive-api.open-meteo.com"
    api_key: str | None = None
    models: list[str] = msgspec.field(default_factory=lambda: ["ecmwf_ifs025"])
    runs: dict[str, str] = msgspec.field(default_factory=dict)
    archive_models: list[str] = msgspec.field(default_factory=lambda: ["era5"])
    variables: list[str] = msgspec.field(default_factory=list)
    forecast_days: int = 7
    archive_days: int = 14
    quota: Quota = Quota(per_minute=600, per_hour=5_000, per_day=10_000, per_month=300_000)

    def __post_init__(self) -> None:
        """Refuse what the service does not have."""
        if not 1 <= self.forecast_days <= 16:  # noqa: PLR2004 - the service's longest forecast
            raise ValueError(f"forecast_days: expected 1 to 16, found {self.forecast_days}")
        if self.archive_days < 1:
            raise ValueError(f"archive_days: expected 1 or more, found {self.archive_days}")


class Aviation(Section, frozen=True):
    """METAR and TAF of aviationweather.gov."""

    base_url: str = "https://aviationweather.gov"
    hours_back: float = 3.0
    quota: Quota = Quota(per_minute=100)


class Noaa(Section, frozen=True):
    """Archives of NOAA, a file a station and year; ``stations`` names those whose identifier is not the usual one."""

    base_url: str = "https://www.ncei.noaa.gov"
    stations: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    quota: Quota = Quota(per_minute=60)


class Ogimet(Section, frozen=True):
    """SYNOP from Ogimet; it limits those who ask much, so its own limits are low (ours)."""

    base_url: str = "https://www.ogimet.com"
    hours_back: float = 12.0
    quota: Quota = Quota(per_minute=2, per_hour=20)


class Wis2(Section, frozen=True):
    """BUFR of a WIS2 node.

    Attributes
    ----------
    base_url
        The node's API, for example ``https://wis2box.example.org/oapi``; empty: none is asked.
    collection
        Of its notifications.
    hosts
        Further hosts (with their port where it is not the usual one) that its data may lie on.
    """

    base_url: str = ""
    collection: str = "messages"
    hosts: list[str] = msgspec.field(default_factory=list)
    hours_back: float = 6.0
    quota: Quota = Quota(per_minute=120)


class Collect(Section, frozen=True):
    """Collecting from the network: how to ask, where to keep what was answered."""

    directory: str = "/var/lib/meteostream/collect"
    sources: str = "/etc/meteostream/sources"
    country: str = "SN"
    stations: list[str] = msgspec.field(default_factory=list)
    user_agent: str = "meteostream"
    ca: str | None = None
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    answer_seconds: float = 180.0
    attempts: int = 5
    patience_seconds: float = 300.0
    delivery_seconds: float = 300.0
    max_bytes: int = 64 * 1024**2
    cache_bytes: int = 256 * 1024**2
    raw_days: int = 90
    raw_bytes: int = 2 * 1024**3
    silent_hours: float = 6.0
    open_meteo: OpenMeteo = msgspec.field(default_factory=OpenMeteo)
    aviation: Aviation = msgspec.field(default_factory=Aviation)
    noaa: Noaa = msgspec.field(default_factory=Noaa)
    ogimet: Ogimet = Ogimet()
    wis2: Wis2 = msgspec.field(default_factory=Wis2)

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.attempts < 1 or min(self.connect_seconds, self.read_seconds, self.answer_seconds) <= 0:
            raise ValueError("attempts, connect_seconds, read_seconds and answer_seconds must be positive")


class Gates(Section, frozen=True):
    """Tests of the data between the layers.

    Attributes
    ----------
    file
        Definitions instead of the shipped ones.
    webhook
        URL that a failed gate is posted to as JSON; empty: nowhere. Such addresses often hold a secret.
    webhook_seconds
        How long it may take to answer.
    statement_seconds
        How long one check may take.
    """

    file: str | None = None
    webhook: str = ""
    webhook_seconds: float = 10.0
    statement_seconds: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.webhook and not self.webhook.startswith(("http://", "https://")):
            raise ValueError("webhook must be empty, or an address that begins with http:// or https://")
        if min(self.webhook_seconds, self.statement_seconds) <= 0:
            raise ValueError("webhook_seconds and statement_seconds must be positive")


class Alerts(Section, frozen=True):
    """Alerts: their rules and journal, and who may publish a warning. By default nobody may.

    ``rules`` names a file instead of the shipped one. A warning needs ``sender``, ``publish`` and an approval by one of
    ``forecasters``; what the rules make by themselves is always a draft.
    """

    directory: str = "/var/lib/meteostream/alerts"
    rules: str | None = None
    sender: str | None = None
    publish: bool = False
    forecasters: list[str] = msgspec.field(default_factory=list)


class Marts(Section, frozen=True):
    """Building the marts by dbt.

    Attributes
    ----------
    dbt
        The program.
    directory
        For what dbt writes beside the marts: compiled statements, logs, documentation.
    threads
        Models that are built at once, a connection each.
    build_seconds
        How long a build may take.
    rainy_day_mm
        A day with at least so much is a rainy day.
    latest_days
        How far back the latest values are sought.
    timeliness_days
        Over how many days delays are counted.
    silent_hours
        A station that reported nothing for so long is silent, unless it usually reports less often.
    """

    dbt: str = "/opt/dbt/current/venv/bin/dbt"
    directory: str = "/var/lib/meteostream/marts"
    threads: int = 2
    build_seconds: float = 3000.0
    rainy_day_mm: float = 1.0
    latest_days: int = 7
    timeliness_days: int = 30
    silent_hours: float = 6.0

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if min(self.threads, self.build_seconds, self.latest_days, self.timeliness_days, self.silent_hours) <= 0:
            raise ValueError("threads, build_seconds, latest_days, timeliness_days and silent_hours must be positive")
        if self.rainy_day_mm < 0:
            raise ValueError("rainy_day_mm must not be negative")


class Exports(Section, frozen=True):
    """Files that are written by themselves, every day ('meteostream export daily').

    Attributes
    ----------
    directory
        Holds a folder a product (csv, wis2box, daycli), a file a day or month in it.
    country, stations
        All stations of a country, or those named.
    days
        So many days back, and the months they lie in, are written again: what came late is in them.
    language
        Of the CSV for people.
    """

    directory: str = "/var/lib/meteostream/exports"
    country: str = "SN"
    stations: list[str] = msgspec.field(default_factory=list)
    days: int = 3
    language: Literal["fr", "en"] = "fr"

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.days < 1:
            raise ValueError(f"days: expected 1 or more, found {self.days}")


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
    collect: Collect = msgspec.field(default_factory=Collect)
    etl: Etl = msgspec.field(default_factory=Etl)
    maintenance: Maintenance = Maintenance()
    gates: Gates = Gates()
    marts: Marts = Marts()
    exports: Exports = msgspec.field(default_factory=Exports)
    logging: Logging = Logging()
    quarantine: Quarantine = Quarantine()
    dropfolder: Dropfolder = Dropfolder()
    intake: Intake = msgspec.field(default_factory=Intake)
    alerts: Alerts = msgspec.field(default_factory=Alerts)

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
_ANY_KEY: Final = "[...]"
"""How msgspec writes the key of a mapping."""
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
    for part in filter(None, path.replace(_ANY_KEY, "*").split(".")):
        name = part.removesuffix("*")
        field = next((field for field in msgspec.structs.fields(kind) if field.name == name), None)
        kind = Kafka if part == "kafka" else field and field.type
        if part != name:  # a table of tables: what each of them is
            kind = get_args(kind)[1]
        if not (isinstance(kind, type) and issubclass(kind, Section)):
            return None
    return kind  # type: ignore[no-any-return]
