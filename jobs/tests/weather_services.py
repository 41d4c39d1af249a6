"""Web services on loopback that behave as the real ones do: limits, empty, slow and half answers, pages that change.

A public service cannot be had in a test, so this is the one fake; the shapes are those that the services document.
"""

from __future__ import annotations

import base64
import calendar
import email.utils
import gzip
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit


class Asked(NamedTuple):
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Reply(NamedTuple):
    """An answer, and how it is sent.

    Attributes
    ----------
    drip_s
        Seconds between its bytes.
    cut
        After so many bytes the connection is closed, though more was announced.
    chunked
        Sent in chunks, without a length.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    drip_s: float = 0.0
    cut: int | None = None
    chunked: bool = False


Route = Callable[[Asked], Reply]


def as_json(content: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


class Service:
    """A server whose paths are functions; what was asked is kept.

    Parameters
    ----------
    certificate
        File with its certificate and key, for https.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self.routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, *replies: Reply | Route) -> None:
        """Answer a path with these, one after the other, the last for ever."""
        left = list(replies)

        def route(asked: Asked) -> Reply:
            with self._lock:
                chosen = left.pop(0) if len(left) > 1 else left[0]
            return chosen if isinstance(chosen, Reply) else chosen(asked)

        self.routes[path] = route

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    @contextmanager
    def running(self) -> Iterator[Service]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                asked = Asked(parts.path, query, {name.lower(): value for name, value in self.headers.items()})
                with service._lock:
                    service.asked.append(asked)
                route = service.routes.get(parts.path)
                reply = Reply(404, b"not found") if route is None else route(asked)
                with suppress(OSError):  # the client has had enough
                    self._send(reply)

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                bodiless = reply.status in {204, 304}
                if reply.chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                elif not bodiless:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                body = b"" if bodiless else reply.body
                if reply.chunked:
                    body = b"%x\r\n%s\r\n" % (len(body), body) + b"0\r\n\r\n"
                if reply.cut is not None:
                    self.wfile.write(body[: reply.cut])
                    self.wfile.flush()
                    self.close_connection = True
                    return
                if reply.drip_s:
                    for place in range(len(body)):
                        self.wfile.write(body[place : place + 1])
                        self.wfile.flush()
                        time.sleep(reply.drip_s)
                    return
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
                pass

        return Handler


def with_validators(body: bytes, *, etag: str | None = None, modified: float | None = None, **headers: str) -> Route:
    """A path whose content has validators, and which answers 304 to who has it."""
    sent = dict(headers)
    if etag is not None:
        sent["ETag"] = etag
    if modified is not None:
        sent["Last-Modified"] = email.utils.formatdate(modified, usegmt=True)

    def route(asked: Asked) -> Reply:
        same = etag is not None and asked.headers.get("if-none-match") == etag
        same = same or (modified is not None and asked.headers.get("if-modified-since") == sent.get("Last-Modified"))
        return Reply(304, b"", sent) if same else Reply(200, body, sent)

    return route


def packed(body: bytes, **headers: str) -> Reply:
    return Reply(200, gzip.compress(body), {"Content-Encoding": "gzip", **headers})


# --- Open-Meteo ---

OPEN_METEO_UNITS = {
    "temperature_2m": "°C",
    "dew_point_2m": "°C",
    "relative_humidity_2m": "%",
    "surface_pressure": "hPa",
    "pressure_msl": "hPa",
    "wind_speed_10m": "m/s",
    "wind_direction_10m": "°",
    "wind_gusts_10m": "m/s",
    "precipitation": "mm",
    "cloud_cover": "%",
}


def open_meteo_value(name: str, latitude: float, hour: int) -> float:
    """What the fake model says: different for each variable, place and hour."""
    if name == "wind_direction_10m":
        return float((hour * 30) % 360)
    return round(list(OPEN_METEO_UNITS).index(name) * 10 + latitude + hour / 100, 2)


class OpenMeteo:
    """The forecast and archive services, with the limits as the service counts them: by the clock, weighted."""

    def __init__(self, service: Service, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.limits = {"Minutely": (60, 600), "Hourly": (3600, 5000), "Daily": (86_400, 10_000)}
        self.words = {
            "Minutely": "Minutely API request limit exceeded. Please try again in one minute.",
            "Hourly": "Hourly API request limit exceeded. Please try again in the next hour.",
            "Daily": "Daily API request limit exceeded. Please try again tomorrow.",
        }
        self.used: dict[tuple[str, int], float] = {}
        self.overdrawn = 0
        self.nulls: set[tuple[str, int]] = set()
        self.run = 1_700_000_000 - 1_700_000_000 % 21_600
        service.routes["/v1/forecast"] = self.data
        service.routes["/v1/archive"] = self.data
        service.routes["/data/ecmwf_ifs025/static/meta.json"] = self.meta

    def meta(self, asked: Asked) -> Reply:
        del asked
        return as_json(
            {
                "last_run_initialisation_time": self.run,
                "last_run_modification_time": self.run + 20_000,
                "last_run_availability_time": self.run + 20_100,
                "temporal_resolution_seconds": 3600,
                "update_interval_seconds": 21_600,
            }
        )

    def data(self, asked: Asked) -> Reply:
        query = asked.query
        names, days = query["hourly"].split(","), self._days(query)
        unknown = [name for name in names if name not in OPEN_METEO_UNITS]
        if unknown:
            reason = f"Data corrupted at path ''. Cannot initialize from invalid String value {unknown[0]}."
            return as_json({"error": True, "reason": reason}, 400)
        latitudes = [float(text) for text in query["latitude"].split(",")]
        longitudes = [float(text) for text in query["longitude"].split(",")]
        load = len(names) * len(query.get("models", "x").split(",")) / 10
        refusal = self._count(max(1.0, load, days / 14 * load) * len(latitudes))
        if refusal:
            return as_json({"error": True, "reason": refusal}, 429)
        found = [
            self._location(query, names, latitude, longitude, days)
            for latitude, longitude in zip(latitudes, longitudes, strict=True)
        ]
        return as_json(found if len(found) > 1 else found[0])

    def _days(self, query: dict[str, str]) -> int:
        if "start_date" not in query:
            return int(query.get("forecast_days", "7"))
        first, last = (time.strptime(query[name], "%Y-%m-%d") for name in ("start_date", "end_date"))
        return (calendar.timegm(last) - calendar.timegm(first)) // 86_400 + 1

    def _count(self, weight: float) -> str | None:
        now = self.clock()
        for name, (length, limit) in self.limits.items():
            if self.used.get((name, int(now // length)), 0.0) >= limit:
                self.overdrawn += 1
                return self.words[name]
        for name, (length, _) in self.limits.items():
            slot = (name, int(now // length))
            self.used[slot] = self.used.get(slot, 0.0) + weight
        return None

    def _location(
        self, query: dict[str, str], names: list[str], latitude: float, longitude: float, days: int
    ) -> dict[str, Any]:
        if "start_date" in query:
            first = calendar.timegm(time.strptime(query["start_date"], "%Y-%m-%d"))
        else:
            first = self.run - self.run % 86_400
        ms = query.get("wind_speed_unit") == "ms"
        units = {name: OPEN_METEO_UNITS[name] for name in names}
        return {
            "latitude": round(latitude * 4) / 4,  # the grid cell's
            "longitude": round(longitude * 4) / 4,
            "generationtime_ms": 0.1,
            "utc_offset_seconds": 0 if query.get("timezone", "GMT") == "GMT" else 3600,
            "timezone": "GMT",
            "timezone_abbreviation": "GMT",
            "elevation": 10.0,
            "hourly_units": {
                "time": "iso8601",
                **{name: "km/h" if unit == "m/s" and not ms else unit for name, unit in units.items()},
            },
            "hourly": {
                "time": [time.strftime("%Y-%m-%dT%H:%M", time.gmtime(first + 3600 * n)) for n in range(24 * days)],
                **{
                    name: [
                        None if (name, hour) in self.nulls else open_meteo_value(name, latitude, hour)
                        for hour in range(24 * days)
                    ]
                    for name in names
                },
            },
        }


# --- aviationweather.gov ---

MOST = 400


class AviationWeather:
    """METAR and TAF: nothing is 204, and more than 400 results are cut off without a word."""

    def __init__(self, service: Service) -> None:
        self.metars: list[dict[str, Any]] = []
        self.tafs: list[dict[str, Any]] = []
        service.routes["/api/data/metar"] = self.metar
        service.routes["/api/data/taf"] = self.taf

    def add(self, icao: str, raw: str, moment: int, **fields: Any) -> None:
        """A METAR, with the members that the service sends beside its text."""
        self.metars.append(
            {
                "metar_id": len(self.metars),
                "icaoId": icao,
                "receiptTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(moment + 200)),
                "obsTime": moment,
                "reportTime": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(moment)),
                "temp": None,
                "dewp": None,
                "wdir": None,
                "wspd": None,
                "wgst": None,
                "visib": "6+",
                "altim": 1012,
                "slp": None,
                "qcField": 0,
                "wxString": None,
                "metarType": "METAR",
                "rawOb": raw,
                "mostRecent": 1,
                "clouds": [],
                **fields,
            }
        )

    def metar(self, asked: Asked) -> Reply:
        wanted = set(asked.query["ids"].split(","))
        date = asked.query.get("date")
        end = time.time() if date is None else calendar.timegm(time.strptime(date, "%Y%m%d_%H%M"))
        begin = end - 3600 * float(asked.query["hours"])
        rows = [row for row in self.metars if row["icaoId"] in wanted and begin <= row["obsTime"] <= end]
        return as_json(rows[:MOST]) if rows else Reply(204)

    def taf(self, asked: Asked) -> Reply:
        wanted = set(asked.query["ids"].split(","))
        rows = [row for row in self.tafs if row["icaoId"] in wanted]
        return as_json(rows[:MOST]) if rows else Reply(204)


# --- Ogimet ---


class OgimetService:
    """SYNOPs by the first digits of their stations: a line a report, and a sentence where a limit is used up."""

    def __init__(self, service: Service) -> None:
        self.rows: list[tuple[int, str]] = []
        service.routes["/cgi-bin/getsynop"] = self.synop

    def add(self, moment: int, text: str) -> None:
        """A report of the moment at which Ogimet files it."""
        self.rows.append((moment, text))

    def synop(self, asked: Asked) -> Reply:
        begin, end = (calendar.timegm(time.strptime(asked.query[name], "%Y%m%d%H%M")) for name in ("begin", "end"))
        lines = [
            f"{text.split()[2]},{time.strftime('%Y,%m,%d,%H,%M', time.gmtime(moment))},{text}="
            for moment, text in self.rows
            if begin <= moment <= end and text.split()[2].startswith(asked.query["block"])
        ]
        return Reply(200, "".join(f"{line}\n" for line in lines).encode(), {"Content-Type": "text/plain"})


# --- A WIS2 node ---


class Wis2Node:
    """Notifications of what was published, page after page, and the data that they link to."""

    PATH = "/oapi/collections/messages/items"

    def __init__(self, service: Service, page: int = 3) -> None:
        self.service, self.page = service, page
        self.features: list[dict[str, Any]] = []
        service.routes[self.PATH] = self.items

    def publish(
        self,
        data: bytes,
        pubtime: str,
        *,
        station: str | None = None,
        inline: str | None = None,
        rel: str = "canonical",
        data_id: str | None = None,
    ) -> dict[str, Any]:
        """Publish data; gives the notification, for a test to change."""
        number = len(self.features)
        path = f"/data/{number}.bufr4"
        self.service.answer(path, Reply(200, data, {"Content-Type": "application/octet-stream"}))
        properties: dict[str, Any] = {
            "data_id": data_id or f"wis2/sn-service/data/core/weather/surface-based-observations/synop/{number}",
            "metadata_id": "urn:wmo:md:sn-service:synop",
            "pubtime": pubtime,
            "datetime": pubtime,
            "integrity": {
                "method": "sha512",
                "value": base64.b64encode(hashlib.sha512(data).digest()).decode(),
            },
        }
        if station is not None:
            properties["wigos_station_identifier"] = station
        if inline is not None:
            packed_data = gzip.compress(data) if inline == "gzip" else data
            value = base64.b64encode(packed_data).decode()
            properties["content"] = {"encoding": inline, "size": len(data), "value": value}
        feature = {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "type": "Feature",
            "conformsTo": ["http://wis.wmo.int/spec/wnm/1/conf/core"],
            "geometry": None,
            "properties": properties,
            "links": [
                {"rel": rel, "type": "application/bufr", "href": f"{self.service.url}{path}", "length": len(data)},
                {"rel": "via", "type": "text/html", "href": "https://oscar.example.org/"},
            ],
        }
        self.features.append(feature)
        return feature

    def items(self, asked: Asked) -> Reply:
        begin, end = asked.query["datetime"].split("/")
        found = [one for one in self.features if begin <= one["properties"]["pubtime"] <= end]
        offset = int(asked.query.get("offset", "0"))
        links = [{"rel": "self", "type": "application/geo+json", "href": f"{self.service.url}{self.PATH}?f=json"}]
        if offset + self.page < len(found):
            query = urlencode({"f": "json", "datetime": asked.query["datetime"], "offset": str(offset + self.page)})
            links.append(
                {"rel": "next", "type": "application/geo+json", "href": f"{self.service.url}{self.PATH}?{query}"}
            )
        part = found[offset : offset + self.page]
        return as_json(
            {
                "type": "FeatureCollection",
                "features": part,
                "numberMatched": len(found),
                "numberReturned": len(part),
                "links": links,
            }
        )
