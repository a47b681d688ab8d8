"""`check`, `fix`: the Python API: what these commands do, as functions that return values and write nothing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dbhygiene.checker import project_check
from dbhygiene.checker.file_check import check_file, check_named_file
from dbhygiene.checker.own_findings import not_read
from dbhygiene.checker.project_check import load
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.cells import in_cell
from dbhygiene.diagnostics.model import Finding
from dbhygiene.project.project import Project
from dbhygiene.project.workspace import members
from dbhygiene.source.file import File, NoProject
from dbhygiene.source.records import replace

if TYPE_CHECKING:
    from dbhygiene.fixes.apply import Fixed

Target: TypeAlias = "str | os.PathLike[str] | File"


def check(*targets: Target, settings: Settings | None = None) -> list[Finding]:
    """Return the findings in files and directories, or in a text in a `File`.

    Comments silence findings; baselines are not used. A finding in a notebook has a `cell`, from whose start its lines
    count. Raise `dbhygiene.UsageError` if a path does not exist, or a setting is invalid.

    Arguments:
        targets: by default, the current directory. A path is checked as part of its project; a `File` only within the
            `Project` that it was given, if any.
        settings: replace the configuration of each project; a `File` is then checked alone.
    """
    paths = {Path(os.path.abspath(target)) for target in targets or (".",) if not isinstance(target, File)}
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or directory")
    found: list[Finding] = []
    for project, files, unlisted, _ in members(sorted(paths), lambda root: settings or _settings(root)):
        found += [not_read(path, reason) for path, reason in unlisted]
        how = project_check.RunOptions(skipped=[])
        reported = project_check.check(project, files, selected_rules(project.settings), named=paths, how=how)
        found += (in_cell(finding, project.notebook_at) for finding in reported)
    for file in targets:
        if isinstance(file, File):
            checked = _with(file, settings)
            found += _in_cells(check_named_file(checked, selected_rules(checked.project.settings)), file)
    return found


def fix(target: Target, *, unsafe: bool = False, settings: Settings | None = None) -> Fixed:
    """Return the fixed text of a file, the findings that were fixed, and those that are left, with the reason.

    Nothing is written. Raise OSError or SyntaxError if the file cannot be read, and UsageError as `check` does.

    Arguments:
        target: one file.
        unsafe: apply fixes that may change behaviour, too.
        settings: replace the configuration of the project.
    """
    from dbhygiene.fixes.apply import fix

    if isinstance(target, File):
        file = _with(target, settings)
    else:
        path = Path(os.path.abspath(target))
        root = loading.root_of(path)
        file = Project(root, settings or _settings(root)).file(path)
    rules, analyses = selected_rules(file.project.settings), Analyses(file.project)
    if isinstance(file.project, Project):
        load(file.project, [file.path], rules, analyses)
    fixed = fix(file, lambda changed: check_file(changed, rules, analyses), unsafe=unsafe)
    return fixed if file.notebook is None else _fixed_in_cells(fixed, file)


def _in_cells(findings: Iterable[Finding], file: File) -> Iterator[Finding]:
    """Return the findings in a file, in a notebook with the lines of their cells."""
    return (in_cell(finding, lambda path: file.notebook if path == file.path else None) for finding in findings)


def _fixed_in_cells(fixed: Fixed, before: File) -> Fixed:
    after = before.with_contents(fixed.text)
    left = _in_cells((each.finding for each in fixed.left), after)
    was = _in_cells((each.was for each in fixed.left), before)
    moved = (replace(each, finding=finding, was=old) for each, finding, old in zip(fixed.left, left, was, strict=True))
    return replace(fixed, fixed=tuple(_in_cells(fixed.fixed, before)), left=tuple(moved))


def _settings(root: Path) -> Settings:
    settings = loading.from_environment(loading.load_settings(root))
    loading.require_version(settings)
    return settings


def _with(file: File, settings: Settings | None) -> File:
    return file if settings is None else replace(file, project=NoProject(settings, file.project.root))
