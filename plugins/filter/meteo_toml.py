"""Filter that writes settings as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

BARE = re.compile(r"[A-Za-z0-9_-]+")


def key(name: str) -> str:
    """Return a key as it may be written: bare if it can be, else quoted."""
    return name if BARE.fullmatch(name) else text(name)


def text(value: str) -> str:
    """Return a basic string; JSON's escapes are TOML's, but for DEL, which TOML forbids as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def literal(value: Any, where: str) -> str:
    """Return a value that is no table.

    What TOML has no form of is refused, with its place.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return text(str(value))
    if isinstance(value, Sequence):
        return f"[{', '.join(literal(item, where) for item in value)}]"
    raise AnsibleFilterError(
        f"{where}: expected text, a number, true or false, or a list of them, found {type(value).__name__}"
    )


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return tables and their keys as TOML; a key whose value is null is left out.

    >>> print(to_toml({"collect": {"country": "SN", "ca": None, "aviation": {"hours_back": 3.0}}}))
    [collect]
    country = "SN"
    <BLANKLINE>
    [collect.aviation]
    hours_back = 3.0
    <BLANKLINE>
    """
    lines: list[str] = []
    _table((), settings, lines)
    return "\n".join(lines)


def _table(path: tuple[str, ...], content: Mapping[str, Any], lines: list[str]) -> None:
    plain = {name: value for name, value in content.items() if not isinstance(value, Mapping)}
    tables = {name: value for name, value in content.items() if isinstance(value, Mapping)}
    if path and (plain or not tables):
        lines.append(f"[{'.'.join(key(name) for name in path)}]")
        lines += [
            f"{key(name)} = {literal(value, '.'.join((*path, name)))}"
            for name, value in plain.items()
            if value is not None
        ]
        lines.append("")
    elif plain:
        raise AnsibleFilterError(f"expected tables, found a value beside them: {', '.join(plain)}")
    for name, table in tables.items():
        _table((*path, name), table, lines)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"meteo_toml": to_toml}
