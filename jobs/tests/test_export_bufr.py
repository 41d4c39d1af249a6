"""Our CSV through WMO's csv2bufr to BUFR, and what ecCodes and our own reader find in it, value by value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from csv2bufr import PASSED, transform
from csv2bufr.templates import load_template

from meteostream.contract.report import Value
from meteostream.export import daycli, wis2box
from meteostream.export.reports import Report
from meteostream.registry import load_registry
from meteostream.sources.bufr import read_bufr
from meteostream.sources.ecc import eccodes
from meteostream.sources.observation import Observation
from support_export import DIASS, a_day, a_report, licence, licences

DATA = Path(__file__).parent / "data"
FULL: dict[str, Value] = {
    "air_temperature": 25.3,
    "dew_point_temperature": 18.4,
    "relative_humidity": 65.0,
    "station_pressure": 1010.1,
    "sea_level_pressure": 1013.2,
    "wind_mean_10min": 5.1,
    "wind_direction": 360.0,
    "gust_10min": 9.8,
    "gust_1h": 12.3,
    "rain_1min": 0.6,
    "rain_1h": 0.0,
    "rain_3h": 1.2,
    "rain_6h": 12.4,
    "rain_12h": 20.1,
    "rain_24h": 33.3,
    "snow_depth": 0.05,
}
EVERYTHING = {
    "#1#wigosIdentifierSeries": 0,
    "#1#wigosIssuerOfIdentifier": 20000,
    "#1#wigosIssueNumber": 0,
    "#1#wigosLocalIdentifierCharacter": "61641",
    "#1#blockNumber": 61,
    "#1#stationNumber": 641,
    "#1#stationType": 0,
    "#1#year": 2026,
    "#1#month": 8,
    "#1#day": 15,
    "#1#hour": 6,
    "#1#minute": 0,
    "#1#latitude": 14.7333,
    "#1#longitude": -17.5,
    "#1#heightOfStationGroundAboveMeanSeaLevel": 27.0,
    "#1#heightOfBarometerAboveMeanSeaLevel": 28.5,
    "#1#nonCoordinatePressure": 101010.0,
    "#1#pressureReducedToMeanSeaLevel": 101320.0,
    "#1#heightOfSensorAboveLocalGroundOrDeckOfMarinePlatform": 2.0,
    "#1#airTemperature": 298.45,
    "#1#dewpointTemperature": 291.55,
    "#1#relativeHumidity": 65,
    "#1#totalSnowDepth": 0.05,
    "#1#precipitationIntensityHighAccuracy": 0.01,
    "#4#heightOfSensorAboveLocalGroundOrDeckOfMarinePlatform": 10.0,
    "#6#timePeriod": -10,
    "#1#windDirection": 360,
    "#1#windSpeed": 5.1,
    "#7#timePeriod": -10,
    "#1#maximumWindGustSpeed": 9.8,
    "#8#timePeriod": -60,
    "#2#maximumWindGustSpeed": 12.3,
    "#8#heightOfSensorAboveLocalGroundOrDeckOfMarinePlatform": 1.25,
    "#17#timePeriod": -1,
    "#1#totalPrecipitationOrTotalWaterEquivalent": 0.0,
    "#18#timePeriod": -3,
    "#2#totalPrecipitationOrTotalWaterEquivalent": 1.2,
    "#19#timePeriod": -6,
    "#3#totalPrecipitationOrTotalWaterEquivalent": 12.4,
    "#20#timePeriod": -12,
    "#4#totalPrecipitationOrTotalWaterEquivalent": 20.1,
    "#21#timePeriod": -24,
    "#5#totalPrecipitationOrTotalWaterEquivalent": 33.3,
}
"""What ecCodes must find of :data:`FULL`, by hand."""
STRUCTURE = {"#9#timePeriod", "#3#timeSignificance"}
"""Constants of the mapping that stand before values we do not have."""


def text_of(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows([columns, *rows])
    return made.getvalue()


def to_bufr(csv_text: str, mapping: str) -> list[bytes]:
    """Messages that csv2bufr makes of a CSV file, a row each; a warning or a failure fails the test."""
    made = list(transform(csv_text, load_template(str(DATA / f"{mapping}.mapping.json"), isFile=True)))
    for one in made:
        result = one["_meta"]["result"]
        assert result["code"] == PASSED, result["errors"]
        assert result["warnings"] == []
    return [one["bufr4"] for one in made]


def aws(*reports: Report) -> list[bytes]:
    return to_bufr(text_of(wis2box.COLUMNS, list(wis2box.wis2box_rows(reports, []))), "wis2box-aws")


@contextmanager
def unpacked(message: bytes) -> Iterator[int]:
    handle = eccodes.codes_new_from_message(message)
    eccodes.codes_set(handle, "unpack", 1)
    yield handle
    eccodes.codes_release(handle)


def present(message: bytes) -> dict[str, float | str]:
    """Every element of a message that is not missing, by ecCodes' key; replication factors left out."""
    found: dict[str, float | str] = {}
    with unpacked(message) as handle:
        iterator = eccodes.codes_bufr_keys_iterator_new(handle)
        while eccodes.codes_bufr_keys_iterator_next(iterator):
            key = eccodes.codes_bufr_keys_iterator_get_name(iterator)
            if key.startswith("#") and "eplicationFactor" not in key:
                value = eccodes.codes_get(handle, key)
                if value not in {"", eccodes.CODES_MISSING_LONG, eccodes.CODES_MISSING_DOUBLE}:
                    found[key] = value
        eccodes.codes_bufr_keys_iterator_delete(iterator)
    return found


def test_eccodes_reads_from_bufr_what_the_report_said() -> None:
    (message,) = aws(a_report(FULL))
    found = present(message)
    assert {key: found[key] for key in EVERYTHING} == pytest.approx(EVERYTHING, abs=1e-9)
    assert found.keys() - EVERYTHING.keys() == STRUCTURE


def test_our_own_reader_finds_the_report_again() -> None:
    """It knows no template and no mapping: an element swapped in the mapping would not come back as itself."""
    (message,) = aws(a_report(FULL))
    (found,) = list(read_bufr(message, load_registry()))
    assert isinstance(found, Observation)
    assert (found.station, found.observed_at) == ("0-20000-0-61641", "2026-08-15T06:00:00Z")
    without = {name: value for name, value in FULL.items() if name != "rain_1min"}  # an intensity is no amount
    assert {name: found.values[name] for name in without} == pytest.approx(without)


@pytest.mark.parametrize("name", [name for name in FULL if name not in {"rain_1min", "wind_direction"}])
def test_each_value_comes_back_alone_as_itself(name: str) -> None:
    (message,) = aws(a_report({name: FULL[name]}))
    (found,) = list(read_bufr(message, load_registry()))
    assert isinstance(found, Observation)
    assert {one: value for one, value in found.values.items() if value is not None} == pytest.approx({name: FULL[name]})


@pytest.mark.parametrize(
    "wind",
    [
        {"wind_mean_10min": 0.0, "wind_direction": None, "wind_variable": False},
        {"wind_mean_10min": 1.5, "wind_direction": None, "wind_variable": True},
        {"wind_mean_10min": 5.2, "wind_direction": 360.0, "wind_variable": False},
    ],
    ids=["calm", "variable", "north"],
)
def test_calm_variable_and_north_come_back_apart(wind: dict[str, Value]) -> None:
    """BUFR has 0 for calm and for variable; a reader that takes 0 for north makes a wind that nobody observed."""
    (message,) = aws(a_report(wind))
    (found,) = list(read_bufr(message, load_registry()))
    assert isinstance(found, Observation)
    assert {name: found.values[name] for name in wind} == wind


def test_what_is_missing_is_missing_in_bufr() -> None:
    (message,) = aws(a_report({}, place=DIASS, report_type="metar"))
    observed = ("Temperature", "Pressure", "Precipitation", "wind", "Wind", "Snow", "Humidity", "Sensor", "block")
    assert [key for key in present(message) if any(word in key for word in observed)] == []


def test_a_row_is_a_message() -> None:
    later = [a_report().observed_at.replace(hour=hour) for hour in (6, 7, 8)]
    messages = aws(*(a_report(observed_at=one) for one in later))
    assert [present(message)["#1#hour"] for message in messages] == [6, 7, 8]


def test_the_extremes_of_the_instruments_range_fit() -> None:
    coldest, hottest = a_report({"air_temperature": -80.0, "station_pressure": 500.0}), {"air_temperature": 60.0}
    after = a_report(hottest | {"station_pressure": 1100.0, "rain_24h": 1200.0}).observed_at.replace(hour=7)
    last = a_report(hottest | {"station_pressure": 1100.0, "rain_24h": 1200.0}, observed_at=after)
    low, high = map(present, aws(coldest, last))
    assert (low["#1#airTemperature"], low["#1#nonCoordinatePressure"]) == pytest.approx((193.15, 50000))
    assert (high["#1#airTemperature"], high["#1#nonCoordinatePressure"]) == pytest.approx((333.15, 110000))
    assert high["#5#totalPrecipitationOrTotalWaterEquivalent"] == pytest.approx(1200.0)


def period(first: int, begin: tuple[int, ...], end: tuple[int, ...]) -> dict[str, int]:
    """Year to minute of both ends; the first date of the message has no time, so clocks are one behind."""
    return {
        f"#{number - (part in {'hour', 'minute'})}#{part}": value
        for number, moment in ((first, begin), (first + 1, end))
        for part, value in zip(daycli.CLOCK, moment, strict=True)
    }


SIGNIFICANCE = "->associatedField->associatedFieldSignificance"
DAY = (
    {
        "#1#wigosIdentifierSeries": 0,
        "#1#wigosIssuerOfIdentifier": 20000,
        "#1#wigosIssueNumber": 0,
        "#1#wigosLocalIdentifierCharacter": "61641",
        "#1#blockNumber": 61,
        "#1#stationNumber": 641,
        "#1#latitude": 14.7333,
        "#1#longitude": -17.5,
        "#1#heightOfStationGroundAboveMeanSeaLevel": 27.0,
        "#1#methodUsedToCalculateTheAverageDailyTemperature": 2,
        "#1#timeDifference": 0,
        "#1#year": 2026,
        "#1#month": 8,
        "#1#day": 31,
        "#1#totalSnowDepth->associatedField": 6,
        "#1#totalAccumulatedPrecipitation": 12.4,
        "#1#totalAccumulatedPrecipitation->associatedField": 0,
        "#1#depthOfFreshSnow->associatedField": 6,
        "#1#heightOfSensorAboveLocalGroundOrDeckOfMarinePlatform": 2.0,
        "#1#firstOrderStatistics": 2,
        "#1#airTemperature": 306.25,
        "#1#airTemperature->associatedField": 1,
        "#2#firstOrderStatistics": 3,
        "#2#airTemperature": 297.75,
        "#2#airTemperature->associatedField": 0,
        "#3#firstOrderStatistics": 4,
        "#3#airTemperature": 301.4,
        "#3#airTemperature->associatedField": 0,
    }
    | period(3, (2026, 8, 31, 6, 1), (2026, 9, 1, 6, 0))
    | period(7, (2026, 8, 30, 18, 1), (2026, 8, 31, 18, 0))
    | period(9, (2026, 8, 30, 18, 1), (2026, 8, 31, 6, 0))
    | period(11, (2026, 8, 31, 0, 1), (2026, 9, 1, 0, 0))
)
"""What ecCodes must find of support_export's day, by hand."""
DAY_STRUCTURE = {"#1#extendedTimeSignificance", "#2#extendedTimeSignificance", "#3#extendedTimeSignificance"}


def test_eccodes_reads_from_daycli_what_the_day_was() -> None:
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    rows = list(days.rows([a_day(date(2026, 8, 31))]))
    (message,) = to_bufr(text_of(daycli.COLUMNS, rows), "daycli")
    found = present(message)
    assert {key: found.get(key) for key in DAY} == pytest.approx(DAY, abs=1e-9)
    others = {key for key in found.keys() - DAY.keys() if not key.endswith(SIGNIFICANCE)}
    assert others == DAY_STRUCTURE | {"#1#timeDifferenceQualifier"}


def test_a_day_without_values_is_missing_in_daycli() -> None:
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    empty = a_day(date(2026, 8, 30))._replace(values={})
    rows = list(days.rows([empty, a_day(date(2026, 8, 31))]))
    found = present(to_bufr(text_of(daycli.COLUMNS, rows), "daycli")[0])
    names = ("totalAccumulatedPrecipitation", "airTemperature", "totalSnowDepth", "depthOfFreshSnow")
    assert not [key for key in found if key.split("#")[-1] in names]
    assert found["#1#totalAccumulatedPrecipitation->associatedField"] == 6
    assert found["#1#day"] == 30
