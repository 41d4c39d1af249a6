"""Wind roses: how often the wind blows from where, and how strongly."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from meteostream.derived.arrays import Column, Floats, floats, wind_mps
from meteostream.derived.wind import NORTH_DEG

SECTORS: Final = 16
CLASSES_MPS: Final = (0.0, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2)
"""Lower limits of the classes: Beaufort 1 with all that is not calm, 2, ... to 8 and more (WMO-No. 306, table 1100)."""


class WindRose(NamedTuple):
    """Counts of winds.

    Attributes
    ----------
    counts
        (sectors, classes); sector 0 is around north, the next to its east.
    classes_mps
        Lower limits of the classes; the last has no upper one.
    calms, variable, missing
        Winds that have no direction because there is none, because it varies, and values that lack.
    """

    counts: npt.NDArray[np.int64]
    classes_mps: tuple[float, ...]
    calms: int
    variable: int
    missing: int

    @property
    def total(self) -> int:
        """Winds that are known, with or without direction."""
        return int(self.counts.sum()) + self.calms + self.variable

    @property
    def percent(self) -> Floats:
        """Counts as per cent of all known winds: the rose, the calms and the variable winds are 100 together."""
        return 100.0 * self.counts / np.float64(self.total or np.nan)


def wind_rose(
    speed_mps: Column,
    direction_deg: Column,
    sectors: int = SECTORS,
    classes_mps: tuple[float, ...] = CLASSES_MPS,
) -> WindRose:
    """Wind rose of winds by the contract's rules.

    Parameters
    ----------
    speed_mps, direction_deg
        One wind each; a calm has speed 0, a variable wind no direction.
    sectors
        Of equal width, the first centred on north.
    classes_mps
        Lower limits, ascending, the first 0; a speed equal to a limit belongs to the class above it.

    Raises
    ------
    ValueError
        For limits that do not ascend from 0, and less than one sector.

    Examples
    --------
    North from both sides, one east wind, a calm, a variable wind, a missing one:

    >>> rose = wind_rose([2, 2, 9, 0, 1, np.nan], [355, 5, 90, np.nan, np.nan, 10], 4, (0.0, 5.0))
    >>> rose.counts.tolist(), rose.calms, rose.variable, rose.missing
    ([[2, 0], [0, 1], [0, 0], [0, 0]], 1, 1, 1)
    """
    if sectors < 1 or not classes_mps or classes_mps[0] != 0.0 or any(np.diff(classes_mps) <= 0.0):
        raise ValueError(f"expected sectors and classes that ascend from 0, found {sectors} and {classes_mps}")
    speed, direction = np.broadcast_arrays(wind_mps(speed_mps), floats(direction_deg))
    speed, direction = speed.ravel(), direction.ravel()
    is_calm = speed == 0.0
    usable = (speed > 0.0) & (direction >= 0.0) & (direction <= NORTH_DEG)
    width = NORTH_DEG / sectors
    sector = np.floor(np.mod(direction[usable] + width / 2.0, NORTH_DEG) / width).astype(np.int64) % sectors
    class_ = np.searchsorted(classes_mps, speed[usable], side="right") - 1
    counts = np.zeros((sectors, len(classes_mps)), dtype=np.int64)
    np.add.at(counts, (sector, class_), 1)
    variable = int(((speed > 0.0) & ~usable).sum())
    return WindRose(counts, classes_mps, int(is_calm.sum()), variable, int(np.isnan(speed).sum()))
