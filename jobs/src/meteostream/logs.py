"""Logs as Elastic Common Schema JSON lines, so that they need no parsing on the way to a search engine."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Final

ECS_VERSION: Final = "8.11.0"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class EcsFormatter(logging.Formatter):
    """One JSON object a record. ``extra={"labels": {...}}`` and dotted ECS names in ``extra`` are kept.

    Parameters
    ----------
    service
        ``service.name``: the unit's name.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry: dict[str, Any] = {
            "@timestamp": moment.replace("+00:00", "Z"),
            "log.level": record.levelname.lower(),
            "message": record.getMessage(),
            "ecs.version": ECS_VERSION,
            "service.name": self._service,
            "log.logger": record.name,
            "process.pid": record.process,
            "process.thread.name": record.threadName,
        }
        if record.exc_info and record.exc_info[0]:
            entry["error.type"] = record.exc_info[0].__name__
            entry["error.message"] = str(record.exc_info[1])
            entry["error.stack_trace"] = "".join(traceback.format_exception(*record.exc_info))
        entry |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return json.dumps(entry, ensure_ascii=False, default=str)


def log_to(service: str, *, level: str = "INFO", file: str | None = None, text: bool = False) -> None:
    """Send the process's log to a file or to standard error.

    Parameters
    ----------
    service
        Name of the unit.
    level
        Lowest level that is written.
    file
        Path; reopened when it was rotated away.
    text
        Plain lines for a person instead of JSON.
    """
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        handler = WatchedFileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s") if text else EcsFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("kafka").setLevel(max(logging.WARNING, root.level))
    # kafka-python warns here that SCRAM sends the password in the clear, which SCRAM exists not to do.
    logging.getLogger("kafka.net.sasl.scram").setLevel(logging.ERROR)
    logging.captureWarnings(True)
