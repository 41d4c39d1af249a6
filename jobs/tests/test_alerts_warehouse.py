"""Alerts out of a real PostgreSQL, as the command of the role that only reads: observations in, drafts out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from meteostream.alerts.episodes import Place
from meteostream.alerts.look import Key
from meteostream.alerts.observations import read_observations
from meteostream.alerts.rules import load_rules
from postgres_server import PostgresServer
from support_reports import report
from support_warehouse import Platform

pytestmark = pytest.mark.postgres
YOFF, TWIN = "0-20000-0-61641", "0-0-0-SIM61641"


class Alerts:
    """The command of alerts on a warehouse."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.reports = platform.reports

    def run(self, *arguments: str) -> str:
        done = self.platform.run("alerts", *arguments, more=f'[alerts]\ndirectory = "{self.platform.folder}/alerts"\n')
        assert done.exit_code == 0, done.exception
        return done.output

    def documents(self) -> list[etree._Element]:
        return [etree.parse(file).getroot() for file in sorted((self.platform.folder / "alerts/messages").iterdir())]


@pytest.fixture
def alerts(server: PostgresServer, tmp_path: Path) -> Alerts:
    return Alerts(Platform.make(server, tmp_path))


def at(hour: int, variables: dict[str, Any], minute: int = 0, **others: Any) -> tuple[bytes, bytes]:
    moment = f"2026-05-03T{hour:02d}:{minute:02d}"
    return report(variables, observed_at=f"{moment}:00Z", received_at=f"{moment}:20Z", **others)


def test_a_hot_afternoon_is_an_alert_an_update_and_a_cancel(alerts: Alerts) -> None:
    """The shipped rule: two readings of 43 degC, 12 hours below 41 degC."""
    alerts.reports(
        at(12, {"air_temperature": 42.0}), at(13, {"air_temperature": 43.2}), at(14, {"air_temperature": 43.9})
    )
    assert "Draft Alert heat\n1 drafts, 1 stations" in alerts.run("evaluate", "--at", "2026-05-03T14:05:00Z")
    assert "0 drafts" in alerts.run("evaluate", "--at", "2026-05-03T14:15:00Z")
    alerts.reports(at(15, {"air_temperature": 45.0}))
    assert "Draft Update heat" in alerts.run("evaluate", "--at", "2026-05-03T15:05:00Z")
    alerts.reports(at(18, {"air_temperature": 40.0}))
    alerts.run("evaluate", "--at", "2026-05-03T18:05:00Z")
    alerts.reports(*(at(hour, {"air_temperature": 35.0}) for hour in (19, 20, 21, 22, 23)))
    alerts.reports(
        report({"air_temperature": 30.0}, observed_at="2026-05-04T06:00:00Z", received_at="2026-05-04T06:01:00Z")
    )
    assert "Draft Cancel heat" in alerts.run("evaluate", "--at", "2026-05-04T06:05:00Z")
    kinds = [root.findtext("{*}msgType") for root in alerts.documents()]
    assert kinds == ["Alert", "Update", "Update", "Cancel"]
    assert "no" in alerts.run("list", "--all").splitlines()[1]


def test_what_failed_the_quality_control_warns_nobody(alerts: Alerts) -> None:
    alerts.reports(at(12, {"air_temperature": 95.0}), at(13, {"air_temperature": 95.0}))
    assert "0 drafts" in alerts.run("evaluate", "--at", "2026-05-03T13:05:00Z")


def test_simulated_heat_is_an_exercise_beside_the_observed_one(alerts: Alerts) -> None:
    hot = {"air_temperature": 44.0}
    alerts.reports(*(at(hour, hot, station=station) for hour in (12, 13) for station in (YOFF, TWIN)))
    output = alerts.run("evaluate", "--at", "2026-05-03T13:05:00Z")
    assert "Draft Alert heat" in output
    assert "Exercise Alert heat" in output
    assert sorted(root.findtext("{*}status") or "" for root in alerts.documents()) == ["Draft", "Exercise"]


def test_a_station_that_went_silent_days_ago_is_told_at_the_first_look(alerts: Alerts) -> None:
    """KF-109: silent for 13 days, and nobody knew."""
    alerts.reports(at(12, {"air_temperature": 30.0}), at(12, {"air_temperature": 30.0}, station="0-20000-0-61600"))
    alerts.reports(
        report({"air_temperature": 30.0}, observed_at="2026-05-16T11:00:00Z", received_at="2026-05-16T11:00:20Z")
    )
    assert "Draft Alert sensor-silent" in alerts.run("evaluate", "--at", "2026-05-16T12:00:00Z")
    (document,) = alerts.documents()
    assert document.findtext("{*}info/{*}headline") == "Saint-Louis ne transmet plus depuis 312 h"


def test_of_several_sources_the_first_by_name_counts(alerts: Alerts) -> None:
    alerts.reports(
        at(12, {"air_temperature": 31.0}, source="b"),
        at(12, {"air_temperature": 30.0}, source="a"),
        at(12, {"relative_humidity": 50.0}, source="aa"),
        at(12, {"air_temperature": None}, source="0"),
        at(12, {"air_temperature": 29.0}, source="bench"),
    )
    now = datetime(2026, 5, 3, 12, 5, tzinfo=UTC)
    with alerts.platform.reader() as connection:
        found = read_observations(connection, load_rules(None), now - timedelta(hours=2), now)
    assert [reading.value for reading in found[Key(Place(YOFF, "observed"), "air_temperature")]] == [30.0]
    assert len(found[Key(Place(YOFF, "observed"), None)]) == 1
