"""SYNOP of land stations, report by report: every figure here is worked out from the code tables by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import support_readers
from meteostream.contract.report import Value
from meteostream.registry import load_registry
from meteostream.sources.dates import Month, Reference
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.reports import draft_of
from meteostream.sources.synop import MAX_CHARACTERS, read_synop
from support_damage import LATE, mutated

DAKAR = "0-20000-0-61641"
REGISTRY = load_registry()
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KNOT = 1852 / 3600
"""International knot, m/s."""
USUAL = {
    "visibility": 8000.0,
    "cloud_cover": 8.0,
    "wind_mean_10min": 5.0,
    "wind_direction": 360.0,
    "wind_variable": False,
    "air_temperature": 24.3,
}
"""What ``11458 83605 10243`` says, in metres per second."""


def read(text: str, reference: Reference = NOW) -> list[Observation | Reject]:
    return list(read_synop(text, REGISTRY, reference=reference))


def only(text: str, reference: Reference = NOW) -> Observation:
    return support_readers.only(read(text, reference))


def refused(text: str, reference: Reference = NOW) -> Reject:
    return support_readers.refused(read(text, reference))


def dakar(groups: str, time: str = "25061") -> Observation:
    return only(f"AAXX {time} 61641 {groups}")


def more(groups: str, *, rain: str = "1", time: str = "25061") -> dict[str, Value]:
    """Variables of some groups behind the usual ones."""
    found = dakar(f"{rain}1458 83605 10243 {groups}", time)
    assert found.partial == ()
    assert found.values.items() >= USUAL.items()
    return {name: value for name, value in found.values.items() if name not in USUAL}


def test_a_whole_report() -> None:
    text = (
        "AAXX 25061 61641 01458 83605 10243 20171 30101 40134 52010 60122 76166 885// "
        "333 10300 20200 55075 69905 70314 82620 91012"
    )
    found = only(text)
    assert found == Observation(
        line=1, station=DAKAR, observed_at="2026-11-25T06:00:00Z", text=text, report_type="synop",
        values={
            **USUAL, "dew_point_temperature": 17.1, "station_pressure": 1010.1, "sea_level_pressure": 1013.4,
            "rain_12h": 12.0, "tmin_12h": 20.0, "sunshine_24h": 27_000.0, "rain_1h": 0.0, "rain_24h": 31.4,
            "gust_10min": 12.0,
        },
    )  # fmt: skip
    assert draft_of(found, source="synop", received_at="2026-11-25T06:01:00Z", topic="t").key == DAKAR


class TestWind:
    @pytest.mark.parametrize(("indicator", "unit"), [("0", 1.0), ("1", 1.0), ("3", KNOT), ("4", KNOT)])
    def test_the_unit_comes_from_the_header(self, indicator: str, unit: float) -> None:
        values = dakar("11458 83605 10243 333 91012", f"2506{indicator}").values
        assert values["wind_mean_10min"] == pytest.approx(5 * unit)
        assert values["gust_10min"] == pytest.approx(12 * unit)

    @pytest.mark.parametrize("indicator", ["/", "2", "5", "9"])
    def test_without_a_unit_there_is_no_speed(self, indicator: str) -> None:
        found = dakar("11458 83605 10243", f"2506{indicator}")
        assert found.values == {
            "visibility": 8000.0, "cloud_cover": 8.0, "wind_mean_10min": None, "wind_direction": None,
            "air_temperature": 24.3,
        }  # fmt: skip
        assert found.partial == ("83605",)

    @pytest.mark.parametrize(
        ("groups", "speed", "direction", "variable"),
        [
            ("80000", 0.0, None, False),
            ("83605", 5.0, 360.0, False),
            ("80905", 5.0, 90.0, False),
            ("89905", 5.0, None, True),
            ("83599 00112", 112.0, 350.0, False),
        ],
    )
    def test_calm_north_variable_and_very_strong(
        self, groups: str, speed: float, direction: float | None, *, variable: bool
    ) -> None:
        found = dakar(f"11458 {groups} 10243")
        assert [found.values[name] for name in ("wind_mean_10min", "wind_direction", "wind_variable")] == [
            speed, direction, variable,
        ]  # fmt: skip
        assert found.partial == ()

    @pytest.mark.parametrize(("group", "speed"), [("8////", None), ("836//", None), ("8//05", 5.0)])
    def test_slashes_are_missing(self, group: str, speed: float | None) -> None:
        found = dakar(f"11458 {group} 10243")
        assert (found.values["wind_mean_10min"], found.partial) == (speed, ())
        assert found.values["wind_direction"] == (360.0 if group == "836//" else None)

    @pytest.mark.parametrize("group", ["83705", "80005"])
    def test_a_direction_that_is_none_is_flagged(self, group: str) -> None:
        found = dakar(f"11458 {group} 10243")
        assert (found.values["wind_mean_10min"], found.partial) == (None, (group,))


class TestRain:
    """i_R, RRR and t_R (code tables 1819, 3590, 4019)."""

    def test_left_out_because_there_was_none(self) -> None:
        assert more("", rain="3") == {"rain_6h": 0.0}
        assert more("", rain="3", time="25031") == {"rain_3h": 0.0}

    def test_left_out_because_it_is_not_known(self) -> None:
        """Null, and not zero."""
        assert more("", rain="4") == {"rain_6h": None}

    def test_between_synoptic_hours_nothing_left_out_means_a_period(self) -> None:
        assert more("", rain="3", time="25041") == {}

    def test_announced_and_not_there_is_not_reported(self) -> None:
        assert more("", rain="1") == {}

    @pytest.mark.parametrize(
        ("amount", "millimetres"),
        [("000", 0.0), ("001", 1.0), ("989", 989.0), ("990", 0.0), ("///", None)]
        + [(f"99{tenths}", tenths / 10) for tenths in range(1, 10)],
    )
    def test_amounts(self, amount: str, millimetres: float | None) -> None:
        """989 is a lower bound, 990 a trace, 991 to 999 are tenths."""
        assert more(f"6{amount}1") == {"rain_6h": millimetres}

    @pytest.mark.parametrize(
        ("code", "variable"),
        [("1", "rain_6h"), ("2", "rain_12h"), ("4", "rain_24h"), ("5", "rain_1h"), ("7", "rain_3h")],
    )
    def test_periods_that_the_contract_has(self, code: str, variable: str) -> None:
        assert more(f"6012{code}") == {variable: 12.0}

    @pytest.mark.parametrize("code", ["3", "6", "8", "9"])
    def test_periods_that_it_has_not_stay_in_the_raw_text(self, code: str) -> None:
        assert more(f"6012{code}") == {}

    def test_both_sections(self) -> None:
        assert more("60122 333 69905 70314", rain="0") == {"rain_12h": 12.0, "rain_1h": 0.0, "rain_24h": 31.4}
        assert more("333 60121", rain="2") == {"rain_6h": 12.0}

    def test_a_group_that_was_announced_as_left_out_is_flagged(self) -> None:
        found = dakar("31458 83605 10243 60121")
        assert (found.values, found.partial) == (USUAL, ("60121",))

    def test_two_amounts_of_one_period_are_no_choice(self) -> None:
        found = dakar("01458 83605 10243 60121 333 60131")
        assert (found.values["rain_6h"], found.partial) == (12.0, ("60131",))

    @pytest.mark.parametrize(("group", "millimetres"), [("70314", 31.4), ("79999", 0.0), ("7////", None)])
    def test_the_day_in_tenths(self, group: str, millimetres: float | None) -> None:
        assert more(f"333 {group}") == {"rain_24h": millimetres}


class TestTemperatureAndPressure:
    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            ("21012", {"dew_point_temperature": -1.2}),
            ("20171", {"dew_point_temperature": 17.1}),
            ("29064", {"relative_humidity": 64.0}),
            ("2////", {"dew_point_temperature": None}),
            ("30101", {"station_pressure": 1010.1}),
            ("39998", {"station_pressure": 999.8}),
            ("3////", {"station_pressure": None}),
            ("40134", {"sea_level_pressure": 1013.4}),
            ("49982", {"sea_level_pressure": 998.2}),
            ("4////", {"sea_level_pressure": None}),
            ("48512", {}),
        ],
    )
    def test_group(self, group: str, expected: dict[str, float | None]) -> None:
        """4 with another first digit than 0 or 9 is the height of a pressure surface, and no pressure."""
        assert more(group) == expected

    @pytest.mark.parametrize(("group", "expected"), [("11005", -0.5), ("10005", 0.5), ("1////", None)])
    def test_the_sign(self, group: str, expected: float | None) -> None:
        assert dakar(f"11458 83605 {group}").values["air_temperature"] == expected

    def test_extremes_of_twelve_hours_at_the_hours_of_the_region(self) -> None:
        assert more("333 10300 20200", time="25061") == {"tmin_12h": 20.0}
        assert more("333 10300 20200", time="25181") == {"tmax_12h": 30.0}
        assert more("333 10300 20200", time="25121") == {}


class TestVisibilityAndClouds:
    @pytest.mark.parametrize(
        ("code", "metres"),
        [("00", 100.0), ("01", 100.0), ("44", 4400.0), ("50", 5000.0), ("56", 6000.0), ("58", 8000.0), ("80", 30_000.0),
         ("81", 35_000.0), ("89", 70_000.0), ("90", 50.0), ("97", 10_000.0), ("99", 50_000.0), ("//", None)],
    )  # fmt: skip
    def test_code_table_4377(self, code: str, metres: float | None) -> None:
        """Bounds are their numbers."""
        assert dakar(f"114{code} 83605 10243").values["visibility"] == metres

    def test_codes_that_the_table_has_not_are_flagged(self) -> None:
        found = dakar("11453 83605 10243")
        assert found.partial == ("11453",)
        assert "visibility" not in found.values

    @pytest.mark.parametrize(("digit", "okta"), [("0", 0.0), ("8", 8.0), ("9", None), ("/", None)])
    def test_an_obscured_sky_is_no_amount(self, digit: str, okta: float | None) -> None:
        assert dakar(f"11458 {digit}3605 10243").values["cloud_cover"] == okta


class TestSection3:
    @pytest.mark.parametrize(
        ("group", "metres"), [("4/007", 0.07), ("41120", 1.2), ("4/997", 0.0), ("4/998", None), ("4/999", None),
                              ("4////", None)]
    )  # fmt: skip
    def test_snow(self, group: str, metres: float | None) -> None:
        """997 to 999 are no depths: a dusting, patches, not measured."""
        assert more(f"333 {group}") == {"snow_depth": metres}

    def test_sunshine_and_radiation_of_the_day_and_of_the_hour(self) -> None:
        assert more("333 55075 21800 55308 20250") == {
            "sunshine_24h": 27_000.0, "sunshine_1h": 2880.0, "irradiance_mean_24h": pytest.approx(208.3333333),
        }  # fmt: skip

    def test_rain_behind_radiation_is_rain_where_it_was_announced(self) -> None:
        assert more("333 55075 21800 60121 70314", rain="2") == {
            "sunshine_24h": 27_000.0, "irradiance_mean_24h": pytest.approx(208.3333333), "rain_6h": 12.0,
            "rain_24h": 31.4,
        }  # fmt: skip

    def test_a_six_behind_radiation_is_radiation_where_no_rain_was_announced(self) -> None:
        assert more("333 55075 21800 60121 70314", rain="1") == {
            "sunshine_24h": 27_000.0, "irradiance_mean_24h": pytest.approx(208.3333333), "rain_24h": 31.4,
        }  # fmt: skip

    @pytest.mark.parametrize("bad", ["55", "5507", "55a75"])
    def test_a_bad_group_of_sunshine_leaves_the_others_kf_101(self, bad: str) -> None:
        found = dakar(f"11458 83605 10243 333 {bad} 70314")
        assert found.values == {**USUAL, "rain_24h": 31.4}
        assert found.partial == (bad,)

    def test_evaporation(self) -> None:
        assert more("333 50612") == {"evaporation_24h": 6.1}

    @pytest.mark.parametrize("group", ["91112", "91212", "90710"])
    def test_gusts_of_other_periods_stay_in_the_raw_text(self, group: str) -> None:
        assert more(f"333 {group}") == {}

    @pytest.mark.parametrize("groups", ["222// 00250 10180", "444 10400", "555 10400 20100 60121"])
    def test_other_sections_are_not_read(self, groups: str) -> None:
        """Their groups look like those of section 1 and mean the sea, or what a country agreed on."""
        assert more(groups) == {}


class TestPosition:
    """A group means what it means by its place."""

    def test_03044_is_the_time_once_a_month_and_visibility_beside_it(self) -> None:
        found = only("AAXX 03044 61641 03044 83605 10243", datetime(2026, 11, 3, 5, tzinfo=UTC))
        assert found.observed_at == "2026-11-03T04:00:00Z"
        assert found.values == {**USUAL, "visibility": 4400.0, "wind_mean_10min": pytest.approx(5 * KNOT)}
        assert found.partial == ()

    def test_a_section_does_not_begin_behind_a_later_one_kf_101(self) -> None:
        found = dakar("11458 83605 10243 333 22231 70314")
        assert (found.values, found.partial) == ({**USUAL, "rain_24h": 31.4}, ("22231",))

    def test_33333_and_22222_are_no_sections(self) -> None:
        found = dakar("33333 22222 10243")
        assert (found.values["cloud_cover"], found.values["wind_direction"], found.values["wind_mean_10min"]) == (
            2.0, 220.0, 22.0,
        )  # fmt: skip
        assert found.values["visibility"] == 3300.0

    def test_a_group_out_of_order_is_flagged_and_not_read_kf_101(self) -> None:
        found = dakar("11458 83605 40134 10243")
        assert found.partial == ("10243",)
        assert found.values["sea_level_pressure"] == 1013.4
        assert "air_temperature" not in found.values

    @pytest.mark.parametrize("bad", ["1ab43", "102433", "1024", "10a", "1024٣"])
    def test_a_bad_group_leaves_the_others_kf_101(self, bad: str) -> None:
        found = dakar(f"11458 83605 {bad} 20171 40134")
        assert found.partial == (bad,)
        assert (found.values["dew_point_temperature"], found.values["sea_level_pressure"]) == (17.1, 1013.4)
        assert "air_temperature" not in found.values

    def test_all_slashes_is_a_report_of_missing_values(self) -> None:
        found = dakar("///// ///// 1//// 2//// 3//// 4////")
        assert found.partial == ()
        assert set(found.values.values()) == {None}
        assert set(found.values) == {
            "visibility", "cloud_cover", "wind_mean_10min", "wind_direction", "air_temperature",
            "dew_point_temperature", "station_pressure", "sea_level_pressure",
        }  # fmt: skip


class TestHeading:
    @pytest.mark.parametrize("text", ["AAXX 25061 61641 NIL=", "AAXX 25061\n61641 NIL=\n61600 NIL=", ""])
    def test_nil_yields_nothing(self, text: str) -> None:
        assert read(text) == []

    def test_a_bulletin(self) -> None:
        text = (
            "SNSN31 GOOO 250600 CCA\nAAXX 25061\n61641 11458 83605\n     10243=\n61600 NIL=\n61695 31458 80000 10200="
        )
        first, second = read(text)
        assert isinstance(first, Observation)
        assert isinstance(second, Observation)
        assert (first.station, first.values, first.revision) == (DAKAR, USUAL, 1)
        assert (second.station, second.values["rain_6h"], second.line) == ("0-20000-0-61695", 0.0, 6)

    def test_the_raw_text_of_each_report_can_be_read_alone(self) -> None:
        text = "AAXX 25061\n61641 11458 83605 10243=\n61695 31458 80000 10200="
        for one in read(text):
            assert isinstance(one, Observation)
            again = only(one.text)
            assert (again.station, again.observed_at, again.values) == (one.station, one.observed_at, one.values)

    def test_a_bad_report_takes_no_other_with_it(self) -> None:
        bad, good = read("AAXX 25061\nXXXXX 11458=\n61641 11458 83605 10243=")
        assert isinstance(bad, Reject)
        assert isinstance(good, Observation)

    @pytest.mark.parametrize(
        ("time", "reference", "expected"),
        [
            ("31231", datetime(2027, 1, 1, 0, 10, tzinfo=UTC), "2026-12-31T23:00:00Z"),
            ("01001", datetime(2026, 12, 31, 23, 50, tzinfo=UTC), "2027-01-01T00:00:00Z"),
            ("29061", Month(2024, 2), "2024-02-29T06:00:00Z"),
        ],
    )
    def test_months_end(self, time: str, reference: Reference, expected: str) -> None:
        assert only(f"AAXX {time} 61641 11458 83605 10243", reference).observed_at == expected

    def test_the_hour_is_nominal_also_where_the_barometer_was_read_earlier_kf_110(self) -> None:
        found = dakar("11458 83605 10243 90555")
        assert (found.observed_at, found.values, found.partial) == ("2026-11-25T06:00:00Z", USUAL, ())

    def test_the_wmo_number_and_the_icao_code_are_one_station_kf_113(self) -> None:
        assert dakar("11458 83605 10243").station == REGISTRY.resolve("GOOY").wigos_id

    def test_a_station_that_nobody_registered_is_held_kf_114(self) -> None:
        found = refused("AAXX 25061 61999 11458 83605 10243")
        assert "'61999'" in found.reason
        assert found.held is not None
        assert found.held.values == USUAL

    @pytest.mark.parametrize(
        ("text", "reference", "reason"),
        [
            ("AAXX 25061 61641 11458 83605", None, "expected year and month beside the report"),
            ("AAXX 29061 61641 11458 83605", Month(2026, 2), "expected a moment of 2026-02, found none"),
            ("AAXX 99991 61641 11458 83605", NOW, "day 99 at 99:00"),
        ],
    )
    def test_a_day_without_a_month_is_refused_with_the_reason_kf_115(
        self, text: str, reference: Reference, reason: str
    ) -> None:
        assert reason in refused(text, reference).reason

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("BBXX 25061 61641 11458 83605", "expected AAXX (a land station), found 'BBXX'"),
            ("61641 11458 83605 10243", "expected AAXX and a time before the first station"),
            ("AAXX 2506 61641 11458 83605", "expected day, hour and wind indicator"),
            ("AAXX", "expected day, hour and wind indicator"),
            ("AAXX 25061 6164 11458 83605", "expected a station's number of five digits"),
            ("AAXX 25061 61641 11458", "expected at least two groups or NIL"),
            ("AAXX 25061 61641" + " 11458" * MAX_CHARACTERS, f"at most {MAX_CHARACTERS}"),
        ],
    )
    def test_what_is_no_report_is_refused_with_the_reason(self, text: str, reason: str) -> None:
        assert reason in refused(text).reason


SAMPLES = [
    "AAXX 25061 61641 01458 83605 10243 20171 30101 40134 52010 60122 76166 885// "
    "333 10300 20200 55075 69905 70314 91012=",
    "SNSN31 GOOO 250600\nAAXX 25064\n61641 41458 99905 00120\n 1//// 29064 48512 333 4/007 50612=\n61600 NIL=",
]


@pytest.mark.parametrize("reference", [NOW, Month(2026, 2), None])
@given(
    text=mutated(SAMPLES)
    | st.text()
    | st.text(alphabet="0123456789/ =\n", min_size=20).map("AAXX 25061 61641 ".__add__)
)
def test_no_text_raises(text: str, reference: Reference) -> None:
    """What comes out is an observation that the contract takes, or a reject with a reason."""
    for found in read(text, reference):
        if isinstance(found, Reject):
            assert found.reason
        else:
            draft_of(found, source="synop", received_at=LATE, topic="t")
