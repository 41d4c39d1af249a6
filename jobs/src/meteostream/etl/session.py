"""The ETL's Spark: a session in this process, or this very command as an application on YARN.

Tests and small repairs run in local mode. On the platform ``--submit`` hands the same command to YARN in cluster mode:
the driver runs in a container there, and nothing but spark-submit waits here for its end.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from meteostream.lake.bronze import catalog_settings
from meteostream.streams.source import spark_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import SparkSession

    from meteostream.config import Etl, Settings

PASSED_ON: Final = ("PYTHONPATH", "PYSPARK_PYTHON", "JAVA_HOME", "HADOOP_CONF_DIR", "SPARK_CONF_DIR", "TZ")
"""Environment that the driver in its container needs as it is here: every node has the bundles at the same place."""


def etl_session(settings: Settings, name: str) -> SparkSession:
    """Session of a batch job: the streams' settings, the lake's catalog, and plans that adapt to the data."""
    return spark_session(
        f"meteostream {name}",
        {
            **catalog_settings(settings.lake.uri),
            "spark.sql.adaptive.enabled": "true",
            "spark.sql.shuffle.partitions": str(settings.etl.shuffle_partitions),
            "spark.sql.parquet.compression.codec": "zstd",
        },
    )


def submit_argv(etl: Etl, config: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Command line of spark-submit for ``meteostream ARGUMENTS`` on YARN in cluster mode.

    Secrets are in the file of settings, which the container reads from its node (0640, a group of its own): never an
    argument and never a ``--conf``.

    Parameters
    ----------
    etl
        The ``[etl]`` section.
    config
        The file of settings, at the same place on every node.
    arguments
        What follows ``meteostream``; without ``--submit``.
    environment
        This process's.
    """
    passed = {name: environment[name] for name in PASSED_ON if name in environment} | {
        "METEOSTREAM_CONFIG": str(config)
    }
    conf = {
        "spark.yarn.submit.waitAppCompletion": "true",
        "spark.yarn.maxAppAttempts": str(etl.attempts),
        "spark.executor.instances": str(etl.executors),
        "spark.executor.cores": str(etl.executor_cores),
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in passed.items()},
        **{f"spark.executorEnv.{name}": value for name, value in passed.items() if name != "METEOSTREAM_CONFIG"},
    }
    options = [part for name, value in sorted(conf.items()) for part in ("--conf", f"{name}={value}")]
    return [
        # The platform's wrapper, not Spark's own: it knows YARN's settings (role spark, yarn.conf).
        "spark-submit",
        "--master",
        "yarn",
        "--deploy-mode",
        "cluster",
        "--queue",
        etl.queue,
        "--name",
        f"meteostream {' '.join(arguments[:2])}",
        "--driver-memory",
        f"{etl.driver_memory_mb}m",
        "--executor-memory",
        f"{etl.executor_memory_mb}m",
        *options,
        str(Path(__file__).parents[1] / "__main__.py"),
        *arguments,
    ]


def submit(etl: Etl, config: Path, arguments: Sequence[str]) -> int:
    """Run ``meteostream ARGUMENTS`` on YARN; give its exit code (see :func:`submit_argv`)."""
    import subprocess  # noqa: PLC0415 - only where something is submitted

    argv = submit_argv(etl, config, arguments, os.environ)
    program = shutil.which(argv[0]) or argv[0]
    return subprocess.run([program, *argv[1:]], check=False).returncode  # noqa: S603 - our own command line
