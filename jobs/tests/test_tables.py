"""Tables beyond plain CSV: loggers, databases' exports, counters, stamps beside their minute."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract.variables import ALL
from meteostream.registry import Registry, load_registry
from meteostream.sources.csv_file import read_csv, read_table
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import Profile, load_profile, parse_profile
from meteostream.sources.sql_dump import read_inserts
from package_data import SEATTLE, sample
from support_stations import SEATTLE as SEATTLE_ID
from support_stations import registry_with, station

DAKAR, THIES = "0-20000-0-61641", "0-20000-0-61654"


def read(text: str, profile: Profile, registry: Registry | None = None) -> list[Observation | Reject]:
    return list(read_table(text.splitlines(keepends=True), profile, registry or load_registry(), "file"))


def values(found: list[Observation | Reject]) -> list[tuple[str, dict[str, object]]]:
    rejects = [one for one in found if isinstance(one, Reject)]
    assert not rejects, rejects
    return [(one.observed_at, dict(one.values)) for one in found if isinstance(one, Observation)]


# --- Campbell TOA5 ---

TOA5 = """\
"TOA5","Thiès","CR1000X","12345","CR1000X.Std.05.01","CPU:aws.CR1X","51234","TenMin"
"TIMESTAMP","RECORD","BattV_Min","AirT_K","RH","BP_Pa","WS_ms_S_WVT","WindDir_D1_WVT","Rain_mm_Total"
"TS","RN","Volts","K","%","Pa","meters/second","Deg","mm"
"","","Min","Avg","Smp","Smp","WVc","WVc","Smp"
"2026-08-25 05:00:00",100,12.6,300.15,80.1,100420,3.2,0,1240.2
"2026-08-25 05:59:59",106,12.6,299.65,82,100410,0,0,1252.6
"2026-08-25 06:10:00",107,12.6,"NAN","NAN",100400,3.1,270,1252.6
"""


def test_toa5_is_read_with_kelvin_and_pascal() -> None:
    """KF-110: a stamp at :59 is the full hour's, by the profile's word."""
    found = read(TOA5, load_profile("campbell"))
    assert values(found) == [
        (
            "2026-08-25T05:00:00Z",
            {
                "air_temperature": 27.0, "relative_humidity": 80.1, "station_pressure": 1004.2,
                "wind_mean_10min": 3.2, "wind_direction": 360.0,
            },
        ),
        (
            "2026-08-25T06:00:00Z",
            {
                "air_temperature": 26.5, "relative_humidity": 82.0, "station_pressure": 1004.1,
                "wind_mean_10min": 0.0, "wind_direction": None, "rain_1h": 12.4,
            },
        ),
        (
            "2026-08-25T06:10:00Z",
            {
                "air_temperature": None, "relative_humidity": None, "station_pressure": 1004.0,
                "wind_mean_10min": 3.1, "wind_direction": 270.0,
            },
        ),
    ]  # fmt: skip
    assert isinstance(found[0], Observation)
    assert found[0].station == THIES
    assert found[0].text.startswith('"2026-08-25 05:00:00",100')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TS","RN","Volts","K"', '"TS","RN","Volts","Deg C"', "column 'AirT_K': expected the unit 'K'.*found 'Deg C'"),
        ('"TOA5",', '"TOB1",', "line 1: expected TOA5"),
        ('"AirT_K",', '"AirT_C",', "missing: .'AirT_K'.; not in the profile: .'AirT_C'."),
        ('"TS","RN","Volts",', '"TS","RN",', "line 3: expected 9 units, found 8"),
    ],
)
def test_toa5_of_a_changed_program_is_refused(old: str, new: str, message: str) -> None:
    """KF-116."""
    assert old in TOA5
    with pytest.raises(SourceError, match=message):
        read(TOA5.replace(old, new), load_profile("campbell"))


def test_toa5_cut_in_its_header_is_refused() -> None:
    with pytest.raises(SourceError, match="expected a header, found none"):
        read("".join(TOA5.splitlines(keepends=True)[:3]), load_profile("campbell"))


# --- Any other maker ---

AWS = """\
time,station,air_temperature_degC,relative_humidity_percent,station_pressure_hPa,wind_mean_10min_m_s,wind_direction_degree,rain_1h_mm
2026-08-25T05:59:59Z,61654,26.5,82,1004.1,3.2,0,12.4
2026-08-25T06:10:00Z,Thies,NAN,,1004.0,1.1,VRB,
2026-08-25T06:20,61654,26.5,82,1004.1,3.2,0,12.4
"""


def test_a_file_of_any_maker_says_variable_period_and_unit_in_its_names() -> None:
    """KF-110: a stamp at :59 is the full minute's."""
    *found, reject = read(AWS, load_profile("aws"))
    assert values(found) == [
        (
            "2026-08-25T06:00:00Z",
            {
                "air_temperature": 26.5, "relative_humidity": 82.0, "station_pressure": 1004.1, "wind_mean_10min": 3.2,
                "wind_direction": 360.0, "rain_1h": 12.4,
            },
        ),
        (
            "2026-08-25T06:10:00Z",
            {
                "air_temperature": None, "relative_humidity": None, "station_pressure": 1004.0, "wind_mean_10min": 1.1,
                "wind_direction": None, "wind_variable": True, "rain_1h": None,
            },
        ),
    ]  # fmt: skip
    assert isinstance(reject, Reject)
    assert "time: expected the form" in reject.reason


@pytest.mark.parametrize("column", ["air_temperature_degF", "air_temperature", "wind_mean_10min_kt"])
def test_a_file_in_other_units_is_refused_as_a_whole(column: str) -> None:
    """KF-116."""
    with pytest.raises(SourceError, match="not in the profile"):
        read(f"time,station,{column}\n2026-08-25T06:00:00Z,61654,80\n", load_profile("aws"))


def test_every_name_of_the_neutral_file_ends_with_its_unit() -> None:
    spelled = {"%": "percent", "m/s": "m_s", "W m-2": "W_m2"}
    for column in load_profile("aws").variables:
        unit = ALL[column.variable].unit
        assert (column.column, column.unit) == (f"{column.variable}_{spelled.get(unit, unit)}", unit)


# --- Stamps and counters ---

GAUGE = """
source = "gauge"
report_type = "aws"
licence = { name = "none", attribution = "none" }
station = { value = "Thiès" }
time = { columns = ["t"], format = "%Y-%m-%dT%H:%M:%S", SLOT }
variables = [{ column = "total", variable = "rain_1h", unit = "mm", scale = "0.2", counter = { most = 120.0 WRAP } }]
"""


def gauge(wrap: str = "", slot: str = "slot_s = 60, tolerance_s = 2") -> Profile:
    return parse_profile(GAUGE.replace("WRAP", wrap).replace("SLOT", slot), "gauge.toml")


def rain(lines: list[tuple[str, object]], profile: Profile) -> dict[str, object]:
    """Amounts by time of a day; reports without one are left out."""
    text = "t,total\n" + "".join(f"2026-08-25T{time},{total}\n" for time, total in lines)
    return {time[11:16]: found["rain_1h"] for time, found in values(read(text, profile)) if "rain_1h" in found}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # An hour's growth, in tips of 0.2 mm; 12.4 mm is 62 tips, exactly.
        ([("05:00:00", 100), ("06:00:00", 162)], {"06:00": 12.4}),
        # Between full hours nothing is due, and the first reading has nothing before it.
        ([("05:00:00", 100), ("05:30:00", 130), ("06:00:00", 162), ("06:30:00", 170)], {"06:00": 12.4}),
        # A reset inside the hour: what fell before it is unknown, and there is no phantom of -100 or +62.
        ([("05:00:00", 100), ("05:30:00", 130), ("05:40:00", 0), ("06:00:00", 10)], {"06:00": None}),
        # The same, though the counter is beyond its old total again.
        ([("05:00:00", 10), ("05:30:00", 0), ("06:00:00", 50)], {"06:00": None}),
        # A jump beyond what can fall.
        ([("05:00:00", 100), ("06:00:00", 9000)], {"06:00": None}),
        # A missing reading at the end: missing; an hour ago: nothing is known, and nothing is said.
        ([("05:00:00", 100), ("06:00:00", "")], {"06:00": None}),
        ([("05:00:00", 100), ("06:00:00", 100), ("08:00:00", 140)], {"06:00": 0.0}),
        # A reading that came twice is one.
        ([("05:00:00", 100), ("05:00:00", 100), ("06:00:00", 105)], {"06:00": 1.0}),
    ],
)
def test_a_counter_gives_bounded_growth(lines: list[tuple[str, object]], expected: dict[str, object]) -> None:
    """KF-118: a reset makes no rain."""
    assert rain(lines, gauge()) == expected


def test_a_counter_that_begins_again_where_it_was_declared_to() -> None:
    lines: list[tuple[str, object]] = [("05:00:00", 4990), ("06:00:00", 12)]
    assert rain(lines, gauge(", wraps_at = 1000.0")) == {"06:00": 4.4}
    assert rain(lines, gauge()) == {"06:00": None}


def test_readings_out_of_order_are_rejected() -> None:
    text = "t,total\n2026-08-25T06:00:00,100\n2026-08-25T05:00:00,90\n"
    _, bad = read(text, gauge())
    assert isinstance(bad, Reject)
    assert "expected readings in the order of their times" in bad.reason


@given(
    st.lists(st.integers(0, 500), min_size=2, max_size=20),
    st.integers(0, 10**6),
    st.sets(st.integers(1, 20)),
)
def test_growth_over_hours_adds_up_to_the_counters_growth(steps: list[int], first: int, resets: set[int]) -> None:
    """Hours without a reset sum to what the counter grew in them; hours with one are missing; nothing is negative."""
    total, lines, expected = first, [("00:00:00", first)], {}
    for hour, step in enumerate(steps, 1):
        before = total
        total = step if hour in resets and before > step else total + step
        lines.append((f"{hour:02d}:00:00", total))
        grown = (total - before) * 0.2
        expected[f"{hour:02d}:00"] = pytest.approx(grown) if 0 <= grown <= 120 else None
    assert rain([(time, count) for time, count in lines], gauge()) == expected


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("05:59:59", "06:00:00"),
        ("06:00:02", "06:00:00"),
        ("05:59:58", "06:00:00"),
        ("06:00:00", "06:00:00"),
        ("05:59:57", None),
        ("06:00:30", None),
    ],
)
def test_a_stamp_beside_its_slot_is_moved_within_the_declared_tolerance(stamp: str, expected: str | None) -> None:
    """KF-110; without the declaration a stamp is taken as it is."""
    text = f"t,total\n2026-08-25T{stamp},100\n"
    (found,) = read(text, gauge())
    if expected is None:
        assert isinstance(found, Reject)
        assert "expected at most 2 s from a multiple of 60 s" in found.reason
    else:
        assert isinstance(found, Observation)
        assert found.observed_at == f"2026-08-25T{expected}Z"
        assert stamp in found.text
    (plain,) = read(text, gauge(slot="slot_s = 0"))
    assert isinstance(plain, Observation)
    assert plain.observed_at == f"2026-08-25T{stamp}Z"


# --- Climsoft ---

LONG = """\
recordedFrom,describedBy,obsDatetime,obsLevel,obsValue,flag,period,qcStatus
61641,101,2026-08-25 06:00:00,surface,27.5,N,,1
61654,5,2026-08-25 06:00:00,surface,12.4,,,1
61641,111,2026-08-25 06:00:00,surface,10,,,1
61641,112,2026-08-25 06:00:00,surface,0,,,1
61654,5,2026-08-25 09:00:00,surface,0.2,,,1
61654,5,2026-08-26 06:00:00,surface,,T,,1
61641,105,2026-08-25 06:00:00,surface,55,M,,1
61654,999,2026-08-26 06:00:00,surface,1,,,1
61641,101,2026-08-25 06:00:00,surface,28.5,,,1
,101,2026-08-25 06:00:00,surface,28.5,,,1
61641,101,0000-08-25 06:00:00,surface,28.5,,,1
"""


def test_climsoft_long_form_gathers_a_reports_lines_wherever_they_stand() -> None:
    """KF-115, KF-116, KF-117: two observation hours of a day stay two reports, and nothing is summed here."""
    found = read(LONG, load_profile("climsoft-long"))
    observations = [one for one in found if isinstance(one, Observation)]
    assert {(one.station, one.observed_at): one.values for one in observations} == {
        (DAKAR, "2026-08-25T06:00:00Z"): {
            "air_temperature": 27.5, "wind_mean_10min": 5.144444444444445, "wind_direction": 360.0,
            "relative_humidity": None,
        },
        (THIES, "2026-08-25T06:00:00Z"): {"rain_24h": 12.4},
        (THIES, "2026-08-25T09:00:00Z"): {"rain_24h": 0.2},
        (THIES, "2026-08-26T06:00:00Z"): {"rain_24h": 0.0},
    }  # fmt: skip
    assert observations[0].text.count("\n") == 3
    rejects = {one.line: one.reason for one in found if isinstance(one, Reject)}
    assert set(rejects) == {9, 10, 11, 12}
    assert "element: expected one of 2, 3, 5" in rejects[9]
    assert "expected one value, found 27.5 before" in rejects[10]
    assert "expected a registered name" in rejects[11]
    assert "time: expected the form" in rejects[12]


WIDE = """\
station_id,station_name,yyyy,mm,dd,hh,TMPMAX,PRECIP
61654,Thies,2026,08,25,06,33.1,12.4
61654,Thies,2026,,26,06,33.1,12.4
61654,Thies,,08,27,06,33.1,12.4
61654,Thies,2026,08,28,06,-9999,TR
61654,Thies,2026,08,29,06,33.1
"""


def test_climsoft_wide_form_survives_a_missing_year_or_month() -> None:
    """KF-115: the line is rejected with the reason, and the file goes on; KF-116: so is a line that lost a cell."""
    found = read(WIDE, load_profile("climsoft-wide"))
    assert [one.line for one in found if isinstance(one, Observation)] == [2, 5]
    rejects = {one.line: one.reason for one in found if isinstance(one, Reject)}
    assert rejects == {
        3: "time: expected the form '%Y %m %d %H', found '2026  26 06'",
        4: "time: expected the form '%Y %m %d %H', found ' 08 27 06'",
        6: "expected 8 cells, found 7",
    }
    last = found[3]
    assert isinstance(last, Observation)
    assert last.values == {"tmax_24h": None, "rain_24h": 0.0}


def test_climsoft_without_its_first_column_is_refused_and_shifts_nothing() -> None:
    """KF-116."""
    shifted = "\n".join(line.split(",", 1)[1] for line in WIDE.splitlines())
    with pytest.raises(SourceError, match=r"missing: \['station_id'\]"):
        read(shifted, load_profile("climsoft-wide"))


SQL = """\
-- MySQL dump 10.13
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `observationfinal`;
CREATE TABLE `observationfinal` (`recordedFrom` varchar(255), `obsValue` decimal(8,2));
INSERT INTO `station` (`stationId`, `stationName`) VALUES ('61654', 'It''s (a) \\'trap\\'; INSERT INTO');
INSERT INTO `observationfinal` (`recordedFrom`, `describedBy`, `obsDatetime`, `obsLevel`, `obsValue`, `flag`) VALUES
('61654', 5, '2026-08-25 06:00:00', 'surface', 12.40, NULL),
('61654', '5', '2026-08-26 06:00:00', 'surface', NULL, 'M'),
('61654', 5, NOW(), 'surface', 1, NULL);
INSERT INTO climsoft.observationfinal (obsValue, recordedFrom, describedBy, obsDatetime, obsLevel, flag)
VALUES (27.5, '61641', 101, '2026-08-25 06:00:00', 'surface', '') ON DUPLICATE KEY UPDATE obsValue=VALUES(obsValue);
INSERT INTO observationfinal VALUES ('61641', 101, '2026-08-25 09:00:00', 'surface', 99, '');
DELETE FROM observationfinal;
"""


def test_an_sql_export_is_read_by_names_and_never_run() -> None:
    """KF-116: other orders of columns are followed, and an INSERT without names is rejected."""
    found = read(SQL, load_profile("climsoft-sql"))
    observations = [one for one in found if isinstance(one, Observation)]
    assert {(one.station, one.observed_at): one.values for one in observations} == {
        (THIES, "2026-08-25T06:00:00Z"): {"rain_24h": 12.4},
        (THIES, "2026-08-26T06:00:00Z"): {"rain_24h": None},
        (DAKAR, "2026-08-25T06:00:00Z"): {"air_temperature": 27.5},
    }
    assert observations[0].line == 7
    assert observations[0].text == "('61654', 5, '2026-08-25 06:00:00', 'surface', 12.40, NULL)"
    rejects = {one.line: one.reason for one in found if isinstance(one, Reject)}
    assert rejects == {
        9: "expected a text, a number or NULL, found 'NOW ('",
        12: "expected INSERT INTO table (columns): without names values could be taken for others (KF-116)",
    }


def test_an_export_of_another_table_is_refused() -> None:
    with pytest.raises(SourceError, match="expected INSERT statements for the table 'observationfinal'"):
        read("CREATE TABLE x (a int);\nINSERT INTO x (a) VALUES (1);\n", load_profile("climsoft-sql"))


@pytest.mark.parametrize(
    ("literal", "backslash", "expected"),
    [
        ("'it''s'", True, "it's"),
        (r"'it\'s'", True, "it's"),
        (r"'a\\b\n'", True, "a\\b\n"),
        (r"'C:\'", False, "C:\\"),
        ("'a;b),('", True, "a;b),("),
        ("-1.5e3", True, "-1.5e3"),
        ("NULL", True, "NULL"),
        ("'é\u202f'", True, "é\u202f"),
    ],
)
def test_literals_of_both_dialects(literal: str, backslash: bool, expected: str) -> None:
    export = f"INSERT INTO t (a) VALUES ({literal});"  # noqa: S608 - it is read and never run
    (found,) = read_inserts(export, "t", backslash=backslash)
    assert found.problem is None
    assert found.cells == [expected]


@given(st.text() | st.text("'\"`\\();,-/*# \nINSERTOVALUEab1", max_size=60))
def test_no_text_breaks_the_scanner(text: str) -> None:
    for prefix in ("", "INSERT INTO t (a) VALUES ("):
        for found in read_inserts(prefix + text, "t", backslash=True):
            assert found.line >= 1


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_quoted_texts_come_back_as_they_were(texts: list[str]) -> None:
    quoted = ", ".join("('" + text.replace("'", "''") + "')" for text in texts)
    export = f"INSERT INTO t (a) VALUES {quoted};"  # noqa: S608 - it is read and never run
    found = read_inserts(export, "t", backslash=False)
    assert [one.cells[0] for one in found] == texts


# --- Other makers, by profile alone ---


def test_a_makers_file_with_preamble_and_row_of_units() -> None:
    maker = parse_profile(
        """
        source = "maker"
        report_type = "aws"
        delimiter = ";"
        preamble = 2
        after_header = 1
        trace = ["Tr"]
        ignore = ["diag_*"]
        licence = { name = "none", attribution = "none" }
        station = { value = "Thiès" }
        time = { columns = ["Date", "Time"], format = "%d.%m.%y %H:%M" }
        variables = [
            { column = "T10", variable = "air_temperature", unit = "degC", scale = "0.1", nulls = ["9999"] },
            { column = "P", variable = "station_pressure", unit = "kPa" },
            { column = "RR", variable = "rain_1h", unit = "inch" },
        ]
        """,
        "maker.toml",
    )
    text = (
        "Maker 3000;firmware 1.2\nexport;2026\nDate;Time;T10;P;RR;diag_1;diag_2\n;;0.1 C;kPa;in;;\n"
        "25.08.26;06:00;287;100.94;0.5;x;y\n25.08.26;07:00;9999;100.94;Tr;x;y\n"
    )
    assert values(read(text, maker)) == [
        ("2026-08-25T06:00:00Z", {"air_temperature": 28.7, "station_pressure": 1009.4, "rain_1h": 12.7}),
        ("2026-08-25T07:00:00Z", {"air_temperature": None, "station_pressure": 1009.4, "rain_1h": 0.0}),
    ]


@pytest.mark.package_data
def test_a_real_daily_file_by_profile_alone() -> None:
    """vega_datasets' seattle-weather: 1,461 days of 2012 to 2015; sums end with the day that the date names."""
    daily = parse_profile(
        """
        source = "seattle"
        report_type = "daily"
        ignore = ["weather"]
        licence = { name = "public domain", attribution = "NOAA" }
        station = { value = "Seattle" }
        time = { columns = ["date"], format = "%Y/%m/%d", offset_s = 86400 }
        variables = [
            { column = "precipitation", variable = "rain_24h", unit = "mm" },
            { column = "temp_max", variable = "tmax_24h", unit = "degC" },
            { column = "temp_min", variable = "tmin_24h", unit = "degC" },
            { column = "wind", variable = "wind_mean_24h", unit = "m/s" },
        ]
        """,
        "seattle.toml",
    )
    found = values(list(read_csv(sample(SEATTLE), daily, registry_with(station(SEATTLE_ID, "Seattle")))))
    assert len(found) == 1461
    assert found[1] == (
        "2012-01-03T00:00:00Z", {"rain_24h": 10.9, "tmax_24h": 10.6, "tmin_24h": 2.8, "wind_mean_24h": 4.5},
    )  # fmt: skip
    assert sum(float(str(one["rain_24h"])) for _, one in found) == pytest.approx(4426.0, abs=1e-6)


# --- Opening ---


def test_gzip_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "thies.csv"
    path.write_bytes(gzip.compress(WIDE.encode()))
    assert len(list(read_csv(path, load_profile("climsoft-wide"), load_registry()))) == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            gzip.compress(WIDE.encode() + b"61654,Thies,2026,08,29,06,33.1,0\n" * 1_000_000),
            "bytes out of each byte of gzip",
        ),
        (gzip.compress(WIDE.encode())[:-9], "expected whole gzip"),
        (b"\x1f\x8b" + b"garbage" * 9, "expected whole gzip"),
        (b"PK\x03\x04" + b"\0" * 99, "found a zip archive"),
    ],
)
def test_bombs_and_damaged_archives_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        list(read_csv(path, load_profile("climsoft-wide"), load_registry()))


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(WIDE + "61654,Thies,2026,08,29,06,33.1,0\n" * 1000)
    with pytest.raises(SourceError, match="expected at most 5000 bytes, found more"):
        list(read_csv(path, load_profile("climsoft-wide"), load_registry(), 5000))


def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(WIDE.encode() + b"6" * (16 * 1024**2 + 2))
    with pytest.raises(SourceError, match="line 7: expected at most 16777216 characters"):
        list(read_csv(path, load_profile("climsoft-wide"), load_registry()))


# --- Profiles ---


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('{ value = "Thiès" }', '{ value = "Thiès", column = "x" }', "expected one of column, value and heading"),
        ('{ value = "Thiès" }', "{ heading = true }", "only a file of form toa5"),
        ('source = "gauge"', 'source = "gauge"\nform = "sql"', "table: expected"),
        ('source = "gauge"', 'source = "gauge"\nform = "sql"\ntable = "t"', "nulls: expected 'NULL'"),
        ('source = "gauge"', 'source = "gauge"\nform = "toa5"', "written_unit of 'total'"),
        ("slot_s = 60, tolerance_s = 2", "slot_s = 3, tolerance_s = 2", "at least twice tolerance_s"),
        ('scale = "0.2"', 'scale = "a fifth"', "scale of 'total'"),
        ('"rain_1h", unit = "mm"', '"air_temperature", unit = "degC"', "is no sum over a period"),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(old: str, new: str, message: str) -> None:
    text = GAUGE.replace("WRAP", "").replace("SLOT", "slot_s = 60, tolerance_s = 2")
    assert old in text
    with pytest.raises(SourceError, match=message):
        parse_profile(text.replace(old, new), "gauge.toml")
