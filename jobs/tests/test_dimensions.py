"""Dimensions on a real PostgreSQL: history without overlap, nothing deleted, nothing changed by a second load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
import pytest

from meteostream.collect import catalogue
from meteostream.contract.variables import ALL
from meteostream.etl.products import BASE_NAMES, base_name
from meteostream.qc.flags import Test
from meteostream.registry import load_registry
from meteostream.sources.errors import SourceError
from meteostream.sources.licences import known_licences
from meteostream.sources.profile import Licence
from meteostream.warehouse.connection import connect
from meteostream.warehouse.dimensions import RESOLUTION, TITLES, load_dimensions, product_of
from meteostream.warehouse.errors import HistoryError
from meteostream.warehouse.sensors import load_sensors, read_sensors
from meteostream.warehouse.stations import load_stations
from postgres_server import PostgresServer

MARCH = datetime(2026, 3, 1, 6, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
YOFF = "0-20000-0-61641"


@dataclass
class Warehouse:
    """A migrated database: connections of its writer and its reader."""

    writer: Any
    reader: Any

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self.reader, self.reader.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return list(cursor.fetchall())

    def count(self) -> list[tuple[Any, ...]]:
        tables = ("station", "source", "variable", "report_variable", "qc_test", "qc_ruleset", "sensor")
        return [self.ask(f"SELECT count(*) FROM dim.{table}")[0] for table in tables]  # noqa: S608 - names of ours


@pytest.fixture
def warehouse(server: PostgresServer) -> Iterator[Warehouse]:
    with server.migrated(load_stations) as name:
        made = Warehouse(
            connect(server.settings(name, "pipeline"), "test"), connect(server.settings(name, "reader"), "test")
        )
        yield made
        made.writer.close()
        made.reader.close()


def moved(**changes: Any) -> list[Any]:
    """The registry with another Dakar/Yoff."""
    return [msgspec.structs.replace(s, **changes) if s.wigos_id == YOFF else s for s in load_registry()]


# What they are made of, without a database


def test_every_variable_of_gold_has_one_unit_and_one_cf_name() -> None:
    for variable in BASE_NAMES:
        members = [one for one in ALL.values() if base_name(one.name) == variable]
        assert len({(one.unit, one.cf_name) for one in members}) == 1, variable


def test_resolutions_and_titles_are_of_known_variables() -> None:
    assert RESOLUTION.keys() | TITLES.keys() <= BASE_NAMES


def test_limits_are_the_widest_of_the_instrument_range() -> None:
    assert (product_of("rain").low, product_of("rain").high) == (0.0, 57600.0)
    assert product_of("snow_depth").high is None


def test_an_operators_licence_wins_and_what_it_leaves_out_is_not_allowed(tmp_path: Path) -> None:
    file = tmp_path / "licences.toml"
    file.write_text('[synop]\nname = "ANACIM, letter of 2026-02-03"\nattribution = "ANACIM"\nredistribute = true\n')
    found = known_licences({}, file)["synop"]
    assert (found.redistribute, found.commercial_use) == (True, False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[synop]\nname = "x"\nattribution = "y"\ncomercial_use = true\n', "comercial_use"),
        ('["Synop!"]\nname = "x"\nattribution = "y"\n', "expected a source's name"),
        ("synop", "licences.toml"),
    ],
)
def test_a_file_of_licences_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "licences.toml"
    file.write_text(text)
    with pytest.raises(SourceError, match=message):
        known_licences({}, file)


def test_a_source_that_is_collected_and_read_from_files_allows_what_both_allow() -> None:
    free = Licence(name="public domain", attribution="NOAA", commercial_use=True, redistribute=True)
    metar = known_licences({"metar": free})["metar"]
    assert (metar.commercial_use, metar.redistribute) == (False, False)
    assert "NOAA" in metar.attribution


def test_every_collector_has_a_licence_in_the_dimension() -> None:
    assert set(catalogue.BUILT_IN) <= known_licences(catalogue.built_in_licences()).keys()


# Loading


@pytest.mark.postgres
def test_loading_again_changes_nothing(warehouse: Warehouse) -> None:
    first = load_dimensions(warehouse.writer, MARCH)
    assert len(first.stations.added) == len(load_registry())
    before = warehouse.count()
    second = load_dimensions(warehouse.writer, APRIL)
    assert second.changed == 0
    assert warehouse.count() == before


@pytest.mark.postgres
def test_variables_tests_and_rulesets_are_those_of_the_code(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    assert {row[0] for row in warehouse.ask("SELECT variable FROM dim.variable")} == BASE_NAMES
    assert set(warehouse.ask("SELECT name, variable FROM dim.report_variable")) == {
        (name, base_name(name)) for name in ALL
    }
    assert set(warehouse.ask("SELECT bit, test FROM dim.qc_test")) == {(int(test), test.label) for test in Test}
    assert warehouse.ask("SELECT thresholds->'instrument_range'->'air_temperature'->>'high' FROM dim.qc_ruleset") == [
        ("60.0",)
    ]


@pytest.mark.postgres
def test_a_station_that_moved_has_a_row_for_each_place_joined_by_the_observations_time(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    loaded = load_dimensions(warehouse.writer, MARCH, stations=moved(latitude=14.75, barometer_m=24.5))
    assert loaded.stations.changed == [YOFF]
    join = (
        "SELECT latitude, barometer_m FROM dim.station WHERE station = %s "
        "AND %s::timestamptz >= valid_from AND %s::timestamptz < valid_to"
    )
    assert warehouse.ask(join, YOFF, "2026-03-01T05:59:59Z", "2026-03-01T05:59:59Z") == [(14.7333, None)]
    assert warehouse.ask(join, YOFF, "2026-03-01T06:00:00Z", "2026-03-01T06:00:00Z") == [(14.75, 24.5)]


@pytest.mark.postgres
@pytest.mark.parametrize("change", [{"name": "Dakar"}, {"icao": "GOOX"}, {"aliases": ("Yoff",)}, {"elevation_m": 24.0}])
def test_each_attribute_keeps_its_history(warehouse: Warehouse, change: dict[str, Any]) -> None:
    load_dimensions(warehouse.writer, MARCH)
    load_dimensions(warehouse.writer, APRIL, stations=moved(**change))
    (name,) = change
    rows = warehouse.ask(f"SELECT {name} FROM dim.station WHERE station = %s ORDER BY valid_from", YOFF)  # noqa: S608 - a column of ours
    assert len(rows) == 2
    wanted = change[name]
    assert rows[1] == (list(wanted) if isinstance(wanted, tuple) else wanted,)
    assert rows[0] != rows[1]


@pytest.mark.postgres
def test_a_deployment_names_a_move_and_leaves_its_time_to_the_operator(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, None)
    loaded = load_dimensions(warehouse.writer, None, stations=moved(latitude=14.75))
    assert (loaded.stations.pending, loaded.changed) == ([YOFF], 0)


@pytest.mark.postgres
def test_a_move_before_the_present_row_began_is_refused_and_changes_nothing(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    load_dimensions(warehouse.writer, APRIL, stations=moved(latitude=14.75))
    before = warehouse.ask("SELECT * FROM dim.station WHERE station = %s AND valid_to < 'infinity'", YOFF)
    with pytest.raises(HistoryError, match=rf"station {YOFF}: expected a change after 2026-04-01.*--since"):
        load_dimensions(warehouse.writer, MARCH, stations=moved(latitude=14.8))
    assert warehouse.ask("SELECT * FROM dim.station WHERE station = %s AND valid_to < 'infinity'", YOFF) == before


@pytest.mark.postgres
def test_the_database_itself_refuses_overlapping_validity(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    with (
        pytest.raises(psycopg2.errors.ExclusionViolation, match="one_station_at_a_time"),
        warehouse.writer,
        warehouse.writer.cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO dim.station (station, valid_from, name, latitude, longitude, elevation_m, country, series, "
            "source) VALUES (%s, now(), 'x', 0, 0, 0, 'SN', 'wmo', 'x')",
            (YOFF,),
        )


@pytest.mark.postgres
def test_a_station_that_left_the_registry_stays(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    load_dimensions(warehouse.writer, APRIL, stations=[s for s in load_registry() if s.wigos_id != YOFF])
    assert warehouse.ask("SELECT valid_to = 'infinity' FROM dim.station WHERE station = %s", YOFF) == [(True,)]


@pytest.mark.postgres
def test_a_licence_that_changed_keeps_what_it_was(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH, licences={"synop": Licence(name="unknown", attribution="ANACIM")})
    permitted = Licence(name="letter of 2026", attribution="ANACIM", redistribute=True)
    load_dimensions(warehouse.writer, APRIL, licences={"synop": permitted})
    rows = warehouse.ask("SELECT licence, redistribute FROM dim.source WHERE source = 'synop' ORDER BY valid_from")
    assert rows == [("unknown", False), ("letter of 2026", True)]


@pytest.mark.postgres
def test_a_ruleset_whose_thresholds_changed_under_its_version_is_refused(warehouse: Warehouse) -> None:
    load_dimensions(warehouse.writer, MARCH)
    with warehouse.writer, warehouse.writer.cursor() as cursor:
        cursor.execute("""UPDATE dim.qc_ruleset SET thresholds = jsonb_set(thresholds, '{version}', '"other"')""")
    with pytest.raises(HistoryError, match=r"ruleset instrument-1.*new version"):
        load_dimensions(warehouse.writer, APRIL)


@pytest.mark.postgres
def test_the_reader_reads_dimensions_and_changes_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        warehouse.ask("DELETE FROM dim.station RETURNING 1")


@pytest.mark.postgres
def test_the_writer_deletes_nothing(warehouse: Warehouse) -> None:
    for table in ("dim.station", "dim.sensor", "core.normal"):
        with (
            pytest.raises(psycopg2.errors.InsufficientPrivilege),
            warehouse.writer,
            warehouse.writer.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("day", "dekad", "first", "days"),
    [("2024-02-29", 6, "2024-02-21", 9), ("2023-02-28", 6, "2023-02-21", 8), ("2026-12-31", 36, "2026-12-21", 11),
     ("2026-01-10", 1, "2026-01-01", 10), ("2026-01-11", 2, "2026-01-11", 10)],
)  # fmt: skip
def test_the_calendar_knows_dekads(warehouse: Warehouse, day: str, dekad: int, first: str, days: int) -> None:
    found = warehouse.ask("SELECT dekad, dekad_first::text, dekad_days FROM dim.date WHERE day = %s", day)
    assert found == [(dekad, first, days)]


# Sensors

HEADER = "station,sensor,variable,model,serial,height_m,calibrated_on,calibration,valid_from,valid_to\n"
FIRST = "GOOY,thermometer-1,air_temperature,HMP155,A1,2.0,2025-01-10,ANACIM 12,2025-01-15T00:00:00Z,{}\n"
SECOND = "61641,thermometer-1,air_temperature,HMP155,B2,2.0,,,{},\n"


def sensors(folder: Path, *lines: str) -> list[Any]:
    file = folder / "sensors.csv"
    file.write_text(HEADER + "".join(lines))
    return read_sensors(file)


@pytest.mark.postgres
def test_an_exchanged_sensor_has_a_row_for_each_instrument(warehouse: Warehouse, tmp_path: Path) -> None:
    load_dimensions(warehouse.writer, MARCH)
    assert load_sensors(warehouse.writer, sensors(tmp_path, FIRST.format(""))) == 1
    exchanged = sensors(tmp_path, SECOND.format("2026-03-01T06:00:00Z"), FIRST.format("2026-03-01T06:00:00Z"))
    assert load_sensors(warehouse.writer, exchanged) == 2
    assert load_sensors(warehouse.writer, exchanged) == 0
    rows = warehouse.ask("SELECT station, serial, calibrated_on IS NULL FROM dim.sensor ORDER BY valid_from")
    assert rows == [(YOFF, "A1", False), (YOFF, "B2", True)]


@pytest.mark.postgres
def test_two_instruments_at_one_place_at_once_are_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    load_dimensions(warehouse.writer, MARCH)
    overlapping = sensors(tmp_path, FIRST.format(""), SECOND.format("2026-03-01T06:00:00Z"))
    with pytest.raises(HistoryError, match="one instrument at a place at a time"):
        load_sensors(warehouse.writer, overlapping)
    assert warehouse.ask("SELECT count(*) FROM dim.sensor") == [(0,)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("GOOY,t,temperature,m,,,,,2025-01-01T00:00:00Z,\n", "line 2: variable: expected one of"),
        ("Nowhere,t,air_temperature,m,,,,,2025-01-01T00:00:00Z,\n", "line 2: station 'Nowhere'"),
        ("GOOY,t,air_temperature,m,,,,,2025-01-01T00:00:00,\n", "line 2: expected a time with an offset"),
        ("GOOY,t,air_temperature,m,,,,,2025-01-02T00:00:00Z,2025-01-01T00:00:00Z\n", "line 2: valid_to"),
        ("GOOY,,air_temperature,m,,,,,2025-01-01T00:00:00Z,\n", "line 2: sensor: expected a name"),
        ("GOOY,t,air_temperature\n", "line 2: expected 10 cells"),
    ],
)
def test_a_line_of_sensors_that_cannot_be_meant_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        sensors(tmp_path, line)
