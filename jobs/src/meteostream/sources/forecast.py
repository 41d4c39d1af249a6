"""What a reader of forecasts yields: one value of one model run, for one station and moment."""

from __future__ import annotations

from typing import NamedTuple

from meteostream.contract.report import Value


class Forecast(NamedTuple):
    """One value of a forecast, a reanalysis or a TAF. It is no observation and never becomes one.

    Attributes
    ----------
    station
        WIGOS identifier, after aliases were resolved.
    model
        Who forecast, for example ``ecmwf_ifs025``, ``era5`` or ``taf``.
    reference_time
        RFC 3339 UTC, whole seconds: when the run began, or the forecast was issued. Of a reanalysis: the valid time.
    valid_time
        RFC 3339 UTC: the moment it is for; of a mean, sum or extreme the end of its period, as in reports.
    variable
        Of the contract.
    value
        In the contract's unit; None where the source says that it has none.
    unit
        The contract's unit of the variable.
    valid_until
        RFC 3339 UTC: end of a period over which the value holds (a group of a TAF); None for a moment.
    """

    station: str
    model: str
    reference_time: str
    valid_time: str
    variable: str
    value: Value
    unit: str
    valid_until: str | None = None
