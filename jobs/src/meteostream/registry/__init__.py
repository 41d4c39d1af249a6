"""The station registry: who a station is, under which names it may be called, and where it stands."""

from meteostream.registry.names import fold
from meteostream.registry.registry import Registry, RegistryError, UnknownStationError, load_registry, parse_registry
from meteostream.registry.station import Station

__all__ = ["Registry", "RegistryError", "Station", "UnknownStationError", "fold", "load_registry", "parse_registry"]
