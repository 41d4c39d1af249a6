"""Where the code under test lies, and the fixture of a small control machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tools" / "fetch")]

from tests.artifacts.workshop import AGENT, DEFINITION, NATIVE, PAGES, SERVER, Workshop, make_jar  # noqa: E402


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """The bundle is defined, locked and downloaded; Maven is not installed."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    repository = home / ".m2" / "repository"
    server = repository / "example" / "server"
    jars = {
        AGENT: make_jar(repository / "example/metrics/agent/1.0/agent-1.0.jar", {"A.class": "agent"}),
        SERVER: make_jar(server / "server-core/2.0/server-core-2.0.jar", {"S.class": "server"}),
        NATIVE: make_jar(server / "server-native/2.0/server-native-2.0-linux-x86_64.jar", {"libs.so": "native"}),
        PAGES: make_jar(
            server / "server/2.0/server-2.0-tests.jar",
            {"T.class": "test", "webapps/ui/index.html": "<p>", "webapps/ui/WEB-INF/web.xml": "<w/>"},
        ),
    }
    folder = tmp_path / "artifacts" / "tiny"
    folder.mkdir(parents=True)
    (folder / "bundle.toml").write_text(DEFINITION)
    (folder / "pom.xml").write_text("<project/>")
    made = Workshop(tmp_path / "artifacts", repository, tmp_path / "cache", jars)
    made.lock()
    return made
