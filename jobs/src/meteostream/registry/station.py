"""One station."""

from __future__ import annotations

import msgspec

from meteostream.contract.report import is_simulated_station


class Station(msgspec.Struct, frozen=True):
    """What is registered about a station.

    Attributes
    ----------
    wigos_id
        Canonical identifier; station and Kafka key of every report.
    wmo, icao
        Other identifiers, None where there is none.
    name
        As written by the service that runs it, NFC.
    latitude, longitude
        Degrees north and east.
    elevation_m
        Metres above mean sea level.
    country
        ISO 3166 code.
    aliases
        Further names it is called by in files.
    source
        Where all this was read.
    barometer_m
        Height of the barometer above mean sea level, metres; None where it is not known.
    """

    wigos_id: str
    wmo: str | None
    icao: str | None
    name: str
    latitude: float
    longitude: float
    elevation_m: float
    country: str
    aliases: tuple[str, ...]
    source: str
    barometer_m: float | None = None

    @property
    def simulated(self) -> bool:
        """Whether its weather is made up."""
        return is_simulated_station(self.wigos_id)

    def names(self) -> tuple[str, ...]:
        """Everything it answers to."""
        return tuple(filter(None, (self.wigos_id, self.wmo, self.icao, self.name, *self.aliases)))
