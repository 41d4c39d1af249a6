"""Airflow, its broker and pgAdmin as the inventories make them."""

from __future__ import annotations

import configparser
import json
from typing import Final

import pytest
from meteo_rendered import Rendered

HOSTS: Final = ("node1", "node2", "node3")
CONFIG: Final = "/etc/airflow/airflow.cfg"
UNIT: Final = "/etc/systemd/system/{}.service"
# Daemons of Airflow by host, as inventories/lab has them.
LAB: Final = {
    "node1": {"airflow-scheduler", "airflow-logs", "airflow-worker"},
    "node2": {"airflow-api", "airflow-scheduler", "airflow-dag-processor"},
    "node3": {"airflow-triggerer", "airflow-logs", "airflow-worker"},
}


def settings(rendered: Rendered, host: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(rendered.text(host, CONFIG))
    return parser


def test_daemons_are_where_their_groups_are(lab: Rendered) -> None:
    everything = set().union(*LAB.values())
    assert {host: {unit for unit in everything if lab.has(host, UNIT.format(unit))} for host in HOSTS} == LAB


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("core", "fernet_key"),
        ("api", "secret_key"),
        ("api_auth", "jwt_secret"),
        ("core", "execution_api_server_url"),
        ("celery", "broker_url"),
        ("celery", "result_backend"),
        ("database", "sql_alchemy_conn"),
        ("celery_broker_transport_options", "visibility_timeout"),
    ],
)
def test_what_must_be_the_same_on_every_host_is_kf_13_kf_15(lab: Rendered, section: str, name: str) -> None:
    """KF-13, KF-15: another key on one host fails its tasks and loses connections."""
    found = {settings(lab, host)[section][name] for host in HOSTS}
    assert len(found) == 1
    assert found != {""}


def test_the_fernet_key_is_one_and_is_derived_from_the_vault(lab: Rendered, one: Rendered) -> None:
    """A key that a run made by itself would be another one in the next run."""
    assert settings(lab, "node1")["core"]["fernet_key"] == settings(one, "node1")["core"]["fernet_key"]
    assert len(settings(lab, "node1")["core"]["fernet_key"]) == 44


def test_the_database_is_found_by_all_its_hosts(lab: Rendered) -> None:
    url = settings(lab, "node3")["database"]["sql_alchemy_conn"]
    assert url.endswith("@/airflow?host=node1:5432&host=node2:5432&host=node3:5432&target_session_attrs=read-write")


def test_a_message_is_not_given_out_twice_while_a_task_may_still_run(lab: Rendered) -> None:
    """Airflow's default is a day; ours is longer than the longest task of a scheduled DAG, and explicit."""
    found = settings(lab, "node1")
    assert int(found["celery_broker_transport_options"]["visibility_timeout"]) >= 12 * 3600
    assert found["celery"]["task_acks_late"] == "True"


def test_no_examples_and_an_executor_and_accounts_of_our_choice(one: Rendered) -> None:
    core = settings(one, "node1")["core"]
    assert core["load_examples"] == "False"
    assert core["executor"] == "CeleryExecutor"
    assert core["auth_manager"].endswith("FabAuthManager")
    assert settings(one, "node1")["database"]["load_default_connections"] == "False"


def test_daemons_bind_to_the_bind_address_and_call_themselves_by_the_advertised_name_kf_62(one: Rendered) -> None:
    found = settings(one, "node1")
    assert found["api"]["host"] == found["scheduler"]["scheduler_health_check_server_host"] == "0.0.0.0"  # noqa: S104 - compared
    assert found["api"]["base_url"] == "http://meteo.example:8080"
    assert 'return "meteo.example"' in one.text("node1", "/etc/airflow/python/meteo_host.py")
    assert found["core"]["hostname_callable"] == "meteo_host.advertised_name"


def test_logs_of_tasks_are_served_by_a_daemon_of_their_own(lab: Rendered) -> None:
    """They can be read while the worker restarts; and Airflow's own servers would listen on every address."""
    logs = lab.text("node3", UNIT.format("airflow-logs"))
    assert "--host 10.77.1.13 --port 8793" in logs
    for unit in ("airflow-worker", "airflow-triggerer"):
        assert "--skip-serve-logs" in lab.text("node3", UNIT.format(unit))
    found = settings(lab, "node2")["logging"]
    assert found["worker_log_server_port"] == found["trigger_log_server_port"] == "8793"


def test_no_secret_is_in_an_environment_or_on_a_command_line(lab: Rendered) -> None:
    for host in HOSTS:
        for unit in [*LAB[host], *(["redis-server"] if host == "node2" else [])]:
            for path, entry in lab.entries(host, unit).items():
                assert not (entry["secret"] and path.startswith(("/etc/systemd", "/etc/default", "/usr/local"))), path


def test_files_with_secrets_are_closed_to_others(lab: Rendered) -> None:
    entries = {path: entry for path, entry in lab.entries("node1", "airflow").items() if entry["secret"]}
    assert set(entries) == {CONFIG, "/etc/airflow/broker-password", "/etc/airflow/provision.json"}
    assert all(int(entry["mode"], 8) & 0o007 == 0 for entry in entries.values())
    # Operators run the command line with it.
    assert (entries[CONFIG]["owner"], entries[CONFIG]["group"]) == ("airflow", "meteo")


def test_operators_run_airflow_as_the_daemons_do(one: Rendered) -> None:
    tool, unit = one.text("node1", "/usr/local/bin/airflow"), one.text("node1", UNIT.format("airflow-scheduler"))
    for name in ("AIRFLOW_CONFIG", "AIRFLOW_HOME", "PYTHONPATH", "PGCONNECT_TIMEOUT"):
        value = next(line.partition(f"{name}=")[2].rstrip('"') for line in unit.splitlines() if f'"{name}=' in line)
        assert f"export {name}='{value}'" in tool


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("airflow-api", "metadatabase.status=healthy"),
        ("airflow-scheduler", "scheduler.status=healthy"),
        ("airflow-dag-processor", "dag_processor.status=healthy"),
    ],
)
def test_health_is_what_the_json_says_and_not_that_there_is_an_answer(lab: Rendered, unit: str, said: str) -> None:
    """The API server answers 200 also when the scheduler is dead."""
    text = lab.text("node2", f"/usr/local/lib/meteo/health/{unit}")
    assert "/api/v2/monitor/health" in text
    assert said in text


def test_the_broker_gives_up_no_message(lab: Rendered) -> None:
    lines = lab.text("node2", "/etc/redis-meteo/redis.conf").splitlines()
    for line in ("appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "bind 10.77.1.12"):
        assert line in lines
    assert f"requirepass {lab.secrets['secret_redis']}" in lines
    assert not lab.has("node1", "/etc/redis-meteo/redis.conf")


def test_pgadmin_knows_the_servers_and_asks_for_no_second_password(lab: Rendered) -> None:
    config = lab.text("node3", "/etc/pgadmin/config_system.py")
    for line in ("MASTER_PASSWORD_REQUIRED = False", "UPGRADE_CHECK_ENABLED = False", "SERVER_MODE = True"):
        assert line in config.splitlines()
    entry = lab.entries("node3", "pgadmin")["/etc/pgadmin/provision.json"]
    assert (entry["mode"], entry["group"], entry["secret"]) == ("0640", "pgadmin", True)
    assert json.loads(entry["content"])["hosts"] == ["node1", "node2", "node3"]
    assert "--workers=1" in lab.text("node3", UNIT.format("pgadmin"))
