"""What becomes of an entry: taken, the same again, or shown to the observer once more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Final, Literal, NamedTuple

from meteostream.config import Intake
from meteostream.contract.report import is_simulated_station
from meteostream.contract.times import format_time
from meteostream.intake.entries import Entries, Entry
from meteostream.intake.people import Person
from meteostream.intake.rain import Amount, check_day, observation
from meteostream.outbox import Draft
from meteostream.registry import Station
from meteostream.sources.reports import draft_of

Channel = Literal["form", "sms"]
NOTHING: Final = "-"
"""What an observer has seen who has seen no entry."""


class Result(NamedTuple):
    """What became of an entry.

    Attributes
    ----------
    outcome
        ``accepted``; ``same``: it says what was said before; ``conflict``: another value was given before (``before``);
        ``large``: it is more than is taken unasked. The last two need a confirmation.
    """

    outcome: Literal["accepted", "same", "conflict", "large"]
    station: Station
    day: date
    amount: Amount
    before: Entry | None

    @property
    def seen(self) -> str:
        """What a confirmation of this result refers to: the amount and the entry before."""
        return f"{self.amount.mm:g}{'t' * self.amount.trace}/{self.before.revision if self.before else NOTHING}"


class RainIntake:
    """Takes entries of people.

    Parameters
    ----------
    journal
        Makes a report durable, and sees to it that it is sent.
    now
        The time of reception.
    """

    def __init__(
        self,
        settings: Intake,
        entries: Entries,
        journal: Callable[[Draft], object],
        *,
        topic: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._entries, self._journal, self._topic = settings, entries, journal, topic
        self.now = now

    def take(
        self,
        person: Person,
        station: Station,
        day: date,
        amount: Amount,
        *,
        channel: Channel,
        text: str,
        confirms: str | Literal[True] | None = None,
    ) -> Result:
        """Take an entry, or say why it should be looked at again.

        Parameters
        ----------
        text
            What the observer sent, kept as the report's raw text.
        confirms
            :attr:`Result.seen` of what the observer was shown, None for no confirmation. True confirms whatever there
            is: an SMS has no page that could be shown, its word of confirmation stands for itself.

        Raises
        ------
        EntryError
            If the day cannot be.
        meteostream.outbox.OutboxError
            If it cannot be made durable; then it is not taken.
        """
        while True:
            now = self.now()
            check_day(day, now, source=self._settings.source, oldest_days=self._settings.oldest_days)
            before = self._entries.latest(station.wigos_id, day)
            result = Result("accepted", station, day, amount, before)
            if before is not None and before.amount == amount:
                return result._replace(outcome="same")
            if confirms is not True and confirms != result.seen:
                if before is not None:
                    return result._replace(outcome="conflict")
                if amount.mm > self._settings.ask_above_mm:
                    return result._replace(outcome="large")
            revision = 0 if before is None else before.revision + 1
            entry = Entry(
                station.wigos_id, day, revision, amount, person.key, channel, format_time(_micros(now), fraction=True)
            )
            # What was made durable goes with the entry or not at all; False: another entry was quicker, look again.
            journal = partial(self._journal, self._draft(entry, text))
            if self._entries.add(entry, after=None if before is None else before.revision, journal=journal):
                return result

    def _draft(self, entry: Entry, text: str) -> Draft:
        raw = f"{entry.channel} {entry.observer}: {text}"
        return draft_of(
            observation(entry.station, entry.day, entry.amount, revision=entry.revision, raw=raw),
            source=self._settings.source,
            received_at=entry.received_at,
            topic=self._topic,
            # Of the platform's own check alone: observers report for real stations.
            nature="simulated" if is_simulated_station(entry.station) else "observed",
        )


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
