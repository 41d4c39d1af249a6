"""Text as the Global Telecommunication System carries it: headings, and reports that end with an equals sign.

WMO-No. 386, attachment II-6: a bulletin begins with ``TTAAii CCCC YYGGgg [BBB]``. Files of NOAA put a line with the
date before each report instead, and archives have one report a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from meteostream.sources.dates import Reference

END: Final = "="
HEADING: Final = re.compile(r"[A-Z]{4}[0-9]{1,2} [A-Z]{4} [0-9]{6}(?: (?P<bbb>[A-Z]{3}))?")
_DATE: Final = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2}) ([0-9]{2}):([0-9]{2})")
_ENVELOPE: Final = re.compile(r"ZCZC.*|NNNN|[0-9]{3}|[0-9]{5}")
"""What frames a bulletin: start and end of the message, and its number on the line."""
_CONTROL: Final = str.maketrans(dict.fromkeys("\r\x01\x02\x03"))
_CORRECTION: Final = re.compile(r"CC(?P<which>[A-X])")


class Piece(NamedTuple):
    """Text of one report.

    Attributes
    ----------
    line
        Line in the text on which it begins, from 1.
    text
        As it stands, without the sign that ends it.
    reference
        What is known about its day.
    revision
        By the heading: 0, or 1 and more for the corrections CCA, CCB, ... A delayed bulletin (RRA) corrects nothing.
    """

    line: int
    text: str
    reference: Reference
    revision: int


def indented(line: str) -> bool:
    """Whether a line goes on with the report before it, where reports have no end sign."""
    return line[:1].isspace()


def pieces(text: str, reference: Reference, goes_on: Callable[[str], bool] = indented) -> Iterator[Piece]:
    r"""Reports of a text, whether it is one report, a bulletin, or a file of bulletins.

    Parameters
    ----------
    reference
        What is known about the days; a date line in the text knows more.
    goes_on
        Of a line in a part without end signs: whether it continues the report before it.

    Examples
    --------
    >>> found = pieces("SASN31 GOOO 250600 CCA\nMETAR GOOY 250600Z NIL=\nGOBD 250600Z NIL=\n", None)
    >>> [(piece.line, piece.text, piece.revision) for piece in found]
    [(2, 'METAR GOOY 250600Z NIL', 1), (3, 'GOBD 250600Z NIL', 1)]
    """
    revision = 0
    block: list[tuple[int, str]] = []
    for number, raw in enumerate(text.translate(_CONTROL).split("\n"), 1):
        line = raw.rstrip()
        heading = HEADING.fullmatch(line.strip())
        date = _DATE.fullmatch(line.strip())
        if heading is None and date is None:
            if line and not _ENVELOPE.fullmatch(line.strip()):
                block.append((number, line))
            continue
        yield from _reports(block, reference, revision, goes_on)
        block = []
        if heading is not None:
            revision = revision_of(heading["bbb"])
        else:
            assert date is not None  # noqa: S101 - one of the two was found
            reference = _moment(date) or reference
    yield from _reports(block, reference, revision, goes_on)


def revision_of(bbb: str | None) -> int:
    """Revision of a bulletin's group BBB.

    >>> [revision_of(bbb) for bbb in (None, "RRA", "CCA", "CCB")]
    [0, 0, 1, 2]
    """
    found = _CORRECTION.fullmatch(bbb or "")
    return 0 if found is None else ord(found["which"]) - ord("A") + 1


def _moment(date: re.Match[str]) -> datetime | None:
    try:
        return datetime(*map(int, date.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]  # five numbers
    except ValueError:
        return None


def _reports(
    block: list[tuple[int, str]], reference: Reference, revision: int, goes_on: Callable[[str], bool]
) -> Iterator[Piece]:
    signs = any(END in line for _, line in block)
    first, kept = 0, ""
    for number, line in block:
        if not signs and kept and not goes_on(line):
            yield Piece(first, kept, reference, revision)
            kept = ""
        *ended, rest = line.split(END) if signs else [line]
        for part in ended:
            whole = f"{kept}\n{part}".strip()
            if whole:
                yield Piece(first if kept else number, whole, reference, revision)
            kept = ""
        if rest.strip():
            first = first if kept else number
            kept = f"{kept}\n{rest}".strip()
    if kept:
        yield Piece(first, kept, reference, revision)
