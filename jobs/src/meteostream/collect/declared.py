"""Sources that an operator declares, a TOML file each in ``[collect] sources``: a page's table, or CSV, over HTTP.

Both become CSV in a declared dialect and are read as any file is (:mod:`meteostream.sources.csv_file`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal
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
from meteostream.sources.observation import Observation
from meteostream.sources.profile import SUFFIX, Profile, load_profile

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
        ``html`` for a table on a page, ``csv`` for a file.
    title
        What a technician reads.
    url
        Where it is; ``{start}`` and ``{end}`` become the window's days (YYYY-MM-DD).
    profile
        A shipped profile's name, or a path (from the declaration's folder) that ends with .toml: what columns mean,
        the source's name and its licence.
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

    kind: Literal["html", "csv"]
    title: str
    url: str
    profile: str
    page: Page | None = None
    permission: Permission | None = None
    encoding: str | None = None
    hours_back: float = 48.0
    quota: Quota = Quota(per_minute=6)

    def __post_init__(self) -> None:
        """Refuse a page without a table, and a table without a page."""
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


def declared_collector(path: Path) -> Collector:
    """The collector of a declaration."""
    name = path.name.removesuffix(SUFFIX)
    if NAME.fullmatch(name) is None:
        raise SourceError(f"{path}: expected a file name of lower-case letters, digits, dots and dashes")
    declaration = load_declaration(path)
    profile = _profile(declaration, path)

    def read(http: Http, wanted: Wanted) -> Iterator[Found]:
        yield from _read(http, wanted, name, declaration, profile)

    def sample(http: Http, wanted: Wanted) -> bytes:
        return _fetch(http, wanted, name, declaration, profile)

    def shape(body: bytes) -> list[str]:
        try:
            for _ in _records(body, declaration, profile, load_registry()):
                pass
        except SourceError as error:
            return [str(error)]
        return []

    return Collector(
        name=name,
        kind=KIND,
        title=declaration.title,
        licence=profile.licence,
        api=f"site-{urlsplit(declaration.url).hostname}",
        quota=declaration.quota,
        hours_default=declaration.hours_back,
        read=read,
        sample=sample,
        shape=shape,
    )


def _read(http: Http, wanted: Wanted, name: str, declaration: Declaration, profile: Profile) -> Iterator[Found]:
    body = _fetch(http, wanted, name, declaration, profile)
    if not body.strip():
        return
    ours = {station.wigos_id for station in wanted.stations}
    for found in _records(body, declaration, profile, wanted.registry):
        if not isinstance(found, Observation) or found.station in ours:
            yield found


def _fetch(http: Http, wanted: Wanted, name: str, declaration: Declaration, profile: Profile) -> bytes:
    request = Request(
        source=name,
        api=f"site-{urlsplit(declaration.url).hostname}",
        licence=profile.licence,
        url=declaration.url.replace("{start}", f"{wanted.start:%Y-%m-%d}").replace("{end}", f"{wanted.end:%Y-%m-%d}"),
    )
    if declaration.kind == "html":
        if declaration.permission is None:
            owner = urlsplit(declaration.url).hostname
            raise NotPermittedError(
                f"{name}: scraping is off until the owner's permission is recorded: ask {owner}, then add "
                " [permission] with granted_by, recorded_by and date to the source's declaration"
            )
        check_robots(http, request)
    return http.get(request).body


def _records(body: bytes, declaration: Declaration, profile: Profile, registry: Registry) -> Iterator[Found]:
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


def _profile(declaration: Declaration, path: Path) -> Profile:
    name = declaration.profile
    return load_profile(str(path.parent / name) if name.endswith(SUFFIX) else name)
