"""TAF (WMO-No. 306 volume I.1, FM 51): forecasts of an aerodrome, which never become observations.

The prevailing weather has the model ``taf``. What is only temporary or probable is told apart by models of its own
(``taf-tempo``, ``taf-prob30``, ``taf-prob40-tempo``, ...), so that a verification compares like with like.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from meteostream.contract.report import Value
from meteostream.contract.variables import ALL
from meteostream.registry import Registry, RegistryError
from meteostream.sources import aviation
from meteostream.sources.bulletins import Piece, pieces
from meteostream.sources.dates import Reference, place, written
from meteostream.sources.errors import Refusal
from meteostream.sources.forecast import Forecast
from meteostream.sources.observation import Reject
from meteostream.sources.settle import undecoded

MODEL: Final = "taf"
MAX_CHARACTERS: Final = 4_000
LONGEST: Final = timedelta(hours=30)
"""Longest validity of a TAF (FM 51, 51.1.3)."""
CANCELLED: Final = (
    "wind_mean_10min",
    "wind_direction",
    "wind_variable",
    "gust_10min",
    "visibility",
    "cloud_cover",
)
"""What a TAF speaks of, and a cancelled one says no longer."""

_HEAD: Final = re.compile(
    r"(?:TAF\s+)*(?:(?:AMD|COR)\s+)?(?P<icao>[A-Z][A-Z0-9]{3})\s+(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})Z\s+"
    r"(?:(?:AMD|COR)\s+)?(?:NIL|(?P<from>[0-9]{4})/(?P<to>[0-9]{4}))(?=\s|$)"
)
_ANNOUNCES: Final = re.compile(r"TAF(?:\s+(?:AMD|COR))?")
_INDICATOR: Final = re.compile(
    r"(?P<kind>BECMG|TEMPO|INTER|PROB(?:30|40)(?: (?:TEMPO|INTER))?) (?P<from>[0-9]{4})/(?P<to>[0-9]{4})"
)
_FROM: Final = re.compile(r"FM(?P<day>[0-9]{2})(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})")
_EXTREME: Final = re.compile(r"T[XN](?P<value>M?[0-9]{2})/(?P<day>[0-9]{2})(?P<hour>[0-9]{2})Z")
_CHANGE: Final = re.compile(
    r"\s(?=(?:PROB(?:30|40)|BECMG|FM[0-9]{6})\b)|\s(?=(?:TEMPO|INTER)\b)(?<!PROB30\s)(?<!PROB40\s)"
)
_LOST: Final = re.compile(r"FM[0-9]{0,5}Z?|FM[0-9]{7,}|PROB[0-9]*|(?:AT|TL)[0-9]{4,6}|[0-9]{3,5}/[0-9]{3,5}")
"""What begins a change, or says when, but not as FM 51 has it."""


class _Span(NamedTuple):
    begin: datetime
    end: datetime


class _Part(NamedTuple):
    """Weather of a span, which begins when a gradual change has come about.

    Attributes
    ----------
    ends
        Variables of earlier parts that it ends; None for all.
    since
        When it ends them: the begin of a change.
    """

    model: str
    span: _Span
    values: dict[str, Value]
    ends: frozenset[str] | None
    since: datetime

    def replaces(self, variable: str) -> bool:
        """Whether it ends the prevailing weather before it."""
        return self.model == MODEL and (self.ends is None or variable in self.ends)


def read_taf(text: str, registry: Registry, *, reference: Reference = None) -> Iterator[Forecast | Reject]:
    """Read forecasts: one, or a bulletin.

    Parameters
    ----------
    reference
        What is known about year and month, which a TAF does not name.

    Yields
    ------
    Forecast or Reject
        One a variable and span. Of the prevailing weather a span ends where the variable is forecast anew; while a
        change becomes (BECMG) nothing is claimed for what changes. A temperature TX or TN is one of its hour. A
        cancellation (CNL) says of all variables that there is no value in its period, and so ends what was forecast
        before; a forecast that is missing (NIL) yields nothing.
    """
    for piece in pieces(text, reference):
        if _ANNOUNCES.fullmatch(piece.text):
            continue
        try:
            yield from _forecasts(piece, registry)
        except (Refusal, RegistryError) as error:
            yield Reject(piece.line, str(error), piece.text)


def _forecasts(piece: Piece, registry: Registry) -> list[Forecast]:
    if len(piece.text) > MAX_CHARACTERS:
        raise Refusal(f"expected a TAF of at most {MAX_CHARACTERS} characters, found {len(piece.text)}")
    if (shown := undecoded(piece.text)) is not None:
        raise Refusal(f"expected text in the declared encoding, found {shown}")
    head = _HEAD.match(piece.text)
    if head is None:
        raise Refusal(
            "expected TAF, a location, a time such as 250500Z and a validity such as 2506/2612, found "
            f"{piece.text[:50]!r}"
        )
    issued = place(int(head["day"]), int(head["hour"]), int(head["minute"]), piece.reference)
    body = " ".join(piece.text[head.end() :].partition(" RMK ")[0].split())
    if head["from"] is None or body == "NIL":
        return []
    station = registry.resolve(head["icao"]).wigos_id
    span = _span(head["from"], head["to"], issued)
    if not timedelta(0) < span.end - span.begin <= LONGEST:
        raise Refusal(f"expected a validity of at most 30 hours, found {head['from']}/{head['to']}")
    if body == "CNL":
        return _rows(station, issued, {(MODEL, span.begin, name): (span.end, None) for name in CANCELLED})
    found: dict[tuple[str, datetime, str], tuple[datetime | None, Value]] = {}
    for model, part, values in _lasting(_parts(body, span, issued)):
        for variable, value in values.items():
            if part.begin < part.end:
                found[model, part.begin, variable] = (part.end, value)
    for match in _EXTREME.finditer(body):
        moment = place(int(match["day"]), int(match["hour"]), 0, issued)
        found[MODEL, moment, "air_temperature"] = (None, float(match["value"].replace("M", "-")) + 0.0)
    if not found:
        raise Refusal(f"expected wind, visibility or clouds, found {body[:60]!r}")
    return _rows(station, issued, found)


def _rows(
    station: str, issued: datetime, found: Mapping[tuple[str, datetime, str], tuple[datetime | None, Value]]
) -> list[Forecast]:
    return [
        Forecast(
            station=station,
            model=model,
            reference_time=written(issued),
            valid_time=written(begin),
            variable=variable,
            value=value,
            unit=ALL[variable].unit,
            valid_until=None if end is None else written(end),
        )
        for (model, begin, variable), (end, value) in found.items()
    ]


def _span(begin: str, end: str, issued: datetime) -> _Span:
    found = _Span(*(place(int(text[:2]), int(text[2:]), 0, issued) for text in (begin, end)))
    if found.end < found.begin:
        raise Refusal(f"expected a span that ends after its begin, found {begin}/{end}")
    return found


def _parts(body: str, whole: _Span, issued: datetime) -> list[_Part]:
    """Parts of a forecast in its order; the first is where all others change something."""
    parts: list[_Part] = []
    for text in _CHANGE.split(_EXTREME.sub("", f" {body}")):
        found, sudden = _INDICATOR.match(text), _FROM.match(text)
        if found is not None:
            span = _span(found["from"], found["to"], issued)
            values = _weather(text[found.end() :])
            if found["kind"] == "BECMG":
                parts.append(_Part(MODEL, _Span(span.end, whole.end), values, _ended(text, values), span.begin))
            else:
                kind = found["kind"].replace("INTER", "TEMPO").replace(" ", "-").lower()
                parts.append(_Part(f"{MODEL}-{kind}", span, values, frozenset(), span.begin))
        elif sudden is not None:
            begin = place(int(sudden["day"]), int(sudden["hour"]), int(sudden["minute"]), issued)
            parts.append(_Part(MODEL, _Span(begin, whole.end), _weather(text[sudden.end() :]), None, begin))
        elif not parts:
            parts.append(_Part(MODEL, whole, _weather(text), None, whole.begin))
        else:
            raise Refusal(f"expected a change such as TEMPO 2512/2516, found {text.strip()[:40]!r}")
    return parts


def _lasting(parts: list[_Part]) -> Iterator[tuple[str, _Span, dict[str, Value]]]:
    """Give each variable the span in which it is forecast."""
    for number, part in enumerate(parts):
        for variable, value in part.values.items():
            end = part.span.end
            if part.model == MODEL:
                end = min([end, *(later.since for later in parts[number + 1 :] if later.replaces(variable))])
            yield part.model, _Span(part.span.begin, end), {variable: value}


def _ended(text: str, values: dict[str, Value]) -> frozenset[str]:
    """Variables that a gradual change ends: a wind also the gusts before it, CAVOK and NSC also the clouds."""
    ended = set(values)
    if "wind_mean_10min" in values:
        ended.add("gust_10min")
    if {"CAVOK", "NSC"} & set(text.split()):
        ended.add("cloud_cover")
    return frozenset(ended)


def _weather(text: str) -> dict[str, Value]:
    """Variables of a part.

    A group that is not known is passed over, as the weather is; but not one that was to begin another part: what
    is forecast before it would be taken to last, or what comes after it to be said at once.
    """
    values: dict[str, Value] = {}
    clouds = []
    for group in aviation.joined(text.split()):
        if aviation.is_cloud(group):
            clouds.append(group)
            continue
        seen = None if aviation.has_sector(group) else aviation.visibility(group)
        found = {"visibility": seen} if seen is not None else aviation.wind(group) or {}
        if _LOST.fullmatch(group) or found.keys() & values.keys():
            raise Refusal(f"expected a change such as TEMPO 2512/2516 before the second of a kind, found {group!r}")
        values |= found
    return {**values, **aviation.cloud_cover(clouds)}
