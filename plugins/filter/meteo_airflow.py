"""Filter that makes the key of Airflow's stored connections from a secret of the vault."""

from __future__ import annotations

import base64
import hashlib
from typing import Any


def fernet_key(secret: str) -> str:
    """Return the key that Fernet takes, 32 bytes in URL-safe base64, always the same for the same secret.

    >>> fernet_key("0123456789abcdefghijklmnopqrstuv")
    '4cxI-YwLgZEmjaoZn83mvNgoBAPVRFdhUQhgdig0V-k='
    """
    return base64.urlsafe_b64encode(hashlib.sha256(f"fernet|{secret}".encode()).digest()).decode()


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"meteo_fernet_key": fernet_key}
