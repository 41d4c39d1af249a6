"""A table of a web page as CSV, as its declaration says where it is; nothing is guessed (KF-128's rule for pages).

Pure: text in, text out. What the columns mean is a profile's business (:mod:`meteostream.sources.profile`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

import bs4
import msgspec

from meteostream.collect.errors import ShapeError

MOST_SPAN: Final = 100
"""Cells may span so many rows or columns; more is damage."""
TIME_COLUMN: Final = "page_time"
"""Column that is added to every row when the page states its time outside the table."""
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where on the page the data is.

    Attributes
    ----------
    table
        CSS selector of the one table.
    header_rows
        How many of its rows are header; their texts are joined by a space, column by column.
    skip
        CSS selector, within the table, of rows that are no data (totals, footnotes).
    time
        CSS selector of the one element that states the time of all rows, if the table does not.
    time_pattern
        Regular expression on its text; its groups, joined by a space, become the column ``page_time``.
    """

    table: str
    header_rows: int = 1
    skip: str | None = None
    time: str | None = None
    time_pattern: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        if self.header_rows < 1:
            raise ValueError(f"header_rows: expected 1 or more, found {self.header_rows}")
        if (self.time is None) != (self.time_pattern is None):
            raise ValueError("time and time_pattern: expected both or none")
        if self.time_pattern is not None:
            try:
                groups = re.compile(self.time_pattern).groups
            except re.error as error:
                raise ValueError(f"time_pattern: {error}") from None
            if not groups:
                raise ValueError("time_pattern: expected groups, in brackets, around the parts of the time")


def table_as_csv(body: bytes, page: Page, *, encoding: str | None, delimiter: str) -> str:
    """The page's table.

    Parameters
    ----------
    body
        The page.
    encoding
        As declared for the source; None: as the page says.
    delimiter
        Of the CSV that is made.

    Raises
    ------
    ShapeError
        If the page is not as declared, naming what was expected and what is there instead.
    """
    soup = bs4.BeautifulSoup(body, "lxml", from_encoding=encoding)
    table = _one(soup, page.table, "table")
    if table.name != "table":
        raise ShapeError(f"table: expected a table at {page.table!r}, found an element {table.name!r}")
    skipped = {id(row) for row in table.select(page.skip)} if page.skip else set()
    rows = [row for row in table.find_all("tr") if row.find_parent("table") is table and id(row) not in skipped]
    grid = _grid(rows)
    if len(grid) < page.header_rows:
        raise ShapeError(f"table: expected {page.header_rows} rows of header at {page.table!r}, found {len(grid)} rows")
    header = _header(grid[: page.header_rows])
    extra = [_page_time(soup, page.time, page.time_pattern)] if page.time and page.time_pattern else []
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*header, *([TIME_COLUMN] if extra else [])])
    for row in grid[page.header_rows :]:
        if any(row):
            writer.writerow([*row, *extra])
    return out.getvalue()


def _one(soup: bs4.BeautifulSoup, selector: str, what: str) -> bs4.Tag:
    try:
        found = soup.select(selector)
    except ValueError as error:  # soupsieve's SelectorSyntaxError
        raise ShapeError(f"{what}: expected a CSS selector, found {selector!r} ({error})") from None
    if len(found) != 1:
        tables = ", ".join(_name(table) for table in soup.find_all("table")[:8]) or "none"
        raise ShapeError(
            f"{what}: expected one element at {selector!r}, found {len(found)}; tables on the page: {tables}. Has the "
            "page changed? Its raw answer is kept; adapt the source's declaration"
        )
    return found[0]


def _name(tag: bs4.Tag) -> str:
    """An element as a selector would name it."""
    classes = tag.get("class") or []
    listed = classes.split() if isinstance(classes, str) else classes
    identifier = tag.get("id")
    return f"{tag.name}{f'#{identifier}' if identifier else ''}{''.join(f'.{name}' for name in listed)}"


def _page_time(soup: bs4.BeautifulSoup, selector: str, pattern: str) -> str:
    text = _text(_one(soup, selector, "time"))
    match = re.search(pattern, text)
    if match is None:
        raise ShapeError(f"time: expected {pattern!r} at {selector!r}, found {text[:120]!r}")
    return " ".join(group or "" for group in match.groups())


def _grid(rows: Sequence[bs4.Tag]) -> list[list[str]]:
    """Texts by row and column, with cells that span several repeated in each (HTML's table model)."""
    grid: list[list[str]] = []
    open_cells: dict[int, tuple[int, str]] = {}
    for row in rows:
        line: list[str] = []
        for cell in row.find_all(["td", "th"], recursive=False):
            _fill(line, open_cells)
            text, down = _text(cell), _span(cell, "rowspan")
            for _ in range(_span(cell, "colspan")):
                if down > 1:
                    open_cells[len(line)] = (down - 1, text)
                line.append(text)
        _fill(line, open_cells)
        grid.append(line)
    return grid


def _fill(line: list[str], open_cells: dict[int, tuple[int, str]]) -> None:
    """Continue cells that began in an earlier row, where the row has come to them."""
    while len(line) in open_cells:
        place = len(line)
        left, text = open_cells.pop(place)
        if left > 1:
            open_cells[place] = (left - 1, text)
        line.append(text)


def _span(cell: bs4.Tag, name: str) -> int:
    text = str(cell.get(name, "1")).strip()
    span = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= span <= MOST_SPAN:
        raise ShapeError(f"table: expected {name} from 1 to {MOST_SPAN}, found {text[:16]!r}")
    return span


def _header(rows: Sequence[Sequence[str]]) -> list[str]:
    """One name a column: the texts above each other, each once."""
    width = max(len(row) for row in rows)
    columns = [[row[place] for row in rows if place < len(row) and row[place]] for place in range(width)]
    return [" ".join(dict.fromkeys(texts)) for texts in columns]


def _text(tag: bs4.Tag) -> str:
    # Narrow and fixed spaces stay: a profile says which of them stand between thousands.
    return _SPACES.sub(" ", tag.get_text(" ")).strip(" ")
