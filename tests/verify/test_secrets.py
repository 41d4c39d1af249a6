"""No secret of the vault shows where people and machines look (KF-64)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from meteo_nodes.platform import Platform

# What a person with no rights reads, and what a diagnostics bundle would take along.
KEEP_PATTERNS: Final = "f=$(mktemp -p /dev/shm); trap 'rm -f $f' EXIT; cat > $f"
PLACES: Final = {
    "process list": "cat /proc/[0-9]*/cmdline",
    "environments of processes": "cat /proc/[0-9]*/environ",
    "journal": "journalctl --no-pager --output=export",
    "logs": "find /var/log -type f -not -path '/var/log/journal/*' -exec cat '{}' +",
    "unit files": "cat /etc/systemd/system/*.service /etc/systemd/system/*/*.conf /run/systemd/generator/* 2>/dev/null",
    "files that everybody may read": (
        "find /etc /opt /usr/local /var/lib /var/backups /run /tmp /var/tmp /home -xdev -type f -perm -o=r -size -1M "
        "-not -path '/opt/*/lib/*' -not -path '/opt/*/venv/*' -print0 2>/dev/null | xargs -0 --no-run-if-empty cat"
    ),
    "command histories": "cat /root/.*_history /home/*/.*_history /var/lib/*/.*_history 2>/dev/null",
}


@pytest.fixture(scope="module")
def secrets(platform: Platform) -> dict[str, str]:
    found = platform.secrets()
    assert len(found) >= 10
    assert all(len(value) >= 20 for value in found.values())
    return found


def named(secrets: dict[str, str], text: str) -> list[str]:
    """Names of the secrets whose value stands in a text. Never the values: they would be in the test's output."""
    return sorted(name for name, value in secrets.items() if value in text)


@pytest.mark.needs("kafka")
def test_the_canary_sings(platform: Platform, secrets: dict[str, str]) -> None:
    """The search below finds a secret where there is one: a search that cannot fail proves nothing."""
    host = platform.members("kafka")[0]
    text = platform.ssh(host, "cat /etc/kafka/*").stdout
    assert named(secrets, text)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_shows_on_a_node(platform: Platform, secrets: dict[str, str], place: str) -> None:
    wrong = {}
    for host in platform.hosts:
        # The values travel on standard input; only the names of what was found come back.
        script = f"{KEEP_PATTERNS}; {{ {PLACES[place]}; }} | grep -aoFf $f | sort -u"
        done = platform.ssh(host, script, given="\n".join(secrets.values()) + "\n")
        if leaks := named(secrets, done.stdout):
            wrong[host] = leaks
    assert not wrong, f"expected no secret in: {place}"


# Event logs are compressed, and `hdfs dfs -text` does not know how: a search in its output could not fail.
READ_EVENT_LOGS: Final = r"""
folder=$(mktemp -d) && trap 'rm -r "$folder"' EXIT
timeout 120 /usr/local/bin/hdfs dfs -get '/spark-events/*/events_*' "$folder" >&2
/opt/jobs/current/venv/bin/python - "$folder" <<'PYTHON'
import pathlib, sys
import pyarrow as pa
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    stream = pa.input_stream(str(path), compression="zstd" if ".zstd" in path.name else None)
    try:
        while block := stream.read(1 << 20):
            sys.stdout.buffer.write(block)
    except (OSError, pa.ArrowException) as error:  # an application that still runs has not ended its last block
        print(path.name, error, file=sys.stderr)
PYTHON
"""


@pytest.mark.needs("spark_history", "spark_worker")
def test_no_secret_shows_in_sparks_event_logs(platform: Platform, secrets: dict[str, str]) -> None:
    """Options of a stream's source and settings of its session are written there, and its page shows them."""
    host = platform.members("spark_worker")[0]
    read = platform.ssh(host, "runuser -u hdfs -- sh -s", given=READ_EVENT_LOGS)
    assert "SparkListenerApplicationStart" in read.stdout, (
        f"expected event logs of the streams, found none: {read.stderr}"
    )
    assert named(secrets, read.stdout) == []


def test_no_secret_shows_in_the_output_of_the_runs(secrets: dict[str, str]) -> None:
    """What -vvv and --diff showed of every run since the machine was bare (molecule.yml keeps the record)."""
    if "METEO_RECORD" not in os.environ:
        pytest.skip("needs the record of the installing run: run it by ./meteo test, or molecule test")
    records = [Path(os.environ[name]) for name in ("METEO_RECORD", "ANSIBLE_LOG_PATH")]
    for record in records:
        text = record.read_text(encoding="utf-8", errors="replace")
        assert "zoo.cfg" in text, f"expected the installing run in {record}"
        assert named(secrets, text) == []
