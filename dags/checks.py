"""DAGs that show that the platform works: a report all the way through, and a job on YARN."""

from __future__ import annotations

from airflow.sdk import DAG
from meteo_dags import command, settings

ONE_TRY = {"retries": 0}
# Deployments run them, also where all other DAGs are held.
READY = {"is_paused_upon_creation": False}

with DAG(
    "platform_check",
    description="One simulated report from the worker through Kafka into the warehouse, and back",
    doc_md="""
    A task on a worker sends one simulated report (station `0-0-0-SIMCHECK`) and waits until it can be read in the
    warehouse. `./meteo check` runs this DAG, and so does every deployment that changed a worker.
    """,
    **settings(schedule=None, minutes=10, tags=("check",), **READY),
):
    command("report", "meteostream check --no-lake --timeout 150", pool="warehouse", minutes=5, **ONE_TRY)

with DAG(
    "yarn_check",
    description="A small Spark job in YARN's containers, Parquet to HDFS and back",
    doc_md="""
    Submits Spark's check to YARN in cluster mode, as the ETL is submitted: the driver runs in a container, computes in
    Python on an executor, writes to HDFS, reads it back and compares. The job's own log: `yarn logs -applicationId ID`.
    """,
    **settings(schedule=None, minutes=20, tags=("check", "yarn"), **READY),
):
    command(
        "spark",
        "spark-submit --master yarn --deploy-mode cluster --name yarn_check /etc/spark/check.py "
        "hdfs://meteo/tmp/yarn-check-{{ run_id | replace(':', '-') | replace('+', '-') }}",
        pool="yarn",
        minutes=10,
        **ONE_TRY,
    )
