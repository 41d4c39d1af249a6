"""The entry point: what it refuses, in which words, and that it changes nothing then."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
METEO = REPOSITORY / "meteo"
VERBS = [
    "up",
    "down",
    "start",
    "stop",
    "status",
    "ssh",
    "credentials",
    "logs",
    "check",
    "test",
    "bench",
    "fetch",
    "tools",
    "help",
]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home: nothing cached, nothing configured."""
    return tmp_path / "home"


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("METEO_", "XDG_"))}
    return subprocess.run(
        [METEO, *arguments],
        env=inherited | {"HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def os_release(folder: Path, text: str) -> str:
    file = folder / "os-release"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("verb", VERBS)
def test_help_explains_each_verb_in_a_line(home: Path, verb: str) -> None:
    text = run(home, "help").stdout
    assert re.search(rf"^  {verb}\b.*\S", text, re.MULTILINE)


def test_every_verb_that_is_accepted_is_explained(home: Path) -> None:
    accepted = re.search(r"^ +up \| (.*)\) ;;$", METEO.read_text(encoding="utf-8"), re.MULTILINE)
    assert accepted is not None
    assert sorted(["up", *accepted[1].split(" | ")]) == sorted(set(VERBS) - {"help"})
    assert run(home).stdout == run(home, "help").stdout == run(home, "--help").stdout


def test_help_needs_no_supported_system(home: Path, tmp_path: Path) -> None:
    release = os_release(tmp_path, "ID=plan9\n")
    assert run(home, "help", METEO_OS_RELEASE=release).returncode == 0


def test_an_unknown_verb_is_named_and_help_is_pointed_to(home: Path) -> None:
    result = run(home, "explode")
    assert result.returncode == 1
    assert "found 'explode'" in result.stderr
    assert "./meteo help" in result.stderr


@pytest.mark.parametrize(
    ("release", "found"),
    [
        ('ID=ubuntu\nVERSION_ID="24.04"\n', "ubuntu 24.04"),
        ('ID=debian\nVERSION_ID="11"\n', "debian 11"),
        ("ID=debian\n", "debian ?"),
        ("ID=fedora\nVERSION_ID=42\n", "fedora 42"),
    ],
)
@pytest.mark.parametrize("verb", ["up", "tools", "status", "down"])
def test_another_system_gets_a_sentence_and_nothing_is_changed(
    home: Path, tmp_path: Path, verb: str, release: str, found: str
) -> None:
    result = run(home, verb, METEO_OS_RELEASE=os_release(tmp_path, release))
    assert result.returncode == 1
    assert "expected Debian 12 or 13" in result.stderr
    assert f"found: {found}." in result.stderr
    assert list(home.iterdir()) == []


def test_a_missing_os_release_is_no_debian(home: Path, tmp_path: Path) -> None:
    result = run(home, "up", METEO_OS_RELEASE=str(tmp_path / "absent"))
    assert result.returncode == 1
    assert "found: a system without /etc/os-release" in result.stderr


def script(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=60
    )


def test_the_vault_key_is_made_once_and_is_for_its_owner_alone(home: Path) -> None:
    first = script(home, "scripts/vault-key")
    key = home / ".config/meteostream/vault.key"
    assert first.returncode == 0
    assert first.stdout == key.read_text(encoding="utf-8")
    assert len(first.stdout.strip()) == 44  # 32 bytes in base64
    assert key.stat().st_mode & 0o777 == 0o600
    assert script(home, "scripts/vault-key").stdout == first.stdout


def test_two_vault_keys_made_at_once_are_one(home: Path) -> None:
    home.mkdir()
    both = "scripts/vault-key >$HOME/a & scripts/vault-key >$HOME/b & wait"
    for _ in range(10):
        script(home, "bash", "-c", both)
        assert (home / "a").read_text(encoding="utf-8") == (home / "b").read_text(encoding="utf-8") != ""
        (home / ".config/meteostream/vault.key").unlink()


def test_the_ssh_key_is_made_once_and_is_for_its_owner_alone(home: Path) -> None:
    first = script(home, "scripts/ssh-key").stdout.strip()
    before = Path(first).read_bytes()
    assert Path(first).stat().st_mode & 0o777 == 0o600
    assert script(home, "scripts/ssh-key").stdout.strip() == first
    assert Path(first).read_bytes() == before


def test_an_unknown_node_image_is_refused(home: Path) -> None:
    result = script(home, "scripts/node-image", "sid")
    assert result.returncode == 64
    assert "found 'sid'" in result.stderr


@pytest.mark.parametrize("lock", sorted((REPOSITORY / "requirements").glob("*.txt")), ids=lambda lock: lock.name)
def test_locks_are_hashed_exact_and_name_no_index(lock: Path) -> None:
    """KF-70: a new release of a package, or of one that it needs, changes nothing here."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    pins = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 5
    for pin in pins:
        assert re.match(r"[a-z0-9._-]+(\[[a-z,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", pin), pin
    assert "://" not in text


def test_the_stages_of_the_tests_have_names_of_their_own() -> None:
    stages = re.findall(
        r"^(?:node_)?stage (\S+) (\S+)", (REPOSITORY / "tests/stages.sh").read_text("utf-8"), re.MULTILINE
    )
    names = [name for _, name in stages]
    assert names
    assert len(names) == len(set(names))
    assert {"fast", "landing"} <= {part for part, _ in stages}
