"""Times of the contract: RFC 3339 in UTC with ``Z``, nothing else.

Python's own parsers accept offsets, naive times and more, so the form is checked first.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from meteostream.contract.reasons import ContractError, Reason

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_YEAR: Final = 1850
"""Earliest year of an observation: the first partition of the warehouse."""
MICROSECOND: Final = timedelta(microseconds=1)

_FORM: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2}:([0-9]{2}))(?:\.([0-9]+))?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_MAX_DECIMALS: Final = 6


def parse_time(text: str, member: str, *, fraction: bool) -> int:
    """Microseconds since 1970 of a time of the contract.

    Parameters
    ----------
    text
        The member's value.
    member
        Its name, for the error.
    fraction
        Whether up to six decimals of a second are allowed.

    Raises
    ------
    ContractError
        With the reason that fits best.

    Examples
    --------
    >>> parse_time("1970-01-02T00:00:00Z", "observed_at", fraction=False)
    86400000000
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise _error(Reason.BAD_TIME, member, text, "YYYY-MM-DDTHH:MM:SSZ")
    date, clock, second, decimals, zone = match.groups()
    if zone is None:
        raise _error(Reason.TIME_NAIVE, member, text, "a time in UTC that ends with Z")
    if zone != "Z":
        raise _error(Reason.TIME_NOT_UTC, member, text, "a time in UTC that ends with Z")
    if decimals is not None and (not fraction or len(decimals) > _MAX_DECIMALS):
        raise _error(Reason.TIME_FRACTION, member, text, "at most 6 decimals" if fraction else "whole seconds")
    if second == "60":
        raise _error(Reason.TIME_LEAP_SECOND, member, text, "seconds from 00 to 59")
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}+00:00")
    except ValueError as error:
        raise _error(Reason.BAD_TIME, member, text, f"an existing moment ({error})") from None
    if moment.year < FIRST_YEAR:
        raise _error(Reason.TIME_TOO_OLD, member, text, f"a year from {FIRST_YEAR} on")
    return (moment - EPOCH) // MICROSECOND + int((decimals or "").ljust(_MAX_DECIMALS, "0"))


def format_time(micros: int, *, fraction: bool) -> str:
    """Write microseconds since 1970 in the contract's form.

    >>> format_time(86_400_000_000, fraction=False)
    '1970-01-02T00:00:00Z'
    >>> format_time(1_500_000, fraction=True)
    '1970-01-01T00:00:01.500000Z'

    Raises
    ------
    ValueError
        If there is a fraction and none is allowed: nothing is rounded silently.
    """
    moment = EPOCH + timedelta(microseconds=micros)
    if fraction:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if moment.microsecond:
        raise ValueError(f"expected whole seconds, found {micros} microseconds since 1970")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(reason: Reason, member: str, text: str, expected: str) -> ContractError:
    return ContractError(reason, f"{member}: expected {expected}, found {text[:64]!r}")
