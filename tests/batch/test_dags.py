"""Every DAG that needs no internet at work, and what becomes of applications whose worker or task goes away."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from typing import Any, Final

import pytest
from meteo_nodes.airflow import POLL_S, Airflow, request
from meteo_nodes.platform import REPOSITORY, Platform

FILE: Final = REPOSITORY / "jobs" / "tests" / "data" / "senegal.csv"
ROWS: Final = 24
SOURCE: Final = "csv-fr"
DROP: Final = "/var/lib/meteostream/dropfolder"
RUN_S: Final = 1500
APPLICATION_S: Final = 300
# The scheduler notices a dead worker after task_instance_heartbeat_timeout (120 s), and tries again a minute later.
RETRY_S: Final = 600
UNFINISHED: Final = ("NEW", "NEW_SAVING", "SUBMITTED", "ACCEPTED", "RUNNING")

pytestmark = pytest.mark.needs("jobs", "airflow_worker", "nodemanager")


@pytest.fixture(scope="module")
def airflow(platform: Platform) -> Airflow:
    return Airflow(platform)


def done(airflow: Airflow, dag: str, **conf: Any) -> str:
    """Run a DAG, which has to succeed; return the run's id."""
    run, state = airflow.run(dag, RUN_S, **conf)
    assert state == "success", airflow.story(dag, run)
    return run


def applications(platform: Platform, tag: str) -> list[dict[str, Any]]:
    """Applications whose tag begins so, as YARN tells them; the oldest first."""
    host = platform.members("resourcemanager")[0]
    address = platform.topology["hosts"][host]["member"]["address"]
    answer = request(f"http://{address}:{platform.port('resourcemanager_http')}/ws/v1/cluster/apps")
    found = [app for app in (answer.get("apps") or {}).get("app", []) if app["applicationTags"].startswith(tag)]
    return sorted(found, key=lambda app: int(app["startedTime"]))


def running(platform: Platform, tag: str, before: set[str]) -> str:
    """Wait until a new application with the tag runs; return its id."""
    begin = time.monotonic()
    while time.monotonic() - begin < APPLICATION_S:
        for app in applications(platform, tag):
            if app["id"] not in before and app["state"] == "RUNNING":
                return str(app["id"])
        time.sleep(POLL_S)
    raise AssertionError(f"expected an application with the tag {tag} to run within {APPLICATION_S} s, found none")


def content(platform: Platform) -> str:
    """Digest of gold as it is published, without what a computation stamps."""
    digest = hashlib.sha256()
    for table in ("hourly", "daily", "dekad", "monthly"):
        rows = platform.sql(
            "SELECT station, nature, variable, statistic, period_start, period_end, rule, value, count, expected, "  # noqa: S608 (constants)
            f"complete, flag, source FROM gold.{table} WHERE nature = 'observed' "
            "ORDER BY 1, 2, 3, 4, 5, 6, 7"
        )
        digest.update(json.dumps(rows).encode())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def loaded(platform: Platform, airflow: Airflow) -> str:
    """An office's file in the drop folder, taken by its DAG: the run's id."""
    host = platform.members("airflow_worker")[0]
    platform.copy(FILE, host, "senegal.csv")
    # As a person: by the operators' group. It is complete when it has not changed for a minute.
    platform.host(host, sudo=False).check_output(
        "cp senegal.csv %s && touch -d '5 minutes ago' %s", *[f"{DROP}/incoming/{SOURCE}/november.csv"] * 2
    )
    return done(airflow, "drop_folder")


def test_the_drop_folder_is_emptied_into_the_warehouse(platform: Platform, loaded: str) -> None:
    assert loaded
    checked = platform.meteostream("ledger", "check", "--json", "--wait", "180", timeout=400)
    ledger = json.loads(checked.stdout)
    assert (ledger["lost"], ledger["doubled"], ledger["findings"]) == (0, 0, [])
    count = platform.value(f"SELECT count(*) FROM core.observation WHERE source = '{SOURCE}'")  # noqa: S608 (a constant)
    assert int(count or 0) == ROWS
    host = platform.host(platform.members("airflow_worker")[0])
    assert host.check_output("ls -A %s", f"{DROP}/incoming/{SOURCE}") == ""
    assert "november.csv" in host.check_output("find %s -type f", f"{DROP}/archive")


@pytest.fixture(scope="module")
def served(airflow: Airflow, loaded: str) -> str:
    assert loaded
    return done(airflow, "lake_to_marts")


def test_the_lake_reaches_the_marts(platform: Platform, served: str) -> None:
    assert served
    assert int(platform.value("SELECT count(*) FROM gold.hourly WHERE nature = 'observed'") or 0) > 0
    assert int(platform.value("SELECT count(*) FROM mart.daily_climate WHERE nature = 'simulated'") or 0) > 0


def test_a_backfill_changes_nothing_that_is_right(platform: Platform, airflow: Airflow, served: str) -> None:
    assert served
    before = content(platform)
    day = platform.value("SELECT min(observed_at)::date FROM core.observation WHERE nature = 'observed'")
    done(airflow, "backfill", first=day, last=day)
    assert content(platform) == before


def test_the_maintenance_leaves_a_lake_that_goes_on(platform: Platform, airflow: Airflow, served: str) -> None:
    """Compacted and expired, it still holds all that silver has read of it, and the checkpoints have a copy."""
    assert served
    done(airflow, "lake_maintenance")
    done(airflow, "lake_to_marts")
    host = platform.host(platform.members("jobs")[0])
    assert "warehouse" in host.check_output("hdfs dfs -ls /backup/checkpoints")


@pytest.mark.parametrize("dag", ["exports", "airflow_cleanup"])
def test_daily_and_weekly_work_is_done_also_by_hand(airflow: Airflow, dag: str) -> None:
    """A run by hand has no logical date, which a command must not need."""
    done(airflow, dag, by="hand")


def test_a_task_that_is_ended_ends_its_application(platform: Platform, airflow: Airflow) -> None:
    before = {app["id"] for app in applications(platform, "meteostream-etl-silver")}
    run = airflow.start("lake_to_marts", by="hand")
    application = running(platform, "meteostream-etl-silver", before)
    airflow.change(f"dags/lake_to_marts/dagRuns/{run}/taskInstances/lake.silver", {"new_state": "failed"})
    begin = time.monotonic()
    state = "RUNNING"
    while state in UNFINISHED and time.monotonic() - begin < APPLICATION_S:
        time.sleep(POLL_S)
        (state,) = [
            app["state"] for app in applications(platform, "meteostream-etl-silver") if app["id"] == application
        ]
    assert state == "KILLED"
    airflow.wait("lake_to_marts", run, RUN_S)


def test_a_worker_that_is_killed_leaves_one_application_which_the_next_try_waits_for(
    platform: Platform, airflow: Airflow
) -> None:
    """It goes on in its containers; a second one beside it would do the same work twice."""
    before = {app["id"] for app in applications(platform, "meteostream-etl-silver")}
    run = airflow.start("lake_to_marts", by="hand")
    application = running(platform, "meteostream-etl-silver", before)
    node = platform.host(platform.members("airflow_worker")[0])
    node.check_output("systemctl kill --signal=KILL airflow-worker")
    assert airflow.wait("lake_to_marts", run, RUN_S + RETRY_S) == "success", airflow.story("lake_to_marts", run)
    made = [app["id"] for app in applications(platform, "meteostream-etl-silver") if app["id"] not in before]
    assert made[0] == application
    assert int(airflow.tasks("lake_to_marts", run)["lake.silver"]["try_number"]) >= 2
    states = [app["finalStatus"] for app in applications(platform, "meteostream-etl-silver") if app["id"] in made]
    assert states[0] == "SUCCEEDED"
    # The try after a success finds nothing at work and does it again, which adds nothing; never two at once.
    times = [
        (int(app["startedTime"]), int(app["finishedTime"]))
        for app in applications(platform, "meteostream-etl-silver")
        if app["id"] in made
    ]
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(times))


def test_stations_that_are_silent_and_dead_letters_are_reported(airflow: Airflow) -> None:
    """Silent stations fail the run of reports, on purpose; what it says of the ledger and of dead letters is done."""
    run, _ = airflow.run("daily_reports", RUN_S)
    states = {name: task["state"] for name, task in airflow.tasks("daily_reports", run).items()}
    assert (states["ledger"], states["dead_letters"]) == ("success", "success"), airflow.story("daily_reports", run)
