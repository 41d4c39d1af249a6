"""Numbers as text: shortest for people, with a fixed number of decimals for formats that have a resolution."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

HALF: Final = Fraction(1, 2)


def shortest(value: float) -> str:
    """Shortest decimal text that reads back as the same number, without an exponent.

    >>> shortest(25.0), shortest(0.1), shortest(1e-05)
    ('25.0', '0.1', '0.00001')
    """
    return format(Decimal(repr(value)), "f")


def rounded(value: Fraction, decimals: int) -> str:
    """Decimal text with a fixed number of decimals, halves away from zero.

    Parameters
    ----------
    value
        Exact.
    decimals
        Digits after the point; negative: to tens, hundreds.

    >>> rounded(Fraction("298.455"), 2), rounded(Fraction("-0.04"), 1), rounded(Fraction(101325), -1)
    ('298.46', '0.0', '101330')
    """
    steps = abs(value) * Fraction(10) ** decimals + HALF
    whole = steps.numerator // steps.denominator * (-1 if value < 0 else 1)
    return format(Decimal(whole).scaleb(-decimals), "f") if decimals > 0 else str(whole * 10**-decimals)
