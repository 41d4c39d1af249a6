"""Bring Airflow's database to this version and to what the inventory says.

Run by Airflow's own Python:

    airflow --python provision-airflow.py SETTINGS.json

SETTINGS.json: {"admin": {username, email, password}, "pools": {name: {slots, description}},
"connections": {name: {conn_type, host, port, schema, login, password, extra, description}}, "variables": {name: text}}.
Prints a line that begins with `changed: ` for each thing that it changed; a second run prints none. What is there
beside it is left alone. Exit code 1 and one sentence if the stored connections were encrypted by another key (KF-16).
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from airflow import settings
from airflow.exceptions import AirflowException
from airflow.models import Connection, Pool, Variable
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
from airflow.utils import db
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.security import check_password_hash

ADMINISTRATORS = "Admin"
LOCK = 0x6D6574656F
"""Key of the database's lock that lets one host provision at a time ("meteo"); it goes with its holder."""


def changed(what: str) -> None:
    """Tell one change, never a value."""
    print(f"changed: {what}", flush=True)


def migrate() -> None:
    """Bring the tables to this version; Airflow's lock in the database lets one process do it at a time."""
    try:
        db.check_migrations(0)
    except (TimeoutError, AirflowException):
        db.upgradedb()
        changed("tables of the database")


def read_with_the_key(session: Session) -> None:
    """Read what is stored encrypted, so that a wrong key is found before a daemon uses it."""
    for name, stored, key in (("connection", Connection, Connection.conn_id), ("variable", Variable, Variable.key)):
        for title in session.scalars(select(key).order_by(key)).all():
            try:
                row = session.scalar(select(stored).where(key == title))
                readable = (row.password, row.extra) if stored is Connection else row.val is not None
            except Exception as error:  # cryptography's and Airflow's own, of several kinds
                raise refusal(name, title) from error
            if not readable:
                raise refusal(name, title)


def refusal(name: str, title: str) -> SystemExit:
    """Return the sentence about an entry that the key does not fit."""
    return SystemExit(
        f"expected the {name} {title!r} to be readable with the configured Fernet key, it is not: it was stored with "
        "another key. No daemon was restarted. Bring back the vault's secret_airflow_fernet of then, or remove the "
        "entry in Airflow's pages first."
    )


def pools(wanted: dict[str, dict[str, Any]], session: Session) -> None:
    """Have each pool with its slots."""
    for name, pool in wanted.items():
        slots, description = int(pool["slots"]), str(pool.get("description", ""))
        found = session.scalar(select(Pool).where(Pool.pool == name))
        if found is None or (found.slots, found.description) != (slots, description):
            Pool.create_or_update_pool(name, slots, description, include_deferred=False, session=session)
            changed(f"pool {name}")


def connection_of(name: str, wanted: dict[str, Any]) -> Connection:
    """Return the connection that the inventory says."""
    port = wanted.get("port")
    return Connection(
        conn_id=name,
        conn_type=wanted["conn_type"],
        description=wanted.get("description"),
        host=wanted.get("host"),
        login=wanted.get("login"),
        password=wanted.get("password"),
        schema=wanted.get("schema"),
        port=None if port is None else int(port),
        extra=json.dumps(wanted["extra"], sort_keys=True) if wanted.get("extra") else None,
    )


def connections(wanted: dict[str, dict[str, Any]], session: Session) -> None:
    """Have each connection, and no other values in it."""
    fields = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
    for name, entry in wanted.items():
        new = connection_of(name, entry)
        found = session.scalar(select(Connection).where(Connection.conn_id == name))
        if found is None:
            session.add(new)
            changed(f"connection {name}")
            continue
        differing = [field for field in fields if (getattr(found, field) or None) != (getattr(new, field) or None)]
        for field in differing:
            setattr(found, field, getattr(new, field))
        if differing:
            changed(f"connection {name}")


def variables(wanted: dict[str, str], session: Session) -> None:
    """Have each variable with its text."""
    for name, value in wanted.items():
        wanted_text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        found = session.scalar(select(Variable).where(Variable.key == name))
        if found is None:
            session.add(Variable(key=name, val=wanted_text))
        elif found.val != wanted_text:
            found.set_val(wanted_text)
        else:
            continue
        changed(f"variable {name}")


def administrator(wanted: dict[str, str]) -> None:
    """Have the account with the vault's password, in the role of administrators."""
    with get_application_builder() as builder:
        manager = builder.sm
        role = manager.find_role(ADMINISTRATORS)
        if role is None:
            manager.sync_roles()
            role = manager.find_role(ADMINISTRATORS)
        user = manager.find_user(username=wanted["username"])
        if user is None:
            user = manager.add_user(
                username=wanted["username"], first_name="MeteoStream", last_name="administrator",
                email=wanted["email"], role=role, password=wanted["password"],
            )  # fmt: skip
            if not user:
                raise SystemExit(
                    f"expected Airflow to make the account {wanted['username']}, it did not: see its log above."
                )
            changed(f"account {wanted['username']}")
        elif not check_password_hash(user.password, wanted["password"]):
            manager.reset_password(user.id, wanted["password"])
            changed(f"password of {wanted['username']}")


def main(path: str) -> int:
    """Do all of it."""
    logging.disable(logging.WARNING)
    wanted = json.loads(Path(path).read_text(encoding="utf-8"))
    with settings.get_engine().connect() as alone:
        alone.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        alone.commit()
        migrate()
        with settings.Session() as session:
            read_with_the_key(session)
            pools(wanted["pools"], session)
            connections(wanted["connections"], session)
            variables(wanted["variables"], session)
            session.commit()
        administrator(wanted["admin"])
        alone.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
