"""`meteo_bundle` as a task: on a fresh and a converged node, in check mode, and with damage on the control machine."""

from __future__ import annotations

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.artifacts.workshop import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.artifacts.workshop import Workshop

    Task = Callable[..., dict[str, Any]]


@pytest.fixture
def task(workshop: Workshop, tmp_path: Path) -> Task:
    """Runs the task `meteo_bundle` on this machine, with a temporary folder for /opt."""
    no_vault = tmp_path / "no_vault"
    no_vault.write_text("nothing here is encrypted")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_VAULT_PASSWORD_FILE": str(no_vault),
        "ANSIBLE_REMOTE_TMP": str(tmp_path / "remote"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "METEO_CACHE": str(workshop.root),
    }

    def run(*options: str, **arguments: object) -> dict[str, Any]:
        values = {"name": "tiny", "prefix": str(tmp_path / "opt"), "artifacts": str(workshop.artifacts), **arguments}
        done = subprocess.run(
            [
                *("ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "meteo_bundle"),
                *("-e", "ansible_python_interpreter=/usr/bin/python3", "-a", json.dumps(values), *options),
            ],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=REPOSITORY,
        )
        start = done.stdout.find("{", done.stdout.find("=>"))
        assert start >= 0, done.stdout + done.stderr
        result: dict[str, Any] = json.JSONDecoder().raw_decode(done.stdout[start:])[0]
        return result

    return run


def test_from_a_fresh_node_to_the_second_run(task: Task, workshop: Workshop, tmp_path: Path) -> None:
    """KF-57: check mode is right on fresh and on converged nodes."""
    workshop.provide()
    home = tmp_path / "opt" / "tiny"
    expected = {"path": str(home / workshop.bundle_id), "version": "2.0", "id": workshop.bundle_id}

    checked = task("--check")
    assert checked["changed"]
    assert checked.items() >= expected.items()
    assert not home.exists()

    first = task()
    assert first["changed"]
    assert first["problems"] == ["not installed"]
    assert first["previous"] == ""
    assert (home / "current" / "agent" / "agent.jar").exists()
    assert not list((tmp_path / "remote" / "meteo-bundles").iterdir())

    for options in ([], ["--check"]):
        second = task(*options)
        assert not second["changed"]
        assert second.items() >= expected.items()

    (home / "current" / "agent" / "agent.jar").unlink()
    repaired = task()
    assert repaired["changed"]
    assert repaired["problems"] == ["agent/agent.jar is missing"]


def test_a_converged_node_needs_no_cache(task: Task, workshop: Workshop) -> None:
    """Another control machine, or one whose cache was emptied, changes nothing."""
    workshop.provide()
    task()
    workshop.archive.unlink()
    assert not task()["changed"]


def test_check_mode_needs_no_cache(task: Task) -> None:
    """KF-57."""
    assert task("--check")["changed"]


def test_without_the_archive_the_message_tells_the_command(task: Task, workshop: Workshop) -> None:
    failed = task()
    assert workshop.archive.name in failed["msg"]
    assert "./meteo fetch tiny" in failed["msg"]


def test_a_damaged_archive_is_refused_before_it_is_sent(task: Task, workshop: Workshop, tmp_path: Path) -> None:
    """KF-73: also one that looks untouched."""
    workshop.provide()
    before = workshop.archive.stat()
    with workshop.archive.open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"x")
    os.utime(workshop.archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    failed = task()
    assert f"{workshop.archive.name} in the cache is damaged" in failed["msg"]
    assert "expected SHA-256" in failed["msg"]
    assert not (tmp_path / "remote" / "meteo-bundles").exists()
    assert not (tmp_path / "opt" / "tiny" / "current").exists()


def test_half_a_transfer_is_overwritten_by_the_next_run(task: Task, workshop: Workshop, tmp_path: Path) -> None:
    workshop.provide()
    staging = tmp_path / "remote" / "meteo-bundles"
    staging.mkdir(parents=True)
    (staging / f"{workshop.archive.name}.part").write_bytes(workshop.archive.read_bytes()[:2000])
    (staging / "tiny-1.0-000000000000.tar.part").write_bytes(b"of an earlier version")
    (staging / "huge-1.0-000000000000.tar.part").write_bytes(b"of another bundle")
    assert task()["changed"]
    assert [path.name for path in staging.iterdir()] == ["huge-1.0-000000000000.tar.part"]


@pytest.fixture
def web_server(workshop: Workshop) -> Iterator[str]:
    """A web server that serves the cache."""
    (workshop.root / "bundles").mkdir(parents=True, exist_ok=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(workshop.root / "bundles"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nodes_may_get_archives_from_a_web_server(
    task: Task, workshop: Workshop, web_server: str, tmp_path: Path
) -> None:
    workshop.provide()
    assert task(url=f"{web_server}/")["changed"]
    assert not (tmp_path / "remote" / "meteo-bundles").exists()
    assert not task(url=web_server)["changed"]
    assert {path.name for path in (tmp_path / "opt" / "tiny").iterdir()} == {".lock", "current", workshop.bundle_id}


def test_what_a_web_server_damaged_is_refused(task: Task, workshop: Workshop, web_server: str, tmp_path: Path) -> None:
    """KF-73."""
    workshop.provide()
    os.truncate(workshop.archive, 4000)
    failed = task(url=web_server)
    assert "not unpacked: expected SHA-256" in failed["msg"]
    assert {path.name for path in (tmp_path / "opt" / "tiny").iterdir()} == {".lock"}


def test_an_absent_file_on_the_web_server_is_named(task: Task, workshop: Workshop, web_server: str) -> None:
    workshop.provide()
    failed = task(url=f"{web_server}/nowhere")
    assert f"nowhere/{workshop.archive.name} could not be downloaded" in failed["msg"]
