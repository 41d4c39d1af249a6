"""What the warehouse's dimensions hold: stations and sources with their history, variables, tests, rulesets."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from psycopg2.extras import Json, execute_values

from meteostream import qc
from meteostream.collect.catalogue import built_in_licences
from meteostream.contract.variables import ALL, Variable
from meteostream.etl.products import BASE_NAMES, base_name
from meteostream.qc import Ruleset, load_ruleset
from meteostream.qc.flags import Test
from meteostream.registry import load_registry
from meteostream.sources.licences import known_licences
from meteostream.warehouse.errors import HistoryError
from meteostream.warehouse.history import Changes, HistoryTable, keep_history
from meteostream.warehouse.stations import series_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import psycopg2.extensions

    from meteostream.registry import Station
    from meteostream.sources.profile import Licence

RESOLUTION: Final[dict[str, float]] = {
    "air_temperature": 0.1,
    "dew_point_temperature": 0.1,
    "relative_humidity": 1.0,
    "station_pressure": 0.1,
    "sea_level_pressure": 0.1,
    "wind_speed": 0.5,
    "wind_direction": 1.0,
    "gust": 0.1,
    "rain": 0.1,
    "visibility": 1.0,
    "cloud_cover": 1.0,
    "sunshine": 60.0,
    "evaporation": 0.1,
    "snow_depth": 0.01,
}
"""Reported resolution, in the variable's unit (WMO-No. 8, volume I, annex 1.A, column 3)."""

TITLES: Final[dict[str, str]] = {
    "wind_speed": "Wind speed",
    "gust": "Strongest gust",
    "rain": "Rain",
    "sunshine": "Duration of sunshine",
    "evaporation": "Evaporation",
}
"""Of variables that no report names without a period."""

STATION: Final = HistoryTable(
    "station",
    (
        "name",
        "wmo",
        "icao",
        "aliases",
        "latitude",
        "longitude",
        "elevation_m",
        "barometer_m",
        "country",
        "series",
        "source",
    ),
)
SOURCE: Final = HistoryTable("source", ("licence", "attribution", "commercial_use", "redistribute"))


class Product(NamedTuple):
    """A row of ``dim.variable``, in the order of its columns."""

    variable: str
    unit: str
    cf_name: str | None
    resolution: float | None
    low: float | None
    high: float | None
    title: str


class Loaded(NamedTuple):
    """What :func:`load_dimensions` did."""

    stations: Changes
    sources: Changes
    others: int

    @property
    def changed(self) -> int:
        """Rows that are new or closed."""
        return sum(len(part.added) + len(part.changed) for part in (self.stations, self.sources)) + self.others


def product_of(variable: str) -> Product:
    """What is known about a variable of gold's: from the contract, and the widest limits of its instrument's range.

    >>> product_of("air_temperature")[1:6]
    ('degC', 'air_temperature', 0.1, -80.0, 60.0)
    """
    members = [member for member in ALL.values() if base_name(member.name) == variable]
    ranges = load_ruleset().instrument_range
    limits = [ranges[member.name] for member in members if member.name in ranges]
    first: Variable = ALL.get(variable, members[0])
    return Product(
        variable=variable,
        unit=first.unit,
        cf_name=first.cf_name,
        resolution=RESOLUTION.get(variable),
        low=min((limit.low for limit in limits), default=None),
        high=max((limit.high for limit in limits), default=None),
        title=TITLES.get(variable, first.title),
    )


def station_rows(stations: Iterable[Station]) -> dict[str, tuple[Any, ...]]:
    """Attributes of the registry's stations, in the order of :data:`STATION`."""
    return {
        s.wigos_id: (
            s.name,
            s.wmo,
            s.icao,
            list(s.aliases),
            s.latitude,
            s.longitude,
            s.elevation_m,
            s.barometer_m,
            s.country,
            series_of(s),
            s.source,
        )
        for s in stations
    }


def source_rows(licences: Mapping[str, Licence]) -> dict[str, tuple[Any, ...]]:
    """Attributes of sources, in the order of :data:`SOURCE`."""
    return {
        source: (licence.name, licence.attribution, licence.commercial_use, licence.redistribute)
        for source, licence in licences.items()
    }


def shipped_rulesets() -> list[Ruleset]:
    """Every version of the quality control's thresholds."""
    folder = files(qc).joinpath("rulesets")
    return [load_ruleset(file.name.removesuffix(".toml")) for file in folder.iterdir() if file.name.endswith(".toml")]


def load_dimensions(
    connection: psycopg2.extensions.connection,
    since: datetime | None,
    *,
    stations: Iterable[Station] | None = None,
    licences: Mapping[str, Licence] | None = None,
) -> Loaded:
    """Bring the dimensions to what registry, contract, rulesets and licences say, in one transaction.

    Parameters
    ----------
    since
        See :func:`~meteostream.warehouse.history.keep_history`.
    stations, licences
        Instead of the registry's and the known ones.

    Raises
    ------
    HistoryError
        If a change lies before the present row, or a stored ruleset has other thresholds than the shipped one of its
        version. Nothing is changed.
    """
    was_autocommit = connection.autocommit
    connection.autocommit = False
    try:
        with connection, connection.cursor() as cursor:
            registered = load_registry() if stations is None else stations
            known = known_licences(built_in_licences()) if licences is None else licences
            loaded = Loaded(
                keep_history(cursor, STATION, station_rows(registered), since),
                keep_history(cursor, SOURCE, source_rows(known), since),
                _load_variables(cursor) + _load_tests(cursor) + _load_rulesets(cursor),
            )
    finally:
        connection.autocommit = was_autocommit
    return loaded


_VARIABLES: Final = """
INSERT INTO dim.variable AS v (variable, unit, cf_name, resolution, low, high, title) VALUES %s
ON CONFLICT (variable) DO UPDATE SET unit = excluded.unit, cf_name = excluded.cf_name,
    resolution = excluded.resolution, low = excluded.low, high = excluded.high, title = excluded.title
WHERE (v.unit, v.cf_name, v.resolution, v.low, v.high, v.title) IS DISTINCT FROM
    (excluded.unit, excluded.cf_name, excluded.resolution, excluded.low, excluded.high, excluded.title)
"""
_REPORT_VARIABLES: Final = """
INSERT INTO dim.report_variable (name, variable, statistic, period_s) VALUES %s ON CONFLICT (name) DO NOTHING
"""
_TESTS: Final = "INSERT INTO dim.qc_test (bit, test) VALUES %s ON CONFLICT (bit) DO NOTHING"


def _load_variables(cursor: psycopg2.extensions.cursor) -> int:
    execute_values(cursor, _VARIABLES, [product_of(name) for name in sorted(BASE_NAMES)], page_size=1000)
    changed = int(cursor.rowcount)
    rows = [(v.name, base_name(v.name), v.statistic, v.period_s) for v in ALL.values()]
    execute_values(cursor, _REPORT_VARIABLES, rows, page_size=1000)
    return changed + int(cursor.rowcount)


def _load_tests(cursor: psycopg2.extensions.cursor) -> int:
    execute_values(cursor, _TESTS, [(int(test), test.label) for test in Test])
    return int(cursor.rowcount)


def _load_rulesets(cursor: psycopg2.extensions.cursor) -> int:
    cursor.execute("SELECT ruleset, thresholds FROM dim.qc_ruleset")
    stored = dict(cursor.fetchall())
    added = 0
    for ruleset in shipped_rulesets():
        thresholds = msgspec.to_builtins(ruleset)
        if ruleset.version not in stored:
            cursor.execute(
                "INSERT INTO dim.qc_ruleset (ruleset, thresholds) VALUES (%s, %s)", (ruleset.version, Json(thresholds))
            )
            added += 1
        elif stored[ruleset.version] != thresholds:
            raise HistoryError(
                f"ruleset {ruleset.version}: expected the thresholds that are stored, found others in the file; "
                "a change of thresholds is a new version"
            )
    return added
