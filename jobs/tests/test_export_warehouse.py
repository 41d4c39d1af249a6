"""Exports out of a real PostgreSQL, as commands: what is written, what is refused, and what stays out."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from meteostream import config
from meteostream.cli import group
from meteostream.contract.variables import ALL
from meteostream.export import daycli, wis2box
from meteostream.export.people import people_header
from meteostream.export.reports import Chosen, find_reports, stream_reports
from meteostream.export.routine import export_daily
from meteostream.export.selection import Selection, snapshot
from meteostream.registry import load_registry
from meteostream.sources.profile import Licence
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import connect, conninfo
from meteostream.warehouse.dimensions import load_dimensions
from meteostream.warehouse.stations import load_stations
from postgres_server import PostgresServer
from support_export import licence, licences
from support_gold import REAL, RUN, TWIN, Gold, insert_gold, insert_hours, rain
from support_reports import judged, report

pytestmark = pytest.mark.postgres
OTHER = "0-20000-0-61600"
OPEN = Licence(name="CC-BY-4.0", attribution="ANACIM", commercial_use=False, redistribute=True)
CLOSED = Licence(name="unknown", attribution="unknown")
DRILL = Licence(name="own", attribution="drill", commercial_use=True, redistribute=True)
KNOWN = {"test": OPEN, "closed": CLOSED, "drill": DRILL, "simulator": DRILL}
DAY = ("--from", "2026-08-15", "--to", "2026-08-16")


@dataclass
class Exports:
    """A warehouse and the command on it."""

    server: PostgresServer
    database: str
    folder: Path

    def change(self, statement: str, *parameters: object) -> None:
        """As the owner."""
        with self.owner() as owner, owner, owner.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def owner(self) -> Any:
        return closing(connect(self.server.settings(self.database, "warehouse"), "test"))

    def gold(self, table: str, rows: list[Gold]) -> None:
        with self.owner() as owner:
            insert_gold(owner, table, rows)

    def licences(self, licences: dict[str, Licence], since: datetime | None = None) -> None:
        with self.owner() as owner:
            load_dimensions(owner, since, licences=licences)

    def reports(self, *messages: tuple[bytes, bytes], batch: int = 0, offset: int = 0) -> None:
        """Through the stream's own way into the warehouse."""
        writer = WarehouseWriter(conninfo(self.server.settings(self.database), "test"), "warehouse")
        writer.write(judged(messages, offset=offset), run=RUN, batch_id=batch)
        writer.close()

    def run(self, kind: str, *arguments: str, file: str = "out.csv") -> Result:
        """The command, as the role that only reads."""
        settings = self.server.settings(self.database, "reader")
        path = self.folder / "settings.toml"
        path.write_text(
            f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {settings.port}\ndatabase = "{settings.database}"\n'
            f'user = "reader"\npassword = "{settings.password}"\n'
        )
        return CliRunner().invoke(group, ["--config", str(path), "export", kind, str(self.folder / file), *arguments])

    def daily(self, text: str) -> Result:
        """The command that writes by itself, with more settings."""
        settings = self.server.settings(self.database, "reader")
        path = self.folder / "settings.toml"
        path.write_text(
            f'{text}[warehouse]\nhosts = ["127.0.0.1"]\nport = {settings.port}\ndatabase = "{settings.database}"\n'
            f'user = "reader"\npassword = "{settings.password}"\n'
        )
        return CliRunner().invoke(group, ["--config", str(path), "export", "daily"])

    def refused(self, kind: str, *arguments: str) -> str:
        """What the command says when it refuses, which it does without a file."""
        done = self.run(kind, *arguments)
        assert done.exit_code == 1
        assert done.exception is not None
        assert [path.name for path in self.folder.iterdir()] == ["settings.toml"]
        return str(done.exception)

    def rows(self, file: str = "out.csv", delimiter: str = ",") -> list[dict[str, str]]:
        text = (self.folder / file).read_text("utf-8-sig").splitlines()
        return list(csv.DictReader((line for line in text if not line.startswith("#")), delimiter=delimiter))


@pytest.fixture
def exports(server: PostgresServer, tmp_path: Path) -> Iterator[Exports]:
    with server.migrated(load_stations) as name:
        made = Exports(server, name, tmp_path)
        made.licences(KNOWN)
        yield made


def at(hour: int, minute: int = 0) -> str:
    return f"2026-08-15T{hour:02d}:{minute:02d}:00Z"


def one(hour: int, values: dict[str, Any] | None = None, **others: Any) -> tuple[bytes, bytes]:
    received = f"2026-08-15T{hour:02d}:00:20Z"
    return report(values, observed_at=others.pop("observed_at", at(hour)), received_at=received, **others)


# People


def test_reports_are_written_with_their_station_and_every_column(exports: Exports) -> None:
    """KF-129."""
    exports.reports(
        one(6, {"air_temperature": 25.3, "rain_1h": None, "rain_3h": 2.0, "snow_depth": 0.125}),
        one(7, {"air_temperature": 26.0}),
        one(6, {"relative_humidity": 65.0}, station=OTHER),
    )
    done = exports.run("csv", "--station", "GOOY", "--station", "Saint-Louis", *DAY)
    assert done.exit_code == 0, done.output
    assert "3 reports\nsource test: ANACIM (licence: CC-BY-4.0; no commercial use)\n" in done.output
    rows = exports.rows()
    assert list(rows[0]) == people_header("fr")
    assert [(row["Nom"], row["Heure (UTC)"]) for row in rows] == [
        ("Saint-Louis", at(6)),
        ("Dakar/Yoff", at(6)),
        ("Dakar/Yoff", at(7)),
    ]
    first = rows[1]
    assert first["Température de l'air (°C)"] == "25.3"
    assert (first["Pluie de 1 heure (mm)"], first["Pluie de 3 heures (mm)"]) == ("", "2.0")
    assert first["Hauteur de neige (m)"] == "0.125"
    assert "# test: ANACIM (licence: CC-BY-4.0; no commercial use)" in (exports.folder / "out.csv").read_text("utf-8")


def test_a_spreadsheet_has_semicolons_and_commas(exports: Exports) -> None:
    exports.reports(one(6))
    done = exports.run("csv", "--station", "GOOY", *DAY, "--spreadsheet", "--language", "en")
    assert done.exit_code == 0, done.output
    assert (exports.folder / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf# ")
    assert exports.rows(delimiter=";")[0]["Air temperature (°C)"] == "25,3"


def test_the_period_begins_with_its_first_moment_and_ends_before_its_last(exports: Exports) -> None:
    exports.reports(*(one(hour) for hour in (5, 6, 7, 8)))
    done = exports.run("csv", "--station", "61641", "--from", at(6), "--to", at(8))
    assert done.exit_code == 0, done.output
    assert [row["Heure (UTC)"] for row in exports.rows()] == [at(6), at(7)]


def test_failed_values_are_taken_out_and_suspect_ones_are_named(exports: Exports) -> None:
    exports.reports(one(6, {"air_temperature": 99.0, "dew_point_temperature": 36.0, "relative_humidity": 50.0}))
    with exports.owner() as owner, owner.cursor() as cursor:
        cursor.execute("SELECT failed_variables, suspect_variables FROM core.published")
        judgement = cursor.fetchone()
    assert judgement is not None
    assert "air_temperature" in judgement[0]
    exports.run("csv", "--station", "GOOY", *DAY, "--language", "en")
    (row,) = exports.rows()
    assert row["Air temperature (°C)"] == ""
    assert row["Values taken out"] == " | ".join(ALL[name].title for name in judgement[0])
    assert row["Suspect values"] == " | ".join(ALL[name].title for name in judgement[1])


def test_simulated_weather_is_marked_and_never_among_observations(exports: Exports) -> None:
    exports.reports(one(6), one(6, station=TWIN, source="simulator"))
    stations = ("--station", "GOOY", "--station", TWIN)
    assert exports.run("csv", *stations, *DAY).exit_code == 0
    assert [row["Nature"] for row in exports.rows()] == ["observé"]
    assert exports.run("csv", *stations, *DAY, "--nature", "simulated").exit_code == 0
    assert [(row["Nature"], row["Station (WIGOS)"]) for row in exports.rows()] == [("SIMULÉ", TWIN)]
    assert (exports.folder / "out.csv").read_text("utf-8").startswith("# SIMULÉ")


@pytest.mark.parametrize("kind", ["csv", "wis2box"])
def test_natures_do_not_mix_within_one_source(exports: Exports, kind: str) -> None:
    """Whoever replays under a source's own name does not get into its observations."""
    exports.reports(one(6), one(7, nature="replayed"))
    assert exports.run(kind, "--station", "GOOY", *DAY).exit_code == 0
    assert len(exports.rows()) == 1
    assert exports.run("csv", "--station", "GOOY", *DAY, "--nature", "replayed").exit_code == 0
    assert [(row["Nature"], row["Heure (UTC)"]) for row in exports.rows()] == [("REJOUÉ", at(7))]


def test_a_station_is_where_it_was_at_the_time(exports: Exports) -> None:
    """A move at 07 UTC: the report before keeps its place."""
    exports.change("UPDATE dim.station SET valid_to = %s WHERE station = %s", at(7), REAL)
    exports.change(
        "INSERT INTO dim.station (station, valid_from, name, latitude, longitude, elevation_m, country, series, "
        "source) VALUES (%s, %s, 'Elsewhere', 14.5, -17.0, 5, 'SN', 'wmo', 'test')",
        REAL,
        at(7),
    )
    exports.reports(one(6), one(7))
    exports.run("csv", "--station", "GOOY", *DAY)
    assert [(row["Nom"], row["Latitude (°)"]) for row in exports.rows()] == [
        ("Dakar/Yoff", "14.7333"),
        ("Elsewhere", "14.5"),
    ]


def test_a_station_without_a_name_is_refused(exports: Exports) -> None:
    """KF-129."""
    unknown = "0-20000-0-61999"
    exports.reports(one(6, station=unknown))
    said = exports.refused("csv", "--station", unknown, *DAY)
    assert f"station {unknown}: expected its name and place in dim.station at {at(6)}" in said


def test_an_older_file_stays_when_an_export_is_refused(exports: Exports) -> None:
    (exports.folder / "out.csv").write_text("old")
    assert exports.run("csv", "--station", "GOOY", *DAY).exit_code == 1
    assert (exports.folder / "out.csv").read_text() == "old"


def test_forecasts_are_no_observations(exports: Exports) -> None:
    exports.change("SELECT core.ensure_forecast_partitions(ARRAY[2026])")
    exports.change(
        "INSERT INTO core.forecast (station, model, reference_time, valid_time, variable, value, source, licence, "
        "received_at, event_id) VALUES (%s, 'ifs', %s, %s, 'air_temperature', 30, 'test', 'CC0', %s, %s)",
        REAL,
        at(0),
        at(6),
        at(1),
        bytes(32),
    )
    for kind in ("csv", "wis2box"):
        assert "found none" in exports.refused(kind, "--station", "GOOY", *DAY)


def test_an_export_writes_nothing_to_the_warehouse_and_holds_no_table_in_memory(exports: Exports) -> None:
    exports.reports(*(one(6, observed_at=at(6, minute)) for minute in range(5)))
    begin = datetime(2026, 8, 15, tzinfo=UTC)
    selection = Selection((REAL,), begin, begin + timedelta(days=1))
    known = licences(licence("test"))
    with closing(connect(exports.server.settings(exports.database), "test")) as connection, snapshot(connection):
        rows = stream_reports(connection, selection, Chosen(("test",), (), ()), known)
        first = next(rows)
        with connection.cursor() as cursor:
            cursor.execute("SELECT is_scrollable FROM pg_cursors WHERE name = 'meteostream_export'")
            assert cursor.rowcount == 1, "expected the rows to wait in a cursor of the server's"
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
        assert len(list(chain([first], rows))) == 5


def test_what_arrives_meanwhile_is_not_in_the_file(exports: Exports) -> None:
    """A source that was not there when licences were asked does not slip in behind."""
    exports.reports(one(6))
    begin = datetime(2026, 8, 15, tzinfo=UTC)
    selection = Selection((REAL,), begin, begin + timedelta(days=1))
    with closing(connect(exports.server.settings(exports.database), "test")) as connection, snapshot(connection):
        assert [found.reports for found in find_reports(connection, selection)] == [1]
        exports.reports(one(7), batch=1, offset=1)
        rows = stream_reports(connection, selection, Chosen(("test",), (), ()), licences(licence("test")))
        assert len(list(rows)) == 1


# Licences


@pytest.mark.parametrize("source", ["closed", "nobody-recorded"])
@pytest.mark.parametrize("kind", ["csv", "wis2box"])
def test_a_source_without_permission_is_refused(exports: Exports, kind: str, source: str) -> None:
    exports.reports(one(6), one(7, source=source), one(8, source=source))
    said = exports.refused(kind, "--station", "GOOY", *DAY)
    assert f"no permission to redistribute is recorded for: {source} (2 reports)" in said
    done = exports.run(kind, "--station", "GOOY", *DAY, "--leave-out")
    assert done.exit_code == 0, done.output
    assert len(exports.rows()) == 1
    assert f"left out, no permission to redistribute is recorded: {source}\n" in done.output


def test_a_permission_that_was_recorded_opens_a_source_from_its_day_on(exports: Exports) -> None:
    exports.reports(one(6, source="closed"), one(8, source="closed"))
    exports.licences({"closed": OPEN}, since=datetime(2026, 8, 15, 7, tzinfo=UTC))
    assert "closed (2 reports)" in exports.refused("csv", "--station", "GOOY", *DAY)
    assert exports.run("csv", "--station", "GOOY", "--from", at(7), "--to", at(9)).exit_code == 0
    assert exports.run("csv", "--station", "GOOY", *DAY, "--leave-out").exit_code == 0
    assert [row["Heure (UTC)"] for row in exports.rows()] == [at(8)]


# wis2box


def test_wis2box_has_44_columns_and_its_sensors_heights(exports: Exports) -> None:
    exports.change(
        "INSERT INTO dim.sensor (station, sensor, valid_from, variable, model, height_m) VALUES "
        "(%(s)s, 'thermometer-1', '-infinity', 'air_temperature', 'A', 2), "
        "(%(s)s, 'anemometer-1', '-infinity', 'wind_speed', 'B', 10), "
        "(%(s)s, 'anemometer-2', '-infinity', 'wind_speed', 'B', 2), "
        "(%(s)s, 'gauge-1', '2026-08-15T07:00:00Z', 'rain', 'C', 1)".replace("%(s)s", f"'{REAL}'")
    )
    exports.reports(one(6, {"station_pressure": 1010.1, "rain_3h": 2.0, "rain_12h": 7.0}))
    done = exports.run("wis2box", "--station", "GOOY", *DAY)
    assert done.exit_code == 0, done.output
    (row,) = exports.rows()
    assert tuple(row) == wis2box.COLUMNS
    assert (row["station_pressure"], row["total_precipitation_3_hours"]) == ("101010", "2.0")
    assert row["total_precipitation_12_hours"] == "7.0"
    assert row["thermometer_height"] == "2.00"
    assert row["anemometer_height"] == "", "expected none of two that disagree"
    assert row["rain_sensor_height"] == "", "expected no gauge before there was one"
    assert "\n#" not in (exports.folder / "out.csv").read_text()


def test_wis2box_refuses_simulated_and_replayed_data(exports: Exports) -> None:
    exports.reports(
        one(6, station=TWIN, source="simulator"), one(6, source="drill", nature="replayed"), one(7, station=OTHER)
    )
    assert f"station {TWIN} is simulated" in exports.refused("wis2box", "--station", TWIN, *DAY)
    assert f"station {TWIN} is simulated" in exports.refused("wis2box", "--station", OTHER, "--station", TWIN, *DAY)
    assert "found only replayed of drill (aws)" in exports.refused("wis2box", "--station", "GOOY", *DAY)


def test_wis2box_asks_which_of_two_reports_of_a_moment_it_should_write(exports: Exports) -> None:
    """KF-111."""
    exports.licences({"other": OPEN})
    exports.reports(one(6), one(6, source="other", report_type="synop"))
    assert "choose with --source or --type" in exports.refused("wis2box", "--station", "GOOY", *DAY)
    for choice in (("--source", "other"), ("--type", "synop")):
        assert exports.run("wis2box", "--station", "GOOY", *DAY, *choice).exit_code == 0
        assert [row["station_type"] for row in exports.rows()] == [""]


# DAYCLI


def hours(exports: Exports, source: str, day: date) -> None:
    """Hours of rain behind a day, of a source."""
    with exports.owner() as owner:
        insert_hours(owner, source, day)


AUGUST = date(2025, 8, 1)


def test_a_month_of_daycli_has_a_row_a_day(exports: Exports) -> None:
    exports.gold("daily", [rain(AUGUST, 12.4), rain(AUGUST.replace(day=31), 0.0), rain(AUGUST.replace(day=2), None)])
    exports.gold("daily", [rain(date(2025, 9, 1), 77.0), rain(AUGUST, 99.0, station=TWIN, nature="simulated")])
    for day in (AUGUST, AUGUST.replace(day=31)):
        hours(exports, "test", day)
    done = exports.run("daycli", "--station", "GOOY", "--month", "2025-08")
    assert done.exit_code == 0, done.output
    assert "31 days\nsource test: ANACIM" in done.output
    rows = exports.rows()
    assert tuple(rows[0]) == daycli.COLUMNS
    assert [int(row["attribution_day"]) for row in rows] == list(range(1, 32))
    amounts = {number: row["total_acc_precip"] for number, row in enumerate(rows, 1) if row["total_acc_precip"]}
    assert amounts == {1: "12.4", 31: "0.0"}
    assert rows[30]["month_precip_accumulation_end"] == "9"


def test_a_daily_value_needs_the_permission_of_every_source_behind_it(exports: Exports) -> None:
    exports.gold("daily", [rain(AUGUST, 12.4), rain(AUGUST.replace(day=5), 3.0), rain(AUGUST.replace(day=9), 1.0)])
    hours(exports, "test", AUGUST)
    hours(exports, "closed", AUGUST.replace(day=5))
    month = ("--station", "GOOY", "--month", "2025-08")
    said = exports.refused("daycli", *month)
    assert "an unknown source (1 daily values), closed (1 daily values)" in said
    done = exports.run("daycli", *month, "--leave-out")
    assert done.exit_code == 0, done.output
    assert [row["attribution_day"] for row in exports.rows() if row["total_acc_precip"]] == ["1"]


def test_an_imported_day_has_the_source_its_rule_names_and_goes_last(exports: Exports) -> None:
    imported = rain(AUGUST, 9.0)._replace(rule="imported:closed:rain_24h")
    exports.gold("daily", [imported, rain(AUGUST, 12.4), imported._replace(label=AUGUST.replace(day=2))])
    hours(exports, "test", AUGUST)
    month = ("--station", "GOOY", "--month", "2025-08")
    assert "recorded for: closed (1 daily values)" in exports.refused("daycli", *month)
    exports.licences({"closed": OPEN}, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert exports.run("daycli", *month).exit_code == 0
    assert [row["total_acc_precip"] for row in exports.rows()[:2]] == ["12.4", "9.0"]


def test_a_withdrawn_day_is_not_written(exports: Exports) -> None:
    exports.gold("daily", [rain(AUGUST, 12.4), rain(AUGUST.replace(day=2), 5.0, expected=0)])
    hours(exports, "test", AUGUST)
    hours(exports, "test", AUGUST.replace(day=2))
    assert exports.run("daycli", "--station", "GOOY", "--month", "2025-08").exit_code == 0
    assert [row["total_acc_precip"] for row in exports.rows()[:2]] == ["12.4", ""]


def test_daycli_refuses_simulated_stations_and_silent_ones(exports: Exports) -> None:
    exports.gold("daily", [rain(AUGUST, 99.0, station=TWIN, nature="simulated"), rain(AUGUST, 12.4)])
    exports.gold("daily", [rain(AUGUST, 3.0, station=OTHER, nature="replayed")])
    hours(exports, "test", AUGUST)
    assert f"station {TWIN} is simulated" in exports.refused("daycli", "--station", TWIN, "--month", "2025-08")
    said = exports.refused("daycli", "--station", "GOOY", "--station", OTHER, "--month", "2025-08")
    assert f"expected observed daily values of {OTHER} in the month, found none" in said


# Every day


def made_daily(exports: Exports, now: datetime, **changes: Any) -> dict[str, Any]:
    """Outcomes of the files that a day's run writes, by their path below the folder."""
    settings = config.Exports(directory=str(exports.folder / "daily"), stations=["GOOY", "Saint-Louis"], **changes)
    with closing(connect(exports.server.settings(exports.database, "reader"), "test")) as reader:
        outcomes = list(export_daily(reader, settings, load_registry(), now))
    return {str(one.path.relative_to(exports.folder / "daily")): one for one in outcomes}


def test_the_last_days_are_written_again_with_what_came_late(exports: Exports) -> None:
    now = datetime(2026, 8, 16, 8, tzinfo=UTC)
    exports.reports(one(6, {"air_temperature": 25.3}, report_type="aws"))
    found = made_daily(exports, now, days=2)
    assert {path: outcome.written and outcome.written.rows for path, outcome in found.items()} == {
        "csv/2026-08-15.csv": 1,
        "wis2box/2026-08-15.csv": 1,
        "csv/2026-08-14.csv": None,
        "wis2box/2026-08-14.csv": None,
    }
    exports.reports(one(7, {"air_temperature": 26.0}, report_type="aws", station=OTHER), batch=1, offset=1)
    found = made_daily(exports, now, days=2)
    assert found["csv/2026-08-15.csv"].written.rows == 2
    assert {row["air_temperature"] for row in exports.rows("daily/wis2box/2026-08-15.csv")} == {"298.45", "299.15"}
    assert not (exports.folder / "daily/csv/2026-08-14.csv").exists()


def test_a_file_that_is_refused_keeps_no_other_from_being_written(exports: Exports) -> None:
    exports.reports(
        one(6, {"air_temperature": 25.3}, report_type="aws"),
        one(6, {"air_temperature": 25.4}, report_type="aws", source="drill"),
    )
    found = made_daily(exports, datetime(2026, 8, 16, 8, tzinfo=UTC), days=1)
    assert found["csv/2026-08-15.csv"].written.rows == 2
    assert "has two reports of 2026-08-15T06:00:00Z" in found["wis2box/2026-08-15.csv"].reason
    assert found["wis2box/2026-08-15.csv"].refused


def test_what_may_not_be_redistributed_is_no_failure_of_a_day(exports: Exports) -> None:
    """Nobody has recorded a permission: there is no file, and it is said why."""
    exports.reports(one(6, {"air_temperature": 25.3}, report_type="aws", source="closed"))
    for outcome in made_daily(exports, datetime(2026, 8, 16, 8, tzinfo=UTC), days=1).values():
        assert (outcome.written, outcome.refused) == (None, False)
        assert "no permission to redistribute is recorded for: closed" in outcome.reason


def test_daycli_of_the_month_before_is_written_a_station_from_its_second_day_on(exports: Exports) -> None:
    exports.gold("daily", [rain(AUGUST, 12.4)])
    hours(exports, "test", AUGUST)
    before = made_daily(exports, datetime(2025, 9, 1, 8, tzinfo=UTC), days=3)
    assert not any(path.startswith("daycli") for path in before)
    found = made_daily(exports, datetime(2025, 9, 2, 8, tzinfo=UTC), days=3)
    assert found["daycli/2025-08/0-20000-0-61641.csv"].written.rows == 31
    assert found[f"daycli/2025-08/{OTHER}.csv"].written is None
    assert sorted(path.name for path in (exports.folder / "daily/daycli/2025-08").iterdir()) == ["0-20000-0-61641.csv"]


def test_the_daily_command_tells_what_was_refused(exports: Exports) -> None:
    """Its days are those before today, of which there are no reports here; a country without stations is told."""
    text = f'[exports]\ndirectory = "{exports.folder}/daily"\n'
    done = exports.daily(text)
    assert done.exit_code == 0, done.output
    assert done.output.count("nothing to write") >= 6
    refused = exports.daily(text + 'country = "XX"\n')
    assert refused.exit_code == 1
    assert "[exports] country: expected one that has stations" in str(refused.exception)
