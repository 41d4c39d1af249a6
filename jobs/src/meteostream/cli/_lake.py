"""What commands on the lake share: a session under the ETL's lock, YARN, and failures as a sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NoReturn

import click

from meteostream.cli.common import Context, fail, stop_event

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

submit_option: Final = click.option(
    "--submit", is_flag=True, help="Run on YARN, in cluster mode, and wait for the end."
)


@contextmanager
def lake_session(context: Context, name: str) -> Iterator[SparkSession]:
    """Spark for the command ``name`` (as ``etl gold``), alone with the tables that the ETL writes.

    Raises
    ------
    click.ClickException
        For every failure that is expected: of the lake, of its locks, of Kafka's or the warehouse's positions.
    """
    from pyspark.errors import PySparkException

    from meteostream.etl.errors import EtlError
    from meteostream.etl.session import etl_session
    from meteostream.lake.lock import LakeLock, LakeLockError
    from meteostream.lake.maintenance import MaintenanceError
    from meteostream.streams.positions import PositionError
    from meteostream.warehouse.gold import PublicationError

    settings = context.settings
    context.start_logging(name.replace(" ", "-"))
    lock = LakeLock(settings.lake.zookeeper, f"meteostream {name}", "etl")
    try:
        with lock.held(settings.maintenance.lock_patience_seconds):
            spark = etl_session(settings, name)
            try:
                yield spark
                lock.check()
            finally:
                spark.stop()
    except (EtlError, LakeLockError, MaintenanceError, PositionError, PublicationError) as error:
        raise fail(str(error)) from None
    except PySparkException as error:
        message = f"{name}: {str(error).splitlines()[0]}"
        raise fail(message) from error
    finally:
        lock.close()


def run_on_yarn(context: Context, arguments: Sequence[str]) -> NoReturn:
    """Run the command ``arguments`` on YARN and end as it did (:mod:`meteostream.etl.yarn`).

    Told to stop, it ends the application first; tried again, it waits for one that an earlier try left at work.
    """
    from meteostream.etl.yarn import YarnError, run

    try:
        succeeded = run(context.settings.etl, context.file, arguments, stopping=stop_event(), say=click.echo)
    except YarnError as error:
        raise fail(str(error)) from None
    if not succeeded:
        raise fail(f"{' '.join(arguments[:2])} failed on YARN; 'yarn logs -applicationId ID' has the reason")
    sys.exit(0)
