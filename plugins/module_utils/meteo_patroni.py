"""Patroni's REST interface, as the modules of PostgreSQL use it."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 5
RESTART_TIMEOUT_S = 180


class PatroniError(Exception):
    """What was asked of Patroni and what it answered instead."""


class Patroni:
    """One member's REST interface."""

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        self.url = url.rstrip("/")
        self.headers = {"Content-Type": "application/json"}
        if user:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"

    def call(self, method: str, path: str, body: Any = None, timeout: int = TIMEOUT_S) -> Any:
        """Return the answer, as JSON if it is any; raise PatroniError for a refusal or silence."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 (addresses of the inventory)
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            said = error.read(300).decode(errors="replace")
            raise PatroniError(f"{method} {self.url}{path} answers {error.code}: {said}") from error
        except OSError as error:
            raise PatroniError(f"{method} {self.url}{path}: {error}") from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def members(self) -> list[dict[str, Any]]:
        """Return the cluster's members as Patroni lists them."""
        return list(self.call("GET", "/cluster").get("members", []))

    def leader(self) -> str | None:
        """Return the name of the member that leads, or None while there is none."""
        for member in self.members():
            if member.get("role") in ("leader", "standby_leader") and member.get("state") == "running":
                return str(member["name"])
        return None

    def wait_for_leader(self, timeout: int) -> str:
        """Return the leader's name; raise what was found if there is none in time."""
        begin = time.monotonic()
        while True:
            try:
                name = self.leader()
                said = "no member leads"
            except PatroniError as error:
                name, said = None, str(error)
            if name:
                return name
            if time.monotonic() - begin > timeout:
                raise PatroniError(f"expected a primary within {timeout} s, found: {said}")
            time.sleep(0.5)
