"""DAGs that look after the stores: the lake's files, dead letters, silent stations, Airflow's own tables."""

from __future__ import annotations

from airflow.sdk import DAG
from meteo_dags import command, settings

with DAG(
    "lake_maintenance",
    description="Fewer and larger files, old snapshots, files that no table knows, a copy of the checkpoints",
    doc_md="""
    Every step takes the lake's lock, which the stream's appends take too: they wait for each other for a moment.
    Snapshots of the last days stay, so that a table can be read as it was.
    """,
    **settings(schedule="40 2 * * *", minutes=300, tags=("maintenance", "yarn")),
):
    copies = command("checkpoints", "meteostream maintain checkpoints --submit", pool="yarn", minutes=30)
    compact = command("compact", "meteostream maintain compact --submit", pool="yarn", minutes=120)
    expire = command("expire", "meteostream maintain expire --submit", pool="yarn", minutes=60)
    orphans = command("orphans", "meteostream maintain orphans --submit", pool="yarn", minutes=60)
    copies >> compact >> expire >> orphans

with DAG(
    "daily_reports",
    description="Dead letters of the day, stations that are silent, hours of the ledger",
    doc_md="""
    Fails if a station has been silent for longer than it may be (the log names it), so that somebody looks.
    The reports do not wait for each other.
    """,
    **settings(schedule="10 6 * * *", minutes=60, tags=("maintenance",)),
):
    command("dead_letters", "meteostream deadletters list", pool="warehouse", minutes=15)
    command("freshness", "meteostream gate freshness", pool="warehouse", minutes=15, retries=1)
    command("ledger", "meteostream ledger check", pool="warehouse", minutes=30, retries=1)

with DAG(
    "airflow_cleanup",
    description="Runs and logs of Airflow's own database that are older than 90 days",
    doc_md="Keeps Airflow's tables bounded. The logs of tasks on the workers' disks have their own age.",
    **settings(schedule="55 1 * * 0", minutes=120, tags=("maintenance",)),
):
    command(
        "clean",
        # run_after: a run by hand has no logical date.
        "airflow db clean --yes --skip-archive --clean-before-timestamp "
        "{{ macros.ds_add(dag_run.run_after | ds, -90) }}",
        pool="warehouse",
        minutes=60,
    )
