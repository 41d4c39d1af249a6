"""Runs in Airflow's environment, without a database: prints what a folder of DAGs holds, as JSON.

    read_dags.py FOLDER

`seconds`: file to the time its import took, in a process that knows Airflow (as the DAG processor's do); `errors`: file
to what its import failed with; `dags`: id to its settings and tasks.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import airflow.providers.standard.operators.bash  # type: ignore[import-not-found]  # Airflow's environment has it
import airflow.sdk  # type: ignore[import-not-found]
from airflow.dag_processing.dagbag import DagBag  # type: ignore[import-not-found]
from airflow.executors.executor_loader import ExecutorLoader  # type: ignore[import-not-found]


def seconds(file: Path) -> float:
    """Return how long the import of a file takes."""
    begin = time.perf_counter()
    importlib.import_module(file.stem)
    return time.perf_counter() - begin


def described(dag: Any) -> dict[str, Any]:
    """Return what the tests look at."""
    return {
        "schedule": dag.schedule if dag.schedule is None else str(dag.schedule),
        "start_date": str(dag.start_date),
        "catchup": dag.catchup,
        "paused": dag.is_paused_upon_creation,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout": dag.dagrun_timeout and dag.dagrun_timeout.total_seconds(),
        "description": dag.description,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "file": Path(dag.fileloc).name,
        "tasks": {
            task.task_id: {
                "command": getattr(task, "bash_command", None),
                "operator": type(task).__name__,
                "pool": task.pool,
                "retries": task.retries,
                "backoff": bool(task.retry_exponential_backoff),
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "doc": task.doc_md,
                "after": sorted(task.upstream_task_ids),
            }
            for task in dag.tasks
        },
    }


def main(folder: Path) -> None:
    """Print it."""
    logging.disable(logging.CRITICAL)
    sys.path.insert(0, str(folder))
    importlib.import_module("meteo_dags")
    files = sorted(path for path in folder.glob("*.py") if path.stem != "meteo_dags")
    took = {file.name: seconds(file) for file in files}
    bag = DagBag(folder)
    print(
        json.dumps(
            {
                "seconds": took,
                "errors": {str(file): text for file, text in bag.import_errors.items()},
                "dags": {name: described(dag) for name, dag in bag.dags.items()},
                "executor": ExecutorLoader.get_default_executor_name().module_path,
                "version": airflow.__version__,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
