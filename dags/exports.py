"""DAGs that write files for others."""

from __future__ import annotations

from airflow.sdk import DAG
from meteo_dags import command, settings

with DAG(
    "exports",
    description="CSV for people, wis2box's CSV, DAYCLI: the files of the last days, below the exports' directory",
    doc_md="""
    Writes the last days' files again, so that what came late or was corrected is in them, and DAYCLI of the month
    before once it is over. Only observations whose licence allows it; a day without any has no file. The directory,
    the stations and the number of days are settings (`[exports]`, docs/exports.md).
    """,
    **settings(schedule="45 8 * * *", minutes=120, tags=("exports",)),
):
    command("daily", "meteostream export daily", pool="warehouse", minutes=60)
