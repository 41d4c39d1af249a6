"""What an observer says about rain, as text: amounts, days, and messages. Nothing here knows the web or a disk."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple

from meteostream.contract.guards import tolerance_us
from meteostream.contract.times import format_time
from meteostream.sources.observation import Observation

HOUR: Final = 6
"""Rain is read at 06 UTC, which ends its climatological day (francophone West African practice)."""
MOST_MM: Final = 1825.0
"""Greatest rain of 24 hours that was ever measured: Foc-Foc, La Réunion, 7-8 January 1966 (WMO World Weather and
Climate Extremes Archive). More is a slip of the pen."""
REPORT_TYPE: Final = "rain-06"
VARIABLE: Final = "rain_24h"
_AMOUNT: Final = re.compile(r"(?P<number>[0-9]{1,4}(?:[.,][0-9]{1,2})?) ?(?:mm)?", re.IGNORECASE | re.ASCII)
_TRACE: Final = frozenset({"t", "tr", "trace", "traces"})
_DAY: Final = re.compile(r"(?P<day>[0-9]{1,2})/(?P<month>[0-9]{1,2})(?:/(?P<year>[0-9]{4}))?", re.ASCII)
_KEYWORD: Final = frozenset({"pluie", "rr", "rain"})
_CONFIRM: Final = frozenset({"confirme", "oui", "ok", "confirm", "yes"})
_SPACES: Final = re.compile(r"\s+")
LONGEST_SMS: Final = 320
"""Two parts of a message; more is no report of rain."""

Problem = Literal["amount", "too-much", "day", "future", "too-early", "too-old", "grammar", "station-not-yours"]
"""Why an entry is not taken as it is; :mod:`meteostream.intake.texts` says it to people."""


class EntryError(ValueError):
    """An entry that cannot be taken; ``problem`` says why, ``shown`` what was found."""

    def __init__(self, problem: Problem, shown: str = "") -> None:
        super().__init__(f"{problem}: {shown}")
        self.problem: Problem = problem
        self.shown = shown


class Amount(NamedTuple):
    """Millimetres; a trace is 0 and says so."""

    mm: float
    trace: bool = False

    def text(self) -> str:
        """As people write it, with a decimal comma.

        >>> Amount(12.5).text(), Amount(0.0).text(), Amount(0.0, trace=True).text()
        ('12,5 mm', '0 mm', 'traces')
        """
        return "traces" if self.trace else f"{self.mm:g} mm".replace(".", ",")


class Message(NamedTuple):
    """An SMS that was understood: the station as it was written, the day (None: today), the amount."""

    station: str
    day: str | None
    amount: str
    confirmed: bool


def parse_amount(text: str) -> Amount:
    """An amount with decimal comma or point, or a trace.

    Raises
    ------
    EntryError
        ``amount`` if it is no number of at most two decimals, ``too-much`` beyond what ever fell in a day.

    Examples
    --------
    >>> parse_amount(" 12,5 "), parse_amount("0.2mm"), parse_amount("Traces")
    (Amount(mm=12.5, trace=False), Amount(mm=0.2, trace=False), Amount(mm=0.0, trace=True))
    """
    plain = _plain(text)
    if plain in _TRACE:
        return Amount(0.0, trace=True)
    match = _AMOUNT.fullmatch(plain)
    if match is None:
        raise EntryError("amount", text.strip()[:40])
    mm = float(match["number"].replace(",", "."))
    if mm > MOST_MM:
        raise EntryError("too-much", text.strip()[:40])
    return Amount(mm)


def parse_day(text: str | None, now: datetime) -> date:
    """The day on which the gauge was read: ``25/11``, ``25/11/2026``, ``2026-11-25`` (a browser's), or none for today.

    A day and month without a year are the last ones that were.

    Raises
    ------
    EntryError
        If there is no such day.
    """
    plain = (text or "").strip()
    if not plain:
        return now.date()
    try:
        match = _DAY.fullmatch(plain)
        if match is None:
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", plain, re.ASCII) is None:
                raise EntryError("day", plain[:40])
            return date.fromisoformat(plain)
        year = int(match["year"] or now.year)
        found = date(year, int(match["month"]), int(match["day"]))
        if match["year"] is None and found > now.date() + timedelta(days=1):
            found = found.replace(year=year - 1)
    except ValueError as error:
        if isinstance(error, EntryError):
            raise
        raise EntryError("day", plain[:40]) from None
    return found


def check_day(day: date, now: datetime, *, source: str, oldest_days: int) -> None:
    """Refuse a reading that was not yet made, or is too long ago to be sent like this.

    Raises
    ------
    EntryError
        ``future``, ``too-early`` (before about 06 UTC today), or ``too-old``.
    """
    ahead = timedelta(microseconds=tolerance_us(source))
    if day > now.date():
        raise EntryError("future", f"{day:%d/%m/%Y}")
    if reading_of(day) > now + ahead:
        raise EntryError("too-early", f"{day:%d/%m/%Y}")
    if day < now.date() - timedelta(days=oldest_days):
        raise EntryError("too-old", f"{day:%d/%m/%Y}")


def reading_of(day: date) -> datetime:
    """When the gauge is read on a day."""
    return datetime(day.year, day.month, day.day, HOUR, tzinfo=UTC)


def parse_sms(text: str) -> Message:
    """``PLUIE station [day] amount [CONFIRME]``, whatever the case, accents and spaces.

    Raises
    ------
    EntryError
        ``grammar``.

    Examples
    --------
    >>> parse_sms("PLUIE THIES 12,5")
    Message(station='THIES', day=None, amount='12,5', confirmed=False)
    >>> parse_sms("pluie cap skirring 24/11 traces confirme")
    Message(station='cap skirring', day='24/11', amount='traces', confirmed=True)
    """
    if len(text) > LONGEST_SMS:
        raise EntryError("grammar", text[:40])
    words = _SPACES.split(unicodedata.normalize("NFC", text).strip().rstrip("."))
    if not words or _plain(words[0]) not in _KEYWORD:
        raise EntryError("grammar", text.strip()[:40])
    words = words[1:]
    confirmed = bool(words) and _plain(words[-1]) in _CONFIRM
    if confirmed:
        words.pop()
    if words and _plain(words[-1]) == "mm":
        words.pop()
    if len(words) < 2:  # noqa: PLR2004 - a station and an amount
        raise EntryError("grammar", text.strip()[:40])
    amount = words.pop()
    day = words.pop() if len(words) > 1 and _DAY.fullmatch(words[-1]) else None
    return Message(" ".join(words), day, amount, confirmed)


def observation(station: str, day: date, amount: Amount, *, revision: int, raw: str) -> Observation:
    """The report of a reading: rain of the 24 hours up to 06 UTC of the day on which it was read."""
    micros = round(reading_of(day).timestamp()) * 1_000_000
    return Observation(
        line=1,
        station=station,
        observed_at=format_time(micros, fraction=False),
        values={VARIABLE: amount.mm},
        text=raw,
        report_type=REPORT_TYPE,
        revision=revision,
    )


def _plain(text: str) -> str:
    """Small letters without accents, narrow spaces as spaces."""
    decomposed = unicodedata.normalize("NFKD", text).casefold().strip()
    return "".join(character for character in decomposed if not unicodedata.combining(character))
