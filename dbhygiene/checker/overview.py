"""`overview`: what happens to the connections that each file opens, and which findings comments hide there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import syntax_error
from dbhygiene.checker.project_check import load
from dbhygiene.checker.subjects import Analyses
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.diagnostics.overview import HiddenFinding, Life, Overview
from dbhygiene.diagnostics.suppressions import is_silenced, suppressions
from dbhygiene.lifetimes.explanation import end_of, explain
from dbhygiene.project.project import Project
from dbhygiene.source.file import File


def overview(project: Project, paths: Iterable[Path], rules: Sequence[AnyRule]) -> Overview:
    """Return the overview of some files of a project. It analyses them again, in this process and without the cache."""
    analyses = Analyses(project)
    lives: list[Life] = []
    hidden: list[HiddenFinding] = []
    for file in load(project, paths, rules, analyses):
        if syntax_error(file) is None:
            lives += _lives(file, analyses)
            hidden += silenced_findings(file, rules, analyses)
        analyses.release(file)
    return Overview(lives, hidden)


def _lives(file: File, analyses: Analyses) -> Iterator[Life]:
    for life in analyses.subjects("Lifetime", file):
        title, verdict, _ = explain(life)
        line = life.birth.lineno
        yield Life(file.path, line, file.line_name(line), life.scope.name, title, end_of(life), verdict)


def silenced_findings(file: File, rules: Sequence[AnyRule], analyses: Analyses) -> Iterator[HiddenFinding]:
    """Yield the findings in a file that comments silence."""
    comments = suppressions(file)
    for finding in check_file(file, rules, analyses, heed_comments=False) if comments else ():
        if is_silenced(file, comments, finding):
            yield HiddenFinding(finding, "a comment silences it")
