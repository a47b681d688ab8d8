"""`dbhygiene fix`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import click

from dbhygiene import engine
from dbhygiene.frontends.cli.options import Command, run_options
from dbhygiene.frontends.cli.run import Run, count, is_safe, shown
from dbhygiene.model import AnyRule, Finding, Fix, NoFix
from dbhygiene.project import Project
from dbhygiene.source import File


@click.command("fix", cls=Command)
@run_options
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply fixes that may change behaviour, too.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if something was fixed.")
def command(paths: tuple[str, ...], diff: bool, unsafe_fixes: bool, exit_non_zero_on_fix: bool, **options: Any) -> int:
    """Apply safe fixes, and report what is left."""
    run = Run(**options)
    if diff or "-" in paths:
        run.out = sys.stderr  # standard output is for the diff, or for the fixed text
        run.previews = 0
    fixed = 0
    left: list[tuple[Project, list[Finding]]] = []
    for part in run.parts(paths):
        text = part.stdin
        for path, group in groupby(part.findings, key=lambda finding: finding.path):
            before = list(group)
            if all(not isinstance(finding.fix, Fix) for finding in before):
                left.append((part.project, before))
                continue
            file = part.project.file(path)
            after, done, remaining = _fix(file, part.analyses, part.rules, unsafe=unsafe_fixes)
            fixed += done
            left.append((part.project, remaining))
            if diff:
                sys.stdout.writelines(_diff(file, after))
            elif part.stdin is not None:
                text = after.encode()
            elif after.text != file.text:
                from dbhygiene.writing import write

                write(path, after.encode(), was=file.encode())
            if not diff:
                part.project.replace(after)
        if text is not None and not diff:
            sys.stdout.buffer.write(text)
    for project, remaining in left:
        run.report(project, remaining)
    run.close(before=f"{count(fixed, 'finding')} {'would be fixed' if diff else 'fixed'}; left: ")
    return 2 if run.failed else int(bool(run.found) or (bool(fixed) and (diff or exit_non_zero_on_fix)))


def _diff(before: File, after: File) -> Iterator[str]:
    """A unified diff; the last line may lack its end."""
    from difflib import unified_diff

    name = shown(before.path)
    old, new = before.text.splitlines(keepends=True), after.text.splitlines(keepends=True)
    for line in unified_diff(old, new, f"a/{name}", f"b/{name}"):
        yield line if line.endswith(("\n", "\r")) else line + "\n\\ No newline at end of file\n"


def _fix(
    file: File, analyses: engine.Analyses, rules: Sequence[AnyRule], *, unsafe: bool
) -> tuple[File, int, list[Finding]]:
    """The fixed file, how many findings are gone, and those left; of these, a fix that failed says why."""
    from dbhygiene.fixes.apply import fix

    fixed = fix(file, lambda changed: engine.check_file(changed, rules, analyses), unsafe=unsafe)
    left = [
        each.finding._replace(fix=NoFix(each.reason)) if is_safe(each.finding) else each.finding for each in fixed.left
    ]
    return replace(file, text=fixed.text), len(fixed.fixed), left
