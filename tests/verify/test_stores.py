"""Settings of the stores that protect what they hold."""

from __future__ import annotations

import re
from typing import Final

import pytest
from meteo_nodes.platform import Platform

POSTGRES_SETTINGS: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "TimeZone": "UTC",
    "server_encoding": "UTF8",
    "data_checksums": "on",
}
HDFS_PATHS: Final = {"/tmp": "drwxrwxrwt", "/user": "drwxr-xr-x"}  # noqa: S108 (HDFS's own)
ANONYMOUS: Final = "security.protocol=PLAINTEXT\ndefault.api.timeout.ms=8000\nrequest.timeout.ms=5000\n"


@pytest.mark.needs("postgres")
def test_postgres_keeps_what_it_acknowledged(platform: Platform) -> None:
    names = ", ".join(f"'{name}'" for name in POSTGRES_SETTINGS)
    rows = platform.sql(f"SELECT name, setting FROM pg_settings WHERE name IN ({names})")  # noqa: S608 (names above)
    assert {row["name"]: row["setting"] for row in rows} == POSTGRES_SETTINGS


@pytest.mark.needs("postgres")
def test_postgres_has_no_rule_it_cannot_read_and_none_that_trusts_the_network(platform: Platform) -> None:
    """KF-53, KF-55: pg_hba_file_rules has no error; who comes by network has a password by scram."""
    rows = platform.sql("SELECT type, database, user_name, address, auth_method, error FROM pg_hba_file_rules")
    assert [row for row in rows if row["error"]] == []
    assert {row["auth_method"] for row in rows if row["type"] != "local"} <= {"scram-sha-256", "reject"}
    assert [row for row in rows if row["type"] == "local" and row["auth_method"] == "trust"] == []


@pytest.mark.needs("postgres")
def test_patroni_leads_and_its_rest_interface_refuses_changes_without_the_password(platform: Platform) -> None:
    host = platform.members("postgres")[0]
    address = platform.topology["hosts"][host]["member"]["address"]
    url = f"http://{address}:{platform.port('patroni_rest')}/restart"
    script = (
        "import sys, urllib.request, urllib.error\n"
        "try:\n    urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=b'{}', method='POST'), timeout=20)\n"
        "except urllib.error.HTTPError as error:\n    print(error.code)\n"
    )
    assert platform.host(host).check_output("python3 -c %s %s", script, url) == "401"


@pytest.mark.needs("kafka")
def test_kafka_refuses_who_has_no_password(platform: Platform) -> None:
    """An anonymous client gets no list of topics: its connection is closed, or the answer is an error."""
    host = platform.members("kafka")[0]
    node = platform.host(host, sudo=False)
    address = platform.topology["hosts"][host]["member"]["name"]
    done = node.run(
        "settings=$(mktemp); printf %s > $settings; timeout 60 kafka-topics --list --command-config $settings"
        " --bootstrap-server %s; code=$?; rm $settings; exit $code",
        ANONYMOUS,
        f"{address}:{platform.port('kafka_broker')}",
    )
    assert done.rc != 0
    assert "weather.observations" not in done.stdout


@pytest.mark.needs("kafka")
def test_observations_are_flushed_and_kept_long_enough(platform: Platform) -> None:
    """Acknowledged means on disk, and an outage of three days loses nothing."""
    node = platform.host(platform.members("kafka")[0], sudo=False)
    text = node.check_output("bash -lc 'kafka-configs --describe --all --topic weather.observations'")
    found = dict(re.findall(r"^\s+([\w.]+)=([^ ]*) ", text, re.MULTILINE))
    assert int(found["flush.messages"]) == 1
    assert int(found["retention.ms"]) >= 72 * 3600 * 1000
    assert found["cleanup.policy"] == "delete"
    assert found["retention.bytes"] != "-1"


@pytest.mark.needs("namenode")
def test_hdfs_directories_have_their_owners_and_modes(platform: Platform) -> None:
    node = platform.host(platform.members("namenode")[0], sudo=False)
    wrong = {}
    for path, mode in HDFS_PATHS.items():
        line = node.check_output("bash -lc 'hdfs dfs -ls -d %s'", path).splitlines()[-1]
        if not line.startswith(mode):
            wrong[path] = line
    assert not wrong


@pytest.mark.needs("namenode")
def test_hdfs_is_whole(platform: Platform) -> None:
    node = platform.host(platform.members("namenode")[0])
    text = node.check_output("sudo -u hdfs bash -lc 'hdfs fsck /'")
    assert "is HEALTHY" in text
    assert re.search(r"Missing blocks:\s+0", text)


def test_packages_are_held_and_never_restarted_behind_our_back(platform: Platform) -> None:
    """KF-37: an unattended upgrade neither replaces nor restarts what the platform runs."""
    for host, facts in platform.topology["hosts"].items():
        held = platform.host(host).check_output("apt-mark showhold").split()
        wanted = ["openjdk", "prometheus-node-exporter"]
        if "patroni" in facts["daemons"]:
            wanted += ["patroni", "postgresql-"]
        missing = [prefix for prefix in wanted if not any(package.startswith(prefix) for package in held)]
        assert not missing, f"{host}: not held: {missing}; held: {held}"
        excluded = platform.host(host).check_output("cat /etc/needrestart/conf.d/*").replace("\\", "")
        assert [name for name in facts["daemons"] if name not in excluded] == []


def test_identities_on_disk_are_the_inventorys(platform: Platform) -> None:
    """KF-1, KF-3: myid and node.id are the host variables, not positions in a list."""
    for host in platform.members("zookeeper"):
        found = platform.host(host).file("/var/lib/zookeeper/myid").content_string.strip()
        assert found == str(platform.variables(host)["zookeeper_id"])
    for host in platform.members("kafka"):
        texts = platform.host(host).check_output("find /var/lib/kafka -name meta.properties -exec cat '{}' +")
        assert set(re.findall(r"node\.id=(\d+)", texts)) == {str(platform.variables(host)["kafka_node_id"])}
        assert set(re.findall(r"cluster\.id=(\S+)", texts)) == {platform.variables(host)["kafka_cluster_id"]}
