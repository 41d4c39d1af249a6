"""Growing degree days of a day."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.derived.arrays import Column, Floats, air_degc


class Crop(NamedTuple):
    """Temperatures between which a crop grows, degC; ``upper_degc`` None where none is agreed."""

    name: str
    base_degc: float
    upper_degc: float | None
    source: str


PEARL_MILLET: Final = Crop("pearl-millet", 10.0, None, "Ong & Monteith (1985), Field Crops Res. 11: 10-12 degC")
MAIZE: Final = Crop("maize", 10.0, 30.0, "Cross & Zuber (1972), Agronomy Journal 64: 86/50 degF method")
CROPS: Final[dict[str, Crop]] = {crop.name: crop for crop in (PEARL_MILLET, MAIZE)}


def growing_degree_days(minimum_degc: Column, maximum_degc: Column, crop: Crop) -> Floats:
    """Degree days of one day each, degC d.

    Both extremes are first brought between base and upper limit, then their mean is taken above the base (method 2 of
    McMaster & Wilhelm).

    Parameters
    ----------
    minimum_degc, maximum_degc
        Of the day; the result is NaN where the minimum is above the maximum.
    crop
        Limits.

    Examples
    --------
    >>> growing_degree_days([8.0, 20.0, 24.0], [20.0, 28.0, 40.0], MAIZE).tolist()
    [5.0, 14.0, 17.0]
    >>> growing_degree_days([8.0, 24.0], [20.0, 40.0], PEARL_MILLET).tolist()
    [5.0, 22.0]

    References
    ----------
    McMaster & Wilhelm (1997), Growing degree-days: one equation, two interpretations, Agric. For. Meteorol. 87,
    291-300.
    """
    low, high = air_degc(minimum_degc), air_degc(maximum_degc)
    upper = np.inf if crop.upper_degc is None else crop.upper_degc
    mean = (np.clip(low, crop.base_degc, upper) + np.clip(high, crop.base_degc, upper)) / 2.0
    return np.where(low <= high, mean - crop.base_degc, np.nan)


def mean_degree_days(mean_degc: Column, base_degc: Column) -> Floats:
    """Degree days of the daily mean above a base, degC d (method 1 of McMaster & Wilhelm, and the climatologists').

    >>> mean_degree_days([9.0, 25.0], 10.0).tolist()
    [0.0, 15.0]
    """
    return np.asarray(np.maximum(air_degc(mean_degc) - air_degc(base_degc), 0.0))
