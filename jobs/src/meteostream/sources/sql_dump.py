"""INSERT statements of a database's export, read and never run.

Only the text is looked at: a scanner knows strings, quoted names, numbers, NULL and comments, and everything that is no
``INSERT INTO table (columns) VALUES (…), (…);`` is passed over. There is no database behind it that a statement of a
hostile file could reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from meteostream.sources.profile import SQL_NULL

_SHOWN: Final = 200
"""Characters of a statement that a reject shows."""
_COMMON: Final = r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)
  | (?P<quoted>`(?:[^`]|``)*`|"(?:[^"]|"")*")
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<mark>[(),;.])
  | (?P<other>.)
"""
_SCANNERS: Final = {
    backslash: re.compile(rf"(?P<string>'(?:{inside})*')|{_COMMON}", re.VERBOSE | re.DOTALL)
    for backslash, inside in ((True, r"[^'\\]|\\.|''"), (False, r"[^']|''"))
}
_ESCAPED: Final = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES: Final = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "b": "\b", "Z": "\x1a"}
"""MySQL 8.0 Reference Manual, table 11.1, 'Special Character Escape Sequences'."""


class Insert(NamedTuple):
    """One tuple of an INSERT statement.

    ``problem`` says why the tuple cannot be read; ``line`` is where it begins.
    """

    line: int
    columns: tuple[str, ...]
    cells: list[str]
    text: str
    problem: str | None = None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def read_inserts(text: str, table: str, *, backslash: bool) -> Iterator[Insert]:
    """Tuples of every INSERT into one table.

    Parameters
    ----------
    text
        The whole export.
    table
        Its name, with or without a schema before it; case does not matter.
    backslash
        Whether a backslash in a string escapes what follows it.

    Examples
    --------
    >>> [insert.cells for insert in read_inserts("INSERT INTO t (a, b) VALUES ('x''y', NULL), (1.5, '');", "t",
    ...  backslash=True)]
    [["x'y", 'NULL'], ['1.5', '']]
    """
    lines = _Lines(text)
    statement: list[_Token] = []
    for token in _tokens(text, backslash=backslash):
        if token.kind == "mark" and token.text == ";":
            yield from _inserts(statement, table, text, lines, backslash=backslash)
            statement = []
        else:
            statement.append(token)
    yield from _inserts(statement, table, text, lines, backslash=backslash)


class _Lines:
    """Line numbers of rising positions."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1

    def at(self, position: int) -> int:
        self._line += self._text.count("\n", self._at, position)
        self._at = position
        return self._line


def _tokens(text: str, *, backslash: bool) -> Iterator[_Token]:
    for match in _SCANNERS[backslash].finditer(text):
        kind = match.lastgroup or "other"
        if kind not in {"space", "comment"}:
            yield _Token(kind, match.group(), match.start(), match.end())


def _inserts(statement: list[_Token], table: str, text: str, lines: _Lines, *, backslash: bool) -> Iterator[Insert]:
    """Tuples of a statement, none if it is no INSERT into the table."""
    words = [token.text.upper() for token in statement[:3]]
    if "INSERT" not in words[:1] or "INTO" not in words:
        return
    begin = words.index("INTO") + 1
    place = begin
    target = ""
    while place < len(statement) and (statement[place].kind in {"word", "quoted"} or statement[place].text == "."):
        if statement[place].kind == "word" and statement[place].text.upper() in {"VALUES", "VALUE"}:
            break
        target = _bare(statement[place])
        place += 1
    if target.casefold() != table.casefold():
        return
    columns: list[str] = []
    if place < len(statement) and statement[place].text == "(":
        place += 1
        while place < len(statement) and statement[place].text != ")":
            if statement[place].kind in {"word", "quoted"}:
                columns.append(_bare(statement[place]))
            place += 1
        place += 1
    line = lines.at(statement[0].start)
    if not columns:
        problem = "expected INSERT INTO table (columns): without names values could be taken for others (KF-116)"
        yield Insert(line, (), [], text[statement[0].start : statement[-1].end][:_SHOWN], problem)
        return
    yield from _tuples(statement[place + 1 :], tuple(columns), text, lines, backslash=backslash)


def _tuples(
    tokens: list[_Token], columns: tuple[str, ...], text: str, lines: _Lines, *, backslash: bool
) -> Iterator[Insert]:
    begin: int | None = None
    cells: list[str] = []
    problem: str | None = None
    value: list[_Token] = []
    for token in tokens:
        if begin is None:
            if token.kind == "word" and token.text.upper() == "ON":
                return  # ON DUPLICATE KEY UPDATE, ON CONFLICT: no tuples follow
            if token.kind == "mark" and token.text == "(":
                begin, cells, problem, value = token.start, [], None, []
            continue
        if token.kind == "mark" and token.text in ",)":
            cell = _literal(value, backslash=backslash)
            if cell is None:
                found = " ".join(part.text for part in value)[:40]
                problem = problem or f"expected a text, a number or NULL, found {found!r}"
            cells.append(cell or "")
            value = []
            if token.text == ")":
                yield Insert(lines.at(begin), columns, cells, text[begin : token.end], problem)
                begin = None
        else:
            value.append(token)
    if begin is not None:
        problem = "expected ), found the end of the statement"
        yield Insert(lines.at(begin), columns, cells, text[begin : begin + _SHOWN], problem)


def _literal(value: list[_Token], *, backslash: bool) -> str | None:
    """Text of a literal, None for anything that a database would have to compute."""
    if len(value) != 1:
        return None
    token = value[0]
    if token.kind == "string":
        inside = token.text[1:-1]
        if not backslash:
            return inside.replace("''", "'")
        return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]) if match[1] else "'", inside)
    if token.kind == "number":
        return token.text
    if token.kind == "word" and token.text.upper() == "NULL":
        return SQL_NULL
    return None


def _bare(token: _Token) -> str:
    """A name without its quotes."""
    if token.kind == "quoted":
        quote = token.text[0]
        return token.text[1:-1].replace(quote * 2, quote)
    return token.text
