"""BUFR of a WIS2 node: its notifications say what was published, where it lies and what it must hash to.

A node such as a wis2box keeps the notifications of the last days as a collection of its API (OGC API - Features). Each
is a WIS2 Notification Message (Manual on the WMO Information System, WMO-No. 1060, volume II), which has the data
itself or a link to it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib
from collections.abc import Iterator
from typing import Any, Final, Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from meteostream.collect.collector import Collector, Found, Remark, Wanted
from meteostream.collect.errors import NetworkError, RefusedError, ShapeError
from meteostream.collect.http import Http, Request
from meteostream.config import Wis2
from meteostream.sources.formats import UNKNOWN_LICENCE
from meteostream.sources.observation import Observation, Reject

API: Final = "wis2"
PAGE: Final = 200
"""Notifications of one answer."""
SAMPLE: Final = 10
"""Notifications of a probe."""
MOST_PAGES: Final = 100
"""A run reads no more: a node that always names a next page would hold it for ever."""
MOST_INLINE_BYTES: Final = 1024**2
"""Of data within a notification once it is unpacked (ours; such data is small)."""
MOST_FAILURES: Final = 3
"""So many data of a run that cannot be had are taken for a node that is away."""
DATA: Final = frozenset({"canonical", "update"})
"""Relations of links to data; ``deletion`` takes data back."""
DELETION: Final = "deletion"
SUFFIXES: Final = (".bufr", ".bufr4", ".bin")
_METHODS: Final = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha3-256": hashlib.sha3_256,
    "sha3-384": hashlib.sha3_384,
    "sha3-512": hashlib.sha3_512,
}
"""Methods of an integrity value, by the names that the standard gives them."""


class Link(msgspec.Struct):
    """Where something is, and what it is to the notification."""

    href: str
    rel: str = ""
    type: str = ""


class Integrity(msgspec.Struct):
    """Hash of the data, base64."""

    method: str
    value: str


class Content(msgspec.Struct):
    """Data within the notification."""

    encoding: Literal["utf-8", "base64", "gzip"]
    value: str


class Properties(msgspec.Struct):
    """What is read of a notification's properties."""

    data_id: str
    pubtime: str
    wigos_station_identifier: str | None = None
    integrity: Integrity | None = None
    content: Content | None = None


class Notification(msgspec.Struct):
    """A notification; the node may add members at any time."""

    properties: Properties
    links: list[Link] = []

    @property
    def link(self) -> Link | None:
        """Where the data is; None if it is no BUFR."""
        for link in self.links:
            if link.rel in DATA and ("bufr" in link.type.lower() or urlsplit(link.href).path.endswith(SUFFIXES)):
                return link
        return None


class Page(msgspec.Struct):
    """An answer of the API."""

    features: list[Any]
    links: list[Link] = []


def read_notifications(http: Http, wanted: Wanted) -> Iterator[Found]:
    """Reports of what the node published in the window, in the order of publication.

    Data that the network does not bring now keeps no other data from being read; the run fails at its end, so that
    the next one asks again.
    """
    from meteostream.sources.bufr import read_bufr  # noqa: PLC0415 - eccodes is a large library that few runs need

    found: dict[str, Notification] = {}
    for feature in _features(http, wanted):
        try:
            one = msgspec.convert(feature, Notification)
        except msgspec.ValidationError as error:
            yield Reject(1, f"expected a notification of WIS2: {error}", msgspec.json.encode(feature).decode())
            continue
        found[one.properties.data_id + one.properties.pubtime] = one
    ours = {station.wigos_id for station in wanted.stations}
    failures: list[NetworkError] = []
    for one in sorted(found.values(), key=lambda one: (one.properties.pubtime, one.properties.data_id)):
        named = one.properties.wigos_station_identifier
        if named is not None and wanted.registry.get(named) is not None and named not in ours:
            continue
        if any(link.rel == DELETION for link in one.links):
            yield Remark(f"{one.properties.data_id}: the publisher took it back; what was collected stays")
        if (link := one.link) is None:
            continue
        try:
            data = _data(http, wanted, one, link)
        except NetworkError as error:
            failures.append(error)
            if len(failures) == MOST_FAILURES:
                break
            continue
        except _UnusableError as error:
            yield Reject(1, f"{one.properties.data_id}: {error}", link.href)
            continue
        for report in read_bufr(data, wanted.registry):
            if not isinstance(report, Observation) or report.station in ours:
                yield report
    if failures:
        raise failures[0]


class _UnusableError(Exception):
    """One notification's data cannot be had or trusted; others can."""


def _features(http: Http, wanted: Wanted) -> Iterator[Any]:
    """Members of the collection, page after page."""
    request = _request(_address(wanted), _window(wanted, PAGE))
    for _ in range(MOST_PAGES):
        page = _page(http.get_json(request), request.url)
        yield from page.features
        following = next((link.href for link in page.links if link.rel == "next"), None)
        if following is None or not page.features:
            return
        url = urljoin(request.url, following)
        if _host(url) != _host(request.url):
            raise RefusedError(
                f"{request.url}: names a next page on {_host(url)}, which is not followed; set [collect.wis2] base_url "
                "to the address that the node gives itself"
            )
        request = _request(url)
    raise ShapeError(f"{request.url}: expected at most {MOST_PAGES} pages of notifications, found more; see --from")


def _data(http: Http, wanted: Wanted, one: Notification, link: Link) -> bytes:
    if one.properties.content is not None:
        data = _inline(one.properties.content)
    else:
        url = urljoin(_address(wanted), link.href)
        allowed = {_host(_address(wanted)), *wanted.settings.wis2.hosts}
        if _host(url) not in allowed or urlsplit(url).scheme not in {"http", "https"}:
            raise _UnusableError(
                f"its data lies on {_host(url) or url!r}, which is not asked; a host that may be stands in "
                "[collect.wis2] hosts"
            )
        try:
            answer = http.get(_request(url, missing=True))
        except RefusedError as error:
            raise _UnusableError(str(error)) from None
        if answer.empty:
            raise _UnusableError("expected its data, found nothing there any more")
        data = answer.body
    _check(one.properties.integrity, data)
    return data


def _inline(content: Content) -> bytes:
    if content.encoding == "utf-8":
        return content.value.encode()
    try:
        data = base64.b64decode(content.value, validate=True)
        if content.encoding == "gzip":
            unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            data = unpacking.decompress(data, MOST_INLINE_BYTES)
            if not unpacking.eof:
                raise _UnusableError(f"expected at most {MOST_INLINE_BYTES} bytes of whole gzip, found others")
    except (ValueError, zlib.error) as error:
        raise _UnusableError(f"content: expected {content.encoding}: {error}") from None
    return data


def _check(integrity: Integrity | None, data: bytes) -> None:
    """Compare data with what the publisher said that it hashes to."""
    if integrity is None:
        return
    method = _METHODS.get(integrity.method)
    if method is None:
        raise _UnusableError(f"integrity: expected one of {', '.join(_METHODS)}, found {integrity.method[:20]!r}")
    found = base64.b64encode(method(data).digest()).decode()
    if not hmac.compare_digest(found, integrity.value):
        raise _UnusableError(f"integrity: expected {integrity.method} {integrity.value[:16]}..., found {found[:16]}...")


def _page(answer: Any, url: str) -> Page:
    if answer is None:
        return Page([])
    try:
        return msgspec.convert(answer, Page)
    except msgspec.ValidationError as error:
        raise ShapeError(f"{url}: expected a collection of notifications (GeoJSON): {error}") from None


def _address(wanted: Wanted) -> str:
    settings = wanted.settings.wis2
    off = _off(settings)
    if off is not None:
        raise RefusedError(off)
    return f"{settings.base_url.rstrip('/')}/collections/{settings.collection}/items"


def _off(settings: Wis2) -> str | None:
    if settings.base_url:
        return None
    return (
        "bufr: no node is named; set [collect.wis2] base_url to the API of a WIS2 node, for example "
        "https://wis2box.example.org/oapi"
    )


def _window(wanted: Wanted, limit: int) -> tuple[tuple[str, str], ...]:
    return (
        ("f", "json"),
        ("datetime", f"{wanted.start:%Y-%m-%dT%H:%M:%SZ}/{wanted.end:%Y-%m-%dT%H:%M:%SZ}"),
        ("limit", str(limit)),
    )


def _request(url: str, params: tuple[tuple[str, str], ...] = (), *, missing: bool = False) -> Request:
    return Request(source="bufr", api=API, licence=UNKNOWN_LICENCE, url=url, params=params, missing=missing)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def _sample(http: Http, wanted: Wanted) -> bytes:
    return http.get(_request(_address(wanted), _window(wanted, SAMPLE))).body


def _shape(body: bytes) -> list[str]:
    if not body.strip():
        return []
    try:
        page = msgspec.json.decode(body, type=Page)
    except msgspec.MsgspecError as error:
        return [f"expected a collection of notifications (GeoJSON): {error}"]
    differences = []
    for number, feature in enumerate(page.features, 1):
        try:
            one = msgspec.convert(feature, Notification)
        except msgspec.ValidationError as error:
            differences.append(f"notification {number}: {error}")
        else:
            if one.link is None and not any(link.rel == DELETION for link in one.links):
                found = [f"{link.rel} {link.type}" for link in one.links]
                differences.append(f"notification {number}: expected a link to BUFR, found {found}")
    return differences


def bufr_collector(settings: Wis2) -> Collector:
    """Observations of a node's stations."""
    return Collector(
        name="bufr",
        kind="observations",
        title="BUFR that a WIS2 node (wis2box) has published",
        licence=UNKNOWN_LICENCE,
        api=API,
        quota=settings.quota,
        hours_default=settings.hours_back,
        read=read_notifications,
        sample=_sample,
        shape=_shape,
        off=_off(settings),
    )
