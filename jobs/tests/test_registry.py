"""The registry: every spelling finds its station, and no two stations are ever taken for one."""

from __future__ import annotations

import unicodedata

import avwx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.registry import Registry, RegistryError, UnknownStationError, fold, load_registry, parse_registry
from meteostream.registry.registry import COLUMNS

HEADER = ",".join(COLUMNS)
LINE = "0-20000-0-1,1,,A,1,2,3,SN,,test,"


@pytest.mark.parametrize("name", ["Kédougou", "Linguère", "Thiès"])
def test_names_are_found_in_every_spelling(name: str) -> None:
    """KF-113: NFC, NFD, capitals, no accents."""
    expected = load_registry().resolve(name)
    bare = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    for text in (unicodedata.normalize("NFD", name), name.upper(), name.lower(), bare, f" {name} "):
        assert load_registry().resolve(text) is expected
    assert expected.name == unicodedata.normalize("NFC", name)


def test_identifiers_and_aliases_are_found() -> None:
    for text in ("0-20000-0-61641", "61641", "GOOY", "gooy", "Dakar/Yoff", "DAKAR YOFF", "Yoff"):
        assert load_registry().resolve(text).wigos_id == "0-20000-0-61641"
    assert load_registry().resolve("EWR").wigos_id == "0-20000-0-72502"


def test_every_station_is_found_by_every_name_it_has() -> None:
    for station in load_registry():
        for name in station.names():
            assert load_registry().resolve(name) is station


def test_a_real_name_never_means_a_simulated_station() -> None:
    assert not load_registry().resolve("Podor").simulated
    assert load_registry().resolve("0-0-0-SIM61612").simulated


def test_an_unknown_station_is_told_with_what_is_near() -> None:
    """KF-113, KF-114."""
    with pytest.raises(UnknownStationError, match=r"'Tambacunda'.*Tambacounda \(0-20000-0-61687\)"):
        load_registry().resolve("Tambacunda")


def test_a_name_of_two_stations_is_refused_and_lists_them() -> None:
    text = "\n".join(
        [HEADER, "0-20000-0-1,1,,Sainte-Anne,1,2,3,SN,,test,", "0-20000-0-2,2,,Sainte Anne,1,2,3,SN,,test,"]
    )
    with pytest.raises(RegistryError, match=r"expected one, found several: Sainte-Anne \(0-20000-0-1\), Sainte Anne"):
        Registry(parse_registry(text, "x.csv")).resolve("SAINTE ANNE")


@pytest.mark.parametrize("name", ["Diourbel", "Kolda", "Linguère"])
def test_positions_are_those_of_one_source_which_each_station_names(name: str) -> None:
    """Registries disagree: avwx-engine's takes degrees and minutes for decimals, up to 57 km away. None is merged."""
    ours = load_registry().resolve(name)
    theirs = avwx.Station.from_icao(ours.icao or "")
    assert theirs is not None
    for mine, other in ((ours.latitude, theirs.latitude), (abs(ours.longitude), abs(theirs.longitude or 0.0))):
        whole = int(mine)
        assert other == pytest.approx(whole + (mine - whole) * 0.6, abs=0.025), "its decimals are our minutes"
        assert abs(mine - (other or 0.0)) > 0.05
    assert ours.source == "meteostat/weather-stations 2026-08-16"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("61641,1,,A,1,2,3,SN,,test,", "x.csv, line 3: wigos_id"),
        ("0-0-0-SIM1,1,,A,1,2,3,SN,,test,", "wigos_id"),
        ('0-20000-0-2,2,,A,"14,7",2,3,SN,,test,', "decimal point"),
        ("0-20000-0-2,2,,A,91,2,3,SN,,test,", "degrees"),
        ("0-20000-0-2,2,,,1,2,3,SN,,test,", "a name and a source"),
        ("0-20000-0-2,2,,A,1,2,3,SN,,,", "a name and a source"),
        ("0-20000-0-2,2,,A,1,2,3,SN,,test,high", "decimal point"),
        ("0-20000-0-2,2,,A,1,2,3,SN,", "expected 11 fields"),
        ("0-20000-0-2,2,,A,1,2,3,SN,,test,,more", "expected 11 fields"),
    ],
)
def test_a_bad_line_is_named(line: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        parse_registry("\n".join([HEADER, LINE, line]), "x.csv")


@pytest.mark.parametrize("line", [LINE, "0-20000-0-2,1,,B,1,2,3,SN,,test,"])
def test_an_identifier_stands_once(line: str) -> None:
    with pytest.raises(RegistryError, match="twice"):
        Registry(parse_registry("\n".join([HEADER, LINE, line]), "x.csv"))


def test_a_barometers_height_is_known_or_not() -> None:
    """Station pressure is that of the barometer's height, which is not the ground's."""
    known = "0-20000-0-2,2,,B,1,2,3,SN,,test,4.5"
    stations = parse_registry("\n".join([HEADER, LINE, known]), "x.csv")
    assert [station.barometer_m for station in stations] == [None, 4.5]


def test_other_columns_are_refused() -> None:
    with pytest.raises(RegistryError, match="expected the columns wigos_id"):
        parse_registry("id,name\n1,A\n", "x.csv")


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))
