"""DAGs of the batch: from the lake's bronze to gold, through gates into the marts."""

from __future__ import annotations

from airflow.sdk import DAG, Param, TaskGroup
from meteo_dags import command, settings

DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "maxLength": 10}
"""A day and nothing else: it stands on a command line."""

with DAG(
    "lake_to_marts",
    description="Bronze to silver to gold on YARN, then gates and marts",
    doc_md="""
    **silver**: every event once. **gold**: the hours, days, dekads and months that new, corrected or decided values
    concern, and no others. **publish**: the lake's gold into the warehouse. **gates**: data tests between the layers; a
    gate that fails stops here, says why in its log and in the table of results, and what was published last stays as it
    is. **climate**: seasons, indices and records of all days, each change a new version. **marts**: built and tested by
    dbt beside what is served, judged by their gate, then served in one step.

    Each step takes up where its last run ended: nothing is lost if runs fail for a while.
    """,
    **settings(schedule="25 * * * *", minutes=180, tags=("etl", "yarn")),
):
    with TaskGroup("lake") as lake:
        silver = command("silver", "meteostream etl silver --submit", pool="yarn", minutes=60)
        check_silver = command("gate_silver", "meteostream gate silver", pool="warehouse", minutes=10, retries=1)
        gold = command("gold", "meteostream etl gold --submit", pool="yarn", minutes=90)
        publish = command("publish", "meteostream etl publish --submit", pool="yarn", minutes=60)
        check_gold = command("gate_gold", "meteostream gate gold", pool="warehouse", minutes=10, retries=1)
        silver >> check_silver >> gold >> publish >> check_gold
    with TaskGroup("climate") as climate:
        command("products", "meteostream climate compute", pool="warehouse", minutes=60)
    with TaskGroup("marts") as marts:
        build = command("build", "meteostream marts build", pool="warehouse", minutes=60)
        check_marts = command("gate_marts", "meteostream gate marts", pool="warehouse", minutes=10, retries=1)
        serve = command("serve", "meteostream marts publish", pool="warehouse", minutes=10)
        build >> check_marts >> serve
    lake >> climate >> marts

with DAG(
    "backfill",
    description="Compute gold anew for a range of days",
    doc_md="""
    By hand, with a first and a last day. Parts that are done stay done: a run that was interrupted is tried again and
    goes on. The result is the same as if every value had been there from the beginning.
    """,
    params={
        "first": Param("2026-01-01", title="First day", description="UTC, such as 2026-01-31", **DAY),
        "last": Param("2026-01-01", title="Last day", description="UTC, included", **DAY),
    },
    **settings(schedule=None, minutes=2880, tags=("etl", "yarn")),
):
    compute = command(
        "gold",
        # Under one name a run that is tried again goes on where it stopped.
        "meteostream etl backfill --from {{ params.first }} --to {{ params.last }} --name {{ run_id }} --submit",
        pool="yarn",
        minutes=1440,
    )
    to_warehouse = command("publish", "meteostream etl publish --submit", pool="yarn", minutes=120)
    verify = command("gate_gold", "meteostream gate gold", pool="warehouse", minutes=10, retries=1)
    climate_products = command("climate", "meteostream climate compute", pool="warehouse", minutes=120)
    build = command("build", "meteostream marts build", pool="warehouse", minutes=120)
    check_marts = command("gate_marts", "meteostream gate marts", pool="warehouse", minutes=10, retries=1)
    serve = command("serve", "meteostream marts publish", pool="warehouse", minutes=10)
    compute >> to_warehouse >> verify >> climate_products >> build >> check_marts >> serve
