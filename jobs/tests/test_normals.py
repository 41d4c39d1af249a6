"""Published normals: files of declared dialects, stored as published, corrected without losing what was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from click.testing import CliRunner

from meteostream.cli import group
from meteostream.registry import load_registry
from meteostream.sources.errors import SourceError
from meteostream.sources.normals import Normal, NormalsProfile, parse_normals_profile, read_normals
from meteostream.sources.observation import Reject
from meteostream.warehouse.connection import connect
from meteostream.warehouse.normals import store_normals
from postgres_server import PostgresServer

WIDE = """
source = "test-normals"
first_year = 1991
last_year = 2020
encoding = "cp1252"
delimiter = ";"
decimal = ","
nulls = ["", "-"]
ignore = ["Total"]

[licence]
name = "unknown"
attribution = "Test"

[station]
column = "Poste"
names = { "Yoff" = "61641" }

[element]
column = "Élément"

[element.names.Pluie]
variable = "rain"
day_statistic = "sum"
statistic = "sum"
unit = "mm"

[element.names.Tx]
variable = "air_temperature"
day_statistic = "maximum"
statistic = "mean"
unit = "degF"

[[periods]]
column = "Juil"
period = "month"
number = 7

[[periods]]
column = "Août"
period = "month"
number = 8
"""
LONG = """
source = "test-normals"
first_year = 1991
last_year = 2020

[licence]
name = "CC-BY-4.0"
attribution = "Test"
redistribute = true

[station]
column = "station"

[element.only]
variable = "rain"
day_statistic = "sum"
statistic = "sum"
unit = "mm"

[long]
period = "dekad"
number_column = "dekad"
value_column = "normal"
"""
YOFF, KEDOUGOU = "0-20000-0-61641", "0-20000-0-61699"


def read(folder: Path, profile: str, text: str, encoding: str = "cp1252") -> list[Normal | Reject]:
    file = folder / "normals.csv"
    file.write_bytes(text.encode(encoding))
    return list(read_normals(file, parse_normals_profile(profile, "profile.toml"), load_registry()))


def test_a_french_table_with_months_in_columns_is_read_by_its_names(tmp_path: Path) -> None:
    """KF-116, KF-128: semicolons, decimal comma, cp1252, columns in another order."""
    text = "Août;Élément;Poste;Juil;Total\n184,0;Pluie;Yoff;83,4;495,1\n86;Tx;Kédougou;-;\n"
    assert read(tmp_path, WIDE, text) == [
        Normal(YOFF, "rain", "sum", "sum", "month", 7, 83.4),
        Normal(YOFF, "rain", "sum", "sum", "month", 8, 184.0),
        Normal(KEDOUGOU, "air_temperature", "maximum", "mean", "month", 8, 30.0),
    ]


def test_a_long_table_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, LONG, "station,dekad,normal\nGOOY,22,61.2\nGOOY,23,\n", "utf-8")
    assert found == [Normal(YOFF, "rain", "sum", "sum", "dekad", 22, 61.2)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("GOOY,37,1.0", "dekad: expected 1 to 36, found '37'"),
        ("GOOY,0,1.0", "dekad: expected 1 to 36"),
        ("Nowhere,1,1.0", "station 'Nowhere'"),
        ("0-0-0-SIM61641,1,1.0", "expected a real station, found the simulated"),
        ('GOOY,1,"1,5"', "expected a number with decimal '.', found '1,5'"),
        ("GOOY,1", "expected as many cells"),
        ("GOOY,1,nan", "expected a number"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(tmp_path: Path, line: str, reason: str) -> None:
    (reject,) = read(tmp_path, LONG, f"station,dekad,normal\n{line}\n", "utf-8")
    assert isinstance(reject, Reject)
    assert reject.line == 2
    assert reason in reject.reason


def test_a_normal_that_comes_twice_is_refused(tmp_path: Path) -> None:
    found = read(tmp_path, LONG, "station,dekad,normal\nGOOY,1,1.0\n61641,1,2.0\n", "utf-8")
    assert isinstance(found[1], Reject)
    assert "as in line 2" in found[1].reason


def test_a_point_in_a_file_with_decimal_commas_is_refused(tmp_path: Path) -> None:
    """KF-106."""
    (reject,) = read(tmp_path, WIDE, "Poste;Élément;Juil;Août;Total\nYoff;Pluie;83.4;184,0;\n")
    assert isinstance(reject, Reject)


def test_another_header_names_what_is_missing_and_what_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing: \['normal'\].*not in the profile: \['value'\].*'ignore'"):
        read(tmp_path, LONG, "station,dekad,value\n", "utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("first_year = 1991", "first_year = 2020", "first_year before last_year"),
        ('unit = "degF"', 'unit = "mm"', "unit: expected one of degC"),
        ('variable = "rain"', 'variable = "rain_24h"', "expected one of air_temperature"),
        ("number = 8", "number = 13", "Août: expected a number from 1 to 12, found 13"),
        ('decimal = ","', 'decimal = ";"', "Invalid enum value"),
        ('delimiter = ";"', 'delimiter = ","', "two different characters"),
        ("[licence]", "[license]", "license"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(old: str, new: str, message: str) -> None:
    assert old in WIDE
    with pytest.raises(SourceError, match=message):
        parse_normals_profile(WIDE.replace(old, new), "profile.toml")


# Stored


@pytest.fixture
def database(server: PostgresServer) -> Iterator[str]:
    with server.described() as name:
        yield name


def rows(server: PostgresServer, database: str) -> list[tuple[Any, ...]]:
    connection = connect(server.settings(database, "reader"), "test")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT number, value, replaced_at IS NULL, redistribute FROM core.normal ORDER BY 1, 3, 2")
        found = list(cursor.fetchall())
    connection.close()
    return found


@pytest.mark.postgres
def test_a_corrected_normal_replaces_the_old_one_which_stays(server: PostgresServer, database: str) -> None:
    profile: NormalsProfile = parse_normals_profile(LONG, "profile.toml")
    connection = connect(server.settings(database), "test")
    first = [Normal(YOFF, "rain", "sum", "sum", "dekad", number, 60.0) for number in (22, 23)]
    assert store_normals(connection, first, profile, "a.csv", bytes(32)) == (2, 0, 0)
    assert store_normals(connection, first, profile, "a.csv", bytes(32)) == (0, 0, 2)
    corrected = [first[0], first[1]._replace(value=61.5)]
    assert store_normals(connection, corrected, profile, "b.csv", bytes(32)) == (0, 1, 1)
    assert rows(server, database) == [(22, 60.0, True, True), (23, 60.0, False, True), (23, 61.5, True, True)]
    connection.close()


@pytest.mark.postgres
def test_another_reference_period_stands_beside(server: PostgresServer, database: str) -> None:
    connection = connect(server.settings(database), "test")
    normal = [Normal(YOFF, "rain", "sum", "sum", "dekad", 22, 60.0)]
    for years in ("1991", "1981"):
        profile = parse_normals_profile(LONG.replace("1991", years).replace("2020", str(int(years) + 29)), "p")
        assert store_normals(connection, normal, profile, "a.csv", bytes(32)).added == 1
    assert len(rows(server, database)) == 2
    connection.close()


@pytest.mark.postgres
def test_the_database_refuses_normals_of_simulated_stations(server: PostgresServer, database: str) -> None:
    connection = connect(server.settings(database), "test")
    simulated = [Normal("0-0-0-SIM61641", "rain", "sum", "sum", "dekad", 22, 60.0)]
    with pytest.raises(psycopg2.errors.CheckViolation):
        store_normals(connection, simulated, parse_normals_profile(LONG, "p"), "a.csv", bytes(32))
    connection.close()


@pytest.mark.postgres
def test_the_command_tries_out_then_stores_all_or_nothing(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    warehouse = server.settings(database)
    settings = tmp_path / "settings.toml"
    settings.write_text(
        f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {warehouse.port}\ndatabase = "{database}"\n'
        f'password = "{warehouse.password}"\n'
    )
    profile, file = tmp_path / "profile.toml", tmp_path / "normals.csv"
    profile.write_text(LONG)
    file.write_text("station,dekad,normal\nGOOY,22,61.2\nNowhere,22,1.0\n")

    def load(*options: str) -> Any:
        command = ["--config", str(settings), "normals", "load", str(file), "--profile", str(profile), *options]
        return CliRunner().invoke(group, command)

    refused = load()
    assert refused.exit_code == 1
    assert "line 3: station 'Nowhere'" in refused.output
    assert "found 1 that cannot; nothing was stored" in refused.output
    file.write_text("station,dekad,normal\nGOOY,22,61.2\n")
    assert "can be read; nothing was stored" in load("--dry-run").output
    assert rows(server, database) == []
    assert "1 new, 0 replaced, 0 known already" in load().output
    assert rows(server, database) == [(22, 61.2, True, True)]
