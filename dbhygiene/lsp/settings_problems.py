"""`mistakes`, `warnings`: mistakes in settings, as diagnostics of the file that has them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from lsprotocol import types

from dbhygiene.checker.ineffective import ineffective
from dbhygiene.config import loading
from dbhygiene.config.errors import UsageError
from dbhygiene.lsp.positions import Encoding, range_of
from dbhygiene.project.project import Project
from dbhygiene.source.nodes import Span
from dbhygiene.source.regular_files import read_text

_IN_TOML = re.compile(r"\(at line (\d+), column \d+\)")  # as `tomllib` says it

Reports = Mapping[Path, Sequence[types.Diagnostic]]


def mistakes(root: Path, error: UsageError, encoding: Encoding) -> Reports:
    """Return the diagnostic of a mistake for which the settings of a project are not used."""
    return _reports(root, [(str(error), types.DiagnosticSeverity.Error)], encoding)


def warnings(project: Project, encoding: Encoding) -> Reports:
    """Return the diagnostics of settings that have no effect."""
    words = [*loading.misspelt(project.root), *ineffective(project, None)]
    return _reports(project.root, [(each, types.DiagnosticSeverity.Warning) for each in words], encoding)


def _reports(root: Path, messages: Sequence[tuple[str, types.DiagnosticSeverity]], encoding: Encoding) -> Reports:
    found: dict[Path, list[types.Diagnostic]] = defaultdict(list)
    for text, severity in messages:
        path, line, message = _parse(root, text)
        lines = _lines(path)
        width = len(lines[line - 1]) if line <= len(lines) else 0
        where = range_of(Span(line, 0, line, width), lines, encoding)
        found[path].append(types.Diagnostic(where, message, severity, source="dbhygiene"))
    return found


def _parse(root: Path, text: str) -> tuple[Path, int, str]:
    """Return the file, the line and the rest of a message, which may begin with the first two of these."""
    for path in (root / name for name in loading.FILES):
        found = re.match(rf"{re.escape(loading.display_path(path))}(?::(\d+))?: ", text)
        if found:
            in_toml = _IN_TOML.search(text)
            return path, int(found[1] or (in_toml[1] if in_toml else 1)), text[found.end() :]
    there = [path for name in loading.FILES if (path := root / name).exists()]
    return there[0] if there else root / loading.FILES[-1], 1, text


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path, "replace").splitlines()
    except OSError:
        return []
