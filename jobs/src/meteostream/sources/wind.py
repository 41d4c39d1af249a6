"""Wind by the contract's rules: north is 360, calm has speed 0 and no direction, variable wind has none either."""

from __future__ import annotations

from typing import Final, NamedTuple

NORTH: Final = 360.0


class Direction(NamedTuple):
    """Direction in degrees or None; ``variable`` is None where the source cannot tell."""

    degrees: float | None
    variable: bool | None


def direction(speed: float | None, found: float | None) -> Direction:
    """Translate a direction that came as a number, or not at all.

    Parameters
    ----------
    speed
        Mean wind, m/s, None if missing.
    found
        What the source has, degrees; 0 is how many sources write both calm and north. BUFR does not: there 0 with a
        speed is variable (:mod:`meteostream.sources.bufr`).

    Examples
    --------
    Calm, north, a direction that is missing (and not variable), and 0 without a speed, which says nothing:

    >>> [direction(speed, found).degrees for speed, found in [(0.0, 0.0), (5.1, 0.0), (5.1, None), (None, 0.0)]]
    [None, 360.0, None, None]
    """
    if found is None or speed == 0.0:
        return Direction(None, None)
    if found == 0.0:
        return Direction(None if speed is None else NORTH, None)
    return Direction(found, None)


def variable_direction() -> Direction:
    """Wind that the source calls variable (VRB)."""
    return Direction(None, True)
