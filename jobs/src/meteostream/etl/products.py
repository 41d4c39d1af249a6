"""What gold names: the contract's variables without statistic and period, which are columns there.

``tmax_12h`` of a report is, in gold, the variable ``air_temperature`` with the statistic ``maximum`` and a period of
twelve hours. So one series has one name, however its sources cut time.
"""

from __future__ import annotations

import re
from typing import Final

from meteostream.contract.variables import ALL, DAY

_PERIOD: Final = re.compile(r"_(\d+min|\d+h)$")
_RENAMED: Final[dict[str, str]] = {
    "tmax": "air_temperature",
    "tmin": "air_temperature",
    "tmean": "air_temperature",
    "wind_mean": "wind_speed",
    "relative_humidity_mean": "relative_humidity",
    "irradiance_mean": "irradiance",
}

BEST: Final = "best-of-sources"
"""Rule of an hourly value that was chosen among all sources."""
IMPORTED: Final = "imported"
"""Rules of daily values that came as such begin with this; source and variable follow."""


def base_name(variable: str) -> str:
    """Name in gold of a variable of the contract.

    >>> [base_name(name) for name in ("rain_6h", "tmax_12h", "wind_mean_10min", "dew_point_temperature")]
    ['rain', 'air_temperature', 'wind_speed', 'dew_point_temperature']
    """
    stem = _PERIOD.sub("", variable)
    return _RENAMED.get(stem, stem)


BASE_NAMES: Final = frozenset(base_name(name) for name in ALL)
"""Every name that gold may hold."""

DAILY_INPUTS: Final = frozenset(name for name, variable in ALL.items() if variable.period_s == DAY)
"""Variables that are daily values already."""
