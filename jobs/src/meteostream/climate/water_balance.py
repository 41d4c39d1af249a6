"""Water of the soil, day by day: rain, evapotranspiration, what runs off or drains.

Thornthwaite and Mather's one bucket: rain fills it and the rest is surplus; where the demand is greater than the rain,
the soil gives the less the emptier it is (S = S0 exp(-deficit / capacity)).

Reference: Thornthwaite & Mather (1957), Instructions and tables for computing potential evapotranspiration and the
water balance, Publications in Climatology 10 (3).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.derived.arrays import Column, Floats, floats

CAPACITY_MM: Final = 100.0
"""Sandy soils of the groundnut basin, 1 m of roots [our own judgement, a setting of the caller]."""


class Balance(NamedTuple):
    """Each of one value a day, mm: what evaporated, what the soil holds at the day's end, and what was too much."""

    evapotranspiration_mm: Floats
    storage_mm: Floats
    surplus_mm: Floats
    deficit_mm: Floats


def climatic_balance_mm(rain_mm: Column, et0_mm: Column) -> Floats:
    """Rain less reference evapotranspiration.

    >>> climatic_balance_mm([12.0, 0.0, np.nan], [5.0, 6.0, 6.0]).tolist()
    [7.0, -6.0, nan]
    """
    return floats(rain_mm) - floats(et0_mm)


def soil_balance(
    rain_mm: Column, demand_mm: Column, capacity_mm: float = CAPACITY_MM, storage_mm: float = 0.0
) -> Balance:
    """Balance of one bucket through consecutive days.

    Parameters
    ----------
    rain_mm, demand_mm
        Rain, and evapotranspiration of a surface that lacks nothing (ET0, or a crop's); at least 0.
    capacity_mm
        What the soil holds for plants.
    storage_mm
        What it holds at the beginning: 0 at the end of a dry season.

    Returns
    -------
    NaN from the first day on that lacks rain or demand: from there nobody knows what the soil holds.

    Raises
    ------
    ValueError
        For a capacity that is not positive, and a storage outside of it.

    Examples
    --------
    >>> b = soil_balance([150.0, 0.0, 0.0], [5.0, 5.0, 5.0])
    >>> [column.round(2).tolist() for column in b]
    [[5.0, 4.88, 4.64], [100.0, 95.12, 90.48], [45.0, 0.0, 0.0], [0.0, 0.12, 0.36]]
    """
    if not (capacity_mm > 0.0 and 0.0 <= storage_mm <= capacity_mm):
        raise ValueError(
            f"expected a capacity above 0 mm and a storage within it, found {capacity_mm} mm and {storage_mm} mm"
        )
    rain, demand = np.broadcast_arrays(floats(rain_mm), floats(demand_mm))
    found = Balance(*(np.full(rain.shape, np.nan) for _ in Balance._fields))
    for day, (fell, wanted) in enumerate(zip(rain, demand, strict=True)):
        if not (fell >= 0.0 and wanted >= 0.0):
            break
        before = storage_mm
        if fell >= wanted:
            used = wanted
            storage_mm = min(before + fell - wanted, capacity_mm)
        else:
            storage_mm = before * float(np.exp(-(wanted - fell) / capacity_mm))
            used = fell + before - storage_mm
        found.evapotranspiration_mm[day] = used
        found.storage_mm[day] = storage_mm
        found.surplus_mm[day] = fell + before - used - storage_mm
        found.deficit_mm[day] = wanted - used
    return found
