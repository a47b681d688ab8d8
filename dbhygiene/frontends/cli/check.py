"""`dbhygiene check`."""

from __future__ import annotations

from typing import Any

import click

from dbhygiene.frontends.cli.options import Command, run_options
from dbhygiene.frontends.cli.run import Run


@click.command("check", cls=Command)
@run_options
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something is found.")
def command(paths: tuple[str, ...], exit_zero: bool, **options: Any) -> int:
    """Report findings in files and directories; the current directory by default."""
    run = Run(**options)
    for part in run.parts(paths):
        run.report(part.project, part.findings)
    run.close()
    return 2 if run.failed else int(bool(run.found) and not exit_zero)
