"""DAGs that collect: from the network, one a source, each within the limits of its service (its pool); from people.

Those that need the internet, and perhaps a key, are paused when they are new.
"""

from __future__ import annotations

from airflow.sdk import DAG, TaskGroup
from meteo_dags import NETWORK, command, settings

OBSERVATIONS = {
    # source: (pool, schedule, what it is)
    "metar": ("aviationweather", "5,35 * * * *", "METAR and SPECI of our airports, aviationweather.gov"),
}
ASKED_FIRST = {
    # Sources that somebody has to decide on first: their DAGs are made paused.
    "synop": ("12 */3 * * *", "SYNOP of our synoptic stations, as Ogimet has them", "Ogimet's terms allow it"),
    "bufr": ("28 * * * *", "BUFR that a WIS2 node has published", "[collect.wis2] names a node"),
}
FORECASTS = {
    "taf": ("aviationweather", "20 * * * *", "TAF of our airports, aviationweather.gov"),
    "open-meteo": ("open_meteo", "50 */6 * * *", "Forecasts for our stations, Open-Meteo"),
    "open-meteo-archive": ("open_meteo", "30 4 * * *", "Reanalysis for our stations, Open-Meteo"),
}
ARCHIVES = ("noaa-ghcnh", "noaa-isd", "noaa-gsod")

for source, (pool, schedule, title) in OBSERVATIONS.items():
    with DAG(
        f"collect_{source.replace('-', '_')}",
        description=title,
        doc_md=f"""
        {title}. Asks for what is missing since the last run that came whole, sends it through the outbox to Kafka, and
        says which stations have been silent. Without a network it says so, and the next run asks for what was missed.
        """,
        **settings(schedule=schedule, minutes=45, tags=("collect",), **NETWORK),
    ):
        command("collect", f"meteostream collect {source}", pool=pool, minutes=10)

for source, (schedule, title, condition) in ASKED_FIRST.items():
    with DAG(
        f"collect_{source}",
        description=title,
        doc_md=f"""
        {title}. Paused at first: unpause it when {condition}. Otherwise as the METARs' DAG: it asks for what is missing
        since the last run that came whole; without a network it says so, and the next run asks for what was missed.
        """,
        **settings(schedule=schedule, minutes=60, tags=("collect",), **NETWORK),
    ):
        command("collect", f"meteostream collect {source}", pool="bulletins", minutes=15)

with DAG(
    "collect_declared",
    description="Sources that the operator has declared: pages, files and coded reports over HTTP",
    doc_md="""
    Asks each source that is declared in `[collect] sources`, one after another; a failure of one keeps no other from
    its turn. A page whose owner's permission is not recorded is off, which is said and is no failure.
    """,
    **settings(schedule="43 * * * *", minutes=90, tags=("collect",)),
):
    command("collect", "meteostream collect --declared", pool="bulletins", minutes=25)

for source, (pool, schedule, title) in FORECASTS.items():
    with DAG(
        f"collect_{source.replace('-', '_')}",
        description=title,
        doc_md=f"""
        {title}. Forecasts and reanalysis are no observations: they go to the topic `weather.forecasts`, and from there
        into a table of their own.
        """,
        **settings(schedule=schedule, minutes=90, tags=("collect", "forecasts"), **NETWORK),
    ):
        collect = command("collect", f"meteostream collect {source}", pool=pool, minutes=20)
        store = command("store", "meteostream forecasts store", pool="warehouse", minutes=15)
        collect >> store

with DAG(
    "collect_noaa",
    description="Archives of NOAA (GHCNh, ISD, GSOD) into the drop folder, and from there to Kafka",
    doc_md="""
    Brings each archive's files that changed into the drop folder, then loads what lies there. Archives come late and
    are corrected: what is known already is not sent again.
    """,
    **settings(schedule="15 3 * * 0", minutes=600, tags=("collect", "archives"), **NETWORK),
):
    with TaskGroup("fetch") as fetch:
        for archive in ARCHIVES:
            command(archive, f"meteostream collect {archive}", pool="noaa", minutes=180)
    load = command("load", "meteostream dropfolder", pool="files", minutes=180)
    fetch >> load

with DAG(
    "drop_folder",
    description="Files that people and loggers put into the drop folder",
    doc_md="""
    Tries each file out, sends what is right, and lays a report in French and English beside what is refused. Files that
    are still being written are left alone.
    """,
    **settings(schedule="*/10 * * * *", minutes=60, tags=("collect", "files")),
):
    command("load", "meteostream dropfolder", pool="files", minutes=30)
