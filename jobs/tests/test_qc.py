"""Quality control: flags, masks, the instrument ranges, rulesets."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import WIDE_NAMES, mask_names
from meteostream.qc import Evaluator, Flag, RulesetError, Test, load_ruleset, overall, parse_ruleset
from meteostream.qc.evaluate import WIDTH, bit_masks

FROZEN = {"instrument-1": "01eadcdac9c5d6ce05bd907fa39dce53a663dc4efdf232f88fe32cb60c1684ea"}


def row(**values: float) -> np.ndarray:
    found = np.full((1, WIDTH), np.nan)
    for name, value in values.items():
        found[0, WIDE_NAMES.index(name)] = value
    return found


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("air_temperature", -80, 60), ("dew_point_temperature", -80, 35), ("relative_humidity", 0, 100),
        ("station_pressure", 500, 1100), ("wind_mean_2min", 0, 75), ("wind_mean_10min", 0, 75),
        ("wind_direction", 0, 360), ("irradiance", 0, 1600), ("rain_1min", 0, 40),
    ],
)  # fmt: skip
def test_instrument_ranges_are_closed_intervals_of_the_guideline(name: str, low: float, high: float) -> None:
    evaluator = Evaluator(load_ruleset())
    for value, failed in [
        (low, False), (high, False), (np.nextafter(low, -np.inf), True), (np.nextafter(high, np.inf), True),
    ]:  # fmt: skip
        evaluation = evaluator.evaluate(row(**{name: value}))
        assert mask_names(int(evaluation.failed[0])) == ([name] if failed else [])
        assert evaluation.run[0, WIDE_NAMES.index(name)] == 1 << Test.INSTRUMENT_RANGE


def test_a_missing_value_is_not_judged() -> None:
    evaluation = Evaluator(load_ruleset()).evaluate(row())
    assert not evaluation.run.any()
    assert evaluation.failed[0] == evaluation.suspect[0] == 0
    assert evaluation.results == [None]


def test_wind_variable_has_no_range() -> None:
    assert not Evaluator(load_ruleset()).evaluate(row(wind_variable=1.0)).run.any()


@pytest.mark.parametrize("version", FROZEN)
def test_a_ruleset_never_changes_once_it_is_out(version: str) -> None:
    text = files("meteostream.qc").joinpath("rulesets", f"{version}.toml").read_bytes()
    assert hashlib.sha256(text).hexdigest() == FROZEN[version]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('version = "x"\n[instrument_range]\nwind = { low = 0, high = 1, source = "s" }', "instrument_range.wind"),
        ('version = "x"\n[instrument_range]\nrain_1h = { low = 1, high = 1, source = "s" }', "low < high"),
        ('version = "x"\n[instrument_range]\nwind_variable = { low = 0, high = 1, source = "s" }', "wind_variable"),
        ('version = "x"\n[instrument_range]\nrain_1h = { low = 0, hi = 1, source = "s" }', "hi"),
        ('version = "x"\n[steps]', "steps"),
        ("version = ", "bad.toml"),
    ],
)
def test_a_bad_ruleset_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(RulesetError, match=message):
        parse_ruleset(text, "bad.toml")


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(RulesetError, match="instrument-1"):
        load_ruleset("instrument-0")


@given(st.lists(st.sampled_from(list(Flag)), min_size=1))
def test_overall_flag_follows_the_order_of_severity(flags: list[Flag]) -> None:
    order = [Flag.MISSING, Flag.FAIL, Flag.SUSPECT, Flag.PASS, Flag.NOT_EVALUATED]
    assert overall(flags) == min(flags, key=order.index)


@given(st.lists(st.integers(0, 2**21 - 1), max_size=20))
def test_masks_read_back(masks: list[int]) -> None:
    chosen = np.array([[mask >> bit & 1 for bit in range(21)] for mask in masks], np.bool_).reshape(-1, 21)
    assert bit_masks(chosen).tolist() == masks
