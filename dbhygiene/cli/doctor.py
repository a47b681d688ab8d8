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
@click.option(
    "--server",
    metavar="WHERE",
    help="Ask a database server for its limits, and compare them with the code. WHERE is an environment variable with a"
    " URL, an option file, `django[:ALIAS]`, or a URL.",
)
@click.option("--save", is_flag=True, help="Write the limits of the server into the settings.")
def command(path: Path, output_format: str, isolated: bool, server: str | None, save: bool) -> int:
    """Check the set-up for problems that hide findings. Exits with 1 if there is a problem."""
    if not path.exists():
        raise UsageError(f"{path}: no such file or directory")
    if save and server is None:
        raise UsageError("--save needs --server: name the server, as in `--server DATABASE_URL --save`")
    if server is not None:
        return _server(path.absolute(), isolated, server, output_format, save)
    remarks = _remarks(path.absolute(), isolated)
    if output_format == "json":
        import json

        sys.stdout.write(json.dumps([remark._asdict() for remark in remarks], indent=2) + "\n")
    else:
        _print(remarks)
    return int(has_problems(remarks))


def _print(remarks: list[Remark]) -> None:
    width = max(len(remark.topic) for remark in remarks)
    sys.stdout.writelines(_line(remark, width) for remark in remarks)


def _remarks(path: Path, isolated: bool) -> list[Remark]:
    try:
        project = _project(path, isolated)
    except UsageError as error:
        return [settings_problem(error)]
    return examine(project, isolated=isolated)


def _project(path: Path, isolated: bool) -> Project:
    root = loading.root_of(path)
    settings = loading.from_environment(Settings() if isolated else loading.load_settings(root))
    loading.require_version(settings)
    selected_rules(settings)
    return Project(root, settings)


def _server(path: Path, isolated: bool, where: str, output_format: str, save: bool) -> int:
    from dbhygiene.checker.live.server_doctor import examine_server  # only this option needs it

    done = examine_server(_project(path, isolated), where, save=save)
    if output_format == "json":
        import json

        sys.stdout.write(json.dumps(done.data, indent=2) + "\n")
    else:
        _print(done.remarks)
    return int(has_problems(done.remarks))


def _line(remark: Remark, width: int) -> str:
    advice = f" -> {remark.advice}" if remark.advice else ""
    return f"{remark.state:7}  {remark.topic:{width}}  {remark.message}{advice}\n"
