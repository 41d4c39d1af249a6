"""The DAGs as Airflow reads them, without a scheduler: imports, schedules, tries, pools, commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

REPOSITORY: Final = Path(__file__).resolve().parents[2]
IMPORT_LIMIT_S: Final = 2.0
# What a task may start: the platform's own commands, and tools that its nodes have on their PATH.
PROGRAMS: Final = {"meteostream", "spark-submit", "airflow"}


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of an Airflow of the nodes' version, with an executor and accounts as theirs."""
    home = tmp_path_factory.mktemp("airflow")
    return os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="module")
def read(airflow: dict[str, str]) -> dict[str, Any]:
    """What Airflow found in dags/."""
    done = subprocess.run(
        ["scripts/airflow-python", "tests/dags/read_dags.py", "dags"],
        cwd=REPOSITORY, env=airflow, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def dags(read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(read["dags"])


def tasks(dags: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{name}.{task}": facts for name, dag in dags.items() for task, facts in dag["tasks"].items()}


def test_every_file_is_read_without_an_error_and_holds_a_dag(read: dict[str, Any]) -> None:
    assert read["errors"] == {}
    assert set(read["seconds"]) == {dag["file"] for dag in read["dags"].values()}
    assert {"platform_check", "yarn_check", "lake_to_marts", "backfill", "lake_maintenance"} <= set(read["dags"])


def test_an_import_takes_less_than_two_seconds(read: dict[str, Any]) -> None:
    """The DAG processor reads each file once a minute."""
    assert max(read["seconds"].values()) < IMPORT_LIMIT_S, read["seconds"]


def test_start_dates_are_fixed_and_catchup_is_said_kf_127(dags: dict[str, dict[str, Any]]) -> None:
    """KF-127: a start that moves with the clock is never reached, and a schedule then never runs."""
    assert {dag["start_date"] for dag in dags.values()} == {"2026-01-01 00:00:00+00:00"}
    assert {dag["catchup"] for dag in dags.values()} == {False}
    for file in (REPOSITORY / "dags").glob("*.py"):
        assert not re.search(r"\b(now|today|utcnow|days_ago)\(", file.read_text(encoding="utf-8")), file


def test_every_dag_and_task_explains_itself_on_the_page(dags: dict[str, dict[str, Any]]) -> None:
    silent = [name for name, dag in dags.items() if not (dag["doc"] and dag["description"] and dag["tags"])]
    assert silent == []
    assert [name for name, task in tasks(dags).items() if not task["doc"]] == []


def test_runs_of_a_dag_do_not_overlap_and_end(dags: dict[str, dict[str, Any]]) -> None:
    assert {dag["max_active_runs"] for dag in dags.values()} == {1}
    for name, dag in dags.items():
        assert dag["dagrun_timeout"], name
        for task, facts in dag["tasks"].items():
            assert 0 < facts["timeout"] <= dag["dagrun_timeout"], f"{name}.{task}"


def test_a_task_is_tried_again_ever_later(dags: dict[str, dict[str, Any]]) -> None:
    """Checks are for people who wait: they say at once what they found."""
    for name, task in tasks(dags).items():
        assert task["backoff"], name
        assert (task["retries"] == 0) == name.startswith(("platform_check.", "yarn_check.")), name


def test_every_pool_is_one_that_the_role_makes(dags: dict[str, dict[str, Any]]) -> None:
    defaults = yaml.safe_load((REPOSITORY / "roles/airflow/defaults/main.yml").read_text(encoding="utf-8"))
    assert {task["pool"] for task in tasks(dags).values()} <= set(defaults["airflow_pools"])


def test_applications_on_yarn_take_a_place_in_its_pool(dags: dict[str, dict[str, Any]]) -> None:
    pools = [task["pool"] for task in tasks(dags).values() if re.search("--submit|spark-submit", task["command"])]
    assert pools
    assert set(pools) == {"yarn"}


def test_what_works_on_the_lake_runs_in_yarns_containers(dags: dict[str, dict[str, Any]]) -> None:
    """A driver in the worker's own memory would take what the plan gives to its tasks."""
    lake = [
        task["command"] for task in tasks(dags).values() if re.search("meteostream (etl|maintain) ", task["command"])
    ]
    assert len(lake) >= 8
    assert [command for command in lake if not command.endswith("--submit")] == []


def test_only_what_asks_the_internet_waits_until_somebody_lets_it_run(dags: dict[str, dict[str, Any]]) -> None:
    """Sources that the operator declared were let by the declaration."""
    paused = {name for name, dag in dags.items() if dag["paused"]}
    asking = {
        name
        for name, dag in dags.items()
        if any(re.search("meteostream collect (?!--declared)", task["command"]) for task in dag["tasks"].values())
    }
    assert paused == asking != set()
    assert {name for name, dag in dags.items() if dag["paused"] is False} == {"platform_check", "yarn_check"}


def test_templates_need_no_logical_date(dags: dict[str, dict[str, Any]]) -> None:
    """A run by hand has none: a command that names it would fail only then."""
    dated = re.compile(r"(?<!\| )\b(ds|ts|ds_nodash|ts_nodash|logical_date|data_interval_start|data_interval_end)\b")
    assert dated.findall("{{ macros.ds_add(ds, -90) }} {{ ds }} {{ dag_run.run_after | ds }}") == ["ds", "ds"]
    assert {name: found for name, task in tasks(dags).items() if (found := dated.findall(task["command"]))} == {}


def test_collectors_of_one_service_share_its_pool(dags: dict[str, dict[str, Any]]) -> None:
    """KF-104, KF-105: limits are the service's, whichever DAG asks."""
    pools: dict[str, set[str]] = {}
    for task in tasks(dags).values():
        if found := re.fullmatch(r"exec meteostream collect (\S+)", task["command"]):
            pools.setdefault(found[1].partition("-")[0], set()).add(task["pool"])
    assert pools["metar"] == pools["taf"] == {"aviationweather"}
    assert all(len(names) == 1 for names in pools.values())


def test_every_source_of_ours_has_a_dag_and_declared_ones_share_one(dags: dict[str, dict[str, Any]]) -> None:
    catalogue = (REPOSITORY / "jobs/src/meteostream/collect/catalogue.py").read_text(encoding="utf-8")
    sources = set(re.findall(r'^    "([a-z0-9-]+)": \(', catalogue, re.MULTILINE))
    assert {"synop", "bufr", "metar", "open-meteo"} <= sources
    asked = {
        found[1] for task in tasks(dags).values() if (found := re.search(r"meteostream collect (\S+)", task["command"]))
    }
    assert asked == sources | {"--declared"}


def test_tasks_only_start_commands(dags: dict[str, dict[str, Any]]) -> None:
    for name, task in tasks(dags).items():
        assert task["operator"] == "BashOperator", name
        words = task["command"].split()
        assert words[0] == "exec", name
        assert words[1] in PROGRAMS, name
        assert not set(task["command"]) & set(";&$`<>\n"), f"{name}: one command, without a shell's words"


def test_what_a_person_types_is_a_day_before_it_is_a_command(airflow: dict[str, str]) -> None:
    """A run's parameters stand on a command line, so they are checked before a run is made."""
    script = (
        "import sys; sys.path.insert(0, 'dags'); import etl\n"
        "for value in sys.argv[1:]:\n"
        "    try:\n        etl.compute.dag.params.get_param('first').resolve(value); print('taken')\n"
        "    except Exception as error: print('refused')\n"
    )
    values = ["2026-11-25", "2026-11-25; id", "$(id)", "2026-11-25\n", "yesterday"]
    done = subprocess.run(
        ["scripts/airflow-python", "-c", script, *values],
        cwd=REPOSITORY, env=airflow, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["taken", "refused", "refused", "refused", "refused"], done.stderr[-2000:]


def test_the_lock_holds_what_the_daemons_import(read: dict[str, Any], airflow: dict[str, str]) -> None:
    """A lock that resolves proves nothing: Celery 5.7 and SQLAlchemy 2.1 resolved, and only some daemons died."""
    assert read["executor"].endswith("CeleryExecutor")
    assert read["version"] == "3.3.2"
    modules = (
        "airflow.providers.fab.auth_manager.fab_auth_manager",
        "airflow.providers.celery.executors.celery_executor",
        "airflow.providers.celery.cli.celery_command",
        "airflow.utils.serve_logs.log_server",
        "airflow.jobs.scheduler_job_runner",
        "airflow.jobs.triggerer_job_runner",
        "airflow.jobs.dag_processor_job_runner",
        "airflow.api_fastapi.main",
    )
    script = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint('imported')"
    done = subprocess.run(
        ["scripts/airflow-python", "-c", script, *modules],
        cwd=REPOSITORY, env=airflow | {"AIRFLOW__CORE__AUTH_MANAGER": f"{modules[0]}.FabAuthManager"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.splitlines()[-1] == "imported"


def test_a_day_of_schedules_is_spread(dags: dict[str, dict[str, Any]]) -> None:
    """Two schedules that begin in the same minute every hour compete for two cores."""
    schedules = [dag["schedule"] for dag in dags.values() if dag["schedule"]]
    minutes = [schedule.split()[0] for schedule in schedules if not schedule.startswith("*/")]
    assert len(minutes) == len(set(minutes))
