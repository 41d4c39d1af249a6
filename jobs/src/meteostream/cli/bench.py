"""``meteostream bench``: sustained rates of the streams on this machine."""

from __future__ import annotations

import json

import click

from meteostream.cli.common import Context, fail, table

PARTS = ("null", "warehouse", "lake", "both")


@click.group(invoke_without_command=True)
@click.option("--reports", default=600_000, show_default=True, help="How many, in a topic of their own.")
@click.option("--batch", default=50_000, show_default=True, help="Reports a batch of the null sink and the warehouse.")
@click.option("--lake-batch", default=200_000, show_default=True, help="Reports a batch of the lake: few, large files.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Only this; may be given again.")
@click.option("--master", default="local[2]", show_default=True, help="Where Spark runs.")
@click.option("--driver-memory", default="1g", show_default=True, help="Heap of this driver.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.pass_obj
def command(
    context: Context,
    *,
    reports: int,
    batch: int,
    lake_batch: int,
    parts: tuple[str, ...],
    master: str,
    driver_memory: str,
    as_json: bool,
) -> None:
    """Measure reports a second: null sink, stream to the warehouse, stream to the lake, both at once; or `bench etl`.

    The null sink reads, validates and identifies as the streams do, and writes nothing: a stream's ratio to it says
    what its store costs. The reports go to a topic, a query name and a lake table of the bench's own; warehouse rows
    (source 'bench', simulated) are removed afterwards. The platform's own streams go on meanwhile.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    from meteostream.streams.bench import BenchError, Plan, measure

    if reports < 3 * max(batch, lake_batch):
        raise click.UsageError(f"expected at least three batches: --reports {3 * max(batch, lake_batch)}")
    plan = Plan(reports, batch, lake_batch, parts=parts or PARTS, master=master, driver_memory=driver_memory)
    try:
        sustained = measure(context.settings, plan)
    except BenchError as error:
        raise fail(str(error)) from None
    if as_json:
        sizes = {"reports": reports, "batch": batch, "lake_batch": lake_batch}
        click.echo(json.dumps({"sustained": sustained, **sizes, "master": master}))
        return
    null = sustained.get("null")
    rows = [[part, f"{rate:,.0f}", f"{rate / null:.2f}" if null else ""] for part, rate in sustained.items()]
    click.echo(table(rows, ["query", "reports/s", "of the null sink"]))


@command.command("etl")
@click.option("--stations", default=500, show_default=True, help="Stations, made up.")
@click.option("--years", default=10, show_default=True, help="Years of hours of each.")
@click.option("--cores", default=2, show_default=True, help="Cores of both engines.")
@click.option("--driver-memory", default="2g", show_default=True, help="Heap of this driver.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def etl(*, stations: int, years: int, cores: int, driver_memory: str, as_json: bool) -> None:
    """Measure the ETL's computing beside DuckDB: hours to climatological days and months, on one Parquet file.

    Needs no platform. Both engines must give the same rows.
    """
    from meteostream.etl.bench import MOST_OF_DUCKDB, BenchError, Plan, measure

    try:
        found = measure(Plan(stations, years, cores, driver_memory))
    except BenchError as error:
        raise fail(str(error)) from None
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(
        table(
            [
                ["Spark, first run", f"{found['spark_cold_s']:.1f}", ""],
                ["Spark", f"{found['spark_s']:.1f}", f"{found['ratio']:.2f} (goal: at most {MOST_OF_DUCKDB})"],
                ["DuckDB", f"{found['duckdb_s']:.1f}", "1"],
            ],
            [f"{found['rows']:,.0f} hours", "seconds", "of DuckDB"],
        )
    )
