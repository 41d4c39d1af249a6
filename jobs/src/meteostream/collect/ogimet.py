"""SYNOP from Ogimet: what national services put on the Global Telecommunication System, as the text that came.

Its ``getsynop`` answers with a line a report, ``61641,2026,11,25,06,00,AAXX 25061 61641 ...=``: station, year to
minute, text. It tells of a limit in a sentence instead of reports. A request is for all stations whose number begins
with some digits, which spares a service that many ask.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from meteostream.collect.collector import Collector, Found, Remark, Wanted
from meteostream.collect.errors import CollectError, QuotaError, RefusedError, ShapeError
from meteostream.collect.http import Http, Request
from meteostream.config import Ogimet
from meteostream.sources.formats import UNKNOWN_LICENCE
from meteostream.sources.observation import Reject
from meteostream.sources.synop import read_synop

API: Final = "ogimet"
PATH: Final = "/cgi-bin/getsynop"
PREFIX: Final = 3
"""Digits that stations of one request share: ``616`` is Senegal's, and no request for more than a country."""
SHOWN: Final = 120
"""Characters of an answer that is none which the error shows."""
_ROW: Final = re.compile(
    r"(?P<station>[0-9]{5}),(?P<year>[0-9]{4}),(?P<month>[0-9]{1,2}),(?P<day>[0-9]{1,2}),(?P<hour>[0-9]{1,2}),"
    r"(?P<minute>[0-9]{1,2}),(?P<text>.*)"
)
_LIMIT: Final = re.compile(r"quota|limit|too many", re.IGNORECASE)


def read_synops(http: Http, wanted: Wanted) -> Iterator[Found]:
    """SYNOPs of the window."""
    stations = _with_wmo(wanted)
    left = ", ".join(station.name for station in wanted.stations if not station.wmo)
    if left:
        yield Remark(f"without a WMO number, not asked for: {left}")
    for prefix in sorted({number[:PREFIX] for number in stations}):
        body = http.get(_request(wanted, prefix)).body
        yield from read_answer(body, wanted, {number for number in stations if number.startswith(prefix)})


def read_answer(body: bytes, wanted: Wanted, numbers: set[str]) -> Iterator[Found]:
    """Reports of an answer; those of stations that were not asked for are counted and left.

    Parameters
    ----------
    numbers
        WMO numbers of the stations that are wanted.

    Raises
    ------
    QuotaError
        If the service says that its limit is used up.
    ShapeError
        If the answer is something else than reports.
    """
    others: Counter[str] = Counter()
    bulletin: list[str] = []
    for number, line in enumerate(body.decode("utf-8", "surrogateescape").splitlines(), 1):
        row = _ROW.fullmatch(line.strip())
        if row is None:
            if line.strip() and not bulletin and not others:
                raise _no_reports(line)
            if line.strip():
                yield Reject(number, "expected a station, year to minute and a report, with commas between", line)
        elif row["station"] not in numbers:
            others[row["station"]] += 1
        elif (problem := _problem(row)) is not None:
            yield Reject(number, problem, line)
        else:
            # A date line before each report, as NOAA's files have them, says its day (sources/bulletins.py).
            bulletin += [f"{_moment(row):%Y/%m/%d %H:%M}", row["text"]]
    if others:
        yield Remark(f"{others.total()} reports of stations that were not asked for: {', '.join(sorted(others))}")
    yield from read_synop("\n".join(bulletin), wanted.registry)


def _problem(row: re.Match[str]) -> str | None:
    """Why a row is not taken: its day decides the report's month, and its number must be the report's."""
    if _moment(row) is None:
        return f"expected an existing moment, found {','.join(row.group(2, 3, 4, 5, 6))}"
    head = row["text"].split(maxsplit=3)[:3]
    if head[:1] != ["AAXX"] or head[2:] != [row["station"]]:
        return f"expected a report of {row['station']} that begins with AAXX, found {' '.join(head)!r}"
    return None


def _moment(row: re.Match[str]) -> datetime | None:
    try:
        return datetime(*map(int, row.group(2, 3, 4, 5, 6)), tzinfo=UTC)  # type: ignore[misc,arg-type]  # five numbers
    except ValueError:
        return None


def _no_reports(line: str) -> CollectError:
    """Why an answer has no reports: the service's own words, or a page."""
    said = line.strip()[:SHOWN]
    if _LIMIT.search(said):
        return QuotaError(f"{API}: the service says {said!r}; the next run asks again for the same window")
    return ShapeError(f"{API}: expected lines such as 61641,2026,11,25,06,00,AAXX ..., found {said!r}")


def _with_wmo(wanted: Wanted) -> set[str]:
    numbers = {station.wmo for station in wanted.stations if station.wmo}
    if not numbers:
        names = ", ".join(station.name for station in wanted.stations)
        raise RefusedError(f"expected stations with a WMO number, found none among {names}")
    return numbers


def _request(wanted: Wanted, prefix: str) -> Request:
    return Request(
        source="synop",
        api=API,
        licence=UNKNOWN_LICENCE,
        url=f"{wanted.settings.ogimet.base_url}{PATH}",
        params=(
            ("block", prefix),
            ("begin", f"{wanted.start:%Y%m%d%H%M}"),
            ("end", f"{wanted.end:%Y%m%d%H%M}"),
        ),
    )


def _sample(http: Http, wanted: Wanted) -> bytes:
    return http.get(_request(wanted, min(_with_wmo(wanted))[:PREFIX])).body


def _shape(body: bytes) -> list[str]:
    lines = enumerate(body.decode("utf-8", "surrogateescape").splitlines(), 1)
    return [
        f"line {number}: expected a station, year to minute and a report, found {line[:SHOWN]!r}"
        for number, line in lines
        if line.strip() and not _ROW.fullmatch(line.strip())
    ]


def synop_collector(settings: Ogimet) -> Collector:
    """Observations of synoptic stations."""
    return Collector(
        name="synop",
        kind="observations",
        title="SYNOP (FM-12) of synoptic stations, as Ogimet has them",
        licence=UNKNOWN_LICENCE,
        api=API,
        quota=settings.quota,
        hours_default=settings.hours_back,
        read=read_synops,
        sample=_sample,
        shape=_shape,
    )
