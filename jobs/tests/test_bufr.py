"""BUFR of land stations: messages are made with ecCodes from values that are known, and read back."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import support_readers
from meteostream.sources.bufr import read_bufr
from meteostream.sources.ecc import eccodes
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of
from support_damage import LATE
from support_stations import registry_with, station

DAKAR = "0-20000-0-61641"
ZIGUINCHOR = "0-20000-0-61695"
NATIONAL = "0-686-0-TATAGUINE"
REGISTRY = registry_with(station(NATIONAL, "Tataguine"))

SYNOP = (301150, 307080)
"""WIGOS identifier, and the template of SYNOP of fixed land stations."""
HOURLY_AWS = (301150, 307092)
TABLES = 37
"""Version of the master tables."""

Elements = Mapping[str, float | str | Sequence[float]]

STATION: Elements = {"#1#blockNumber": 61, "#1#stationNumber": 641}
WIGOS: Elements = {
    "#1#wigosIdentifierSeries": 0,
    "#1#wigosIssuerOfIdentifier": 20000,
    "#1#wigosIssueNumber": 0,
    "#1#wigosLocalIdentifierCharacter": "61641",
}
TIME: Mapping[str, float] = {"#1#year": 2026, "#1#month": 11, "#1#day": 25, "#1#hour": 6, "#1#minute": 0}
WEATHER: Elements = {
    "#1#nonCoordinatePressure": 101_010,
    "#1#pressureReducedToMeanSeaLevel": 101_340,
    "#1#airTemperature": 297.45,
    "#1#dewpointTemperature": 290.25,
    "#1#relativeHumidity": 64,
    "#1#horizontalVisibility": 8000,
    "#1#cloudCoverTotal": 88,
    "#10#timePeriod": -10,
    "#1#windDirection": 360,
    "#1#windSpeed": 5.2,
}
READ = {
    "station_pressure": 1010.1,
    "sea_level_pressure": 1013.4,
    "air_temperature": 24.3,
    "dew_point_temperature": 17.1,
    "relative_humidity": 64.0,
    "visibility": 8000.0,
    "cloud_cover": 7.0,
    "wind_mean_10min": 5.2,
    "wind_direction": 360.0,
    "wind_variable": False,
}


def message(
    elements: Elements,
    *,
    template: Sequence[int] = SYNOP,
    subsets: int = 1,
    compressed: bool = False,
    header: Mapping[str, int] | None = None,
) -> bytes:
    """A message with some elements set and the others missing. Of several subsets a sequence has one value each."""
    handle = eccodes.codes_bufr_new_from_samples("BUFR4")
    try:
        for key, number in {
            "masterTablesVersionNumber": TABLES,
            "dataCategory": 0,
            "numberOfSubsets": subsets,
            "compressedData": int(compressed),
            **(header or {}),
        }.items():
            eccodes.codes_set(handle, key, number)
        for key in ("inputShortDelayedDescriptorReplicationFactor", "inputDelayedDescriptorReplicationFactor"):
            eccodes.codes_set_array(handle, key, [1] * 40)
        eccodes.codes_set_array(handle, "unexpandedDescriptors", list(template))
        for key, value in elements.items():
            if isinstance(value, (str, int, float)):
                eccodes.codes_set(handle, key, value)
            else:
                eccodes.codes_set_array(handle, key, list(value))
        eccodes.codes_set(handle, "pack", 1)
        content: bytes = eccodes.codes_get_message(handle)
        return content
    finally:
        eccodes.codes_release(handle)


def read(data: bytes) -> list[Observation | Reject]:
    return list(read_bufr(data, REGISTRY))


def only(data: bytes) -> Observation:
    return support_readers.only(read(data))


def refused(data: bytes) -> Reject:
    return support_readers.refused(read(data))


def known(found: Observation) -> dict[str, object]:
    return {name: value for name, value in found.values.items() if value is not None}


def numbered(station_number: float = 641, **changed: float) -> Elements:
    return {
        **STATION,
        **TIME,
        **WEATHER,
        "#1#stationNumber": station_number,
        **{f"#1#{key}": value for key, value in changed.items()},
    }


def test_a_synop_of_known_values() -> None:
    found = only(message({**WIGOS, **numbered()}))
    assert (found.station, found.observed_at, found.report_type) == (DAKAR, "2026-11-25T06:00:00Z", "bufr")
    assert known(found) == READ
    draft_of(found, source="bufr", received_at="2026-11-25T06:01:00Z", topic="t")


def test_what_is_missing_is_null_and_never_the_missing_code() -> None:
    """Every element of the template but the station and the time is missing."""
    found = only(message({**STATION, **TIME}))
    assert set(found.values) >= {"air_temperature", "station_pressure", "visibility", "cloud_cover", "rain_24h"}
    assert known(found) == {}


def test_periods_tell_rain_extremes_sunshine_gusts_and_radiation_apart() -> None:
    elements: Elements = {
        "#1#totalPrecipitationPast24Hours": 31.4,
        "#1#totalSnowDepth": 0.07,
        "#2#timePeriod": -1, "#1#totalSunshine": 30,
        "#3#timePeriod": -24, "#2#totalSunshine": 450,
        "#4#timePeriod": -6, "#1#totalPrecipitationOrTotalWaterEquivalent": 12.0,
        "#5#timePeriod": -1, "#2#totalPrecipitationOrTotalWaterEquivalent": 3.2,
        "#6#timePeriod": -12, "#7#timePeriod": 0, "#1#maximumTemperatureAtHeightAndOverPeriodSpecified": 304.15,
        "#8#timePeriod": -12, "#9#timePeriod": 0, "#1#minimumTemperatureAtHeightAndOverPeriodSpecified": 293.15,
        "#11#timePeriod": -10, "#1#maximumWindGustSpeed": 9.8,
        "#12#timePeriod": -60, "#2#maximumWindGustSpeed": 14.2,
        "#13#timePeriod": -24, "#1#evaporation": 6.1,
        "#15#timePeriod": -24, "#2#globalSolarRadiationIntegratedOverPeriodSpecified": 21_600_000,
    }  # fmt: skip
    assert known(only(message({**STATION, **TIME, **elements}))) == {
        "rain_24h": 31.4, "snow_depth": 0.07, "sunshine_1h": 1800.0, "sunshine_24h": 27_000.0, "rain_6h": 12.0,
        "rain_1h": 3.2, "tmax_12h": 31.0, "tmin_12h": 20.0, "gust_10min": 9.8, "gust_1h": 14.2, "evaporation_24h": 6.1,
        "irradiance_mean_24h": 250.0,
    }  # fmt: skip


@pytest.mark.parametrize("hours", [1, 3, 6, 12, 24])
def test_rain_is_of_the_hours_before_it(hours: int) -> None:
    elements: Elements = {"#4#timePeriod": -hours, "#1#totalPrecipitationOrTotalWaterEquivalent": 12.0}
    assert known(only(message({**STATION, **TIME, **elements}))) == {f"rain_{hours}h": 12.0}


@pytest.mark.parametrize(
    "period",
    [
        {"#4#timePeriod": -5, "#1#totalPrecipitationOrTotalWaterEquivalent": 12.0},
        {"#1#totalPrecipitationOrTotalWaterEquivalent": 12.0},
        {"#6#timePeriod": -24, "#7#timePeriod": -12, "#1#maximumTemperatureAtHeightAndOverPeriodSpecified": 304.15},
    ],
)
def test_a_period_that_is_not_known_or_ends_earlier_makes_no_value(period: Elements) -> None:
    assert known(only(message({**STATION, **TIME, **period}))) == {}


MISSING = eccodes.CODES_MISSING_DOUBLE


@pytest.mark.parametrize(
    ("speed", "towards", "expected", "varies"),
    [
        (0.0, 0, None, False),  # calm
        (0.0, 270, None, False),  # calm, and the vane points somewhere
        (1.5, 0, None, True),  # variable: 0 is not north, as it is elsewhere
        (5.2, 360, 360.0, False),
        (5.2, 1, 1.0, False),
        (MISSING, 0, None, None),
        (5.2, eccodes.CODES_MISSING_LONG, None, None),
    ],
)
def test_direction_0_is_calm_or_variable_and_north_is_360(
    speed: float, towards: int, expected: float | None, varies: bool | None
) -> None:
    found = only(message(numbered(windSpeed=speed, windDirection=towards)))
    assert found.values["wind_mean_10min"] == (None if speed == MISSING else speed)
    assert (found.values["wind_direction"], found.values.get("wind_variable")) == (expected, varies)


def test_a_trace_is_zero_and_an_obscured_sky_is_missing() -> None:
    found = only(message(numbered(totalPrecipitationPast24Hours=-0.1, cloudCoverTotal=113)))
    assert (found.values["rain_24h"], found.values["cloud_cover"]) == (0.0, None)


def test_hourly_aws_template() -> None:
    """The template of automatic stations, whose order is another: values are found by element and period."""
    elements: Elements = {
        "#1#airTemperature": 297.45, "#1#relativeHumidity": 64, "#1#nonCoordinatePressure": 101_010,
    }  # fmt: skip
    assert known(only(message({**STATION, **TIME, **elements}, template=HOURLY_AWS))) == {
        "air_temperature": 24.3, "relative_humidity": 64.0, "station_pressure": 1010.1,
    }  # fmt: skip


def test_the_process_keeps_its_own_sqlite_and_ends_without_a_crash() -> None:
    """EcCodes brings an old SQLite (3.26, without STRICT tables), and a Kerberos that psycopg2 must not meet."""
    program = "import meteostream.sources.bufr, psycopg2, sqlite3; print(sqlite3.sqlite_version)"
    found = subprocess.run(  # noqa: S603 - this interpreter, our program
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == sqlite3.sqlite_version


class TestStations:
    """KF-113: identifiers that do not fit hide no data. KF-114: who is not registered waits."""

    def test_block_and_station_number_alone(self) -> None:
        assert only(message(numbered())).station == DAKAR

    def test_a_wigos_identifier_alone(self) -> None:
        elements: Elements = {
            "#1#wigosIdentifierSeries": 0, "#1#wigosIssuerOfIdentifier": 686, "#1#wigosIssueNumber": 0,
            "#1#wigosLocalIdentifierCharacter": "TATAGUINE",
        }  # fmt: skip
        assert only(message({**elements, **TIME, **WEATHER})).station == NATIONAL

    def test_a_registered_wigos_identifier_counts_before_the_number_kf_113(self) -> None:
        elements = {**WIGOS, "#1#wigosIssuerOfIdentifier": 686, "#1#wigosLocalIdentifierCharacter": "TATAGUINE"}
        assert only(message({**elements, **numbered()})).station == NATIONAL

    def test_a_wigos_identifier_that_nobody_registered_gives_way_to_the_number_kf_113(self) -> None:
        elements = {**WIGOS, "#1#wigosLocalIdentifierCharacter": "other"}
        assert only(message({**elements, **numbered()})).station == DAKAR

    def test_an_unknown_station_is_held_kf_114(self) -> None:
        found = refused(message(numbered(999)))
        assert "'61999'" in found.reason
        assert found.held is not None
        assert known(found.held) == READ

    def test_none_is_refused(self) -> None:
        assert "expected a WIGOS identifier or block and station number" in refused(message({**TIME, **WEATHER})).reason


class TestSubsets:
    @pytest.mark.parametrize("compressed", [False, True])
    def test_each_subset_is_a_report(self, *, compressed: bool) -> None:
        if compressed:
            elements: dict[str, float | str | Sequence[float]] = {
                **numbered(),
                "#1#stationNumber": (641, 695, 600),
                "#1#airTemperature": (297.45, eccodes.CODES_MISSING_DOUBLE, 300.15),
            }
            data = message(elements, subsets=3, compressed=True)
        else:
            data = uncompressed()
        found = read(data)
        assert [one.station for one in found if isinstance(one, Observation)] == [DAKAR, ZIGUINCHOR, "0-20000-0-61600"]
        assert [one.values["air_temperature"] for one in found if isinstance(one, Observation)] == [24.3, None, 27.0]
        assert [one.values["sea_level_pressure"] for one in found if isinstance(one, Observation)] == [1013.4] * 3
        assert {one.line for one in found} == {1}

    def test_the_text_of_a_subset_is_a_message_of_its_own(self) -> None:
        for one in read(uncompressed()):
            assert isinstance(one, Observation)
            again = only(base64.b64decode(one.text))
            assert (again.station, again.values) == (one.station, one.values)

    def test_a_subset_that_cannot_be_read_takes_no_other_with_it(self) -> None:
        data = message(
            {**numbered(), "#1#stationNumber": (641, 695), "#1#month": (11, eccodes.CODES_MISSING_LONG)},
            subsets=2,
            compressed=True,
        )
        good, bad = read(data)
        assert isinstance(good, Observation)
        assert isinstance(bad, Reject)
        assert "message 1, subset 2: month: expected a number, found it missing" in bad.reason


def uncompressed() -> bytes:
    """Three subsets, one behind another: in such a message the ranks of keys run through all of them."""
    elements: dict[str, float | str] = {}
    for rank, (number, kelvin) in enumerate([(641, 297.45), (695, None), (600, 300.15)], 1):
        elements |= {f"#{rank}#blockNumber": 61, f"#{rank}#stationNumber": number}
        elements |= {key.replace("#1#", f"#{rank}#"): value for key, value in TIME.items()}
        elements |= {f"#{rank}#pressureReducedToMeanSeaLevel": 101_340}
        if kelvin is not None:
            elements[f"#{rank}#airTemperature"] = kelvin
    return message(elements, subsets=3)


class TestTimes:
    def test_a_missing_month_is_refused_with_the_reason_kf_115(self) -> None:
        assert (
            "month: expected a number, found it missing"
            in refused(message(numbered(month=eccodes.CODES_MISSING_LONG))).reason
        )

    def test_a_year_before_all_observations_is_refused_kf_115(self) -> None:
        assert "expected a year from 1850 on, found 26" in refused(message(numbered(year=26))).reason

    def test_a_day_that_is_none_is_refused_kf_115(self) -> None:
        assert "expected an existing moment" in refused(message(numbered(month=2, day=30))).reason


class TestDamage:
    def test_a_truncated_message_is_a_reject_and_the_rest_is_read(self) -> None:
        whole = message(numbered())
        bad, good = read(whole[:-40] + message(numbered(695)))
        assert isinstance(bad, Reject)
        assert f"message 1, byte 0: expected {len(whole)} bytes that end with 7777" in bad.reason
        assert isinstance(good, Observation)
        assert (good.line, good.station, known(good)) == (2, ZIGUINCHOR, READ)

    def test_a_file_that_ends_within_a_message(self) -> None:
        good, bad = read(message(numbered(695)) + message(numbered())[:-1])
        assert isinstance(good, Observation)
        assert isinstance(bad, Reject)
        assert bad.line == 2

    def test_what_is_no_land_station_is_refused(self) -> None:
        found = refused(message(numbered(), header={"dataCategory": 1}))
        assert "expected data category 0 (land stations), found 1" in found.reason

    def test_tables_that_nobody_has_are_a_reject(self) -> None:
        content = bytearray(message(numbered()))
        section_3 = 8 + int.from_bytes(content[8:11], "big")
        content[section_3 + 7 : section_3 + 9] = b"\xff\xff"
        assert "message 1" in refused(bytes(content)).reason

    def test_empty_and_other_files(self) -> None:
        assert read(b"") == []
        assert read(b"no message here, 7777") == []

    def test_text_before_between_and_behind_messages_is_passed_over(self) -> None:
        data = (
            b"\x01\r\r\n123\r\r\nISMI01 GOOO 250600\r\r\n"
            + message(numbered())
            + b"\r\r\n\x03"
            + message(numbered(695))
        )
        assert [one.station for one in read(data) if isinstance(one, Observation)] == [DAKAR, ZIGUINCHOR]

    @pytest.mark.parametrize(("heading", "revision"), [(b"", 0), (b" RRA", 0), (b" CCA", 1), (b" CCB", 2)])
    def test_a_corrected_bulletin_is_a_revision(self, heading: bytes, revision: int) -> None:
        assert only(b"ISMI01 GOOO 250600" + heading + b"\r\r\n" + message(numbered())).revision == revision

    def test_an_updated_message_is_a_revision(self) -> None:
        assert only(message(numbered(), header={"updateSequenceNumber": 2})).revision == 2


WHOLE = message(numbered())


@given(
    places=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, len(WHOLE)),
)
def test_no_damage_raises(places: list[tuple[int, int]], cut: int) -> None:
    """Bytes are changed and the end is lost; whatever was read fits the contract, and the next message is read."""
    content = bytearray(WHOLE)
    for place, byte in places:
        content[place] = byte
    for found in read(bytes(content[:cut]) + message(numbered(695))):
        if isinstance(found, Reject):
            assert found.reason
        else:
            draft_of(found, source="bufr", received_at=LATE, topic="t")


@given(st.binary() | st.binary().map(lambda data: b"BUFR" + data + b"7777"))
def test_no_bytes_raise(data: bytes) -> None:
    assert all(isinstance(found, Reject) for found in read(data))
