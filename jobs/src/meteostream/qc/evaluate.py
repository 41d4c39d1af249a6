"""Run a ruleset's tests over reports laid out as a matrix: one row a report, one column a wide variable."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from meteostream.contract.variables import WIDE_NAMES
from meteostream.qc.flags import Flag, Test
from meteostream.qc.kernels import outside_range
from meteostream.qc.ruleset import Ruleset

WIDTH: Final = len(WIDE_NAMES)


class Evaluation(NamedTuple):
    """Outcome of the tests.

    Attributes
    ----------
    run
        uint16, shape (reports, variables): bit mask of the tests that judged the value.
    failed, suspect
        int64 a report: bit of each wide variable with such a flag.
    results
        JSON list of the suspect and failed tests a report, or None.
    """

    run: npt.NDArray[np.uint16]
    failed: npt.NDArray[np.int64]
    suspect: npt.NDArray[np.int64]
    results: list[str | None]


class Result(msgspec.Struct, frozen=True):
    """One suspect or failed test. ``threshold`` is the limit that was passed, in the variable's unit."""

    variable: str
    test: str
    flag: int
    value: float
    threshold: float
    ruleset: str


class Evaluator:
    """The tests of one ruleset, with its limits laid out as columns once.

    Examples
    --------
    >>> from meteostream.qc.ruleset import load_ruleset
    >>> row = np.full((1, WIDTH), np.nan)
    >>> row[0, WIDE_NAMES.index("wind_mean_10min")] = 468.66
    >>> Evaluator(load_ruleset()).evaluate(row).results[0]
    '[{"variable":"wind_mean_10min","test":"instrument_range","flag":4,"value":468.66,"threshold":75.0,"ruleset":"instrument-1"}]'
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        limits = [ruleset.instrument_range.get(name) for name in WIDE_NAMES]
        self._tested = np.array([limit is not None for limit in limits])
        self._low = np.array([limit.low if limit else -np.inf for limit in limits])
        self._high = np.array([limit.high if limit else np.inf for limit in limits])

    def evaluate(self, values: npt.NDArray[np.float64]) -> Evaluation:
        """Judge every value.

        Parameters
        ----------
        values
            Shape (reports, wide variables), units of the contract, NaN where there is no value.
        """
        run = np.where(~np.isnan(values) & self._tested, np.uint16(1 << Test.INSTRUMENT_RANGE), np.uint16(0))
        outside = outside_range(values, self._low, self._high)
        results: list[str | None] = [None] * len(values)
        for row in np.flatnonzero(outside.any(axis=1)).tolist():
            results[row] = self._results(values[row], outside[row])
        return Evaluation(run=run, failed=bit_masks(outside), suspect=np.zeros(len(values), np.int64), results=results)

    def _results(self, values: npt.NDArray[np.float64], outside: npt.NDArray[np.bool_]) -> str:
        found = [
            Result(
                variable=WIDE_NAMES[column],
                test=Test.INSTRUMENT_RANGE.label,
                flag=Flag.FAIL,
                value=float(values[column]),
                threshold=float(self._low[column] if values[column] < self._low[column] else self._high[column]),
                ruleset=self.ruleset.version,
            )
            for column in np.flatnonzero(outside).tolist()
        ]
        return msgspec.json.encode(found).decode()


def bit_masks(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Rows of booleans (at most 64 columns) as integers; column n is bit n.

    >>> bit_masks(np.array([[True, False, True]])).tolist()
    [5]
    """
    octets = np.zeros((len(chosen), 8), np.uint8)
    packed = np.packbits(chosen, axis=1, bitorder="little")
    octets[:, : packed.shape[1]] = packed
    return octets.view("<i8").ravel().astype(np.int64, copy=False)
