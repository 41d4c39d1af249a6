"""Stations for tests that the shipped registry does not have."""

from __future__ import annotations

from meteostream.registry import Registry, Station, load_registry

LOS_ANGELES = "0-840-0-KCQT"
SEATTLE = "0-20000-0-72793"


def station(wigos_id: str, *aliases: str, at: tuple[float, float] = (0.0, 0.0)) -> Station:
    """A station that answers to some names, at degrees north and east."""
    return Station(wigos_id, None, None, aliases[0], *at, 0.0, "XX", aliases[1:], "test")


def registry_with(*stations: Station) -> Registry:
    """The shipped registry and more."""
    return Registry([*load_registry(), *stations])
