"""Looking stations up. Two stations are never merged: a name that fits both is an error that lists them."""

from __future__ import annotations

import csv
import difflib
import io
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

from meteostream.contract.report import SIMULATED_SERIES, STATION
from meteostream.registry.names import fold
from meteostream.registry.station import Station

FILE: Final = "stations.csv"
COLUMNS: Final = tuple(Station.__struct_fields__)
_POLE: Final = 90.0
_DATE_LINE: Final = 180.0


class RegistryError(ValueError):
    """A registry that cannot be used, or a name that fits no one station."""


class UnknownStationError(RegistryError):
    """No station of that name (KF-113); the message offers the nearest names."""


class Registry:
    """Stations by every name they have.

    Parameters
    ----------
    stations
        Identifiers must be unique; a name or alias may fit several stations, and then resolves to none.

    Raises
    ------
    RegistryError
        If two stations share an identifier.
    """

    def __init__(self, stations: Sequence[Station]) -> None:
        self._stations = {station.wigos_id: station for station in stations}
        if len(self._stations) != len(stations):
            raise RegistryError(f"wigos_id: expected each once, found {_twice([s.wigos_id for s in stations])} twice")
        for member in ("wmo", "icao"):
            identifiers = [value for station in stations if (value := getattr(station, member))]
            if len(set(identifiers)) != len(identifiers):
                raise RegistryError(f"{member}: expected each once, found {_twice(identifiers)} twice")
        self._by_name: dict[str, list[Station]] = {}
        for station in stations:
            for name in dict.fromkeys(map(fold, station.names())):
                self._by_name.setdefault(name, []).append(station)

    def __iter__(self) -> Iterator[Station]:
        return iter(self._stations.values())

    def __len__(self) -> int:
        return len(self._stations)

    def get(self, wigos_id: str) -> Station | None:
        """Station of a canonical identifier."""
        return self._stations.get(wigos_id)

    def resolve(self, name: str) -> Station:
        """Station of any of its names.

        Parameters
        ----------
        name
            WIGOS identifier, WMO number, ICAO code, name or alias; case, accents and their encoding do not matter.

        Raises
        ------
        UnknownStationError
            If none has it.
        RegistryError
            If several do.

        Examples
        --------
        >>> load_registry().resolve("KEDOUGOU").wigos_id
        '0-20000-0-61699'
        """
        found = self._by_name.get(fold(name), [])
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(f"{station.name} ({station.wigos_id})" for station in found)
            raise RegistryError(f"station {name!r}: expected one, found several: {listed}; use the identifier")
        near = difflib.get_close_matches(fold(name), self._by_name, n=3)
        listed = ", ".join(f"{self._by_name[key][0].name} ({self._by_name[key][0].wigos_id})" for key in near)
        raise UnknownStationError(
            f"station {name!r}: expected a registered name or identifier, found none"
            + (f"; near it: {listed}" if listed else "")
            + ". 'meteostream stations list' shows all"
        )


def _twice(values: list[str]) -> str:
    return next(value for value in values if values.count(value) > 1)


def parse_registry(text: str, origin: str) -> list[Station]:
    """Stations of a CSV file with the columns of :class:`Station`; aliases are separated by a bar.

    Raises
    ------
    RegistryError
        Naming the line and what is wrong with it.
    """
    rows = csv.DictReader(io.StringIO(text), strict=True)
    if tuple(rows.fieldnames or ()) != COLUMNS:
        raise RegistryError(f"{origin}: expected the columns {', '.join(COLUMNS)}, found {rows.fieldnames}")
    return [_station(row, f"{origin}, line {number}") for number, row in enumerate(rows, 2)]


def _station(row: dict[str, str], where: str) -> Station:
    if None in row.values() or None in row:
        raise RegistryError(f"{where}: expected {len(COLUMNS)} fields")
    wigos_id = row["wigos_id"]
    if STATION.fullmatch(wigos_id) is None or wigos_id.startswith(SIMULATED_SERIES):
        raise RegistryError(f"{where}: wigos_id: expected a WIGOS identifier of a real station, found {wigos_id!r}")
    try:
        latitude, longitude, elevation = (float(row[name]) for name in ("latitude", "longitude", "elevation_m"))
        barometer = float(row["barometer_m"]) if row["barometer_m"] else None
    except ValueError as error:
        raise RegistryError(f"{where}: expected numbers with a decimal point: {error}") from None
    if not (abs(latitude) <= _POLE and abs(longitude) <= _DATE_LINE):
        raise RegistryError(f"{where}: expected degrees north and east, found {latitude}, {longitude}")
    if not row["name"].strip() or not row["source"].strip():
        raise RegistryError(f"{where}: expected a name and a source")
    return Station(
        wigos_id=wigos_id,
        wmo=row["wmo"] or None,
        icao=row["icao"] or None,
        name=unicodedata.normalize("NFC", row["name"]),
        latitude=latitude,
        longitude=longitude,
        elevation_m=elevation,
        country=row["country"],
        aliases=tuple(filter(None, row["aliases"].split("|"))),
        source=row["source"],
        barometer_m=barometer,
    )


def simulated_twin(station: Station) -> Station:
    """The simulated station at a real one's place: ``0-0-0-SIM`` plus WMO number, else ICAO code (ours)."""
    serial = station.wmo or station.icao
    return Station(
        wigos_id=f"{SIMULATED_SERIES}{serial}",
        wmo=None,
        icao=None,
        name=f"{station.name} (simulated)",
        latitude=station.latitude,
        longitude=station.longitude,
        elevation_m=station.elevation_m,
        country=station.country,
        aliases=(),
        source=f"place of {station.wigos_id}",
        barometer_m=station.barometer_m,
    )


@cache
def load_registry() -> Registry:
    """The shipped registry: real stations, and a simulated twin of each Senegalese one."""
    real = parse_registry(files(__package__).joinpath(FILE).read_text("utf-8"), FILE)
    return Registry([*real, *(simulated_twin(station) for station in real if station.country == "SN")])
