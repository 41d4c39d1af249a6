"""Archives of NOAA (NCEI): a file a station and year, brought to the drop folder, where the formats' readers take over.

GHCNh supersedes ISD, which ends in 2025; GSOD has daily values. A file that has not changed is not brought again.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from meteostream.collect.brought import is_brought, note_brought
from meteostream.collect.collector import Collector, Found, Remark, SavedFile, Wanted
from meteostream.collect.errors import CollectError, RefusedError
from meteostream.collect.http import Answer, Http, Request
from meteostream.config import Noaa
from meteostream.durable import replace_durably
from meteostream.registry import Station
from meteostream.sources.profile import Licence

API: Final = "ncei"
PIECE: Final = 1 << 20
LICENCE: Final = Licence(
    name="public-domain-us-government",
    attribution="NOAA National Centers for Environmental Information",
    commercial_use=True,
    redistribute=True,
)


class Archive(NamedTuple):
    """One archive.

    Attributes
    ----------
    name
        Of its format, its folder in the drop folder, and its key in ``[collect.noaa] stations``.
    path
        Below the base address, with ``{id}`` and ``{year}``.
    file
        Name in the drop folder.
    usual
        Identifiers that a station may have which the settings do not name, the likelier first; none if no rule makes
        one.
    packed
        Whether it is gzip.
    header
        Names that its first line has had, compared without case; None where it has no header.
    """

    name: str
    path: str
    file: str
    usual: Callable[[Station], tuple[str, ...]]
    packed: bool
    header: tuple[str, ...] | None


def ghcn_ids(station: Station) -> tuple[str, ...]:
    """Identifiers in GHCN: country (FIPS 10-4), network, and the WMO number in eight digits.

    Network M is that of WMO numbers; older stations have 0, of no network, with the same digits. Which of the two a
    station has is found by asking. FIPS and ISO codes agree for Senegal alone among the countries that the registry
    has; others need a line in the settings.

    >>> from meteostream.registry import load_registry
    >>> ghcn_ids(load_registry().resolve("GOOY"))
    ('SGM00061641', 'SG000061641')
    """
    if not station.wmo or station.country != "SN":
        return ()
    return f"SGM{int(station.wmo):08d}", f"SG0{int(station.wmo):08d}"


def isd_ids(station: Station) -> tuple[str, ...]:
    """Identifier in ISD: WMO number and 0 (USAF), and 99999 where there is no WBAN number.

    >>> from meteostream.registry import load_registry
    >>> isd_ids(load_registry().resolve("GOOY"))
    ('616410-99999',)
    """
    return (f"{station.wmo}0-99999",) if station.wmo and station.country != "US" else ()


def gsod_ids(station: Station) -> tuple[str, ...]:
    """Identifier in GSOD: that of ISD without its dash."""
    return tuple(found.replace("-", "") for found in isd_ids(station))


GHCNH: Final = Archive(
    name="ghcnh",
    path="/oa/global-historical-climatology-network/hourly/access/by-year/{year}/psv/GHCNh_{id}_{year}.psv",
    file="GHCNh_{id}_{year}.psv",
    usual=ghcn_ids,
    packed=False,
    header=("STATION", "DATE", "TEMPERATURE", "WIND_SPEED"),
)
ISD: Final = Archive(
    name="isd",
    path="/pub/data/noaa/{year}/{id}-{year}.gz",
    file="{id}-{year}.gz",
    usual=isd_ids,
    packed=True,
    header=None,
)
GSOD: Final = Archive(
    name="gsod",
    path="/data/global-summary-of-the-day/access/{year}/{id}.csv",
    file="{id}_{year}.csv",
    usual=gsod_ids,
    packed=False,
    header=("STATION", "DATE", "TEMP", "MAX", "MIN", "PRCP"),
)


def reader(archive: Archive) -> Callable[[Http, Wanted], Iterator[Found]]:
    """What brings the files of an archive."""

    def read(http: Http, wanted: Wanted) -> Iterator[Found]:
        for station in wanted.stations:
            identifiers = _identifiers(archive, station, wanted.settings.noaa)
            if not identifiers:
                yield Remark(
                    f"{station.name}: no identifier in {archive.name} is known; name it in [collect.noaa.stations."
                    f'"{station.wigos_id}"] {archive.name}'
                )
                continue
            for year in range(wanted.start.year, wanted.end.year + 1):
                yield _bring(http, archive, identifiers, year, wanted)

    return read


def _ask(http: Http, archive: Archive, identifiers: tuple[str, ...], year: int, base_url: str) -> tuple[str, Answer]:
    """The file of the first identifier that has one; an empty answer of the last if none has."""
    for identifier in identifiers:
        answer = http.get(_request(archive, identifier, year, base_url))
        if not answer.empty:
            break
    return identifier, answer


def _bring(http: Http, archive: Archive, identifiers: tuple[str, ...], year: int, wanted: Wanted) -> Found:
    base_url, directory = wanted.settings.noaa.base_url, Path(wanted.settings.directory)
    identifier, answer = _ask(http, archive, identifiers, year, base_url)
    if answer.empty:
        return Remark(f"{archive.name}: nothing for {' or '.join(identifiers)} in {year}")
    _check_whole(archive, answer.body, _request(archive, identifier, year, base_url).url)
    name = archive.file.format(id=identifier, year=year)
    path = wanted.incoming / archive.name / name
    if is_brought(directory, archive.name, name, answer.body):
        return SavedFile(name, len(answer.body), changed=False)
    try:
        replace_durably(path, answer.body)
        note_brought(directory, archive.name, name, answer.body)
    except OSError as error:
        raise CollectError(f"{path}: the file that was fetched cannot be written: {error.strerror}") from None
    return SavedFile(name, len(answer.body), changed=True)


def _check_whole(archive: Archive, body: bytes, url: str) -> None:
    if body.lstrip()[:1] == b"<":
        raise RefusedError(f"{url}: expected a file of {archive.name}, found a page of HTML")
    if not archive.packed:
        return
    try:
        with gzip.open(io.BytesIO(body)) as file:
            while file.read(PIECE):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise RefusedError(f"{url}: expected a whole gzip file, found a damaged one ({error})") from None


def _identifiers(archive: Archive, station: Station, settings: Noaa) -> tuple[str, ...]:
    named = settings.stations.get(station.wigos_id, {}).get(archive.name)
    return (named,) if named else archive.usual(station)


def _request(archive: Archive, identifier: str, year: int, base_url: str) -> Request:
    return Request(
        source=f"noaa-{archive.name}",
        api=API,
        licence=LICENCE,
        url=base_url + archive.path.format(id=identifier, year=year),
        keep=False,
        missing=True,
    )


def _sample(archive: Archive) -> Callable[[Http, Wanted], bytes]:
    def sample(http: Http, wanted: Wanted) -> bytes:
        settings = wanted.settings.noaa
        known = [found for station in wanted.stations if (found := _identifiers(archive, station, settings))]
        if not known:
            raise RefusedError(f"{archive.name}: no identifier is known for the stations; see [collect.noaa] stations")
        return _ask(http, archive, known[0], wanted.start.year, settings.base_url)[1].body

    return sample


def _shape(archive: Archive) -> Callable[[bytes], list[str]]:
    def shape(body: bytes) -> list[str]:
        if not body.strip():
            return ["expected a file, found nothing: name another station or year (--stations, --from)"]
        try:
            _check_whole(archive, body, archive.name)
        except RefusedError as error:
            return [str(error)]
        if archive.header is None:
            return []
        names = {
            name.strip().strip('"').upper() for name in re.split("[|,]", body.split(b"\n", 1)[0].decode("latin-1"))
        }
        missing = [name for name in archive.header if name not in names]
        return [f"header: expected {', '.join(missing)}, found none of these"] if missing else []

    return shape


def _collector(archive: Archive, settings: Noaa) -> Collector:
    return Collector(
        name=f"noaa-{archive.name}",
        kind="files",
        title=f"Files of NOAA's {archive.name.upper()} by station and year, for the drop folder",
        licence=LICENCE,
        api=API,
        quota=settings.quota,
        read=reader(archive),
        sample=_sample(archive),
        shape=_shape(archive),
    )


def ghcnh_collector(settings: Noaa) -> Collector:
    """Hourly values of GHCNh."""
    return _collector(GHCNH, settings)


def isd_collector(settings: Noaa) -> Collector:
    """Reports of ISD."""
    return _collector(ISD, settings)


def gsod_collector(settings: Noaa) -> Collector:
    """Daily values of GSOD."""
    return _collector(GSOD, settings)
