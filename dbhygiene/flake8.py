"""`Plugin`: the flake8 plugin, the same rules on the tree of flake8, one file at a time.

`dbhygiene check` also reads the other files of the project, and finds more.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from dbhygiene import __version__
from dbhygiene.checker.file_check import check_file
from dbhygiene.checker.own_findings import INTERNAL_ERROR
from dbhygiene.checker.selection import selected_rules
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.config.settings import Settings
from dbhygiene.diagnostics.model import AnyRule
from dbhygiene.reports.brief import in_brief
from dbhygiene.source.file import File, NoProject

_OF_THE_PROJECT = "HYG002"  # a comment may silence a finding that depends on other files

Problem = tuple[int, int, str, type["Plugin"]]


class Plugin:
    """The plugin; flake8 creates one for each file."""

    name = "dbhygiene"
    version = __version__

    def __init__(self, tree: ast.Module, filename: str, lines: list[str]) -> None:
        self._tree = tree
        self._path = Path(os.path.abspath(filename))
        self._text = "".join(lines)

    def run(self) -> Iterator[Problem]:
        """Yield the findings; columns are UTF-8 bytes from 0, as in `ast` and flake8."""
        try:
            yield from self._problems()
        except UsageError as error:
            yield self._problem(1, 0, INTERNAL_ERROR, str(error))
        except Exception as error:  # otherwise flake8 would stop, with all other plugins
            yield self._problem(1, 0, INTERNAL_ERROR, f"internal error: {type(error).__name__}: {error}")

    def _problems(self) -> Iterator[Problem]:
        root = _root(self._path.parent)
        settings, rules = _settings_and_rules(root)
        file = File(self._path, self._text, project=NoProject(settings, root))
        file.__dict__["tree"] = self._tree  # a cached property, filled in
        for finding in check_file(file, rules):
            line, column, *_ = finding.span
            byte = len(file.lines[line - 1][:column].encode(errors="replace"))
            path = in_brief(finding, lambda step: file.lines if step.path == self._path else ())
            words = f"{finding.message} ({path})" if path else finding.message
            yield self._problem(line, byte, finding.code, words)

    def _problem(self, line: int, column: int, code: str, message: str) -> Problem:
        words = " ".join(message.split())  # flake8 prints a problem on one line
        return line, column, f"{code} {words}", type(self)


_root_of = lru_cache(loading.root_of)


@lru_cache
def _root(directory: Path) -> Path:
    """Return the root of the project of a directory; memoised."""
    for around in (directory, *directory.parents):
        if any(os.path.exists(os.path.join(around, marker)) for marker in loading.MARKERS):
            return _root_of(around)
    return _root_of(directory)


@lru_cache
def _settings_and_rules(root: Path) -> tuple[Settings, tuple[AnyRule, ...]]:
    settings = loading.from_environment(loading.load_settings(root))
    loading.require_version(settings)
    return settings, tuple(rule for rule in selected_rules(settings) if rule.code != _OF_THE_PROJECT)
