"""The end of every reader: stations get their identifiers, and no report says two things."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from meteostream.registry import Registry, RegistryError, UnknownStationError
from meteostream.sources.observation import Observation, Reject

_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")
"""What the contract takes for no text: U+0000, and surrogates, which stand for bytes that could not be decoded."""
_SHOWN: Final = 8
"""Characters shown before and behind a bad one."""
_DIGEST_BYTES: Final = 16
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def as_written(name: str) -> Sequence[str]:
    """A name under which the registry may know a station: itself."""
    return (name,)


def settle(
    found: Iterable[Observation | Reject],
    registry: Registry,
    names: Mapping[str, str] | None = None,
    spellings: Callable[[str], Sequence[str]] = as_written,
) -> Iterator[Observation | Reject]:
    """Place observations that bear their source's station names, and drop what says the same again.

    Parameters
    ----------
    found
        What a decoder read, stations as the source writes them.
    names
        Spellings of this source that the registry does not know.
    spellings
        Other ways to write a source's identifier; the first that is registered counts.

    Yields
    ------
    Observation or Reject
        A station that nobody registered makes a reject that holds the observation; so does none of these: a name
        that fits several stations, a simulated station, and a second record of one report with other values.
    """
    stations = _Stations(registry, names or {}, spellings)
    seen: dict[tuple[str, str, str, int], tuple[int, bytes]] = {}
    for one in found:
        placed = one if isinstance(one, Reject) else _readable(one) or stations.place(one)
        if isinstance(placed, Reject):
            yield placed
            continue
        digest = hashlib.blake2b(_encode(placed.values), digest_size=_DIGEST_BYTES).digest()
        key = (placed.station, placed.observed_at, placed.report_type, placed.revision)
        line, before = seen.setdefault(key, (placed.line, digest))
        if line == placed.line:
            yield placed
        elif before != digest:
            yield Reject(
                placed.line,
                f"station {placed.station} at {placed.observed_at}: expected one report, found line {line} with other "
                "values",
                placed.text,
            )


def undecoded(text: str) -> str | None:
    r"""What stands around bytes that are no text in the encoding that was declared; None if there are none.

    >>> print(undecoded("Gu\udce9diawaye"))
    'Gu\udce9diawaye'
    """
    found = _NO_TEXT.search(text)
    return None if found is None else ascii(text[max(0, found.start() - _SHOWN) : found.start() + _SHOWN])


def _readable(found: Observation) -> Reject | None:
    shown = undecoded(found.text)
    if shown is None:
        return None
    return Reject(found.line, f"expected text in the declared encoding, found {shown}", found.text)


class _Stations:
    """Finds the stations of one file, each once."""

    def __init__(self, registry: Registry, names: Mapping[str, str], spellings: Callable[[str], Sequence[str]]) -> None:
        self._registry, self._names, self._spellings = registry, names, spellings
        self._known: dict[str, str | RegistryError] = {}

    def place(self, found: Observation) -> Observation | Reject:
        """The observation under its station's identifier."""
        if found.station not in self._known:
            self._known[found.station] = self._find(found.station)
        station = self._known[found.station]
        if isinstance(station, str):
            return found._replace(station=station)
        held = found if isinstance(station, UnknownStationError) else None
        return Reject(found.line, str(station), found.text, held)

    def _find(self, name: str) -> str | RegistryError:
        unknown: RegistryError | None = None
        for spelling in (self._names.get(name, name), *self._spellings(name)):
            try:
                station = self._registry.resolve(spelling)
            except UnknownStationError as error:
                unknown = unknown or error
            except RegistryError as error:
                return error
            else:
                if not station.simulated:
                    return station.wigos_id
                return RegistryError(
                    f"station {name!r}: expected a real station, found the simulated {station.wigos_id}"
                )
        assert unknown is not None  # noqa: S101 - the first spelling was tried
        return unknown
