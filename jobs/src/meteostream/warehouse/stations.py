"""The registry's stations in the warehouse, so that queries can name and map them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg2.extras import execute_values

from meteostream.registry import load_registry

if TYPE_CHECKING:
    import psycopg2.extensions

    from meteostream.registry import Station

_COLUMNS = "station, name, latitude, longitude, elevation_m, country, wmo, icao, series, source"
_UPSERT = f"""
INSERT INTO core.station AS s ({_COLUMNS}) VALUES %s
ON CONFLICT (station) DO UPDATE SET name = excluded.name, latitude = excluded.latitude, longitude = excluded.longitude,
    elevation_m = excluded.elevation_m, country = excluded.country, wmo = excluded.wmo, icao = excluded.icao,
    series = excluded.series, source = excluded.source, loaded_at = now()
WHERE (s.name, s.latitude, s.longitude, s.elevation_m, s.country, s.wmo, s.icao, s.series, s.source) IS DISTINCT FROM
    (excluded.name, excluded.latitude, excluded.longitude, excluded.elevation_m, excluded.country, excluded.wmo,
     excluded.icao, excluded.series, excluded.source)
"""  # noqa: S608 - names of ours
_ALIASES = """
INSERT INTO core.station_alias AS a (kind, alias, station) VALUES %s
ON CONFLICT (kind, alias) DO UPDATE SET station = excluded.station WHERE a.station <> excluded.station
"""


def series_of(station: Station) -> str:
    """Whose identifier it is: simulated, wmo (0-20000-...) or national (WIGOS issuers below 20000).

    >>> from meteostream.registry import load_registry
    >>> series_of(load_registry().resolve("Kédougou"))
    'wmo'
    """
    if station.simulated:
        return "simulated"
    return "wmo" if station.wigos_id.startswith("0-20000-") else "national"


def load_stations(connection: psycopg2.extensions.connection) -> int:
    """Make the warehouse's stations those of the registry; give how many rows changed. None is ever removed."""
    stations = list(load_registry())
    rows: list[tuple[Any, ...]] = [
        (s.wigos_id, s.name, s.latitude, s.longitude, s.elevation_m, s.country, s.wmo, s.icao, series_of(s), s.source)
        for s in stations
    ]
    aliases = [
        (kind, alias, s.wigos_id)
        for s in stations
        for kind, alias in (("wmo", s.wmo), ("icao", s.icao), ("name", s.name), *(("name", name) for name in s.aliases))
        if alias
    ]
    with connection.cursor() as cursor:
        execute_values(cursor, _UPSERT, rows, page_size=1000)
        changed = int(cursor.rowcount)
        execute_values(cursor, _ALIASES, sorted(set(aliases)), page_size=1000)
        return changed + int(cursor.rowcount)
