"""Filter that computes the firewall from the table of ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def open_ports(ports: Mapping[str, Mapping[str, Any]], local_daemons: Iterable[str]) -> dict[str, list[str]]:
    """Return who may reach which ports of a host: `cluster` and `operators`, each to ports as nft writes them.

    A port belongs to a host if one of its daemons runs there; ports that are open to `node` need no rule.

    >>> open_ports({"a": {"port": 10, "daemon": "x", "open_to": "cluster"},
    ...             "b": {"port": 20, "count": 5, "daemon": ["y", "x"], "open_to": "operators"},
    ...             "c": {"port": 30, "daemon": "z", "open_to": "cluster"}}, ["x"])
    {'cluster': ['10'], 'operators': ['20-24']}
    """
    local = set(local_daemons)
    result: dict[str, list[tuple[int, int]]] = {"cluster": [], "operators": []}
    for port in ports.values():
        daemons = {port["daemon"]} if isinstance(port["daemon"], str) else set(port["daemon"])
        if daemons & local and port["open_to"] in result:
            first = int(port["port"])
            result[port["open_to"]].append((first, first + int(port.get("count", 1)) - 1))
    return {
        who: [str(first) if first == last else f"{first}-{last}" for first, last in sorted(set(ranges))]
        for who, ranges in result.items()
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"meteo_open_ports": open_ports}
