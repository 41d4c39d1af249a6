"""Flags and tests of quality control.

Flags are QARTOD's (Manual for the Use of Real-Time Oceanographic Data Quality Control Flags, IOOS). Results are stored
for suspect and failed tests only; the mask of tests run tells a pass from a test that never ran.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class Flag(IntEnum):
    """QARTOD primary flags."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Test(IntEnum):
    """Tests by their bit in a variable's uint16 of ``qc_run``. A position is never given to another test."""

    __test__ = False  # not a class of tests for pytest

    INSTRUMENT_RANGE = 0
    GROSS_LIMITS = 1
    CLIMATE_LIMITS = 2
    STEP = 3
    PERSISTENCE = 4
    INTERNAL_CONSISTENCY = 5
    SPIKE = 6
    SPATIAL = 7

    @property
    def label(self) -> str:
        """Name in stored results."""
        return self.name.lower()


_PRECEDENCE: Final = (Flag.FAIL, Flag.SUSPECT, Flag.PASS, Flag.NOT_EVALUATED)


def overall(flags: Iterable[Flag]) -> Flag:
    """Flag of a value from the flags of its tests: 4 over 3 over 1 over 2; 9 only if there is no value.

    >>> overall([Flag.NOT_EVALUATED, Flag.PASS, Flag.SUSPECT]).name
    'SUSPECT'
    >>> overall([]).name
    'NOT_EVALUATED'
    """
    present = set(flags)
    if Flag.MISSING in present:
        return Flag.MISSING
    return next((flag for flag in _PRECEDENCE if flag in present), Flag.NOT_EVALUATED)
