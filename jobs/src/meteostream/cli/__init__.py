"""The command line. Each module of this package that has a ``command`` is a subcommand of the module's name.

A module is imported when its command is used or listed: heavy libraries (Spark, Kafka) belong inside its functions,
so that help is quick and everything pure runs where they are not installed.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import NoReturn

import click

from meteostream import __version__
from meteostream.cli.common import EXPECTED, Context

HELP = """\b
Weather reports from the station to the warehouse.

A report is what one station says about one moment. This command makes
simulated reports, loads files of real ones, checks them, and looks after
what the platform did with them. Each command explains itself:

\b
    meteostream load --help
    meteostream stations resolve Kédougou

Times are UTC. Nothing is deleted or overwritten by any command here.
"""


class LazyGroup(click.Group):
    """Subcommands are the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the modules, without the helpers."""
        del ctx
        return sorted(
            module.name.replace("_", "-")
            for module in pkgutil.iter_modules(__path__)
            if module.name not in {"common"} and not module.name.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one; in the list, a module that cannot be imported says why instead of hiding the others."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            module = import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        except ImportError as error:
            return _unavailable(cmd_name, error)
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command: expected a click command, found {type(command).__name__}")
        return command


def _unavailable(name: str, error: ImportError) -> click.Command:
    def fail(**_: object) -> NoReturn:
        raise click.ClickException(f"{name} needs a library that is not installed here: {error}")

    return click.Command(
        name,
        callback=fail,
        short_help=f"(not available here: {error})",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(
    cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    "config",
    metavar="FILE",
    help="Settings (default: METEOSTREAM_CONFIG, else /etc/meteostream/meteostream.toml).",
)
@click.version_option(__version__, prog_name="meteostream")
@click.pass_context
def group(ctx: click.Context, config: str | None) -> None:
    """Entry of every command."""
    ctx.obj = Context(config)


def main() -> None:
    """Run the command line; an expected failure is one sentence on standard error and exit code 1."""
    try:
        group(standalone_mode=True)
    except EXPECTED as error:
        click.echo(f"meteostream: {error}", err=True)
        sys.exit(1)
