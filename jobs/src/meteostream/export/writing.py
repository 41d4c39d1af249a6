"""A file of rows: written beside, and in its place only when it is whole."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Literal

from meteostream.durable import replacing_durably
from meteostream.export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def write_rows(
    path: Path,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    notes: Iterable[str] = (),
    delimiter: str = ",",
    encoding: str = "utf-8",
    quoted: bool = True,
) -> int:
    """Write a CSV file, line by line, and give how many rows it has.

    Parameters
    ----------
    path
        Replaced at the end; whatever fails before leaves it as it was.
    header, rows
        All of the same length.
    notes
        Lines before the header, each begins with ``#``.
    quoted
        Quote cells that need it; otherwise such a cell is an error (csv2bufr reads no quotes).

    Raises
    ------
    ExportError
        If the file cannot be written.
    """
    count = 0
    try:
        with replacing_durably(path) as file:
            text = io.TextIOWrapper(file, encoding=encoding, newline="", write_through=True)
            text.writelines(f"# {' '.join(note.split())}\n" for note in notes)
            quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
            writer = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=quoting)
            writer.writerow(header)
            for count, row in enumerate(rows, 1):
                if len(row) != len(header):
                    raise ValueError(f"{path}, row {count}: expected {len(header)} cells, found {len(row)}")
                writer.writerow(row)
            text.detach()
    except (OSError, csv.Error) as error:
        raise ExportError(f"{path}: cannot be written: {error}; nothing was changed") from None
    return count
