"""What is checked before anything changes: pure functions, which `meteo_validate` and `meteo_preflight` call.

`variables` checks what the inventory sets against the roles' argument_specs, `inventory` the shape of the whole
platform, `machine` what one machine is like against what is planned for it.
"""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One reason to refuse: where, what was checked, what was expected, what was found, what to do."""

    host: str
    check: str
    expected: str
    found: str
    do: str


def report(findings: list[Finding]) -> str:
    """Return one text with every finding, those of the whole inventory (no host) first."""
    lines = [f"{len(findings)} finding{'s' if len(findings) != 1 else ''}; nothing was changed."]
    for finding in sorted(findings):
        lines += [
            f"{finding.host or 'inventory'}: {finding.check}",
            f"  expected: {finding.expected}",
            f"  found:    {finding.found}",
            f"  do:       {finding.do}",
        ]
    return "\n".join(lines)
