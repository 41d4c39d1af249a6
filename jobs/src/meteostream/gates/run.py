"""Running a gate: all its checks on one snapshot, the results stored, the failure told."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg2
import requests
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ
from psycopg2.extras import execute_values

from meteostream.gates.checks import Outcome, run_check
from meteostream.gates.errors import GateError
from meteostream.warehouse import marts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg2.extensions

    from meteostream.config import Gates
    from meteostream.gates.definitions import AnyCheck, Loaded

log = logging.getLogger(__name__)

MARTS: Final = "marts"
"""The gate whose verdict decides whether the marts' new version may be served."""


_UNMADE: Final = (
    psycopg2.ProgrammingError,
    psycopg2.DataError,
    psycopg2.errors.QueryCanceled,
    psycopg2.errors.ReadOnlySqlTransaction,
)
"""Errors of a check's own statement; all others (a lost connection) end the gate without a verdict."""


class Verdict(NamedTuple):
    """What a gate said.

    Attributes
    ----------
    gate, run_id
        Which, and the id of its rows in ``pipeline.gate_result``.
    outcomes
        By check, in the order of the definitions.
    reason
        Why it failed, in a sentence; None if it passed.
    """

    gate: str
    run_id: str
    outcomes: dict[str, Outcome]
    reason: str | None

    @property
    def passed(self) -> bool:
        """Whether the next layer may go on."""
        return self.reason is None


def run_gate(
    connection: psycopg2.extensions.connection,
    definitions: Loaded,
    name: str,
    counts: Mapping[str, float],
    settings: Gates,
) -> Verdict:
    """Make a gate's checks, store what they found, and tell the webhook if one failed.

    Parameters
    ----------
    connection
        As the role ``pipeline``; no transaction open.
    definitions
        All gates.
    name
        Which of them.
    counts
        Counts of the lake's layers that the caller made, by name.
    settings
        The section [gates].

    Raises
    ------
    GateError
        If there is no such gate, it knows no such count, or the marts were not built.
    """
    gate = definitions.get(name)
    unknown = sorted(set(counts) - set(gate.counts()))
    if unknown:
        raise GateError(f"gate {name}: expected counts of {', '.join(gate.counts()) or 'nothing'}, found {unknown}")
    version = marts.built_version(connection) if name == MARTS else None
    started = datetime.now(UTC)
    outcomes = _outcomes(connection, gate.checks, counts, settings.statement_seconds)
    failed = {check: outcome for check, outcome in outcomes.items() if outcome.outcome == "failed"}
    titles = {check.name: check.title for check in gate.checks}
    reason = "; ".join(f"{check} ({titles[check]}): {found.detail}" for check, found in failed.items()) or None
    verdict = Verdict(name, str(uuid.uuid4()), outcomes, reason)
    _store(connection, definitions, verdict, started, kinds={check.name: _kind(check) for check in gate.checks})
    if version is not None:
        marts.judge(connection, version, verdict.run_id, reason)
    connection.commit()
    if reason is not None and settings.webhook:
        _tell(verdict, settings)
    return verdict


def _kind(check: AnyCheck) -> str:
    return str(check.__struct_config__.tag)


def _outcomes(
    connection: psycopg2.extensions.connection,
    checks: list[AnyCheck],
    counts: Mapping[str, float],
    statement_seconds: float,
) -> dict[str, Outcome]:
    """All checks on one snapshot; a check that cannot be made has failed, and the others are made all the same."""
    connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
    found: dict[str, Outcome] = {}
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", (f"{round(statement_seconds * 1000)}ms",))
            for check in checks:
                cursor.execute("SAVEPOINT one_check")
                try:
                    found[check.name] = run_check(check, cursor, counts)
                except _UNMADE as error:
                    cursor.execute("ROLLBACK TO SAVEPOINT one_check")
                    sentence = str(error).partition("\n")[0]
                    found[check.name] = Outcome("failed", None, "a statement that can be run", sentence)
    finally:
        connection.set_session(isolation_level="default", readonly="default")
    return found


def _store(
    connection: psycopg2.extensions.connection,
    definitions: Loaded,
    verdict: Verdict,
    started: datetime,
    *,
    kinds: Mapping[str, str],
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pipeline.gate_run (run_id, gate, definitions, passed, reason, started_at) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            (verdict.run_id, verdict.gate, definitions.sha256, verdict.passed, verdict.reason, started),
        )
        execute_values(
            cursor,
            "INSERT INTO pipeline.gate_result (run_id, name, kind, outcome, measured, expected, detail) VALUES %s",
            [(verdict.run_id, check, kinds[check], *outcome) for check, outcome in verdict.outcomes.items()],
        )


def _tell(verdict: Verdict, settings: Gates) -> None:
    """Post a failure; that nobody hears it does not change the verdict."""
    failed = [
        {"check": check, "expected": outcome.expected, "found": outcome.detail}
        for check, outcome in verdict.outcomes.items()
        if outcome.outcome == "failed"
    ]
    body = {"gate": verdict.gate, "run_id": verdict.run_id, "reason": verdict.reason, "failed": failed}
    try:
        requests.post(settings.webhook, json=body, timeout=settings.webhook_seconds).raise_for_status()
    except requests.RequestException as error:
        # Its text holds the address, which may hold a secret.
        log.warning("gate %s failed and the webhook did not take the message: %s", verdict.gate, type(error).__name__)
