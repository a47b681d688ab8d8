"""`dbhygiene doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dbhygiene.checker.doctor import Remark, examine, has_problems, settings_problem
from dbhygiene.checker.selection import selected_rules
from dbhygiene.cli.click_adapter import Command
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Settings
from dbhygiene.project.project import Project


@click.command("doctor", cls=Command)
@click.argument("path", default=".", type=click.Path(path_type=Path))
@click.option(
    "--output-format", type=click.Choice(("text", "json")), default="text", show_default=True, help="Choose the format."
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
def command(path: Path, output_format: str, isolated: bool) -> int:
    """Check the set-up for problems that hide findings. Exits with 1 if something needs fixing."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    remarks = _remarks(path.absolute(), isolated)
    if output_format == "json":
        import json

        sys.stdout.write(json.dumps([remark._asdict() for remark in remarks], indent=2) + "\n")
    else:
        width = max(len(remark.topic) for remark in remarks)
        sys.stdout.writelines(_line(remark, width) for remark in remarks)
    return int(has_problems(remarks))


def _remarks(path: Path, isolated: bool) -> list[Remark]:
    try:
        root = loading.root_of(path)
        settings = loading.from_environment(Settings() if isolated else loading.load_settings(root))
        loading.require_version(settings)
        selected_rules(settings)
    except UsageError as error:
        return [settings_problem(error)]
    return examine(Project(root, settings), isolated=isolated)


def _line(remark: Remark, width: int) -> str:
    advice = f" -> {remark.advice}" if remark.advice else ""
    return f"{remark.state:7}  {remark.topic:{width}}  {remark.message}{advice}\n"
