# ruff: noqa: PLC0415 - Spark is unpacked by the fixture, so what needs it is imported after it
"""The commands as an operator gives them, with real parts: decide, undo, etl, maintain; Kafka, a lake, a warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from kafka_broker import KafkaBroker, running_broker
from meteostream.cli import group
from meteostream.warehouse.connection import connect
from postgres_server import PostgresServer
from support_lake import BronzeWriter, lake_session
from support_reports import STATION, report

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.spark]

DECISIONS = "weather.decisions"
AT = "2026-03-10T12:00:00Z"
ABOUT = ["--station", "GOOY", "--at", AT, "--source", "test", "--type", "aws", "--variable", "air_temperature"]
WHO = ["--by", "A. Diop", "--because", "the station's book"]


class Place(NamedTuple):
    broker: KafkaBroker
    server: PostgresServer
    database: str
    config: Path

    def run(self, *arguments: str, fails: bool = False) -> str:
        result = CliRunner().invoke(group, ["--config", str(self.config), *arguments])
        assert (result.exit_code != 0) is fails, (result.output, result.exception)
        return result.output

    def settings(self) -> Any:
        from meteostream.config import load_settings

        return load_settings(self.config)


@pytest.fixture(scope="module")
def place(server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("commands")
    config = folder / "meteostream.toml"
    with running_broker({DECISIONS: 1}) as broker, server.migrated() as database:
        config.write_text(
            f'{broker.toml()}\n[lake]\nuri = "file:{folder}/lake"\n[outbox]\ndirectory = "{folder}/outbox"\n'
            f'[etl]\nshuffle_partitions = 2\n[warehouse]\nhosts = ["127.0.0.1"]\nport = {server.port}\n'
            f'database = "{database}"\nuser = "pipeline"\npassword = "{server.password}"\n'
        )
        made = Place(broker, server, database, config)
        spark = lake_session(made.settings())
        BronzeWriter(spark).append(
            [
                report({"air_temperature": 20.0}, observed_at=AT),
                report({"air_temperature": 21.0}, observed_at="2026-03-10T13:00:00Z"),
            ]
        )
        spark.stop()
        yield made


def published(place: Place) -> list[tuple[Any, ...]]:
    connection = connect(place.server.settings(place.database, "reader"), "test")
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT value, version, flag FROM gold.hourly WHERE station = %s AND variable = 'air_temperature' "
            "ORDER BY period_end",
            (STATION,),
        )
        rows = list(cursor.fetchall())
    connection.close()
    return rows


def test_from_bronze_to_the_warehouse(place: Place) -> None:
    assert "silver: 2 events added, 0 decisions" in place.run("etl", "silver")
    assert "gate silver passed" in place.run("gate", "silver")
    assert "rows changed" in place.run("etl", "gold")
    assert published(place) == []  # a gate may stand between
    assert "published 1 runs" in place.run("etl", "publish")
    assert published(place) == [(20.0, 1, 1), (21.0, 1, 1)]


def test_a_decision_goes_through_the_outbox_and_is_taken_back(place: Place) -> None:
    (made,) = place.run("decide", "replace", *ABOUT, "--value", "24.6", *WHO).splitlines()[-1:]
    assert "0 events added, 1 decisions" in place.run("etl", "silver")
    place.run("etl", "gold")
    place.run("etl", "publish")
    assert published(place) == [(24.6, 2, 1), (21.0, 1, 1)]
    place.run("undo", made, *WHO)
    place.run("etl", "silver")
    place.run("etl", "gold")
    place.run("etl", "publish")
    assert published(place) == [(20.0, 3, 1), (21.0, 1, 1)]
    assert "0 events added, 0 decisions" in place.run("etl", "silver")
    assert "gold: nothing new" in place.run("etl", "gold")
    assert "published 0 runs" in place.run("etl", "publish")


def test_a_message_that_breaks_the_contract_is_kept_and_not_applied(place: Place) -> None:
    """KF-126: it stops nothing."""
    producer = KafkaProducer(**place.broker._client(), acks="all")
    producer.send(DECISIONS, key=b"x", value=b'{"schema": "meteostream.decision/1"}')
    producer.flush()
    producer.close()
    assert "0 events added, 1 decisions" in place.run("etl", "silver")
    assert "gold: nothing new" in place.run("etl", "gold")
    spark = lake_session(place.settings())
    rows = (
        spark.table("lake.weather.decisions").select("dead_detail", "value").where("dead_detail IS NOT NULL").collect()
    )
    assert [bytes(row["value"]) for row in rows] == [b'{"schema": "meteostream.decision/1"}']
    assert "decision_id" in rows[0]["dead_detail"]
    spark.stop()


def test_a_backfill_and_the_maintenance_leave_everything_as_it_is(place: Place) -> None:
    before = published(place)
    days = ["--from", "2026-03-01", "--to", "2026-03-31", "--name", "march"]
    assert "1 slices computed, 0 rows changed" in place.run("etl", "backfill", *days)
    assert "0 slices computed, 0 rows changed, 1 were done before" in place.run("etl", "backfill", *days)
    for name in ("compact", "expire", "orphans"):
        assert "lake.weather.silver" in place.run("maintain", name)
    assert "gold: nothing new" in place.run("etl", "gold")
    place.run("etl", "publish")
    assert published(place) == before


def test_decisions_that_kafka_deleted_before_they_were_read_are_told(place: Place) -> None:
    place.run("decide", "reject", *ABOUT, *WHO)
    admin = KafkaAdminClient(**place.broker._client())
    admin.delete_records({TopicPartition(DECISIONS, 0): -1})
    admin.close()
    output = place.run("etl", "silver", fails=True)
    assert "were deleted by Kafka's retention before they were read" in output
    assert "Traceback" not in output
