"""What every reader of a source yields: an observation, or a record that could not be read."""

from __future__ import annotations

from typing import NamedTuple

from meteostream.contract.report import Value


class Observation(NamedTuple):
    """A record that was read: what the contract needs but for the source and the moment of intake.

    Attributes
    ----------
    line
        Its line (or number, in a binary file) in what was read, from 1.
    station
        WIGOS identifier, after aliases were resolved.
    observed_at
        RFC 3339 UTC, whole seconds.
    values
        Variables of the contract in its units; None where reported missing.
    text
        The raw record.
    report_type
        What kind of report it is, for example ``metar``; reports of one kind, station and moment are one report.
    revision
        Greater for a correction.
    partial
        Of a coded report, the groups that could not be read or stand where they do not belong; the rest was read.
    """

    line: int
    station: str
    observed_at: str
    values: dict[str, Value]
    text: str
    report_type: str
    revision: int = 0
    partial: tuple[str, ...] = ()


class Reject(NamedTuple):
    """A record that was not: why, and its text as it stands in the file (undecodable bytes as surrogates).

    ``held`` is the observation where all but its station could be read: it bears the source's name of the station,
    which nobody registered yet, and can be released from quarantine when somebody has (KF-114).
    """

    line: int
    reason: str
    text: str
    held: Observation | None = None
