"""The one validation: Kafka messages in, judged reports out, as Arrow columns.

Both streams, the bench's null sink and the command line call :func:`validate_batch`. It is pure: no clock, no state,
no setting; the same bytes get the same verdict at any time. A break of the contract makes a row dead (with reason and
detail); an impossible value only flags its variable.

How it is fast: a compiled decoder accepts the common valid message; what it does not accept, or accepts without
being able to vouch for (see :func:`_decode_fast`), goes to the exact decoder of the contract, which decides. Times,
stations and sources repeat, so their checks are remembered. All else is done on whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET

from meteostream.contract.decode import REQUIRED, decode_message
from meteostream.contract.guards import tolerance_us
from meteostream.contract.ids import PLAIN_BELOW, PLAIN_FROM, canonical_content
from meteostream.contract.reasons import ContractError
from meteostream.contract.report import (
    ABSENT,
    FIELDS,
    MAX_BYTES,
    MAX_REVISION,
    NAME,
    NATURES,
    STATION,
    Report,
    is_simulated_station,
)
from meteostream.contract.times import parse_time
from meteostream.contract.variables import LONG_NAMES, WIDE
from meteostream.qc import Evaluator, load_ruleset
from meteostream.qc.evaluate import bit_masks

Matrix = npt.NDArray[np.float64]
T = TypeVar("T")

_HEADER: Final = pa.struct([("key", pa.string()), ("value", pa.binary())])
_MICROS: Final = pa.timestamp("us", tz="UTC")

INPUT_SCHEMA: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", _MICROS),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(_HEADER)),
    ]
)
"""Columns of a batch from Kafka; ``headers`` may be left out."""

OUTPUT_SCHEMA: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", _MICROS),
        ("value", pa.binary()),
        ("event_id", pa.binary()),
        ("report_id", pa.binary()),
        ("journal_id", pa.binary()),
        ("station", pa.string()),
        ("observed_at", _MICROS),
        ("received_at", _MICROS),
        ("source", pa.string()),
        ("report_type", pa.string()),
        ("revision", pa.int32()),
        ("nature", pa.string()),
        *((variable.name, pa.bool_() if variable.is_boolean else pa.float64()) for variable in WIDE),
        ("reported", pa.int64()),
        ("extra", pa.string()),
        ("qc_ruleset", pa.string()),
        ("qc_failed", pa.int64()),
        ("qc_suspect", pa.int64()),
        ("qc_run", pa.binary()),
        ("qc_results", pa.string()),
        ("dead_reason", pa.string()),
        ("dead_detail", pa.string()),
    ]
)
"""Columns of a judged batch; all from ``event_id`` to ``qc_results`` but ``journal_id`` are null in a dead row."""


def validate_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Judge a batch of messages.

    Parameters
    ----------
    batch
        Columns of :data:`INPUT_SCHEMA`.

    Returns
    -------
    pyarrow.RecordBatch
        Columns of :data:`OUTPUT_SCHEMA`, in the order and number of the input's rows.
    """
    values: list[bytes | None] = batch.column("value").to_pylist()
    decoded = _decode(values, batch.column("key").to_pylist())
    columns = {name: batch.column(name) for name in ("topic", "partition", "offset", "timestamp", "value")}
    columns["journal_id"] = _journal_ids(batch)
    columns |= _report_columns(decoded)
    return pa.RecordBatch.from_arrays(
        [columns[field.name].cast(field.type) for field in OUTPUT_SCHEMA], schema=OUTPUT_SCHEMA
    )


class _Decoded(NamedTuple):
    """A batch after decoding: ``reports`` and ``times`` have None where ``errors`` has an error."""

    reports: list[Report | None]
    matrix: Matrix  # (rows, FIELDS): infinite where absent, NaN where null
    observed: npt.NDArray[np.int64]
    received: npt.NDArray[np.int64]
    errors: dict[int, ContractError]


# --- Decoding ------------------------------------------------------------------------------------------------------


class _Remembered(dict[str, T], Generic[T]):
    """Results of a pure function of a text. Bounded; a text that raises is not kept."""

    def __init__(self, function: Callable[[str], T]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, text: str) -> T:
        if len(self) >= _REMEMBER:
            self.clear()
        result = self[text] = self._function(text)
        return result


class _Refused(Exception):  # noqa: N818 - a signal between two functions, never seen outside
    """The fast path cannot vouch for a message; the exact decoder will judge it."""


def _station(text: str) -> tuple[bytes, bool]:
    if STATION.fullmatch(text) is None:
        raise _Refused
    return text.encode(), is_simulated_station(text)


def _source(text: str) -> int:
    if NAME.fullmatch(text) is None:
        raise _Refused
    return tolerance_us(text)


def _second(text: str) -> int:
    return parse_time(text + "Z", "received_at", fraction=False)


_REMEMBER: Final = 100_000
_stations: Final = _Remembered(_station)
_sources: Final = _Remembered(_source)
_observed: Final = _Remembered(lambda text: parse_time(text, "observed_at", fraction=False))
_seconds: Final = _Remembered(_second)
_decoder: Final = msgspec.json.Decoder(Report)
_NOT_ACCEPTED: Final = (
    _Refused,
    ContractError,
    msgspec.MsgspecError,
    UnicodeDecodeError,
    TypeError,
    RecursionError,
)
_NOTHING: Final = (ABSENT,) * len(FIELDS)
_TO_SECOND: Final = len("1970-01-01T00:00:00")
_FULL_FRACTION: Final = len(".000000Z")

# Quotes of a message in which no text is escaped: two around each name and each text.
_TEXT_MEMBERS: Final = len(REQUIRED) - len(("revision", "variables"))
_QUOTES: Final = 2 * (len(REQUIRED) + _TEXT_MEMBERS)


def _received(text: str) -> int:
    second = _seconds[text[:_TO_SECOND]]
    rest = text[_TO_SECOND:]
    if len(rest) == _FULL_FRACTION and rest[0] == "." and rest[-1] == "Z":
        digits = rest[1:-1]
        if digits.isascii() and digits.isdigit():
            return second + int(digits)
    return parse_time(text, "received_at", fraction=True)


def _decode(values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> _Decoded:
    decoded = _decode_fast(values, keys)
    for row, report in enumerate(decoded.reports):
        if report is None:
            try:
                exact = decode_message(values[row], keys[row])
            except ContractError as error:
                decoded.errors[row] = error
            else:
                decoded.reports[row] = exact
                decoded.matrix[row] = msgspec.structs.astuple(exact.variables)
                decoded.observed[row] = exact.observed_us()
                decoded.received[row] = exact.received_us()
    return decoded


def _decode_fast(values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> _Decoded:
    """Accept what is certainly valid; leave None for the rest.

    The compiled decoder is as strict as the contract but for one thing: it takes the last of two members of one name.
    Without a backslash in the message every quote begins or ends a name or a text, so their number tells whether a
    name came twice. Escaped text is rare and left to the exact decoder.
    """
    reports: list[Report | None] = []
    observed: list[int] = []
    received: list[int] = []
    quotes: list[int] = []
    for value, key in zip(values, keys, strict=True):
        try:
            report = _decoder.decode(value)  # type: ignore[arg-type]  # None raises TypeError
            known_key, simulated = _stations[report.station]
            observed_us = _observed[report.observed_at]
            received_us = _received(report.received_at)
            tolerance = _sources[report.source]
            _sources[report.report_type]  # the same form
            if (
                key != known_key
                or simulated is not (report.nature == "simulated")
                or observed_us - received_us > tolerance
                or not 0 <= report.revision <= MAX_REVISION
                or len(value) > MAX_BYTES  # type: ignore[arg-type]
                or b"\\" in value  # type: ignore[operator]
            ):
                raise _Refused
        except _NOT_ACCEPTED:
            reports.append(None)
            observed.append(0)
            received.append(0)
            quotes.append(0)
        else:
            raw = report.raw
            reports.append(report)
            observed.append(observed_us)
            received.append(received_us)
            quotes.append(value.count(b'"') - (0 if raw is UNSET else 2 if raw is None else 4))  # type: ignore[union-attr]
    matrix = np.array(
        [_NOTHING if report is None else msgspec.structs.astuple(report.variables) for report in reports],
        dtype=np.float64,
    ).reshape(len(reports), len(FIELDS))
    single = _QUOTES + 2 * np.count_nonzero(matrix != ABSENT, axis=1)
    for row in np.flatnonzero(single != np.array(quotes, dtype=np.int64)).tolist():
        reports[row] = None
    return _Decoded(reports, matrix, np.array(observed, np.int64), np.array(received, np.int64), {})


# --- Columns -------------------------------------------------------------------------------------------------------

_evaluator: Final = Evaluator(load_ruleset())
_WIDE_COLUMNS: Final = [FIELDS.index(variable.name) for variable in WIDE]
_LONG_COLUMNS: Final = [FIELDS.index(name) for name in LONG_NAMES]
_encode: Final = msgspec.json.Encoder().encode
_CONTENT_START: Final = {nature: f'{{"nature":"{nature}","variables":'.encode() for nature in NATURES}


def _report_columns(decoded: _Decoded) -> dict[str, pa.Array]:
    reports, errors = decoded.reports, decoded.errors
    size = len(reports)
    dead = np.zeros(size, np.bool_)
    dead[list(errors)] = True
    matrix = decoded.matrix + 0.0  # negative zero becomes zero, as in the canonical content
    matrix[dead] = ABSENT
    wide = matrix[:, _WIDE_COLUMNS]
    reported = wide != ABSENT
    wide[~reported] = np.nan
    evaluation = _evaluator.evaluate(wide)
    report_ids, event_ids = _ids(reports, decoded.matrix)
    columns = {
        "event_id": pa.array(event_ids, pa.binary()),
        "report_id": pa.array(report_ids, pa.binary()),
        "observed_at": pa.array(decoded.observed, pa.int64(), mask=dead).cast(_MICROS),
        "received_at": pa.array(decoded.received, pa.int64(), mask=dead).cast(_MICROS),
        "revision": pa.array([report and report.revision for report in reports], pa.int32()),
        "reported": pa.array(bit_masks(reported), mask=dead),
        "extra": _extra(reports, matrix),
        "qc_ruleset": pa.array(np.full(size, _evaluator.ruleset.version, dtype=object), pa.string(), mask=dead),
        "qc_failed": pa.array(evaluation.failed, mask=dead),
        "qc_suspect": pa.array(evaluation.suspect, mask=dead),
        "qc_run": _masked_rows(evaluation.run, dead),
        "qc_results": pa.array(evaluation.results, pa.string()),
        "dead_reason": pa.array(
            [str(errors[row].reason) if row in errors else None for row in range(size)], pa.string()
        ),
        "dead_detail": pa.array([errors[row].detail if row in errors else None for row in range(size)], pa.string()),
    }
    for name in ("station", "source", "report_type", "nature"):
        columns[name] = pa.array([report and getattr(report, name) for report in reports], pa.string())
    for column, variable in enumerate(WIDE):
        values = np.ascontiguousarray(wide[:, column])
        missing = np.isnan(values)
        if variable.is_boolean:
            columns[variable.name] = pa.array(values == 1.0, pa.bool_(), mask=missing)
        else:
            columns[variable.name] = pa.array(values, pa.float64(), mask=missing)
    return columns


def _ids(reports: Sequence[Report | None], matrix: Matrix) -> tuple[list[bytes | None], list[bytes | None]]:
    """``report_id`` and ``event_id`` of each report, as :mod:`meteostream.contract.ids` defines them.

    The compiled encoder writes the sorted variables just as canonical content has them, except for negative zero and
    for magnitudes with an exponent: those few rows take the defining function.
    """
    size = np.abs(matrix)
    odd = ((size < PLAIN_FROM) & ((size > 0) | np.signbit(matrix))) | ((size >= PLAIN_BELOW) & (size != ABSENT))
    exact = set(np.flatnonzero(odd.any(axis=1)).tolist())
    report_ids: list[bytes | None] = []
    event_ids: list[bytes | None] = []
    for row, report in enumerate(reports):
        if report is None:
            report_ids.append(None)
            event_ids.append(None)
            continue
        about = f"v1|{report.source}|{report.station}|{report.observed_at}|{report.report_type}"
        identity = sha256(about.encode())
        if row in exact:
            content = sha256(canonical_content(report.nature, report.values()))
        else:
            content = sha256(_CONTENT_START[report.nature] + _encode(report.variables) + b"}")
        event = f"{identity.hexdigest()}|{report.revision}|{content.hexdigest()}"
        report_ids.append(identity.digest())
        event_ids.append(sha256(event.encode()).digest())
    return report_ids, event_ids


def _extra(reports: Sequence[Report | None], matrix: Matrix) -> pa.Array:
    extra: list[str | None] = [None] * len(reports)
    for row in np.flatnonzero((matrix[:, _LONG_COLUMNS] != ABSENT).any(axis=1)).tolist():
        report = reports[row]
        if report is not None:
            values = {name: value for name, value in report.values().items() if name in LONG_NAMES}
            extra[row] = _encode(values).decode()
    return pa.array(extra, pa.string())


def _masked_rows(rows: npt.NDArray[np.uint16], dead: npt.NDArray[np.bool_]) -> pa.Array:
    """Each row's little-endian bytes as one binary value."""
    width = rows.shape[1] * 2
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows, dtype="<u2").tobytes())]
    )
    binary = fixed.cast(pa.binary())
    return pc.if_else(pa.array(~dead), binary, pa.scalar(None, pa.binary())) if dead.any() else binary


# --- Journal ids ---------------------------------------------------------------------------------------------------

JOURNAL_HEADER: Final = "event_id"
"""Header in which the producer writes the identity of its journal's entry, as 64 hexadecimal digits."""
_ID_DIGITS: Final = 64
_BAD: Final = 255
_HEX: Final = np.full(256, _BAD, np.uint8)
_HEX[list(b"0123456789abcdef")] = range(16)


def _journal_ids(batch: pa.RecordBatch) -> pa.Array:
    """The header ``event_id`` of each message as 32 bytes; null if absent or malformed. The last one counts."""
    size = batch.num_rows
    if "headers" not in batch.schema.names:
        return pa.nulls(size, pa.binary())
    headers = batch.column("headers")
    if pa.types.is_null(headers.type):
        return pa.nulls(size, pa.binary())
    parents = pc.list_parent_indices(headers)
    pairs = pc.list_flatten(headers)
    ours = pc.and_kleene(
        pc.equal(pc.struct_field(pairs, "key"), JOURNAL_HEADER),
        pc.equal(pc.binary_length(pc.struct_field(pairs, "value")), _ID_DIGITS),
    ).fill_null(False)
    rows = parents.filter(ours).to_numpy(zero_copy_only=False)
    digits = np.frombuffer(b"".join(pc.struct_field(pairs, "value").filter(ours).to_pylist()), np.uint8)
    nibbles = _HEX[digits].reshape(-1, _ID_DIGITS)
    good = (nibbles != _BAD).all(axis=1)
    found = np.zeros(size, np.bool_)
    ids = np.zeros((size, _ID_DIGITS // 2), np.uint8)
    ids[rows[good]] = nibbles[good, 0::2] << 4 | nibbles[good, 1::2]
    found[rows[good]] = True
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_ID_DIGITS // 2), size, [None, pa.py_buffer(ids.tobytes())])
    return pc.if_else(pa.array(found), fixed.cast(pa.binary()), pa.scalar(None, pa.binary()))
