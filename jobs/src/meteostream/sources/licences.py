"""What the licences of the sources allow. A source that is not known here allows nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from meteostream.contract.report import NAME
from meteostream.simulator.messages import SOURCE as SIMULATOR
from meteostream.sources.errors import SourceError
from meteostream.sources.profile import Licence, load_profile, shipped

OWN: Final[dict[str, Licence]] = {
    SIMULATOR: Licence(
        name="own", attribution="MeteoStream simulator: simulated weather", commercial_use=True, redistribute=True
    )
}
"""Sources that are this project's."""


def known_licences(file: Path | None = None) -> dict[str, Licence]:
    """Licences by source: our own, those of the shipped profiles, and those of an operator's file, which win.

    Parameters
    ----------
    file
        TOML, a table a source with the members of :class:`~meteostream.sources.profile.Licence`. An operator records
        here what an owner has permitted.

    Raises
    ------
    SourceError
        If the file cannot be read, or names what is not known.
    """
    profiles = [load_profile(name) for name in shipped()]
    known = OWN | {profile.source: profile.licence for profile in profiles}
    return known if file is None else known | _read(file)


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
