"""Filters that give the observers of the inventory their tokens."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

PREFIX = "secret_intake_observer_"
IGNORED = re.compile(r"[\s-]")
KEY = re.compile(r"[a-z][a-z0-9_]*")


def observer_secrets(observers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the vault's secrets for observers: name to what `./meteo credentials` shows. One a person.

    >>> observer_secrets({"awa": {"name": "Awa Ndiaye", "stations": ["Thiès"]}})
    {'secret_intake_observer_awa': {'service': 'Intake, rain of Awa Ndiaye', 'user': 'awa', 'port': 'intake'}}
    """
    for key, observer in observers.items():
        if not KEY.fullmatch(key) or not observer.get("name") or not observer.get("stations"):
            raise AnsibleFilterError(
                f"pipeline_intake_observers, {key}: expected a key of small letters, digits and _, with a name and "
                "stations, found something else"
            )
    return {
        f"{PREFIX}{key}": {"service": f"Intake, rain of {observer['name']}", "user": key, "port": "intake"}
        for key, observer in observers.items()
    }


def token_digest(token: str) -> str:
    """Return what the intake keeps of a token, however people type it: case, spaces and hyphens do not matter.

    >>> token_digest("A-BC")
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    """
    return hashlib.sha256(IGNORED.sub("", token).lower().encode()).hexdigest()


def observers(people: Mapping[str, Mapping[str, Any]], tokens: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the observers as the intake's settings have them; `tokens` are in their order.

    >>> observers({"awa": {"name": "Awa", "stations": ["Thiès"]}}, ["abc"])["awa"]["token_sha256"][:8]
    'ba7816bf'
    """
    return {
        key: {**person, "token_sha256": token_digest(token)}
        for (key, person), token in zip(people.items(), tokens, strict=True)
    }


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {
            "meteo_observer_secrets": observer_secrets,
            "meteo_observers": observers,
            "meteo_token_digest": token_digest,
        }
