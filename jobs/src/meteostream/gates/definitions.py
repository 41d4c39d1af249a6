"""What each gate tests: a checked TOML file.

A check is one of five kinds. ``schema``: a relation has these columns. ``volume``: a count against what it should be.
``freshness``: how far something is behind. ``referential``: rows without a partner. ``range``: rows that break a rule.
Statements only read: each gate runs in a read-only transaction.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

import msgspec

from meteostream.gates.errors import GateError
from meteostream.shipped import decode_definitions, read_definitions

SHIPPED: Final = "gates.toml"

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Relation = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]+\.[a-z_]+$")]
Query = Annotated[str, msgspec.Meta(pattern=r"^\s*(SELECT|WITH)\b")]


class Check(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all checks have: a name, and a sentence for whoever reads that it failed."""

    name: Name
    title: str


class Schema(Check, frozen=True, tag="schema", kw_only=True):
    """A relation has at least these columns, of these types (as PostgreSQL's format_type names them)."""

    relation: Relation
    columns: dict[str, str]


class Volume(Check, frozen=True, tag="volume", kw_only=True):
    """``measured`` lies between ``least`` and ``most`` times ``expected``.

    Both are statements that give one number, or names of counts that the command line gives; a check whose counts
    were not given is skipped. While ``expected_where`` names a relation that is not there, nothing is expected.
    """

    measured: Query | None = None
    measured_count: Name | None = None
    expected: Query | None = None
    expected_count: Name | None = None
    expected_where: Relation | None = None
    least: float = 1.0
    most: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        for what in ("measured", "expected"):
            if (getattr(self, what) is None) == (getattr(self, f"{what}_count") is None):
                raise ValueError(f"expected either {what} or {what}_count")
        if not 0 <= self.least <= self.most:
            raise ValueError("expected 0 <= least <= most")

    def counts(self) -> list[str]:
        """Names of the counts that the command line must give."""
        return [name for name in (self.measured_count, self.expected_count) if name is not None]


class Freshness(Check, frozen=True, tag="freshness", kw_only=True):
    """No row of ``rows`` (what, hours behind) is more than ``most_hours`` behind."""

    rows: Query
    most_hours: float


class Referential(Check, frozen=True, tag="referential", kw_only=True):
    """Every value of ``column`` stands in ``to_column`` of another relation; ``where`` restricts the rows."""

    relation: Relation
    column: str
    to: Relation
    to_column: str
    where: str = "true"


class Range(Check, frozen=True, tag="range", kw_only=True):
    """``violations`` gives no rows. Its first columns are shown."""

    violations: Query


AnyCheck = Schema | Volume | Freshness | Referential | Range


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One gate: what it guards, and its checks."""

    title: str
    checks: list[AnyCheck]

    def counts(self) -> list[str]:
        """Names of all counts that its checks know."""
        return sorted({name for check in self.checks if isinstance(check, Volume) for name in check.counts()})


class Definitions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    gates: dict[Name, Gate]


class Loaded(msgspec.Struct, frozen=True):
    """Definitions, and the SHA-256 (hex) of the file they were read from."""

    gates: dict[str, Gate]
    sha256: str

    def get(self, name: str) -> Gate:
        """One gate.

        Raises
        ------
        GateError
            If there is none of that name.
        """
        try:
            return self.gates[name]
        except KeyError:
            raise GateError(f"gate {name!r}: expected one of {', '.join(sorted(self.gates))}") from None


def load_definitions(path: str | None = None) -> Loaded:
    """Definitions of a file, or the shipped ones.

    Raises
    ------
    GateError
        Naming the place in the file and what is wrong there.
    """
    text = read_definitions(__package__, SHIPPED, path, "a file of gates", GateError)
    return parse_definitions(text, path or SHIPPED)


def parse_definitions(text: str, origin: str) -> Loaded:
    """Read and check; ``origin`` names the file in errors."""
    found = decode_definitions(text, Definitions, origin, GateError)
    for name, gate in found.gates.items():
        names = [check.name for check in gate.checks]
        twice = sorted({check for check in names if names.count(check) > 1})
        if not names or twice:
            raise GateError(f"{origin}: gate {name}: expected checks, each name once, found {twice or 'none'}")
        for check in gate.checks:
            if isinstance(check, Referential) and re.search(r";|--", check.where):
                raise GateError(f"{origin}: gate {name}: {check.name}: where: expected one condition")
    return Loaded(gates=dict(found.gates), sha256=hashlib.sha256(text.encode()).hexdigest())
