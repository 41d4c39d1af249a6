"""Monthly climate between the coast and the interior of Senegal.

Dakar's temperatures are the ones quoted for its climate normals (period unknown, plausibility only). All else is
marked [assumed]: our own round figures, to be replaced by published normals.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from meteostream.simulator.random import Floats, Integers
from meteostream.simulator.sun import DAY_S, YEAR_DAYS

DAKAR_TMAX: Final = (25.0, 24.6, 25.0, 25.3, 26.3, 28.9, 30.0, 30.1, 30.4, 30.4, 29.7, 26.5)
DAKAR_TMIN: Final = (17.4, 17.0, 17.4, 18.4, 20.2, 23.1, 24.5, 24.6, 24.4, 24.3, 22.5, 19.6)
COAST_DEW_POINT: Final = (14.0, 14.5, 15.5, 16.5, 18.5, 21.5, 23.5, 24.0, 24.0, 22.5, 18.5, 15.5)  # [assumed]
INLAND_TMAX: Final = (34.0, 36.5, 39.0, 40.5, 40.0, 36.5, 32.5, 31.0, 32.0, 35.0, 36.0, 34.0)  # [assumed]
INLAND_TMIN: Final = (17.0, 19.5, 22.5, 25.0, 26.5, 25.0, 23.5, 23.0, 23.0, 22.5, 19.5, 17.0)  # [assumed]
INLAND_DEW_POINT: Final = (4.0, 4.0, 5.0, 8.0, 13.0, 19.0, 22.0, 23.0, 23.0, 20.0, 10.0, 5.0)  # [assumed]
SEA_LEVEL_PRESSURE: Final = (
    1013.5,
    1013.0,
    1012.0,
    1011.5,
    1012.0,
    1013.5,
    1013.5,
    1013.0,
    1012.5,
    1012.0,
    1012.0,
    1013.0,
)  # [assumed]
# Share of the year's rain a month [assumed]; 495 mm a year at Dakar (quoted), about 1,250 mm at 12.5 N [assumed].
RAIN_SHARE: Final = (0.0, 0.0, 0.0, 0.0, 0.01, 0.06, 0.18, 0.37, 0.29, 0.08, 0.01, 0.0)
DAKAR_RAIN_MM: Final = 495.0
DAKAR_LATITUDE: Final = 14.73
SOUTH_RAIN_MM: Final = 1250.0
SOUTH_LATITUDE: Final = 12.5
DRIEST_RAIN_MM: Final = 180.0
COAST_LONGITUDE: Final = -17.5
INLAND_DEGREES: Final = 3.5
"""Degrees of longitude from the coast to full continentality [assumed]."""


class Climate(NamedTuple):
    """Expected state at each moment and place, in the contract's units; ``rain_mm_per_hour`` is the season's mean."""

    tmax: Floats
    tmin: Floats
    dew_point: Floats
    sea_level_pressure: Floats
    rain_mm_per_hour: Floats
    monsoon: Floats


def climate(seconds: Integers, latitude: Floats, longitude: Floats) -> Climate:
    """Climate by month, joined smoothly in time and linearly from the coast to the interior."""
    inland = np.clip((longitude - COAST_LONGITUDE) / INLAND_DEGREES, 0.0, 1.0)

    def blend(coast: tuple[float, ...], interior: tuple[float, ...]) -> Floats:
        return _monthly(seconds, coast) * (1.0 - inland) + _monthly(seconds, interior) * inland

    slope = np.log(SOUTH_RAIN_MM / DAKAR_RAIN_MM) / (DAKAR_LATITUDE - SOUTH_LATITUDE)
    annual = np.maximum(DAKAR_RAIN_MM * np.exp(slope * (DAKAR_LATITUDE - latitude)), DRIEST_RAIN_MM)
    share = _monthly(seconds, RAIN_SHARE)
    return Climate(
        tmax=blend(DAKAR_TMAX, INLAND_TMAX),
        tmin=blend(DAKAR_TMIN, INLAND_TMIN),
        dew_point=blend(COAST_DEW_POINT, INLAND_DEW_POINT),
        sea_level_pressure=_monthly(seconds, SEA_LEVEL_PRESSURE),
        rain_mm_per_hour=annual * share / (YEAR_DAYS / 12.0 * 24.0),
        monsoon=np.clip(share / 0.2, 0.0, 1.0),
    )


def _monthly(seconds: Integers, values: tuple[float, ...]) -> Floats:
    """Monthly means as a course of time: each holds at its month's middle."""
    position = np.mod(seconds / DAY_S, YEAR_DAYS) / YEAR_DAYS * 12.0 - 0.5
    before = np.floor(position).astype(np.int64)
    x = position - before
    table = np.asarray(values, np.float64)
    return np.asarray(table[before % 12] * (1.0 - x) + table[(before + 1) % 12] * x, np.float64)
