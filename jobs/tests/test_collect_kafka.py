"""Collectors through a real broker: from a service's answer to messages, by the command that a DAG starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from kafka_broker import OBSERVATIONS, KafkaBroker, running_broker
from meteostream.cli import group
from meteostream.collect.state import read_state
from meteostream.contract import decode_message
from test_bufr import message, numbered
from test_collect_sources import PAGE, PERMISSION, PROFILE
from test_tables import SQL, TOA5
from weather_services import OgimetService, Reply, Service, Wis2Node

pytestmark = pytest.mark.kafka
DAKAR, KEDOUGOU, THIES = "0-20000-0-61641", "0-20000-0-61699", "0-20000-0-61654"
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
SYNOP = f"AAXX {NOW:%d%H}1 61641 41598 20308 10243 20171 30101 40134"
NIGHT = f"AAXX {NOW - timedelta(hours=1):%d%H}1 61641 41598 20308 10200 20171 30101 40134"


class Place(NamedTuple):
    broker: KafkaBroker
    service: Service
    ogimet: OgimetService
    node: Wis2Node
    folder: Path
    settings: Path


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with running_broker(OBSERVATIONS) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, broker: KafkaBroker) -> Iterator[Place]:
    with Service().running() as service:
        settings = tmp_path / "meteostream.toml"
        settings.write_text(
            f'{broker.toml()}\n[outbox]\ndirectory = "{tmp_path}/outbox"\n[quarantine]\ndirectory = "{tmp_path}/held"\n'
            f'[collect]\ndirectory = "{tmp_path}/state"\nsources = "{tmp_path}/sources"\nattempts = 1\n'
            f'[collect.ogimet]\nbase_url = "{service.url}"\nquota = {{ per_minute = 600 }}\n'
            f'[collect.wis2]\nbase_url = "{service.url}/oapi"\n'
        )
        (tmp_path / "sources").mkdir()
        yield Place(broker, service, OgimetService(service), Wis2Node(service), tmp_path, settings)


def collect(place: Place, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(place.settings), "collect", *arguments])


def arrived(place: Place, source: str) -> dict[str, tuple[str, str, dict[str, float | bool | None]]]:
    """Different events of a source: station, time and values, each valid by the contract."""
    found = {}
    for _, key, value, headers in place.broker.records():
        report = decode_message(value, key)
        if report.source == source:
            assert report.raw
            found[headers["event_id"].decode()] = (report.station, report.observed_at, report.values())
    return found


def test_synop_and_bufr_arrive_once_however_often_they_are_collected(place: Place) -> None:
    """KF-111: overlapping runs."""
    place.ogimet.add(int(NOW.timestamp()), SYNOP)
    when = {
        "#1#year": NOW.year, "#1#month": NOW.month, "#1#day": NOW.day, "#1#hour": NOW.hour, "#1#minute": 0,
        "#1#windSpeed": 1.5, "#1#windDirection": 0,
    }  # fmt: skip
    place.node.publish(message({**numbered(), **when}), f"{NOW:%Y-%m-%dT%H:%M:%SZ}", station=DAKAR)
    for _ in range(2):
        for source in ("synop", "bufr"):
            result = collect(place, source)
            assert result.exit_code == 0, result.output
            assert f"{source}: 1 messages (1 distinct) acknowledged by the brokers" in result.output
    time = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    ((station, observed_at, values),) = arrived(place, "synop").values()
    assert (station, observed_at, values["air_temperature"], values["sea_level_pressure"]) == (
        DAKAR,
        time,
        24.3,
        1013.4,
    )
    ((station, observed_at, values),) = arrived(place, "bufr").values()
    assert (station, observed_at, values["air_temperature"]) == (DAKAR, time, 24.3)
    assert (values["wind_mean_10min"], values["wind_direction"], values["wind_variable"]) == (1.5, None, True)


def test_what_is_declared_arrives_from_a_page_a_logger_and_a_database(place: Place) -> None:
    """A page with its permission, a logger's TOA5 and a Climsoft export over HTTP, by one command for all of them."""
    sources, url = place.folder / "sources", place.service.url
    declaration = (
        f'kind = "html"\ntitle = "Bulletin"\nurl = "{url}/bulletin.html"\nprofile = "columns.toml"\n[page]\n'
        'table = "table#synop"\nheader_rows = 2\nskip = "tr.total"\ntime = "p.date"\n'
        "time_pattern = '(\\d{2}/\\d{2}/\\d{4}) à (\\d{2})h'\n"
    )
    (sources / "columns.toml").write_text(PROFILE)
    (sources / "bulletin.toml").write_text(declaration)
    for name, profile in (("logger", "campbell"), ("database", "climsoft-sql")):
        text = f'kind = "csv"\ntitle = "{name}"\nurl = "{url}/{name}"\nprofile = "{profile}"\n'
        (sources / f"{name}.toml").write_text(text)
    place.service.answer("/bulletin.html", Reply(200, PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"}))
    place.service.answer("/logger", Reply(200, TOA5.encode()))
    place.service.answer("/database", Reply(200, SQL.encode()))
    first = collect(place, "--declared")
    assert first.exit_code == 0, first.output
    assert "bulletin: scraping is off until the owner's permission is recorded" in first.output
    assert arrived(place, "bulletin") == {}
    assert "/bulletin.html" not in place.service.paths()
    (sources / "bulletin.toml").write_text(declaration + PERMISSION)
    for _ in range(2):
        again = collect(place, "--declared")
        assert again.exit_code == 0, again.output
    assert {(station, values["rain_24h"]) for station, _, values in arrived(place, "bulletin").values()} == {
        (KEDOUGOU, 0.0), (DAKAR, None),
    }  # fmt: skip
    assert "Atlantis" in again.output, "a station that nobody registered is told"
    assert {values.get("rain_1h") for _, _, values in arrived(place, "logger").values()} == {None, 12.4}
    assert {(station, time[:10]) for station, time, _ in arrived(place, "database").values()} == {
        (THIES, "2026-08-25"), (THIES, "2026-08-26"), (DAKAR, "2026-08-25"),
    }  # fmt: skip


def test_a_service_that_was_away_is_asked_again_for_the_same_window(place: Place) -> None:
    """Exit code 1 and one sentence; the next run reaches back to where the last whole one ended: nothing is lost."""
    place.ogimet.add(int(NOW.timestamp()), SYNOP)
    route = place.service.routes["/cgi-bin/getsynop"]
    assert collect(place, "synop").exit_code == 0
    until = read_state(place.folder / "state", "synop").until
    assert until is not None
    place.service.answer("/cgi-bin/getsynop", Reply(503, b"busy"))
    failed = collect(place, "synop")
    assert failed.exit_code == 1
    assert "503" in str(failed.exception)
    assert read_state(place.folder / "state", "synop").until == until
    place.service.routes["/cgi-bin/getsynop"] = route
    place.ogimet.add(int(NOW.timestamp()) - 3600, NIGHT)
    assert collect(place, "synop").exit_code == 0
    assert {values["air_temperature"] for _, _, values in arrived(place, "synop").values()} >= {24.3, 20.0}
    begins = [asked.query["begin"] for asked in place.service.asked]
    assert begins[-1] <= f"{until - timedelta(hours=1):%Y%m%d%H%M}"
