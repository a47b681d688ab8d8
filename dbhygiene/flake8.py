"""The flake8 plugin: the same rules on flake8's own tree, one file at a time.

It finds what one file shows. `dbhygiene check` also reads the rest of the project.
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
from dbhygiene.source.file import File, NoProject

_OF_THE_PROJECT = "HYG002"  # a comment may silence what only other files lead to

Problem = tuple[int, int, str, type["Plugin"]]


class Plugin:
    """What flake8 makes for each file."""

    name = "dbhygiene"
    version = __version__

    def __init__(self, tree: ast.Module, filename: str, lines: list[str]) -> None:
        self._tree = tree
        self._path = Path(os.path.abspath(filename))
        self._text = "".join(lines)

    def run(self) -> Iterator[Problem]:
        """The findings; columns in UTF-8 bytes from 0, which is what `ast` and flake8 count in."""
        try:
            yield from self._problems()
        except UsageError as error:
            yield self._problem(1, 0, INTERNAL_ERROR, str(error))
        except Exception as error:  # or flake8 would end here, with all other plugins
            yield self._problem(1, 0, INTERNAL_ERROR, f"internal error: {type(error).__name__}: {error}")

    def _problems(self) -> Iterator[Problem]:
        root = _root(self._path.parent)
        settings, rules = _settings_and_rules(root)
        file = File(self._path, self._text, project=NoProject(settings, root))
        file.__dict__["tree"] = self._tree  # a cached property, filled in
        for finding in check_file(file, rules):
            line, column, *_ = finding.span
            byte = len(file.lines[line - 1][:column].encode(errors="replace"))
            yield self._problem(line, byte, finding.code, finding.message)

    def _problem(self, line: int, column: int, code: str, message: str) -> Problem:
        words = " ".join(message.split())  # flake8 prints a problem on one line
        return line, column, f"{code} {words}", type(self)


_root_of = lru_cache(loading.root_of)


@lru_cache
def _root(directory: Path) -> Path:
    """The root of the project, looked for once below each directory that has a mark of one."""
    for around in (directory, *directory.parents):
        if any(os.path.exists(os.path.join(around, marker)) for marker in loading.MARKERS):
            return _root_of(around)
    return _root_of(directory)


@lru_cache
def _settings_and_rules(root: Path) -> tuple[Settings, tuple[AnyRule, ...]]:
    settings = loading.from_environment(loading.load_settings(root))
    loading.require_version(settings)
    return settings, tuple(rule for rule in selected_rules(settings) if rule.code != _OF_THE_PROJECT)
