"""How a check is made: one read of the warehouse, one outcome."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from psycopg2 import sql

from meteostream.gates.definitions import Check, Freshness, Range, Referential, Schema, Volume

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg2.extensions

SHOWN: Final = 5
"""Rows of a failed check that its message shows."""


class Outcome(NamedTuple):
    """What a check found.

    Attributes
    ----------
    measured
        Its number: rows, hours, columns; None if it was skipped.
    expected
        What would have passed.
    detail
        What was found, for a person.
    """

    outcome: Literal["passed", "failed", "skipped"]
    measured: float | None
    expected: str
    detail: str


@singledispatch
def run_check(check: Check, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    """Make a check.

    Parameters
    ----------
    check
        One of a gate's.
    cursor
        Within a read-only transaction.
    counts
        What the command line gave, by name.
    """
    del cursor, counts
    raise TypeError(f"expected a known kind of check, found {type(check).__name__}")


def _judge(passed: bool, measured: float, expected: str, detail: str) -> Outcome:
    return Outcome("passed" if passed else "failed", measured, expected, detail)


@run_check.register(Schema)
def _(check: Schema, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    del counts
    cursor.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (check.relation,),
    )
    found = dict(cursor.fetchall())
    wrong = [
        f"{name} {found.get(name, 'is missing')}" for name, kind in check.columns.items() if found.get(name) != kind
    ]
    detail = f"{check.relation}: {', '.join(wrong) or 'as expected'}" if found else f"{check.relation} is missing"
    wanted = ", ".join(f"{name} {kind}" for name, kind in check.columns.items())
    return _judge(not wrong, len(check.columns) - len(wrong), wanted, detail)


@run_check.register(Volume)
def _(check: Volume, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    absent = [name for name in check.counts() if name not in counts]
    if absent:
        return Outcome("skipped", None, f"counts {', '.join(check.counts())}", f"not given: {', '.join(absent)}")
    measured = _number(cursor, check.measured, check.measured_count, counts)
    there = check.expected_where is None or _exists(cursor, check.expected_where)
    expected = _number(cursor, check.expected, check.expected_count, counts) if there else 0.0
    low = check.least * expected
    high = math.inf if math.isinf(check.most) else check.most * expected  # inf * 0 is no number
    wanted = f"{low:.15g}" if low == high else f"{low:.15g} to {high:.15g}"
    return _judge(low <= measured <= high, measured, wanted, f"{measured:.15g}, expected {wanted}")


def _exists(cursor: psycopg2.extensions.cursor, relation: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (relation,))
    return cursor.fetchone() == (True,)


def _number(
    cursor: psycopg2.extensions.cursor, query: str | None, count: str | None, counts: Mapping[str, float]
) -> float:
    if count is not None:
        return counts[count]
    cursor.execute(query or "")
    row = cursor.fetchone()
    return float(row[0] or 0) if row else 0.0


@run_check.register(Freshness)
def _(check: Freshness, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    del counts
    cursor.execute(check.rows)
    rows = [(str(what), float(hours)) for what, hours in cursor.fetchall()]
    late = sorted(((hours, what) for what, hours in rows if hours > check.most_hours), reverse=True)
    detail = _some([f"{what} is {hours:.1f} h behind" for hours, what in late]) if late else f"{len(rows)} in time"
    most = max((hours for _, hours in rows), default=0.0)
    return _judge(not late, most, f"at most {check.most_hours:g} h behind", detail)


@run_check.register(Referential)
def _(check: Referential, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    del counts
    cursor.execute(
        sql.SQL(
            "SELECT f.{column}, count(*) FROM {relation} AS f WHERE f.{column} IS NOT NULL AND ({where}) "
            "AND NOT EXISTS (SELECT FROM {to} AS t WHERE t.{to_column} = f.{column}) GROUP BY 1 ORDER BY 2 DESC, 1"
        ).format(
            column=sql.Identifier(check.column),
            relation=sql.Identifier(*check.relation.split(".")),
            where=sql.SQL(check.where),
            to=sql.Identifier(*check.to.split(".")),
            to_column=sql.Identifier(check.to_column),
        )
    )
    rows = cursor.fetchall()
    orphans = sum(count for _, count in rows)
    found = _some([f"{value} ({count} rows)" for value, count in rows])
    detail = f"not in {check.to}.{check.to_column}: {found}" if rows else f"all in {check.to}"
    return _judge(not rows, orphans, "no row without a partner", detail)


@run_check.register(Range)
def _(check: Range, cursor: psycopg2.extensions.cursor, counts: Mapping[str, float]) -> Outcome:
    del counts
    cursor.execute(check.violations)
    names = [column.name for column in cursor.description or ()]
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    shown = [" ".join(f"{name}={value}" for name, value in zip(names, row, strict=True)) for row in rows]
    return _judge(not rows, len(rows), "no rows", _some(shown) if rows else "none")


def _some(texts: list[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more
