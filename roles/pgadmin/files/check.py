"""Log in to pgAdmin as a person does, open each preloaded server without a password, and print its databases.

check-pgadmin.py URL SETTINGS.json; standard library only. SETTINGS.json is that of provision-pgadmin.py.
"""

from __future__ import annotations

import http.cookiejar
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT_S = 30
EMPTY = 410
"""What pgAdmin answers when there is nothing below a place of its tree."""
TOKEN = re.compile(r"""csrf_?token["']?\]?\s*[:=]\s*["']([^"']+)["']""", re.IGNORECASE)


class Session:
    """A browser's session: cookies, and the token that each request needs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        self.token = ""

    def ask(self, path: str, form: dict[str, str] | None = None) -> str:
        """Return the answer's text; what is refused says so."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.url + path, data=data)  # noqa: S310 (the role's own address)
        request.add_header("X-pgA-CSRFToken", self.token)
        try:
            with self.opener.open(request, timeout=TIMEOUT_S) as answer:
                text: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            if error.code == EMPTY:
                return '{"data": []}'
            said = error.read(500).decode(errors="replace")
            raise SystemExit(f"expected {path} to answer, found {error.code}: {said}") from error
        if found := TOKEN.search(text):
            self.token = found[1]
        return text

    def nodes(self, path: str) -> list[dict[str, Any]]:
        """Return the nodes of pgAdmin's tree below a path."""
        answer = json.loads(self.ask(path))
        return list(answer.get("data") or answer.get("result") or [])


def main(url: str, path: str) -> int:
    """Do all of it."""
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    session = Session(url)
    session.ask("/login")
    account = {"email": wanted["email"], "password": wanted["password"], "csrf_token": session.token}
    session.ask("/authenticate/login", account | {"internal_button": "Login"})
    session.ask("/browser/js/utils.js")
    found = {}
    for group in session.nodes("/browser/server_group/nodes/"):
        for server in session.nodes(f"/browser/server/nodes/{group['_id']}/"):
            if server["label"] not in wanted["servers"]:
                continue
            place = f"{group['_id']}/{server['_id']}"
            connected = json.loads(session.ask(f"/browser/server/connect/{place}", {}))
            if not connected["data"].get("connected"):
                raise SystemExit(f"expected {server['label']} to open without a password, found: {connected['info']}")
            found[server["label"]] = [node["label"] for node in session.nodes(f"/browser/database/nodes/{place}/")]
    missing = sorted(set(wanted["servers"]) - set(found))
    if missing:
        raise SystemExit(f"expected the servers {missing} in the list of {wanted['email']}, found none of these names")
    for name, databases in found.items():
        print(f"{name}: {', '.join(databases)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
