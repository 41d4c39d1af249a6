"""Where it is simulated: the simulated twins of real stations, then as many more as are asked for."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, NamedTuple

import numpy as np

from meteostream.contract.report import SIMULATED_SERIES
from meteostream.registry import load_registry
from meteostream.simulator.random import Floats, Words

# Senegal, roughly: further stations are spread over it.
SOUTH: Final = 12.4
NORTH: Final = 16.6
WEST: Final = -17.4
EAST: Final = -11.6
HIGHEST_M: Final = 150.0


class Places(NamedTuple):
    """Stations as columns.

    Attributes
    ----------
    station
        Identifiers of the simulated series.
    identity
        64 bits of each identifier's hash: what random numbers depend on, so that a station has the same weather in
        whatever selection.
    latitude, longitude, elevation_m
        Degrees north, degrees east, metres.
    """

    station: tuple[str, ...]
    identity: Words
    latitude: Floats
    longitude: Floats
    elevation_m: Floats


def simulated_places(count: int) -> Places:
    """The first ``count`` simulated stations; a longer list begins with the shorter one.

    First the registered ones (``0-0-0-SIM61641``), then serial numbers of seven digits (``0-0-0-SIM0000001``).
    """
    registered = [station for station in load_registry() if station.simulated][:count]
    serials = [f"{SIMULATED_SERIES}{number:07d}" for number in range(1, count - len(registered) + 1)]
    names = (*(station.wigos_id for station in registered), *serials)
    digests = [blake2b(name.encode(), digest_size=32).digest() for name in names]
    words = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 4).astype(np.uint64)
    share = words[:, 1:].astype(np.float64) / 2.0**64
    latitude = np.round(SOUTH + (NORTH - SOUTH) * share[:, 0], 4)
    longitude = np.round(WEST + (EAST - WEST) * share[:, 1], 4)
    elevation = np.round(HIGHEST_M * share[:, 2] ** 2, 0)
    for row, station in enumerate(registered):
        latitude[row], longitude[row], elevation[row] = station.latitude, station.longitude, station.elevation_m
    return Places(names, np.ascontiguousarray(words[:, 0]), latitude, longitude, elevation)
