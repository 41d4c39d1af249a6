"""Which sources there are: those of this package, and those that the operator declares."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meteostream.collect.declared import declared_collector, declared_collectors
from meteostream.collect.errors import CollectError
from meteostream.config import Collect

if TYPE_CHECKING:
    from meteostream.collect.collector import Collector
    from meteostream.sources.profile import Licence

BUILT_IN: Final[dict[str, tuple[str, str, str]]] = {
    "open-meteo": ("open_meteo", "forecast_collector", "open_meteo"),
    "open-meteo-archive": ("open_meteo", "archive_collector", "open_meteo"),
    "metar": ("aviation", "metar_collector", "aviation"),
    "taf": ("aviation", "taf_collector", "aviation"),
    "synop": ("ogimet", "synop_collector", "ogimet"),
    "bufr": ("wis2", "bufr_collector", "wis2"),
    "noaa-ghcnh": ("noaa", "ghcnh_collector", "noaa"),
    "noaa-isd": ("noaa", "isd_collector", "noaa"),
    "noaa-gsod": ("noaa", "gsod_collector", "noaa"),
}
"""Module of this package, function in it, section of ``[collect]`` that it takes. Imported when asked for."""


def names(settings: Collect) -> list[str]:
    """Names of all sources."""
    return [*BUILT_IN, *declared_collectors(Path(settings.sources))]


def find(name: str, settings: Collect) -> Collector:
    """The collector of a name.

    Raises
    ------
    CollectError
        If there is none; with those there are.
    SourceError
        If its declaration is wrong.
    """
    if name in BUILT_IN:
        module, function, section = BUILT_IN[name]
        make: Callable[[Any], Collector] = getattr(import_module(f"{__package__}.{module}"), function)
        return make(getattr(settings, section))
    declared = declared_collectors(Path(settings.sources))
    if name in declared:
        return declared_collector(declared[name])
    raise CollectError(
        f"source {name!r}: expected one of {', '.join(names(settings))}; a source of your own is declared in "
        f"{settings.sources}/{name}.toml"
    )


def built_in_licences() -> dict[str, Licence]:
    """Licences of the sources of this package, by source."""
    return {name: find(name, Collect()).licence for name in BUILT_IN}


def licences(settings: Collect) -> dict[str, Licence]:
    """Licences of all sources, by source.

    Raises
    ------
    SourceError
        If the declaration of one is wrong.
    """
    return {name: find(name, settings).licence for name in names(settings)}
