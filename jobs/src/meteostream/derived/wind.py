"""Wind as components and back, and means over time, by the contract's rules.

Direction is where the wind comes from, degrees clockwise from north; north is 360, a calm has speed 0 and no direction,
and a variable wind has a speed and no direction (NaN).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.derived.arrays import Column, Floats, floats, wind_mps, within

NORTH_DEG: Final = 360.0
CALM_RESULTANT_MPS: Final = 1e-3
"""Below this mean vector, m/s, there is no mean direction [our own judgement: below any anemometer's resolution]."""


class Components(NamedTuple):
    """Where the air goes: ``eastward_mps`` (u) and ``northward_mps`` (v)."""

    eastward_mps: Floats
    northward_mps: Floats


class Wind(NamedTuple):
    """Speed, and the direction it comes from: above 0 to 360, NaN for a calm."""

    speed_mps: Floats
    direction_deg: Floats


class MeanWind(NamedTuple):
    """Means over a period.

    Attributes
    ----------
    speed_mps
        Mean of the speeds (what is published as mean wind).
    resultant_mps
        Length of the mean vector, of those winds that have a direction or are calm.
    direction_deg
        Direction of the mean vector: each direction weighs as much as its speed. NaN if there is none.
    speeds, vectors
        How many values the means are of.
    """

    speed_mps: Floats
    resultant_mps: Floats
    direction_deg: Floats
    speeds: np.typing.NDArray[np.int64]
    vectors: np.typing.NDArray[np.int64]


def components(speed_mps: Column, direction_deg: Column) -> Components:
    """Components of a wind.

    Parameters
    ----------
    speed_mps
        0 to 150. A calm has components 0, whatever its direction.
    direction_deg
        0 to 360. NaN with a speed above 0 (variable wind): the components are NaN, for they are not known.

    Examples
    --------
    A wind from the north goes south; a calm; a variable wind:

    >>> [u.round(6).tolist() for u in components([5.0, 0.0, 2.0], [360.0, np.nan, np.nan])]
    [[0.0, 0.0, nan], [-5.0, 0.0, nan]]
    """
    speed, direction = np.broadcast_arrays(wind_mps(speed_mps), within(direction_deg, 0.0, NORTH_DEG))
    radians = np.deg2rad(direction)
    is_calm = speed == 0.0
    # Adding 0 makes the negative zero of a wind from the cardinal points a zero.
    east = np.where(is_calm, 0.0, -speed * np.sin(radians)) + 0.0
    north = np.where(is_calm, 0.0, -speed * np.cos(radians)) + 0.0
    return Components(east, north)


def wind(eastward_mps: Column, northward_mps: Column, calm_below_mps: float = 0.0) -> Wind:
    """Speed and direction of components.

    Parameters
    ----------
    eastward_mps, northward_mps
        Any shapes that fit.
    calm_below_mps
        A speed at or below it has no direction.

    Examples
    --------
    >>> w = wind([0.0, -3.0, 0.0], [-5.0, 4.0, 0.0])
    >>> w.speed_mps.tolist(), w.direction_deg.round(2).tolist()
    ([5.0, 5.0, 0.0], [360.0, 143.13, nan])
    """
    east, north = np.broadcast_arrays(floats(eastward_mps), floats(northward_mps))
    speed = np.hypot(east, north)
    degrees = np.mod(np.rad2deg(np.arctan2(-east, -north)), NORTH_DEG)
    direction = np.where(degrees == 0.0, NORTH_DEG, degrees)
    return Wind(speed, np.where(speed > calm_below_mps, direction, np.nan))


def mean_wind(speed_mps: Column, direction_deg: Column, axis: int = -1) -> MeanWind:
    """Mean speed, and the mean direction weighted by speed (WMO-No. 8, volume I, section 5.1: vector mean).

    Parameters
    ----------
    speed_mps, direction_deg
        Same shape; as :func:`components` takes them. A variable wind counts for the speed alone; a calm counts for
        both and weighs nothing.
    axis
        Along which to take the mean.

    Examples
    --------
    350 and 10 degrees are north in the mean, and the stronger of two winds decides:

    >>> [round(float(mean_wind(s, d).direction_deg), 1) for s, d in [([4, 4], [350, 10]), ([9, 1], [90, 360])]]
    [360.0, 83.7]

    East and west of one strength have no mean direction, but a mean speed:

    >>> m = mean_wind([3.0, 3.0], [90.0, 270.0])
    >>> float(m.speed_mps), float(m.direction_deg)
    (3.0, nan)
    """
    speed, direction = np.broadcast_arrays(wind_mps(speed_mps), floats(direction_deg))
    east, north = components(speed, direction)
    vectors = np.sum(np.isfinite(east), axis=axis)
    speeds = np.sum(np.isfinite(speed), axis=axis)
    mean = wind(_mean(east, vectors, axis), _mean(north, vectors, axis), CALM_RESULTANT_MPS)
    return MeanWind(_mean(speed, speeds, axis), mean.speed_mps, mean.direction_deg, speeds, vectors)


def _mean(values: Floats, count: np.typing.NDArray[np.int64], axis: int) -> Floats:
    return np.asarray(np.nansum(values, axis=axis)) / np.where(count > 0, count, np.nan)
