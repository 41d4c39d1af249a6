"""Run a DAG through scheduler, broker and worker, and read its log as the pages do.

Run by Airflow's own Python:

    airflow --python check-airflow.py DAG_ID

Prints `DAG_ID: success, ...` and exits with 0; else what was found, and 1.
"""

from __future__ import annotations

import logging
import sys
import time
from datetime import UTC, datetime

from airflow import settings
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.trigger import Trigger
from airflow.utils.log.log_reader import TaskLogReader
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select
from sqlalchemy.orm import joinedload

KNOWN_S = 150
RUN_S = 240
POLL_S = 1.0
BEGIN = "Running command"
"""What a task that runs a command writes first."""


def wait_until_known(dag_id: str) -> None:
    """Wait until the DAG processor has read the DAG, which it does within a minute of a new file."""
    begin = time.monotonic()
    while time.monotonic() - begin < KNOWN_S:
        with settings.Session() as session:
            if session.scalar(select(DagModel.dag_id).where(DagModel.dag_id == dag_id, DagModel.is_stale.is_(False))):
                return
        time.sleep(POLL_S)
    raise SystemExit(
        f"expected the DAG {dag_id}, found none of this name after {KNOWN_S} s: airflow dags list-import-errors"
    )


def run(dag_id: str) -> str:
    """Run it to its end, and return the run's id."""
    run_id = f"check__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    trigger_dag(dag_id, run_id=run_id, triggered_by=DagRunTriggeredByType.CLI)
    begin = time.monotonic()
    state = "queued"
    while time.monotonic() - begin < RUN_S:
        with settings.Session() as session:
            state = str(session.scalar(select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)))
        if state in ("success", "failed"):
            break
        time.sleep(POLL_S)
    if state != "success":
        raise SystemExit(
            f"expected {dag_id} to succeed within {RUN_S} s, found {state} (run {run_id})\n{logs(dag_id, run_id)}"
        )
    return run_id


def logs(dag_id: str, run_id: str) -> str:
    """Return the logs of the run's tasks, as the pages get them: from the disk of the machine that ran each."""
    wanted = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    with settings.Session() as session:
        # What reading a log looks at is loaded now: Airflow's functions close the session in between.
        whole = joinedload(TaskInstance.trigger).joinedload(Trigger.triggerer_job)
        instances = session.scalars(wanted.options(whole)).all()
    texts = []
    for instance in instances:
        stream, _ = TaskLogReader().read_log_chunks(instance, instance.try_number, {})
        texts += [f"{instance.task_id} on {instance.hostname}: {entry.event}" for entry in stream]
    return "\n".join(texts)


def main(dag_id: str) -> int:
    """Do all of it."""
    logging.disable(logging.WARNING)
    wait_until_known(dag_id)
    begin = time.monotonic()
    run_id = run(dag_id)
    seconds = time.monotonic() - begin
    text = logs(dag_id, run_id)
    if BEGIN not in text:
        print(f"expected the log of {dag_id} from the worker's log server, found: {text[-2000:]}")
        return 1
    print(f"{dag_id}: success, {seconds:.1f} s, {len(text.splitlines())} lines of log")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
