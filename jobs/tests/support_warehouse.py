"""A warehouse of a test, and commands on it as one of its roles."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from meteostream.cli import group
from meteostream.warehouse.batch import WarehouseWriter
from meteostream.warehouse.connection import connect, conninfo
from meteostream.warehouse.migrate import migrate
from meteostream.warehouse.stations import load_stations
from postgres_server import PostgresServer
from support_gold import RUN, Gold, insert_gold
from support_reports import judged


@dataclass
class Platform:
    """A migrated database with the registry's stations, and a folder for settings and files."""

    server: PostgresServer
    database: str
    folder: Path
    written: int = 0

    @classmethod
    def make(cls, server: PostgresServer, folder: Path) -> Platform:
        made = cls(server, server.database(), folder)
        with made.owner() as owner:
            migrate(owner)
            load_stations(owner)
        return made

    def owner(self) -> Any:
        return closing(connect(self.server.settings(self.database, "warehouse"), "test"))

    def reader(self) -> Any:
        return closing(connect(self.server.settings(self.database, "reader"), "test"))

    def change(self, statement: str, *parameters: object) -> None:
        """As the owner."""
        with self.owner() as owner, owner, owner.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with self.owner() as owner, owner, owner.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def gold(self, rows: list[Gold], table: str = "daily") -> None:
        with self.owner() as owner:
            insert_gold(owner, table, rows)

    def reports(self, *messages: tuple[bytes, bytes]) -> None:
        """Through the stream's own way into the warehouse."""
        writer = WarehouseWriter(conninfo(self.server.settings(self.database), "test"), "warehouse")
        writer.write(judged(messages, offset=self.written), run=RUN, batch_id=self.written)
        writer.close()
        self.written += len(messages)

    def run(self, *arguments: str, role: str = "reader", more: str = "") -> Result:
        """A command as a role; ``more`` goes on with the settings."""
        settings = self.server.settings(self.database, role)
        path = self.folder / "settings.toml"
        path.write_text(
            f'[warehouse]\nhosts = ["127.0.0.1"]\nport = {settings.port}\ndatabase = "{settings.database}"\n'
            f'user = "{role}"\npassword = "{settings.password}"\n{more}'
        )
        return CliRunner().invoke(group, ["--config", str(path), *arguments])
