"""What commands share: settings, signals, and the errors that are told in a sentence."""

from __future__ import annotations

import os
import signal
import socket
import threading
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Final

import click

from meteostream.alerts.errors import AlertError
from meteostream.climate.errors import ClimateError
from meteostream.config import ConfigError, Settings, load_settings, settings_file
from meteostream.contract import ContractError
from meteostream.contract.report import STATION
from meteostream.export.errors import ExportError
from meteostream.gates.errors import GateError
from meteostream.logs import log_to
from meteostream.outbox import Outbox, OutboxError, open_journal
from meteostream.qc import RulesetError
from meteostream.quarantine import QuarantineError
from meteostream.registry import RegistryError, load_registry
from meteostream.sources.errors import SourceError
from meteostream.warehouse.errors import WarehouseError

EXPECTED: Final = (
    AlertError,
    ClimateError,
    ConfigError,
    ContractError,
    ExportError,
    GateError,
    OutboxError,
    QuarantineError,
    RegistryError,
    RulesetError,
    SourceError,
    WarehouseError,
)
"""Failures whose message is for the person at the keyboard."""


class Context:
    """What the group hands to a command (``@click.pass_obj``). Pure commands never touch ``settings``.

    Parameters
    ----------
    file
        Value of ``--config``.
    """

    def __init__(self, file: str | None) -> None:
        self._file = file

    @property
    def file(self) -> Path:
        """The file of settings, whether it is there or not."""
        return settings_file(self._file).resolve()

    @cached_property
    def settings(self) -> Settings:
        """The settings, read at first use."""
        return load_settings(settings_file(self._file))

    def start_logging(self, service: str) -> None:
        """Log as a service: ECS JSON to where the settings say."""
        log_to(service, level=self.settings.logging.level, file=self.settings.logging.file)


def stop_event() -> threading.Event:
    """An event that SIGTERM and SIGINT set, so that a service can finish what it has begun."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping


def notify(state: str) -> None:
    """Tell systemd, if it asked (sd_notify(3)); nothing happens under anything else."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.send(state.encode())


def open_outbox(settings: Settings, name: str) -> Outbox:
    """The outbox of a service, below ``[outbox] directory``, as the settings want it."""
    return open_journal(settings.outbox, name)


def station_id(name: str) -> str:
    """Identifier of a station by any of its names; one that is an identifier already need not be registered."""
    return name if STATION.fullmatch(name) else load_registry().resolve(name).wigos_id


def table(rows: list[list[str]], header: list[str]) -> str:
    """Columns for a terminal.

    >>> print(table([["a", "1"], ["bcd", "2"]], ["name", "n"]))
    name  n
    a     1
    bcd   2
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )
    return "\n".join(lines)


def fail(message: str) -> click.ClickException:
    """An error of a command, to be raised."""
    return click.ClickException(message)
