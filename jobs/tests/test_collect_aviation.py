"""METAR and TAF of a service that cuts off silently, says nothing with 204, and mixes numbers with texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream.collect.aviation import MetarRow, disagreements, moment_of, visibility_miles
from meteostream.collect.catalogue import find
from meteostream.collect.collector import Found, Product, Remark, Wanted
from meteostream.collect.errors import RefusedError, ShapeError
from meteostream.collect.http import Http
from meteostream.collect.run import Account, drafts
from meteostream.config import Aviation, Collect
from meteostream.contract import decode_forecast, decode_message
from meteostream.registry import Station, load_registry
from meteostream.sources.metar import read_metar
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.units import conversion, convert
from test_collect_http import Clock
from weather_services import MOST, AviationWeather, Reply, Service, as_json

REGISTRY = load_registry()
DAKAR, ZIGUINCHOR, THIES = (REGISTRY.resolve(name) for name in ("GOOY", "GOGG", "Thiès"))
NOW = datetime(2026, 11, 25, 8, 10, tzinfo=UTC)
KT = convert("1", conversion("kt", "m/s"))


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().running() as running:
        yield running


@pytest.fixture
def awc(service: Service) -> AviationWeather:
    return AviationWeather(service)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def wanted_of(folder: Path, service: Service, *stations: Station, hours: float = 3.0) -> Wanted:
    settings = Collect(directory=str(folder), aviation=Aviation(base_url=service.url), attempts=1)
    return Wanted(stations or (DAKAR,), NOW - timedelta(hours=hours), NOW, NOW, settings, REGISTRY, folder / "incoming")


def http_of(wanted: Wanted) -> Http:
    clock = Clock(NOW.timestamp())
    return Http(wanted.settings, {}, clock=clock, sleep=clock.sleep)


def read(name: str, wanted: Wanted) -> list[Found]:
    return list(find(name, wanted.settings).read(http_of(wanted), wanted))


def test_a_metar_is_our_decoding_of_its_text(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    """KF-103: visib '10+' and wdir 'VRB' are texts; QNH is no sea-level pressure."""
    raw = "METAR GOOY 250800Z VRB03KT 9999 FEW020 24/17 Q1013 NOSIG"
    awc.add("GOOY", raw, at("2026-11-25T08:00"), temp=24, dewp=17, wdir="VRB", wspd=3, visib="10+")
    (found,) = read("metar", wanted_of(tmp_path, service))
    assert isinstance(found, Observation)
    assert (found.station, found.observed_at, found.report_type) == (DAKAR.wigos_id, "2026-11-25T08:00:00Z", "metar")
    assert found.text == raw
    assert found.values["air_temperature"] == 24.0
    assert found.values["wind_direction"] is None
    assert found.values["wind_variable"] is True
    assert found.values["visibility"] == 10_000.0
    assert "sea_level_pressure" not in found.values
    query = service.asked[0].query
    assert (query["ids"], query["format"], query["date"], query["hours"]) == ("GOOY", "json", "20261125_0810", "3.00")


@pytest.mark.parametrize("reply", [Reply(204), as_json([]), Reply(200, b"")], ids=["204", "list", "body"])
@pytest.mark.parametrize("source", ["metar", "taf"])
def test_nothing_is_an_answer(tmp_path: Path, service: Service, reply: Reply, source: str) -> None:
    """KF-108."""
    service.answer(f"/api/data/{source}", reply)
    assert read(source, wanted_of(tmp_path, service)) == []


def test_the_month_comes_from_the_service_and_not_from_the_clock(
    tmp_path: Path, service: Service, awc: AviationWeather
) -> None:
    """A METAR names a day only; the 31st is not of this month."""
    awc.add("GOOY", "METAR GOOY 312300Z 36010KT 9999 24/17 Q1013", at("2026-10-31T23:00"))
    wanted = wanted_of(tmp_path, service)._replace(start=datetime(2026, 10, 31, tzinfo=UTC))
    (found,) = read("metar", wanted)
    assert isinstance(found, Observation)
    assert found.observed_at == "2026-10-31T23:00:00Z"


def test_what_the_service_says_otherwise_is_told_and_the_text_stands(
    tmp_path: Path, service: Service, awc: AviationWeather
) -> None:
    raw = "METAR GOOY 250800Z 36010KT 9999 24/17 Q1013"
    awc.add("GOOY", raw, at("2026-11-25T08:05"), temp=42, dewp=17, wdir="VRB", wspd=20)
    found, *remarks = read("metar", wanted_of(tmp_path, service))
    assert isinstance(found, Observation)
    assert found.values["air_temperature"] == 24.0
    texts = [remark.text for remark in remarks if isinstance(remark, Remark)]
    assert len(texts) == len(remarks) == 4
    for text, said in zip(texts, ("obsTime 2026-11-25T08:05:00Z", "temp 42", "wspd 20", "wdir VRB"), strict=True):
        assert said in text
        assert text.startswith("GOOY 2026-11-25T08:00:00Z: the service has ")


@pytest.mark.parametrize(
    "fields", [{"temp": None}, {"temp": "24"}, {"wspd": "", "visib": 6}, {"obsTime": "2026-11-25 08:00:00"}]
)
def test_the_services_fields_may_be_numbers_texts_or_nothing(
    tmp_path: Path, service: Service, awc: AviationWeather, fields: dict[str, object]
) -> None:
    """KF-103."""
    awc.add("GOOY", "METAR GOOY 250800Z 36010KT 9999 24/17 Q1013", at("2026-11-25T08:00"))
    row = {**awc.metars[0], **fields}
    service.answer("/api/data/metar", as_json([row]))
    (found,) = read("metar", wanted_of(tmp_path, service))
    assert isinstance(found, Observation)


def test_an_answer_that_may_be_cut_off_is_asked_for_in_parts(
    tmp_path: Path, service: Service, awc: AviationWeather
) -> None:
    """At most 400 results come, without a word: two stations with a report every ten minutes for three days."""
    moments = [at("2026-11-22T09:00") + 600 * n for n in range(426)]
    for icao in ("GOOY", "GOGG"):
        for moment in moments:
            day = datetime.fromtimestamp(moment, UTC)
            awc.add(icao, f"METAR {icao} {day:%d%H%M}Z 36010KT 9999 24/17 Q1013", moment)
    found = read("metar", wanted_of(tmp_path, service, DAKAR, ZIGUINCHOR, hours=72.0))
    seen = [(line.station, line.observed_at) for line in found if isinstance(line, Observation)]
    assert set(seen) == {
        (station.wigos_id, f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}")
        for station in (DAKAR, ZIGUINCHOR)
        for moment in moments
        if moment >= (NOW - timedelta(hours=72)).timestamp()
    }
    assert all(len(json.loads(awc.metar(asked).body or b"[]")) <= MOST for asked in service.asked)


def test_a_service_that_ignores_the_window_is_noticed(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    for number in range(MOST):
        awc.add("GOOY", "METAR GOOY 250800Z 36010KT 9999 24/17 Q1013", at("2026-11-25T08:00") + number)
    service.answer("/api/data/metar", as_json(awc.metars))
    with pytest.raises(ShapeError, match="does the service still read 'ids', 'date' and 'hours'"):
        read("metar", wanted_of(tmp_path, service))
    assert len(service.asked) < 10


def test_a_station_that_is_not_ours_is_a_reject(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    """KF-113, KF-114: told with its text, never guessed and never published."""
    awc.add("LEJR", "METAR LEJR 250800Z 24011KT 9999 22/13 Q1015", at("2026-11-25T08:00"))
    service.answer("/api/data/metar", as_json(awc.metars))
    (found,) = read("metar", wanted_of(tmp_path, service))
    assert isinstance(found, Reject)
    assert "LEJR" in found.reason
    assert found.text == "METAR LEJR 250800Z 24011KT 9999 22/13 Q1015"


def test_a_text_that_cannot_be_read_does_not_take_the_others_with_it(
    tmp_path: Path, service: Service, awc: AviationWeather
) -> None:
    awc.add("GOOY", "METAR GOOY $$$", at("2026-11-25T07:30"))
    awc.add("GOOY", "METAR GOOY 250800Z 36010KT 9999 24/17 Q1013", at("2026-11-25T08:00"))
    reject, found = read("metar", wanted_of(tmp_path, service))
    assert isinstance(reject, Reject)
    assert isinstance(found, Observation)


def test_rows_of_another_shape_are_refused_by_name(tmp_path: Path, service: Service) -> None:
    service.answer("/api/data/metar", as_json([{"icaoId": "GOOY", "raw_text": "METAR"}]))
    with pytest.raises(ShapeError, match="missing required field `rawOb`"):
        read("metar", wanted_of(tmp_path, service))
    service.answer("/api/data/metar", as_json({"error": "not found"}))
    with pytest.raises(ShapeError, match="Expected `array`, got `object`"):
        read("metar", wanted_of(tmp_path, service))


def test_stations_without_an_icao_code_are_named(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    del awc
    assert read("metar", wanted_of(tmp_path, service, DAKAR, THIES)) == [
        Remark("without an ICAO code, not asked for: Thiès")
    ]
    with pytest.raises(RefusedError, match="expected stations with an ICAO code, found none among Thiès"):
        read("metar", wanted_of(tmp_path, service, THIES))


def test_the_same_metar_collected_twice_is_one_event(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    """KF-111: overlapping windows, and the same report twice in one answer."""
    for _ in range(2):
        awc.add("GOOY", "METAR GOOY 250800Z 36010KT 9999 24/17 Q1013", at("2026-11-25T08:00"))
    wanted = wanted_of(tmp_path, service)
    collector, ids = find("metar", wanted.settings), set()
    for _ in range(2):
        account = Account()
        found = list(drafts(collector, http_of(wanted), wanted, "weather.observations", account))
        assert len(found) == 2
        ids |= account.ids
        report = decode_message(found[0].value.encode(), found[0].key.encode())
        assert (report.source, report.nature, report.raw) == ("metar", "observed", awc.metars[0]["rawOb"])
    assert len(ids) == 1


# --- TAF ---

TAF = "TAF GOOY 250500Z 2506/2612 36010KT 9999 FEW020 TEMPO 2512/2516 VRB15G25KT 4000 TX29/2515Z"


def test_a_taf_is_a_forecast_with_its_text(tmp_path: Path, service: Service, awc: AviationWeather) -> None:
    """It never becomes an observation, and its groups keep their periods."""
    awc.tafs = [{"icaoId": "GOOY", "rawTAF": TAF, "issueTime": "2026-11-25T05:00:00.000Z", "validTimeFrom": 1}]
    wanted = wanted_of(tmp_path, service)
    (product,) = read("taf", wanted)
    assert isinstance(product, Product)
    assert product.text == TAF
    assert {row.reference_time for row in product.rows} == {"2026-11-25T05:00:00Z"}
    account = Account()
    found = list(drafts(find("taf", wanted.settings), http_of(wanted), wanted, "weather.forecasts", account))
    messages = [decode_forecast(draft.value.encode(), draft.key.encode()) for draft in found]
    assert {message.model for message in messages} == {"taf", "taf-tempo"}
    assert {message.raw for message in messages} == {TAF}
    assert account.rejects == []
    (prevailing,) = [
        message for message in messages if message.model == "taf" and "wind_mean_10min" in message.values()
    ]
    assert (prevailing.valid_time, prevailing.valid_until) == ("2026-11-25T06:00:00Z", "2026-11-26T12:00:00Z")
    assert prevailing.values()["wind_mean_10min"] == pytest.approx(10 * KT)


def test_a_taf_that_cannot_be_read_is_kept_with_its_reason(
    tmp_path: Path, service: Service, awc: AviationWeather
) -> None:
    awc.tafs = [{"icaoId": "GOOY", "rawTAF": "TAF GOOY $$$", "issueTime": None}]
    (found,) = read("taf", wanted_of(tmp_path, service))
    assert isinstance(found, Reject)


# --- Shapes ---


@pytest.mark.parametrize(
    ("source", "body", "differences"),
    [
        ("metar", b"", []),
        ("metar", b"[]", []),
        ("metar", b'[{"icaoId": "GOOY", "rawOb": "METAR GOOY 250800Z", "obsTime": 1795593600}]', []),
        ("metar", b'[{"icaoId": "GOOY", "rawOb": "METAR GOOY 250800Z", "obsTime": "soon"}]', ["row 1: obsTime"]),
        ("metar", b'[{"icaoId": "GOOY", "rawOb": ""}]', ["row 1: rawOb", "row 1: obsTime"]),
        ("metar", b'[{"icaoId": "GOOY", "rawOb": "x", "temp": [1]}]', ["temp"]),
        ("metar", b"<html>", ["malformed"]),
        ("taf", b'[{"icaoId": "GOOY", "rawTAF": "TAF", "issueTime": "2026-11-25T05:00:00.000Z"}]', []),
        ("taf", b'[{"icaoId": "GOOY", "rawTaf": "TAF"}]', ["rawTAF"]),
    ],
)
def test_a_probe_names_what_is_different(source: str, body: bytes, differences: list[str]) -> None:
    found = find(source, Collect()).shape(body)
    assert len(found) == len(differences)
    for sentence, part in zip(found, differences, strict=True):
        assert part in sentence


@given(st.none() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(["10+", "P6", "1 1/2", "6+"]))
def test_no_visibility_or_time_breaks_the_reader(found: int | float | str | None) -> None:
    """KF-103: the union of types is read tolerantly, whatever is in it."""
    miles = visibility_miles(found)
    assert miles is None or isinstance(miles, float)
    moment = moment_of(found)
    assert moment is None or moment.utcoffset() == timedelta(0)


def test_equal_fields_are_no_disagreement(awc: AviationWeather) -> None:
    awc.add("GOOY", "METAR GOOY 250800Z 36010KT 9999 M00/M03 Q1013", at("2026-11-25T08:00"), temp=0, dewp=-3, wspd=10)
    row = msgspec.convert(awc.metars[0], MetarRow)
    (found,) = read_metar(row.raw_ob, REGISTRY, reference=NOW)
    assert isinstance(found, Observation)
    assert disagreements(row, found) == []
