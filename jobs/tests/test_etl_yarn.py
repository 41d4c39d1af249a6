"""Applications on YARN: submitted once, found again, ended with whoever waits for them.

The ResourceManager is a local server that answers as Hadoop's Cluster Application API is documented, and spark-submit
a script that tells it; tests/verify has both as they are.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from meteostream.config import Etl
from meteostream.etl import yarn
from meteostream.etl.yarn import Application, YarnError, run, submit_argv, tag_of

GOLD: Final = ["etl", "gold"]
CONFIG: Final = Path("/etc/meteostream/batch.toml")
SUBMIT: Final = """#!{python}
import sys, time, urllib.request
conf = dict(arg.split("=", 1) for arg in sys.argv if "=" in arg)
if {quiet}:
    sys.exit(3)
urllib.request.urlopen(urllib.request.Request("{url}/submit?tag=" + conf["spark.yarn.tags"], method="POST"))
time.sleep({seconds})
"""
END_WITHIN_S: Final = 30.0


class Yarn:
    """A ResourceManager's answers."""

    def __init__(self) -> None:
        self.apps: dict[str, dict[str, Any]] = {}
        self.killed_by: list[str] = []
        self.polls = 0
        self.away = 0
        """So many requests are answered 503."""
        self.ends_after = 2
        """Asked for so often, an application is done."""
        self.ends_as = "SUCCEEDED"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, tag: str, state: str = "RUNNING") -> str:
        identifier = f"application_1700000000000_{len(self.apps) + 1:04d}"
        self.apps[identifier] = {
            "id": identifier,
            "state": state,
            "finalStatus": "UNDEFINED" if state == "RUNNING" else "FAILED",
            "startedTime": 1700000000000 + len(self.apps),
            "diagnostics": "",
            "applicationTags": tag,
            "trackingUI": "UNASSIGNED",
        }
        return identifier

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == "/ws/v1/cluster/apps":
            (tag,) = query["applicationTags"]
            found = [app for app in self.apps.values() if app["applicationTags"] == tag]
            return 200, {"apps": {"app": found} if found else {}}
        app = self.apps.get(path.rpartition("/")[2])
        if app is None:
            return 404, {"RemoteException": {"message": "not found"}}
        self.polls += 1
        if self.polls >= self.ends_after and app["state"] == "RUNNING":
            app |= {"state": "FINISHED", "finalStatus": self.ends_as, "diagnostics": "User application exited: canary"}
        return 200, {"app": app}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if service.away:
                    service.away -= 1
                    self._send(503, {})
                    return
                self._send(*service.get(parts.path, parse_qs(parts.query)))

            def do_POST(self) -> None:
                service.add(parse_qs(urlsplit(self.path).query)["tag"][0])
                self._send(200, {})

            def do_PUT(self) -> None:
                parts = urlsplit(self.path)
                app = service.apps[parts.path.split("/")[-2]]
                assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"state": "KILLED"}
                service.killed_by += parse_qs(parts.query)["user.name"]
                app |= {"state": "KILLED", "finalStatus": "KILLED"}
                self._send(202, {"state": "ACCEPTED"})

            def _send(self, status: int, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's name
                pass

        return Handler


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Yarn]:
    monkeypatch.setattr(yarn, "LOOK_S", 0.05)
    monkeypatch.setenv("HADOOP_USER_NAME", "meteostream")
    made = Yarn()
    yield made
    made.stop()


@pytest.fixture
def submit(service: Yarn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a spark-submit on PATH, which takes some time after YARN has the application, or has nothing taken."""

    def place(*, seconds: float = 0.0, quiet: bool = False) -> None:
        tool = tmp_path / "spark-submit"
        tool.write_text(SUBMIT.format(python=sys.executable, url=service.url, seconds=seconds, quiet=quiet))
        tool.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    place()
    return place


def etl(*addresses: str) -> Etl:
    return Etl(resourcemanagers=list(addresses))


def go(service: Yarn, arguments: list[str] = GOLD, stopping: threading.Event | None = None) -> tuple[bool, str]:
    said: list[str] = []
    done = run(etl(service.url), CONFIG, arguments, stopping=stopping or threading.Event(), say=said.append)
    return done, "\n".join(said)


@pytest.mark.usefixtures("submit")
@pytest.mark.parametrize(("status", "succeeded"), [("SUCCEEDED", True), ("FAILED", False), ("KILLED", False)])
def test_an_application_is_followed_to_its_end(service: Yarn, status: str, succeeded: bool) -> None:
    service.ends_as = status
    done, said = go(service)
    assert done is succeeded
    (identifier,) = service.apps
    assert f"{identifier} ended: {status.lower()}" in said
    assert ("canary" in said) is not succeeded


def test_a_try_after_a_worker_was_killed_waits_for_the_application_that_is_still_at_work(service: Yarn) -> None:
    """Nothing is submitted: there is no spark-submit on PATH here."""
    left = service.add(tag_of(GOLD))
    done, said = go(service)
    assert done
    assert f"{left} of an earlier try is still at work" in said
    assert list(service.apps) == [left]


@pytest.mark.usefixtures("submit")
def test_what_ended_before_or_has_another_command_line_is_not_waited_for(service: Yarn) -> None:
    service.add(tag_of(GOLD), state="FINISHED")
    service.add(tag_of(["etl", "backfill", "--name", "march"]))
    assert go(service)[0]
    assert len(service.apps) == 3
    assert [app["state"] for app in service.apps.values()] == ["FINISHED", "RUNNING", "FINISHED"]


@pytest.mark.usefixtures("submit")
def test_who_is_told_to_stop_ends_the_application_first(service: Yarn) -> None:
    service.ends_after = 1_000_000
    stopping = threading.Event()
    timer = threading.Timer(1.0, stopping.set)
    timer.start()
    with pytest.raises(YarnError, match=r"stopped while application_.*_0001 was running"):
        go(service, stopping=stopping)
    timer.join()
    assert [app["state"] for app in service.apps.values()] == ["KILLED"]
    assert service.killed_by == ["meteostream"]


def test_told_to_stop_in_the_middle_of_a_submission_it_leaves_nothing_behind(
    service: Yarn, submit: Callable[..., None]
) -> None:
    """YARN has the application, and spark-submit has not ended yet."""
    submit(seconds=3600)
    stopping = threading.Event()

    def stop_when_taken() -> None:
        while not service.apps:
            time.sleep(0.02)
        stopping.set()

    threading.Thread(target=stop_when_taken, daemon=True).start()
    begin = time.monotonic()
    with pytest.raises(YarnError, match="stopped while the application was submitted"):
        go(service, stopping=stopping)
    assert time.monotonic() - begin < END_WITHIN_S
    assert [app["state"] for app in service.apps.values()] == ["KILLED"]


@pytest.mark.usefixtures("submit")
def test_a_resourcemanager_that_restarts_is_waited_for(service: Yarn) -> None:
    service.away = 3
    assert go(service)[0]


@pytest.mark.usefixtures("submit")
def test_of_several_resourcemanagers_the_one_that_answers_is_asked(service: Yarn) -> None:
    settings = etl("http://127.0.0.1:9", service.url)  # discard: nobody listens
    assert run(settings, CONFIG, GOLD, stopping=threading.Event(), say=lambda _: None)


@pytest.mark.usefixtures("submit")
def test_without_any_resourcemanager_it_gives_up_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yarn, "PATIENCE_S", 0.0)
    with pytest.raises(YarnError, match=r"no ResourceManager answers .* the next try finds it"):
        run(etl("http://127.0.0.1:9"), CONFIG, GOLD, stopping=threading.Event(), say=lambda _: None)
    with pytest.raises(YarnError, match=r"\[etl\] resourcemanagers: expected addresses"):
        run(etl(), CONFIG, GOLD, stopping=threading.Event(), say=lambda _: None)


def test_a_submission_that_yarn_did_not_take_is_told(service: Yarn, submit: Callable[..., None]) -> None:
    submit(quiet=True)
    with pytest.raises(YarnError, match="spark-submit ended with 3 and YARN has no new application"):
        go(service)


def test_a_machine_without_the_tool_says_so(service: Yarn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(YarnError, match="spark-submit: expected the platform's tool on PATH"):
        go(service)


def test_an_application_that_yarn_forgot_is_told(service: Yarn) -> None:
    """It remembers so many that are done; who waits longer than that cannot know how it ended."""
    left = service.add(tag_of(GOLD))
    asked = service.get

    def forgets(path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path.endswith(left):
            service.apps.clear()
        return asked(path, query)

    service.get = forgets  # type: ignore[method-assign]
    with pytest.raises(YarnError, match=f"{left}: expected YARN to know the application"):
        go(service)


def test_a_tag_is_of_the_whole_command_line_and_as_yarn_keeps_it() -> None:
    """YARN keeps tags in lower case, of 100 ASCII characters at most."""
    backfill = ["etl", "backfill", "--from", "2026-01-01", "--to", "2026-01-31", "--name", "manual__2026-11-25"]
    assert tag_of(backfill) == tag_of(list(backfill))
    assert tag_of(backfill) != tag_of([*backfill[:-1], "another"])
    assert tag_of(backfill).isascii()
    assert tag_of(backfill) == tag_of(backfill).lower()
    assert len(tag_of(backfill)) <= 100


def test_states_are_done_or_not() -> None:
    def done(state: str) -> bool:
        return Application("a", state, "UNDEFINED", 0).done

    assert [done(state) for state in ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")] == [False] * 5
    assert [done(state) for state in ("FINISHED", "FAILED", "KILLED")] == [True] * 3


def test_yarn_gets_the_command_in_cluster_mode_without_a_secret() -> None:
    """KF-64: the container reads the file of settings; what is on the command line shows in ps and on YARN's pages."""
    environment = {
        "SPARK_HOME": "/opt/spark/current/home",
        "PYTHONPATH": "/opt/meteostream/current/src",
        "PYSPARK_PYTHON": "/opt/jobs/current/venv/bin/python",
        "SECRET_OF_SOMEBODY": "canary",
    }
    arguments = ["etl", "backfill", "--from", "2026-01-01", "--to", "2026-12-31"]
    argv = submit_argv(Etl(executors=2), CONFIG, arguments, environment)
    assert argv[:5] == ["spark-submit", "--master", "yarn", "--deploy-mode", "cluster"]
    assert argv[-len(arguments) :] == arguments
    assert argv[-len(arguments) - 1].endswith("meteostream/__main__.py")
    conf = dict(argv[place + 1].split("=", 1) for place, part in enumerate(argv) if part == "--conf")
    assert conf["spark.yarn.appMasterEnv.METEOSTREAM_CONFIG"] == str(CONFIG)
    assert (
        conf["spark.executorEnv.PYTHONPATH"] == conf["spark.yarn.appMasterEnv.PYTHONPATH"] == environment["PYTHONPATH"]
    )
    assert conf["spark.executor.instances"] == "2"
    assert conf["spark.yarn.tags"] == tag_of(arguments)
    assert "canary" not in " ".join(argv)


def test_a_driver_reads_the_file_that_its_account_may_read() -> None:
    """An operator's own settings are not readable in a container."""
    argv = submit_argv(Etl(config="/etc/meteostream/batch.toml"), Path("/home/me/my.toml"), GOLD, {})
    assert "spark.yarn.appMasterEnv.METEOSTREAM_CONFIG=/etc/meteostream/batch.toml" in argv
