"""METAR and SPECI, report by report: every figure here is worked out from the codes by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import support_readers
from meteostream.registry import load_registry
from meteostream.sources.dates import Month, Reference
from meteostream.sources.metar import MAX_CHARACTERS, read_metar
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of
from support_damage import LATE, mutated
from support_stations import registry_with, station

DAKAR = "0-20000-0-61641"
REGISTRY = registry_with(station("0-840-0-KNYC", "KNYC"))
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KNOT = 1852 / 3600
"""International knot, m/s."""
USUAL: Mapping[str, Any] = {
    "wind_mean_10min": pytest.approx(10 * KNOT),
    "wind_direction": 360.0,
    "wind_variable": False,
    "visibility": 10_000.0,
    "air_temperature": 24.0,
    "dew_point_temperature": 17.0,
}
"""What ``36010KT 9999 24/17`` says."""


def read(text: str, reference: Reference = NOW) -> list[Observation | Reject]:
    return list(read_metar(text, REGISTRY, reference=reference))


def only(text: str, reference: Reference = NOW) -> Observation:
    return support_readers.only(read(text, reference))


def refused(text: str, reference: Reference = NOW) -> Reject:
    return support_readers.refused(read(text, reference))


def body(groups: str) -> Observation:
    return only(f"METAR GOOY 250600Z {groups}")


def test_a_plain_report() -> None:
    text = "METAR GOOY 250600Z 36010KT 9999 FEW020 BKN080 24/17 Q1013 NOSIG"
    found = only(text)
    assert found == Observation(
        line=1, station=DAKAR, observed_at="2026-11-25T06:00:00Z", values={**USUAL, "cloud_cover": 7.0}, text=text,
        report_type="metar",
    )  # fmt: skip


def test_what_was_read_fits_the_contract() -> None:
    """The streams accept it: units, names and times are the contract's."""
    found = body("VRB03G15KT 0800 R36/0900 FG VV001 M01/M01 Q1013")
    assert draft_of(found, source="metar", received_at="2026-11-25T06:01:00Z", topic="t").key == DAKAR


class TestPartlyReadReports:
    """KF-101, KF-102: the parsed part is kept, the report is flagged, forecasts stay out of it."""

    def test_wind_after_the_clouds_is_kept_and_flagged_kf_101(self) -> None:
        found = body("9999 FEW020 24/17 36010KT Q1013")
        assert found.values == {**USUAL, "cloud_cover": 2.0}
        assert found.partial == ("36010KT",)

    def test_pressure_before_rmk_is_kept_and_flagged_kf_101(self) -> None:
        found = body("36010KT 9999 24/17 Q1013 SLP134 RMK AO2")
        assert found.values == {**USUAL, "sea_level_pressure": 1013.4}
        assert found.partial == ("SLP134",)

    def test_of_two_pressures_the_first_stands_kf_101(self) -> None:
        found = body("36010KT 9999 24/17 Q1013 SLP134 RMK SLP150")
        assert (found.values["sea_level_pressure"], found.partial) == (1013.4, ("SLP134",))

    def test_a_group_that_means_nothing_leaves_the_others_kf_101(self) -> None:
        found = body("36010KT 9999 GARBLED 24/17 Q1013")
        assert (found.values, found.partial) == (USUAL, ("GARBLED",))

    def test_two_winds_are_no_choice_the_first_stands_kf_101(self) -> None:
        found = body("36010KT 27020KT 9999 24/17 Q1013")
        assert (found.values, found.partial) == (USUAL, ("27020KT",))

    @pytest.mark.parametrize(
        "trend",
        [
            "FM1200 27025G40KT 0800 BKN003",
            "BECMG 27025KT BECMG 0800 BECMG OVC002",
            "BECMG FM1200 TL1400 27025KT TEMPO AT1300 0800 TSRA",
            "TEMPO FM1030 TL1130 27025G40KT 1500 FM1200 BKN003",
            "NOSIG FM1200 27025KT",
            "PROB30 TEMPO 0200 FG VV001",
            "INTER 27025KT",
        ],
    )
    def test_trends_are_no_observations_kf_102(self, trend: str) -> None:
        found = body(f"36010KT 9999 24/17 Q1013 {trend}")
        assert (found.values, found.partial) == (USUAL, ())

    def test_remarks_behind_a_trend_are_read_kf_102(self) -> None:
        assert body("36010KT 9999 24/17 Q1013 TEMPO 0800 FG RMK SLP134").values == {
            **USUAL, "sea_level_pressure": 1013.4,
        }  # fmt: skip


class TestVisibility:
    @pytest.mark.parametrize(
        ("group", "metres"),
        [
            ("0800", 800.0),
            ("9999", 10_000.0),
            ("CAVOK", 10_000.0),
            ("9999NDV", 10_000.0),
            ("6KM", 6000.0),
            ("10SM", 16_093.44),
            ("10+SM", 16_093.44),
            ("1 1/2SM", 2414.016),
            ("M1/4SM", 402.336),
            ("P6SM", 9656.064),
        ],
    )
    def test_every_way_to_say_it_kf_103(self, group: str, metres: float) -> None:
        """An upper or lower bound, ``10+`` too, is its number."""
        found = body(f"36010KT {group} 24/17 Q1013")
        assert (found.values["visibility"], found.partial) == (metres, ())

    def test_slashes_are_a_missing_value_and_not_ten_kilometres(self) -> None:
        found = body("36010KT //// 24/17 Q1013")
        assert found.values == {**USUAL, "visibility": None}
        assert found.partial == ()

    def test_a_lowest_visibility_in_one_direction_is_not_the_prevailing_one(self) -> None:
        found = body("36010KT 4000 1500SW 24/17 Q1013")
        assert (found.values["visibility"], found.partial) == (4000.0, ())

    def test_runway_visual_range_is_not_visibility(self) -> None:
        found = body("36010KT 0600 R36L/P1500U R18/0550V0900D FG 24/17 Q1013")
        assert (found.values["visibility"], found.partial) == (600.0, ())

    def test_not_reported_is_absent(self) -> None:
        assert "visibility" not in body("36010KT 24/17 Q1013").values


class TestWind:
    @pytest.mark.parametrize(
        ("group", "speed", "direction", "variable"),
        [
            ("00000KT", 0.0, None, False),
            ("36010KT", 10 * KNOT, 360.0, False),
            ("00010KT", 10 * KNOT, 360.0, False),
            ("VRB03KT", 3 * KNOT, None, True),
            ("27005MPS", 5.0, 270.0, False),
            ("27036KMH", 10.0, 270.0, False),
            ("270100KT", 100 * KNOT, 270.0, False),
            ("270P99KT", 99 * KNOT, 270.0, False),
        ],
    )
    def test_calm_north_variable_and_units(
        self, group: str, speed: float, direction: float | None, *, variable: bool
    ) -> None:
        found = body(f"{group} 9999 24/17 Q1013")
        assert found.values["wind_mean_10min"] == pytest.approx(speed)
        assert (found.values["wind_direction"], found.values["wind_variable"]) == (direction, variable)
        assert found.partial == ()

    def test_gusts(self) -> None:
        assert body("27015G28KT 9999 24/17").values["gust_10min"] == pytest.approx(28 * KNOT)

    def test_a_mean_over_ten_minutes_but_two_in_the_united_states(self) -> None:
        assert only("METAR KNYC 250551Z 27010KT 10SM 24/17").values["wind_mean_2min"] == pytest.approx(10 * KNOT)

    def test_a_sector_is_no_direction(self) -> None:
        found = body("31010KT 280V350 9999 24/17 Q1013")
        assert (found.values["wind_direction"], found.values["wind_variable"], found.partial) == (310.0, False, ())

    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            ("/////KT", {"wind_mean_10min": None, "wind_direction": None}),
            ("///10KT", {"wind_mean_10min": pytest.approx(10 * KNOT), "wind_direction": None}),
            ("270//KT", {"wind_mean_10min": None, "wind_direction": 270.0, "wind_variable": False}),
        ],
    )
    def test_slashes_are_missing(self, group: str, expected: dict[str, float | None]) -> None:
        values = body(f"{group} CAVOK 24/17 Q1013").values
        assert {name: value for name, value in values.items() if name.startswith("wind")} == expected

    def test_an_impossible_direction_is_flagged(self) -> None:
        found = body("37010KT 9999 24/17 Q1013")
        assert found.partial == ("37010KT",)
        assert "wind_direction" not in found.values


class TestTemperature:
    @pytest.mark.parametrize(
        ("group", "air", "dew"),
        [
            ("41///", 41.0, None),
            ("41/", 41.0, None),
            ("///17", None, 17.0),
            ("/////", None, None),
            ("M05/M10", -5.0, -10.0),
            ("M00/M01", 0.0, -1.0),
            ("XX/XX", None, None),
        ],
    )
    def test_what_is_missing_does_not_take_the_rest(self, group: str, air: float | None, dew: float | None) -> None:
        found = body(f"36010KT CAVOK {group} Q1013")
        assert (found.values["air_temperature"], found.values["dew_point_temperature"]) == (air, dew)
        assert found.partial == ()

    def test_minus_zero_is_zero(self) -> None:
        assert str(body("36010KT CAVOK M00/M00 Q1013").values["air_temperature"]) == "0.0"


class TestClouds:
    @pytest.mark.parametrize(
        ("groups", "expected"),
        [
            ("FEW020 SCT040 BKN080", {"cloud_cover": 7.0}),
            ("OVC003", {"cloud_cover": 8.0}),
            ("BKN015CB", {"cloud_cover": 7.0}),
            ("FEW030TCU", {"cloud_cover": 2.0}),
            ("SKC", {"cloud_cover": 0.0}),
            ("NCD", {"cloud_cover": 0.0}),
            ("VV001", {"cloud_cover": None}),
            ("//////", {"cloud_cover": None}),
            ("FEW020/// //////CB", {"cloud_cover": 2.0}),
            ("NSC", {}),
            ("", {}),
        ],
    )
    def test_the_largest_layer_is_the_lower_bound(self, groups: str, expected: dict[str, float | None]) -> None:
        found = body(f"36010KT 9999 {groups} 24/17 Q1013")
        assert found.values == {**USUAL, **expected}
        assert found.partial == ()


class TestPressure:
    @pytest.mark.parametrize("group", ["Q1013", "A2992", "QNH2992INS", "Q////"])
    def test_qnh_is_never_sea_level_pressure(self, group: str) -> None:
        found = body(f"36010KT 9999 24/17 {group}")
        assert (found.values, found.partial) == (USUAL, ())

    @pytest.mark.parametrize(
        ("group", "expected"), [("SLP134", 1013.4), ("SLP982", 998.2), ("SLP499", 1049.9), ("SLP500", 950.0)]
    )
    def test_a_remark_is(self, group: str, expected: float) -> None:
        assert body(f"36010KT 9999 24/17 Q1013 RMK {group}").values["sea_level_pressure"] == expected

    def test_a_remark_that_it_is_not_available(self) -> None:
        assert body("36010KT 9999 24/17 Q1013 RMK SLPNO").values["sea_level_pressure"] is None


def test_recent_weather_wind_shear_and_runways_belong_behind_the_pressure() -> None:
    groups = "36010KT 9999 -TSRA VCSH 24/17 Q1013 RETSRA WS ALL RWY R36/290050"
    assert (body(groups).values, body(groups).partial) == (USUAL, ())


class TestAmericanRemarks:
    HEAD = "KNYC 250551Z 27010KT 10SM CLR 24/17 A2992 RMK AO2"

    def test_tenths_replace_whole_degrees(self) -> None:
        found = only("METAR KNYC 250551Z 27010KT 10SM CLR M01/M05 A2992 RMK AO2 T10061050")
        assert (found.values["air_temperature"], found.values["dew_point_temperature"]) == (-0.6, -5.0)
        assert found.partial == ()

    @pytest.mark.parametrize("group", ["T01440170", "T02391172"])
    def test_tenths_that_contradict_the_report_are_flagged_and_not_taken(self, group: str) -> None:
        found = only(f"METAR {self.HEAD} {group}")
        assert (found.values["air_temperature"], found.values["dew_point_temperature"]) == (24.0, 17.0)
        assert found.partial == (group,)

    def test_rain_extremes_and_peak_wind(self) -> None:
        values = only(f"METAR {self.HEAD} PK WND 28045/0530 P0012 60034 70100 401061017 4/005").values
        assert values["rain_1h"] == pytest.approx(0.12 * 25.4)
        assert values["rain_6h"] == pytest.approx(0.34 * 25.4)
        assert values["rain_24h"] == pytest.approx(25.4)
        assert (values["tmax_24h"], values["tmin_24h"]) == (10.6, -1.7)
        assert values["snow_depth"] == pytest.approx(0.127)
        assert values["gust_1h"] == pytest.approx(45 * KNOT)

    def test_a_trace_is_zero_and_slashes_are_missing(self) -> None:
        values = only(f"METAR {self.HEAD} P0000 6////").values
        assert (values["rain_1h"], values["rain_6h"]) == (0.0, None)

    def test_rain_and_peak_wind_of_a_special_report_are_of_no_hour(self) -> None:
        """They count from the last routine report; as rain_1h they would be counted twice."""
        values = only(f"SPECI {self.HEAD} PK WND 28045/0530 P0012").values
        assert {"rain_1h", "gust_1h"}.isdisjoint(values)

    def test_elsewhere_such_remarks_mean_something_else(self) -> None:
        assert body("36010KT 9999 24/17 Q1013 RMK P0012 60034 T02390172").values == USUAL


class TestHeading:
    @pytest.mark.parametrize("text", ["METAR GOOY 250600Z NIL=", "METAR GOOY NIL=", "METAR=", ""])
    def test_no_report_is_no_observation(self, text: str) -> None:
        assert [found for found in read(text) if isinstance(found, Observation)] == []

    @pytest.mark.parametrize("groups", ["NIL", "AUTO NIL", "COR NIL"])
    def test_nil_yields_nothing(self, groups: str) -> None:
        assert read(f"METAR GOOY 250600Z {groups}=") == []

    def test_special_and_corrected_reports(self) -> None:
        groups = "250600Z 36010KT 9999 24/17 Q1013"
        assert only(f"SPECI GOOY {groups}").report_type == "speci"
        assert only(f"METAR COR GOOY {groups}").revision == 1
        assert only("METAR GOOY 250600Z COR 36010KT CAVOK 24/17").revision == 1
        assert only("METAR KNYC 250600Z CCB 27010KT 10SM 24/17").revision == 2
        assert only(f"SASN31 GOOO 250600 CCC\nMETAR GOOY {groups}=").revision == 3

    def test_a_bulletin(self) -> None:
        text = (
            "SASN31 GOOO 250600\nMETAR\nGOOY 250600Z 36010KT 9999\n     24/17 Q1013=\nGOBD 250600Z NIL=\n"
            "GOSS 250600Z 00000KT CAVOK 20/18 Q1014="
        )
        first, second = read(text)
        assert isinstance(first, Observation)
        assert isinstance(second, Observation)
        assert (first.station, first.line, first.values) == (DAKAR, 2, USUAL)
        assert (second.station, second.line) == ("0-20000-0-61600", 6)

    def test_one_report_a_line_without_end_signs(self) -> None:
        """As archives have them; an indented line goes on with the report before it."""
        text = "METAR GOOY 250600Z 36010KT 9999\n      24/17 Q1013\nMETAR GOSS 250600Z 00000KT CAVOK 20/18 Q1014\n"
        assert [(one.line, one.station) for one in read(text) if isinstance(one, Observation)] == [
            (1, DAKAR), (3, "0-20000-0-61600"),
        ]  # fmt: skip

    def test_a_date_before_the_report_knows_more_than_the_file(self) -> None:
        """NOAA's cycle files."""
        text = (
            "2013/02/28 23:45\nGOOY 282330Z 36010KT 9999 24/17 Q1013\n\n2013/03/01 00:45\nGOOY 010030Z 36010KT 9999\n"
        )
        assert [one.observed_at for one in read(text) if isinstance(one, Observation)] == [
            "2013-02-28T23:30:00Z", "2013-03-01T00:30:00Z",
        ]  # fmt: skip

    def test_what_frames_a_message_is_no_report(self) -> None:
        text = "ZCZC 123\r\r\nSASN31 GOOO 250600\r\r\nMETAR GOOY 250600Z 36010KT 9999 24/17 Q1013=\r\r\nNNNN\r\r\n"
        assert [one.station for one in read(text) if isinstance(one, Observation)] == [DAKAR]
        assert len(read(text)) == 1

    def test_a_bad_report_takes_no_other_with_it(self) -> None:
        bad, good = read("METAR $$$=\nMETAR GOOY 250600Z 36010KT 9999 24/17 Q1013=")
        assert isinstance(bad, Reject)
        assert isinstance(good, Observation)
        assert good.values == USUAL

    @pytest.mark.parametrize(
        ("time", "reference", "expected"),
        [
            ("312330Z", datetime(2027, 1, 1, 0, 10, tzinfo=UTC), "2026-12-31T23:30:00Z"),
            ("010030Z", datetime(2026, 12, 31, 23, 50, tzinfo=UTC), "2027-01-01T00:30:00Z"),
            ("290600Z", datetime(2024, 3, 1, 1, tzinfo=UTC), "2024-02-29T06:00:00Z"),
            ("302300Z", datetime(2026, 10, 1, 1, tzinfo=UTC), "2026-09-30T23:00:00Z"),
            ("290600Z", Month(2024, 2), "2024-02-29T06:00:00Z"),
            ("282400Z", Month(2026, 2), "2026-03-01T00:00:00Z"),
        ],
    )
    def test_months_end(self, time: str, reference: Reference, expected: str) -> None:
        assert only(f"METAR GOOY {time} 36010KT CAVOK 24/17 Q1013", reference).observed_at == expected

    @pytest.mark.parametrize(
        ("time", "reference", "reason"),
        [
            ("250600Z", None, "expected year and month beside the report"),
            ("290600Z", Month(2026, 2), "expected a moment of 2026-02, found none"),
            ("252575Z", NOW, "day 25 at 25:75"),
        ],
    )
    def test_a_day_without_a_month_is_refused_with_the_reason_kf_115(
        self, time: str, reference: Reference, reason: str
    ) -> None:
        found = refused(f"METAR GOOY {time} 36010KT CAVOK 24/17 Q1013", reference)
        assert reason in found.reason
        assert found.text.startswith("METAR GOOY")

    def test_a_time_without_z_is_read_and_flagged(self) -> None:
        found = only("METAR GOOY 250600 36010KT CAVOK 24/17 Q1013")
        assert (found.observed_at, found.partial) == ("2026-11-25T06:00:00Z", ("250600",))

    def test_a_station_that_nobody_registered_is_held_kf_114(self) -> None:
        found = refused("METAR ZZZZ 250600Z 36010KT 9999 24/17 Q1013")
        assert "'ZZZZ'" in found.reason
        assert found.held is not None
        assert found.held.values == USUAL

    def test_the_icao_code_and_the_wmo_number_are_one_station_kf_113(self) -> None:
        assert only("METAR GOOY 250600Z 36010KT 9999 24/17").station == load_registry().resolve("61641").wigos_id

    def test_the_same_report_twice_counts_once_and_another_is_told(self) -> None:
        one = "METAR GOOY 250600Z 36010KT 9999 24/17 Q1013"
        assert len(read(f"{one}=\n{one}=")) == 1
        _, other = read(f"{one}=\n{one.replace('24/17', '25/17')}=")
        assert isinstance(other, Reject)
        assert "found line 1 with other values" in other.reason

    def test_what_is_too_long_is_something_else(self) -> None:
        assert f"at most {MAX_CHARACTERS}" in refused("METAR GOOY 250600Z " + "9999 " * MAX_CHARACTERS).reason

    def test_a_character_that_is_none_is_refused_here_and_not_by_the_streams(self) -> None:
        assert "expected text" in refused("METAR GOOY 250600Z 36010KT \x00 9999 24/17 Q1013").reason

    def test_a_report_of_nothing_is_refused(self) -> None:
        assert "expected wind, visibility" in refused("METAR GOOY 250600Z NOSIG").reason


SAMPLES = [
    "METAR GOOY 250600Z 36010G25KT 310V050 4000 1500SW R36/0900 SHRA BKN015CB 24/17 Q1013 RERA NOSIG=",
    "SPECI KNYC 250551Z VRB03KT 1 1/2SM RA OVC008 24/17 A2992 RMK AO2 PK WND 28045/0530 SLP134 P0012 60034 T02390172",
    "SASN31 GOOO 250600 CCA\nMETAR\nGOOY 250600Z /////KT //// ////// 41/// Q////=\nGOBD 250600Z NIL=",
]


@pytest.mark.parametrize("reference", [NOW, Month(2026, 2), None])
@given(text=mutated(SAMPLES) | st.text() | st.text(alphabet="METARSPCI GOY0123456789/KTQZ=\n", min_size=20))
def test_no_text_raises(text: str, reference: Reference) -> None:
    """What comes out is an observation that the contract takes, or a reject with a reason."""
    for found in read(text, reference):
        if isinstance(found, Reject):
            assert found.reason
        else:
            assert found.values
            draft_of(found, source="metar", received_at=LATE, topic="t")
