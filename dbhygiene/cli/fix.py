"""`FixRun`: the run of `dbhygiene fix`, and of `check --fix`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.subjects import Analyses
from dbhygiene.cli.click_adapter import Command, with_options
from dbhygiene.cli.options import OF_CACHE, RUN
from dbhygiene.cli.run import ProjectPart, Run, printable_path, with_stdin
from dbhygiene.cli.tally import count
from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.model import Finding, Fix, Safety
from dbhygiene.project.project import Project
from dbhygiene.reports.fix_hint import after_failure
from dbhygiene.source.file import File


@click.command("fix", cls=Command)
@with_options(
    RUN,
    unused=OF_CACHE,
    baseline="Do not list findings of this baseline file; they are fixed, too.",
    since="List only findings new since this git commit or branch; fix older ones, too.",
)
@click.option("--diff", is_flag=True, help="Print the changes as a diff, and write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply fixes that may change behaviour.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with 1 if anything was fixed.")
def command(paths: tuple[str, ...], diff: bool, unsafe_fixes: bool, exit_non_zero_on_fix: bool, **options: Any) -> int:
    """Apply safe fixes. Prints what was fixed, then the remaining findings and why each was not fixed."""
    paths = with_stdin(paths, options["stdin_filename"])
    fixing = fix_all(Run(**options), paths, diff=diff, unsafe=unsafe_fixes)
    return fixing.status(fails_if_fixed=diff or exit_non_zero_on_fix)


@dataclass
class FixRun:
    """The fixes of a run so far."""

    run: Run
    diff: bool
    unsafe: bool
    fixed: int = 0
    failed: bool = False

    def status(self, *, fails_if_fixed: bool) -> int:
        """Return the exit status; by default, findings that are fixed are none."""
        if self.failed or self.run.failed:
            return 2
        return self.run.status() or int(fails_if_fixed and bool(self.fixed) and not self.run.options.exit_zero)

    def fix_part(self, part: ProjectPart) -> list[Finding]:
        """Fix the files of one project, or standard input, and return the findings that are left."""
        text = part.stdin
        remaining: list[Finding] = []
        changed: set[Path] = set()
        for path, group in groupby(part.findings, key=lambda finding: finding.path):
            before = list(group)
            if all(not isinstance(finding.fix, Fix) for finding in before):
                remaining += before
                continue
            file = part.project.file(path)
            after, done, left = self._fix_file(file, part)
            if part.stdin is not None and not self.diff:
                text = after.encode()
            elif after.text != file.text and not self._deliver(file, after):
                remaining += before
                continue
            self._report(file, done)
            if not self.diff and after.text != file.text:
                part.project.replace(after)
                changed.add(path)
            remaining += left
        if text is not None and not self.diff:
            sys.stdout.buffer.write(text)
        return _refresh(part, remaining, changed)

    def _fix_file(self, file: File, part: ProjectPart) -> tuple[File, Sequence[Finding], list[Finding]]:
        """Return the fixed file, the findings that are gone, and those left; a fix that failed gives its reason.

        A diff is read beside the unchanged file, so the findings that are left keep their old lines.
        """
        from dbhygiene.fixes.apply import fix

        fixed = fix(file, lambda changed: check_file(changed, part.rules, part.analyses), unsafe=self.unsafe)
        left = [(each.was if self.diff else each.finding, each.reason) for each in fixed.left]
        remaining = [self._with_reason(each, reason) for each, reason in left]
        return file.with_contents(fixed.text), fixed.fixed, remaining

    def _with_reason(self, finding: Finding, reason: str) -> Finding:
        """Return a finding with the reason why its fix failed, if one was tried."""
        fix = finding.fix
        if isinstance(fix, Fix) and (fix.safety is Safety.SAFE or (self.unsafe and fix.safety is Safety.UNSAFE)):
            return after_failure(finding, reason)
        return finding

    def _deliver(self, file: File, after: File) -> bool:
        """Write the fixed file, or print the diff; return whether that succeeded."""
        if self.diff:
            sys.stdout.flush()
            sys.stdout.buffer.writelines(diff_of(file, after))
            return True
        from dbhygiene.project.atomic_write import replace_file

        try:
            replace_file(file.path, after.encode(), was=file.encode())
        except UsageError as error:
            self.run.warn(str(error))
            self.failed = True
            return False
        return True

    def _report(self, file: File, done: Sequence[Finding]) -> None:
        self.fixed += len(done)
        for finding in done:
            assert isinstance(finding.fix, Fix)
            words = f"{finding.code} {'would be fixed' if self.diff else 'fixed'}: {finding.fix.title}"
            self.run.say(f"{printable_path(file.path)}:{file.line_label(finding.span.line)}: {words}")


def fix_all(run: Run, paths: Sequence[str], *, diff: bool, unsafe: bool) -> FixRun:
    """Apply the fixes, print their number, and report the findings that are left."""
    if diff or "-" in paths:
        run.out = sys.stderr  # standard output is for the diff, or for the fixed text
        run.previews = 0
    fixing = FixRun(run, diff, unsafe)
    left: list[tuple[Project, list[Finding]]] = [(part.project, fixing.fix_part(part)) for part in run.parts(paths)]
    for project, remaining in left:
        run.report_new(project, remaining)
    run.close(before=f"{count(fixing.fixed, 'finding')} {'would be fixed' if diff else 'fixed'}; left: ")
    return fixing


def _refresh(part: ProjectPart, left: list[Finding], changed: set[Path]) -> list[Finding]:
    """Return the remaining findings; those with steps in another file that has changed are computed again."""
    stale = {each.path for each in left if any(step.path in changed and step.path != each.path for step in each.steps)}
    if not stale:
        return left
    project = Project(part.project.root, part.project.settings)
    analyses = Analyses(project)
    analyses.set_helpers(part.analyses.handed)
    answers = {each.fingerprint: each.fix for each in left}
    return [
        finding._replace(fix=answers.get(finding.fingerprint, finding.fix))
        for path, group in groupby(left, key=lambda finding: finding.path)
        for finding in (check_file(project.file(path), part.rules, analyses) if path in stale else group)
    ]


def diff_of(before: File, after: File) -> Iterator[bytes]:
    """Return a unified diff for `git apply` and `patch`: in the bytes of the file, its lines ended by line feeds."""
    from difflib import diff_bytes, unified_diff

    name = _quote(before.path)
    old, new = (_lines(file.encode()) for file in (before, after))
    for line in diff_bytes(unified_diff, old, new, b"a/" + name, b"b/" + name):
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    """Split a text into lines as git does: a carriage return or a form feed ends no line."""
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def _quote(path: Path) -> bytes:
    """Return a path for the header of a diff: a tab ends one that contains a space."""
    name = Path(printable_path(path)).as_posix().lstrip("/")
    return name.encode(errors="surrogateescape") + (b"\t" if " " in name else b"")
