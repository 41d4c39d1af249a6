"""The command-line tools that users know, as the operator's account uses them: no sudo, no option for passwords."""

from __future__ import annotations

from typing import Final

import pytest
from meteo_nodes.platform import Platform

# Command: (group whose hosts have it, what its output holds).
TOOLS: Final = {
    "echo ls / | zookeeper-shell": ("zookeeper", "zookeeper"),
    "kafka-topics --list": ("kafka", "weather.observations"),
    "kafka-topics --describe --topic weather.observations": ("kafka", "PartitionCount: 4"),
    "kafka-consumer-groups --list": ("kafka", ""),
    "kafka-console-consumer --topic weather.observations --from-beginning --max-messages 1": (
        "kafka",
        "meteostream.report/1",
    ),
    "kafka-metadata-quorum describe --status": ("kafka", "LeaderId"),
    "hdfs dfs -ls /": ("namenode", "/lake"),
    "hdfs haadmin -help": ("namenode", "haadmin"),
    "yarn node -list": ("resourcemanager", "RUNNING"),
    "yarn app -list": ("resourcemanager", "Total number of applications"),
    "mapred job -list": ("resourcemanager", "Total jobs"),
    "mapred queue -list": ("resourcemanager", "default"),
    "airflow version": ("airflow_worker", "3.3"),
    "airflow dags list --output plain": ("airflow_worker", "platform_check"),
    "airflow connections get warehouse --output plain": ("airflow_worker", "postgres"),
    "spark-submit --version": ("spark_master", "version 4.1"),
    "patronictl list": ("postgres", "Leader"),
    "meteostream --help": ("jobs", "generate"),
}


@pytest.mark.parametrize("command", TOOLS)
def test_a_tool_works_for_the_operator(platform: Platform, command: str) -> None:
    group, wanted = TOOLS[command]
    members = platform.members(group)
    if not members:
        pytest.skip(f"this inventory has no {group}")
    for name in members:
        done = platform.host(name, sudo=False).run("timeout 120 bash -lc %s", command)
        assert done.rc == 0, f"{name}: {command}: {done.stdout[-1000:]}{done.stderr[-2000:]}"
        assert wanted in done.stdout + done.stderr


@pytest.mark.needs("spark_worker", "namenode")
def test_pyspark_reads_and_writes_hdfs(platform: Platform) -> None:
    """The shell itself, in local mode so that it takes no core from the streams."""
    script = (
        "path = 'hdfs://meteo/tmp/verify-pyspark'; "
        "spark.range(1000).write.mode('overwrite').parquet(path); "
        "print('rows', spark.read.parquet(path).count()); "
        "spark.stop()"
    )
    name = platform.members("spark_worker")[0]
    node = platform.host(name, sudo=False)
    done = node.run("echo %s | timeout 180 bash -lc 'pyspark --master local[1]'", script)
    node.run("timeout 60 bash -lc 'hdfs dfs -rm -r -f -skipTrash /tmp/verify-pyspark'")
    assert "rows 1000" in done.stdout, done.stderr[-3000:]
