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
from meteostream.sources.formats import FORMATS, reading
from meteostream.sources.profile import shipped
from support_settings import settings_file
from test_bufr import message, numbered
from test_dropfolder import GOOD, UNKNOWN
from test_noaa import GHCNH, OP_HEADER, dly, ghcnh_row, isd_line, op_line
from test_tables import AWS, LONG, SQL, TOA5, WIDE

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


NYC = (
    "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
    "JFK,2013,1,1,1,39.02,26.06,59.37,270,10.35702,NA,0,1012,10,2013-01-01T06:00:00Z\n"
)
DAKAR, THIES, JFK = "0-20000-0-61641", "0-20000-0-61654", "0-20000-0-74486"
SAMPLES: dict[str, tuple[bytes, str, dict[str, float | bool | None]]] = {
    # A file of each format and profile; the station of its first report, and some of that report's values.
    "isd": (f"{isd_line()}\n".encode(), DAKAR, {"air_temperature": 28.7, "sea_level_pressure": 1012.5}),
    "ghcnh": (f"{'|'.join(GHCNH)}\n{ghcnh_row()}".encode(), DAKAR, {"air_temperature": 28.7}),
    "gsod": (f"{OP_HEADER}\n{op_line()}\n".encode(), DAKAR, {"rain_24h": 32.004}),
    "ghcn-daily": (f"{dly('PRCP', {1: '  123  S'})}\n".encode(), DAKAR, {"rain_24h": 12.3}),
    "metar": (b"METAR GOOY 250600Z 36010KT 9999 FEW020 24/17 Q1013=\n", DAKAR, {"air_temperature": 24.0}),
    "synop": (b"AAXX 25061 61641 41598 20308 10243 20171 40134=\n", DAKAR, {"sea_level_pressure": 1013.4}),
    "bufr": (message(numbered(windSpeed=1.5, windDirection=0)), DAKAR, {"wind_direction": None, "wind_variable": True}),
    "campbell": (TOA5.encode(), THIES, {"air_temperature": 27.0, "station_pressure": 1004.2}),
    "aws": (AWS.encode(), THIES, {"air_temperature": 26.5, "rain_1h": 12.4}),
    "climsoft-long": (LONG.encode(), DAKAR, {"air_temperature": 27.5}),
    "climsoft-wide": (WIDE.encode(), THIES, {"tmax_24h": 33.1, "rain_24h": 12.4}),
    "climsoft-sql": (SQL.encode(), THIES, {"rain_24h": 12.4}),
    "csv-fr": (GOOD, "0-20000-0-61699", {"air_temperature": 30.1, "wind_mean_10min": 3.5}),
    "nycflights13": (NYC.encode(), JFK, {"air_temperature": 3.9, "wind_direction": 270.0}),
}
MONTHS = {"metar": "2026-11", "synop": "2026-11"}


def test_a_file_of_every_format_and_profile_arrives_with_its_values(tmp_path: Path, broker: KafkaBroker) -> None:
    """From a file in the drop folder to a message that the contract accepts, whoever wrote it."""
    assert set(SAMPLES) == {*FORMATS, *shipped()}, "a new format or profile needs a sample"
    settings = settings_file(tmp_path, kafka=broker.toml())
    for name, (content, *_) in SAMPLES.items():
        folder = tmp_path / "drop/incoming" / name / MONTHS.get(name, "")
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(content)
        os.utime(folder / "file", (1e9, 1e9))
    before = len(broker.records())
    result = run(settings, "dropfolder", "--json")
    assert result.exit_code == 0, result.output
    outcomes = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(one["name"].split("/")[0], one["state"]) for one in outcomes} == {(name, "accepted") for name in SAMPLES}
    records = [decode_message(value, key) for _, key, value, _ in broker.records()]
    assert len(records) == before + sum(one["reports"] for one in outcomes)
    for name, (_, station, expected) in SAMPLES.items():
        source = reading(name).source
        first = min(
            (one for one in records if (one.source, one.station) == (source, station)), key=lambda one: one.observed_at
        )
        values = first.values()
        assert {variable: values[variable] for variable in expected} == pytest.approx(expected), name
        assert first.raw, f"{name}: the raw record is kept"


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
