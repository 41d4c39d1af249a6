#!/usr/bin/python
"""Bring a Patroni cluster's settings, roles and databases to what the inventory says, from its primary."""

from __future__ import annotations

DOCUMENTATION = r"""
module: meteo_postgres
short_description: Bring a cluster's settings, roles and databases to the wanted state
description:
  - Runs on every member; the one that leads does the work, so that no host is special and a failover changes nothing.
  - Settings go through Patroni, which gives them to all members. Parameters that need a restart of PostgreSQL are
    applied member by member, replicas first, on the hosts named in O(restart_members) only (KF-28).
  - Roles and databases are made and corrected, never removed. Rules of pg_hba.conf with an error end in a failure
    (KF-53).
options:
  rest:
    description: Address of this member's Patroni.
    type: str
    required: true
  credentials:
    description: File of this node with Patroni's C(restapi.authentication).
    type: path
    required: true
  name:
    description: This member's name.
    type: str
    required: true
  settings:
    description: The cluster's whole dynamic configuration.
    type: dict
    required: true
  roles:
    description: Role to C(login) and C(member_of).
    type: dict
    required: true
  verifiers:
    description: Role to the SCRAM verifier of its password; the password of a role that is not named is left alone.
    type: dict
    default: {}
  databases:
    description: Database to C(owner) and C(roles) that may connect beside it.
    type: dict
    required: true
  socket:
    description: Folder of PostgreSQL's socket.
    type: path
    default: /run/postgresql
  restart_members:
    description: Members that may be restarted.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for a primary, and for a restarted member.
    type: int
    default: 120
"""

import contextlib
import json
import os
import pwd
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.meteo_patroni import RESTART_TIMEOUT_S, Patroni, PatroniError

ACCOUNT = "postgres"


@contextlib.contextmanager
def account(name):
    """Act as the system account `name`, by which PostgreSQL knows who comes through its socket."""
    entry = pwd.getpwnam(name)
    root = os.geteuid() == 0
    if root:
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)


class Cluster:
    """The cluster as its primary and Patroni show it."""

    def __init__(self, module, patroni):
        self.module = module
        self.patroni = patroni
        self.check = module.check_mode
        self.changes = []

    # --- Patroni's part ---

    def settings(self, wanted):
        found = self.patroni.call("GET", "/config")
        if found == wanted:
            return
        names = sorted(key for key in set(found) | set(wanted) if found.get(key) != wanted.get(key))
        self.changes.append(f"settings {', '.join(names)}")
        if self.check:
            return
        self.patroni.call("PUT", "/config", wanted)
        if found.get("postgresql", {}).get("parameters") != wanted.get("postgresql", {}).get("parameters"):
            self.await_reload(int(wanted.get("loop_wait", 10)) + 2)

    def await_reload(self, timeout):
        """Wait until members have read new parameters: within a turn of Patroni's loop each says if it must restart."""
        begin = time.monotonic()
        while time.monotonic() - begin < timeout:
            if all(member.get("pending_restart") for member in self.patroni.members()):
                return
            time.sleep(0.5)

    def restarts(self, name, allowed):
        """Restart the members that wait for it, this one (the primary) last; return those that must not be."""
        pending = [member for member in self.patroni.members() if member.get("pending_restart")]
        pending.sort(key=lambda member: member["name"] == name)
        left = [member["name"] for member in pending if member["name"] not in allowed]
        for member in pending:
            if member["name"] in left:
                continue
            self.changes.append(f"restart of PostgreSQL on {member['name']}")
            if not self.check:
                other = Patroni(member["api_url"].rsplit("/", 1)[0])
                other.headers = self.patroni.headers
                other.call("POST", "/restart", {"restart_pending": True}, timeout=RESTART_TIMEOUT_S)
        return left

    # --- PostgreSQL's part ---

    def roles(self, connection, wanted, verifiers):
        rows = query(connection, "SELECT rolname, rolcanlogin, rolpassword FROM pg_authid")
        found = {name: (login, verifier) for name, login, verifier in rows}
        for name, role in wanted.items():
            login, verifier = bool(role.get("login")), verifiers.get(name)
            if name not in found:
                self.apply(connection, f"role {name}", "CREATE ROLE %s %s", name, login_clause(login))
                found[name] = (login, None)
            elif found[name][0] != login:
                self.apply(connection, f"role {name}", "ALTER ROLE %s %s", name, login_clause(login))
            if verifier is not None and found[name][1] != verifier:
                self.apply(connection, f"password of {name}", "ALTER ROLE %s PASSWORD %s", name, Literal(verifier))
        self.memberships(connection, wanted)

    def memberships(self, connection, wanted):
        rows = query(
            connection,
            "SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member "
            "JOIN pg_roles g ON g.oid = a.roleid",
        )
        found = {tuple(row) for row in rows}
        for name, role in wanted.items():
            groups = role.get("member_of", [])
            for group in groups:
                if (name, group) not in found:
                    self.apply(connection, f"{name} in {group}", "GRANT %s TO %s", group, name)
            for member, group in sorted(found):
                if member == name and group not in groups:
                    self.apply(connection, f"{name} not in {group}", "REVOKE %s FROM %s", group, name)

    def databases(self, connection, wanted):
        rows = query(
            connection,
            "SELECT d.datname, r.rolname, pg_encoding_to_char(d.encoding), "
            "coalesce(d.datacl, acldefault('d', d.datdba))::text[] "
            "FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba",
        )
        found = {name: (owner, encoding, acl) for name, owner, encoding, acl in rows}
        for name, database in wanted.items():
            owner = database["owner"]
            if name not in found:
                text = "CREATE DATABASE %s OWNER %s TEMPLATE template0 ENCODING 'UTF8'"
                self.apply(connection, f"database {name}", text, name, owner)
                found[name] = (owner, "UTF8", ["=Tc/" + owner])
            if found[name][1] != "UTF8":
                raise ValueError(
                    f"database {name} has the encoding {found[name][1]}, expected UTF8: dump it, drop it and restore "
                    "it into a new one"
                )
            if found[name][0] != owner:
                self.apply(connection, f"owner of {name}", "ALTER DATABASE %s OWNER TO %s", name, owner)
            self.connect_rights(connection, name, found[name][2], database.get("roles", []))

    def connect_rights(self, connection, name, acl, roles):
        """Let the owner, `roles` and operators connect and have temporary tables, and nobody else."""
        grantees = {entry.split("=", 1)[0].strip('"'): entry.split("=", 1)[1].split("/")[0] for entry in acl}
        if grantees.get(""):
            self.apply(connection, f"rights on {name}", "REVOKE ALL ON DATABASE %s FROM PUBLIC", name)
        for role in [*roles, "pg_read_all_data"]:
            if not set("cT") <= set(grantees.get(role, "")):
                text = "GRANT CONNECT, TEMPORARY ON DATABASE %s TO %s"
                self.apply(connection, f"{role} may use {name}", text, name, role)

    def apply(self, connection, what, text, *parts):
        self.changes.append(what)
        if not self.check:
            query(connection, text, *parts)


class Literal(str):
    """A value in a statement, where other parts are names."""


class Clause(str):
    """A part of a statement that is neither name nor value."""


def login_clause(login):
    return Clause("LOGIN" if login else "NOLOGIN")


def query(connection, text, *parts):
    """Run one statement with names and values put in safely, and return its rows, if it has any."""
    from psycopg2 import sql  # noqa: PLC0415 (a package of the node's, which a fresh host lacks)

    def compose(part):
        if isinstance(part, Clause):
            return sql.SQL(part)
        return sql.Literal(str(part)) if isinstance(part, Literal) else sql.Identifier(part)

    pieces = text.split("%s")
    statement = sql.SQL(pieces[0])
    for part, piece in zip(parts, pieces[1:], strict=False):
        statement = statement + compose(part) + sql.SQL(piece)
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def connect(socket):
    import psycopg2  # noqa: PLC0415 (as above)

    connection = psycopg2.connect(host=socket, user=ACCOUNT, dbname="postgres", connect_timeout=5)
    connection.autocommit = True
    return connection


def broken_rules(connection):
    """Return the lines of pg_hba.conf that PostgreSQL could not read."""
    rows = query(connection, "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL")
    return [f"line {number}: {error}" for number, error in rows]


def credentials(path):
    with open(path, encoding="utf-8") as stream:
        found = json.load(stream)["restapi"]["authentication"]
    return found["username"], found["password"]


def converge(module):
    """Do the primary's work and return the module's result."""
    params = module.params
    patroni = Patroni(params["rest"], *credentials(params["credentials"]))
    leader = patroni.wait_for_leader(0 if module.check_mode else params["timeout"])
    if leader != params["name"]:
        return {"changed": False, "leader": leader, "msg": f"the primary, {leader}, does it"}
    cluster = Cluster(module, patroni)
    cluster.settings(params["settings"])
    left = cluster.restarts(leader, params["restart_members"])
    with account(ACCOUNT), contextlib.closing(connect(params["socket"])) as connection:
        broken = broken_rules(connection)
        cluster.roles(connection, params["roles"], params["verifiers"])
        cluster.databases(connection, params["databases"])
    if broken:
        module.fail_json(
            msg=f"pg_hba.conf of {leader} has rules that PostgreSQL does not take: {'; '.join(broken)}. They come from "
            "postgres_client_networks and postgres_patroni_overrides."
        )
    after = "".join(change + "\n" for change in cluster.changes)
    return {
        "changed": bool(cluster.changes),
        "leader": leader,
        "changes": cluster.changes,
        "waiting_for_restart": left,
        "diff": {"before": "", "after": after},
    }


def main():
    module = AnsibleModule(
        argument_spec={
            "rest": {"type": "str", "required": True},
            "credentials": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "settings": {"type": "dict", "required": True},
            "roles": {"type": "dict", "required": True},
            "verifiers": {"type": "dict", "default": {}, "no_log": True},
            "databases": {"type": "dict", "required": True},
            "socket": {"type": "path", "default": "/run/postgresql"},
            "restart_members": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        result = converge(module)
    except (OSError, PatroniError, ImportError) as error:
        if module.check_mode:
            module.exit_json(changed=True, changes=[], msg=f"the cluster does not run yet: {error}")
        module.fail_json(
            msg=f"{error}. Look further with: patronictl list; journalctl -u patroni; /var/log/patroni/patroni.log"
        )
    except ValueError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
