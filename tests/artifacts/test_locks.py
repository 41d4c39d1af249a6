"""The locks in the repository: complete, hashed, for both Pythons, and without any address."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest
from meteo_fetch.definition import SUPPORTED_PYTHONS, bundle_id, bundle_names, read_bundle, source_files
from meteo_fetch.maven import read_lock
from meteo_fetch.wheels import for_python, normalised, read_requirements

from tests.artifacts.workshop import REPOSITORY

ARTIFACTS = REPOSITORY / "artifacts"
JAR_BUNDLES = [path.parent.name for path in sorted(ARTIFACTS.glob("*/lock.tsv"))]
PYTHON_LOCKS = [path.relative_to(ARTIFACTS).as_posix() for path in sorted(ARTIFACTS.glob("*/*.txt"))]
MAVEN = "{http://maven.apache.org/POM/4.0.0}"
AGENT = "io.prometheus.jmx:jmx_prometheus_javaagent"


def test_every_bundle_of_the_conventions_is_there() -> None:
    assert {"zookeeper", "kafka", "hadoop", "spark", "jobs", "dbt", "meteostream", "airflow", "dags", "pgadmin"} <= set(
        bundle_names(ARTIFACTS)
    )


@pytest.mark.parametrize("path", [path for path in sorted(ARTIFACTS.rglob("*")) if path.is_file()], ids=str)
def test_no_file_names_an_address_of_a_registry(path: Path) -> None:
    """An installation behind a mirror uses the mirror: addresses are the clients' business."""
    text = path.read_text(encoding="utf-8")
    if path.name == "pom.xml":
        text = text.replace(MAVEN[1:-1], "")
        assert "<repositor" not in text
    assert "://" not in text
    assert not re.search(r"--(index|extra-index|find-links)", text)


@pytest.mark.parametrize("name", JAR_BUNDLES)
def test_every_jar_has_size_and_checksum_and_stands_once(name: str) -> None:
    """KF-70: every transitive file is pinned."""
    jars = read_lock(ARTIFACTS / name / "lock.tsv")
    assert jars
    assert all(jar.size > 0 for jar in jars)
    without_version = Counter(jar.coordinates.rpartition(":")[0] for jar in jars)
    assert [coordinates for coordinates, count in without_version.items() if count > 1] == []


@pytest.mark.parametrize("name", JAR_BUNDLES)
def test_the_lock_is_not_older_than_the_pom(name: str) -> None:
    locked = {jar.coordinates for jar in read_lock(ARTIFACTS / name / "lock.tsv")}
    asked = set()
    for dependency in ET.parse(ARTIFACTS / name / "pom.xml").iter(f"{MAVEN}dependency"):  # noqa: S314 (our own file)
        group, artifact, version, classifier = (
            dependency.findtext(f"{MAVEN}{tag}") for tag in ("groupId", "artifactId", "version", "classifier")
        )
        asked.add(":".join(part for part in (group, artifact, "jar", classifier, version) if part))
    assert asked
    assert asked - locked == set(), f"make the lock anew: ./meteo fetch --lock {name}"


@pytest.mark.parametrize("name", JAR_BUNDLES)
def test_every_jvm_bundle_has_the_metrics_agent_in_its_place(name: str) -> None:
    bundle = read_bundle(ARTIFACTS / name)
    (agent,) = [jar for jar in read_lock(bundle.jar_lock) if jar.coordinates.startswith(AGENT)]
    place = bundle.place_of(agent.coordinates)
    assert place is not None
    assert place.path == "agent/jmx_prometheus_javaagent.jar"


@pytest.mark.parametrize(
    ("name", "layout", "binding"),
    [
        ("zookeeper", "logback-ecs-encoder", "logback-classic"),
        ("kafka", "log4j2-ecs-layout", "log4j-slf4j-impl"),
        ("hadoop", "log4j-ecs-layout", "slf4j-reload4j"),
    ],
)
def test_every_jvm_bundle_can_log_ecs_json_through_one_binding(name: str, layout: str, binding: str) -> None:
    """Two bindings of slf4j: the one that is found first wins, and logs vanish."""
    bindings = {
        "logback-classic",
        "log4j-slf4j-impl",
        "log4j-slf4j2-impl",
        "slf4j-reload4j",
        "slf4j-log4j12",
        "slf4j-simple",
    }
    artifacts = {jar.coordinates.split(":")[1] for jar in read_lock(ARTIFACTS / name / "lock.tsv")}
    assert layout in artifacts
    assert artifacts & bindings == {binding}


def test_hadoop_brings_its_web_pages() -> None:
    bundle = read_bundle(ARTIFACTS / "hadoop")
    place = bundle.place_of("org.apache.hadoop:hadoop-hdfs:jar:tests:3.5.0")
    assert place is not None
    assert (place.path, place.unpack) == ("webapps", "webapps")


@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_every_python_package_is_pinned_and_hashed(lock: str) -> None:
    """KF-70. read_requirements refuses a line without version or hash."""
    assert read_requirements(ARTIFACTS / lock)


@pytest.mark.parametrize("python", SUPPORTED_PYTHONS)
@pytest.mark.parametrize("lock", PYTHON_LOCKS)
def test_a_python_lock_serves_both_debians(lock: str, python: str) -> None:
    """Everything that was asked for is there once for each node Python, in the version that was asked for."""
    locked = {one.name: one.version for one in for_python(read_requirements(ARTIFACTS / lock), python)}
    assert len(locked) == len(for_python(read_requirements(ARTIFACTS / lock), python))
    for line in (ARTIFACTS / lock).with_suffix(".in").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            name = re.split(r"[<>=]", name)[0]
            assert normalised(name) in locked, f"make the lock anew: ./meteo fetch --lock ({lock})"
            assert version in ("", locked[normalised(name)])


def test_jobs_leave_spark_to_the_bundle_spark() -> None:
    names = {one.name for one in read_requirements(ARTIFACTS / "jobs" / "requirements.txt")}
    assert not names & {"pyspark", "py4j"}


def test_the_marts_go_to_the_nodes_as_a_whole() -> None:
    """A file of the dbt project that no pattern of the bundle takes would be missing on every node."""
    bundle = read_bundle(ARTIFACTS / "meteostream")
    assert bundle.source is not None
    project = bundle.source.folder / "meteostream" / "marts" / "project"
    files = {file for file in project.rglob("*") if file.is_file()}
    assert files
    assert files - {file for _, file in source_files(bundle.source)} == set()


@pytest.mark.parametrize("name", bundle_names(ARTIFACTS))
def test_every_bundle_has_an_identity(name: str) -> None:
    assert re.fullmatch(r"[\w.]+-[0-9a-f]{12}", bundle_id(read_bundle(ARTIFACTS / name)))
