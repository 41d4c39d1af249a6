"""Simulated reports as journal entries."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec
import numpy as np

from meteostream.contract import SCHEMA, format_time, report_id
from meteostream.contract.variables import ALL
from meteostream.outbox import Draft
from meteostream.simulator.places import Places
from meteostream.simulator.random import Floats, Integers

SOURCE: Final = "simulator"
REPORT_TYPE: Final = "aws"
NATURE: Final = "simulated"
_ON_THE_HOUR: Final = "rain_1h"
"""Reported on the hour only; at other times it is absent, not missing."""
_encode: Final = msgspec.json.Encoder().encode


def messages(
    places: Places, index: Integers, seconds: Integers, columns: dict[str, Floats], received_at: str, topic: str
) -> list[Draft]:
    """Journal entries of simulated values.

    Parameters
    ----------
    places, index, seconds, columns
        As given to and returned by :func:`meteostream.simulator.simulate`.
    received_at
        RFC 3339 UTC, the moment of intake of all of them.
    topic
        Kafka topic.
    """
    names = sorted(columns)
    times = {moment: format_time(moment * 1_000_000, fraction=False) for moment in set(seconds.tolist())}
    cells: list[Sequence[object]] = [_cells(name, columns[name]) for name in names]
    hourly = names.index(_ON_THE_HOUR)
    without = [name for name in names if name != _ON_THE_HOUR]
    tail = ',"raw":null}'
    drafts = []
    for place, moment, values in zip(index.tolist(), seconds.tolist(), zip(*cells, strict=True), strict=True):
        station, observed_at = places.station[place], times[moment]
        if values[hourly] is None:
            variables = _encode(dict(zip(without, values[:hourly] + values[hourly + 1 :], strict=True))).decode()
        else:
            variables = _encode(dict(zip(names, values, strict=True))).decode()
        # Sorted names and plain decimals: these bytes are the canonical form already (a test holds it to that).
        content = sha256(f'{{"nature":"{NATURE}","variables":{variables}}}'.encode()).hexdigest()
        report = report_id(SOURCE, station, observed_at, REPORT_TYPE).hex()
        value = (
            f'{{"schema":"{SCHEMA}","station":"{station}","observed_at":"{observed_at}","source":"{SOURCE}",'
            f'"report_type":"{REPORT_TYPE}","revision":0,"nature":"{NATURE}","received_at":"{received_at}",'
            f'"variables":{variables}{tail}'
        )
        drafts.append(Draft(sha256(f"{report}|0|{content}".encode()).hexdigest(), received_at, topic, station, value))
    return drafts


def _cells(name: str, values: Floats) -> list[object]:
    if ALL[name].is_boolean:
        return [value == 1.0 for value in values.tolist()]
    missing = np.isnan(values)
    if not missing.any():
        return list(values.tolist())
    cells = values.astype(object)
    cells[missing] = None
    return list(cells.tolist())
