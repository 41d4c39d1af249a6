"""``meteostream validate``: judge reports in a file, as the streams would."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import click

BATCH: Final = 10_000


@click.command()
@click.argument("file", type=click.File("rb"), metavar="FILE")
@click.option("--show", default=20, show_default=True, help="Most lines to explain.")
def command(file: BinaryIO, show: int) -> None:
    """Check reports, one JSON object a line (FILE may be - for standard input).

    Says which lines break the contract and what to do about each, and which values fail quality control. Needs no
    cluster. Exit code 1 if any line would become a dead letter.
    """
    from meteostream.contract import ADVICE, Reason

    reasons: Counter[str] = Counter()
    total = failed = shown = 0
    for number, row in enumerate(_judged(file), 1):
        total += 1
        findings = _findings(row)
        if row["dead_reason"]:
            reasons[row["dead_reason"]] += 1
        else:
            failed += len(findings)
        for finding in findings[: max(0, show - shown)]:
            click.echo(f"line {number}: {finding}")
            shown += 1
    for reason, count in reasons.most_common():
        click.echo(f"{count} x {reason}: {ADVICE[Reason(reason)]}")
    dead = sum(reasons.values())
    click.echo(f"{total} reports: {total - dead} valid, {dead} dead letters; {failed} values fail quality control")
    if dead:
        raise SystemExit(1)


def _findings(row: dict[str, Any]) -> list[str]:
    if row["dead_reason"]:
        return [f"{row['dead_reason']}: {row['dead_detail']}"]
    return [
        f"{row['station']} {row['observed_at']:%Y-%m-%dT%H:%M:%SZ}: {found['variable']} = {found['value']:g} fails "
        f"{found['test']} (limit {found['threshold']:g}); the report stays"
        for found in json.loads(row["qc_results"] or "[]")
    ]


def _judged(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Verdict of each line. A line has no Kafka key, so its own station is taken for it."""
    import pyarrow as pa

    from meteostream.validate import INPUT_SCHEMA, validate_batch

    while lines := [line.rstrip(b"\r\n") for line in itertools.islice(file, BATCH)]:
        size = len(lines)
        columns: dict[str, list[Any]] = {
            "topic": [""] * size,
            "partition": [0] * size,
            "offset": list(range(size)),
            "timestamp": [0] * size,
            "key": [_station(line) for line in lines],
            "value": lines,
            "headers": [None] * size,
        }
        arrays = [pa.array(columns[field.name], field.type) for field in INPUT_SCHEMA]
        yield from validate_batch(pa.RecordBatch.from_arrays(arrays, schema=INPUT_SCHEMA)).to_pylist()


def _station(line: bytes) -> bytes:
    try:
        return str(json.loads(line)["station"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return b""
