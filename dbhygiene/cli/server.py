"""`dbhygiene server`."""

from __future__ import annotations

import click

from dbhygiene.cli.click_adapter import Command
from dbhygiene.config.errors import UsageError


@click.command("server", cls=Command)
@click.option("--stdio", is_flag=True, help="Use standard input and output. This is the default.")
def command(stdio: bool) -> int:
    """Start the language server for an editor.

    The editor and the server use standard input and output.
    """
    try:
        from dbhygiene.lsp.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError('the language server needs pygls: run `pip install "dbhygiene[lsp]"`') from None
    serve()
    return 0
