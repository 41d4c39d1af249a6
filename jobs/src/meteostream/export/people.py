"""CSV for people: names, units, licences; every variable has its column in every file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from meteostream.contract.variables import ALL
from meteostream.export.numbers import shortest
from meteostream.export.selection import time_text
from meteostream.export.titles import WORDS, title_of, variable_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meteostream.export.licences import Licence
    from meteostream.export.reports import Report
    from meteostream.export.selection import Selection
    from meteostream.export.titles import Language

NAMES_APART: Final = " | "
"""Between names of variables in one cell: neither a column's nor a decimal's mark in any dialect."""


class Dialect(NamedTuple):
    """How a file is written."""

    delimiter: str
    decimal: str
    encoding: str


PLAIN: Final = Dialect(",", ".", "utf-8")
SPREADSHEET: Final = Dialect(";", ",", "utf-8-sig")
"""As spreadsheets in French expect it; the byte order mark tells them that it is UTF-8."""


def people_header(language: Language) -> list[str]:
    """Headers: station, time and origin, each variable with its unit, then what the quality control says."""
    words = WORDS[language]
    titles = (variable_title(variable, language) for variable in ALL.values())
    return [*words.columns, *titles, words.suspect, words.failed]


def people_notes(selection: Selection, notices: Sequence[Licence], language: Language) -> list[str]:
    """Lines before the header: what it is, from when, under which licences."""
    words = WORDS[language]
    period = words.period.format(begin=time_text(selection.begin), end=time_text(selection.end))
    banner = [words.banner[selection.nature]] if selection.nature in words.banner else []
    return [*banner, period, words.missing, words.licences, *(notice.notice for notice in notices)]


def people_row(report: Report, language: Language, dialect: Dialect) -> list[str]:
    """Cells of a report, as many as :func:`people_header` has."""
    words, place = WORDS[language], report.place

    def cell(value: float | bool | None) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return words.yes if value else words.no
        return shortest(float(value)).replace(".", dialect.decimal)

    return [
        place.station,
        place.name,
        place.wmo or "",
        place.icao or "",
        cell(place.latitude),
        cell(place.longitude),
        cell(place.elevation_m),
        time_text(report.observed_at),
        report.source,
        report.report_type,
        words.natures[report.nature],
        *(cell(report.values.get(name)) for name in ALL),
        NAMES_APART.join(title_of(ALL[name], language) for name in report.suspect),
        NAMES_APART.join(title_of(ALL[name], language) for name in report.failed),
    ]
