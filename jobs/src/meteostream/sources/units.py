"""Other people's units. The contract has one unit a variable; all others end here.

Factors are exact by definition (international yard and pound agreement of 1959; the SI brochure for degrees; the
international nautical mile of 1929), so conversions are made with fractions and rounded once, to the nearest float:
39.02 degF is 3.9 degC and not 3.9000000000000004.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

INCH_MM: Final = Fraction(254, 10)
MILE_M: Final = Fraction(1_609_344, 1000)
NAUTICAL_MILE_M: Final = Fraction(1852)
FOOT_M: Final = Fraction(3048, 10_000)
HOUR_S: Final = Fraction(3600)
FAHRENHEIT_DEGREE: Final = Fraction(5, 9)
FAHRENHEIT_ZERO: Final = Fraction(32)
KELVIN_ZERO: Final = Fraction(27_315, 100)
INCH_OF_MERCURY_HPA: Final = Fraction(3_386_389, 100_000)
"""Conventional: 3386.389 Pa at 0 degC (NIST SP 811, appendix B.8)."""


class Conversion(NamedTuple):
    """``(value - zero) * factor`` is the value in the contract's unit."""

    factor: Fraction
    zero: Fraction = Fraction(0)


SAME: Final = Conversion(Fraction(1))
"""Of a unit that is the contract's already."""

NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,2})?")
"""A decimal number as files have them, which :func:`convert` takes; longer ones are no measurement."""

CONVERSIONS: Final[dict[tuple[str, str], Conversion]] = {
    ("degF", "degC"): Conversion(FAHRENHEIT_DEGREE, FAHRENHEIT_ZERO),
    ("K", "degC"): Conversion(Fraction(1), KELVIN_ZERO),
    ("km/h", "m/s"): Conversion(1000 / HOUR_S),
    ("mph", "m/s"): Conversion(MILE_M / HOUR_S),
    ("kt", "m/s"): Conversion(NAUTICAL_MILE_M / HOUR_S),
    ("Pa", "hPa"): Conversion(Fraction(1, 100)),
    ("kPa", "hPa"): Conversion(Fraction(10)),
    ("inHg", "hPa"): Conversion(INCH_OF_MERCURY_HPA),
    ("inch", "mm"): Conversion(INCH_MM),
    ("cm", "mm"): Conversion(Fraction(10)),
    ("mile", "m"): Conversion(MILE_M),
    ("km", "m"): Conversion(Fraction(1000)),
    ("ft", "m"): Conversion(FOOT_M),
    ("cm", "m"): Conversion(Fraction(1, 100)),
    ("mm", "m"): Conversion(Fraction(1, 1000)),
    ("inch", "m"): Conversion(INCH_MM / 1000),
    ("fraction", "%"): Conversion(Fraction(100)),
    ("min", "s"): Conversion(Fraction(60)),
    ("h", "s"): Conversion(HOUR_S),
    ("percent", "okta"): Conversion(Fraction(8, 100)),
}
"""Known conversions, by (found unit, the contract's unit)."""


def conversion(found: str, wanted: str) -> Conversion:
    """How to convert.

    Raises
    ------
    ValueError
        If it is not known, with what is.
    """
    if found == wanted:
        return SAME
    try:
        return CONVERSIONS[found, wanted]
    except KeyError:
        known = ", ".join([wanted, *(unit for unit, to in CONVERSIONS if to == wanted)])
        raise ValueError(f"unit: expected one of {known}, found {found!r}") from None


@lru_cache(maxsize=65_536)
def convert(number: str, how: Conversion) -> float:
    """Value of a decimal number's text, converted and rounded once.

    >>> convert("39.02", conversion("degF", "degC")), convert("1048.36058", conversion("mph", "m/s"))
    (3.9, 468.6591136832)
    """
    return float((Fraction(number) - how.zero) * how.factor)


def express(value: float, how: Conversion) -> Fraction:
    """Value of the contract's unit in the other one: the way back of :func:`convert`, exact.

    A float means the shortest decimal number that reads back as it, so 25.3 degC is 298.45 K and nothing else.

    >>> float(express(25.3, conversion("K", "degC"))), float(express(1013.25, conversion("Pa", "hPa")))
    (298.45, 101325.0)
    """
    return Fraction(repr(value)) / how.factor + how.zero
