"""The drop folder and the quarantine: real files on a real disk, a sender that records or fails."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from meteostream import dropfolder
from meteostream.cli import group
from meteostream.config import Dropfolder
from meteostream.contract.decode import decode_report
from meteostream.dropfolder import DropfolderError, Outcome, run_pass, safe_name
from meteostream.durable import locked
from meteostream.outbox import Draft, OutboxError, iterate
from meteostream.quarantine import QuarantineError, file_name, hold, released, station_of, waiting
from meteostream.registry import fold, load_registry
from support_settings import settings_file
from support_stations import registry_with, station

DATA = Path(__file__).parent / "data"
GOOD = (DATA / "senegal.csv").read_bytes()
DAMAGED = (DATA / "senegal-damaged.csv").read_bytes()
UNKNOWN = "".join(
    ";".join("Tataguine" if fold(cell) == "thies" else cell for cell in line.split(";"))
    for line in GOOD.decode().splitlines(keepends=True)
).encode()
"""The same with one of its three stations under a name that nobody registered."""


class Sent:
    """Takes what a pass sends, or fails as a broker's absence does."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.fail = False

    def __call__(self, drafts: Iterable[Draft]) -> None:
        taken = list(drafts)
        if self.fail:
            raise OutboxError("the brokers do not answer")
        self.drafts += taken


class Folder:
    """A drop folder for a test."""

    def __init__(self, base: Path, **settings: object) -> None:
        self.base, self.quarantine = base / "drop", base / "quarantine"
        self.incoming = self.base / "incoming"
        (self.incoming / "csv-fr").mkdir(parents=True)
        self.settings = Dropfolder(directory=str(self.base), profiles=str(base / "profiles"), **settings)  # type: ignore[arg-type]
        self.sent = Sent()

    def put(self, name: str, content: bytes = GOOD, folder: str = "csv-fr", age: float = 3600) -> Path:
        path = self.incoming / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        past = path.stat().st_mtime - age
        os.utime(path, (past, past))
        return path

    def run(self) -> list[Outcome]:
        return run_pass(self.settings, topic="t", quarantine=self.quarantine, send=self.sent)

    def one(self) -> Outcome:
        (outcome,) = self.run()
        return outcome

    def files(self, part: str) -> list[str]:
        return sorted(
            str(path.relative_to(self.base / part)) for path in (self.base / part).rglob("*") if path.is_file()
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_good_file_is_sent_and_archived_by_its_content(folder: Folder) -> None:
    folder.put("août.csv")
    outcome = folder.one()
    assert (outcome.state, outcome.reports, outcome.rejected) == ("accepted", 24, 0)
    assert len({draft.id for draft in folder.sent.drafts}) == 24
    assert {draft.topic for draft in folder.sent.drafts} == {"t"}
    digest = hashlib.sha256(GOOD).hexdigest()
    archived = [name for name in folder.files("archive") if name != "index.jsonl"]
    assert [Path(name).name for name in archived] == [f"{digest}-aout.csv"]
    assert (folder.base / "archive" / archived[0]).read_bytes() == GOOD
    entry = json.loads((folder.base / "archive/index.jsonl").read_text("utf-8"))
    assert (entry["sha256"], entry["reports"], entry["archived"]) == (digest, 24, archived[0])
    assert folder.files("incoming") == folder.files("working") == []


def test_the_same_file_twice_is_harmless(folder: Folder) -> None:
    """KF-111: under another name, in the same pass or a later one."""
    folder.put("a.csv")
    folder.put("b.csv")
    assert sorted(outcome.state for outcome in folder.run()) == ["accepted", "again"]
    folder.put("c.csv")
    assert folder.one().state == "again"
    assert len(folder.sent.drafts) == 24
    assert folder.files("incoming") == folder.files("working") == []


def test_rejected_lines_of_an_accepted_file_are_kept_with_a_report_in_both_languages(folder: Folder) -> None:
    folder.put("mars.csv", DAMAGED)
    outcome = folder.one()
    assert (outcome.state, outcome.reports, outcome.rejected, outcome.held) == ("accepted", 3, 8, 1)
    assert outcome.report is not None
    text = outcome.report.read_text("utf-8")
    assert "CHARGÉ EN PARTIE : le fichier csv-fr/mars.csv" in text
    assert "LOADED IN PART: the file csv-fr/mars.csv" in text
    assert "found 'chaud'" in text
    (rejects,) = [name for name in folder.files("rejects") if name.endswith(".jsonl")]
    entries = [json.loads(line) for line in (folder.base / "rejects" / rejects).read_text("utf-8").splitlines()]
    assert [entry["line"] for entry in entries] == [3, 4, 5, 6, 8, 10, 11, 13]


def test_a_strict_folder_takes_a_file_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = Folder(tmp_path, strict=True)
    folder.put("bon.csv")
    folder.put("mars.csv", DAMAGED)
    outcomes = {outcome.name: outcome for outcome in folder.run()}
    assert outcomes["csv-fr/bon.csv"].state == "accepted"
    refused = outcomes["csv-fr/mars.csv"]
    assert (refused.state, refused.reports) == ("refused", 0)
    assert "8 lines cannot be read, and none may be (strict)" in refused.detail
    assert refused.report is not None
    beside = refused.report.with_name(refused.report.name.removesuffix(".rapport.txt"))
    assert beside.read_bytes() == DAMAGED
    text = refused.report.read_text("utf-8")
    assert "REFUSÉ : le fichier csv-fr/mars.csv n'a pas été chargé" in text
    assert "REFUSED: the file csv-fr/mars.csv was not loaded" in text
    assert len(folder.sent.drafts) == 24


@pytest.mark.parametrize(
    ("name", "content", "place", "reason"),
    [
        ("x.csv", b"a,b\n1,2\n", "csv-fr", "missing: ['Station', 'Date'"),
        ("x.csv", GOOD, "nobody", "'nobody': expected a format (isd,"),
        ("x.csv", GOOD, "own.toml", "expected a format's or profile's name as the folder's"),
        ("x.zip", b"PK\x03\x04" + bytes(50), "csv-fr", "found a zip archive"),
        ("x.csv.gz", gzip.compress(bytes(50_000_000)), "csv-fr", "bytes out of each byte of gzip"),
        ("x.csv", GOOD * 40, "csv-fr", "expected at most 40000 bytes, found"),
        ("x.csv", GOOD.splitlines()[0] + b"\nnothing;here\n", "csv-fr", "none of its 1 lines can be read"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, place: str, reason: str
) -> None:
    folder = Folder(tmp_path, max_bytes=60_000 if name.endswith(".gz") else 40_000)
    assert len(GOOD) * 40 > 40_000 > len(GOOD)
    folder.put(name, content, place)
    outcome = folder.one()
    assert outcome.state == "refused"
    assert reason in outcome.detail
    assert str(folder.base) not in outcome.detail, "a person knows the file by its name"
    assert outcome.report is not None
    assert folder.sent.drafts == []
    assert folder.files("working") == []


def test_an_empty_table_is_accepted(folder: Folder) -> None:
    """KF-108."""
    folder.put("vide.csv", GOOD.splitlines(keepends=True)[0])
    outcome = folder.one()
    assert (outcome.state, outcome.reports) == ("accepted", 0)


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", ".a.csv", "a.filepart", "a.csv~", "A.PART"])
def test_files_that_are_still_being_written_are_left_alone(folder: Folder, name: str) -> None:
    path = folder.put(name)
    assert folder.run() == []
    assert path.exists()
    path.rename(path.with_name("fini.csv"))
    assert folder.one().state == "accepted", "renamed when complete, it is taken"


def test_a_file_that_changed_a_moment_ago_waits(folder: Folder) -> None:
    path = folder.put("a.csv", age=5)
    assert folder.one().state == "waiting"
    assert path.exists()
    folder.put("a.csv", age=61)
    assert folder.one().state == "accepted"


def test_a_file_that_changes_while_it_is_read_goes_back(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder.put("a.csv")
    real = dropfolder._digest

    def slow(file: Path) -> str:
        found = real(file)
        with file.open("ab") as writer:
            writer.write(b"\n")
        return found

    monkeypatch.setattr(dropfolder, "_digest", slow)
    outcome = folder.one()
    assert (outcome.state, outcome.detail) == ("waiting", "it was changed while it was read")
    assert path.exists()
    assert folder.sent.drafts == []


def test_links_and_devices_are_never_opened(folder: Folder, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(GOOD)
    (folder.incoming / "csv-fr/link.csv").symlink_to(secret)
    os.mkfifo(folder.incoming / "csv-fr/pipe.csv")
    (folder.incoming / "csv-fr/folder.csv").mkdir()
    (folder.incoming / "outside").symlink_to(tmp_path)
    (folder.incoming / "lost.csv").write_bytes(GOOD)
    outcomes = folder.run()
    assert {outcome.state for outcome in outcomes} == {"ignored"}
    assert len(outcomes) == 5
    assert folder.sent.drafts == []


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_names_are_harmless_wherever_they_end(name: str) -> None:
    plain = safe_name(name)
    assert plain
    assert plain.isascii()
    assert not plain.startswith((".", "-"))
    assert set(plain) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(plain) <= 100


@pytest.mark.parametrize(
    "name",
    ["$(reboot).csv", "a\nb.csv", "\x1b[31mred.csv", "-rf.csv", "x" * 240 + ".csv", "relevé d'août.csv", "%s%n.csv"],
)
def test_hostile_names_are_loaded_like_others(folder: Folder, name: str) -> None:
    folder.put(name, DAMAGED)
    outcome = folder.one()
    assert outcome.state == "accepted"
    assert outcome.name.isprintable()
    assert all(part.isascii() and part.isprintable() for part in folder.files("archive") + folder.files("rejects"))


def test_a_name_that_is_no_text_is_loaded_too(folder: Folder) -> None:
    raw = os.fsencode(folder.incoming / "csv-fr") + b"/relev\xe9.csv"
    with open(raw, "wb") as file:
        file.write(GOOD)
    os.utime(raw, (1e9, 1e9))
    outcome = folder.one()
    assert outcome.state == "accepted"
    assert outcome.name.isprintable()
    json.dumps(outcome.name).encode()


def test_an_interrupted_pass_is_taken_up_by_the_next(folder: Folder) -> None:
    """Nothing is archived before the brokers have it; sending again makes the same events."""
    folder.put("a.csv")
    folder.sent.fail = True
    with pytest.raises(OutboxError):
        folder.run()
    assert folder.files("working") == ["csv-fr/a.csv"]
    assert folder.files("archive") == []
    folder.put("a.csv", DAMAGED)
    folder.sent.fail = False
    outcomes = folder.run()
    assert sorted(outcome.state for outcome in outcomes) == ["accepted", "waiting"]
    assert len(folder.sent.drafts) == 24
    assert folder.one().state == "accepted", "the second file of that name follows"


def test_a_month_is_a_folder(folder: Folder) -> None:
    """Coded reports name no month; a pass that was interrupted keeps it."""
    folder.put("a.csv", folder="csv-fr/2026-11")
    (folder.incoming / "csv-fr/november").mkdir()
    folder.sent.fail = True
    with pytest.raises(OutboxError):
        folder.run()
    assert folder.files("working") == ["csv-fr/2026-11/a.csv"]
    folder.sent.fail = False
    outcomes = {outcome.name: outcome.state for outcome in folder.run()}
    assert outcomes == {"csv-fr/2026-11/a.csv": "accepted", "csv-fr/november": "ignored"}
    assert json.loads((folder.base / "archive/index.jsonl").read_text("utf-8"))["month"] == "2026-11"
    folder.put("a.csv", folder="csv-fr/2026-12")
    assert {outcome.name: outcome.state for outcome in folder.run()}["csv-fr/2026-12/a.csv"] == "accepted"


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("_digest", PermissionError(13, "Permission denied"), "expected a file that may be read: Permission denied"),
        ("_try_out", TypeError("x"), "a fault of this platform, not of the file; tell its operator: TypeError: x"),
    ],
)
def test_a_file_that_makes_trouble_does_not_keep_others_waiting(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, reason: str
) -> None:
    """KF-126: it is refused, and the next pass does not meet it again."""
    real = getattr(dropfolder, name)

    def fail(*arguments: object) -> object:
        if "bad.csv" in str(arguments):
            raise error
        return real(*arguments)

    monkeypatch.setattr(dropfolder, name, fail)
    folder.put("bad.csv")
    folder.put("good.csv", DAMAGED)
    outcomes = {outcome.name: outcome for outcome in folder.run()}
    assert outcomes["csv-fr/bad.csv"].state == "refused"
    assert outcomes["csv-fr/bad.csv"].detail == reason
    assert outcomes["csv-fr/good.csv"].state == "accepted"
    assert folder.run() == []


def test_two_passes_at_once_are_refused(folder: Folder) -> None:
    with locked(folder.base / ".lock"), pytest.raises(DropfolderError, match="expected no other pass"):
        folder.run()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DropfolderError, match="expected a folder, found none"):
        run_pass(Dropfolder(directory=str(tmp_path)), topic="t", quarantine=tmp_path, send=Sent())


def test_a_profile_of_the_operator_counts_before_a_shipped_one(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    shipped = (Path(__file__).parent.parent / "src/meteostream/sources/profiles/csv-fr.toml").read_text("utf-8")
    (tmp_path / "profiles/csv-fr.toml").write_text(shipped.replace('source = "csv-fr"', 'source = "ours"'), "utf-8")
    folder.put("a.csv")
    assert folder.one().state == "accepted"
    assert {decode_report(draft.value.encode()).source for draft in folder.sent.drafts} == {"ours"}


# --- Quarantine ---


def test_an_unknown_station_is_held_until_it_is_registered(folder: Folder) -> None:
    """KF-113, KF-114: it is not published, it is not lost, and the list says under which name it waits."""
    folder.put("a.csv", UNKNOWN)
    outcome = folder.one()
    assert (outcome.state, outcome.reports, outcome.held) == ("accepted", 16, 8)
    (group_,) = waiting(folder.quarantine)
    assert (group_.source, group_.name, len(group_.reports)) == ("csv-fr", "Tataguine", 8)
    assert station_of("Tataguine", load_registry()) is None
    registry = registry_with(station("0-686-0-TATA", "Tataguine"))
    assert station_of("Tataguine", registry) == "0-686-0-TATA"
    assert station_of("616410-99999", registry) == "0-20000-0-61641"
    assert station_of("0-0-0-SIM61641", registry) is None
    observation = group_.reports[0].observation("0-686-0-TATA")
    assert observation.station == "0-686-0-TATA"
    assert observation.values == group_.reports[0].values
    assert observation.values["air_temperature"] == 30.3
    released(folder.quarantine, group_, "0-686-0-TATA")
    assert waiting(folder.quarantine) == []
    assert len(list((folder.quarantine / "released").glob("*.0-686-0-TATA.jsonl"))) == 1


def test_what_is_held_twice_waits_once(folder: Folder) -> None:
    folder.put("a.csv", UNKNOWN)
    folder.one()
    folder.put("b.csv", UNKNOWN + b"\n")
    assert folder.one().held == 8
    (group_,) = waiting(folder.quarantine)
    assert len(group_.reports) == 8


def test_what_is_held_while_a_group_is_released_stays(folder: Folder) -> None:
    folder.put("a.csv", UNKNOWN)
    folder.one()
    (before,) = waiting(folder.quarantine)
    hold(folder.quarantine, [before.reports[0].__class__(**{**_fields(before.reports[0]), "id": "new", "line": 99})])
    released(folder.quarantine, before, "0-686-0-TATA")
    (after,) = waiting(folder.quarantine)
    assert [report.line for report in after.reports] == [99]


def _fields(report: object) -> dict[str, object]:
    return {name: getattr(report, name) for name in report.__struct_fields__}  # type: ignore[attr-defined]


def test_a_torn_end_is_cut_and_damage_is_told(folder: Folder) -> None:
    folder.put("a.csv", UNKNOWN)
    folder.one()
    (group_,) = waiting(folder.quarantine)
    whole = group_.path.read_bytes()
    group_.path.write_bytes(whole[:-5])
    (torn,) = waiting(folder.quarantine)
    assert len(torn.reports) == 7
    assert hold(folder.quarantine, group_.reports) == 1
    assert group_.path.read_bytes() == whole
    group_.path.write_bytes(b"{}\n" + whole)
    with pytest.raises(QuarantineError, match="line 1: expected a held report"):
        waiting(folder.quarantine)


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_has_a_file_of_its_own(first: str, second: str) -> None:
    assert (file_name("s", first) == file_name("s", second)) == (first == second)
    assert "/" not in file_name("s", first)


# --- Commands ---


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return settings_file(tmp_path)


def run(settings: Path, *arguments: str) -> Result:
    return CliRunner().invoke(group, ["--config", str(settings), *arguments])


def test_a_release_needs_a_station_and_says_what_it_would_do(settings: Path, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.put("a.csv", UNKNOWN)
    folder.one()
    listed = run(settings, "quarantine", "list")
    assert "Tataguine" in listed.output
    assert "not registered" in listed.output
    result = run(settings, "quarantine", "release", "Tataguine")
    assert result.exit_code == 1
    assert "register it, or use --station" in result.output
    assert "0 reports of 0 names" in run(settings, "quarantine", "release", "--dry-run").output
    result = run(settings, "quarantine", "release", "Tataguine", "--station", "Thiès", "--dry-run")
    assert result.output == "8 reports of 1 names would be sent\n"
    result = run(settings, "quarantine", "release", "Nobody")
    assert result.exit_code == 1
    assert "nothing waits under Nobody" in result.output
    assert run(settings, "quarantine", "release", "--station", "Thiès").exit_code == 2


def test_a_pass_without_brokers_keeps_its_files_and_their_reports_on_disk(settings: Path, tmp_path: Path) -> None:
    """The command waits for the brokers and is told to stop: the reports are in the outbox, the file in working/."""
    folder = Folder(tmp_path)
    folder.put("a.csv")
    stopping = threading.Event()
    stopping.set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meteostream.cli.dropfolder.stop_event", lambda: stopping)
        with suppress(SystemExit):
            result = run(settings, "dropfolder")
    assert isinstance(result.exception, OutboxError)
    assert "meteostream dropfolder" in str(result.exception)
    assert folder.files("working") == ["csv-fr/a.csv"]
    assert 0 < len(list(iterate(tmp_path / "outbox/dropfolder"))) <= 24
