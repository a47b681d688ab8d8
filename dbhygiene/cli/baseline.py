"""`dbhygiene baseline`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dbhygiene.checker.baseline_filter import baseline_path, update
from dbhygiene.checker.own_findings import INTERNAL_ERROR
from dbhygiene.cli.click_adapter import Command, with_options
from dbhygiene.cli.options import OF_CACHE, OF_REPORT, OF_STATUS, RUN
from dbhygiene.cli.run import Run, printable_path, with_stdin
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.baseline import DEFAULT


@click.command("baseline", cls=Command)
@with_options(
    RUN,
    unused={*OF_CACHE, *OF_REPORT, *OF_STATUS, "--color", "--fixable", "--unfixable", "--since", "--stdin-filename"},
    baseline=f"Write this file.  [default: the setting `baseline`, or {DEFAULT}]",
)
@click.option("--prune", is_flag=True, help="Only remove entries that no longer match a finding.")
def command(paths: tuple[str, ...], prune: bool, **options: Any) -> int:
    """Write the current findings to a baseline file. The setting `baseline` makes `check` hide them."""
    if "-" in with_stdin(paths, options["stdin_filename"]):
        raise UsageError("a baseline cannot be written for `-`: name files or directories")
    return write_baseline(paths, prune=prune, **options)


def write_baseline(
    paths: tuple[str, ...], *, prune: bool = False, baseline: Path | None, since: str | None, **options: Any
) -> int:
    """Write the baselines of the projects of the paths, and return the exit status."""
    if since is not None:
        raise UsageError("--since cannot be used with a baseline, which lists all findings")
    run = Run(baseline=None, since=None, **options)
    roots: set[Path] = set()
    for part in run.parts(paths):
        project = part.project
        roots.add(project.root)
        if baseline and len(roots) > 1:
            raise UsageError("--baseline: the paths are in several projects; set `baseline` in each of them")
        path = baseline_path(project, baseline)
        findings = list(part.findings)
        run.failed |= any(finding.code == INTERNAL_ERROR for finding in findings)
        done = update(project, part.rules, part.files, findings, baseline, prune=prune)
        sys.stdout.write(f"{printable_path(path or project.root / DEFAULT)}: {done}\n")
        if path is None:
            sys.stdout.write(f'to use it, set `baseline = "{DEFAULT}"` in `[tool.dbhygiene]` of pyproject.toml\n')
    return 2 if run.failed else 0
