"""`COMMANDS`: the commands, each in a file of its own, which is imported when the command is called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from dbhygiene import __version__
from dbhygiene.config.errors import UsageError, did_you_mean

COMMANDS = ("check", "fix", "explain", "rule", "config", "baseline", "doctor", "server", "clean", "completion")


def run(arguments: Sequence[str]) -> int:
    """Run a command, and return the exit status."""
    try:
        return int(commands.main(list(arguments), prog_name="dbhygiene", standalone_mode=False) or 0)
    except click.ClickException as error:
        raise UsageError(" ".join(error.format_message().split())) from None  # some of click's have several lines
    except click.Abort:  # which has ended the line that `^C` is on
        return 130


class _Commands(click.Group):
    """The commands, each in the file of its name. For an unknown name, the closest one is suggested."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:  # versions of click differ here
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            words = f"no such option `{error.option_name}`; run `dbhygiene --help` to list all commands and options"
            raise click.UsageError(words) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__package__}.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], COMMANDS, otherwise="run `dbhygiene --help` to list all commands")
            raise click.UsageError(f"no such command `{args[0]}`{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def commands() -> None:
    """Find database connections that are leaked, kept idle too long or configured badly, and fix them."""
