"""SYNOP and BUFR over HTTP: Ogimet's lines, a WIS2 node's notifications, coded reports that an operator declares."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from meteostream.cli import group
from meteostream.collect import wis2
from meteostream.collect.catalogue import BUILT_IN, find
from meteostream.collect.collector import Found, Remark, Wanted
from meteostream.collect.errors import NetworkError, QuotaError, RefusedError, ShapeError
from meteostream.collect.http import Http
from meteostream.collect.noaa import GHCNH, GSOD, ISD
from meteostream.collect.ogimet import read_answer
from meteostream.collect.run import Account, drafts
from meteostream.config import Collect, Ogimet, Wis2
from meteostream.contract import decode_message
from meteostream.registry import Station, load_registry
from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Observation, Reject
from test_bufr import message, numbered
from test_collect_http import Clock
from weather_services import AviationWeather, OgimetService, OpenMeteo, Reply, Service, Wis2Node, as_json

REGISTRY = load_registry()
DAKAR, ZIGUINCHOR, DIASS = (REGISTRY.resolve(name) for name in ("GOOY", "GOGG", "GOBD"))
NOW = datetime(2026, 11, 25, 8, 10, tzinfo=UTC)
SYNOP = "AAXX 25061 61641 41598 20308 10243 20171 30101 40134"
"""Dakar at 06 UTC: 24.3 and 17.1 degC, 1010.1 and 1013.4 hPa."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().running() as running:
        yield running


@pytest.fixture
def ogimet(service: Service) -> OgimetService:
    return OgimetService(service)


@pytest.fixture
def node(service: Service) -> Wis2Node:
    return Wis2Node(service)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def settings_of(folder: Path, service: Service, **options: Any) -> Collect:
    given = {
        "directory": str(folder / "state"),
        "sources": str(folder / "sources"),
        "ogimet": Ogimet(base_url=service.url),
        "wis2": Wis2(base_url=f"{service.url}/oapi"),
        "attempts": 1,
    }
    return Collect(**{**given, **options})


def wanted_of(settings: Collect, *stations: Station, hours: float = 6.0) -> Wanted:
    start = NOW - timedelta(hours=hours)
    incoming = Path(settings.directory).parent / "incoming"
    return Wanted(stations or (DAKAR,), start, NOW, NOW, settings, REGISTRY, incoming)


def read(name: str, wanted: Wanted) -> list[Found]:
    clock = Clock(NOW.timestamp())
    return list(find(name, wanted.settings).read(Http(wanted.settings, {}, clock=clock, sleep=clock.sleep), wanted))


def observations(found: list[Found]) -> list[Observation]:
    return [one for one in found if isinstance(one, Observation)]


def rejects(found: list[Found]) -> list[Reject]:
    return [one for one in found if isinstance(one, Reject)]


def remarks(found: list[Found]) -> str:
    return "; ".join(one.text for one in found if isinstance(one, Remark))


# --- Ogimet ---


def test_a_synop_is_our_decoding_of_its_text(tmp_path: Path, service: Service, ogimet: OgimetService) -> None:
    ogimet.add(at("2026-11-25T06:00"), SYNOP)
    ogimet.add(at("2026-11-25T06:00"), "AAXX 25061 61695 NIL")
    ogimet.add(at("2026-11-25T06:00"), SYNOP.replace("61641", "61600"))
    ogimet.add(at("2026-11-24T06:00"), SYNOP.replace("25061", "24061"))
    found = read("synop", wanted_of(settings_of(tmp_path, service), DAKAR, ZIGUINCHOR))
    (only,) = observations(found)
    assert (only.station, only.observed_at, only.report_type) == (DAKAR.wigos_id, "2026-11-25T06:00:00Z", "synop")
    assert {name: only.values[name] for name in ("air_temperature", "dew_point_temperature", "sea_level_pressure")} == {
        "air_temperature": 24.3, "dew_point_temperature": 17.1, "sea_level_pressure": 1013.4,
    }  # fmt: skip
    assert only.text == SYNOP, "the raw text is kept"
    assert rejects(found) == []
    assert remarks(found) == "1 reports of stations that were not asked for: 61600"
    (asked,) = service.asked
    assert asked.query == {"block": "616", "begin": "202611250210", "end": "202611250810"}


def test_the_month_comes_from_the_row_and_not_from_the_clock(
    tmp_path: Path, service: Service, ogimet: OgimetService
) -> None:
    """KF-115: a report says the day alone, and an archive's window is long ago."""
    ogimet.add(at("2026-10-25T06:00"), SYNOP)
    (only,) = observations(read("synop", wanted_of(settings_of(tmp_path, service), hours=24 * 40)))
    assert only.observed_at == "2026-10-25T06:00:00Z"


def test_the_same_synop_twice_is_one_event_kf_111(tmp_path: Path, service: Service, ogimet: OgimetService) -> None:
    for _ in range(2):
        ogimet.add(at("2026-11-25T06:00"), SYNOP)
    wanted = wanted_of(settings_of(tmp_path, service))
    ids = set()
    for _ in range(2):
        account = Account()
        clock = Clock(NOW.timestamp())
        http = Http(wanted.settings, {}, clock=clock, sleep=clock.sleep)
        for draft in drafts(find("synop", wanted.settings), http, wanted, "t", account):
            decode_message(draft.value.encode(), draft.key.encode())
            ids.add(draft.id)
        assert not account.rejects
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("61641,2026,13,25,06,00,AAXX 25061 61641 41598 20308 10243=", "expected an existing moment, found 2026,13"),
        ("61641,2026,11,25,06,00,AAXX 25061 61600 41598 20308 10243=", "expected a report of 61641"),
        ("61641,2026,11,25,06,00,61641 41598 20308 10243=", "expected a report of 61641 that begins with AAXX"),
        ("61641,2026,11,25,06,00,BBXX 25061 61641 41598 20308 10243=", "expected a report of 61641 that begins"),
        ("61641,2026,,25,06,00,AAXX 25061 61641 41598 20308 10243=", "expected a station, year to minute"),
        ("61641;2026;11", "expected a station, year to minute"),
        ("61641,2026,11,25,06,00,AAXX 25061 61641 x=", "expected at least two groups"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_and_takes_no_other_with_it(
    tmp_path: Path, service: Service, line: str, reason: str
) -> None:
    """KF-115: a missing or impossible month costs its row."""
    good = f"61641,2026,11,25,03,00,{SYNOP.replace('25061', '25031')}="
    service.answer("/cgi-bin/getsynop", Reply(200, f"{good}\n{line}\n\n{good.replace('03', '04', 1)}".encode()))
    found = read("synop", wanted_of(settings_of(tmp_path, service)))
    assert [one.observed_at for one in observations(found)][:1] == ["2026-11-25T03:00:00Z"]
    (reject,) = rejects(found)
    assert reason in reject.reason


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(200, b"#Sorry, Your quota limit for slow queries rate has been reached\n"), QuotaError, "quota limit"),
        (Reply(200, b"<html><body>moved</body></html>"), ShapeError, "expected lines such as 61641,2026"),
        (Reply(429, b"Too many requests, try tomorrow"), QuotaError, "429"),
        (Reply(503, b"busy"), NetworkError, "503"),
        (Reply(200, SYNOP.encode() * 40, cut=90), NetworkError, "only half an answer came"),
        (Reply(200, SYNOP.encode(), drip_s=0.5), NetworkError, "not complete after"),
    ],
)
def test_what_is_no_answer_ends_the_run_with_the_services_words(
    tmp_path: Path, service: Service, reply: Reply, error: type[Exception], words: str
) -> None:
    """KF-104: also a limit that comes with status 200."""
    service.answer("/cgi-bin/getsynop", reply)
    with pytest.raises(error, match=words):
        read("synop", wanted_of(settings_of(tmp_path, service, answer_seconds=1.0)))


@pytest.mark.parametrize("reply", [Reply(200, b""), Reply(200, b"\n\n"), Reply(204)])
def test_no_synop_is_an_answer_kf_108(tmp_path: Path, service: Service, reply: Reply) -> None:
    service.answer("/cgi-bin/getsynop", reply)
    assert read("synop", wanted_of(settings_of(tmp_path, service))) == []


def test_stations_without_a_wmo_number_are_named(tmp_path: Path, service: Service) -> None:
    OgimetService(service)
    settings = settings_of(tmp_path, service)
    assert "not asked for: Dakar-Diass" in remarks(read("synop", wanted_of(settings, DAKAR, DIASS)))
    with pytest.raises(RefusedError, match="expected stations with a WMO number"):
        read("synop", wanted_of(settings, DIASS))


@given(st.binary() | st.text().map(str.encode) | st.text("61641,20AX /=\n", max_size=80).map(str.encode))
def test_no_answer_breaks_the_reader_of_ogimet(body: bytes) -> None:
    with suppress(SourceError):
        for one in read_answer(body, wanted_of(Collect()), {"61641"}):
            assert isinstance(one, Observation | Reject | Remark)
    assert all(isinstance(sentence, str) for sentence in find("synop", Collect()).shape(body))


# --- A WIS2 node ---

DATA = message(numbered())


def test_bufr_is_read_where_a_notification_says_it_lies(tmp_path: Path, service: Service, node: Wis2Node) -> None:
    """Page after page, in the order of publication, each with what it must hash to."""
    for number in range(7):
        data = message({**numbered(695 if number == 3 else 641), "#1#hour": number % 7})
        node.publish(data, f"2026-11-25T07:0{number}:00Z")
    node.features.reverse()
    found = read("bufr", wanted_of(settings_of(tmp_path, service), DAKAR, ZIGUINCHOR))
    assert [(one.station, one.observed_at[11:13]) for one in observations(found)] == [
        (ZIGUINCHOR.wigos_id if hour == 3 else DAKAR.wigos_id, f"{hour:02d}") for hour in range(7)
    ]
    assert len(found) == 7
    assert service.paths().count(Wis2Node.PATH) == 3, "three pages"
    assert service.asked[0].query["datetime"] == "2026-11-25T02:10:00Z/2026-11-25T08:10:00Z"
    (first, *_) = observations(found)
    assert base64.b64decode(first.text).startswith(b"BUFR")


def test_only_what_is_wanted_is_fetched(tmp_path: Path, service: Service, node: Wis2Node) -> None:
    node.publish(DATA, "2026-11-25T07:00:00Z", station=DAKAR.wigos_id)
    node.publish(message(numbered(695)), "2026-11-25T07:01:00Z", station=ZIGUINCHOR.wigos_id)
    node.publish(message(numbered(695)), "2026-11-25T07:02:00Z")
    found = read("bufr", wanted_of(settings_of(tmp_path, service)))
    assert [one.station for one in observations(found)] == [DAKAR.wigos_id]
    assert service.paths() == [Wis2Node.PATH, "/data/0.bufr4", "/data/2.bufr4"]


@pytest.mark.parametrize("inline", ["base64", "gzip"])
def test_data_may_lie_in_the_notification(tmp_path: Path, service: Service, node: Wis2Node, inline: str) -> None:
    node.publish(DATA, "2026-11-25T07:00:00Z", inline=inline)
    (only,) = read("bufr", wanted_of(settings_of(tmp_path, service)))
    assert isinstance(only, Observation)
    assert only.values["air_temperature"] == 24.3
    assert service.paths() == [Wis2Node.PATH]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda one: one["properties"]["integrity"].update(value="AAAA"), "integrity: expected sha512 AAAA"),
        (lambda one: one["properties"]["integrity"].update(method="md5"), "integrity: expected one of sha256"),
        (lambda one: one["links"][0].update(href="http://127.0.0.2:1/x"), "lies on '127.0.0.2:1', which is not asked"),
        (lambda one: one["links"][0].update(href="file:///etc/passwd"), "which is not asked"),
        (lambda one: one["links"][0].update(href="/data/gone.bufr"), "found nothing there any more"),
        (lambda one: one["properties"].update(content={"encoding": "base64", "value": "?"}), "expected base64"),
        (lambda one: one["properties"].update(content={"encoding": "gzip", "value": "AAAA"}), "content: expected gzip"),
        (lambda one: one["properties"].pop("data_id"), "data_id"),
        (lambda one: one.pop("properties"), "properties"),
        (lambda one: one["properties"].update(content={"encoding": "zip", "value": ""}), "Invalid enum value 'zip'"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_trusted_is_told_and_takes_no_other_with_it(
    tmp_path: Path, service: Service, node: Wis2Node, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    change(node.publish(DATA, "2026-11-25T07:00:00Z"))
    node.publish(message(numbered(695)), "2026-11-25T07:00:30Z")
    if "properties" not in node.features[0]:
        service.answer(Wis2Node.PATH, as_json({"features": node.features}))
    found = read("bufr", wanted_of(settings_of(tmp_path, service), DAKAR, ZIGUINCHOR))
    (reject,) = rejects(found)
    assert reason in reject.reason
    assert [one.station for one in observations(found)] == [ZIGUINCHOR.wigos_id]


def test_gzip_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path, service: Service, node: Wis2Node) -> None:
    node.publish(b"\0" * (wis2.MOST_INLINE_BYTES + 1), "2026-11-25T07:00:00Z", inline="gzip")
    (reject,) = read("bufr", wanted_of(settings_of(tmp_path, service)))
    assert isinstance(reject, Reject)
    assert f"expected at most {wis2.MOST_INLINE_BYTES} bytes" in reject.reason


def test_another_host_is_asked_if_the_settings_name_it(tmp_path: Path, service: Service, node: Wis2Node) -> None:
    with Service().running() as store:
        store.answer("/data/0.bufr4", Reply(200, DATA))
        node.publish(DATA, "2026-11-25T07:00:00Z")["links"][0]["href"] = f"{store.url}/data/0.bufr4"
        host = store.url.removeprefix("http://")
        settings = settings_of(tmp_path, service, wis2=Wis2(base_url=f"{service.url}/oapi", hosts=[host]))
        (only,) = read("bufr", wanted_of(settings))
        assert isinstance(only, Observation)
        assert store.paths() == ["/data/0.bufr4"]


def test_damaged_data_is_a_reject_and_an_unknown_station_is_held_kf_114(
    tmp_path: Path, service: Service, node: Wis2Node
) -> None:
    node.publish(DATA[:-9], "2026-11-25T07:00:00Z")
    node.publish(message(numbered(999)), "2026-11-25T07:01:00Z", station="0-20000-0-61999")
    damaged, unknown = rejects(read("bufr", wanted_of(settings_of(tmp_path, service))))
    assert "expected" in damaged.reason
    assert unknown.held is not None
    assert unknown.held.station == "61999"


def test_data_that_is_taken_back_is_told_and_other_data_is_passed_over(
    tmp_path: Path, service: Service, node: Wis2Node
) -> None:
    node.publish(DATA, "2026-11-25T07:00:00Z", rel="deletion", data_id="wis2/taken-back")
    picture = node.publish(b"PNG", "2026-11-25T07:00:00Z")
    picture["links"][0].update(type="image/png", href=f"{service.url}/data/x.png")
    found = read("bufr", wanted_of(settings_of(tmp_path, service)))
    assert remarks(found) == "wis2/taken-back: the publisher took it back; what was collected stays"
    assert len(found) == 1


def test_an_update_comes_after_what_it_updates(tmp_path: Path, service: Service, node: Wis2Node) -> None:
    later = message({**numbered(), "#1#airTemperature": 298.15}, header={"updateSequenceNumber": 1})
    node.publish(later, "2026-11-25T07:05:00Z", rel="update", data_id="wis2/one")
    node.publish(DATA, "2026-11-25T07:00:00Z", data_id="wis2/one")
    found = observations(read("bufr", wanted_of(settings_of(tmp_path, service))))
    assert [(one.revision, one.values["air_temperature"]) for one in found] == [(0, 24.3), (1, 25.0)]


@pytest.mark.parametrize("reply", [Reply(204), as_json({"type": "FeatureCollection", "features": [], "links": []})])
def test_no_notification_is_an_answer_kf_108(tmp_path: Path, service: Service, reply: Reply) -> None:
    service.answer(Wis2Node.PATH, reply)
    assert read("bufr", wanted_of(settings_of(tmp_path, service))) == []


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ([1], ShapeError, "expected a collection of notifications"),
        ({"features": {}}, ShapeError, "expected a collection of notifications"),
        ({"features": [{}], "links": [{"rel": "next", "href": "http://127.0.0.2:1/x"}]}, RefusedError, "next page on"),
        ({"features": [{}], "links": [{"rel": "next", "href": "?again"}]}, ShapeError, "at most 100 pages"),
    ],
)
def test_an_answer_of_another_shape_ends_the_run(
    tmp_path: Path, service: Service, answer: object, error: type[Exception], words: str
) -> None:
    service.answer(Wis2Node.PATH, as_json(answer))
    with pytest.raises(error, match=words):
        read("bufr", wanted_of(settings_of(tmp_path, service)))


def test_without_a_node_nothing_is_asked_and_it_is_said(tmp_path: Path, service: Service) -> None:
    settings = settings_of(tmp_path, service, wis2=Wis2())
    assert "no node is named" in (find("bufr", settings).off or "")
    with pytest.raises(RefusedError, match=r"set \[collect.wis2\] base_url"):
        read("bufr", wanted_of(settings))
    assert find("bufr", settings_of(tmp_path, service)).off is None


def test_a_node_that_goes_away_in_the_middle_keeps_the_window_open(
    tmp_path: Path, service: Service, node: Wis2Node
) -> None:
    """The rest is kept; the run fails, so the next one asks for the same. A node that is away is soon given up."""
    node.publish(DATA, "2026-11-25T07:00:00Z")
    node.publish(message(numbered(695)), "2026-11-25T07:01:00Z")
    node.publish(message({**numbered(695), "#1#hour": 7}), "2026-11-25T07:02:00Z")
    service.answer("/data/1.bufr4", Reply(503))
    wanted = wanted_of(settings_of(tmp_path, service), DAKAR, ZIGUINCHOR)
    account, clock = Account(), Clock(NOW.timestamp())
    http = Http(wanted.settings, {}, clock=clock, sleep=clock.sleep)
    entries = list(drafts(find("bufr", wanted.settings), http, wanted, "t", account))
    assert [entry.key for entry in entries] == [DAKAR.wigos_id, ZIGUINCHOR.wigos_id]
    assert "/data/1.bufr4: the service answered 503" in str(account.failure)
    for number in range(3, 9):
        node.publish(DATA, f"2026-11-25T07:0{number}:00Z")
        service.answer(f"/data/{number}.bufr4", Reply(503))
    service.asked.clear()
    assert list(drafts(find("bufr", wanted.settings), http, wanted, "t", account))
    tried = [path for path in service.paths() if path.startswith("/data/")]
    assert tried == [f"/data/{number}.bufr4" for number in (0, 1, 2, 3, 4)], "three in vain, and no more"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(["features", "links", "properties", "data_id", "pubtime",
    "href", "rel", "type", "content", "integrity"]), inner, max_size=5)))  # fmt: skip
def test_no_answer_breaks_a_probe_of_a_node(answer: object) -> None:
    body = json.dumps(answer).encode()
    assert all(isinstance(sentence, str) for sentence in find("bufr", Collect()).shape(body))


# --- Coded reports that an operator declares ---

REPORTS = """
kind = "reports"
title = "Bulletins of a service"
url = "{url}/{file}"
format = "{format}"
[licence]
name = "with-permission"
attribution = "the service"
redistribute = true
"""


def declare(folder: Path, name: str, text: str) -> None:
    (folder / "sources").mkdir(exist_ok=True)
    (folder / "sources" / f"{name}.toml").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("format_", "body"),
    [
        ("synop", f"SMSN01 GOOO 250600\nAAXX 25061\n{SYNOP[11:]}=\n61695 NIL=\n".encode()),
        ("metar", b"SASN31 GOOO 250600\nMETAR GOOY 250600Z 36010KT 9999 24/17 Q1013=\n"),
        ("bufr", b"ISMI01 GOOO 250600\r\r\n" + DATA),
    ],
)
def test_declared_reports_are_decoded_by_their_format(
    tmp_path: Path, service: Service, format_: str, body: bytes
) -> None:
    service.answer("/bulletins", Reply(200, body))
    declare(tmp_path, "gts", REPORTS.format(url=service.url, file="bulletins", format=format_))
    settings = settings_of(tmp_path, service)
    collector = find("gts", settings)
    assert (collector.licence.name, collector.licence.redistribute) == ("with-permission", True)
    (only,) = read("gts", wanted_of(settings))
    assert isinstance(only, Observation)
    assert (only.station, only.observed_at) == (DAKAR.wigos_id, "2026-11-25T06:00:00Z")
    assert only.values["air_temperature"] == pytest.approx(24, abs=0.4)
    assert collector.shape(body) == []
    (difference,) = collector.shape(
        body.replace(b"61641", b"xxxxx").replace(b"GOOY", b"1234").replace(b"7777", b"6666")
    )
    assert "none of" in difference


@pytest.mark.parametrize(
    ("old", "new", "message_"),
    [
        ('format = "synop"', "", "format: expected it for kind 'reports'"),
        ('format = "synop"', 'format = "grib"', "format"),
        ('kind = "reports"', 'kind = "csv"', "format: expected it for kind 'reports' and for it alone"),
        ('format = "synop"', 'format = "synop"\nprofile = "csv-fr"', "profile: expected it for kinds"),
    ],
)
def test_a_declaration_of_reports_that_cannot_be_is_refused(
    tmp_path: Path, service: Service, old: str, new: str, message_: str
) -> None:
    text = REPORTS.format(url=service.url, file="bulletins", format="synop")
    assert old in text
    declare(tmp_path, "gts", text.replace(old, new))
    with pytest.raises(SourceError, match=message_):
        find("gts", settings_of(tmp_path, service))


def test_without_a_word_about_the_licence_nothing_is_allowed(tmp_path: Path, service: Service) -> None:
    text = REPORTS.format(url=service.url, file="bulletins", format="synop").partition("[licence]")[0]
    declare(tmp_path, "gts", text)
    licence = find("gts", settings_of(tmp_path, service)).licence
    assert (licence.commercial_use, licence.redistribute) == (False, False)


# --- The command ---


def settings_file(folder: Path, service: Service) -> Path:
    path = folder / "meteostream.toml"
    path.write_text(
        f'[collect]\ndirectory = "{folder}/state"\nsources = "{folder}/sources"\nattempts = 1\n'
        f'[collect.ogimet]\nbase_url = "{service.url}"\nquota = {{ per_minute = 600 }}\n'
        f'[collect.wis2]\nbase_url = "{service.url}/oapi"\n'
    )
    return path


def run(folder: Path, service: Service, *arguments: str) -> Result:
    settings = settings_file(folder, service)
    return CliRunner().invoke(group, ["--config", str(settings), "collect", *arguments])


def now_synop() -> tuple[int, str]:
    moment = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    return int(moment.timestamp()), SYNOP.replace("25061", f"{moment:%d%H}1")


def test_probes_of_synop_and_bufr_store_what_came(
    tmp_path: Path, service: Service, ogimet: OgimetService, node: Wis2Node
) -> None:
    moment, text = now_synop()
    ogimet.add(moment, text)
    node.publish(DATA, datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    for name, first in (("synop", b"61641,"), ("bufr", b'{"type": "FeatureCollection"')):
        fixture = tmp_path / f"{name}.sample"
        result = run(tmp_path, service, name, "--probe", "--fixture", str(fixture))
        assert result.exit_code == 0, result.output
        assert f"{name}: shaped as known" in result.output
        assert fixture.read_bytes().startswith(first)
    service.answer("/cgi-bin/getsynop", Reply(200, b"61641;2026\n"))
    node.features[0]["links"][0].update(type="image/png", href="x.png")
    for name, difference in (("synop", "line 1: expected a station"), ("bufr", "expected a link to BUFR")):
        result = run(tmp_path, service, name, "--probe")
        assert result.exit_code == 1
        assert difference in result.output


@pytest.mark.parametrize("name", [*BUILT_IN, "page", "file", "gts"])
def test_a_probe_of_every_source_stores_its_answer_as_it_came(tmp_path: Path, service: Service, name: str) -> None:
    """Each against its service, those that an operator declares too; what is stored is what was sent."""
    moment, text = now_synop()
    now = datetime.fromtimestamp(moment, UTC)
    OpenMeteo(service, time.time).run = moment - 40_000 - (moment - 40_000) % 3600
    OgimetService(service).add(moment, text)
    Wis2Node(service).publish(DATA, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    awc = AviationWeather(service)
    awc.add("GOOY", f"METAR GOOY {now:%d%H%M}Z 36010KT 9999 24/17 Q1013", moment)
    awc.tafs.append({"icaoId": "GOOY", "rawTAF": f"TAF GOOY {now:%d%H%M}Z", "issueTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
    for archive, body in (
        (GHCNH, b"STATION|DATE|TEMPERATURE|WIND_SPEED\n"),
        (ISD, gzip.compress(b"0123")),
        (GSOD, b'"STATION","DATE","TEMP","MAX","MIN","PRCP"\n'),
    ):
        path = archive.path.format(id=archive.usual(DAKAR)[0], year=now.year)
        service.answer(path, Reply(200, body))
    service.answer("/page", Reply(200, b"<table id='t'><tr><th>station</th><th>time</th></tr></table>"))
    service.answer("/file", Reply(200, b"station,time\n"))
    service.answer("/gts", Reply(200, f"{text}=\n".encode()))
    declare(
        tmp_path,
        "page",
        f'kind = "html"\ntitle = "x"\nurl = "{service.url}/page"\nprofile = "aws"\n[page]\ntable = "table#t"\n'
        '[permission]\ngranted_by = "a"\nrecorded_by = "b"\ndate = "2026-10-01"\n',
    )
    declare(tmp_path, "file", f'kind = "csv"\ntitle = "x"\nurl = "{service.url}/file"\nprofile = "aws"\n')
    declare(tmp_path, "gts", REPORTS.format(url=service.url, file="gts", format="synop"))
    settings = settings_file(tmp_path, service)
    settings.write_text(
        settings.read_text()
        + f'[collect.open_meteo]\nbase_url = "{service.url}"\narchive_url = "{service.url}"\n'
        + f'[collect.aviation]\nbase_url = "{service.url}"\n[collect.noaa]\nbase_url = "{service.url}"\n'
    )
    arguments = ["collect", name, "--probe", "--stations", "GOOY", "--fixture", str(tmp_path / "sample")]
    result = CliRunner().invoke(group, ["--config", str(settings), *arguments])
    assert result.exit_code == 0, result.output
    assert f"{name}: shaped as known" in result.output
    kept = [gzip.decompress(path.read_bytes()) for path in tmp_path.glob(f"state/raw/{name}/*/*.gz")]
    assert (tmp_path / "sample").read_bytes() in kept or name.startswith("noaa-")
    assert (tmp_path / "sample").stat().st_size > 0


def test_declared_sources_take_turns_and_one_that_fails_stops_no_other(tmp_path: Path, service: Service) -> None:
    moment, text = now_synop()
    del moment
    service.answer("/good", Reply(200, f"{text}=\n".encode()))
    service.answer("/bad", Reply(503))
    for name, file in (("a-fails", "bad"), ("b-works", "good")):
        declare(tmp_path, name, REPORTS.format(url=service.url, file=file, format="synop"))
    declare(tmp_path, "c-wrong", 'kind = "reports"\n')
    declare(
        tmp_path,
        "d-off",
        f'kind = "html"\ntitle = "x"\nurl = "{service.url}/page"\nprofile = "csv-fr"\n[page]\ntable = "table"\n',
    )
    result = run(tmp_path, service, "--declared", "--dry-run")
    assert result.exit_code == 1
    assert "b-works: 1 messages (1 distinct) read, nothing sent" in result.output
    assert "d-off: scraping is off until the owner's permission is recorded" in result.output
    assert "3 of 4" not in result.output
    assert "2 of 4 declared sources failed: a-fails, c-wrong" in result.output
    assert service.paths() == ["/bad", "/good"], "what is off is not asked"


def test_without_declared_sources_there_is_nothing_to_do(tmp_path: Path, service: Service) -> None:
    result = run(tmp_path, service, "--declared")
    assert result.exit_code == 0, result.output
    assert "no source is declared" in result.output


@pytest.mark.parametrize("arguments", [[], ["metar", "--declared"], ["--declared", "--probe", "--fixture", "x"]])
def test_a_run_is_of_one_source_or_of_the_declared_ones(tmp_path: Path, service: Service, arguments: list[str]) -> None:
    result = run(tmp_path, service, *arguments)
    assert result.exit_code == 2
    assert "expected" in result.output
