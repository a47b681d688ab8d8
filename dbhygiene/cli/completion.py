"""`dbhygiene completion`: print the script by which a shell completes commands, options and formats."""

from __future__ import annotations

import sys

import click

from dbhygiene.cli.click_adapter import Command

_WHERE = {
    "bash": '~/.bashrc: eval "$(dbhygiene completion bash)"',
    "zsh": '~/.zshrc: eval "$(dbhygiene completion zsh)"',
    "fish": "~/.config/fish/completions/dbhygiene.fish: dbhygiene completion fish | source",
}


@click.command("completion", cls=Command, epilog="\b\n" + "\n".join(_WHERE.values()))
@click.argument("shell", type=click.Choice(tuple(_WHERE)))
def command(shell: str) -> int:
    """Print a completion script. Load it in your shell's start-up file."""
    from click.shell_completion import get_completion_class

    from dbhygiene.cli.commands import commands

    completion = get_completion_class(shell)
    assert completion is not None, "click knows these shells"
    sys.stdout.write(completion(commands, {}, "dbhygiene", "_DBHYGIENE_COMPLETE").source() + "\n")
    return 0
