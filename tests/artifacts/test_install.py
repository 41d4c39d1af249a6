"""What happens on a node: every interruption is finished by the next run, every change is repaired and named."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from meteo_fetch.cache import sha256_of
from meteo_fetch.pack import Content, write

from plugins.module_utils import meteo_bundle
from plugins.module_utils.meteo_bundle import BundleError, Finding, Wanted, converge, inspect, previous

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST, SECOND, THIRD = "1.0-aaaaaaaaaaaa", "1.0-bbbbbbbbbbbb", "2.0-cccccccccccc"


class PulledPlugError(Exception):
    """The run ends here, as by a power cut."""


class Node:
    """A folder that stands for a node's /opt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.transfers = 0

    def wanted(self, identity: str = FIRST, **options: Any) -> Wanted:
        return Wanted(name="tiny", id=identity, prefix=self.folder / "opt", **options)

    def archive(self, identity: str) -> Path:
        archive = self.folder / f"tiny-{identity}.tar"
        if not archive.exists():
            content = Content()
            content.add("lib/server.jar", f"server of {identity}".encode(), "x:server:jar:1")
            content.add("lib/other.jar", b"other", "x:other:jar:1")
            content.add("bin/tool", b"#!/bin/sh\n", "x:tool:jar:1", executable=True)
            write(archive, content, {"name": "tiny", "id": identity, "links": {"home": "lib"}})
        return archive

    def send(self, identity: str) -> Path:
        self.transfers += 1
        return Path(shutil.copy(self.archive(identity), self.folder / "sent.part"))

    def run(self, identity: str = FIRST, **options: Any) -> Finding:
        sha256 = sha256_of(self.archive(identity))
        return converge(self.wanted(identity, **options), lambda: self.send(identity), sha256)

    def path(self, inside: str, identity: str = FIRST) -> Path:
        return self.folder / "opt" / "tiny" / identity / inside

    def names(self) -> set[str]:
        return {path.name for path in (self.folder / "opt" / "tiny").iterdir()} - {".lock"}


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_fresh_node_gets_the_version_and_the_link(node: Node) -> None:
    """KF-74: the folder's name carries version and lock."""
    assert inspect(node.wanted()).problems == ["not installed"]
    node.run()
    current = node.folder / "opt" / "tiny" / "current"
    assert os.readlink(current) == FIRST
    assert (current / "lib" / "server.jar").read_text() == f"server of {FIRST}"
    assert (current / "home" / "other.jar").exists()
    assert not (node.folder / "sent.part").exists()
    assert inspect(node.wanted()).converged


def test_the_second_run_changes_nothing_and_needs_no_archive(node: Node) -> None:
    node.run()
    before = node.path(".complete").stat()
    assert node.run().converged
    assert node.path(".complete").stat() == before
    assert node.transfers == 1


def test_nobody_but_the_owner_may_write(node: Node) -> None:
    os.umask(0)
    try:
        node.run()
    finally:
        os.umask(0o022)
    for path in [node.path(""), *node.path("").rglob("*")]:
        assert path.is_symlink() or not path.stat().st_mode & 0o022, path
    assert node.path("bin/tool").stat().st_mode & 0o111
    assert not node.path("lib/other.jar").stat().st_mode & 0o111


@pytest.mark.parametrize("damage", ["a wrong byte", "a missing end", "an empty file"])
def test_a_damaged_archive_is_refused_by_name_before_anything_is_unpacked(node: Node, damage: str) -> None:
    """KF-73: what is in use stays in use."""
    node.run(FIRST)
    archive = node.archive(SECOND)
    sha256 = sha256_of(archive)
    whole = archive.read_bytes()
    wrong = whole[:700] + bytes([whole[700] ^ 1]) + whole[701:]
    archive.write_bytes({"a wrong byte": wrong, "a missing end": whole[:3000], "an empty file": b""}[damage])
    with pytest.raises(BundleError, match=r"sent .*not unpacked: expected SHA-256"):
        converge(node.wanted(SECOND), lambda: node.send(SECOND), sha256)
    assert node.names() == {FIRST, "current"}
    assert inspect(node.wanted(FIRST)).converged
    assert not (node.folder / "sent.part").exists()


def break_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Lets the run end at a step of the installation."""

    def pull(*_: object, **__: object) -> None:
        raise PulledPlugError

    def after(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
        calls = iter(range(count - 1))

        def wrapped(*arguments: Any, **options: Any) -> Any:
            result = function(*arguments, **options)
            if next(calls, None) is None:
                raise PulledPlugError
            return result

        return wrapped

    match step:
        case "while unpacking":
            monkeypatch.setattr(shutil, "copyfileobj", after(shutil.copyfileobj, 2))
        case "before the list of files":
            monkeypatch.setattr(meteo_bundle, "_seal", pull)
        case "before the data is on the disk":
            monkeypatch.setattr(meteo_bundle, "_run", pull)
        case "between the two renames":
            monkeypatch.setattr(Path, "rename", after(Path.rename))
        case "before the link":
            monkeypatch.setattr(meteo_bundle, "switch", pull)
        case "within the change of the link":
            monkeypatch.setattr(Path, "replace", pull)
        case "before the tidying":
            monkeypatch.setattr(meteo_bundle, "tidy", pull)


STEPS = [
    "while unpacking",
    "before the list of files",
    "before the data is on the disk",
    "between the two renames",
    "before the link",
    "within the change of the link",
]


@pytest.mark.parametrize("situation", ["fresh", "upgrade", "repair"])
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_installation_is_finished_by_the_next_run(
    node: Node, monkeypatch: pytest.MonkeyPatch, step: str, situation: str
) -> None:
    """KF-50, KF-74: a half version never counts as installed, and nothing of it stays."""
    if situation == "upgrade":
        node.run(FIRST)
    target = SECOND if situation == "upgrade" else FIRST
    if situation == "repair":
        node.run(FIRST)
        node.path("lib/other.jar").unlink()
    with monkeypatch.context() as context:
        break_at(context, step)
        with pytest.raises(PulledPlugError):
            node.run(target)
    # A repair has nothing to do after the version is in its place: the link was right already.
    assert inspect(node.wanted(target)).converged == (situation == "repair" and step == "before the link")
    if situation == "upgrade":
        assert node.path("lib/server.jar", FIRST).exists()
    node.run(target)
    assert inspect(node.wanted(target)).converged
    assert node.names() == {"current", target} | ({FIRST} if situation == "upgrade" else set())


def test_a_half_version_under_its_final_name_is_unpacked_again(node: Node) -> None:
    """KF-74: somebody copied it by hand, or the disk lost the end of it."""
    node.path("lib").mkdir(parents=True)
    node.path("lib/server.jar").write_text("half")
    assert inspect(node.wanted()).problems == ["its installation did not end"]
    node.run()
    assert node.path("lib/server.jar").read_text() == f"server of {FIRST}"


@pytest.mark.parametrize("link", ["missing", "to another version", "to nowhere"])
def test_a_wrong_link_is_repaired_without_the_archive(node: Node, link: str) -> None:
    node.run()
    current = node.folder / "opt" / "tiny" / "current"
    current.unlink()
    if link != "missing":
        current.symlink_to(SECOND if link == "to another version" else "nowhere")
    found = node.run()
    assert found.installed
    assert not found.linked
    assert os.readlink(current) == FIRST
    assert node.transfers == 1


def test_a_folder_in_the_place_of_the_link_is_not_removed(node: Node) -> None:
    current = node.folder / "opt" / "tiny" / "current"
    current.mkdir(parents=True)
    (current / "precious").write_text("somebody's")
    with pytest.raises(BundleError, match="current: expected a link"):
        node.run()
    assert (current / "precious").exists()


def edit(path: Path) -> None:
    path.write_text("x" * path.stat().st_size)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda node: edit(node.path("lib/server.jar")), "lib/server.jar was changed"),
        (lambda node: node.path("lib/other.jar").unlink(), "lib/other.jar is missing"),
        (lambda node: node.path("lib/evil.jar").write_text("x"), "lib/evil.jar does not belong there"),
        (lambda node: node.path("bin/tool").chmod(0o777), "bin/tool was changed"),
        (lambda node: node.path("home").unlink(), "home is missing"),
        (lambda node: node.path(".files").write_text("{}"), ".complete does not belong to it"),
    ],
)
def test_a_change_by_hand_is_named_and_repaired(node: Node, change: Callable[[Node], object], problem: str) -> None:
    node.run()
    installed_before = node.path(".complete").read_text()
    change(node)
    assert inspect(node.wanted()).problems == [problem]
    assert node.run().problems == [problem]
    assert inspect(node.wanted()).converged
    # Units watch this file: one that may have loaded what was wrong is restarted.
    assert node.path(".complete").read_text() != installed_before


def test_many_changes_are_counted_and_not_all_named(node: Node) -> None:
    node.run()
    for number in range(20):
        node.path(f"lib/extra{number:02}.jar").write_text("x")
    problems = inspect(node.wanted()).problems
    assert len(problems) == 6
    assert problems[-1] == "and 15 more"


def test_bytecode_that_python_writes_by_itself_is_no_change(node: Node) -> None:
    node.run()
    node.path("lib/__pycache__").mkdir()
    node.path("lib/__pycache__/x.pyc").write_text("x")
    assert inspect(node.wanted()).converged


def test_the_previous_version_is_kept_and_told(node: Node) -> None:
    node.run(FIRST)
    assert previous(node.wanted(FIRST)) == ""
    node.run(SECOND)
    assert previous(node.wanted(SECOND)) == str(node.path("", FIRST))
    node.run(THIRD)
    assert node.names() == {SECOND, THIRD, "current"}
    assert previous(node.wanted(THIRD)) == str(node.path("", SECOND))


def test_going_back_needs_no_archive_and_keeps_what_was_in_use(node: Node) -> None:
    for identity in (FIRST, SECOND, FIRST):
        node.run(identity)
    assert node.transfers == 2
    assert node.names() == {FIRST, SECOND, "current"}
    node.run(THIRD)
    assert node.names() == {FIRST, THIRD, "current"}


@pytest.mark.parametrize(("keep", "expected"), [(1, {THIRD}), (3, {FIRST, SECOND, THIRD})])
def test_the_number_of_kept_versions_is_a_setting(node: Node, keep: int, expected: set[str]) -> None:
    for identity in (FIRST, SECOND, THIRD):
        node.run(identity, keep=keep)
    assert node.names() == expected | {"current"}


def test_too_little_room_is_told_before_anything_is_sent(node: Node) -> None:
    with pytest.raises(BundleError, match=r"tiny: needs \d+ MB below .* MB free"):
        meteo_bundle.check_space(node.wanted(), 1 << 60)
    meteo_bundle.check_space(node.wanted(), 1)


@pytest.mark.parametrize("name", ["../outside", "/absolute", "lib/../../outside"])
def test_an_archive_never_writes_outside_its_folder(node: Node, name: str) -> None:
    archive = node.folder / f"tiny-{FIRST}.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(BundleError, match="plain files inside the bundle"):
        node.run()
    assert not (node.folder / "outside").exists()


def test_an_archive_brings_no_links(node: Node) -> None:
    archive = node.folder / f"tiny-{FIRST}.tar"
    with tarfile.open(archive, "w") as tar:
        header = tarfile.TarInfo("lib")
        header.type, header.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(header)
    with pytest.raises(BundleError, match="'lib'"):
        node.run()


def node_python() -> str:
    command = [meteo_bundle.NODE_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def python_archive(node: Node) -> None:
    """A bundle with one wheel that has a command, and the real installer."""
    wheel = node.folder / "thing-1.0-py3-none-any.whl"
    record = "thing/__init__.py,,\nthing-1.0.dist-info/METADATA,,\nthing-1.0.dist-info/WHEEL,,\n"
    files = {
        "thing/__init__.py": "def main():\n    print('thing runs')\n",
        "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "thing-1.0.dist-info/entry_points.txt": "[console_scripts]\nthing = thing:main\n",
        "thing-1.0.dist-info/RECORD": record + "thing-1.0.dist-info/entry_points.txt,,\nthing-1.0.dist-info/RECORD,,\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    content = Content()
    content.add(".install/uv", Path(sys.executable).parent / "uv", "uv", executable=True)
    content.add(f".install/wheels/{wheel.name}", wheel, "thing==1.0")
    content.add(".install/requirements.txt", f"thing==1.0 --hash=sha256:{sha256_of(wheel)}\n".encode(), "the lock")
    links = {"home": "venv/lib/python{python}/site-packages/thing"}
    write(node.folder / f"tiny-{FIRST}.tar", content, {"name": "tiny", "id": FIRST, "links": links})


def test_a_python_bundle_becomes_an_environment_without_network(node: Node) -> None:
    """KF-75: from the archive alone; its commands run under the name that it has in the end."""
    python_archive(node)
    node.run(python=node_python())
    command = [str(node.path("venv/bin/thing"))]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "thing runs\n"
    assert node.path("home/__init__.py").exists()
    assert list(node.path("venv").rglob("__init__*.pyc"))
    assert not node.path(".install").exists()
    assert inspect(node.wanted(python=node_python())).converged


def test_another_python_on_the_node_makes_the_environment_anew(node: Node) -> None:
    """A node that was upgraded from Debian 12 to 13 has an environment for a Python that is gone."""
    python_archive(node)
    node.run(python=node_python())
    upgraded = replace(node.wanted(python=node_python()), python="3.99")
    assert inspect(upgraded).problems == [f"made for Python {node_python()}, the node has 3.99"]


def test_an_interpreter_that_is_not_debians_is_refused(node: Node) -> None:
    """KF-77: the interpreter is asserted, not assumed."""
    python_archive(node)
    with pytest.raises(BundleError, match=r"expected /usr/bin/python3 to be Python 3\.99 .*found 3\.\d+"):
        node.run(python="3.99")
