"""CLIMAT messages, the dekadal bulletin, and the windows that products declare."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meteostream.climate.bulletin import Bulletin, Inputs, bulletin
from meteostream.climate.catalogue import PRODUCTS, Reach
from meteostream.climate.climat import ClimatError, Month, Normals, climat
from meteostream.climate.completeness import RULE_3_5
from meteostream.climate.normals import Normal
from meteostream.climate.rain_season import rainy_season
from meteostream.climate.series import Daily, Monthly
from meteostream.climate.spi import spi
from meteostream.climate.water_balance import soil_balance
from meteostream.etl.products import BASE_NAMES

AUGUST: Final = date(2026, 8, 1)
GROUPS: Final = {
    "111": [
        r"1[\d/]{4}", r"2[\d/]{4}", r"3[01/][\d/]{3}[\d/]{3}", r"4[01/][\d/]{3}[01/][\d/]{3}", r"5[\d/]{3}",
        r"6[\d/]{4}[0-6/][\d/]{2}", r"7[\d/]{3}[\d/]{3}", r"8\d{6}", r"9\d{6}",
    ],
    "222": [
        r"0\d{4}", r"1[\d/]{4}", r"2[\d/]{4}", r"3[01/][\d/]{3}///", r"4[01/][\d/]{3}[01/][\d/]{3}", r"5[\d/]{3}",
        r"6[\d/]{4}[\d/]{2}", r"7[\d/]{3}", r"8[\d/]{6}", r"9[\d/]{6}",
    ],
    "333": [r"0\d{4}", r"1\d{4}", r"2\d{4}", r"3\d{4}", r"4\d{4}", r"5\d{4}", r"8\d{6}"],
    "444": [r"0[01]\d{5}", r"1[01]\d{5}", r"2[01]\d{5}", r"3[01]\d{5}", r"4\d{6}", r"51\d{5}"],
}  # fmt: skip
"""Forms of the groups of FM 71 (WMO-No. 306): written here again, from the manual."""


def sections(message: str) -> dict[str, list[str]]:
    assert message.endswith("=")
    assert re.match(r"CLIMAT (0[1-9]|1[0-2])\d{3} \d{5}\n111 ", message)
    return {line.split()[0]: line.split()[1:] for line in message[:-1].split("\n")[1:]}


def month_of(first: date = AUGUST, days: int = 31, **changes: np.ndarray) -> Month:
    usual = {
        "station_pressure_hpa": 1009.1, "sea_level_pressure_hpa": 1012.3, "mean_degc": 27.6, "maximum_degc": 30.4,
        "minimum_degc": 25.0, "vapour_pressure_hpa": 29.9, "rain_mm": 2.0, "sunshine_h": 7.0, "gust_mps": 9.0,
    }  # fmt: skip
    return Month(**{name: Daily(first, changes.get(name, np.full(days, value))) for name, value in usual.items()})


def normal(value: float, years: int = 30) -> Normal:
    return Normal(
        8, value, (0.5 * value, 0.7 * value, 0.9 * value, 1.1 * value, 1.3 * value, 2.0 * value), years, 1991, 2020
    )


ANY = hnp.arrays(
    np.float64, 31, elements=st.sampled_from([-12.3, -0.04, 0.0, 0.4, 5.0, 27.6, 45.0, 150.0, 1012.3, np.nan])
)


@given(data=st.data())
def test_every_group_has_its_form_whatever_was_measured(data: st.DataObject) -> None:
    month = Month(*(Daily(AUGUST, data.draw(ANY)) for _ in Month._fields))
    normals = Normals(*(data.draw(st.sampled_from([None, normal(3.0), normal(150.0, 24)])) for _ in Normals._fields))
    found = sections(climat("61641", AUGUST, month, normals))
    assert list(found) == sorted(found)
    assert ("222" in found) == any(normals)
    for name, groups in found.items():
        forms = GROUPS[name]
        if name in {"111", "222"}:
            assert len(groups) == len(forms)
        position = 0
        for group in groups:  # groups may be left out in 333 and 444, their order may not change
            while not re.fullmatch(forms[position], group):
                position += 1
                assert name in {"333", "444"}, f"{name}: {group} has not the form {forms[position - 1]}"
            position += 1


def test_temperatures_below_zero_and_traces_of_rain_are_coded() -> None:
    found = sections(
        climat(
            "61641",
            AUGUST,
            month_of(mean_degc=np.full(31, -1.23), minimum_degc=np.full(31, -0.04), rain_mm=np.full(31, 0.01)),
        )
    )
    assert found["111"][2] == "31012000"
    assert found["111"][3] == "403040000"  # -0.04 is 0.0, which has no sign
    assert found["111"][5] == "69999/00"
    assert found["333"][2] == "23100"  # 31 minima below freezing


def test_days_vary_by_the_standard_deviation_of_a_sample() -> None:
    values = np.full(31, 27.0)
    values[0:30:2], values[1:30:2] = 32.0, 22.0
    groups = sections(climat("61641", AUGUST, month_of(mean_degc=values)))["111"]
    assert groups[2] == "30270050"  # 5.0 degC: sqrt(30 x 25 / 30)


def test_zero_is_no_frost() -> None:
    values = np.zeros(31)
    assert sections(climat("61641", AUGUST, month_of(minimum_degc=values)))["333"][2] == "20000"
    values[4] = -0.1
    assert sections(climat("61641", AUGUST, month_of(minimum_degc=values)))["333"][2] == "20100"


def test_a_dry_month_has_no_trace() -> None:
    found = sections(climat("61641", AUGUST, month_of(rain_mm=np.zeros(31))))
    assert found["111"][5] == "60000/00"


def test_rain_is_ranked_among_the_years_of_its_normal() -> None:
    normals = Normals(rain_mm=normal(62.0), sunshine_h=normal(200.0))
    groups = sections(climat("61641", AUGUST, month_of(), normals))["111"]
    assert groups[5] == "60062331"  # 31 rainy days of 2 mm, in the middle fifth
    assert groups[6] == "7217108"  # hours (31 x 7), per cent of 200


@pytest.mark.parametrize(("missing", "tx"), [(10, "403040250"), (11, "4////0250")])
def test_means_are_refused_by_the_rule_and_missing_days_told(missing: int, tx: str) -> None:
    values = np.full(31, 30.4)
    values[1 : 2 * missing : 2] = np.nan
    groups = sections(climat("61641", AUGUST, month_of(maximum_degc=values)))
    assert groups["111"][3] == tx
    assert groups["111"][7] == "8000090"  # one figure: nine or more
    assert not [group for group in groups["333"] if group[0] in "01"]  # counts need every day
    strict = sections(climat("61641", AUGUST, month_of(maximum_degc=values), rule=RULE_3_5))
    assert strict["111"][3] == "4////0250"


def test_one_missing_rain_takes_the_sum_but_not_its_extreme() -> None:
    rain = np.full(31, 2.0)
    rain[3], rain[9], rain[20] = np.nan, 61.5, 61.5
    groups = sections(climat("61641", AUGUST, month_of(rain_mm=rain)))
    assert groups["111"][5] == "6/////" + "//"
    assert groups["111"][8] == "9000100"
    assert "4061560" in groups["444"]  # the 10th, and again later: 10 + 50


@pytest.mark.parametrize(
    ("wmo", "first", "month", "message"),
    [
        ("0-686-0-GOBD", AUGUST, month_of(), "expected a WMO number of five figures, found '0-686-0-GOBD'"),
        ("61641", date(2026, 8, 2), month_of(), "expected the days 2026-08-01 to 2026-08-31"),
        ("61641", AUGUST, month_of(days=30), "found 2026-08-01 to 2026-08-30"),
        ("61641", AUGUST, month_of(first=date(2026, 7, 1)), "found 2026-07-01 to 2026-07-31"),
    ],
)
def test_what_is_no_month_of_a_wmo_station_is_refused(wmo: str, first: date, month: Month, message: str) -> None:
    with pytest.raises(ClimatError, match=re.escape(message)):
        climat(wmo, first, month)


def test_february_of_a_leap_year_has_its_days() -> None:
    assert climat("61641", date(2028, 2, 1), month_of(first=date(2028, 2, 1), days=29)).startswith("CLIMAT 02028 61641")


# --- Bulletin ----------------------------------------------------------------------------------------------------


def station(rain: np.ndarray | None = None) -> Inputs:
    first = date(2026, 1, 1)
    flat = Daily(first, np.full(365, 5.0))
    return Inputs(Daily(first, np.where(np.arange(365) % 3 == 0, 9.0, 0.0) if rain is None else rain), *[flat] * 5)


def test_a_bulletin_knows_nothing_of_what_comes_after_its_dekad() -> None:
    whole = bulletin(date(2026, 7, 25), station())
    rain = station().rain_mm.values.copy()
    rain[(date(2026, 8, 1) - date(2026, 1, 1)).days :] = np.nan
    assert bulletin(date(2026, 7, 25), station(rain)) == whole
    assert (whole.first, whole.last, whole.number) == (date(2026, 7, 21), date(2026, 7, 31), 21)


def test_a_missing_day_refuses_sums_of_the_dekad_and_of_the_season() -> None:
    rain = station().rain_mm.values.copy()
    rain[(date(2026, 8, 12) - date(2026, 1, 1)).days] = np.nan
    found = bulletin(date(2026, 8, 15), station(rain))
    for value in (found.rain_mm, found.rainy_days, found.season_rain_mm, found.balance_mm):
        assert np.isnan(value.value)
        assert value.missing == 1
    assert found.wettest_day_mm.value == 9.0
    assert np.isfinite(bulletin(date(2026, 8, 5), station(rain)).season_rain_mm.value)


def test_the_season_of_a_dekad_before_may_is_the_years() -> None:
    assert bulletin(date(2026, 2, 15), station()).season_rain_mm.expected == 31 + 20
    assert bulletin(date(2026, 4, 30), station()).season_rain_mm.expected == 120
    assert bulletin(date(2026, 5, 1), station()).season_rain_mm.expected == 10


def test_an_anomaly_of_a_dekad_is_against_its_normal() -> None:
    found = bulletin(date(2026, 8, 15), station(), normal(30.0))
    assert found.rain_anomaly is not None
    assert found.rain_anomaly.percent == pytest.approx(found.rain_mm.value / 30.0 * 100.0)
    assert found.no_anomaly is None


def test_a_station_without_data_has_a_bulletin_without_values() -> None:
    nothing = Daily(date(2026, 12, 1), np.full(5, np.nan))
    found = bulletin(date(2026, 8, 15), Inputs(*[nothing] * 6))
    assert isinstance(found, Bulletin)
    assert np.isnan(found.rain_mm.value)
    assert found.season.onset is None


# --- Windows -----------------------------------------------------------------------------------------------------

FIRST: Final = date(1991, 1, 1)
RAIN: Final = np.random.default_rng(3).gamma(0.3, 20.0, (date(2024, 12, 31) - FIRST).days + 1)


def monthly(rain: np.ndarray) -> np.ndarray:
    months = (np.datetime64(FIRST) + np.arange(rain.size)).astype("datetime64[M]")
    return np.bincount((months - months[0]).astype(int), weights=rain)


def spi_by_day(scale: int) -> Callable[[np.ndarray], dict[date, Any]]:
    def compute(rain: np.ndarray) -> dict[date, Any]:
        values = spi(Monthly(1991, 1, monthly(rain)), scale)
        return {date(1991 + at // 12, at % 12 + 1, 1): value for at, value in enumerate(values)}

    return compute


def seasons(rain: np.ndarray) -> dict[date, Any]:
    return {date(year, 1, 1): rainy_season(Daily(FIRST, rain), year) for year in range(2019, 2025)}


def storages(rain: np.ndarray) -> dict[date, Any]:
    found = soil_balance(rain, np.full(rain.size, 9.0)).storage_mm
    return {FIRST + timedelta(days=at): value for at, value in enumerate(found)}


@pytest.mark.parametrize(
    ("name", "compute"),
    [
        ("spi-1", spi_by_day(1)), ("spi-3", spi_by_day(3)), ("spi-12", spi_by_day(12)), ("rainy-season", seasons),
        ("water-balance", storages),
    ],
)  # fmt: skip
@pytest.mark.parametrize("changed", [date(2021, 1, 1), date(2022, 8, 15), date(2024, 2, 29), date(2005, 8, 15)])
def test_a_changed_day_reaches_no_further_than_its_window(
    name: str, compute: Callable[[np.ndarray], dict[date, Any]], changed: date
) -> None:
    other = RAIN.copy()
    other[(changed - FIRST).days] += 80.0
    before, after = compute(RAIN), compute(other)
    differ = [day for day in before if before[day] != after[day] and str(before[day]) != str(after[day])]  # NaN is NaN
    first, last = PRODUCTS[name].affected(changed)
    assert all((first is None or first <= day) and (last is None or day <= last) for day in differ)
    assert differ or name == "rainy-season" or (name, changed) == ("spi-1", date(2021, 1, 1))  # the change was one


def test_every_window_holds_the_day_itself() -> None:
    for product in PRODUCTS.values():
        first, last = product.affected(date(2024, 2, 29))
        assert first is None or first <= date(2024, 2, 29)
        assert last is None or last >= date(2024, 2, 29)
        assert product.reach is not Reach.EVERYTHING or (first, last) == (None, None)


def test_products_name_functions_and_inputs_that_exist() -> None:
    for product in PRODUCTS.values():
        module, _, function = product.function.rpartition(".")
        assert callable(getattr(import_module(f"meteostream.{module}"), function))
        for name in product.inputs:
            assert name in PRODUCTS or name.split("/")[0] in BASE_NAMES
