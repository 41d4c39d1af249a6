"""What `./meteo fetch` promises: verified by name, reproducible, nothing done twice."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from meteo_fetch import cache, cli, maven, wheels
from meteo_fetch.definition import bundle_id, read_bundle
from meteo_fetch.errors import FetchError
from meteo_fetch.pack import Content, write

from tests.artifacts.workshop import AGENT, DEFINITION, NATIVE, PAGES, REPOSITORY, SERVER

if TYPE_CHECKING:
    from tests.artifacts.workshop import Workshop


def members(archive: Path) -> dict[str, int]:
    with tarfile.open(archive) as tar:
        return {member.name: member.mode for member in tar}


def install_maven(workshop: Workshop, script: str) -> Path:
    """Puts a program named mvn on the PATH that logs each start; returns its log."""
    program = workshop.root.parent / "bin" / "mvn"
    program.parent.mkdir(exist_ok=True)
    log = program.with_name("starts")
    program.write_text(f"#!/bin/bash\nPATH=/usr/bin:/bin\necho start >> {log}\n{script}\n")
    program.chmod(0o755)
    return log


def test_files_go_to_the_places_that_the_definition_names(workshop: Workshop) -> None:
    assert workshop.provide().startswith("made tiny-2.0-")
    assert members(workshop.archive) == dict.fromkeys(
        [
            "bundle.json",
            "agent/agent.jar",
            "lib/server-core-2.0.jar",
            "lib/server-native-2.0-linux-x86_64.jar",
            "webapps/ui/WEB-INF/web.xml",
            "webapps/ui/index.html",
        ],
        0o644,
    )


def test_the_manifest_tells_size_checksum_and_where_each_file_came_from(workshop: Workshop) -> None:
    workshop.provide()
    archive = workshop.found()
    assert archive.size == workshop.archive.stat().st_size
    assert archive.sha256 == cache.sha256_of(workshop.archive)
    origins = {file["path"]: file["from"] for file in archive.manifest["files"]}
    assert origins["agent/agent.jar"] == AGENT
    assert origins["lib/server-core-2.0.jar"] == SERVER
    assert origins["webapps/ui/index.html"] == PAGES


@pytest.mark.parametrize("coordinates", [AGENT, SERVER, NATIVE, PAGES])
def test_a_corrupted_jar_is_refused_by_name(workshop: Workshop, coordinates: str) -> None:
    """KF-73: the right length, one wrong byte."""
    jar = workshop.jars[coordinates]
    content = bytearray(jar.read_bytes())
    content[10] ^= 1
    jar.write_bytes(content)
    with pytest.raises(FetchError) as refusal:
        workshop.provide()
    assert jar.name in str(refusal.value)
    assert f"rm {jar}" in str(refusal.value)
    assert "SHA-256" in str(refusal.value)
    assert not list(workshop.root.rglob("*.tar"))


def test_a_truncated_jar_is_refused_by_name(workshop: Workshop) -> None:
    """KF-73."""
    jar = workshop.jars[SERVER]
    size = jar.stat().st_size
    os.truncate(jar, size - 7)
    with pytest.raises(FetchError, match=rf"{jar.name} .*expected {size} bytes, found {size - 7}"):
        workshop.provide()
    assert not list(workshop.root.rglob("*.tar"))


def test_a_truncated_archive_is_refused_by_name_without_reading_it(workshop: Workshop) -> None:
    """KF-73: the cheap check of each run."""
    workshop.provide()
    os.truncate(workshop.archive, 1024)
    with pytest.raises(FetchError, match=rf"{workshop.archive.name} .*found 1024.* rm {workshop.archive}"):
        workshop.provide()


def test_an_archive_that_was_written_to_is_read_and_refused(workshop: Workshop) -> None:
    """KF-73: same length, other content."""
    workshop.provide()
    with workshop.archive.open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"x")
    later = cache.manifest_path(workshop.archive).stat().st_mtime + 1
    os.utime(workshop.archive, (later, later))
    with pytest.raises(FetchError, match=rf"{workshop.archive.name} .*expected SHA-256"):
        workshop.provide()


def test_verify_reads_also_an_archive_that_looks_untouched(workshop: Workshop) -> None:
    """KF-73: a disk that lost a block leaves size and time as they were."""
    workshop.provide()
    before = workshop.archive.stat()
    with workshop.archive.open("r+b") as stream:
        stream.seek(5000)
        stream.write(b"x")
    os.utime(workshop.archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert workshop.provide().startswith("ready")
    with pytest.raises(FetchError, match=workshop.archive.name):
        workshop.provide(verify=True)


def test_a_damaged_manifest_is_refused_by_name(workshop: Workshop) -> None:
    workshop.provide()
    cache.manifest_path(workshop.archive).write_text("{")
    with pytest.raises(FetchError, match=rf"{workshop.archive.name} .*manifest"):
        workshop.provide()


def test_an_interrupted_run_is_finished_by_the_next(workshop: Workshop) -> None:
    workshop.provide()
    sha256 = workshop.found().sha256
    cache.manifest_path(workshop.archive).unlink()
    os.truncate(workshop.archive, 100)
    assert workshop.provide().startswith("made")
    assert workshop.found().sha256 == sha256


def test_what_is_cached_needs_neither_jars_nor_maven(workshop: Workshop) -> None:
    """KF-72: versions that their publishers removed stay installable from the cache."""
    workshop.provide()
    for jar in workshop.jars.values():
        jar.unlink()
    assert workshop.provide().startswith("ready")


def test_equal_files_give_an_equal_archive(workshop: Workshop) -> None:
    workshop.provide()
    first = workshop.found().sha256
    cache.manifest_path(workshop.archive).unlink()
    for jar in workshop.jars.values():
        os.utime(jar, (1, 1))
        jar.chmod(0o600)
    workshop.provide()
    assert workshop.found().sha256 == first


def test_the_identity_follows_lock_and_definition(workshop: Workshop) -> None:
    """KF-74: another content never has the name of an earlier one."""
    before = bundle_id(workshop.bundle)
    assert bundle_id(workshop.bundle) == before
    workshop.jars[SERVER].write_bytes(b"a new build")
    assert bundle_id(workshop.bundle) == before
    workshop.lock()
    after = bundle_id(workshop.bundle)
    assert after != before
    (workshop.artifacts / "tiny" / "bundle.toml").write_text(DEFINITION.replace("agent/agent.jar", "agent/a.jar"))
    assert bundle_id(workshop.bundle) not in (before, after)


def test_a_missing_jar_makes_maven_deliver_it(workshop: Workshop) -> None:
    jar = workshop.jars[SERVER]
    kept = jar.read_bytes()
    jar.unlink()
    (workshop.root.parent / "served").write_bytes(kept)
    listing = 'for word; do case $word in -DoutputFile=*) echo "   x:y:jar:1:compile" >"${word#*=}";; esac; done'
    log = install_maven(workshop, f"cp {workshop.root.parent}/served {jar}\n{listing}")
    assert workshop.provide().startswith("made")
    assert log.read_text() == "start\n"


def test_a_failing_maven_is_started_again_and_its_words_are_shown(workshop: Workshop) -> None:
    workshop.jars[SERVER].unlink()
    log = install_maven(workshop, "echo '[ERROR] the repository is on fire'; exit 1")
    with pytest.raises(FetchError, match="on fire"):
        workshop.provide()
    assert log.read_text().count("start") == maven.ATTEMPTS


def test_a_hanging_maven_is_ended_and_started_again(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maven, "SILENCE_SECONDS", 0.3)
    workshop.jars[SERVER].unlink()
    log = install_maven(workshop, "exec sleep 60")
    started = time.monotonic()
    with pytest.raises(FetchError, match="said nothing"):
        workshop.provide()
    assert log.read_text().count("start") == maven.ATTEMPTS
    assert time.monotonic() - started < 10


def test_without_maven_the_message_tells_how_to_get_it(workshop: Workshop) -> None:
    workshop.jars[SERVER].unlink()
    with pytest.raises(FetchError, match="apt-get install maven"):
        workshop.provide()


def test_two_files_for_one_place_are_refused(workshop: Workshop) -> None:
    definition = DEFINITION.replace('match = "example.metrics:agent:*"', 'match = "example.server:server-*"')
    (workshop.artifacts / "tiny" / "bundle.toml").write_text(definition)
    with pytest.raises(FetchError, match=r"agent/agent\.jar .*server-core.*server-native"):
        workshop.provide()


def test_an_unknown_key_of_a_definition_is_refused(workshop: Workshop) -> None:
    (workshop.artifacts / "tiny" / "bundle.toml").write_text(f"colour = 1\n{DEFINITION}")
    with pytest.raises(FetchError, match=r"bundle\.toml: .*colour"):
        read_bundle(workshop.artifacts / "tiny")


def test_an_unknown_bundle_is_refused_with_the_known_ones(workshop: Workshop) -> None:
    with pytest.raises(FetchError, match="'huge'; known: tiny"):
        read_bundle(workshop.artifacts / "huge")


def test_a_bundle_without_lock_is_refused(workshop: Workshop) -> None:
    (workshop.artifacts / "tiny" / "lock.tsv").unlink()
    with pytest.raises(FetchError, match="fetch --lock tiny"):
        workshop.provide()


def test_the_cache_keeps_the_newest_archives_only(workshop: Workshop) -> None:
    for build in range(cli.KEPT_ARCHIVES + 2):
        workshop.jars[SERVER].write_bytes(f"build {build}".encode())
        workshop.lock()
        workshop.provide()
    bundles = workshop.root / "bundles"
    assert len(list(bundles.glob("*.tar"))) == len(list(bundles.glob("*.json"))) == cli.KEPT_ARCHIVES
    assert workshop.provide().startswith("ready")


def test_sources_are_identified_by_their_content(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "ours"
    package = tmp_path / "code" / "ours"
    folder.mkdir(parents=True)
    package.mkdir(parents=True)
    (folder / "bundle.toml").write_text(
        'name = "ours"\nversion = "1"\n[source]\nfolder = "../../code"\ntarget = "src"\npatterns = ["*.py"]\n'
    )
    (package / "main.py").write_text("print(1)\n")
    first = bundle_id(read_bundle(folder))
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "main.py").write_text("a cache\n")
    (package / "notes.txt").write_text("no part of it\n")
    os.utime(package / "main.py", (1, 1))
    assert bundle_id(read_bundle(folder)) == first
    cli.provide(read_bundle(folder), "3.13", tmp_path)
    (archive,) = (tmp_path / "bundles").glob("*.tar")
    assert sorted(members(archive)) == ["bundle.json", "src/ours/main.py"]
    (package / "main.py").write_text("print(2)\n")
    assert bundle_id(read_bundle(folder)) != first


def test_a_wheel_that_the_lock_does_not_have_is_refused_by_name(tmp_path: Path) -> None:
    """KF-73."""
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    wheel.write_bytes(b"damaged")
    requirement = wheels.Requirement("thing", "1.0", None, frozenset({"0" * 64}))
    with pytest.raises(FetchError, match=rf"{wheel.name} .*thing==1\.0"):
        wheels.verify(requirement, wheel)


def test_a_requirement_without_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("thing==1.0\n")
    with pytest.raises(FetchError, match=r"with hashes, found 'thing==1\.0'"):
        wheels.read_requirements(lock)


def test_markers_are_evaluated_for_the_node_and_not_for_this_machine(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    some_hash = "--hash=sha256:" + "a" * 64
    lock.write_text(
        f"old==1.0 ; python_full_version < '3.12' \\\n    {some_hash}\n    # via x\n"
        f"new==1.0 ; python_full_version >= '3.12' \\\n    {some_hash}\n"
        f"windows==1.0 ; sys_platform == 'win32' \\\n    {some_hash}\n"
    )
    requirements = wheels.read_requirements(lock)
    assert [one.name for one in wheels.for_python(requirements, "3.11")] == ["old"]
    assert [one.name for one in wheels.for_python(requirements, "3.13")] == ["new"]


def test_an_archive_describes_itself(tmp_path: Path) -> None:
    content = Content()
    content.add("lib/a.jar", b"a", "x:a:jar:1")
    archive = tmp_path / "a.tar"
    write(archive, content, {"name": "a", "id": "1-0"})
    with tarfile.open(archive) as tar:
        first = tar.next()
        assert first is not None
        description = tar.extractfile(first)
        assert description is not None
        assert json.load(description) == {"name": "a", "id": "1-0"}


def test_an_unsupported_python_is_refused_by_the_command() -> None:
    command = [str(REPOSITORY / "scripts" / "fetch"), "--python", "3.12"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "expected 3.13 or 3.11, found 3.12" in done.stderr
