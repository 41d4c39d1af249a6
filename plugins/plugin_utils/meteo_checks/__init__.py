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
    """Return one text with every finding: the whole inventory's (no host) first, equal ones of hosts together."""
    hosts: dict[Finding, list[str]] = {}
    for finding in sorted(findings):
        hosts.setdefault(finding._replace(host=""), []).append(finding.host)
    lines = [f"{len(hosts)} finding{'s' if len(hosts) != 1 else ''}; nothing was changed."]
    for finding, where in hosts.items():
        lines += [
            f"{', '.join(filter(None, where)) or 'inventory'}: {finding.check}",
            f"  expected: {finding.expected}",
            f"  found:    {finding.found}",
            f"  do:       {finding.do}",
        ]
    return "\n".join(lines)
