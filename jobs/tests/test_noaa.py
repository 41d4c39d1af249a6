"""NOAA's archives: every missing code, scale and flag, and real files counted exactly."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.registry import Registry, load_registry
from meteostream.sources.errors import SourceError
from meteostream.sources.ghcn_daily import read_ghcn_daily
from meteostream.sources.ghcnh import read_ghcnh
from meteostream.sources.gsod import read_gsod
from meteostream.sources.isd import LENGTHS, read_isd
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of
from package_data import GSOD, ISD, ISD_MISSING, ISD_NAN, Sample, sample
from support_readers import observed, only, refused
from support_stations import LOS_ANGELES, registry_with, station

DAKAR = "0-20000-0-61641"
DOWNTOWN = registry_with(
    station(LOS_ANGELES, "722874-93134", at=(34.028, -118.296)),
    station("0-0-0-AGXC1", "994035-99999", at=(33.717, -118.267)),
)

Read = Callable[[Iterable[str], Registry], Iterator[Observation | Reject]]


# --- ISD ---


def isd_line(groups: str = "", **fields: str) -> str:
    """A report of Dakar/Yoff; ``fields`` replace parts of the mandatory section."""
    part = {
        "usaf": "616410", "wban": "99999", "date": "20260825", "time": "0600", "type": "FM-12",
        "direction": "010", "kind": "N", "speed": "0046", "visibility": "010000",
        "temperature": "+0287", "dew_point": "+0241", "pressure": "10125", "place": "+14733-017500",
    } | fields  # fmt: skip
    text = (
        f"{part['usaf']}{part['wban']}{part['date']}{part['time']}4{part['place']}{part['type']:<5}+002799999V020"
        f"{part['direction']}1{part['kind']}{part['speed']}199999999{part['visibility']}1N1"
        f"{part['temperature']}1{part['dew_point']}1{part['pressure']}1"
    )
    behind = f"ADD{groups}" if groups and not groups.startswith("REM") else groups
    assert len(text) == 101
    return f"{len(behind):04d}{text}{behind}"


def isd(*lines: str, registry: Registry | None = None) -> list[Observation | Reject]:
    return list(read_isd(lines, registry or load_registry()))


def test_isd_positions_and_scales() -> None:
    found = only(isd(isd_line()))
    assert found == Observation(
        line=1,
        station=DAKAR,
        observed_at="2026-08-25T06:00:00Z",
        values={
            "air_temperature": 28.7,
            "dew_point_temperature": 24.1,
            "sea_level_pressure": 1012.5,
            "visibility": 10_000.0,
            "wind_mean_10min": 4.6,
            "wind_direction": 10.0,
        },
        text=isd_line(),
        report_type="fm-12",
    )


@pytest.mark.parametrize(
    ("field", "code", "variable"),
    [
        ("temperature", "+9999", "air_temperature"),
        ("dew_point", "+9999", "dew_point_temperature"),
        ("pressure", "99999", "sea_level_pressure"),
        ("speed", "9999", "wind_mean_10min"),
        ("direction", "999", "wind_direction"),
        ("visibility", "999999", "visibility"),
    ],
)
def test_isd_missing_codes_of_the_mandatory_section(field: str, code: str, variable: str) -> None:
    values = only(isd(isd_line(**{field: code}))).values
    assert values[variable] is None
    assert all(value is not None for name, value in values.items() if name != variable)


@pytest.mark.parametrize(
    ("groups", "values"),
    [
        ("AA101001291", {"rain_1h": 1.2}),
        ("AA106990091", {"rain_6h": 990.0}),
        ("AA106999991", {"rain_6h": None}),
        ("AA199001291", {}),
        ("AA118001291", {}),
        ("AA124002091AA206000591", {"rain_24h": 2.0, "rain_6h": 0.5}),
        ("AA103000091AA212000321", {"rain_3h": 0.0, "rain_12h": 0.0}),
        *((f"AA1060123{code}1", {"rain_6h": None}) for code in "1345678IJ"),
        ("AA1060123E1", {"rain_6h": 12.3}),
        ("KA1120M+03121KA2120N+02151", {"tmax_12h": 31.2, "tmin_12h": 21.5}),
        ("KA1240P+03121KA2240O-00051", {"tmax_24h": 31.2, "tmin_24h": -0.5}),
        ("KA1120M+99999", {"tmax_12h": None}),
        ("KA1999N+02151", {}),
        ("KA1060M+03121", {}),
        ("KA11209+03121", {}),
        ("MA1101251101131", {"station_pressure": 1011.3}),
        ("MA1101251999999", {"station_pressure": None}),
        ("OC101541", {"gust_10min": 15.4}),
        ("OC199999", {"gust_10min": None}),
        ("GF106991999999999999999999", {"cloud_cover": 6.0}),
        ("GF100991999999999999999999", {"cloud_cover": 0.0}),
        ("GF199999999999999999999999", {"cloud_cover": None}),
        ("GF109991999999999999999999", {"cloud_cover": None}),
        ("AJ100259199999991", {"snow_depth": 0.25}),
        ("AJ199999999999999", {"snow_depth": None}),
        ("GJ106001", {}),
        ("AW1101MW1051OC101001REMSYN004 AA1", {"gust_10min": 10.0}),
        ("REMSYN004AA10", {}),
    ],
)  # fmt: skip
def test_isd_groups_and_their_missing_codes(groups: str, values: dict[str, float | None]) -> None:
    """What has another period, or none that is told, is in the raw text alone; a trace (2) is 0."""
    found = only(isd(isd_line(groups)))
    assert {name: value for name, value in found.values.items() if name not in only(isd(isd_line())).values} == values
    assert found.text == isd_line(groups)


@pytest.mark.parametrize(
    ("direction", "kind", "speed", "expected"),
    [
        ("000", "N", "0051", (360.0, 5.1, None)),
        ("360", "N", "0051", (360.0, 5.1, None)),
        ("000", "C", "0000", (None, 0.0, None)),
        ("999", "9", "0000", (None, 0.0, None)),
        ("999", "C", "9999", (None, 0.0, None)),
        ("999", "V", "0015", (None, 1.5, True)),
        ("999", "9", "9999", (None, None, None)),
        ("270", "V", "0051", (270.0, 5.1, None)),
    ],
)
def test_isd_wind_follows_the_contract(direction: str, kind: str, speed: str, expected: tuple[object, ...]) -> None:
    values = only(isd(isd_line(direction=direction, kind=kind, speed=speed))).values
    assert (values["wind_direction"], values["wind_mean_10min"], values.get("wind_variable")) == expected


def test_isd_winds_of_the_american_network_are_means_of_two_minutes() -> None:
    values = only(isd(isd_line(usaf="725020", wban="14734", type="FM-15", place="+40683-074169"))).values
    assert values["wind_mean_2min"] == 4.6
    assert "wind_mean_10min" not in values


def test_isd_rain_since_the_last_routine_report_is_no_hour() -> None:
    assert only(isd(isd_line("AA101001291", type="FM-15"))).values["rain_1h"] == 1.2
    assert "rain_1h" not in only(isd(isd_line("AA101001291", type="FM-16"))).values


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (isd_line(time="2400"), "time: expected the form"),
        (isd_line(date="00000825"), "time: expected the form"),
        (isd_line(date="20260025"), "time: expected the form"),
        (isd_line(date="20260230"), "time: expected the form"),
        (isd_line(temperature="+02x7"), "positions 88-92: expected a number"),
        (isd_line(place="+14x33-017500"), "positions 29-34: expected a number"),
        (isd_line("ZZ101"), "position 109: expected a whole group, found 'ZZ101'"),
        (isd_line("AA10100"), "position 109: expected a whole group"),
        (isd_line("OC101541")[:-3], "expected 116 characters as the line says, found 113"),
        (isd_line() + "AA101001291", "expected 105 characters as the line says, found 116"),
        ("hello", "expected at least 105 characters"),
        (isd_line().replace("V020", "Vé20"), "expected ASCII"),
    ],
)
def test_isd_damage_rejects_its_line_with_the_place(line: str, reason: str) -> None:
    """KF-115: a missing year or month costs its line, not the file."""
    bad, good = isd(line, isd_line())
    assert isinstance(bad, Reject)
    assert bad.reason.startswith(reason)
    assert bad.text == line
    assert bad.held is None
    assert isinstance(good, Observation)


def test_an_unregistered_station_is_held_with_all_that_was_read() -> None:
    """KF-114."""
    found = refused(isd(isd_line(usaf="619999")))
    assert "expected a registered name" in found.reason
    assert found.held is not None
    assert found.held.station == "619999-99999"
    assert found.held.values["air_temperature"] == 28.7


@pytest.mark.parametrize(
    ("place", "near"),
    [("+14733-017500", True), ("+14670-017073", True), ("+16050-016450", False), ("-14733+017500", False),
     ("+99999+999999", True), ("+99999-017500", True)],
)  # fmt: skip
def test_a_number_of_another_place_is_another_station(place: str, near: bool) -> None:
    """KF-113: 61641 is Dakar here; a file that has it elsewhere means somebody else. Missing codes say nothing."""
    (found,) = isd(isd_line(place=place))
    if near:
        assert isinstance(found, Observation)
        return
    assert isinstance(found, Reject)
    assert "position of 0-20000-0-61641 (Dakar/Yoff): expected one near 14.7333, -17.5 as registered" in found.reason
    (found,) = ghcnh(ghcnh_row(LATITUDE=str(int(place[:6]) / 1000), LONGITUDE=str(int(place[6:]) / 1000)))
    assert isinstance(found, Reject)


def test_the_same_report_twice_is_one_and_another_is_a_contradiction() -> None:
    assert len(observed(isd(isd_line(), isd_line()))) == 1
    first, second = isd(isd_line(), isd_line(temperature="+0288"))
    assert isinstance(first, Observation)
    assert isinstance(second, Reject)
    assert "found line 1 with other values" in second.reason
    assert len(observed(isd(isd_line(), isd_line(type="FM-15")))) == 2


def test_isd_group_lengths_are_unambiguous() -> None:
    """No group's identifier is the end of its section, and numbers are one digit."""
    assert {"REM", "EQD", "QNN", "ADD"}.isdisjoint(LENGTHS)
    assert all(len(identifier) == 3 and identifier[2].isdigit() for identifier in LENGTHS)


def real(wanted: Sample) -> list[str]:
    return gzip.decompress(sample(wanted).read_bytes()).decode("ascii").splitlines(keepends=True)


@pytest.mark.package_data
class TestRealIsd:
    """eeweather's samples: Los Angeles downtown (KCQT) 2007, the same with gaps, and a platform off the coast."""

    def test_every_line_is_a_report(self) -> None:
        found = observed(read_isd(real(ISD), DOWNTOWN))
        assert len(found) == 11_107
        assert Counter(one.report_type for one in found) == {
            "fm-15": 8759, "fm-16": 1970, "sod": 365, "som": 12, "auto": 1,
        }  # fmt: skip
        for one in found:
            assert one.station == LOS_ANGELES
            draft_of(one, source="isd", received_at="2026-11-25T06:00:00Z", topic="t")

    def test_missing_values_are_counted_as_plain_slices_count_them(self) -> None:
        """The counts come from the file's text, cut here by the documentation's positions."""
        lines = real(ISD)
        found = observed(read_isd(lines, DOWNTOWN))
        for variable, begin, code in (
            ("air_temperature", 88, "+9999"),
            ("dew_point_temperature", 94, "+9999"),
            ("sea_level_pressure", 100, "99999"),
            ("wind_mean_2min", 66, "9999"),
            ("visibility", 79, "999999"),
        ):
            expected = sum(line[begin - 1 : begin - 1 + len(code)] == code for line in lines)
            assert sum(one.values[variable] is None for one in found) == expected
        assert sum(one.values["air_temperature"] is None for one in found) == 388
        assert sum(one.values["sea_level_pressure"] is None for one in found) == 2386
        for one, line in zip(found, lines, strict=True):
            if one.values["air_temperature"] is not None:
                assert one.values["air_temperature"] == pytest.approx(int(line[87:92]) / 10, abs=1e-12)

    def test_the_first_line_is_what_its_metar_says(self) -> None:
        """METAR KCQT 010047Z 00000KT 7SM CLR 15/09 A3015 RMK AO2 SLP211 T01500089."""
        values = next(iter(observed(read_isd(real(ISD)[:1], DOWNTOWN)))).values
        assert values["air_temperature"] == 15.0
        assert values["sea_level_pressure"] == 1021.1
        assert values["wind_mean_2min"] == 0.0
        assert values["wind_direction"] is None
        assert values["cloud_cover"] == 0.0
        assert values["visibility"] == 11_265.0
        assert values["station_pressure"] == 1014.2

    def test_values_are_those_of_the_metar_in_the_remarks(self) -> None:
        """An independent witness: each line carries the report that it was made of, here read by plain expressions.

        The five that differ do so in NOAA's file.
        """
        agree: Counter[tuple[str, bool]] = Counter()
        for one in observed(read_isd(real(ISD), DOWNTOWN)):
            remark = one.text.partition("REM")[2]
            temperatures = re.search(r" T([01])([0-9]{3})([01])([0-9]{3})\b", remark)
            if temperatures:
                air, dew = ((-1) ** int(temperatures[sign]) * int(temperatures[sign + 1]) / 10 for sign in (1, 3))
                agree["temperature", one.values["air_temperature"] == air] += 1
                agree["dew point", one.values["dew_point_temperature"] == dew] += 1
            pressure = re.search(r" SLP([0-9]{3})\b", remark)
            if pressure:
                tenths = int(pressure[1]) + (9000 if int(pressure[1]) >= 500 else 10_000)
                agree["pressure", one.values["sea_level_pressure"] == tenths / 10] += 1
            wind = re.search(r" ([0-9]{3}|VRB)([0-9]{2,3})(G[0-9]{2,3})?KT ", remark)
            if wind:
                found, knots = one.values["wind_mean_2min"], int(wind[2])
                near = found is not None and abs(found - knots * 1852 / 3600) <= 0.1
                agree["speed", near] += 1
                agree["gust", ("gust_10min" in one.values) == bool(wind[3])] += 1
                calm, varying = wind[1] == "000" and not knots, wind[1] == "VRB"
                expected = None if calm or varying else float(wind[1])
                agree["direction", one.values["wind_direction"] == expected] += 1
                agree["variable", bool(one.values.get("wind_variable")) == varying] += 1
        assert agree == {
            ("temperature", True): 8751, ("temperature", False): 1, ("dew point", True): 8750, ("dew point", False): 2,
            ("pressure", True): 8721, ("speed", True): 10_727, ("speed", False): 1, ("gust", True): 10_728,
            ("direction", True): 10_728, ("variable", True): 10_727, ("variable", False): 1,
        }  # fmt: skip

    def test_a_file_with_gaps_and_one_of_missing_codes(self) -> None:
        assert len(observed(read_isd(real(ISD_MISSING), DOWNTOWN))) == 5176
        found = observed(read_isd(real(ISD_NAN), DOWNTOWN))
        assert len(found) == 8611
        assert sum(one.values["air_temperature"] is None for one in found) == 8611


# --- GHCNh ---

GHCNH = (
    "STATION", "Station_name", "DATE", "LATITUDE", "LONGITUDE", "ELEVATION",
    *(
        f"{name}{suffix}"
        for name in (
            "temperature", "dew_point_temperature", "station_level_pressure", "sea_level_pressure", "wind_direction",
            "wind_speed", "wind_gust", "precipitation", "relative_humidity", "visibility", "altimeter",
            "precipitation_3_hour", "precipitation_6_hour", "precipitation_12_hour", "precipitation_24_hour",
            "precipitation_9_hour",
        )
        for suffix in ("", "_Measurement_Code", "_Quality_Code", "_Report_Type", "_Source_Code", "_Source_Station_ID")
    ),
)  # fmt: skip


def ghcnh_row(**cells: str) -> str:
    row = {
        "STATION": "SGM00061641", "DATE": "2026-08-25T06:00:00", "temperature": "28.7",
        "temperature_Report_Type": "FM-12", "temperature_Quality_Code": "1",
    } | cells  # fmt: skip
    assert set(row) <= set(GHCNH), set(row) - set(GHCNH)
    return "|".join(row.get(name, "") for name in GHCNH) + "\n"


def ghcnh(*rows: str) -> list[Observation | Reject]:
    return list(read_ghcnh(["|".join(GHCNH) + "\n", *rows], load_registry()))


def test_ghcnh_reports_what_is_there_and_nothing_else() -> None:
    found = only(ghcnh(ghcnh_row()))
    assert found.station == DAKAR
    assert found.observed_at == "2026-08-25T06:00:00Z"
    assert found.report_type == "fm-12"
    assert found.values == {"air_temperature": 28.7}


def test_ghcnh_variables_and_units() -> None:
    cells = {
        "dew_point_temperature": "24.1", "station_level_pressure": "1009.4", "sea_level_pressure": "1012.5",
        "wind_direction": "010", "wind_speed": "4.6", "wind_gust": "9.8", "precipitation": "1.2",
        "relative_humidity": "76", "visibility": "10.000", "altimeter": "1013.0", "precipitation_6_hour": "3.5",
        "precipitation_9_hour": "4.0", "precipitation_24_hour": "20.1",
    }  # fmt: skip
    assert only(ghcnh(ghcnh_row(**cells))).values == {
        "air_temperature": 28.7, "dew_point_temperature": 24.1, "station_pressure": 1009.4,
        "sea_level_pressure": 1012.5, "wind_direction": 10.0, "wind_mean_10min": 4.6, "gust_10min": 9.8,
        "rain_1h": 1.2, "relative_humidity": 76.0, "visibility": 10_000.0, "rain_6h": 3.5, "rain_24h": 20.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "variable", "value"),
    [
        ({"temperature": "-9999"}, "air_temperature", None),
        ({"sea_level_pressure": "99999"}, "sea_level_pressure", None),
        ({"wind_direction": "999", "wind_speed": "3.0"}, "wind_direction", None),
        ({"wind_direction": "000", "wind_speed": "0.0"}, "wind_direction", None),
        ({"wind_direction": "000", "wind_speed": "3.0"}, "wind_direction", 360.0),
        (
            {"wind_direction": "999", "wind_speed": "3.0", "wind_direction_Measurement_Code": "V-Variable"},
            "wind_variable",
            True,
        ),
        ({"precipitation": "0.0", "precipitation_Measurement_Code": "T"}, "rain_1h", 0.0),
        ({"precipitation": "", "precipitation_Measurement_Code": "2-Trace"}, "rain_1h", 0.0),
        ({"precipitation": "30.0", "precipitation_Measurement_Code": "4-End accumulation"}, "rain_1h", None),
        ({"STATION": "USW00014734", "wind_speed": "3.0"}, "wind_mean_2min", 3.0),
        ({"STATION": "SGI0000GOOY"}, "air_temperature", 28.7),
    ],
)
def test_ghcnh_missing_codes_and_flags(cells: dict[str, str], variable: str, value: object) -> None:
    header = "|".join(GHCNH)
    newark = registry_with(station("0-840-0-X", "USW00014734", at=(40.7, -74.2)))
    assert only(read_ghcnh([header, ghcnh_row(**cells)], newark)).values[variable] == value


def test_ghcnh_older_files_have_the_date_in_parts() -> None:
    header = "Station_ID|Station_name|Year|Month|Day|Hour|Minute|temperature"
    lines = [header, "SGM00061641|DAKAR|2020|1|2|3|0|21.5", "SGM00061641|DAKAR||1|2|3|0|21.5"]
    good, bad = read_ghcnh(lines, load_registry())
    assert isinstance(good, Observation)
    assert good.observed_at == "2020-01-02T03:00:00Z"
    assert isinstance(bad, Reject), "KF-115: a missing year"
    assert bad.reason.startswith("time: expected the form")


def test_ghcnh_another_file_is_refused() -> None:
    with pytest.raises(SourceError, match="expected GHCNh's header"):
        list(read_ghcnh(["date,precipitation\n"], load_registry()))
    with pytest.raises(SourceError, match="expected GHCNh's header"):
        list(read_ghcnh([], load_registry()))


# --- GSOD ---

OP_HEADER = "STN--- WBAN   YEARMODA    TEMP       DEWP      SLP        STP       VISIB      WDSP     MXSPD   GUST"


def op_line(**cells: str) -> str:
    part = {
        "temp": "  80.2", "wdsp": "  7.8", "gust": " 22.0", "high": "  88.3", "low": "  75.2", "rain": " 1.26D",
        "snow": "999.9", "day": "20260825",
    } | cells  # fmt: skip
    text = (
        f"616410 99999  {part['day']}  {part['temp']} 24    72.1 24  1012.5 24  1009.4 24    6.2 24  {part['wdsp']} 24"
        f"   13.0  {part['gust']}  {part['high']}* {part['low']}  {part['rain']} {part['snow']}  010000"
    )
    assert len(text) == 138
    return text


def gsod(*lines: str) -> list[Observation | Reject]:
    return list(read_gsod([OP_HEADER, *lines], load_registry()))


def test_gsod_units_and_the_end_of_the_day() -> None:
    found = only(gsod(op_line()))
    assert found.observed_at == "2026-08-26T00:00:00Z"
    assert found.values == pytest.approx(
        {
            "tmean_24h": (80.2 - 32) / 1.8, "wind_mean_24h": 7.8 * 1852 / 3600, "gust_24h": 22 * 1852 / 3600,
            "tmax_24h": (88.3 - 32) / 1.8, "tmin_24h": 24.0, "rain_24h": 1.26 * 25.4, "snow_depth": None,
        }
    )  # fmt: skip
    assert found.text == op_line()


@pytest.mark.parametrize(
    ("cells", "variable"),
    [
        ({"temp": "9999.9"}, "tmean_24h"),
        ({"high": "9999.9"}, "tmax_24h"),
        ({"low": "9999.9"}, "tmin_24h"),
        ({"wdsp": "999.9"}, "wind_mean_24h"),
        ({"gust": "999.9"}, "gust_24h"),
        ({"rain": "99.99 "}, "rain_24h"),
        ({"snow": "999.9"}, "snow_depth"),
        *(({"rain": f" 1.26{flag}"}, "rain_24h") for flag in "ABCEI"),
    ],
)
def test_gsod_missing_codes_and_flags_of_a_part_of_the_day(cells: dict[str, str], variable: str) -> None:
    assert only(gsod(op_line(**cells))).values[variable] is None


@pytest.mark.parametrize("flag", ["D", "F", "G"])
def test_gsod_rain_of_the_whole_day(flag: str) -> None:
    assert only(gsod(op_line(rain=f" 1.00{flag}"))).values["rain_24h"] == 25.4
    assert only(gsod(op_line(rain=" 0.00H"))).values["rain_24h"] == 0.0


def test_gsod_as_csv_says_the_same() -> None:
    header = (
        '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","TEMP","TEMP_ATTRIBUTES","WDSP","GUST","MAX",'
        '"MAX_ATTRIBUTES","MIN","MIN_ATTRIBUTES","PRCP","PRCP_ATTRIBUTES","SNDP","FRSHTT"\n'
    )
    row = (
        '"61641099999","2026-08-25","14.73","-17.5","27.0","DAKAR, SG","  80.2","24","  7.8"," 22.0","  88.3","*",'
        '"  75.2"," "," 1.26","D","999.9","010000"\n'
    )
    found = only(read_gsod([header, row], load_registry()))
    fixed = only(gsod(op_line()))
    assert (found.station, found.observed_at, found.values) == (fixed.station, fixed.observed_at, fixed.values)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (op_line(day="20260230"), "day: expected"),
        (op_line(day="20260025"), "day: expected"),
        (op_line(temp="  8o.2"), "TEMP: expected a number"),
        (op_line(temp="1e9999"), "TEMP: expected a number"),
        (op_line(temp="   1/3"), "TEMP: expected a number"),
        (op_line()[:120], "expected 138 characters"),
    ],
)
def test_gsod_damage_rejects_its_line(line: str, reason: str) -> None:
    """KF-115."""
    assert refused(gsod(line)).reason.startswith(reason)


def test_gsod_another_file_is_refused() -> None:
    with pytest.raises(SourceError, match="expected GSOD's header"):
        list(read_gsod(["date,precipitation\n"], load_registry()))


@pytest.mark.package_data
def test_a_real_year_of_gsod() -> None:
    lines = real(GSOD)
    found = observed(read_gsod(lines, DOWNTOWN))
    assert len(found) == 365
    assert len({one.observed_at for one in found}) == 365
    assert found[0].observed_at == "2007-01-02T00:00:00Z"
    assert found[0].values["tmax_24h"] == pytest.approx((66.9 - 32) / 1.8)
    assert found[0].values["rain_24h"] == 0.0
    assert sum(one.values["gust_24h"] is None for one in found) == sum(line[95:100] == "999.9" for line in lines)
    for one in found:
        draft_of(one, source="gsod", received_at="2026-11-25T06:00:00Z", topic="t")


# --- GHCN-Daily ---


def dly(element: str, days: dict[int, str], month: str = "202602", identifier: str = "SGM00061641") -> str:
    cells = "".join(days.get(day, "-9999   ") for day in range(1, 32))
    assert len(cells) == 248
    return f"{identifier}{month}{element}{cells}"


def daily(*lines: str) -> list[Observation | Reject]:
    return list(read_ghcn_daily(lines, load_registry()))


def test_ghcn_daily_elements_of_a_day_are_one_report() -> None:
    found = observed(
        daily(
            dly("TMAX", {1: "  281  S", 2: "  275  S"}),
            dly("TMIN", {1: "  -11  S"}),
            dly("PRCP", {1: "  123  S", 2: "    0T S"}),
            dly("WT01", {1: "    1  S"}),
        )
    )
    assert [(one.observed_at, one.values) for one in found] == [
        ("2026-02-02T00:00:00Z", {"tmax_24h": 28.1, "tmin_24h": -1.1, "rain_24h": 12.3}),
        ("2026-02-03T00:00:00Z", {"tmax_24h": 27.5, "tmin_24h": None, "rain_24h": 0.0}),
    ]
    assert "TMAX 01   281  S" in found[0].text


@pytest.mark.parametrize(
    ("element", "cell", "variable", "value"),
    [
        ("PRCP", "-9999   ", "rain_24h", None),
        ("TMAX", "-9999   ", "tmax_24h", None),
        ("PRCP", "    0P S", "rain_24h", None),
        ("TMAX", "  281 XS", "tmax_24h", 28.1),
        ("SNWD", "  250  S", "snow_depth", 0.25),
        ("AWND", "   46  S", "wind_mean_24h", 4.6),
        ("TSUN", "  600  S", "sunshine_24h", 36_000.0),
        ("TAVG", "  253H S", "tmean_24h", 25.3),
    ],
)
def test_ghcn_daily_missing_code_flags_and_units(element: str, cell: str, variable: str, value: object) -> None:
    """NOAA's quality flag (X) is an opinion; the value is kept and ours judges it."""
    other = "EVAP" if element != "EVAP" else "TMAX"
    found = observed(daily(dly(element, {1: cell}), dly(other, {1: "   10  S"})))
    assert found[0].values[variable] == value


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (dly("TMAX", {1: "  281  S"}, month="202600"), "day: expected"),
        (dly("TMAX", {1: "  281  S"}, month="    02"), "expected station, year and month"),
        (dly("TMAX", {30: "  281  S"}), "day: expected"),
        (dly("TMAX", {1: "  281  S"})[:40], "expected station, year and month"),
        ("hello", "expected station, year and month"),
    ],
)
def test_ghcn_daily_damage_is_rejected(line: str, reason: str) -> None:
    """KF-115: also a value on the 30th of February."""
    assert refused(daily(line)).reason.startswith(reason)


# --- Any text at all ---


@given(st.lists(st.text(st.characters(exclude_characters="\n\r")), max_size=4))
@pytest.mark.parametrize(
    ("read", "header"),
    [
        (read_isd, None),
        (read_ghcn_daily, None),
        (read_gsod, OP_HEADER),
        (read_ghcnh, "STATION|DATE|temperature|precipitation|wind_direction|wind_speed"),
    ],
)
def test_no_text_breaks_a_decoder(read: Read, header: str | None, lines: list[str]) -> None:
    found = list(read([header, *lines] if header else lines, load_registry()))
    assert all(isinstance(one, Observation | Reject) for one in found)


@given(st.data())
def test_no_damage_to_a_line_breaks_a_decoder(data: st.DataObject) -> None:
    """One character of a good line is replaced, or its end is lost: it is read or rejected."""
    # Reader, a good line, and how many days it can hold: a line of GHCN-Daily is a month.
    cases: list[tuple[Callable[[list[str]], list[Observation | Reject]], str, int]] = [
        (lambda lines: isd(*lines), isd_line("AA106012391KA1120M+03121MA1101251101131OC101541REMSYN"), 1),
        (lambda lines: gsod(*lines), op_line(), 1),
        (lambda lines: daily(*lines), dly("PRCP", {1: "  123  S"}), 31),
        (lambda lines: ghcnh(*lines), ghcnh_row(wind_direction="010", wind_speed="4.6", precipitation="1.2"), 1),
    ]
    read, line, most = data.draw(st.sampled_from(cases))
    place = data.draw(st.integers(0, len(line) - 1))
    replaced = line[:place] + data.draw(st.characters(exclude_characters="\n\r")) + line[place + 1 :]
    for damaged in (replaced, line[:place]):
        found = read([damaged])
        assert len(found) <= most
        for one in found:
            if isinstance(one, Observation):
                # A day of a month is quoted with the line's station, month and element before it.
                assert one.text == damaged.rstrip("\n") or (most > 1 and damaged.startswith(one.text[:21]))
