"""One real PostgreSQL server for tests, from Debian's package, on loopback, with the platform's three roles."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import psycopg2

from meteostream.config import Warehouse
from meteostream.warehouse.connection import connect
from meteostream.warehouse.dimensions import load_dimensions
from meteostream.warehouse.migrate import migrate
from meteostream.warehouse.stations import load_stations

ROLES = ("warehouse", "pipeline", "reader")


def binaries() -> Path | None:
    """Folder of the newest installed server, None if there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """A server whose databases are made anew for each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.password = secrets.token_urlsafe(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> None:
        """Make the cluster and start it."""
        folder = binaries()
        assert folder is not None, "expected PostgreSQL's server below /usr/lib/postgresql; apt-get install postgresql"
        secret = self.folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        self._run(
            folder / "initdb",
            "-D",
            "data",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-U",
            "postgres",
            "--pwfile",
            secret,
        )
        options = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off -c max_connections=100"
        self._run(folder / "pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")
        with self._superuser("postgres") as connection, connection.cursor() as cursor:
            for role in ROLES:
                cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD %s", (self.password,))

    def stop(self) -> None:
        """Stop it."""
        folder = binaries()
        assert folder is not None
        self._run(folder / "pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def database(self, template: str = "template1") -> str:
        """Make a database that the role ``warehouse`` owns: empty, or a copy of ``template``, with who may use it."""
        name = f"warehouse_{secrets.token_hex(4)}"
        with closing(self._superuser("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name} OWNER warehouse TEMPLATE {template}")
                cursor.execute(
                    "UPDATE pg_database AS d SET datacl = t.datacl FROM pg_database AS t "
                    "WHERE d.datname = %s AND t.datname = %s AND t.datname <> 'template1'",
                    (name, template),
                )
        return name

    @cached_property
    def _template(self) -> str:
        """A migrated database, to copy: much quicker than to migrate again."""
        name = self.database()
        with closing(connect(self.settings(name, "warehouse"), "test")) as owner:
            migrate(owner)
        return name

    @contextmanager
    def migrated(self, *fill: Callable[[Any], object]) -> Iterator[str]:
        """A database as the platform has it, for as long as the block.

        Parameters
        ----------
        fill
            Called with the owner's connection, in autocommit mode.
        """
        name = self.database(self._template)
        with closing(connect(self.settings(name, "warehouse"), "test")) as owner:
            owner.autocommit = True
            for work in fill:
                work(owner)
        try:
            yield name
        finally:
            self.drop(name)

    def described(self) -> AbstractContextManager[str]:
        """Like :meth:`migrated`, with the registry's stations and the dimensions."""
        return self.migrated(load_stations, partial(load_dimensions, since=None))

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        with closing(self._superuser("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def settings(self, database: str, user: str = "pipeline") -> Warehouse:
        """As a client has them in its file."""
        return Warehouse(hosts=["127.0.0.1"], port=self.port, database=database, user=user, password=self.password)

    def _superuser(self, database: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname=database, password=self.password
        )

    def _run(self, *command: object) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(  # noqa: S603
            [str(part) for part in command],
            cwd=self.folder,
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server, in a folder that its user can reach, for as long as the block."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
