"""What the DAGs share: when they began, how a task is tried again, and the task that runs one command.

DAGs hold no logic. A task is one command of the platform's; it ends with 0 if all is done, else with 1 and a sentence
in its log. Every command takes up where the last one ended and does nothing twice, so a task may be tried again at any
time and no DAG needs Airflow's catch-up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airflow.providers.standard.operators.bash import BashOperator

NETWORK: Final[dict[str, Any]] = {"is_paused_upon_creation": True}
"""Of DAGs that ask services on the internet: they wait until somebody lets them run (docs/sources.md)."""

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Fixed: a start that moves is never reached (KF-127)."""

TAGS: Final = ["meteostream"]

DEFAULTS: Final[dict[str, Any]] = {
    "owner": "meteostream",
    "depends_on_past": False,
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(hours=1),
}


def settings(*, schedule: str | None, minutes: int, tags: tuple[str, ...] = (), **others: Any) -> dict[str, Any]:
    """Return what every DAG of ours is made with.

    Args:
        schedule: When it runs (cron, UTC), or None for runs by hand.
        minutes: How long a whole run may take.
        tags: What it is about, beside our own tag.
        others: More of DAG's arguments.
    """
    return {
        "schedule": schedule,
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(minutes=minutes),
        "default_args": DEFAULTS,
        "tags": [*TAGS, *tags],
    } | others


def command(name: str, line: str, *, pool: str, minutes: int = 60, doc: str = "", **others: Any) -> BashOperator:
    """Return the task that runs one command line.

    Args:
        name: The task's id.
        line: The command; a template of Airflow's.
        pool: What it uses that takes only so many at once (role airflow, airflow_pools).
        minutes: How long it may take.
        doc: What it does, for the page.
        others: More of the operator's arguments.
    """
    return BashOperator(
        task_id=name,
        # exec: a signal reaches the command itself.
        bash_command=f"exec {line}",
        pool=pool,
        execution_timeout=timedelta(minutes=minutes),
        doc_md=doc or f"`{line}`",
        do_xcom_push=False,
        **others,
    )
