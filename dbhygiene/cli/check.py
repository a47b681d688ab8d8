"""`dbhygiene check`."""

from __future__ import annotations

import click

from dbhygiene.cli.check_paths import check
from dbhygiene.cli.click_adapter import Command, with_options
from dbhygiene.cli.options import CHECK

command = click.command("check", cls=Command)(with_options(CHECK)(check))
