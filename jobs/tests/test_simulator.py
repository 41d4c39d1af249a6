"""Simulated weather: the same whatever asks for it, plausible, and valid by the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.contract import decode_message, event_id_of
from meteostream.simulator import Places, simulate, simulated_places
from meteostream.simulator.messages import messages
from meteostream.simulator.random import normal, philox, smooth, uniform
from meteostream.simulator.schedule import Schedule
from meteostream.validate import validate_batch
from support_contract import Message, batch_of

SEED = 7
YEAR = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400


def course(places: Places, station: int, seconds: np.ndarray, seed: int = SEED) -> dict[str, np.ndarray]:
    return simulate(places, np.full(len(seconds), station), seconds, seed)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_its_authors_known_answers(counter: tuple[int, ...], key: tuple[int, int], answer: str) -> None:
    a, b, c, d = (np.array([word], np.uint64) for word in counter)
    assert " ".join(f"{int(word[0]):08x}" for word in philox((a, b, c, d), key)) == answer


def test_random_numbers_have_their_distributions() -> None:
    place = np.array([12345], np.uint64)
    moments = np.arange(200_000)
    for numbers in uniform(SEED, 1, place, moments):
        assert 0 < numbers.min() < 1e-4
        assert 1 - 1e-4 < numbers.max() < 1
        assert abs(numbers.mean() - 0.5) < 0.003
    drawn = normal(SEED, 1, place, moments)
    assert abs(drawn.mean()) < 0.01
    assert abs(drawn.std() - 1) < 0.01
    joined = smooth(SEED, 1, place, moments * 60, 3600)
    assert abs(joined.std() - 1) < 0.03
    assert np.abs(np.diff(joined)).max() < 0.3


@given(st.integers(1, 40), st.integers(0, 2**31), st.data())
def test_weather_does_not_depend_on_how_the_work_is_split(rows: int, start: int, data: st.DataObject) -> None:
    places = simulated_places(20)
    index = np.array(data.draw(st.lists(st.integers(0, 19), min_size=rows, max_size=rows)))
    seconds = start + 60 * np.array(data.draw(st.lists(st.integers(0, 10**5), min_size=rows, max_size=rows)))
    whole = simulate(places, index, seconds, SEED)
    order = np.array(data.draw(st.permutations(range(rows))))
    cut = data.draw(st.integers(0, rows))
    for part in (order[:cut], order[cut:]):
        found = simulate(simulated_places(30), index[part], seconds[part], SEED)
        for name, values in whole.items():
            np.testing.assert_array_equal(found[name], values[part], err_msg=name)


def test_seeds_and_stations_differ() -> None:
    places = simulated_places(40)
    hours = YEAR + 3600 * np.arange(100)
    first = course(places, 16, hours)["wind_mean_10min"]
    assert not np.array_equal(first, course(places, 16, hours, seed=8)["wind_mean_10min"])
    assert not np.array_equal(first, course(places, 17, hours)["wind_mean_10min"])


def test_stations_are_simulated_unique_and_in_senegal() -> None:
    places = simulated_places(5000)
    assert len(set(places.station)) == 5000
    assert all(station.startswith("0-0-0-SIM") for station in places.station)
    assert places.station[4] == "0-0-0-SIM61641"
    assert places.latitude.min() > 12
    assert places.latitude.max() < 17
    assert places.longitude.min() >= -17.5
    assert places.longitude.max() < -11


def test_every_simulated_report_is_valid_and_passes_quality_control() -> None:
    places = simulated_places(300)
    index = np.arange(3000) % 300
    seconds = YEAR + 60 * np.random.default_rng(1).integers(0, 525_600, 3000)
    drafts = messages(places, index, seconds, simulate(places, index, seconds, SEED), "2027-01-01T00:00:01.5Z", "t")
    judged = validate_batch(batch_of([Message(draft.key.encode(), draft.value.encode()) for draft in drafts]))
    assert judged.column("dead_reason").null_count == len(drafts)
    assert not np.any(judged.column("qc_failed").to_numpy())
    assert [value.hex() for value in judged.column("event_id").to_pylist()] == [draft.id for draft in drafts]
    assert set(judged.column("nature").to_pylist()) == {"simulated"}


def test_journal_identities_are_the_contracts() -> None:
    places = simulated_places(2)
    index, seconds = np.array([0, 1]), np.array([YEAR, YEAR + 60])
    for draft in messages(places, index, seconds, simulate(places, index, seconds, SEED), "2026-01-02T00:00:00Z", "t"):
        report = decode_message(draft.value.encode(), draft.key.encode())
        assert event_id_of(report).hex() == draft.id
        assert report.received_at == draft.received_at


def test_hourly_rain_is_on_the_hour_only_and_the_sum_of_its_minutes() -> None:
    places = simulated_places(15)
    station = places.station.index("0-0-0-SIM61695")
    minutes = int(datetime(2026, 8, 1, tzinfo=UTC).timestamp()) + 60 * np.arange(1, 20 * 1440 + 1)
    rain = course(places, station, minutes)
    on_the_hour = minutes % 3600 == 0
    assert np.isnan(rain["rain_1h"][~on_the_hour]).all()
    sums = rain["rain_1min"].reshape(-1, 60).sum(axis=1)
    np.testing.assert_allclose(rain["rain_1h"][on_the_hour], sums, atol=1e-6)
    assert sums.max() > 5
    draft = messages(
        places, np.array([station]), minutes[:1], course(places, station, minutes[:1]), "2026-08-02T00:00:00Z", "t"
    )[0]
    assert "rain_1h" not in json.loads(draft.value)["variables"]


def test_wind_follows_the_contract() -> None:
    """Calm has speed 0 and no direction; variable wind has none; north is 360."""
    places = simulated_places(1)
    wind = course(places, 0, YEAR + 600 * np.arange(52_000))
    calm, variable = wind["wind_mean_10min"] == 0, wind["wind_variable"] == 1
    assert calm.any()
    assert variable.any()
    assert not (calm & variable).any()
    np.testing.assert_array_equal(np.isnan(wind["wind_direction"]), calm | variable)
    known = wind["wind_direction"][~(calm | variable)]
    assert known.min() >= 1
    assert known.max() <= 360
    assert (wind["gust_10min"] >= wind["wind_mean_10min"]).all()


def test_a_year_at_dakar_is_plausible() -> None:
    places = simulated_places(15)
    dakar = places.station.index("0-0-0-SIM61641")
    hours = YEAR + 3600 * np.arange(1, 8761)
    year = course(places, dakar, hours)
    daily = year["air_temperature"].reshape(-1, 24)
    january, october = slice(0, 31), slice(273, 304)
    assert abs(daily[january].max(axis=1).mean() - 25.0) < 2
    assert abs(daily[january].min(axis=1).mean() - 17.4) < 2
    assert abs(daily[october].max(axis=1).mean() - 30.4) < 2
    assert (year["dew_point_temperature"] <= year["air_temperature"]).all()
    assert 990 < year["sea_level_pressure"].min() < year["sea_level_pressure"].max() < 1030
    assert (year["station_pressure"] < year["sea_level_pressure"]).all()
    assert year["irradiance"][hours % DAY == 0].max() == 0
    assert 800 < year["irradiance"].max() < 1200
    rain = [np.nansum(course(places, dakar, hours, seed)["rain_1h"]) for seed in range(12)]
    assert 495 * 0.75 < np.mean(rain) < 495 * 1.25
    dry = (hours >= YEAR + 120 * DAY) | (hours < YEAR + 3600)
    assert np.nansum(year["rain_1h"][~dry]) == 0


def test_the_warmest_hour_is_by_the_sun_not_by_the_clock() -> None:
    places = simulated_places(15)
    minutes = YEAR + 60 * DAY + 600 * np.arange(144 * 60)
    for name, longitude in [("0-0-0-SIM61641", -17.5), ("0-0-0-SIM61699", -12.2167)]:
        day = course(places, places.station.index(name), minutes)["air_temperature"].reshape(-1, 144).mean(axis=0)
        smoothed = sum(np.roll(day, shift) for shift in range(-9, 10))
        assert abs(np.argmax(smoothed) / 6 + longitude / 15 - 15) < 0.8


def test_the_pressure_tide_has_two_waves_a_day() -> None:
    places = simulated_places(15)
    seconds = YEAR + 600 * np.arange(144 * 60)
    pressure = course(places, 4, seconds)["sea_level_pressure"].reshape(-1, 144).mean(axis=0)
    spectrum = np.abs(np.fft.rfft(pressure - pressure.mean())) * 2 / 144
    assert np.argmax(spectrum) == 2
    assert abs(spectrum[2] - 1.16 * np.cos(np.deg2rad(14.7333)) ** 3) < 0.2


@given(
    st.integers(1, 50),
    st.floats(0.01, 300),
    st.sampled_from([1, 10, 60, 600]),
    st.integers(10**9, 2 * 10**9),
    st.data(),
)
def test_a_station_reports_once_a_step_and_never_ahead(
    stations: int, rate: float, step_s: int, now: int, data: st.DataObject
) -> None:
    schedule = Schedule(stations=stations, rate=rate, step_s=step_s)
    assert schedule.stations >= stations
    last = schedule.number_at(now * 10**6)
    first = last - data.draw(st.integers(0, 2000))
    due = schedule.due(first, last)
    assert len(due.places) == last - first
    assert len(set(zip(due.places.tolist(), due.seconds.tolist(), strict=True))) == last - first
    assert (due.seconds % step_s == 0).all()
    assert (due.seconds <= now).all()
    cut = data.draw(st.integers(first, last))
    parts = [schedule.due(first, cut), schedule.due(cut, last)]
    np.testing.assert_array_equal(np.concatenate([part.seconds for part in parts]), due.seconds)


def test_the_rate_is_kept() -> None:
    schedule = Schedule(stations=15, rate=1000, step_s=60)
    start = schedule.number_at(YEAR * 10**6)
    assert schedule.number_at((YEAR + 10) * 10**6) - start == 10_000
    assert schedule.stations == 60_000


def test_columns_fit_the_contract() -> None:
    places = simulated_places(1)
    columns = course(places, 0, np.array([YEAR]))
    assert set(columns) <= set(validate_batch(batch_of([])).schema.names)
    assert isinstance(pa.array(columns["air_temperature"]), pa.DoubleArray)
