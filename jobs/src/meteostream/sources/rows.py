"""Lines of a file as cells under names, whatever its form: CSV, Campbell's TOA5, or an SQL export."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from meteostream.sources.errors import SourceError
from meteostream.sources.observation import Reject
from meteostream.sources.profile import Profile
from meteostream.sources.sql_dump import read_inserts

_BOM: Final = "\ufeff"
_TOA5: Final = "TOA5"
_TOA5_FIELDS: Final = 8
_TOA5_STATION: Final = 1


class Row(NamedTuple):
    """A record: its first line, its cells in the header's order, its text as it stands in the file."""

    line: int
    cells: list[str]
    text: str


class Rows(NamedTuple):
    """A file that was opened as far as its header.

    ``place`` says where the header stands, for errors; ``station`` and ``units`` are what a TOA5 header says besides
    the columns' names.
    """

    place: str
    header: list[str]
    rows: Iterator[Row | Reject]
    station: str | None = None
    units: dict[str, str] | None = None


def open_rows(lines: Iterable[str], profile: Profile, origin: str) -> Rows:
    """Read the header; rows are read as they are asked for.

    Parameters
    ----------
    lines
        Physical lines with their ends; undecodable bytes as surrogates.
    origin
        The file's name, for errors.

    Raises
    ------
    SourceError
        If there is no header, or not the one of the profile's form.
    """
    if profile.form == "sql":
        return _sql(lines, profile, origin)
    records = _Records(lines, profile.delimiter)
    try:
        if profile.form == "toa5":
            return _toa5(records, origin)
        for _ in range(profile.preamble):
            records.next()
        place = f"{origin}, line {records.line + 1}"
        header = _names(records.next())
        for _ in range(profile.after_header):
            records.next()
    except (StopIteration, csv.Error):
        raise SourceError(f"{origin}, line {records.line or 1}: expected a header, found none") from None
    return Rows(place, header, _rows(records, profile.delimiter))


class _Records:
    """Records of a CSV file, with the physical lines that each was made of."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._kept: list[str] = []
        self._reader = csv.reader(self._remember(lines), delimiter=delimiter, strict=True)

    def _remember(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self._kept.append(line)
            yield line

    @property
    def line(self) -> int:
        """Physical lines so far."""
        return self._reader.line_num

    def next(self) -> list[str]:
        """Cells of the next record; raises StopIteration at the end, csv.Error for a record that is none."""
        return next(self._reader)

    def take(self) -> str:
        """Text since the last call, without its line end."""
        text = "".join(self._kept).rstrip("\r\n")
        self._kept.clear()
        return text


def _rows(records: _Records, delimiter: str) -> Iterator[Row | Reject]:
    records.take()
    while True:
        first = records.line + 1
        try:
            cells = records.next()
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(first, f"expected CSV with {delimiter!r}: {error}", records.take())
            continue
        text = records.take()
        if text:
            yield Row(first, cells, text)


def _toa5(records: _Records, origin: str) -> Rows:
    """Campbell's four header lines: the logger, the columns' names, their units, how each was made of samples."""
    environment = records.next()
    environment[0] = environment[0].removeprefix(_BOM)
    if environment[0] != _TOA5 or len(environment) < _TOA5_FIELDS:
        raise SourceError(
            f"{origin}, line 1: expected TOA5 and {_TOA5_FIELDS - 1} fields about the logger, "
            f"found {','.join(environment)[:80]!r}"
        )
    header = _names(records.next())
    units, _ = records.next(), records.next()
    if len(units) != len(header):
        raise SourceError(f"{origin}, line 3: expected {len(header)} units, found {len(units)}")
    return Rows(
        f"{origin}, line 2",
        header,
        _rows(records, ","),
        station=environment[_TOA5_STATION],
        units=dict(zip(header, units, strict=True)),
    )


def _sql(lines: Iterable[str], profile: Profile, origin: str) -> Rows:
    inserts = read_inserts("".join(lines), profile.table or "", backslash=profile.escapes == "mysql")
    first = next(inserts, None)
    if first is None:
        raise SourceError(f"{origin}: expected INSERT statements for the table {profile.table!r}, found none")
    header = [name(column) for column in first.columns]

    def rows() -> Iterator[Row | Reject]:
        for one in chain([first], inserts):
            columns = [name(column) for column in one.columns]
            if one.problem:
                yield Reject(one.line, one.problem, one.text)
            elif sorted(columns) != sorted(header):
                yield Reject(one.line, f"expected the columns {header} of the first INSERT, found {columns}", one.text)
            elif len(one.cells) != len(header):
                yield Row(one.line, one.cells, one.text)
            else:
                cells = dict(zip(columns, one.cells, strict=True))
                yield Row(one.line, [cells[column] for column in header], one.text)

    return Rows(f"{origin}, line {first.line}", header, rows())


def _names(header: list[str]) -> list[str]:
    return [name(cell) for cell in [header[0].removeprefix(_BOM), *header[1:]]] if header else [""]


def name(text: str) -> str:
    """A column's name as it is compared: NFC, without spaces around it."""
    return unicodedata.normalize("NFC", text).strip()
