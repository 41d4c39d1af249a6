"""What machines can read of the daemons: ECS JSON logs, Prometheus pages."""

from __future__ import annotations

import json
import urllib.request
from typing import Final

from meteo_nodes.platform import Platform

ECS_MEMBERS: Final = ("@timestamp", "log.level", "message", "service.name")
TAIL_LINES: Final = 200
GET: Final = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read().decode())"
# PostgreSQL, Patroni, Redis and pgAdmin log what they can; Debian's exporters log to the journal, and so does Airflow,
# in a JSON of its own.
WITHOUT_ECS: Final = {
    "patroni",
    "prometheus-node-exporter",
    "prometheus-postgres-exporter",
    "prometheus-redis-exporter",
    "redis-server",
    "airflow-api",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-logs",
    "airflow-worker",
    "pgadmin",
}
# Daemon: (port, path, a metric that only this daemon has).
METRICS: Final = {
    "zookeeper": ("zookeeper_metrics", "/metrics", "org_apache_zookeeperservice"),
    "kafka": ("kafka_metrics", "/metrics", "kafka_server_"),
    "hdfs-namenode": ("namenode_http", "/prom", "fs_namesystem_"),
    "hdfs-datanode": ("datanode_http", "/prom", "fs_dataset_"),
    "spark-master": ("spark_master_ui", "/metrics/master/prometheus/", "metrics_master_"),
    "spark-worker": ("spark_worker_ui", "/metrics/prometheus/", "metrics_worker_"),
    "spark-history": ("spark_history_metrics", "/metrics", "spark_history_heap_used_bytes"),
    "yarn-resourcemanager": ("resourcemanager_http", "/prom", "cluster_metrics_"),
    "yarn-nodemanager": ("nodemanager_http", "/prom", "node_manager_metrics_"),
    "mapred-history": ("mapred_history_http", "/prom", "jvm_metrics_"),
    "prometheus-redis-exporter": ("redis_exporter", "/metrics", "redis_up 1"),
    "patroni": ("patroni_rest", "/metrics", "patroni_postgres_running"),
    "prometheus-node-exporter": ("node_exporter", "/metrics", "node_memory_MemTotal_bytes"),
    "prometheus-postgres-exporter": ("postgres_exporter", "/metrics", "pg_up 1"),
    "generator": ("generator_metrics", "/metrics", "meteostream_"),
    "intake": ("intake_metrics", "/metrics", "meteostream_intake_entries_total"),
    "stream-warehouse": ("stream_warehouse_metrics", "/metrics", "meteostream_"),
    "stream-lake": ("stream_lake_metrics", "/metrics", "meteostream_"),
}


def member(entry: dict[str, object], name: str) -> object:
    """A member of an ECS entry: encoders write `log.level` flat or nested."""
    if name in entry:
        return entry[name]
    found: object = entry
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def test_every_daemon_logs_ecs_json(platform: Platform) -> None:
    wrong = []
    for host, facts in platform.topology["hosts"].items():
        node = platform.host(host)
        for daemon in facts["daemons"]:
            if daemon in WITHOUT_ECS:
                continue
            files = node.check_output(
                "find /var/log/zookeeper /var/log/kafka /var/log/hdfs /var/log/yarn /var/log/mapred /var/log/spark "
                "/var/log/meteostream "
                "-maxdepth 1 -name %s -size +0 2>/dev/null || true",
                f"{daemon}*.json",
            ).split()
            if not files:
                wrong.append(f"{host}: {daemon} has no log file {daemon}*.json")
            for file in files:
                for line in node.check_output("tail --lines %s %s", str(TAIL_LINES), file).splitlines():
                    try:
                        entry = json.loads(line)
                    except ValueError:
                        wrong.append(f"{host}: {file}: no JSON: {line[:200]}")
                        break
                    missing = [name for name in ECS_MEMBERS if not member(entry, name) and name != "message"]
                    if missing or "message" not in entry:
                        wrong.append(f"{host}: {file}: without {missing}: {line[:200]}")
                        break
                    if member(entry, "service.name") != daemon:
                        wrong.append(f"{host}: {file}: service.name {member(entry, 'service.name')}, expected {daemon}")
                        break
    assert not wrong, "\n".join(wrong)


def test_log_times_are_utc(platform: Platform) -> None:
    """The last entry of each log is not in the future, as local time east of Greenwich would be."""
    wrong = []
    for host in platform.hosts:
        node = platform.host(host)
        now = node.check_output("date --utc --date '+60 seconds' +%Y-%m-%dT%H:%M:%S")
        for file in node.check_output("find /var/log -name '*.json' -size +0").split():
            last = node.check_output("tail --lines 1 %s", file)
            entry = json.loads(last)
            stamp = str(entry.get("@timestamp") or entry["timestamp"]).replace(" ", "T")  # PostgreSQL's has a blank
            if stamp[:19] > now:
                wrong.append(f"{host}: {file}: {stamp} is after {now} UTC")
    assert not wrong


def test_every_daemon_has_a_metrics_page_of_its_own(platform: Platform) -> None:
    """An open port is no proof that it is this daemon's: the page must hold a metric that only it has."""
    wrong = []
    for host, facts in platform.topology["hosts"].items():
        for daemon in facts["daemons"]:
            if daemon not in METRICS:
                continue
            port, path, metric = METRICS[daemon]
            url = f"http://{facts['member']['address']}:{platform.port(port)}{path}"
            page = platform.host(host).check_output("python3 -c %s %s", GET, url)
            if metric not in page:
                wrong.append(f"{host}: {daemon}: {url} has no {metric}: {page[:300]!r}")
    assert not wrong, "\n".join(wrong)


def test_pages_for_people_answer_from_the_control_machine(platform: Platform) -> None:
    wrong = []
    for facts in platform.topology["hosts"].values():
        for daemon in facts["daemons"]:
            ui = platform.topology["daemons"][daemon].get("ui")
            if not ui:
                continue
            url = f"http://{facts['member']['address']}:{platform.port(ui['port'])}{ui['path']}"
            with urllib.request.urlopen(url, timeout=20) as answer:
                if answer.status != 200:
                    wrong.append(f"{url}: {answer.status}")
    assert not wrong
