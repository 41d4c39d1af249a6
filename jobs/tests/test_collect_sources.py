"""The collectors against services that behave as documented, and the command as a person or a DAG uses it."""

from __future__ import annotations

import gzip
import json
import locale
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from meteostream import delivery
from meteostream.cli import group
from meteostream.collect import open_meteo
from meteostream.collect.catalogue import BUILT_IN, find, names
from meteostream.collect.collector import Collector, Found, Product, Remark, SavedFile, Wanted
from meteostream.collect.errors import CollectError, NetworkError, NotPermittedError, RefusedError, ShapeError
from meteostream.collect.http import Http
from meteostream.collect.limits import heaviest
from meteostream.collect.open_meteo import COLUMNS, chunks, weight
from meteostream.collect.page import Page, table_as_csv
from meteostream.collect.run import Account, drafts
from meteostream.collect.state import OVERLAP, State, read_state, silences, window, write_state
from meteostream.config import Collect, ConfigError, Noaa, Quota
from meteostream.config import OpenMeteo as OpenMeteoSettings
from meteostream.registry import load_registry
from meteostream.sources import formats
from meteostream.sources.errors import SourceError
from meteostream.sources.forecast import Forecast
from meteostream.sources.observation import Observation, Reject
from test_collect_http import Clock
from weather_services import OpenMeteo, Reply, Service, as_json, open_meteo_value, with_validators

REGISTRY = load_registry()
DAKAR, KEDOUGOU, PODOR = (REGISTRY.resolve(name) for name in ("GOOY", "GOTK", "GOSP"))
RUN = datetime(2023, 11, 14, 18, tzinfo=UTC)
"""When the fake model's newest run began."""
NOW = RUN + timedelta(hours=8, minutes=30)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service().running() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW.timestamp())


def settings_of(folder: Path, service: Service, **options: object) -> Collect:
    own = OpenMeteoSettings(base_url=service.url, archive_url=service.url, forecast_days=2)
    return Collect(**{"directory": str(folder / "state"), "open_meteo": own, "attempts": 2, **options})  # type: ignore[arg-type]


def wanted_of(
    settings: Collect, *stations: object, start: datetime = NOW - timedelta(hours=3), end: datetime = NOW
) -> Wanted:
    chosen = tuple(stations or (DAKAR,))
    return Wanted(chosen, start, end, NOW, settings, REGISTRY, Path(settings.directory).parent / "incoming")  # type: ignore[arg-type]


def read(collector: Collector, wanted: Wanted, clock: Clock) -> list[Found]:
    http = Http(wanted.settings, {collector.api: collector.quota}, clock=clock, sleep=clock.sleep)
    return list(collector.read(http, wanted))


def rows_of(found: list[Found]) -> list[Forecast]:
    return [row for product in found if isinstance(product, Product) for row in product.rows]


# --- Open-Meteo ---


def test_forecasts_of_several_stations_belong_to_them_in_the_order_of_the_request(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    """The coordinates in an answer are the grid cell's: the place in the list is the only key."""
    OpenMeteo(service, clock)
    settings = settings_of(tmp_path, service)
    found = read(find("open-meteo", settings), wanted_of(settings, KEDOUGOU, DAKAR, PODOR), clock)
    rows = rows_of(found)
    assert [product.rows[0].station for product in found if isinstance(product, Product)] == [
        KEDOUGOU.wigos_id,
        DAKAR.wigos_id,
        PODOR.wigos_id,
    ]
    assert {(row.model, row.reference_time) for row in rows} == {("ecmwf_ifs025", "2023-11-14T18:00:00Z")}
    by_key = {(row.station, row.valid_time, row.variable): row.value for row in rows}
    assert len(by_key) == len(rows) == 3 * (48 - 18) * len(COLUMNS)
    for station in (KEDOUGOU, DAKAR, PODOR):
        for hour in (18, 19, 47):
            moment = f"{RUN.replace(hour=0) + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
            for column in COLUMNS:
                value = open_meteo_value(column.name, round(station.latitude, 4), hour)
                if column.name == "cloud_cover":
                    value = value * 8 / 100
                if column.name == "wind_direction_10m":
                    value = value or 360.0
                assert by_key[station.wigos_id, moment, column.variable] == pytest.approx(value, rel=1e-12)


def test_one_station_gets_an_object_and_hours_before_the_run_are_left_out(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    """A forecast begins at midnight; its hours before the newest run are of older ones."""
    OpenMeteo(service, clock)
    settings = settings_of(tmp_path, service)
    rows = rows_of(read(find("open-meteo", settings), wanted_of(settings), clock))
    assert min(row.valid_time for row in rows) == "2023-11-14T18:00:00Z"


def test_gmt_si_units_and_points_are_asked_for(tmp_path: Path, service: Service, clock: Clock) -> None:
    """KF-106, KF-107: no decimal comma whatever the machine's language, no local time, no km/h."""
    OpenMeteo(service, clock)
    settings = settings_of(tmp_path, service)
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        for name in ("fr_FR.UTF-8", "de_DE.UTF-8", "C"):
            try:
                locale.setlocale(locale.LC_NUMERIC, name)
                break
            except locale.Error:
                continue
        read(find("open-meteo", settings), wanted_of(settings, DAKAR, PODOR), clock)
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    (query,) = [asked.query for asked in service.asked if asked.path == "/v1/forecast"]
    assert query["latitude"] == "14.7333,16.6500"
    assert query["longitude"] == "-17.5000,-14.9667"
    assert (query["timezone"], query["wind_speed_unit"], query["timeformat"]) == ("GMT", "ms", "iso8601")
    assert "apikey" not in query


def test_null_is_missing_and_not_zero(tmp_path: Path, service: Service, clock: Clock) -> None:
    """KF-107; an hour without any value is not stored at all."""
    fake = OpenMeteo(service, clock)
    fake.nulls = {("precipitation", 20)} | {(column.name, 21) for column in COLUMNS}
    settings = settings_of(tmp_path, service)
    rows = rows_of(read(find("open-meteo", settings), wanted_of(settings), clock))
    values = {(row.valid_time[11:13], row.variable): row.value for row in rows if row.valid_time < "2023-11-15"}
    assert values["20", "rain_1h"] is None
    assert values["19", "rain_1h"] == pytest.approx(open_meteo_value("precipitation", 14.7333, 19))
    assert not [hour for hour, _ in values if hour == "21"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda part: part.update(utc_offset_seconds=3600), r"utc_offset_seconds: expected 0 \(GMT was asked for\)"),
        (lambda part: part["hourly_units"].update(wind_speed_10m="km/h"), "expected 'm/s', found 'km/h'"),
        (lambda part: part["hourly"].pop("precipitation"), r"hourly.precipitation: expected 48 values, found none"),
        (lambda part: part["hourly"]["cloud_cover"].pop(), "hourly.cloud_cover: expected 48 values, found 47"),
        (lambda part: part["hourly"]["cloud_cover"].__setitem__(0, "NaN"), "expected numbers and nulls"),
        (lambda part: part["hourly"]["cloud_cover"].__setitem__(0, float("nan")), "expected numbers and nulls"),
        (lambda part: part["hourly"]["cloud_cover"].__setitem__(0, 10**400), "expected numbers and nulls"),
        (lambda part: part["hourly"]["time"].__setitem__(40, "2023-11-15"), "expected times like"),
        (lambda part: part.pop("hourly"), "expected the members hourly and hourly_units"),
        (lambda part: part.update(latitude=48.1), "not in the order of the request"),
        (lambda part: part.update(latitude=None), "latitude: expected a number"),
    ],
)  # fmt: skip
def test_an_answer_that_changed_names_what_is_different(
    tmp_path: Path, service: Service, clock: Clock, change: object, message: str
) -> None:
    fake = OpenMeteo(service, clock)

    def changed(asked: object) -> Reply:
        part = json.loads(fake.data(asked).body)  # type: ignore[arg-type]
        change(part)  # type: ignore[operator]
        return as_json(part)

    service.routes["/v1/forecast"] = changed
    settings = settings_of(tmp_path, service)
    with pytest.raises(ShapeError, match=message):
        read(find("open-meteo", settings), wanted_of(settings), clock)


def test_fewer_answers_than_stations_are_refused(tmp_path: Path, service: Service, clock: Clock) -> None:
    fake = OpenMeteo(service, clock)
    service.routes["/v1/forecast"] = lambda asked: as_json(json.loads(fake.data(asked).body)[:1])
    settings = settings_of(tmp_path, service)
    with pytest.raises(ShapeError, match="expected an answer for each of 2 stations, found 1"):
        read(find("open-meteo", settings), wanted_of(settings, DAKAR, PODOR), clock)


def test_an_unknown_variable_is_told_with_the_services_reason(tmp_path: Path, service: Service, clock: Clock) -> None:
    OpenMeteo(service, clock)
    settings = settings_of(tmp_path, service)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_meteo, "COLUMNS", (COLUMNS[0]._replace(name="temprature_2m"),))
        with pytest.raises(RefusedError, match=r"400 .*temprature_2m"):
            read(find("open-meteo", settings), wanted_of(settings), clock)


def test_an_unknown_variable_in_the_settings_is_told_before_anything_is_asked(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    settings = settings_of(tmp_path, service, open_meteo=OpenMeteoSettings(variables=["temperature_80m"]))
    with pytest.raises(ConfigError, match=r"\[collect.open_meteo\] variables: .*found temperature_80m"):
        read(find("open-meteo", settings), wanted_of(settings), clock)
    assert not service.asked


def test_a_blend_of_models_has_no_run_and_is_refused(tmp_path: Path, service: Service, clock: Clock) -> None:
    OpenMeteo(service, clock)
    own = OpenMeteoSettings(base_url=service.url, models=["best_match"])
    settings = settings_of(tmp_path, service, open_meteo=own)
    with pytest.raises(ShapeError, match="name a single model"):
        read(find("open-meteo", settings), wanted_of(settings), clock)


def test_a_run_that_changes_while_it_is_read_is_read_again_later(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    fake = OpenMeteo(service, clock)

    def data(asked: object) -> Reply:
        reply = fake.data(asked)  # type: ignore[arg-type]
        fake.run += 21_600
        return reply

    service.routes["/v1/forecast"] = data
    settings = settings_of(tmp_path, service)
    with pytest.raises(NetworkError, match="a new run came while the last was being read"):
        read(find("open-meteo", settings), wanted_of(settings), clock)


def test_a_run_that_has_just_come_is_waited_for(tmp_path: Path, service: Service, clock: Clock) -> None:
    fake = OpenMeteo(service, clock)
    fake.run = int(NOW.timestamp()) - 20_400  # available five minutes ago
    settings = settings_of(tmp_path, service)
    with pytest.raises(NetworkError, match="collect again after 10 minutes"):
        read(find("open-meteo", settings), wanted_of(settings), clock)


def test_a_long_window_of_the_archive_is_paced_and_never_overdraws(tmp_path: Path, service: Service) -> None:
    """KF-104, KF-105: 15 stations and 90 days weigh 96 calls; the service counts by its clock, and never refuses."""
    clock = Clock(NOW.timestamp())
    fake = OpenMeteo(service, clock)
    fake.limits = {"Minutely": (60, 20), "Hourly": (3600, 60), "Daily": (86_400, 200)}
    stations = [station for station in REGISTRY if station.country == "SN" and not station.simulated]
    own = OpenMeteoSettings(archive_url=service.url, quota=Quota(per_minute=20, per_hour=60, per_day=200))
    settings = settings_of(tmp_path, service, open_meteo=own, patience_seconds=86_400.0)
    collector = find("open-meteo-archive", settings)
    http = Http(settings, {collector.api: collector.quota}, clock=clock, sleep=clock.sleep)
    start = datetime(2023, 1, 1, tzinfo=UTC)
    seen: Counter[str] = Counter()
    for found in collector.read(http, wanted_of(settings, *stations, start=start, end=start + timedelta(days=90))):
        assert isinstance(found, Product)
        seen[found.rows[0].station] += len({row.valid_time for row in found.rows})
        assert all(row.reference_time == row.valid_time for row in found.rows)
    assert fake.overdrawn == 0
    assert sum(clock.slept) > 3600, "the quota is smaller than the wish"
    assert seen == {station.wigos_id: 90 * 24 for station in stations}


def test_chunks_are_light_enough_and_cover_the_wish() -> None:
    quota = Quota(per_minute=600)
    stations = [station for station in REGISTRY if not station.simulated]
    days = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(3653)]
    covered: Counter[tuple[str, datetime]] = Counter()
    for chunk in chunks(stations, days, 10, quota):
        assert chunk.first is not None
        assert chunk.last is not None
        length = (chunk.last - chunk.first).days + 1
        assert weight(10, 1, length, len(chunk.stations)) <= heaviest(quota)
        for station in chunk.stations:
            covered.update((station.wigos_id, chunk.first + timedelta(days=n)) for n in range(length))
    assert set(covered.values()) == {1}
    assert len(covered) == len(stations) * len(days)
    (unlimited,) = chunks(stations[:3], (), 10, Quota(), ahead=7)
    assert unlimited.stations == tuple(stations[:3])


@pytest.mark.parametrize(
    ("variables", "models", "days", "locations", "expected"),
    [(1, 1, 1, 1, 1.0), (15, 1, 7, 1, 1.5), (15, 1, 28, 1, 3.0), (10, 2, 14, 5, 10.0), (5, 1, 28, 1, 1.0)],
)
def test_weights_are_the_services(variables: int, models: int, days: int, locations: int, expected: float) -> None:
    """KF-104: its pricing page counts 15 variables as 1.5 calls, four weeks as two."""
    assert weight(variables, models, days, locations) == pytest.approx(expected)


def test_the_key_is_sent_and_never_shown(tmp_path: Path, service: Service, clock: Clock) -> None:
    fake = OpenMeteo(service, clock)
    fake.limits = {"Daily": (86_400, 0)}
    own = OpenMeteoSettings(base_url=service.url, api_key="canary", quota=Quota())
    settings = settings_of(tmp_path, service, open_meteo=own)
    with pytest.raises(SourceError) as caught:
        read(find("open-meteo", settings), wanted_of(settings), clock)
    assert all(asked.query["apikey"] == "canary" for asked in service.asked)
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(settings)


# --- NOAA ---


def noaa_settings(folder: Path, service: Service, **options: object) -> Collect:
    return settings_of(
        folder,
        service,
        noaa=Noaa(base_url=service.url, quota=Quota(), **options),  # type: ignore[arg-type]
    )


PSV = "/oa/global-historical-climatology-network/hourly/access/by-year/{}/psv/GHCNh_SGM00061641_{}.psv"


def test_files_of_an_archive_are_brought_to_the_drop_folder_once(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    """A year that is not there is nothing; an unchanged file is not brought again (KF-108, KF-111)."""
    body = b"Station_ID|Station_name|DATE|temperature|wind_speed\nSGM00061641|DAKAR|2023-01-01T00:00:00|21.0|3.1\n"
    service.routes[PSV.format(2023, 2023)] = with_validators(body, etag='"1"')
    settings = noaa_settings(tmp_path, service)
    wanted = wanted_of(settings, DAKAR, start=datetime(2022, 6, 1, tzinfo=UTC))
    collector = find("noaa-ghcnh", settings)
    assert read(collector, wanted, clock) == [
        Remark("ghcnh: nothing for SGM00061641 or SG000061641 in 2022"),
        SavedFile("GHCNh_SGM00061641_2023.psv", len(body), changed=True),
    ]
    path = tmp_path / "incoming" / "ghcnh" / "GHCNh_SGM00061641_2023.psv"
    assert path.read_bytes() == body
    path.unlink()  # the drop folder has taken it
    assert read(collector, wanted, clock)[1] == SavedFile(path.name, len(body), changed=False)
    assert not path.exists()
    service.routes[PSV.format(2023, 2023)] = with_validators(body, etag='"moved"')
    assert read(collector, wanted, clock)[1] == SavedFile(path.name, len(body), changed=False), "the same content"
    service.routes[PSV.format(2023, 2023)] = with_validators(body * 2, etag='"2"')
    assert read(collector, wanted, clock)[1] == SavedFile(path.name, 2 * len(body), changed=True)
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no half-written file is left beside it"


def test_a_run_that_died_before_the_file_lay_there_brings_it_the_next_time(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    """The service calls the file unchanged, because its answer came; the drop folder never had it."""
    body = b"STATION|DATE|TEMPERATURE|WIND_SPEED\n"
    service.routes[PSV.format(2023, 2023)] = with_validators(body, etag='"1"')
    settings = noaa_settings(tmp_path, service)
    wanted = wanted_of(settings, DAKAR)
    (tmp_path / "incoming").write_text("in the way")
    with pytest.raises(CollectError, match="cannot be written"):
        read(find("noaa-ghcnh", settings), wanted, clock)
    (tmp_path / "incoming").unlink()
    (saved,) = read(find("noaa-ghcnh", settings), wanted, clock)
    assert isinstance(saved, SavedFile)
    assert saved.changed
    assert (tmp_path / "incoming" / "ghcnh" / saved.name).read_bytes() == body


def test_a_station_of_no_network_is_found_under_its_other_identifier(
    tmp_path: Path, service: Service, clock: Clock
) -> None:
    """KF-113: which of two identifiers an archive has is found by asking, and its file is read as ours."""
    row = "|".join(["SG000061641", "2023-01-01T00:00:00", "21.0", "FM-12"])
    body = f"STATION|DATE|temperature|temperature_Report_Type\n{row}\n".encode()
    service.answer(PSV.format(2023, 2023).replace("SGM000", "SG0000"), Reply(200, body))
    settings = noaa_settings(tmp_path, service)
    (saved,) = read(find("noaa-ghcnh", settings), wanted_of(settings, DAKAR), clock)
    assert isinstance(saved, SavedFile)
    (found,) = formats.reading("ghcnh").read(tmp_path / "incoming" / "ghcnh" / saved.name, REGISTRY)
    assert isinstance(found, Observation)
    assert (found.station, found.values) == (DAKAR.wigos_id, {"air_temperature": 21.0})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (gzip.compress(b"0123" * 1000)[:-20], "expected a whole gzip file, found a damaged one"),
        (b"<!DOCTYPE html><title>Maintenance</title>", "found a page of HTML"),
    ],
)
def test_a_damaged_archive_does_not_reach_the_drop_folder(
    tmp_path: Path, service: Service, clock: Clock, body: bytes, message: str
) -> None:
    service.answer("/pub/data/noaa/2023/616410-99999-2023.gz", Reply(200, body))
    settings = noaa_settings(tmp_path, service)
    with pytest.raises(RefusedError, match=message):
        read(find("noaa-isd", settings), wanted_of(settings), clock)
    assert not (tmp_path / "incoming").exists()


def test_identifiers_that_no_rule_makes_are_asked_for(tmp_path: Path, service: Service, clock: Clock) -> None:
    """KF-113: a wrong identifier would hide the data; the remark says where to name the right one."""
    newark = REGISTRY.resolve("KEWR")
    settings = noaa_settings(tmp_path, service)
    (remark,) = read(find("noaa-isd", settings), wanted_of(settings, newark), clock)
    assert remark == Remark(
        f'{newark.name}: no identifier in isd is known; name it in [collect.noaa.stations."{newark.wigos_id}"] isd'
    )
    settings = noaa_settings(tmp_path, service, stations={newark.wigos_id: {"isd": "725020-14734"}})
    service.answer("/pub/data/noaa/2023/725020-14734-2023.gz", Reply(200, gzip.compress(b"0123")))
    (saved,) = read(find("noaa-isd", settings), wanted_of(settings, newark), clock)
    assert isinstance(saved, SavedFile)


def test_gsod_of_a_station_without_a_wmo_number_is_not_guessed(tmp_path: Path, service: Service, clock: Clock) -> None:
    settings = noaa_settings(tmp_path, service)
    service.answer("/data/global-summary-of-the-day/access/2023/61641099999.csv", Reply(200, b'"STATION","DATE"\n'))
    found = read(find("noaa-gsod", settings), wanted_of(settings, REGISTRY.resolve("GOBD"), DAKAR), clock)
    assert isinstance(found[0], Remark)
    assert found[1] == SavedFile("61641099999_2023.csv", 17, changed=True)


# --- Declared sources: pages and CSV over HTTP ---

PROFILE = """
source = "bulletin"
report_type = "synop"
delimiter = ";"
decimal = ","
nulls = ["", "-"]
station = { column = "Station" }
time = { columns = ["page_time"], format = "%d/%m/%Y %H" }
variables = [
    { column = "Température Max", variable = "tmax_12h", unit = "degC" },
    { column = "Pluie (mm)", variable = "rain_24h", unit = "mm" },
]
ignore = ["Observations"]
[licence]
name = "with-permission"
attribution = "the service"
"""
PAGE = """<html><body><nav><table class="menu"><tr><td>Accueil</td></tr></table></nav>
<p class="date">Bulletin du 14/11/2023 à 06h TU</p>
<table id="synop" class="data">
<tr><th rowspan="2">Station</th><th>Température</th><th rowspan="2">Pluie (mm)</th>
<th rowspan="2">Observations</th></tr>
<tr><th>Max</th></tr>
<tr><td>Kédougou</td><td>36,4</td><td>0,0</td><td rowspan="2">brume</td></tr>
<tr><td>  Dakar/Yoff\n</td><td>27,1</td><td>-</td></tr>
<tr><td>Atlantis</td><td>12,0</td><td>1,0</td><td></td></tr>
<tr class="total"><td>Moyenne</td><td>25</td><td>1</td><td></td></tr>
</table></body></html>"""
DECLARATION = """
kind = "html"
title = "Bulletin of a service"
url = "{url}/bulletin.html"
profile = "bulletin-columns.toml"
[page]
table = "table#synop"
header_rows = 2
skip = "tr.total"
time = "p.date"
time_pattern = '(\\d{{2}}/\\d{{2}}/\\d{{4}}) à (\\d{{2}})h'
"""
PERMISSION = """
[permission]
granted_by = "the service's director"
recorded_by = "an operator"
date = "2023-10-01"
"""


def declare(folder: Path, service: Service, text: str = DECLARATION + PERMISSION) -> Collect:
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    (sources / "bulletin.toml").write_text(text.format(url=service.url), "utf-8")
    (sources / "bulletin-columns.toml").write_text(PROFILE, "utf-8")
    return settings_of(folder, service, sources=str(sources))


def test_a_bulletin_is_read_with_its_permission(tmp_path: Path, service: Service, clock: Clock) -> None:
    """Cells that span rows, a header of two rows, the time outside; an unknown station is a reject (KF-114)."""
    service.answer("/bulletin.html", Reply(200, PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"}))
    settings = declare(tmp_path, service)
    assert names(settings) == [*BUILT_IN, "bulletin"]
    collector = find("bulletin", settings)
    assert (collector.kind, collector.licence.name) == ("observations", "with-permission")
    found = read(collector, wanted_of(settings, DAKAR, KEDOUGOU), clock)
    values = [(line.station, line.observed_at, line.values) for line in found if isinstance(line, Observation)]
    assert values == [
        (KEDOUGOU.wigos_id, "2023-11-14T06:00:00Z", {"tmax_12h": 36.4, "rain_24h": 0.0}),
        (DAKAR.wigos_id, "2023-11-14T06:00:00Z", {"tmax_12h": 27.1, "rain_24h": None}),
    ]
    (reject,) = [line for line in found if isinstance(line, Reject)]
    assert "station 'Atlantis'" in reject.reason
    assert service.paths() == ["/robots.txt", "/bulletin.html"]
    (raw,) = tmp_path.glob("state/raw/bulletin/*/*.gz")
    assert gzip.decompress(raw.read_bytes()) == PAGE.encode()


def test_scraping_is_off_until_the_permission_is_recorded(tmp_path: Path, service: Service, clock: Clock) -> None:
    """robots.txt is not a permission."""
    settings = declare(tmp_path, service, DECLARATION)
    with pytest.raises(NotPermittedError, match="scraping is off until the owner's permission is recorded"):
        read(find("bulletin", settings), wanted_of(settings), clock)
    assert not service.asked


def test_an_empty_permission_is_none(tmp_path: Path, service: Service) -> None:
    settings = declare(tmp_path, service, (DECLARATION + PERMISSION).replace("an operator", " "))
    with pytest.raises(SourceError, match="expected granted_by, recorded_by and date"):
        find("bulletin", settings)


def test_robots_txt_forbids_in_spite_of_a_permission(tmp_path: Path, service: Service, clock: Clock) -> None:
    service.answer("/robots.txt", Reply(200, b"User-agent: *\nDisallow: /bulletin\n"))
    settings = declare(tmp_path, service)
    with pytest.raises(NotPermittedError, match="does not allow"):
        read(find("bulletin", settings), wanted_of(settings), clock)
    assert service.paths() == ["/robots.txt"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id="synop"', 'id="tableau"', r"expected one element at 'table#synop', found 0; tables on the page: "
         r"table.menu, table#tableau.data. Has the page changed\?"),
        ("Pluie (mm)", "Pluie (cm)", r"missing: \['Pluie \(mm\)'\]; not in the profile: \['Pluie \(cm\)'\]"),
        ("Bulletin du 14/11/2023 à 06h", "Bulletin du matin", r"time: expected .* found 'Bulletin du matin TU'"),
        ('<p class="date">', "<p>", "time: expected one element at 'p.date', found 0"),
        ('rowspan="2">brume', 'rowspan="9999">brume', "expected rowspan from 1 to 100, found '9999'"),
    ],
)  # fmt: skip
def test_a_page_that_changed_is_refused_and_says_what_is_missing(
    tmp_path: Path, service: Service, clock: Clock, old: str, new: str, message: str
) -> None:
    assert old in PAGE
    service.answer("/bulletin.html", Reply(200, PAGE.replace(old, new).encode()))
    settings = declare(tmp_path, service)
    with pytest.raises(ShapeError, match=message) as caught:
        read(find("bulletin", settings), wanted_of(settings), clock)
    assert str(caught.value).startswith(service.url)
    assert list(tmp_path.glob("state/raw/bulletin/*/*.gz")), "the page that could not be read is kept"


def test_a_pages_encoding_is_declared_where_it_lies() -> None:
    body = PAGE.replace("Kédougou", "Kédougou").encode("cp1252")
    page = Page(table="table#synop", header_rows=2)
    assert "Kédougou" in table_as_csv(body, page, encoding="cp1252", delimiter=";")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "html"', 'kind = "csv"', "page: expected it for kind 'html' and for it alone"),
        ("{url}/bulletin.html", "ftp://example.org/x", "begins with https:// or http://"),
        ("(\\d{{2}}/\\d{{2}}/\\d{{4}}) à (\\d{{2}})h", "[", "time_pattern"),
        ("header_rows = 2", "header_rows = 0", "header_rows"),
        ("title", "name", "name"),
    ],
)
def test_a_wrong_declaration_is_refused_by_name(
    tmp_path: Path, service: Service, old: str, new: str, message: str
) -> None:
    assert old in DECLARATION
    settings = declare(tmp_path, service, DECLARATION.replace(old, new))
    with pytest.raises(SourceError, match=message) as caught:
        find("bulletin", settings)
    assert "bulletin.toml" in str(caught.value)


def test_csv_over_http_is_read_like_a_file(tmp_path: Path, service: Service, clock: Clock) -> None:
    settings = declare(
        tmp_path,
        service,
        'kind = "csv"\ntitle = "x"\nprofile = "bulletin-columns.toml"\n'
        'url = "{url}/export.csv?from={{start}}&to={{end}}"\n',
    )
    text = "Station;Température Max;Pluie (mm);Observations;page_time\nGOOY;27,1;-;;14/11/2023 06\n"
    service.answer("/export.csv", Reply(200, text.encode()))
    (found,) = read(find("bulletin", settings), wanted_of(settings), clock)
    assert isinstance(found, Observation)
    assert found.values == {"tmax_12h": 27.1, "rain_24h": None}
    assert service.asked[0].query == {"from": "2023-11-14", "to": "2023-11-15"}
    service.answer("/export.csv", Reply(200, b""))
    assert read(find("bulletin", settings), wanted_of(settings), clock) == []


def test_an_unknown_source_names_the_known_ones(tmp_path: Path, service: Service) -> None:
    with pytest.raises(CollectError, match=r"expected one of open-meteo, .*sources/oper-meteo\.toml"):
        find("oper-meteo", settings_of(tmp_path, service, sources=str(tmp_path / "sources")))


# --- Windows, freshness ---


def test_after_an_outage_the_next_window_reaches_back_to_where_the_last_ended() -> None:
    usual, _ = window(State(None, {}), NOW, hours=3, days_back=15)
    assert usual == NOW - timedelta(hours=3)
    longer, end = window(State(NOW - timedelta(days=2), {}), NOW, hours=3, days_back=15)
    assert (longer, end) == (NOW - timedelta(days=2) - OVERLAP, NOW)
    cut, _ = window(State(NOW - timedelta(days=40), {}), NOW, hours=3, days_back=15)
    assert cut == NOW - timedelta(days=15)


def test_a_damaged_state_is_that_of_a_new_source(tmp_path: Path) -> None:
    state = State(NOW, {DAKAR.wigos_id: NOW})
    write_state(tmp_path, "metar", state)
    assert read_state(tmp_path, "metar") == state
    (tmp_path / "state" / "metar.json").write_text('{"until": 3')
    assert read_state(tmp_path, "metar") == State(None, {})


def test_silent_stations_are_named() -> None:
    """KF-109: also those that never said anything."""
    newest = {"a": NOW - timedelta(hours=5), "b": NOW - timedelta(days=13)}
    found = silences(["a", "b", "c"], newest, NOW, hours=6)
    assert [(one.station, one.silent) for one in found] == [("a", False), ("b", True), ("c", True)]


def test_what_came_before_a_failure_is_kept(tmp_path: Path, service: Service) -> None:
    settings = settings_of(tmp_path, service)

    def breaks(http: Http, wanted: Wanted) -> Iterator[Found]:
        del http, wanted
        yield Observation(1, DAKAR.wigos_id, "2023-11-14T06:00:00Z", {"air_temperature": 20.0}, "x", "metar")
        yield Observation(2, DAKAR.wigos_id, "9999-11-14T07:00:00Z", {"air_temperature": 1.0}, "z", "metar")
        raise NetworkError("gone")

    collector = find("open-meteo", settings)._replace(name="test", kind="observations", read=breaks)
    account = Account()
    found = list(drafts(collector, Http(settings, {}), wanted_of(settings), "topic", account))
    assert [draft.key for draft in found] == [DAKAR.wigos_id]
    assert str(account.failure) == "gone"
    assert [reject.text for reject in account.rejects] == ["z"]
    assert account.newest == {DAKAR.wigos_id: datetime(2023, 11, 14, 6, tzinfo=UTC)}


# --- The command ---


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(settings), "collect", *arguments])


def settings_file(folder: Path, service: Service, extra: str = "") -> Path:
    path = folder / "meteostream.toml"
    path.write_text(
        f'[collect]\ndirectory = "{folder}/state"\nsources = "{folder}/sources"\n'
        f'attempts = 1\n{extra}\n[collect.open_meteo]\nbase_url = "{service.url}"\narchive_url = "{service.url}"\n'
        f'[collect.noaa]\nbase_url = "{service.url}"\n[dropfolder]\ndirectory = "{folder}/drop"\n'
        f'[quarantine]\ndirectory = "{folder}/quarantine"\n'
    )
    return path


def test_a_dry_run_reads_and_sends_nothing(tmp_path: Path, service: Service) -> None:
    OpenMeteo(service, Clock(NOW.timestamp()))
    result = run(
        settings_file(tmp_path, service), "open-meteo", "--dry-run", "--stations", "GOOY", "--stations", "Podor"
    )
    assert result.exit_code == 0, result.output
    assert "0-20000-0-61641  Dakar/Yoff  150" in result.output
    assert "open-meteo: 300 messages (300 distinct) read, nothing sent, 0 records rejected" in result.output
    assert not (tmp_path / "state" / "state").exists()


def test_without_a_network_there_is_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    settings = tmp_path / "meteostream.toml"
    settings.write_text(
        f'[collect]\ndirectory = "{tmp_path}/state"\nattempts = 1\nconnect_seconds = 2\n'
        '[collect.open_meteo]\nbase_url = "http://127.0.0.1:9"\n'
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "meteostream", "--config", str(settings), "collect", "open-meteo", "--dry-run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("meteostream: ")]
    assert "no connection: is there a network?" in sentence
    assert "Nothing is lost" in sentence
    assert "Traceback" not in done.stderr


def test_a_probe_stores_a_sample_and_says_whether_the_shape_is_known(tmp_path: Path, service: Service) -> None:
    fake = OpenMeteo(service, Clock(NOW.timestamp()))
    settings = settings_file(tmp_path, service)
    result = run(settings, "open-meteo", "--probe")
    assert result.exit_code == 0, result.output
    assert "open-meteo: shaped as known" in result.output
    (fixture,) = (tmp_path / "state" / "fixtures").iterdir()
    assert fixture.suffix == ".json"
    assert len(json.loads(fixture.read_text("utf-8"))) == 2
    data = fake.data

    def changed(asked: object) -> Reply:
        parts = json.loads(data(asked).body)  # type: ignore[arg-type]
        del parts[1]["hourly_units"]["precipitation"]
        return as_json(parts)

    service.routes["/v1/forecast"] = changed
    result = run(settings, "open-meteo", "--probe", "--fixture", str(tmp_path / "sample.json"))
    assert result.exit_code == 1
    assert "location 2: hourly_units.precipitation: expected 'mm', found None" in result.output
    assert (tmp_path / "sample.json").exists()


def test_a_report_of_an_unregistered_station_waits_in_quarantine(tmp_path: Path, service: Service) -> None:
    """KF-114, KF-113: it is not published, and released when the station is registered."""
    service.answer("/bulletin.html", Reply(200, PAGE.encode()))
    declare(tmp_path, service)
    settings = settings_file(tmp_path, service)
    settings.write_text(settings.read_text() + '[kafka]\nsecurity = "PLAINTEXT"\n[outbox]\ndirectory = "/dev/null"\n')
    with pytest.MonkeyPatch.context() as patch:
        sent: list[str] = []
        patch.setattr(delivery, "deliver", lambda _, __, entries, **___: sent.extend(entry.key for entry in entries))
        result = run(settings, "bulletin")
    assert result.exit_code == 0, result.output
    assert sorted(sent) == sorted([DAKAR.wigos_id, KEDOUGOU.wigos_id])
    assert "1 reports of unregistered stations wait in quarantine, 1 of them new" in result.output
    listed = CliRunner().invoke(group, ["--config", str(settings), "quarantine", "list"])
    assert "Atlantis" in listed.output
    (rejects,) = tmp_path.glob("state/rejects/bulletin/*.jsonl")
    assert "Atlantis" in rejects.read_text("utf-8")
    assert read_state(tmp_path / "state", "bulletin").newest == {
        DAKAR.wigos_id: datetime(2023, 11, 14, 6, tzinfo=UTC),
        KEDOUGOU.wigos_id: datetime(2023, 11, 14, 6, tzinfo=UTC),
    }
    assert "silent for more than 6 h" in result.output, "a bulletin of 2023 is old (KF-109)"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6), lambda inner: st.lists(
    inner, max_size=3) | st.dictionaries(st.sampled_from(["hourly", "hourly_units", "time", "latitude", "cloud_cover",
    "error", "reason"]), inner, max_size=5)))  # fmt: skip
def test_no_answer_breaks_a_probe(answer: object) -> None:
    """Whatever a service sends, its differences are sentences."""
    body = json.dumps(answer).encode()
    for name in ("open-meteo", "metar", "taf", "noaa-ghcnh", "noaa-isd", "noaa-gsod"):
        assert all(isinstance(sentence, str) for sentence in find(name, Collect()).shape(body))
    assert find("open-meteo", Collect()).shape(body), "none of these is a whole answer"


def test_files_are_counted(tmp_path: Path, service: Service) -> None:
    year = datetime.now(UTC).year
    service.answer(PSV.format(year, year), Reply(200, b"Station_ID|DATE\n"))
    settings = settings_file(tmp_path, service)
    result = run(settings, "noaa-ghcnh", "--stations", "GOOY", "--stations", "Diass")
    assert result.exit_code == 0, result.output
    assert "noaa-ghcnh: 1 files brought (16 bytes), 0 unchanged" in result.output
    assert "Dakar-Diass: no identifier in ghcnh is known" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["open-meteo", "--stations", "Nowhere"], "expected a registered name"),
        (["open-meteo", "--stations", "0-0-0-SIM61641"], "expected a real station, found a simulated one"),
        (["open-meteo-archive", "--from", "2023-02-01", "--to", "2023-01-01"], "--from: expected a moment before"),
        (["opne-meteo"], "expected one of open-meteo"),
    ],
)
def test_a_wish_that_cannot_be_is_told(tmp_path: Path, service: Service, arguments: list[str], message: str) -> None:
    result = run(settings_file(tmp_path, service), *arguments, "--dry-run")
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert not service.asked


def test_sources_are_listed_with_their_licences(tmp_path: Path, service: Service) -> None:
    declare(tmp_path, service)
    (tmp_path / "sources" / "broken.toml").write_text('kind = "html"\n')
    result = run(settings_file(tmp_path, service), "--list")
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert "CC-BY-4.0" in lines["open-meteo"]
    assert "public-domain-us-government" in lines["noaa-isd"]
    assert "with-permission" in lines["bulletin"]
    assert "cannot be used" in lines["broken"]
