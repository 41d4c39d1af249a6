"""Exports without a warehouse: cells, units, natures, licences, files."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from meteostream.contract import ContractError
from meteostream.contract.variables import ALL
from meteostream.export import daycli, wis2box
from meteostream.export.days import MAXIMUM, MEAN, RAIN, DailyValue
from meteostream.export.errors import ExportError
from meteostream.export.identifiers import identifier_cells
from meteostream.export.people import PLAIN, SPREADSHEET, people_header, people_notes, people_row
from meteostream.export.reports import Found, choose
from meteostream.export.selection import Selection, check_period, moment
from meteostream.export.titles import FRENCH
from meteostream.export.writing import write_rows
from support_export import DIASS, NOW, SIX, YOFF, a_day, a_report, licence, licences

BEGIN, END = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
YOFFS = Selection((YOFF.station,), BEGIN, END)
AWS = Found("aws-anacim", "aws", "observed", 7, SIX, SIX)


def cells(*arguments: object, **others: object) -> dict[str, str]:
    """A report's wis2box cells that are not empty, by column."""
    row = wis2box.wis2box_row(a_report(*arguments, **others))  # type: ignore[arg-type]
    return {name: cell for name, cell in zip(wis2box.COLUMNS, row, strict=True) if cell}


# wis2box


def test_the_44_columns_stand_in_the_order_of_wis2box() -> None:
    wanted = (
        "wsi_series,wsi_issuer,wsi_issue_number,wsi_local,wmo_block_number,wmo_station_number,station_type,year,month,day,"
        "hour,minute,latitude,longitude,station_height_above_msl,barometer_height_above_msl,station_pressure,msl_pressure,"
        "geopotential_height,thermometer_height,air_temperature,dewpoint_temperature,relative_humidity,"
        "method_of_ground_state_measurement,ground_state,method_of_snow_depth_measurement,snow_depth,"
        "precipitation_intensity,anemometer_height,time_period_of_wind,wind_direction,wind_speed,"
        "maximum_wind_gust_direction_10_minutes,maximum_wind_gust_speed_10_minutes,maximum_wind_gust_direction_1_hour,"
        "maximum_wind_gust_speed_1_hour,maximum_wind_gust_direction_3_hours,maximum_wind_gust_speed_3_hours,"
        "rain_sensor_height,total_precipitation_1_hour,total_precipitation_3_hours,total_precipitation_6_hours,"
        "total_precipitation_12_hours,total_precipitation_24_hours"
    )
    assert ",".join(wis2box.COLUMNS) == wanted
    assert len(wis2box.COLUMNS) == 44


def test_pressure_is_in_pascal_and_temperature_in_kelvin() -> None:
    found = cells({"air_temperature": 25.3, "station_pressure": 1010.1, "sea_level_pressure": 1013.25})
    assert found["air_temperature"] == "298.45"
    assert found["station_pressure"] == "101010"
    assert found["msl_pressure"] == "101330"  # its BUFR element counts tens of pascals


def test_the_identifier_is_split_and_what_is_not_known_is_empty() -> None:
    assert cells({}) == {
        "wsi_series": "0",
        "wsi_issuer": "20000",
        "wsi_issue_number": "0",
        "wsi_local": "61641",
        "wmo_block_number": "61",
        "wmo_station_number": "641",
        "station_type": "0",
        "year": "2026",
        "month": "8",
        "day": "15",
        "hour": "6",
        "minute": "0",
        "latitude": "14.73330",
        "longitude": "-17.50000",
        "station_height_above_msl": "27.0",
        "barometer_height_above_msl": "28.5",
        "thermometer_height": "2.00",
        "anemometer_height": "10.00",
        "rain_sensor_height": "1.25",
    }
    elsewhere = cells({}, place=DIASS, report_type="metar")
    absent = {"wmo_block_number", "wmo_station_number", "station_type", "barometer_height_above_msl"}
    assert not absent & elsewhere.keys()
    assert (elsewhere["wsi_issuer"], elsewhere["wsi_local"]) == ("686", "GOBD")


def test_missing_is_empty_and_zero_is_zero() -> None:
    assert "total_precipitation_1_hour" not in cells({"rain_1h": None})
    assert cells({"rain_1h": 0.0})["total_precipitation_1_hour"] == "0.0"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"wind_mean_10min": 5.0, "wind_direction": 360.0}, ("-10", "360", "5.0")),
        ({"wind_mean_10min": 0.0, "wind_direction": None}, ("-10", "0", "0.0")),
        ({"wind_mean_10min": 5.0, "wind_direction": 0.4}, ("-10", "360", "5.0")),
        ({"wind_mean_10min": 1.5, "wind_direction": None, "wind_variable": True}, ("-10", "0", "1.5")),
        ({"wind_mean_10min": 1.5, "wind_direction": None}, ("-10", None, "1.5")),
        ({"wind_mean_2min": 4.0, "wind_direction": 90.0}, ("-2", "90", "4.0")),
        ({"wind_mean_10min": 3.0, "wind_mean_2min": 4.0, "wind_direction": 90.0}, ("-10", "90", "3.0")),
        ({"wind_direction": 90.0}, (None, None, None)),
    ],
    ids=["north", "calm", "almost-north", "variable", "unknown", "two-minutes", "ten-before-two", "no-speed"],
)
def test_wind(values: dict[str, float | None], wanted: tuple[str | None, ...]) -> None:
    found = cells(values)
    assert tuple(found.get(name) for name in ("time_period_of_wind", "wind_direction", "wind_speed")) == wanted


@pytest.mark.parametrize("nature", ["simulated", "replayed"])
def test_wis2box_refuses_what_is_no_observation(nature: str) -> None:
    with pytest.raises(ExportError, match=f"{YOFF.station} has {nature} data"):
        wis2box.wis2box_row(a_report(nature=nature))


def test_wis2box_refuses_a_simulated_station_whatever_its_reports_say() -> None:
    with pytest.raises(ExportError, match="0-0-0-SIM61641 is simulated"):
        wis2box.wis2box_row(a_report(place=YOFF._replace(station="0-0-0-SIM61641")))


def test_two_reports_of_one_minute_are_refused_by_name() -> None:
    """KF-111: WMO's exchange gets a station's moment once."""
    twice = [a_report(), a_report(source="synop", report_type="synop")]
    with pytest.raises(ExportError, match=r"two reports of 2026-08-15T06:00:00Z: aws-anacim \(aws\) and synop"):
        list(wis2box.wis2box_rows(twice, []))


def test_a_report_between_two_minutes_is_skipped_and_counted() -> None:
    odd = a_report(observed_at=SIX + timedelta(seconds=30))
    skipped: list[object] = []
    assert len(list(wis2box.wis2box_rows([a_report(), odd], skipped))) == 1  # type: ignore[arg-type]
    assert skipped == [odd]


@pytest.mark.parametrize("station", ["GOOY", "1-20000-0-61641", "0-65535-0-A", "0-20000-65535-A"])
def test_an_identifier_that_bufr_cannot_hold_is_refused(station: str) -> None:
    with pytest.raises(ExportError, match=f"station {station}: expected a WIGOS identifier"):
        identifier_cells(YOFF._replace(station=station))


# Licences


def test_a_source_that_nobody_recorded_is_refused_by_name() -> None:
    with pytest.raises(ExportError, match=r"no permission to redistribute is recorded for: aws-anacim \(7 reports\)"):
        choose([AWS], YOFFS, licences())


def test_a_source_without_permission_is_refused_and_all_are_named() -> None:
    found = [AWS, AWS._replace(source="metar", report_type="metar"), AWS._replace(source="synop", reports=2)]
    known = licences(licence("aws-anacim"), licence("metar", redistribute=False))
    with pytest.raises(ExportError, match=r"metar \(7 reports\), synop \(2 reports\); nothing was written"):
        choose(found, YOFFS, known)


def test_with_leave_out_the_rest_is_written_and_what_is_left_out_is_named() -> None:
    found = [AWS, AWS._replace(source="metar", report_type="metar")]
    known = licences(licence("aws-anacim"), licence("metar", redistribute=False))
    chosen = choose(found, YOFFS._replace(leave_out=True), known)
    assert (chosen.sources, chosen.left_out) == (("aws-anacim",), ("metar",))
    assert [notice.source for notice in chosen.notices] == ["aws-anacim"]


def test_leaving_everything_out_is_refused() -> None:
    with pytest.raises(ExportError, match="no permission"):
        choose([AWS], YOFFS._replace(leave_out=True), licences(licence("aws-anacim", redistribute=False)))


def test_another_source_is_no_matter_if_it_was_not_asked_for() -> None:
    found = [AWS, AWS._replace(source="metar", report_type="metar")]
    only = YOFFS._replace(sources=("aws-anacim",))
    assert choose(found, only, licences(licence("aws-anacim"))).sources == ("aws-anacim",)


@pytest.mark.parametrize("others", [{"nature": "simulated"}, {"report_types": ("metar",)}, {"sources": ("metar",)}])
def test_nothing_found_says_what_there_is(others: dict[str, object]) -> None:
    with pytest.raises(ExportError, match=r"found only observed of aws-anacim \(aws\); nothing was written"):
        choose([AWS], YOFFS._replace(**others), licences(licence("aws-anacim")))
    with pytest.raises(ExportError, match="found none"):
        choose([], YOFFS, licences())


def test_a_permission_holds_from_its_day_on_and_ends_for_all_when_withdrawn() -> None:
    letter = datetime(2026, 8, 10, tzinfo=UTC)
    before = licence("synop", redistribute=False, valid_to=letter)
    after = licence("synop", valid_from=letter)
    known = licences(before, after)
    assert [known.allows("synop", letter + timedelta(seconds=one)) for one in (-1, 0)] == [False, True]
    assert not known.always("synop", BEGIN, END)
    assert known.always("synop", letter, END)
    assert known.between("synop", BEGIN, END) == [after]
    withdrawn = licence("synop", redistribute=False, valid_from=NOW - timedelta(days=1))
    known = licences(before, after._replace(valid_to=withdrawn.valid_from), withdrawn)
    assert not known.allows("synop", SIX)
    assert known.between("synop", BEGIN, END) == []


def test_a_notice_says_what_is_not_allowed() -> None:
    assert licence("era", commercial_use=False).notice == "era: © era (licence: CC-BY-4.0; no commercial use)"
    assert licence("era").notice == "era: © era (licence: CC-BY-4.0)"


# DAYCLI


def day_cells(rows: list[list[str]], number: int = 0) -> dict[str, str]:
    return dict(zip(daycli.COLUMNS, rows[number], strict=True))


def clock(found: dict[str, str], period: str, end: str) -> str:
    return "-".join(found[f"{part}_{period}_{end}"] for part in daycli.CLOCK)


def test_a_day_has_its_values_its_periods_and_their_quality() -> None:
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    found = day_cells(list(days.rows([a_day(date(2026, 8, 31))])))
    assert [found[f"attribution_{part}"] for part in ("year", "month", "day")] == ["2026", "8", "31"]
    assert found["utc_offset"] == "0"
    assert (found["total_acc_precip"], found["total_acc_precip_quality"]) == ("12.4", "0")
    assert (clock(found, "precip_accumulation", "start"), clock(found, "precip_accumulation", "end")) == (
        "2026-8-31-6-1",
        "2026-9-1-6-0",
    )
    assert (found["air_temperature_maximum"], found["air_temperature_maximum_quality"]) == ("306.25", "1")
    assert (clock(found, "tmax", "start"), clock(found, "tmax", "end")) == ("2026-8-30-18-1", "2026-8-31-18-0")
    assert (clock(found, "tmin", "start"), clock(found, "tmin", "end")) == ("2026-8-30-18-1", "2026-8-31-6-0")
    assert found["air_temperature_minimum"] == "297.75"
    assert (found["air_temperature_average"], found["averaging_method"]) == ("301.40", "2")
    assert found["thermometer_height"] == "2.00"
    assert (found["total_snow_depth"], found["total_snow_depth_quality"]) == ("", "6")
    assert [notice.source for notice in days.notices] == ["synop"]


def test_a_day_without_a_value_has_a_row_and_is_not_dry() -> None:
    empty = a_day(date(2026, 8, 2))._replace(values={})
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    found = day_cells(list(days.rows([a_day(date(2026, 8, 1)), empty])), 1)
    assert (found["total_acc_precip"], found["total_acc_precip_quality"]) == ("", "6")
    assert found["averaging_method"] == ""
    assert found["attribution_day"] == "2"


def test_a_station_without_any_value_is_refused() -> None:
    days = daycli.DayRows(licences(), leave_out=False)
    with pytest.raises(ExportError, match="expected observed daily values of 0-20000-0-61641"):
        list(days.rows([a_day(date(2026, 8, 1))._replace(values={})]))


@pytest.mark.parametrize("source", ["bulletin", None])
def test_a_daily_value_with_a_source_that_is_not_allowed_is_refused(source: str | None) -> None:
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    named = source or "an unknown source"
    with pytest.raises(ExportError, match=rf"recorded for: {named} \(4 daily values\)"):
        list(days.rows([a_day(date(2026, 8, 1), sources=("synop", source))]))


def test_the_next_rule_is_taken_where_the_first_may_not_be_passed_on() -> None:
    day = a_day(date(2026, 8, 1))
    first = day.values[RAIN][0]
    day.values[RAIN] = [first._replace(sources=("bulletin",)), first._replace(value=9.9)]
    days = daycli.DayRows(licences(licence("synop")), leave_out=True)
    assert day_cells(list(days.rows([day])))["total_acc_precip"] == "9.9"
    assert days.left_out == {"bulletin": 1}


def test_how_an_imported_mean_was_made_is_not_known() -> None:
    day = a_day(date(2026, 8, 1))
    day.values[MEAN] = [one._replace(rule="imported:synop:tmean_24h") for one in day.values[MEAN]]
    days = daycli.DayRows(licences(licence("synop")), leave_out=False)
    found = day_cells(list(days.rows([day])))
    assert (found["averaging_method"], found["air_temperature_average"]) == ("", "301.40")


@pytest.mark.parametrize(("flag", "quality"), [(1, "0"), (2, "7"), (3, "1"), (4, "6"), (9, "6")])
def test_flags_become_classes_of_quality(flag: int, quality: str) -> None:
    day = a_day(date(2026, 8, 1))
    day.values[MAXIMUM] = [one._replace(flag=flag) for one in day.values[MAXIMUM]]
    found = day_cells(list(daycli.DayRows(licences(licence("synop")), leave_out=False).rows([day])))
    assert found["air_temperature_maximum_quality"] == quality
    assert bool(found["air_temperature_maximum"]) == (quality != "6")


def test_daycli_refuses_a_simulated_station() -> None:
    simulated = a_day(date(2026, 8, 1), YOFF._replace(station="0-0-0-SIM61641"))
    with pytest.raises(ExportError, match="DAYCLI is for observations: station 0-0-0-SIM61641 is simulated"):
        list(daycli.DayRows(licences(licence("synop")), leave_out=False).rows([simulated]))


@pytest.mark.parametrize(
    ("month", "now", "said"),
    [
        ("2026-8", NOW, "expected a month such as 2026-08, found '2026-8'"),
        ("2026-13", NOW, "expected a month"),
        ("2026-11", NOW, "expected a month that is over, found 2026-11; its last day ends on 2026-12-01"),
        ("2026-10", datetime(2026, 11, 1, 23, tzinfo=UTC), "expected a month that is over"),
    ],
)
def test_a_month_that_is_none_or_not_over_is_refused(month: str, now: datetime, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        daycli.days_of(month, now)
    assert daycli.days_of("2026-10", datetime(2026, 11, 2, tzinfo=UTC)) == (date(2026, 10, 1), date(2026, 10, 31))


def test_an_imported_value_says_so() -> None:
    begin = datetime(2026, 8, 1, tzinfo=UTC)
    assert DailyValue(1.0, 1, begin, begin, "imported:synop:rain_24h", ("synop",)).imported
    assert not DailyValue(1.0, 1, begin, begin, "rain-06-06", ("synop",)).imported


# People


def people(language: str = "fr", dialect: object = PLAIN, **others: object) -> dict[str, str]:
    row = people_row(a_report(**others), language, dialect)  # type: ignore[arg-type]
    return dict(zip(people_header(language), row, strict=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{}, {"rain_3h": 1.0}, dict.fromkeys(ALL)], ids=["none", "one", "all-missing"])
def test_the_name_and_every_column_are_always_there(values: dict[str, float | None]) -> None:
    """KF-129: whatever a report holds, its file has the station's name and all columns."""
    found = people(values=values)
    assert found["Nom"] == "Dakar/Yoff"
    assert len(found) == 11 + len(ALL) + 2
    assert all(any(header.startswith(FRENCH[name]) for header in found) for name in ALL)


def test_every_variable_has_a_french_title() -> None:
    assert FRENCH.keys() == ALL.keys()
    assert len(set(people_header("fr"))) == len(set(people_header("en"))) == len(people_header("fr"))


def test_headers_have_units_in_both_languages() -> None:
    assert "Température de l'air (°C)" in people_header("fr")
    assert "Nébulosité totale (octas)" in people_header("fr")
    assert "Air temperature (°C)" in people_header("en")
    assert "Wind direction is variable" in people_header("en")


def test_the_decimal_comma_goes_with_the_semicolon() -> None:
    found = people(dialect=SPREADSHEET, values={"air_temperature": 25.3, "wind_variable": True})
    assert found["Température de l'air (°C)"] == "25,3"
    assert found["Latitude (°)"] == "14,7333"
    assert found["Direction du vent variable"] == "oui"
    assert found["Heure (UTC)"] == "2026-08-15T06:00:00Z"
    assert SPREADSHEET.delimiter == ";"


def test_suspect_and_failed_values_are_named() -> None:
    found = people(values={"rain_1h": 218.0}, suspect=("rain_1h", "gust_1h"), failed=("air_temperature",))
    assert found["Pluie de 1 heure (mm)"] == "218.0"
    assert found["Valeurs douteuses"] == "Pluie de 1 heure | Rafale maximale sur 1 heure"
    assert found["Valeurs écartées"] == "Température de l'air"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_simulated_is_marked_first_and_in_each_row(language: str) -> None:
    notes = people_notes(YOFFS._replace(nature="simulated"), [], language)  # type: ignore[arg-type]
    assert notes[0].startswith("SIMULÉ")
    assert people(language, nature="simulated")["Nature"].startswith("SIMULÉ")
    assert not any("SIMUL" in note for note in people_notes(YOFFS, [], language))  # type: ignore[arg-type]


# Files


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def rows() -> object:
        yield ["1"]
        raise ExportError("half way")

    with pytest.raises(ExportError, match="half way"):
        write_rows(path, ["a"], rows())  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_whole_with_its_notes_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.csv"
    assert write_rows(path, ["a", "b"], [["1;2", "é"]], notes=["x\ny"], delimiter=";", encoding="utf-8-sig") == 1
    assert path.read_bytes() == '\ufeff# x y\na;b\n"1;2";é\n'.encode()


def test_a_cell_that_needs_quotes_is_refused_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot be written"):
        write_rows(tmp_path / "out.csv", ["a"], [["1,2"]], quoted=False)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        write_rows(tmp_path / "file" / "out.csv", ["a"], [["1"]])


def test_a_row_of_another_length_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected 2 cells, found 1"):
        write_rows(tmp_path / "out.csv", ["a", "b"], [["1"]])


def test_what_people_get_reads_back_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    notes = people_notes(YOFFS, [licence("aws-anacim")], "fr")
    row = people_row(a_report({"air_temperature": 25.3}), "fr", PLAIN)
    write_rows(path, people_header("fr"), [row], notes=notes)
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == "# Période (UTC) : de 2026-08-01T00:00:00Z à avant 2026-09-01T00:00:00Z"
    assert "# aws-anacim: © aws-anacim (licence: CC-BY-4.0)" in lines
    read = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert [one["Température de l'air (°C)"] for one in read] == ["25.3"]


# Periods


def test_a_date_is_its_beginning_and_other_words_are_refused() -> None:
    assert moment("2026-08-01", "--from") == BEGIN
    with pytest.raises(ContractError, match="--from: expected"):
        moment("yesterday", "--from")


def test_an_empty_period_is_refused() -> None:
    with pytest.raises(ExportError, match="ends after it begins, found 2026-08-01T00:00:00Z to 2026-08-01T00:00:00Z"):
        check_period(BEGIN, BEGIN)
