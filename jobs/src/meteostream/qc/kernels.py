"""Quality-control kernels: pure functions on columns, for stream, batch and the simulator's evaluation alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Limit = float | npt.NDArray[np.float64]


def outside_range(values: npt.NDArray[np.float64], low: Limit, high: Limit) -> npt.NDArray[np.bool_]:
    """Whether values lie outside a closed interval.

    Parameters
    ----------
    values
        Any shape, in the variable's unit; NaN where there is no value.
    low, high
        Limits, broadcast against ``values``. A value equal to a limit is inside.

    Returns
    -------
    numpy.ndarray
        True where outside; False for NaN, which no limit can judge.

    Examples
    --------
    >>> outside_range(np.array([-0.1, 0.0, 75.0, 468.6, np.nan]), 0.0, 75.0).tolist()
    [True, False, False, True, False]
    """
    return np.asarray((values < low) | (values > high), dtype=np.bool_)
