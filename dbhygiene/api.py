"""The Python API: what `dbhygiene check` and `dbhygiene fix` do, as functions that return values and write nothing."""

from __future__ import annotations

import os
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

    Comments silence findings; baselines are not used. Raise `dbhygiene.UsageError` if a path does not exist, or a
    setting is invalid.

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
        found += project_check.check(project, files, selected_rules(project.settings), named=paths)
    for file in targets:
        if isinstance(file, File):
            checked = _with(file, settings)
            found += check_named_file(checked, selected_rules(checked.project.settings))
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
    return fix(file, lambda changed: check_file(changed, rules, analyses), unsafe=unsafe)


def _settings(root: Path) -> Settings:
    settings = loading.from_environment(loading.load_settings(root))
    loading.require_version(settings)
    return settings


def _with(file: File, settings: Settings | None) -> File:
    return file if settings is None else replace(file, project=NoProject(settings, file.project.root))
