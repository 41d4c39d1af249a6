"""Sources that an operator declares, a TOML file each in ``[collect] sources``: a page's table, a file, coded reports.

A table becomes CSV in a declared dialect and is read as any file is (:mod:`meteostream.sources.csv_file`); so is every
file that a profile describes (a logger's, an export of a database). Coded reports have decoders of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from meteostream.collect.collector import Collector, Found, Kind, Wanted
from meteostream.collect.errors import NotPermittedError, ShapeError
from meteostream.collect.http import Http, Request
from meteostream.collect.page import Page, table_as_csv
from meteostream.collect.robots import check_robots
from meteostream.config import Quota
from meteostream.contract.report import NAME
from meteostream.registry import Registry, load_registry
from meteostream.sources.csv_file import read_csv
from meteostream.sources.errors import SourceError
from meteostream.sources.formats import UNKNOWN_LICENCE
from meteostream.sources.metar import read_metar
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.profile import SUFFIX, Licence, Profile, load_profile
from meteostream.sources.synop import read_synop

KIND: Final[Kind] = "observations"


class Permission(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who allowed the page to be scraped, whom the operator asked, and when; robots.txt is not a permission."""

    granted_by: str
    recorded_by: str
    date: str

    def __post_init__(self) -> None:
        """Refuse an empty permission."""
        if not (self.granted_by.strip() and self.recorded_by.strip() and self.date.strip()):
            raise ValueError("permission: expected granted_by, recorded_by and date, found an empty one")


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A declared source.

    Attributes
    ----------
    kind
        ``html`` for a table on a page, ``csv`` for a file that a profile describes, ``reports`` for coded reports.
    title
        What a technician reads.
    url
        Where it is; ``{start}`` and ``{end}`` become the window's days (YYYY-MM-DD).
    profile
        A shipped profile's name, or a path (from the declaration's folder) that ends with .toml: what columns mean,
        the source's name and its licence (``html``, ``csv``).
    format
        What the reports are coded in (``reports``).
    licence
        Of the reports (``reports``); a profile has its own.
    page
        Where on the page the table is (``html``).
    permission
        Without it a page is not fetched (``html``).
    encoding
        Of the page, if it does not say it rightly itself.
    hours_back
        Window of a run that names none.
    quota
        How often the site may be asked.
    """

    kind: Literal["html", "csv", "reports"]
    title: str
    url: str
    profile: str | None = None
    format: Literal["metar", "synop", "bufr"] | None = None
    licence: Licence = UNKNOWN_LICENCE
    page: Page | None = None
    permission: Permission | None = None
    encoding: str | None = None
    hours_back: float = 48.0
    quota: Quota = Quota(per_minute=6)

    def __post_init__(self) -> None:
        """Refuse what does not belong to the kind, and what the kind lacks."""
        if (self.kind == "reports") != (self.format is not None):
            raise ValueError("format: expected it for kind 'reports' and for it alone")
        if (self.kind == "reports") != (self.profile is None):
            raise ValueError("profile: expected it for kinds 'html' and 'csv' and for them alone")
        if self.kind != "reports" and self.licence != UNKNOWN_LICENCE:
            raise ValueError("licence: expected it in the profile, found it here")
        if (self.kind == "html") != (self.page is not None):
            raise ValueError("page: expected it for kind 'html' and for it alone")
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise ValueError(f"url: expected an address that begins with https:// or http://, found {self.url!r}")


def load_declaration(path: Path) -> Declaration:
    """Read and check a declaration.

    Raises
    ------
    SourceError
        Naming what is wrong in it.
    """
    try:
        return msgspec.toml.decode(path.read_text("utf-8"), type=Declaration)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise SourceError(f"{path}: expected the declaration of a source: {error}") from None


def declared_collectors(folder: Path) -> dict[str, Path]:
    """Names of the declared sources and their files; none if there is no such folder."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}")) if _declares(path)}


def _declares(path: Path) -> bool:
    """Whether a file declares a source: profiles lie in the same folder."""
    try:
        found = msgspec.toml.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return True  # loading it tells what is wrong
    return isinstance(found, dict) and "kind" in found


class _Source(NamedTuple):
    """A declaration that was read: what it is called, and how its answers become reports."""

    name: str
    declaration: Declaration
    licence: Licence
    records: Callable[[bytes, Registry, datetime], Iterator[Found]]


def declared_collector(path: Path) -> Collector:
    """The collector of a declaration."""
    name = path.name.removesuffix(SUFFIX)
    if NAME.fullmatch(name) is None:
        raise SourceError(f"{path}: expected a file name of lower-case letters, digits, dots and dashes")
    source = _source(name, load_declaration(path), path.parent)
    declaration = source.declaration

    def shape(body: bytes) -> list[str]:
        if not body.strip():
            return []
        try:
            found = list(source.records(body, load_registry(), datetime.now(UTC)))
        except SourceError as error:
            return [str(error)]
        rejects = [one for one in found if isinstance(one, Reject)]
        if rejects and len(rejects) == len(found):
            return [f"none of {len(rejects)} records can be read; the first: {rejects[0].reason}"]
        return []

    return Collector(
        name=name,
        kind=KIND,
        title=declaration.title,
        licence=source.licence,
        api=_api(declaration),
        quota=declaration.quota,
        hours_default=declaration.hours_back,
        read=lambda http, wanted: _read(http, wanted, source),
        sample=lambda http, wanted: _fetch(http, wanted, source),
        shape=shape,
        off=_off(source),
    )


def _source(name: str, declaration: Declaration, folder: Path) -> _Source:
    if declaration.format is not None:
        decode = _DECODERS[declaration.format]
        return _Source(name, declaration, declaration.licence, decode)
    assert declaration.profile is not None  # noqa: S101 - one of the two, or it would not have been read
    profile = _profile(declaration.profile, folder)
    return _Source(
        name,
        declaration,
        profile.licence,
        lambda body, registry, _: _table(body, declaration, profile, registry),
    )


def _api(declaration: Declaration) -> str:
    return f"site-{urlsplit(declaration.url).hostname}"


def _off(source: _Source) -> str | None:
    if source.declaration.kind != "html" or source.declaration.permission is not None:
        return None
    owner = urlsplit(source.declaration.url).hostname
    return (
        f"{source.name}: scraping is off until the owner's permission is recorded: ask {owner}, then add "
        "[permission] with granted_by, recorded_by and date to the source's declaration"
    )


def _read(http: Http, wanted: Wanted, source: _Source) -> Iterator[Found]:
    body = _fetch(http, wanted, source)
    if not body.strip():
        return
    ours = {station.wigos_id for station in wanted.stations}
    for found in source.records(body, wanted.registry, wanted.end):
        if not isinstance(found, Observation) or found.station in ours:
            yield found


def _fetch(http: Http, wanted: Wanted, source: _Source) -> bytes:
    declaration = source.declaration
    request = Request(
        source=source.name,
        api=_api(declaration),
        licence=source.licence,
        url=declaration.url.replace("{start}", f"{wanted.start:%Y-%m-%d}").replace("{end}", f"{wanted.end:%Y-%m-%d}"),
    )
    off = _off(source)
    if off is not None:
        raise NotPermittedError(off)
    if declaration.kind == "html":
        check_robots(http, request)
    return http.get(request).body


def _table(body: bytes, declaration: Declaration, profile: Profile, registry: Registry) -> Iterator[Found]:
    if declaration.page is None:
        content = body
        dialect = profile
    else:
        try:
            text = table_as_csv(body, declaration.page, encoding=declaration.encoding, delimiter=profile.delimiter)
        except ShapeError as error:
            raise ShapeError(f"{declaration.url}: {error}") from None
        content = text.encode()
        dialect = msgspec.structs.replace(profile, encoding="utf-8")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(content)
        file.flush()
        try:
            yield from read_csv(Path(file.name), dialect, registry)
        except SourceError as error:
            raise ShapeError(str(error).replace(file.name, declaration.url)) from None


def _profile(name: str, folder: Path) -> Profile:
    return load_profile(str(folder / name) if name.endswith(SUFFIX) else name)


def _text(
    decode: Callable[..., Iterator[Observation | Reject]],
) -> Callable[[bytes, Registry, datetime], Iterator[Found]]:
    """Reader of an answer, from a decoder of a text whose days lie near the window's end."""
    return lambda body, registry, near: decode(body.decode("utf-8", "surrogateescape"), registry, reference=near)


def _bufr(body: bytes, registry: Registry, near: datetime) -> Iterator[Found]:
    from meteostream.sources.bufr import read_bufr  # noqa: PLC0415 - eccodes is a large library that few runs need

    del near  # BUFR says its year
    return read_bufr(body, registry)


_DECODERS: Final[dict[str, Callable[[bytes, Registry, datetime], Iterator[Found]]]] = {
    "metar": _text(read_metar),
    "synop": _text(read_synop),
    "bufr": _bufr,
}
