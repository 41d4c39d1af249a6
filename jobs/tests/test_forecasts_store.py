"""Forecasts in a real PostgreSQL, and all the way through a real broker."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import NewTopic

from kafka_broker import OBSERVATIONS, KafkaBroker, running_broker
from meteostream.collect.open_meteo import COLUMNS
from meteostream.config import Outbox, Settings, Warehouse
from meteostream.deadletter import DeadLetterProducer, list_letters, replay
from meteostream.delivery import deliver
from meteostream.forecasts.drafts import forecast_drafts
from meteostream.forecasts.store import Totals, store
from meteostream.forecasts.writer import QUERY, ForecastWriter, judge
from meteostream.registry import load_registry
from meteostream.sources.forecast import Forecast
from meteostream.sources.taf import read_taf
from meteostream.streams.positions import PositionError
from meteostream.warehouse.batch import BatchCounts
from meteostream.warehouse.connection import connect, conninfo
from postgres_server import PostgresServer
from weather_services import AviationWeather, OpenMeteo, Service

pytestmark = pytest.mark.postgres
STATION = "0-20000-0-61641"
TOPIC, DEAD = "weather.forecasts", "weather.forecasts.dlq"
RUN = str(uuid.uuid4())


@pytest.fixture
def warehouse(server: PostgresServer, database: str) -> Warehouse:
    return server.settings(database)


@pytest.fixture
def writer(warehouse: Warehouse) -> Iterator[ForecastWriter]:
    made = ForecastWriter(conninfo(warehouse, "test"), QUERY, patience_s=20)
    yield made
    made.close()


def ask(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    connection = connect(warehouse, "test")
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
    finally:
        connection.close()


class Record(NamedTuple):
    """A record as kafka-python gives it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def message(**members: Any) -> dict[str, Any]:
    return {
        "schema": "meteostream.forecast/1",
        "station": STATION,
        "model": "ecmwf_ifs025",
        "reference_time": "2026-11-25T00:00:00Z",
        "valid_time": "2026-11-25T06:00:00Z",
        "source": "open-meteo",
        "licence": "CC-BY-4.0",
        "received_at": "2026-11-25T07:10:00Z",
        "variables": {"air_temperature": 25.3, "rain_1h": None},
        **members,
    }


def records(*documents: dict[str, Any] | bytes, offset: int = 0) -> list[Record]:
    return [
        Record(
            TOPIC,
            0,
            offset + place,
            1_795_590_000_000,
            STATION.encode(),
            document if isinstance(document, bytes) else json.dumps(document).encode(),
            [],
        )
        for place, document in enumerate(documents)
    ]


def ends(counts: BatchCounts) -> tuple[int, int, int, int, int]:
    return counts.known, counts.accepted, counts.duplicate, counts.superseded, counts.dead


VALUES = "SELECT variable, value, licence FROM core.forecast ORDER BY variable"


def test_a_forecast_is_stored_with_its_source_and_licence(writer: ForecastWriter, warehouse: Warehouse) -> None:
    taf = message(model="taf", valid_until="2026-11-25T12:00:00Z", variables={"wind_variable": True, "visibility": 1e4})
    assert ends(writer.write(judge(records(message(), taf)), run=RUN, batch_id=0)) == (0, 2, 0, 0, 0)
    assert ask(warehouse, "SELECT model, variable, value, valid_until IS NULL FROM core.forecast ORDER BY 1, 2") == [
        ("ecmwf_ifs025", "air_temperature", 25.3, True),
        ("ecmwf_ifs025", "rain_1h", None, True),
        ("taf", "visibility", 10_000.0, False),
        ("taf", "wind_variable", 1.0, False),
    ]
    assert ask(warehouse, "SELECT count(*) FROM core.observation_event") == [(0,)], "no forecast is an observation"


def test_a_batch_that_comes_again_counts_nothing(writer: ForecastWriter, warehouse: Warehouse) -> None:
    """KF-123."""
    table = judge(records(message(), b"{"))
    assert ends(writer.write(table, run=RUN, batch_id=0)) == (0, 1, 0, 0, 1)
    assert ends(writer.write(table, run=RUN, batch_id=0)) == (2, 0, 0, 0, 0)
    assert ask(warehouse, "SELECT next_offset, missing FROM pipeline.stream_offset WHERE query = 'forecasts'") == [
        (2, 0)
    ]
    assert ask(warehouse, "SELECT kafka_offset, reason FROM pipeline.dead_letter") == [(1, "not_json")]


def test_what_is_collected_twice_counts_once(writer: ForecastWriter, warehouse: Warehouse) -> None:
    """KF-111: in one batch, and in a later one."""
    later = message(received_at="2026-11-25T08:00:00Z")
    assert ends(writer.write(judge(records(message(), later)), run=RUN, batch_id=0)) == (0, 1, 1, 0, 0)
    assert ends(writer.write(judge(records(later, offset=2)), run=RUN, batch_id=1)) == (0, 0, 1, 0, 0)
    assert ask(warehouse, "SELECT count(*) FROM core.forecast") == [(2,)]


def test_every_order_of_arrival_gives_the_same_values(server: PostgresServer, warehouse: Warehouse) -> None:
    """The latest reception wins, value by value; a value that a later message lacks stays."""
    versions = [
        message(received_at="2026-11-25T07:00:00Z", variables={"air_temperature": 1.0, "rain_1h": 0.0}),
        message(received_at="2026-11-25T08:00:00Z", variables={"air_temperature": 2.0}),
        message(received_at="2026-11-25T09:00:00Z", variables={"air_temperature": 1.0, "visibility": None}),
        message(received_at="2026-11-25T10:00:00Z", variables={"air_temperature": 1.0, "rain_1h": 0.0}),
    ]
    owner = connect(server.settings(warehouse.database, "warehouse"), "test")
    results = set()
    for number, order in enumerate(itertools.permutations(versions)):
        with owner, owner.cursor() as cursor:
            cursor.execute("TRUNCATE core.forecast, pipeline.stream_offset")
        writer = ForecastWriter(conninfo(warehouse, "test"), QUERY)
        cut = number % len(versions)  # some orders within one batch, some across two
        for batch_id, part in enumerate((order[:cut], order[cut:])):
            if part:
                writer.write(judge(records(*part, offset=cut * batch_id)), run=str(uuid.uuid4()), batch_id=batch_id)
        writer.close()
        results.add(tuple(ask(warehouse, VALUES)))
    assert results == {
        (("air_temperature", 1.0, "CC-BY-4.0"), ("rain_1h", 0.0, "CC-BY-4.0"), ("visibility", None, "CC-BY-4.0"))
    }


def test_an_older_reception_is_superseded(writer: ForecastWriter, warehouse: Warehouse) -> None:
    old = message(received_at="2026-11-25T06:59:00Z", variables={"air_temperature": 9.0})
    assert ends(writer.write(judge(records(message())), run=RUN, batch_id=0)) == (0, 1, 0, 0, 0)
    assert ends(writer.write(judge(records(old, offset=1)), run=RUN, batch_id=1)) == (0, 0, 0, 1, 0)
    assert ask(warehouse, VALUES)[0][:2] == ("air_temperature", 25.3)


def test_runs_stay_beside_each_other_and_the_latest_is_found(writer: ForecastWriter, warehouse: Warehouse) -> None:
    early = message(reference_time="2026-11-24T12:00:00Z", variables={"air_temperature": 20.0})
    writer.write(judge(records(message(), early)), run=RUN, batch_id=0)
    assert ask(warehouse, "SELECT count(*) FROM core.forecast WHERE variable = 'air_temperature'") == [(2,)]
    query = "SELECT value FROM core.forecast_latest WHERE variable = 'air_temperature' AND valid_time < '2026-11-26'"
    assert ask(warehouse, query) == [(25.3,)]


# --- TAF ---

ROUTINE = "TAF GOOY 250500Z 2506/2612 36010KT 9999 FEW020 BECMG 2514/2516 27012KT TEMPO 2518/2520 4000"
NEXT = "TAF GOOY 251100Z 2512/2618 33008KT 8000 FEW020"
AMENDED = "TAF AMD GOOY 250910Z 2509/2612 18015KT 3000 DU OVC040"
CANCELLED = "TAF AMD GOOY 251000Z 2510/2612 CNL"
CORRECTED = "TAF COR GOOY 250500Z 2506/2612 36010KT 9999 FEW020 BECMG 2515/2517 27012KT"
AFTER = "TAF GOOY 251300Z 2513/2612 20005KT CAVOK"


def receive(writer: ForecastWriter, *texts: str) -> None:
    """Collect TAF a minute after another, in this order, each in a batch of its own."""
    offset = 0
    for number, text in enumerate(texts):
        found = list(read_taf(text, load_registry(), reference=datetime(2026, 11, 25, 12, tzinfo=UTC)))
        rows = [one for one in found if isinstance(one, Forecast)]
        assert rows
        assert len(rows) == len(found)
        received_at = f"2026-11-25T13:{number + 10:02d}:00Z"
        entries = forecast_drafts(
            rows, source="taf", licence="public-domain", received_at=received_at, topic=TOPIC, text=text
        )
        made = records(*(entry.value.encode() for entry in entries), offset=offset)
        table = judge([record._replace(key=rows[0].station.encode()) for record in made])
        offset += table.num_rows
        assert writer.write(table, run=RUN, batch_id=number).dead == 0


def in_force(warehouse: Warehouse, variable: str, model: str = "taf") -> list[tuple[str, str, float]]:
    """Spans of a variable as day, hour and minute of their begins and ends, with the value."""
    form = "'DDHH24MI'"
    query = (
        f"SELECT to_char(valid_time AT TIME ZONE 'UTC', {form}), to_char(valid_until AT TIME ZONE 'UTC', {form}), "  # noqa: S608 - ours
        f"value FROM core.taf_in_force WHERE variable = '{variable}' AND model = '{model}' ORDER BY valid_time"
    )
    return ask(warehouse, query)  # type: ignore[return-value]  # the columns of the query


@pytest.mark.parametrize(
    ("texts", "directions"),
    [
        ([ROUTINE], [("250600", "251400", 360.0), ("251600", "261200", 270.0)]),
        ([ROUTINE, CANCELLED], [("250600", "251000", 360.0)]),
        ([ROUTINE, NEXT], [("250600", "251200", 360.0), ("251200", "261800", 330.0)]),
        ([ROUTINE, AMENDED], [("250600", "250910", 360.0), ("250910", "261200", 180.0)]),
        ([ROUTINE, AMENDED, CANCELLED], [("250600", "250910", 360.0), ("250910", "251000", 180.0)]),
        ([ROUTINE, CANCELLED, AFTER], [("250600", "251000", 360.0), ("251300", "261200", 200.0)]),
        ([ROUTINE, CORRECTED], [("250600", "251500", 360.0), ("251700", "261200", 270.0)]),
        ([ROUTINE, CORRECTED, CANCELLED], [("250600", "251000", 360.0)]),
    ],
    ids=["alone", "cancelled", "next", "amended", "amended-cancelled", "issued-again", "corrected", "corrected-too"],
)  # fmt: skip
def test_a_later_taf_ends_what_earlier_ones_said(
    writer: ForecastWriter, warehouse: Warehouse, texts: list[str], directions: list[tuple[str, str, float]]
) -> None:
    """A cancellation too, and nothing is ever deleted."""
    receive(writer, *texts)
    assert in_force(warehouse, "wind_direction") == directions
    (stored,) = ask(warehouse, "SELECT count(DISTINCT reference_time) FROM core.forecast")
    assert stored == (len({text.replace(" AMD", "").replace(" COR", "")[:16] for text in texts}),)
    assert ask(warehouse, "SELECT count(*) FROM core.forecast_latest") == [(0,)], "no TAF is taken for a model's run"


def test_what_is_temporary_ends_with_its_taf(writer: ForecastWriter, warehouse: Warehouse) -> None:
    receive(writer, ROUTINE)
    assert in_force(warehouse, "visibility", "taf-tempo") == [("251800", "252000", 4000.0)]
    receive(writer, ROUTINE, CANCELLED)
    assert in_force(warehouse, "visibility", "taf-tempo") == []


def test_a_temperature_of_an_hour_ends_with_its_taf(writer: ForecastWriter, warehouse: Warehouse) -> None:
    receive(writer, f"{ROUTINE} TX29/2515Z TX28/2508Z")
    assert in_force(warehouse, "air_temperature") == [("250800", None, 28.0), ("251500", None, 29.0)]
    receive(writer, f"{ROUTINE} TX29/2515Z TX28/2508Z", CANCELLED)
    assert in_force(warehouse, "air_temperature") == [("250800", None, 28.0)]


def test_every_order_of_arrival_has_the_same_taf_in_force(server: PostgresServer, database: str) -> None:
    """A bulletin that was delayed, or collected twice, does not make an ended one valid again."""
    seen = set()
    with closing(connect(server.settings(database, "warehouse"), "test")) as owner:
        for order in itertools.permutations([ROUTINE, AMENDED, CANCELLED, AFTER]):
            with owner, owner.cursor() as cursor:
                cursor.execute("TRUNCATE core.forecast, pipeline.stream_offset")
            writer = ForecastWriter(conninfo(server.settings(database), "test"), QUERY)
            receive(writer, *order, order[0])
            writer.close()
            seen.add(tuple(in_force(server.settings(database), "visibility")))
    assert seen == {
        (("250600", "250910", 10_000.0), ("250910", "251000", 3000.0), ("251300", "261200", 10_000.0)),
    }  # fmt: skip


def test_stations_end_only_their_own_taf(writer: ForecastWriter, warehouse: Warehouse) -> None:
    receive(writer, ROUTINE, CANCELLED.replace("GOOY", "GOBD"))
    assert len(in_force(warehouse, "wind_direction")) == 2


def test_years_get_their_partitions(writer: ForecastWriter, warehouse: Warehouse) -> None:
    moments = [f"{year}-07-01T00:00:00Z" for year in (1950, 1999, 2026)]
    documents = [message(reference_time=moment, valid_time=moment) for moment in moments]
    writer.write(judge(records(*documents)), run=RUN, batch_id=0)
    found = ask(warehouse, "SELECT DISTINCT tableoid::regclass::text FROM core.forecast ORDER BY 1")
    assert found == [("core.forecast_1950",), ("core.forecast_1999",), ("core.forecast_2026",)]


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reader", "INSERT INTO core.forecast SELECT * FROM core.forecast"),
        ("pipeline", "DELETE FROM core.forecast"),
        ("reader", "SELECT core.ensure_forecast_partitions(ARRAY[1900])"),
        ("pipeline", "SELECT core.make_year_partitions(ARRAY['station'], ARRAY[1900])"),
    ],
)
def test_a_role_may_do_no_more_than_its_work(
    server: PostgresServer, warehouse: Warehouse, role: str, statement: str
) -> None:
    cursor = connect(server.settings(warehouse.database, role), "test").cursor()
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(statement)


# --- Through a broker ---


class Place(NamedTuple):
    settings: Settings
    broker: KafkaBroker
    folder: Path


@pytest.fixture
def place(tmp_path: Path, warehouse: Warehouse) -> Iterator[Place]:
    outbox = Outbox(directory=str(tmp_path / "outbox"))
    with running_broker({TOPIC: 4, DEAD: 1}) as broker:
        yield Place(Settings(kafka=broker.settings, warehouse=warehouse, outbox=outbox), broker, tmp_path)


def send(place: Place, hours: int, *, day: int = 25, value: float = 20.0) -> None:
    rows = [
        Forecast(
            f"0-20000-0-{61600 + hour % 5}",
            "era5",
            moment := f"2026-11-{day}T{hour % 24:02d}:00:00Z",
            moment,
            "air_temperature",
            value + hour,
            "degC",
        )
        for hour in range(hours)
    ]
    entries = forecast_drafts(
        rows, source="open-meteo-archive", licence="CC-BY-4.0", received_at=f"2026-11-{day + 1}T00:00:00Z", topic=TOPIC
    )
    deliver(
        place.settings,
        "forecasts/collect-open-meteo-archive",
        entries,
        stopping=threading.Event(),
        resume="meteostream collect open-meteo-archive",
        resend=False,
        patience_s=60,
    )


def run(place: Place, **options: Any) -> Totals:
    return store(place.settings, stopping=threading.Event(), **options)


def meteostream(settings: Path, *arguments: str) -> str:
    """A command in a process of its own; gives what it printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "meteostream", "--config", str(settings), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.kafka
def test_commands_collect_and_store_and_repeat_without_harm(place: Place) -> None:
    """KF-111: METAR to the observations, a forecast to its table, each collected twice by overlapping runs."""
    place.broker.create_topics(OBSERVATIONS)
    with Service().running() as service:
        awc, now = AviationWeather(service), int(time.time())
        for number in range(4):
            moment = now - now % 1800 - 1800 * number
            awc.add(
                "GOOY", f"METAR GOOY {datetime.fromtimestamp(moment, UTC):%d%H%M}Z 36010KT 9999 24/17 Q1013", moment
            )
        fake = OpenMeteo(service, time.time)
        fake.run = now - 30_000 - (now - 30_000) % 3600
        warehouse = place.settings.warehouse
        settings = place.folder / "meteostream.toml"
        settings.write_text(
            f'{place.broker.toml()}\n[outbox]\ndirectory = "{place.folder}/outbox"\n'
            f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {warehouse.port}\ndatabase = "{warehouse.database}"\n'
            f'password = "{warehouse.password}"\n[collect]\ndirectory = "{place.folder}/collect"\n'
            f'[collect.aviation]\nbase_url = "{service.url}"\n[collect.open_meteo]\nbase_url = "{service.url}"\n'
        )
        for _ in range(2):
            assert "metar: 4 messages (4 distinct) acknowledged by the brokers" in meteostream(
                settings, "collect", "metar", "--stations", "GOOY"
            )
        assert len({headers["event_id"] for *_, headers in place.broker.records()}) == 4
        first = meteostream(settings, "collect", "open-meteo", "--stations", "GOOY")
        stored = json.loads(meteostream(settings, "forecasts", "store", "--json"))
        assert stored["accepted"] > 100
        assert f"open-meteo: {stored['accepted']} messages" in first
        meteostream(settings, "collect", "open-meteo", "--stations", "GOOY")
        again = json.loads(meteostream(settings, "forecasts", "store", "--json"))
        assert (again["accepted"], again["duplicate"]) == (0, stored["accepted"])
    (count,) = ask(place.settings.warehouse, "SELECT count(*), count(DISTINCT valid_time) FROM core.forecast")
    assert count == (stored["accepted"] * len(COLUMNS), stored["accepted"])


@pytest.mark.kafka
def test_what_was_collected_reaches_the_warehouse_once(place: Place) -> None:
    """KF-111, KF-126: two runs, poison between them, a replayed dead letter, and a topic that was made again."""
    assert run(place) == Totals()
    send(place, 24)
    first = run(place)
    assert (first.received, first.accepted, first.dead) == (24, 24, 0)
    assert run(place) == Totals(), "the position is the warehouse's"
    producer = DeadLetterProducer(place.settings.need_kafka(), DEAD)
    producer.send_all(TOPIC, [(b"x", b"poison", []), (b"x", None, [])])
    send(place, 24, day=26)
    second = run(place)
    assert (second.received, second.accepted, second.dead) == (26, 24, 2)
    consumer = KafkaConsumer(DEAD, **place.broker._client(), auto_offset_reset="earliest", consumer_timeout_ms=4000)
    assert sorted(dict(record.headers)["reason"] for record in consumer) == [b"not_json", b"tombstone"]
    consumer.close()
    connection = connect(place.settings.warehouse, "test")
    letters = list_letters(connection)
    replay(connection, producer, "weather.observations", letters, home=frozenset({TOPIC}))
    producer.close()
    again = run(place)
    assert (again.received, again.dead) == (2, 2), "a forecast's dead letter goes back to the forecasts"
    assert ask(place.settings.warehouse, "SELECT count(*) FROM core.forecast") == [(48,)]
    admin = KafkaAdminClient(**place.broker._client())
    admin.delete_topics([TOPIC])
    admin.create_topics([NewTopic(TOPIC, num_partitions=4, replication_factor=1)])
    admin.close()
    send(place, 24, day=27)
    with pytest.raises(PositionError, match="--accept-loss"):
        run(place)
    assert run(place, accept_loss=True).accepted == 24
    assert ask(place.settings.warehouse, "SELECT count(*) FROM core.forecast") == [(72,)]
