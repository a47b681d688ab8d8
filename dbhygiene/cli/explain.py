"""`dbhygiene explain`: the findings of a line, and what happens to its connections."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from dbhygiene.checker.doctor import sites
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import not_parsed
from dbhygiene.checker.project_check import load
from dbhygiene.checker.registry import all_rules
from dbhygiene.checker.selection import is_ignored_in, selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.cli.click_adapter import Command, with_options
from dbhygiene.cli.options import OF_CACHE, OF_REPORT, OF_STATUS, RUN
from dbhygiene.cli.run import ProjectPart, Run, printable_path
from dbhygiene.cli.tally import count
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project
from dbhygiene.reports import reporter
from dbhygiene.source.file import File
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.records import replace


@click.command("explain", cls=Command)
@with_options(
    RUN,
    "FILE:LINE...",
    unused={
        *OF_CACHE,
        *OF_REPORT,
        *OF_STATUS,
        "--fixable",
        "--unfixable",
        "--since",
        "--stdin-filename",
        "--force-exclude",
    },
    baseline="Mark the findings of this baseline file as not reported.",
)
def command(paths: tuple[str, ...], **options: Any) -> int:
    """Explain a line, given as FILE:LINE, or as NOTEBOOK:CELL:LINE.

    Prints its findings, silenced ones included, and what happens to each connection there.
    """
    if not paths:
        raise UsageError("name a line, as FILE:LINE")
    run = Run(**{**options, "steps": "all"})
    for target in paths:
        _explain(run, _parse_target(target))
    return 2 if run.failed else 0


class _Target(NamedTuple):
    """A line to explain; in a notebook, of a cell."""

    path: Path
    line: int
    cell: int | None = None

    def line_in(self, file: File) -> int:
        """Return the line of the program; raise UsageError if the file, or the cell, has no such line."""
        if self.cell is None or file.notebook is None:
            _require(self.line, file.lines, printable_path(self.path))
            return self.line
        cell = file.notebook.cell(self.cell)
        if cell is None:
            raise UsageError(f"{printable_path(self.path)}: cell {self.cell} is no code cell; name another one")
        _require(self.line, cell.lines, f"{printable_path(self.path)}: cell {self.cell}")
        return cell.line + self.line - 1


def _require(line: int, lines: Sequence[str], place: str) -> None:
    """Raise UsageError if there is no such line; what follows the last line end is none."""
    last = len(lines) - (len(lines) > 1 and not lines[-1])
    if not 0 < line <= last:
        raise UsageError(
            f"{place} has {count(last, 'line')}; name {f'a line from 1 to {last}' if last > 1 else 'line 1'}"
        )


_TARGET = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?")
_TARGET_IN_CELL = re.compile(r"(?P<file>.+?\.ipynb):(?:cell )?(?P<cell>\d+):(?P<line>\d+)(?::\d+)?")


def _parse_target(target: str) -> _Target:
    """Return a file and a line; a column after them is accepted, since `concise` prints one."""
    if re.search(r"\.ipynb(?::|$)", target):
        match, form = _TARGET_IN_CELL.fullmatch(target), "NOTEBOOK:CELL:LINE, such as `orders.ipynb:2:5`"
    else:
        match, form = _TARGET.fullmatch(target), "FILE:LINE, such as `orders.py:12`"
    if match is None:
        raise UsageError(f"{target}: not in the form {form}")
    path = Path(os.path.abspath(match["file"]))
    if not path.is_file():
        raise UsageError(f"{match['file']}: {'not a regular file' if path.exists() else 'no such file'}")
    return _Target(path, int(match["line"]), int(match["cell"]) if "cell" in match.groupdict() else None)


class _Explained(NamedTuple):
    """A finding, and the reason why it is not reported; empty if it is."""

    finding: Finding
    hidden: str


def _explain(run: Run, target: _Target) -> None:
    path = target.path
    root = loading.root_of(path)
    settings = run.settings(root)
    everything = replace(settings, min_confidence=Confidence.POSSIBLE, per_file_ignores={})
    project, rules = Project(root, everything), all_rules()
    analyses = Analyses(project)
    try:
        file = project.file(path)
        _ = file.tree
    except NOT_PYTHON as error:
        found = not_parsed(path, error)
        raise UsageError(f"{printable_path(path)}:{found.span.line}: {found.message}") from None
    line = target.line_in(file)
    load(project, [path], rules, analyses, {path})
    run.look_at(ProjectPart(project, (), analyses, rules))
    as_set = replace(file, project=Project(root, settings))
    known = _without_baseline(run, as_set, list(_findings(file, analyses, as_set)))
    here = [each for each in known if _touches(each.finding, path, line)]
    lives = list(_lives(file, analyses, line))
    texts = [*lives, *_describe_findings(run, here)]
    if not here and ("django" in file.text or not lives):
        texts += _gap_reasons(file, line)
    sys.stdout.writelines(texts)
    if not texts:
        sys.stdout.write(f"{printable_path(path)}:{file.line_label(line)}: no finding and no connection here.\n")
        from dbhygiene.gaps.django_use import uses_django

        for words in sites(project, [path]) if uses_django(project) else ():
            sys.stdout.write(f"Django: {words}.\n")
        if elsewhere := sorted({each.finding.span.line for each in known}):
            lines = f"line{'s' * (len(elsewhere) > 1)} {', '.join(map(file.line_label, elsewhere))}"
            sys.stdout.write(f"Findings in this file, silenced ones included: {lines}.\n")


def _findings(file: File, analyses: Analyses, as_set: File) -> Iterator[_Explained]:
    """Return all findings in a file, ignored ones included; `as_set` is the file with the project's own settings."""
    rules = all_rules()
    settings = as_set.project.settings
    chosen = set(selected_rules(settings))
    heeded = {finding.fingerprint for finding in check_file(file, rules, analyses)}
    by_code = {rule.code: rule for rule in rules}
    for finding in check_file(file, rules, analyses, heed_comments=False):
        rule = by_code.get(finding.code)
        hidden = ""
        if rule is not None and rule not in chosen:
            hidden = f"`{rule.name}` is {'not selected' if rule.default else 'off by default: select it'}"
        elif rule is not None and is_ignored_in(rule, as_set):
            hidden = "`per-file-ignores` ignores this rule in this file"
        elif finding.confidence < settings.min_confidence:
            hidden = f"its confidence is {finding.confidence}, and `min-confidence` is {settings.min_confidence}"
        elif finding.fingerprint not in heeded:
            hidden = "a comment silences it"
        yield _Explained(finding, hidden)


def _without_baseline(run: Run, as_set: File, known: list[_Explained]) -> list[_Explained]:
    """Return the same, with a reason for findings that the baseline lists."""
    from dbhygiene.checker.baseline_filter import Filter

    assert isinstance(as_set.project, Project)
    visible = [each.finding for each in known if not each.hidden]
    new = {finding.fingerprint for finding in Filter(as_set.project, (), run.options.baseline, None).new(visible)}
    return [
        each if each.hidden or each.finding.fingerprint in new else each._replace(hidden="the baseline lists it")
        for each in known
    ]


def _touches(finding: Finding, path: Path, line: int) -> bool:
    """Whether a finding or one of its steps is on a line."""
    spans = [finding.span, *(step.span for step in finding.steps if step.path == path)]
    return any(span.line <= line <= span.end_line for span in spans)


def _lives(file: File, analyses: Analyses, line: int) -> Iterator[str]:
    """Return what happens to each connection that is opened, open, closed or passed on in a line."""
    from dbhygiene.lifetimes.explanation import explain, states, table

    for life in analyses.subjects("Lifetime", file):
        explained = explain(life)
        is_opened = life.statement.lineno <= line <= (life.birth.end_lineno or 0)
        here = states(life, line)
        if not is_opened and "open" not in here and all(at.lineno != line for at, _ in explained.way):
            continue
        place = f"{printable_path(file.path)}:{file.line_label(life.birth.lineno)}"
        yield f"{place}: {explained.title}: {explained.verdict}\n"
        if here and not is_opened:
            yield f"  before {file.line_name(line)}, it is {' or '.join(here)}\n"
        yield from (f"  {row}\n" for row in table(explained, file))
        yield "\n"


def _gap_reasons(file: File, line: int) -> Iterator[str]:
    """Return what a line does to Django's connection, and the reason for which it has no finding."""
    from dbhygiene.gaps.django_use import uses_django
    from dbhygiene.gaps.explanation import reasons
    from dbhygiene.gaps.search import Gaps

    words = list(reasons(Gaps(file.project), file, line)) if uses_django(file.project) else []
    yield from (f"{printable_path(file.path)}:{file.line_label(line)}: {each}\n" for each in words)
    if words and isinstance(file.project, Project):
        yield from (f"Django: {each}.\n" for each in sites(file.project, [file.path]))


def _describe_findings(run: Run, here: Sequence[_Explained]) -> Iterator[str]:
    for finding, hidden in here:
        yield from reporter("full")([run.as_shown(finding)], run.scene)
        if hidden:
            yield f"not reported: {hidden}\n\n"
