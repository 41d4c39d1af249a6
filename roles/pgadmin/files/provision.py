"""Bring pgAdmin's own database to this version, with its account and the servers in its list.

provision-pgadmin.py SETTINGS.json, run by pgAdmin's own Python as its user, with pgAdmin's folder on PYTHONPATH.
SETTINGS.json: {"email", "password", "hosts", "port", "user", "user_password", "servers": {name: {database, comment}}}.
Prints a line that begins with `changed: ` for each thing that it changed; a second run prints none. What people added
is left alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import config
import setup
from flask_security.utils import hash_password, verify_password
from pgadmin import create_app
from pgadmin.model import Server, User, db
from pgadmin.setup import create_app_data_directory
from pgadmin.utils import load_database_servers
from pgadmin.utils.paths import get_storage_directory

PASSWORD_FILE = "/pgpass"  # noqa: S105 (a path in the account's own folder)
GROUP = "MeteoStream"


def changed(what: str) -> None:
    """Tell one change, never a value."""
    print(f"changed: {what}", flush=True)


def tables(wanted: dict[str, Any]) -> Any:
    """Make or migrate pgAdmin's tables, with the account when they are new; return the application."""
    os.environ |= {"PGADMIN_SETUP_EMAIL": wanted["email"], "PGADMIN_SETUP_PASSWORD": wanted["password"]}
    new = not Path(config.SQLITE_PATH).exists()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        create_app_data_directory(config)
        application = create_app()
        setup.setup_db(application)
    if new:
        changed("tables and account")
    return application


def account(wanted: dict[str, Any]) -> Any:
    """Return the account, with the vault's password."""
    user = User.query.filter_by(email=wanted["email"], auth_source="internal").first()
    if user is None:
        raise SystemExit(
            f"expected the account {wanted['email']}, found none: pgAdmin's database was made for another one. Set "
            "pgadmin_email to that one, or remove pgadmin4.db in its data directory, and with it what people saved."
        )
    if not verify_password(wanted["password"], user.password):
        user.password = hash_password(wanted["password"])
        user.locked = False
        user.login_attempts = 0
        db.session.commit()
        changed(f"password of {wanted['email']}")
    return user


def passwords(user: Any, wanted: dict[str, Any]) -> None:
    """Have the file with the servers' password in the account's folder."""
    path = Path(get_storage_directory(user)) / PASSWORD_FILE.lstrip("/")
    lines = [f"{host}:{wanted['port']}:*:{wanted['user']}:{wanted['user_password']}" for host in wanted["hosts"]]
    text = "\n".join(lines) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent)  # 0600: libpq ignores a file that others may read
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(fresh).replace(path)
    changed("file of passwords")


def server_of(name: str, server: dict[str, str], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a server as pgAdmin's import takes it: libpq itself finds the primary among several hosts."""
    return {
        "Name": name,
        "Group": GROUP,
        "Host": ",".join(wanted["hosts"]),
        "Port": int(wanted["port"]),
        "MaintenanceDB": server["database"],
        "Username": wanted["user"],
        "Comment": server.get("comment", ""),
        "ConnectionParameters": {
            "sslmode": "prefer",
            "connect_timeout": 10,
            "passfile": PASSWORD_FILE,
            "target_session_attrs": "read-write",
        },
    }


def servers(user: Any, wanted: dict[str, Any]) -> None:
    """Have each server in the account's list, with no other settings."""
    for name, entry in wanted["servers"].items():
        server = server_of(name, entry, wanted)
        found = Server.query.filter_by(user_id=user.id, name=name).first()
        columns = {"Host": "host", "Port": "port", "MaintenanceDB": "maintenance_db", "Username": "username"}
        if found is not None and all(getattr(found, column) == server[key] for key, column in columns.items()):
            continue
        if found is not None:
            db.session.delete(found)
            db.session.commit()
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
            json.dump({"Servers": {"1": server}}, file)
            file.flush()
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                load_database_servers(file.name, None, user.email, from_setup=True)
        if Server.query.filter_by(user_id=user.id, name=name).first() is None:
            raise SystemExit(f"expected pgAdmin to take the server {name}, it did not: {said.getvalue().strip()}")
        changed(f"server {name}")


def main(path: str) -> int:
    """Do all of it."""
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    application = tables(wanted)
    with application.test_request_context():
        user = account(wanted)
        passwords(user, wanted)
        servers(user, wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
