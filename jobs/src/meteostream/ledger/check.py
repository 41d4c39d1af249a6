"""The proof: three witnesses compared, hour by hour of reception.

Lost: a journal id, not a dead letter, that is missing from the warehouse (event and its report) or from bronze.
Doubled: one event more than once in the warehouse, or one message of Kafka more than once in bronze. Sending twice is
legal and ends as a duplicate. Beyond the journals, counts must agree with rows: accepted and superseded with the stored
events, all four with bronze's messages of the hour, all of bronze with its ranges of offsets.
"""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from meteostream.ledger.bronze import Snapshot
from meteostream.ledger.journal import journals
from meteostream.ledger.warehouse import ENDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from meteostream.ledger.journal import Journal
    from meteostream.ledger.store import Store
    from meteostream.ledger.warehouse import Warehouse

HOUR: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=10)
"""How long after its end an hour may be closed: the producers' clocks and a batch of the lake fit in it."""
LOOK_AGAIN_S: Final = 3.0
EXAMPLES: Final = 5
RECONCILED: Final = "reconciled"


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of reception.

    Attributes
    ----------
    hour
        Its beginning.
    journal_ids
        Distinct ids in the journals.
    accepted, duplicate, superseded, dead
        How the offsets ended.
    bronze_rows
        Distinct messages in bronze.
    lost, doubled
        See the module.
    uncounted
        Difference between accepted + superseded and the stored events.
    balanced
        Whether the four add up to bronze's messages; None while the hour is not over.
    closed
        Whether it is stored as closed (then the figures are the stored ones).
    examples
        Hex of some lost ids.
    """

    hour: datetime
    journal_ids: int
    accepted: int
    duplicate: int
    superseded: int
    dead: int
    bronze_rows: int
    lost: int
    doubled: int
    uncounted: int = 0
    balanced: bool | None = True
    closed: bool = False
    examples: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether nothing speaks against it."""
        return self.lost == self.doubled == self.uncounted == 0 and self.balanced is not False


@dataclass(slots=True)
class Result:
    """What the ledger found, up to its horizon."""

    horizon: datetime
    hours: list[Hour] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    bronze_lost: int = 0
    bronze_doubled: int = 0
    offsets: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything adds up."""
        return not self.findings

    def total(self, name: str) -> int:
        """Sum of one figure over the hours."""
        return sum(int(getattr(hour, name)) for hour in self.hours)

    @property
    def lost(self) -> int:
        """Lost reports; at least as many as bronze's ranges of offsets lack."""
        return max(self.total("lost"), self.bronze_lost)

    @property
    def doubled(self) -> int:
        """Doubled rows; at least as many as bronze has beyond its ranges of offsets."""
        return max(self.total("doubled"), self.bronze_doubled)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = ("journal_ids", *ENDS, "bronze_rows")
        return {
            "ok": self.ok,
            "horizon": _text(self.horizon),
            "lost": self.lost,
            "doubled": self.doubled,
            **{name: self.total(name) for name in names},
            "offsets": self.offsets,
            "closed_hours": sum(hour.closed for hour in self.hours),
            "findings": self.findings,
            "notes": self.notes,
            "hours": [dataclasses.asdict(hour) | {"hour": _text(hour.hour)} for hour in self.hours],
        }


class Ledger:
    """The three witnesses together."""

    def __init__(self, outbox: Path, warehouse: Warehouse, store: Store, lake: str, topic: str) -> None:
        self._outbox = outbox
        self._warehouse = warehouse
        self._store = store
        self._lake = lake
        self._topic = topic

    def check(self, horizon: datetime | None = None, *, closed_too: bool = False) -> Result:
        """Compare everything received before ``horizon`` (default: now).

        Parameters
        ----------
        horizon
            Later entries of the journals are not judged.
        closed_too
            Examine closed hours again, as far as the journals still hold them.
        """
        result = Result(horizon or datetime.now(UTC))
        producers = journals(self._outbox)
        snapshot = Snapshot(self._store, self._lake)
        closed = self._warehouse.closed()
        known = self._warehouse.hours().union(*(producer.hours() for producer in producers))
        for hour in sorted(known | set(closed)):
            if hour in closed and not closed_too:
                row = closed[hour]
                result.hours.append(Hour(hour=hour, closed=True, **row))
            elif hour < result.horizon:
                result.hours.append(self._hour(hour, producers, snapshot, result.horizon))
        self._totals(result, snapshot)
        result.findings += [_sentence(hour) for hour in result.hours if not hour.whole]
        result.notes += [
            f"{producer.directory}: the last entry is torn: never sent, cut off by the producer's next start"
            for producer in producers
            if producer.torn and not _being_written(producer)
        ]
        return result

    def wait(self, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> Result:
        """Check until everything received before now adds up, at most ``seconds`` long."""
        horizon, until = datetime.now(UTC), time.monotonic() + seconds
        while True:
            result = self.check(horizon)
            if result.ok or time.monotonic() >= until:
                return result
            sleep(min(LOOK_AGAIN_S, max(0.0, until - time.monotonic())))

    def close(self, now: datetime | None = None) -> tuple[list[Hour], Result]:
        """Store the hours that are over and whole; tell the journals how far all is reconciled.

        Returns
        -------
        The hours that were closed now, and what the check found.
        """
        result = self.check(now)
        done = []
        for hour in result.hours:
            over = hour.hour + HOUR + GRACE <= result.horizon
            if (
                over
                and not hour.closed
                and hour.whole
                and hour.balanced
                and not (result.bronze_lost or result.bronze_doubled)
            ):
                names = ("journal_ids", *ENDS, "bronze_rows", "lost", "doubled")
                self._warehouse.close(hour.hour, {name: getattr(hour, name) for name in names})
                done.append(hour)
        settled = {hour.hour for hour in done} | {hour.hour for hour in result.hours if hour.closed}
        open_hours = [hour.hour for hour in result.hours if hour.hour not in settled]
        reconciled = min(open_hours) if open_hours else max(settled, default=None)
        if reconciled is not None:
            end = reconciled if open_hours else reconciled + HOUR
            for producer in journals(self._outbox):
                _write(producer.directory / RECONCILED, f"{_text(end)}\n")
        return done, result

    # One hour

    def _hour(self, hour: datetime, producers: list[Journal], snapshot: Snapshot, horizon: datetime) -> Hour:
        entries = [entry for producer in producers for entry in producer.read(self._topic, hour, horizon)]
        ids = {entry.id for entry in entries}
        unseen = self._warehouse.unseen(entries)
        rows = snapshot.rows(hour).filter(pc.field("topic") == self._topic)
        absent = _absent(ids, rows)
        lost = unseen | (absent - self._warehouse.dead_ids(sorted(absent)))
        messages, copies = _messages(rows)
        counts = self._warehouse.hour(hour, self._topic)
        events = counts.pop("events")
        over = hour + HOUR + GRACE <= horizon
        return Hour(
            hour=hour,
            journal_ids=len(ids),
            accepted=counts["accepted"],
            duplicate=counts["duplicate"],
            superseded=counts["superseded"],
            dead=counts["dead"],
            bronze_rows=messages,
            lost=len(lost),
            doubled=copies + self._warehouse.doubled(hour),
            uncounted=abs(counts["accepted"] + counts["superseded"] - events),
            balanced=sum(counts.values()) == messages if over else None,
            examples=tuple(identity.hex() for identity in sorted(lost)[:EXAMPLES]),
        )

    def _totals(self, result: Result, snapshot: Snapshot) -> None:
        totals = self._warehouse.totals()
        result.offsets = totals.read
        if totals.counted != totals.read:
            result.findings.append(
                f"warehouse: {totals.read} offsets were read, {totals.counted} are counted as accepted, duplicate, "
                "superseded or dead: expected the same number"
            )
        for partition, (rows, room) in snapshot.contiguity().items():
            result.bronze_lost += max(0, room - rows)
            result.bronze_doubled += max(0, rows - room)
            if rows != room:
                result.findings.append(
                    f"bronze, partition {partition}: offsets have room for {room} rows, found {rows}: "
                    f"{abs(rows - room)} {'doubled' if rows > room else 'lost'}"
                )


def _absent(ids: set[bytes], rows: pa.Table) -> set[bytes]:
    """Journal ids that no row bears: its event id, or the journal's own where the message is dead."""
    if not ids:
        return set()
    wanted = pa.array(ids, pa.binary())
    borne = pc.coalesce(rows["event_id"], rows["journal_id"])
    return set(wanted.filter(pc.invert(pc.is_in(wanted, value_set=borne.combine_chunks()))).to_pylist())


def _messages(rows: pa.Table) -> tuple[int, int]:
    """Distinct messages of Kafka, and copies beyond the first.

    Kafka's timestamp is part of a message's identity: after brokers lost their tail, offsets name other messages.
    """
    distinct = rows.group_by(["topic", "partition", "offset", "timestamp"]).aggregate([]).num_rows
    return distinct, rows.num_rows - distinct


def _sentence(hour: Hour) -> str:
    parts = []
    if hour.lost:
        parts.append(f"{hour.lost} lost (for example {', '.join(hour.examples)})")
    if hour.doubled:
        parts.append(f"{hour.doubled} doubled")
    if hour.uncounted:
        parts.append(f"stored events and counts differ by {hour.uncounted}")
    if hour.balanced is False:
        ends = hour.accepted + hour.duplicate + hour.superseded + hour.dead
        parts.append(f"{ends} offsets have an end in the warehouse, bronze has {hour.bronze_rows} messages")
    return f"{_text(hour.hour)}: {'; '.join(parts)}"


def _being_written(producer: Journal) -> bool:
    """Whether the torn line has been completed since: then it was only being written."""
    segments = sorted(producer.directory.glob("*.journal"))
    return bool(segments) and segments[-1].read_bytes()[-1:] == b"\n"


def _write(path: Path, text: str) -> None:
    """Replace a small file so that a power cut leaves the old one or the new one."""
    beside = path.with_name(f".{path.name}.ledger")
    with beside.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
