"""Units other than the contract's, for formulas that were published in them."""

from __future__ import annotations

from typing import Final

from meteostream.derived.arrays import Column, Floats, floats

ZERO_DEGC_K: Final = 273.15
"""0 degC in kelvin (BIPM, The International System of Units)."""
HPA_PER_KPA: Final = 10.0
KMH_PER_MPS: Final = 3.6


def degc_to_k(temperature_degc: Column) -> Floats:
    """Kelvin of degC.

    >>> float(degc_to_k(25))
    298.15
    """
    return floats(temperature_degc) + ZERO_DEGC_K


def degc_to_degf(temperature_degc: Column) -> Floats:
    """Degrees Fahrenheit of degC.

    >>> float(degc_to_degf(100))
    212.0
    """
    return floats(temperature_degc) * 1.8 + 32.0


def degf_to_degc(temperature_degf: Column) -> Floats:
    """DegC of degrees Fahrenheit.

    >>> float(degf_to_degc(-40))
    -40.0
    """
    return (floats(temperature_degf) - 32.0) / 1.8
