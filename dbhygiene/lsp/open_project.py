"""`OpenProject`: one project, whose files are kept between checks, with the texts of the editor in place of theirs."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dbhygiene.checker.baseline_filter import Filter
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.project_check import RunOptions, check
from dbhygiene.checker.selection import selected_rules
from dbhygiene.checker.subjects import Analyses
from dbhygiene.config import loading
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import Finding, Step
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.notebooks import OpenNotebook, part_of
from dbhygiene.program.code import forget
from dbhygiene.project.project import Project
from dbhygiene.source.file import NOTEBOOK, File
from dbhygiene.source.nodes import NOT_PYTHON
from dbhygiene.source.regular_files import change_mark

if TYPE_CHECKING:
    from dbhygiene.fixes.apply import Check

CHECKS_BETWEEN = 25  # between two searches for garbage, which begin when the editor is idle
MOST_CHECKS_BETWEEN = 2 * CHECKS_BETWEEN  # if it never is
CHECKS_UNTIL_ALL = 250  # between two that look through all objects

Progress: TypeAlias = "Callable[[int, int, int], None]"  # files checked so far, files, findings


def settings_of(root: Path, assignments: Sequence[str]) -> Settings:
    """Return the settings of the project with this root, as `check` would use them; raise UsageError if one is wrong.

    Arguments:
        assignments: values that the editor sets, as by `--config`.
    """
    settings = loading.from_environment(loading.load_settings(root))
    for assignment in assignments:
        settings = loading.with_assignment(settings, assignment)
    loading.require_version(settings)
    selected_rules(settings)
    return settings


class OpenProject:
    """A project with settings that are valid. Not for several threads at once."""

    def __init__(self, root: Path, settings: Settings, only: Path | None = None) -> None:
        """`only` is the file of a project that has no other."""
        self.root, self.settings = root, settings
        self.rules = selected_rules(settings)
        self._only = only
        self._checks = 0
        self._checks_until_tidy = 1  # then most objects that are kept have been made
        self._documents: dict[Path, Document | OpenNotebook] = {}
        self._read_files()

    def _read_files(self) -> None:
        self.project = self._new_project()
        self._own = set(self.project.everything)
        self._times = {path: change_mark(path) for path in self._own}
        self._found: dict[Path, Sequence[Finding]] = {}
        self._last: tuple[Path, Analyses] | None = None
        for path, document in self._documents.items():
            self.project.supply(path, document.encode())

    def _new_project(self) -> Project:
        project = Project(self.root, self.settings, is_edited=True)
        if self._only:
            project.limit_to(self._only)
        return project

    # -- texts ----------------------------------------------------------------------------------------

    def use(self, documents: Mapping[Path, Document | OpenNotebook]) -> None:
        """Check these texts from now on, instead of the files with their paths."""
        for path in [path for path in self._documents if path not in documents]:
            del self._documents[path]
            self._update(path, None)
        for path, document in documents.items():
            known = self._documents.get(path)
            self._documents[path] = document
            if known is not document and (known is None or known.text != document.text):
                self._update(path, document.encode())

    def refresh(self, *, anew: bool = False) -> None:
        """Read files again that have changed on disk; `anew`: all, since others than Python files may have."""
        if anew or self._new_project().everything != self.project.everything:
            self._read_files()
            return
        for path, known in self._times.items():
            self._times[path] = times = change_mark(path)
            if times != known and path not in self._documents:
                self._update(path, None)

    def _update(self, path: Path, data: bytes | None) -> None:
        if data is not None and data == self._bytes(path):
            return
        self.project.update(path, data)
        forget()  # the nodes of the text before
        self._found.clear()
        if self._last is not None:
            self._last[1].close()
        self._last = None

    def _bytes(self, path: Path) -> bytes | None:
        try:
            return self.project.read(path)
        except OSError:
            return None

    @property
    def paths(self) -> Sequence[Path]:
        """The project's files."""
        return self.project.everything

    def includes(self, path: Path) -> bool:
        """Whether a file, which need not exist, is one of the project's that are checked.

        A notebook is while it is open: the editor shows the places of another by the lines of its JSON text.
        """
        if path.suffix == NOTEBOOK and path not in self._documents:
            return False
        return path in self._own or (
            not path.exists() and bool(self.project.discover([path], force_exclude=True).files)
        )

    def file(self, path: Path) -> File | None:
        """Return a file; None if it cannot be read."""
        try:
            return self.project.file(path)
        except (OSError, *NOT_PYTHON):
            return None

    def lines(self, place: Finding | Step) -> Sequence[str]:
        """Return the lines of the file of a place, or of its cell; none if it cannot be read."""
        return part_of(file, place.cell).lines if (file := self.file(place.path)) else ()

    # -- results --------------------------------------------------------------------------------------

    def findings(self, path: Path) -> Sequence[Finding]:
        """Return the findings in a file that are not in the baseline; raise UsageError if that cannot be read."""
        if path not in self._found:
            self._check(path)
        return list(Filter(self.project, self.rules, None, None).new(self._found[path]))

    def _check(self, path: Path) -> Analyses:
        if self._checks - self._checks_until_tidy >= MOST_CHECKS_BETWEEN - CHECKS_BETWEEN:
            self.tidy()
        self._checks += 1
        analyses = Analyses(self.project)
        self._found[path] = list(check(self.project, [path], self.rules, named={path}, analyses=analyses))
        self._last = path, analyses
        return analyses

    def tidy(self) -> None:
        """Free what earlier checks have left, if they were many: to look for it takes longer than a check."""
        if self._checks < self._checks_until_tidy:
            return
        if self._checks // CHECKS_UNTIL_ALL > (self._checks_until_tidy - 1) // CHECKS_UNTIL_ALL:
            self.project.forget_results()  # some are about nodes of earlier texts
            gc.unfreeze()
        gc.collect()
        gc.freeze()  # most objects are kept, and the next search may skip them
        self._checks_until_tidy = self._checks + CHECKS_BETWEEN

    def check_all(self, progress: Progress) -> Mapping[Path, Sequence[Finding]]:
        """Return the findings in all files that have any, as `findings` does; what `progress` raises ends the check.

        Notebooks are left out: the findings of their cells are sent while they are open.
        """
        found = check(self.project, self.paths, self.rules, how=RunOptions(progress=progress))
        new = Filter(self.project, self.rules, None, None).new(found)
        grouped = ((path, list(group)) for path, group in groupby(new, key=lambda finding: finding.path))
        return {path: findings for path, findings in grouped if path.suffix != NOTEBOOK and self.includes(path)}

    def analyses(self, path: Path) -> Analyses:
        """Return the analyses of the project, with what the check of a file needs."""
        return self._last[1] if self._last and self._last[0] == path else self._check(path)

    def checker(self, path: Path) -> Check:
        """Return the function that checks a changed text of a file, to prove a fix."""
        analyses = self.analyses(path)
        return lambda changed: check_file(changed, self.rules, analyses)
