"""What can be loaded: formats by name, and tables by profile. The one list of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from meteostream.registry import Registry
from meteostream.sources import ghcn_daily, ghcnh, gsod, isd, noaa
from meteostream.sources.csv_file import read_csv
from meteostream.sources.dates import Reference, parse_month
from meteostream.sources.errors import SourceError
from meteostream.sources.metar import read_metar
from meteostream.sources.observation import Observation, Reject
from meteostream.sources.opening import MAX_BYTES, open_bytes, open_text
from meteostream.sources.profile import SUFFIX, Licence, Profile, load_profile, shipped
from meteostream.sources.synop import read_synop

MAX_CODED_BYTES: Final = 256 * 1024**2
"""Most bytes of a file of coded reports, which is read as a whole."""
UNKNOWN_LICENCE: Final = Licence(name="unknown", attribution="unknown")

Found = Iterator[Observation | Reject]


class Options(NamedTuple):
    """What a file does not say itself.

    Attributes
    ----------
    month
        ``YYYY-MM`` of coded reports, which name no more than a day. Without it such a report is rejected unless its
        file says more.
    max_bytes
        Most bytes of the file once it is unpacked.
    """

    month: str | None = None
    max_bytes: int = MAX_BYTES


PLAIN: Final = Options()


class Format(NamedTuple):
    """A file format with a decoder of its own.

    Attributes
    ----------
    title
        What a technician reads in the list.
    source
        Of every report.
    encoding
        Of its text, for showing rejected records.
    """

    title: str
    source: str
    licence: Licence
    read: Callable[[Path, Registry, Options], Found]
    encoding: str = "utf-8"


class Reading(NamedTuple):
    """A format or a profile, ready to read files."""

    name: str
    source: str
    licence: Licence
    encoding: str
    read: Callable[[Path, Registry], Found]


def _of_lines(decode: Callable[[Iterable[str], Registry, str], Found]) -> Callable[[Path, Registry, Options], Found]:
    """Reader of a text format, from a decoder of lines."""

    def read(path: Path, registry: Registry, options: Options) -> Found:
        with open_text(path, "utf-8", options.max_bytes) as lines:
            yield from decode(lines, registry, str(path))

    return read


def _of_reports(
    decode: Callable[[str, Registry, Reference], Found],
) -> Callable[[Path, Registry, Options], Found]:
    """Reader of coded reports, from a decoder of a whole text."""

    def read(path: Path, registry: Registry, options: Options) -> Found:
        with open_text(path, "utf-8", min(options.max_bytes, MAX_CODED_BYTES)) as lines:
            text = "".join(lines)
        return decode(text, registry, parse_month(options.month) if options.month else None)

    return read


def _read_bufr(path: Path, registry: Registry, options: Options) -> Found:
    from meteostream.sources.bufr import read_bufr  # noqa: PLC0415 - eccodes is a large library that few files need

    with open_bytes(path, min(options.max_bytes, MAX_CODED_BYTES)) as file:
        return read_bufr(file.read(), registry)


FORMATS: Final[dict[str, Format]] = {
    "isd": Format(
        "NOAA Integrated Surface Data, fixed positions",
        isd.SOURCE,
        noaa.LICENCE,
        _of_lines(lambda lines, registry, _: isd.read_isd(lines, registry)),
    ),
    "ghcnh": Format("NOAA GHCN hourly, .psv", ghcnh.SOURCE, noaa.LICENCE, _of_lines(ghcnh.read_ghcnh)),
    "gsod": Format("NOAA summary of the day, .op or .csv", gsod.SOURCE, noaa.LICENCE, _of_lines(gsod.read_gsod)),
    "ghcn-daily": Format(
        "NOAA GHCN daily, .dly",
        ghcn_daily.SOURCE,
        noaa.LICENCE,
        _of_lines(lambda lines, registry, _: ghcn_daily.read_ghcn_daily(lines, registry)),
    ),
    "metar": Format(
        "METAR and SPECI, one a line or bulletins",
        "metar",
        UNKNOWN_LICENCE,
        _of_reports(lambda text, registry, reference: read_metar(text, registry, reference=reference)),
    ),
    "synop": Format(
        "SYNOP (FM-12), one a line or bulletins",
        "synop",
        UNKNOWN_LICENCE,
        _of_reports(lambda text, registry, reference: read_synop(text, registry, reference=reference)),
    ),
    "bufr": Format("BUFR, surface reports", "bufr", UNKNOWN_LICENCE, _read_bufr),
}
"""Formats by the name that ``--format`` and folders of the drop folder have. Each may also be gzip."""

MONTH: Final = re.compile(r"[12][0-9]{3}-(?:0[1-9]|1[0-2])")


def reading(name: str, options: Options = PLAIN, profiles: Path | None = None) -> Reading:
    """Reader of a name.

    Parameters
    ----------
    name
        A format, a shipped profile, or a path to a profile.
    profiles
        A folder with further profiles, ``NAME.toml``; one there comes before a shipped one of the same name.

    Raises
    ------
    SourceError
        If there is none of that name, or the month is none.
    """
    if options.month is not None and MONTH.fullmatch(options.month) is None:
        raise SourceError(f"month: expected YYYY-MM, found {options.month!r}")
    found = FORMATS.get(name)
    if found is not None:
        return _of_format(name, found, options)
    own = profiles / f"{name}{SUFFIX}" if profiles is not None and Path(name).name == name else None
    if own is not None and own.is_file():
        return of_profile(name, load_profile(str(own)), options)
    if not name.endswith(SUFFIX) and name not in shipped():
        raise SourceError(
            f"{name!r}: expected a format ({', '.join(FORMATS)}), a profile ({', '.join(shipped())}) or a path that "
            f"ends with {SUFFIX}"
        )
    return of_profile(name, load_profile(name), options)


def of_profile(name: str, profile: Profile, options: Options = PLAIN) -> Reading:
    """Reader of tables of a profile."""
    return Reading(
        name,
        profile.source,
        profile.licence,
        profile.encoding,
        lambda path, registry: read_csv(path, profile, registry, options.max_bytes),
    )


def _of_format(name: str, found: Format, options: Options) -> Reading:
    return Reading(
        name,
        found.source,
        found.licence,
        found.encoding,
        lambda path, registry: found.read(path, registry, options),
    )
