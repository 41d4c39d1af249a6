"""The health probe says what was expected and what was found."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

PROBE: Final = Path(__file__).resolve().parents[2] / "roles" / "base" / "files" / "probe"
WORKER: Final = "worker-20261125100000-node1-7078"
PREDECESSOR: Final = "worker-20261125090000-node1-7078"


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    loader = SourceFileLoader("probe", str(PROBE))
    spec = importlib.util.spec_from_loader("probe", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture
def pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server, and what it answers by path."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(200 if found is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


def asked(url: str) -> list[str]:
    return ["spark-worker", f"{url}/worker", f"{url}/one|{url}/two"]


def test_a_worker_that_the_serving_master_knows_is_healthy(
    probe: ModuleType, pages: tuple[str, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, answers = pages
    answers["/worker"] = {"id": WORKER, "masterurl": "spark://node1:7077"}
    answers["/one"] = {"status": "STANDBY", "workers": []}
    answers["/two"] = {"status": "ALIVE", "workers": [{"id": WORKER, "state": "ALIVE"}]}
    assert probe.main(asked(url)) == 0
    assert capsys.readouterr().out == f"{WORKER} is known to {url}/two\n"


@pytest.mark.parametrize(
    ("master", "said"),
    [
        ({"status": "ALIVE", "workers": []}, "no worker at all"),
        ({"status": "ALIVE", "workers": [{"id": WORKER, "state": "DEAD"}]}, "'DEAD'"),
        ({"status": "ALIVE", "workers": [{"id": PREDECESSOR, "state": "ALIVE"}]}, PREDECESSOR),
        ({"status": "RECOVERING", "workers": [{"id": WORKER, "state": "ALIVE"}]}, "RECOVERING"),
        (None, "404"),
    ],
)
def test_a_worker_that_its_master_forgot_is_not_healthy_though_it_believes_so(
    probe: ModuleType,
    pages: tuple[str, dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    master: dict[str, Any] | None,
    said: str,
) -> None:
    url, answers = pages
    answers["/worker"] = {"id": WORKER, "masterurl": "spark://node1:7077"}
    answers["/one"] = {"status": "STANDBY", "workers": []}
    if master is not None:
        answers["/two"] = master
    assert probe.main(asked(url)) == 1
    assert said in capsys.readouterr().out
