"""What the licences of the sources allow. A source that is not known here allows nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from meteostream.contract.report import NAME
from meteostream.simulator.messages import SOURCE as SIMULATOR
from meteostream.sources.errors import SourceError
from meteostream.sources.formats import FORMATS
from meteostream.sources.profile import Licence, load_profile, shipped

OWN: Final[dict[str, Licence]] = {
    SIMULATOR: Licence(
        name="own", attribution="MeteoStream simulator: simulated weather", commercial_use=True, redistribute=True
    )
}
"""Sources that are this project's."""


def known_licences(collected: Mapping[str, Licence], file: Path | None = None) -> dict[str, Licence]:
    """Licences by source: our own, those of formats, profiles and collectors, and those of an operator's file.

    Where one source has several, because it is read from files as well as collected, what one of them does not allow
    is not allowed. The operator's file wins over all.

    Parameters
    ----------
    collected
        Licences of the collectors, by source.
    file
        TOML, a table a source with the members of :class:`~meteostream.sources.profile.Licence`. An operator records
        here what an owner has permitted.

    Raises
    ------
    SourceError
        If the file cannot be read, or names what is not known.
    """
    formats = [(one.source, one.licence) for one in FORMATS.values()]
    profiles = [(profile.source, profile.licence) for profile in map(load_profile, shipped())]
    known = strictest([*OWN.items(), *formats, *profiles, *collected.items()])
    return known if file is None else known | _read(file)


def strictest(licences: Iterable[tuple[str, Licence]]) -> dict[str, Licence]:
    """Licences by source; of several of one source what all of them allow.

    >>> free = Licence(name="CC0", attribution="A", commercial_use=True, redistribute=True)
    >>> other = Licence(name="unknown", attribution="unknown", redistribute=True)
    >>> both = strictest([("metar", free), ("metar", other)])
    >>> both["metar"].name, both["metar"].commercial_use, both["metar"].redistribute
    ('CC0; unknown', False, True)
    """
    found: dict[str, list[Licence]] = {}
    for source, licence in licences:
        if licence not in found.setdefault(source, []):
            found[source].append(licence)
    return {
        source: Licence(
            name="; ".join(dict.fromkeys(one.name for one in several)),
            attribution="; ".join(dict.fromkeys(one.attribution for one in several)),
            commercial_use=all(one.commercial_use for one in several),
            redistribute=all(one.redistribute for one in several),
        )
        for source, several in found.items()
    }


def _read(file: Path) -> dict[str, Licence]:
    try:
        found = msgspec.toml.decode(file.read_bytes(), type=dict[str, Licence])
    except OSError as error:
        raise SourceError(f"{file}: expected a file of licences: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise SourceError(f"{file}: {error}") from None
    for source in found:
        if NAME.fullmatch(source) is None:
            raise SourceError(f"{file}: [{source}]: expected a source's name: lower-case letters, digits, dots, dashes")
    return found
