"""Running dbt: its own environment and program, our project, the settings as variables of the environment."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from meteostream.warehouse.errors import MartsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from meteostream.config import Marts, Warehouse

PASSED: Final = frozenset({"success", "pass", "skipped", "no-op"})
"""States of a node of dbt's that is no failure; what is skipped waits for another one that failed."""
SHOWN: Final = 5
_LEFT_OUT: Final = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
"""Of our own environment: dbt's libraries do not go with ours."""


def project() -> Path:
    """Folder of the dbt project, which is part of this package."""
    with as_file(files(__package__).joinpath("project")) as folder:
        return folder


def environment(warehouse: Warehouse, settings: Marts, schema: str) -> dict[str, str]:
    """Variables that dbt is started with; its profile reads them, so that the password stands in no file.

    Parameters
    ----------
    schema
        Where the marts are.
    """
    folder = Path(settings.directory)
    return {name: value for name, value in os.environ.items() if name not in _LEFT_OUT} | {
        "METEO_DBT_HOST": ",".join(warehouse.hosts),
        "METEO_DBT_PORT": str(warehouse.port),
        "METEO_DBT_USER": warehouse.user,
        "METEO_DBT_DATABASE": warehouse.database,
        "METEO_DBT_SCHEMA": schema,
        "METEO_DBT_THREADS": str(settings.threads),
        "DBT_ENV_SECRET_PASSWORD": warehouse.password,  # dbt hides the values of such names
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_PROJECT_DIR": str(project()),
        "DBT_PROFILES_DIR": str(project()),
        # libpq's own: the host that accepts writes, times in UTC.
        "PGTARGETSESSIONATTRS": "read-write",
        "PGOPTIONS": "-c timezone=UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def variables(settings: Marts, version: int, as_of: str = "") -> dict[str, Any]:
    """Variables of the project (``--vars``).

    Parameters
    ----------
    version
        Number of the marts' version.
    as_of
        A time, RFC 3339, instead of now.
    """
    return {
        "version": version,
        "as_of": as_of,
        "rainy_day_mm": settings.rainy_day_mm,
        "latest_days": settings.latest_days,
        "timeliness_days": settings.timeliness_days,
        "silent_hours": settings.silent_hours,
    }


def run_dbt(
    warehouse: Warehouse, settings: Marts, schema: str, command: list[str], given: Mapping[str, Any]
) -> str | None:
    """Run a command of dbt; give None, or why it failed in a sentence. Its output goes where ours goes.

    Raises
    ------
    MartsError
        If the program or its folder is not there, or it took too long.
    """
    folder = Path(settings.directory)
    results = folder / "target" / "run_results.json"
    line = [settings.dbt, "--no-use-colors", *command, "--vars", json.dumps(dict(given))]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        results.unlink(missing_ok=True)
        done = subprocess.run(  # noqa: S603 - a list of arguments, no shell; the program is the operator's setting
            line,
            env=environment(warehouse, settings, schema),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            timeout=settings.build_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MartsError(f"dbt {command[0]}: expected an end within {settings.build_seconds:g} s, found none") from None
    except OSError as error:
        raise MartsError(
            f"dbt: expected the program {settings.dbt} and the folder {folder}: {error}; "
            "the bundle dbt has the program, [marts] names both"
        ) from None
    if done.returncode == 0:
        return None
    return _failures(results) or f"dbt {command[0]} ended with {done.returncode}; its log is in {folder / 'logs'}"


def _failures(results: Path) -> str | None:
    """What failed, from dbt's own results."""
    try:
        found = json.loads(results.read_text("utf-8"))["results"]
    except (OSError, ValueError, KeyError):
        return None
    failed = [
        f"{one['unique_id'].split('.')[2]}: {' '.join(str(one['message']).split())}"
        for one in found
        if one["status"] not in PASSED
    ]
    more = f" and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
    return ("; ".join(failed[:SHOWN]) + more) or None
