"""The climate products, and which of their results a changed day reaches: the dependency window of each.

Whoever recomputes after a late or corrected value asks :meth:`Product.affected`. Too wide a window costs time, too
narrow a one leaves a wrong number: a test changes single days and holds every product to its window.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Final, NamedTuple

from meteostream.climate.normals import FIRST_YEAR, LAST_YEAR
from meteostream.climate.periods import dekad_first, dekad_last, month_first, month_last


class Reach(Enum):
    """How far a changed day reaches."""

    DAY = "day"
    DEKAD = "dekad"
    MONTH = "month"
    YEAR = "year"
    FROM_THE_DAY_ON = "from the day on"
    EVERYTHING = "everything"


class Product(NamedTuple):
    """A product.

    Attributes
    ----------
    name
        As results and documentation name it.
    inputs
        Daily series it is made of: variable and statistic of gold's daily table, or another product's name.
    reach
        Of a changed day, without what follows in ``more_months`` and ``reference``.
    more_months
        Following months that the changed day's month is also part of (sums of several months).
    reference
        Whether a day of the reference period changes all years (fits, percentiles, normals).
    function
        What computes it.
    """

    name: str
    inputs: tuple[str, ...]
    reach: Reach
    function: str
    more_months: int = 0
    reference: bool = False

    def affected(
        self, day: date, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR
    ) -> tuple[date | None, date | None]:
        """First and last day of the periods that a changed day reaches; None is without an end.

        >>> [str(end) for end in PRODUCTS["spi-3"].affected(date(2026, 8, 15))]
        ['2026-08-01', '2026-10-31']
        >>> PRODUCTS["spi-3"].affected(date(2001, 8, 15))
        (None, None)
        >>> [str(end) for end in PRODUCTS["water-balance"].affected(date(2026, 8, 15))]
        ['2026-08-15', 'None']
        """
        if self.reach is Reach.EVERYTHING or (self.reference and first_year <= day.year <= last_year):
            return None, None
        if self.reach is Reach.FROM_THE_DAY_ON:
            return day, None
        if self.reach is Reach.YEAR:
            return date(day.year, 1, 1), date(day.year, 12, 31)
        if self.reach is Reach.DEKAD:
            return dekad_first(day), dekad_last(day)
        if self.reach is Reach.DAY:
            return day, day
        last = month_last(day)
        for _ in range(self.more_months):
            last = month_last(last + timedelta(days=1))
        return month_first(day), last


RAIN: Final = "rain/sum"
MAXIMUM: Final = "air_temperature/maximum"
MINIMUM: Final = "air_temperature/minimum"

_ALL: Final = (
    Product(
        "et0",
        (MAXIMUM, MINIMUM, "relative_humidity/mean", "wind_speed/mean", "irradiance/mean"),
        Reach.DAY,
        "derived.evapotranspiration.daily_et0_mm",
    ),
    Product("growing-degree-days", (MAXIMUM, MINIMUM), Reach.DAY, "derived.degree_days.growing_degree_days"),
    Product("rainy-season", (RAIN,), Reach.YEAR, "climate.rain_season.rainy_season"),
    *(
        Product(f"spi-{scale}", (RAIN,), Reach.MONTH, "climate.spi.spi", scale - 1, reference=True)
        for scale in (1, 3, 6, 12)
    ),
    Product("water-balance", (RAIN, "et0"), Reach.FROM_THE_DAY_ON, "climate.water_balance.soil_balance"),
    Product("heat-waves", (MAXIMUM,), Reach.EVERYTHING, "climate.heat_waves.heat_waves"),
    Product("records", (MAXIMUM, MINIMUM, RAIN, "gust/maximum"), Reach.EVERYTHING, "climate.records.records"),
    Product("wind-rose", ("wind_speed/mean", "wind_direction/mean"), Reach.MONTH, "climate.wind_rose.wind_rose"),
    Product("normals", (RAIN, MAXIMUM, MINIMUM), Reach.EVERYTHING, "climate.normals.normals_of"),
    Product(
        "climat",
        (RAIN, MAXIMUM, MINIMUM, "air_temperature/mean", "station_pressure/mean", "sunshine/sum"),
        Reach.MONTH,
        "climate.climat.climat",
    ),
    Product("dekad-bulletin", (RAIN, MAXIMUM, MINIMUM, "et0"), Reach.YEAR, "climate.bulletin.bulletin"),
)
PRODUCTS: Final[dict[str, Product]] = {product.name: product for product in _ALL}
"""Every product by its name. A heat wave has no fixed length, so a day may join two of any length."""
