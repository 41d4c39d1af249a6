"""The outbox: what is in it survives, what is torn is cut and said, what is damaged is refused."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meteostream import outbox as module
from meteostream.outbox import (
    ClockError,
    Draft,
    Outbox,
    OutboxError,
    OutboxFullError,
    OutboxLockedError,
    iterate,
    read_line,
    segments,
    write_reconciled,
)

TOPIC = "weather.observations"


def draft(number: int, received_at: str = "2026-11-25T06:00:00Z") -> Draft:
    return Draft(f"{number:064x}", received_at, TOPIC, "0-20000-0-61641", json.dumps({"é": number}, ensure_ascii=False))


def drafts(first: int, count: int, received_at: str = "2026-11-25T06:00:00Z") -> list[Draft]:
    return [draft(number, received_at) for number in range(first, first + count)]


def journal(directory: Path) -> Path:
    (segment,) = segments(directory)
    return segment.path


def test_what_is_appended_reads_back_in_order(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        assert outbox.append(drafts(1, 3)) == 3
        assert outbox.append(drafts(4, 2)) == 5
        found = outbox.read(0, 100)
        assert [(entry.n, entry.batch) for entry in found] == [(1, 1), (2, 1), (3, 1), (4, 4), (5, 4)]
        assert [Draft(e.id, e.received_at, e.topic, e.key, e.value) for e in found] == drafts(1, 5)
        assert [entry.n for entry in outbox.read(3, 1)] == [4]
    assert list(iterate(tmp_path)) == found


def test_the_format_is_the_documented_one(tmp_path: Path) -> None:
    """docs/contract.md, read with nothing but the standard library: other programs depend on it."""
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 2))
    assert journal(tmp_path).name == "00000000000000000001-20261125T06.journal"
    for number, line in enumerate(journal(tmp_path).read_bytes().splitlines(), 1):
        crc, _, body = line.partition(b" ")
        assert int(crc, 16) == zlib.crc32(body)
        assert list(json.loads(body)) == ["n", "batch", "id", "received_at", "topic", "key", "value"]
        assert json.loads(body)["id"] == f"{number:064x}"


@pytest.mark.parametrize("group", [1, 3])
def test_a_tail_torn_at_any_byte_is_cut_and_the_rest_kept(tmp_path: Path, group: int, caplog: object) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 2))
        durable = journal(tmp_path).stat().st_size
        outbox.append(drafts(3, group))
    whole = journal(tmp_path).read_bytes()
    lines = whole[durable:].splitlines(keepends=True)
    for size in range(durable, len(whole)):
        journal(tmp_path).write_bytes(whole[:size])
        complete = sum(1 for n in range(1, group + 1) if durable + len(b"".join(lines[:n])) <= size)
        with Outbox(tmp_path) as outbox:
            assert outbox.last == 2 + complete
            outbox.append([draft(2 + complete + 1)])
            assert [entry.n for entry in outbox.read(0, 99)] == list(range(1, 2 + complete + 2))
    assert caplog is not None


def test_a_cut_tail_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 2))
    with journal(tmp_path).open("ab") as file:
        file.write(b"0000")
    with caplog.at_level(logging.WARNING), Outbox(tmp_path):
        pass
    assert "cut a torn tail of 4 bytes after entry 2" in caplog.text


@given(st.data())
def test_holes_within_the_last_group_are_cut(data: st.DataObject) -> None:
    """A power cut may leave any part of an unsynced group: pages reach the disk in no order."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with Outbox(directory) as outbox:
            outbox.append(drafts(1, 2))
            durable = journal(directory).stat().st_size
            outbox.append(drafts(3, 4))
        content = bytearray(journal(directory).read_bytes())
        start = data.draw(st.integers(durable, len(content) - 1))
        end = data.draw(st.integers(start + 1, len(content)))
        content[start:end] = bytes(end - start)
        journal(directory).write_bytes(content)
        with Outbox(directory) as outbox:
            assert 2 <= outbox.last < 6
            assert [entry.n for entry in outbox.read(0, 99)] == list(range(1, outbox.last + 1))


@given(st.data())
def test_damage_to_a_durable_group_is_refused_not_cut(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with Outbox(directory) as outbox:
            outbox.append(drafts(1, 2))
            durable = journal(directory).stat().st_size
            outbox.append(drafts(3, 1))
        content = bytearray(journal(directory).read_bytes())
        place = data.draw(st.integers(0, durable - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        journal(directory).write_bytes(content)
        with pytest.raises(OutboxError, match="a part that was on disk was changed"):
            Outbox(directory)
        assert journal(directory).read_bytes() == content


@given(st.binary(max_size=200))
def test_no_garbage_reads_as_an_entry(line: bytes) -> None:
    assert read_line(line) is None


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with Outbox(tmp_path), pytest.raises(OutboxLockedError, match=f"found process {os.getpid()}"):
        Outbox(tmp_path)
    with Outbox(tmp_path):
        pass


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os\nfrom pathlib import Path\nfrom meteostream.outbox import Outbox\n"
        f"outbox = Outbox(Path({str(tmp_path)!r}))\nos._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 9  # noqa: S603
    with Outbox(tmp_path):
        pass


def test_a_process_killed_while_it_writes_loses_nothing_it_reported(tmp_path: Path) -> None:
    """What the child printed as durable is there after SIGKILL, and the journal goes on behind it."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom meteostream.outbox import Draft, Outbox\n"
        f"outbox = Outbox(Path({str(tmp_path)!r}))\n"
        "while True:\n"
        "    n = outbox.last\n"
        "    at = '2026-11-25T06:00:00Z'\n"
        "    outbox.append([Draft(f'{n + k:064x}', at, 't', 'k', 'v' * 500) for k in range(1, 51)])\n"
        "    print(outbox.last, flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE) as child:  # noqa: S603
        assert child.stdout
        reported = [int(child.stdout.readline()) for _ in range(20)][-1]
        child.kill()
        rest = child.stdout.read().split()
    reported = int(rest[-1]) if rest else reported
    with Outbox(tmp_path) as outbox:
        assert outbox.last >= reported
        assert [int(entry.id, 16) for entry in outbox.read(0, 10**6)] == list(range(1, outbox.last + 1))


def test_segments_begin_at_an_hour_and_at_a_size(tmp_path: Path) -> None:
    with Outbox(tmp_path, segment_bytes=600) as outbox:
        for n, hour in enumerate(["06", "06", "06", "06", "07"], 1):
            outbox.append([draft(n, f"2026-11-25T{hour}:00:00Z")])
        assert [(s.first, s.hour) for s in segments(tmp_path)] == [
            (1, "20261125T06"), (4, "20261125T06"), (5, "20261125T07"),
        ]  # fmt: skip
        assert [entry.n for entry in outbox.read(0, 99)] == [1, 2, 3, 4, 5]
    with Outbox(tmp_path, segment_bytes=600) as outbox:
        outbox.append([draft(6, "2026-11-25T07:59:59.999999Z")])
        assert len(segments(tmp_path)) == 3


def test_a_cursor_follows_the_writer_over_segments(tmp_path: Path) -> None:
    with Outbox(tmp_path, segment_bytes=400) as outbox:
        cursor = outbox.cursor(0)
        seen: list[int] = []
        for n in range(1, 12):
            outbox.append([draft(n)])
            seen += [entry.n for entry in cursor.read(1)] if n % 3 else []
        while found := cursor.read(2):
            seen += [entry.n for entry in found]
        assert seen == list(range(1, 12))
        cursor.rewind(5)
        assert [entry.n for entry in cursor.read(2)] == [6, 7]
        cursor.close()


def test_a_starting_producer_sends_again_from_the_last_reconciled_hour(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        for n, hour in enumerate(["06", "07", "08"], 1):
            outbox.append([draft(n, f"2026-11-25T{hour}:30:00Z")])
        assert outbox.resend_after() == 0, "the ledger has not spoken: everything"
        outbox.acknowledge(3)
        assert outbox.resend_after() == 0, "an acknowledgement is not enough"
        write_reconciled(tmp_path, "2026-11-25T07:00:00Z")
        assert outbox.resend_after() == 1
        write_reconciled(tmp_path, "2026-11-25T08:00:00Z")
        assert outbox.resend_after() == 2
        write_reconciled(tmp_path, "2026-11-25T09:00:00Z")
        assert outbox.resend_after() == 3


def test_what_is_not_acknowledged_is_sent_whatever_was_reconciled(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append([draft(1, "2026-11-25T06:30:00Z")])
        outbox.append([draft(2, "2026-11-25T07:30:00Z")])
        write_reconciled(tmp_path, "2026-11-26T00:00:00Z")
        assert outbox.resend_after() == 0


def test_the_acknowledged_position_survives_and_never_goes_back(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 5))
        outbox.acknowledge(4)
        outbox.acknowledge(2)
    with Outbox(tmp_path) as outbox:
        assert outbox.acked == 4


def test_a_missing_journal_below_its_acknowledgement_is_refused(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 5))
        outbox.acknowledge(5)
    journal(tmp_path).write_bytes(journal(tmp_path).read_bytes()[:-1])
    with pytest.raises(OutboxError, match="acknowledged, found the last at 4"):
        Outbox(tmp_path)


def test_numbers_go_on_when_every_file_is_gone(tmp_path: Path) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 5))
        outbox.acknowledge(5)
    journal(tmp_path).unlink()
    with Outbox(tmp_path) as outbox:
        assert outbox.append([draft(6)]) == 6


def test_retention_deletes_only_what_is_acknowledged(tmp_path: Path) -> None:
    end_of_6 = module.parse_time("2026-11-25T07:00:00Z", "end", fraction=False) / 1e6
    with Outbox(tmp_path, retention_s=3600) as outbox:
        for n, hour in enumerate(["06", "07", "08"], 1):
            outbox.append([draft(n, f"2026-11-25T{hour}:30:00Z")])
        outbox.forget(end_of_6 + 10**6)
        assert outbox.first == 1
        outbox.acknowledge(2)
        outbox.forget(end_of_6 + 3600)
        assert outbox.first == 1
        outbox.forget(end_of_6 + 3601)
        assert outbox.first == 2
        outbox.forget(end_of_6 + 10**6)
        assert outbox.first == 3, "2 is acknowledged, 3 is not, and the last file stays"
        assert [entry.n for entry in outbox.read(2, 9)] == [3]


def test_a_full_journal_stops_the_intake_loudly_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """KF-112: nothing is dropped; the producer hears it."""
    with Outbox(tmp_path, max_bytes=1500, segment_bytes=400) as outbox:
        while outbox.size() < 1100:
            outbox.append([draft(outbox.last + 1)])
        last = outbox.last
        with pytest.raises(OutboxFullError, match="not acknowledged"):
            outbox.append([draft(last + 1)])
        assert [entry.n for entry in outbox.read(0, 99)] == list(range(1, last + 1))
        outbox.acknowledge(last)
        assert outbox.append([draft(last + 1)]) == last + 1
        assert outbox.size() <= 1500


def test_after_a_failed_fsync_nothing_more_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KF-112: a disk that fails once is not trusted with the next group."""

    def failing(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 2))
        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(OutboxFullError, match="No space left"):
            outbox.append(drafts(3, 2))
        monkeypatch.undo()
        with pytest.raises(OutboxError, match="restart after repair"):
            outbox.append(drafts(3, 2))
    with Outbox(tmp_path) as outbox:
        assert outbox.last == 2


@pytest.mark.parametrize(
    ("received_at", "allowed"), [("2026-11-25T05:59:00Z", True), ("2026-11-25T05:58:59.999999Z", False)]
)
def test_a_clock_before_the_last_report_is_refused(tmp_path: Path, received_at: str, allowed: bool) -> None:
    """A machine that lost its clock in a power cut waits, and nothing is stamped wrongly."""
    with Outbox(tmp_path) as outbox:
        outbox.append([draft(1)])
    with Outbox(tmp_path) as outbox:
        if allowed:
            assert outbox.append([draft(2, received_at)]) == 2
        else:
            with pytest.raises(ClockError, match="is this machine's clock right"):
                outbox.append([draft(2, received_at)])


@pytest.mark.parametrize("change", [lambda path: path.write_text("x"), lambda path: path.write_text("")])
def test_a_damaged_note_is_explained(tmp_path: Path, change: Callable[[Path], object]) -> None:
    with Outbox(tmp_path) as outbox:
        outbox.append(drafts(1, 1))
        outbox.acknowledge(1)
    change(tmp_path / "acked")
    with pytest.raises(OutboxError, match="delete it to send everything again"):
        Outbox(tmp_path)
