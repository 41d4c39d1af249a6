"""TAF: which weather is forecast for when. Spans are written as day and hour, ``2506-2512``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract.times import FIRST_YEAR
from meteostream.contract.variables import ALL
from meteostream.registry import load_registry
from meteostream.sources.dates import Month, Reference
from meteostream.sources.forecast import Forecast
from meteostream.sources.observation import Reject
from meteostream.sources.taf import MAX_CHARACTERS, read_taf
from support_damage import mutated

DAKAR = "0-20000-0-61641"
REGISTRY = load_registry()
NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)
KNOT = 1852 / 3600
"""International knot, m/s."""
HEAD = "TAF GOOY 250500Z 2506/2612"
USUAL = f"{HEAD} 36010KT 9999 FEW020"

Spans = list[tuple[str, Any]]


def read(text: str, reference: Reference = NOW) -> list[Forecast | Reject]:
    return list(read_taf(text, REGISTRY, reference=reference))


def forecasts(text: str, reference: Reference = NOW) -> list[Forecast]:
    found = read(text, reference)
    assert found
    assert not [one for one in found if isinstance(one, Reject)], found
    return [one for one in found if isinstance(one, Forecast)]


def refused(text: str, reference: Reference = NOW) -> Reject:
    (found,) = read(text, reference)
    assert isinstance(found, Reject), found
    return found


def spans(text: str, variable: str, model: str = "taf") -> Spans:
    """Spans of a variable with their values, in the order of their begins."""
    return [
        (f"{hour(one.valid_time)}-{hour(one.valid_until or one.valid_time)}", one.value)
        for one in sorted(forecasts(text), key=lambda one: one.valid_time)
        if (one.variable, one.model) == (variable, model)
    ]


def hour(time: str) -> str:
    return time[8:10] + time[11:13] + ("" if time[14:16] == "00" else time[14:16])


def test_a_plain_forecast_holds_for_its_validity() -> None:
    found = forecasts(f"{USUAL} BKN080")
    assert {(one.station, one.model, one.reference_time, one.valid_time, one.valid_until) for one in found} == {
        (DAKAR, "taf", "2026-11-25T05:00:00Z", "2026-11-25T06:00:00Z", "2026-11-26T12:00:00Z"),
    }  # fmt: skip
    assert {one.variable: one.value for one in found} == {
        "wind_mean_10min": pytest.approx(10 * KNOT), "wind_direction": 360.0, "wind_variable": False,
        "visibility": 10_000.0, "cloud_cover": 7.0,
    }  # fmt: skip
    assert all(one.unit == ALL[one.variable].unit for one in found)


class TestChanges:
    """KF-102: FM and repeated BECMG; each variable lasts until it is forecast anew."""

    def test_from_ends_everything_before_it_kf_102(self) -> None:
        text = f"{USUAL} FM251230 27010KT 0800 FG VV001"
        assert spans(text, "visibility") == [("2506-251230", 10_000.0), ("251230-2612", 800.0)]
        assert spans(text, "wind_direction") == [("2506-251230", 360.0), ("251230-2612", 270.0)]
        assert spans(text, "cloud_cover") == [("2506-251230", 2.0), ("251230-2612", None)]

    def test_from_ends_also_what_it_does_not_name_kf_102(self) -> None:
        assert spans(f"{USUAL} FM251200 27010KT", "visibility") == [("2506-2512", 10_000.0)]

    def test_from_at_the_begin_leaves_no_empty_span_kf_102(self) -> None:
        text = f"{USUAL} FM250600 27010KT"
        assert spans(text, "wind_direction") == [("2506-2612", 270.0)]
        assert spans(text, "visibility") == []

    def test_several_from_kf_102(self) -> None:
        assert spans(f"{USUAL} FM251200 27010KT FM251800 18010KT", "wind_direction") == [
            ("2506-2512", 360.0), ("2512-2518", 270.0), ("2518-2612", 180.0),
        ]  # fmt: skip

    def test_repeated_becmg_and_nothing_is_claimed_while_it_becomes_kf_102(self) -> None:
        text = f"{USUAL} BECMG 2510/2512 4000 BR BECMG 2518/2520 27015G25KT BECMG 2600/2602 9999"
        assert spans(text, "visibility") == [("2506-2510", 10_000.0), ("2512-2600", 4000.0), ("2602-2612", 10_000.0)]
        assert spans(text, "wind_direction") == [("2506-2518", 360.0), ("2520-2612", 270.0)]
        assert spans(text, "gust_10min") == [("2520-2612", pytest.approx(25 * KNOT))]
        assert spans(text, "cloud_cover") == [("2506-2612", 2.0)]

    def test_a_new_wind_ends_gusts_and_cavok_ends_clouds(self) -> None:
        text = f"{HEAD} 36010G20KT 4000 BKN010 BECMG 2510/2512 CAVOK BECMG 2518/2520 27005KT"
        assert spans(text, "gust_10min") == [("2506-2518", pytest.approx(20 * KNOT))]
        assert spans(text, "cloud_cover") == [("2506-2510", 7.0)]

    @pytest.mark.parametrize(
        ("indicator", "model"),
        [
            ("TEMPO", "taf-tempo"),
            ("INTER", "taf-tempo"),
            ("PROB30", "taf-prob30"),
            ("PROB40", "taf-prob40"),
            ("PROB40 TEMPO", "taf-prob40-tempo"),
        ],
    )
    def test_what_is_temporary_or_probable_is_a_model_of_its_own(self, indicator: str, model: str) -> None:
        text = f"{USUAL} {indicator} 2512/2516 VRB15G25KT 4000 TSRA BKN012CB"
        assert spans(text, "visibility") == [("2506-2612", 10_000.0)]
        assert spans(text, "visibility", model) == [("2512-2516", 4000.0)]
        assert spans(text, "wind_variable", model) == [("2512-2516", True)]
        assert spans(text, "wind_direction", model) == [("2512-2516", None)]
        assert {one.model for one in forecasts(text)} == {"taf", model}

    @pytest.mark.parametrize(
        "change",
        [
            "FM1200 27015KT",
            "BECMG 27015KT",
            "PROB10 2512/2514 0800",
            "TEMPO 0800",
            "BECMG 2510/2512 27015KT 2514/2516 18010KT",
            "27015KT",
            "BECMG AT2512 0800",
            "TEMPO 2516/2512 0800",
        ],
    )
    def test_a_change_that_cannot_be_read_refuses_the_forecast_kf_102(self, change: str) -> None:
        """Without it the weather before would last to the end, which nobody forecast."""
        found = refused(f"{USUAL} {change}")
        assert "expected a change" in found.reason or "expected a span" in found.reason
        assert found.text.endswith(change)

    def test_a_word_that_is_weather_or_unknown_is_passed_over(self) -> None:
        text = f"{USUAL} -SHRA WS020/24045KT QNH2992INS 620304"
        assert spans(text, "visibility") == [("2506-2612", 10_000.0)]


class TestTemperature:
    def test_extremes_are_temperatures_of_their_hours(self) -> None:
        text = f"{USUAL} TX29/2515Z TNM01/2606Z TEMPO 2512/2516 4000"
        assert spans(text, "air_temperature") == [("2515-2515", 29.0), ("2606-2606", -1.0)]
        assert [one.valid_until for one in forecasts(text) if one.variable == "air_temperature"] == [None, None]

    def test_they_may_stand_anywhere_and_hide_nothing(self) -> None:
        text = f"{HEAD} TX29/2515Z 36010KT 9999 FEW020 BECMG 2510/2512 4000 TN20/2606Z BKN010"
        assert spans(text, "air_temperature") == [("2515-2515", 29.0), ("2606-2606", 20.0)]
        assert spans(text, "visibility") == [("2506-2510", 10_000.0), ("2512-2612", 4000.0)]
        assert spans(text, "cloud_cover") == [("2506-2510", 2.0), ("2512-2612", 7.0)]


class TestHeading:
    @pytest.mark.parametrize("text", ["TAF GOOY 250500Z NIL=", f"{HEAD} NIL=", "TAF=", ""])
    def test_none_yields_nothing(self, text: str) -> None:
        assert read(text) == []

    def test_a_cancellation_says_that_nothing_is_forecast_in_its_period(self) -> None:
        found = forecasts("TAF AMD GOOY 251000Z 2510/2612 CNL=")
        assert {one.variable for one in found} >= {one.variable for one in forecasts(f"{HEAD} VRB03G20KT 0800 OVC001")}
        assert {(one.model, one.reference_time, one.valid_time, one.valid_until, one.value) for one in found} == {
            ("taf", "2026-11-25T10:00:00Z", "2026-11-25T10:00:00Z", "2026-11-26T12:00:00Z", None)
        }

    def test_a_cancellation_of_no_period_is_refused(self) -> None:
        assert "expected a validity" in refused("TAF AMD GOOY 251000Z 2510/2710 CNL=").reason

    def test_amended_and_corrected(self) -> None:
        for kind in ("TAF AMD", "TAF COR", "TAF TAF"):
            assert spans(USUAL.replace("TAF", kind, 1), "visibility") == [("2506-2612", 10_000.0)]

    def test_a_bulletin(self) -> None:
        text = f"FTSN31 GOOO 250500\nTAF\nGOOY 250500Z 2506/2612 36010KT\n     TEMPO 2512/2516 4000=\n{HEAD} $$$=\n"
        found = read(text + "TAF GOBD 250500Z 2506/2612 36010KT=")
        assert {one.station for one in found if isinstance(one, Forecast)} == {DAKAR, REGISTRY.resolve("GOBD").wigos_id}
        assert [one.line for one in found if isinstance(one, Reject)] == [5]

    @pytest.mark.parametrize(
        ("time", "reference", "expected"),
        [
            (
                "312300Z 0100/0206",
                datetime(2027, 1, 1, 0, 10, tzinfo=UTC),
                ("2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z", "2027-01-02T06:00:00Z"),
            ),
            (
                "282300Z 2900/2924",
                datetime(2024, 2, 28, 23, tzinfo=UTC),
                ("2024-02-28T23:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
            ),
            (
                "302300Z 0100/0106",
                Month(2026, 11),
                ("2026-11-30T23:00:00Z", "2026-12-01T00:00:00Z", "2026-12-01T06:00:00Z"),
            ),
        ],
    )
    def test_months_end(self, time: str, reference: Reference, expected: tuple[str, str, str]) -> None:
        first, *_ = forecasts(f"TAF GOOY {time} 36010KT 9999", reference)
        assert (first.reference_time, first.valid_time, first.valid_until) == expected

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (f"{HEAD}", "expected wind, visibility or clouds"),
            ("TAF GOOY 250500Z 2506/2706 36010KT", "expected a validity of at most 30 hours"),
            ("TAF GOOY 250500Z 2506/2506 36010KT", "expected a validity of at most 30 hours"),
            ("TAF GOOY 250500Z 250606 36010KT", "expected TAF, a location, a time such as"),
            ("TAF ZZZZ 250500Z 2506/2612 36010KT", "station 'ZZZZ': expected a registered name"),
            (f"{USUAL} \x00", "expected text"),
            (USUAL + " 9" * MAX_CHARACTERS, f"at most {MAX_CHARACTERS}"),
        ],
    )
    def test_what_is_none_is_refused_with_the_reason(self, text: str, reason: str) -> None:
        assert reason in refused(text).reason

    def test_a_day_without_a_month_is_refused_with_the_reason_kf_115(self) -> None:
        assert "expected year and month beside the report" in refused(USUAL, None).reason


SAMPLE = (
    f"{USUAL} BECMG 2510/2512 27015G25KT 4000 FM251800 VRB03KT CAVOK PROB40 TEMPO 2520/2522 0500 FG VV001 "
    "TX29/2515Z TNM01/2606Z="
)


@pytest.mark.parametrize("reference", [NOW, Month(2026, 2), None])
@given(
    text=mutated([SAMPLE])
    | st.text()
    | st.text(alphabet="TAFBECMGPRO 0123456789/KTZ=\n", min_size=20).map((HEAD + " ").__add__)
)
def test_no_text_raises(text: str, reference: Reference) -> None:
    """What comes out is a forecast of the contract's variables that ends after it begins, or a reject with a reason."""
    for found in read(text, reference):
        if isinstance(found, Reject):
            assert found.reason
        else:
            assert found.variable in ALL
            assert found.valid_until is None or found.valid_time < found.valid_until
            assert int(found.valid_time[:4]) >= FIRST_YEAR
