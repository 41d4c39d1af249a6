"""The report as it stands in a message: one station, one moment, the variables it sent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from meteostream.contract.times import parse_time
from meteostream.contract.variables import ALL

SCHEMA: Final = "meteostream.report/1"
MAX_BYTES: Final = 65_536
"""Longest message. An hourly report has under 1 KB; raw text is what can grow."""
MAX_REVISION: Final = 2**31 - 1
SIMULATED_SERIES: Final = "0-0-0-SIM"
"""Stations of this series are simulated, and only they are (simulated weather never mixes with observed)."""
CHECK_STATION: Final = "0-0-0-SIMCHECK"
"""Of the simulated series, and nobody's: what a check reports is never weather."""

# WIGOS station identifier (WMO-No. 1160): series 0, issuer and issue number 0-65534, local part of 1-16 characters.
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-4])"
STATION_PATTERN: Final = rf"^0-{_NUMBER}-{_NUMBER}-[0-9A-Za-z]{{1,16}}$"
NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,63}$"
"""Sources and report types. The bar that joins the parts of an id cannot occur in them."""
STATION: Final = re.compile(STATION_PATTERN.strip("^$"))
NAME: Final = re.compile(NAME_PATTERN.strip("^$"))

Nature = Literal["observed", "simulated", "replayed"]
NATURES: Final[tuple[Nature, ...]] = ("observed", "simulated", "replayed")
Value = float | bool | None
"""A number in the variable's unit, true or false, or None: the sensor was there and reported nothing."""

ABSENT: Final = math.inf
"""Default of a variable that was not reported. No JSON number reads as infinity, so it cannot be mistaken."""

if TYPE_CHECKING:

    class Variables(msgspec.Struct):
        """The variables of a report, one attribute each (made from the table of variables)."""
else:
    # Sorted, without what is absent: its plain encoding is the canonical content.
    Variables = msgspec.defstruct(
        "Variables",
        [(name, (bool if ALL[name].is_boolean else float) | None, ABSENT) for name in sorted(ALL)],
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
        module=__name__,
    )

FIELDS: Final[tuple[str, ...]] = tuple(sorted(ALL))
"""Order of the variables in a :class:`Variables`."""


class Report(msgspec.Struct, forbid_unknown_fields=True, gc=False, frozen=True):
    """One message of ``weather.observations``, members in the order they are written.

    Attributes hold the wire's form; :meth:`observed_us` and :meth:`received_us` read the times.
    """

    schema: Literal["meteostream.report/1"]
    station: str
    observed_at: str
    source: str
    report_type: str
    revision: int
    nature: Nature
    received_at: str
    variables: Variables
    raw: str | UnsetType | None = UNSET

    def observed_us(self) -> int:
        """Microseconds since 1970 of the observation."""
        return parse_time(self.observed_at, "observed_at", fraction=False)

    def received_us(self) -> int:
        """Microseconds since 1970 of the intake."""
        return parse_time(self.received_at, "received_at", fraction=True)

    def values(self) -> dict[str, Value]:
        """Variables that were reported, by name; None where reported missing."""
        return values_of(self.variables)


def make_variables(values: Mapping[str, Value]) -> Variables:
    """Variables from a mapping; a name that is left out is absent.

    Raises
    ------
    TypeError
        For a name that is not in the table of variables.
    """
    return Variables(**values)


def values_of(variables: Variables) -> dict[str, Value]:
    """Mapping of what was reported."""
    return {
        name: value
        for name, value in zip(FIELDS, msgspec.structs.astuple(variables), strict=True)
        if value is not ABSENT
    }


_encoder: Final = msgspec.json.Encoder()


def encode_report(report: Report) -> bytes:
    """Write the message's bytes (compact UTF-8 JSON)."""
    return _encoder.encode(report)


def is_simulated_station(station: str) -> bool:
    """Whether a station belongs to the simulated series.

    >>> is_simulated_station("0-0-0-SIM61641"), is_simulated_station("0-20000-0-61641")
    (True, False)
    """
    return station.startswith(SIMULATED_SERIES)
