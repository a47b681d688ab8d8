"""`with_ignores`: a file with comments that silence findings, at places where `suppressions` reads them.

conn = connect()  # dbhygiene: ignore[connection-not-closed] closed at exit
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from dbhygiene.config.errors import UsageError
from dbhygiene.diagnostics.model import Finding
from dbhygiene.diagnostics.suppressions import Suppression, rewrite_comment, statement_at, suppressions
from dbhygiene.source.file import File
from dbhygiene.source.nodes import LINE

_WIDEST = 88  # if a line with its comment were wider than this and than all other lines, the comment goes above it


class _CommentPlace(NamedTuple):
    """The place of a comment: at the end of a line, or on a line of its own above it."""

    line: int
    above: bool = False


def with_ignores(file: File, findings: Iterable[Finding], reason: str = "") -> File:
    """Return a file with a comment for each finding; raise UsageError if one cannot be written."""
    wanted: dict[_CommentPlace, dict[str, None]] = defaultdict(dict)
    try:
        text = _Text(file)
    except (tokenize.TokenError, SyntaxError) as error:
        raise UsageError(f"{file.path}: the comments cannot be separated from the code; add one by hand") from error
    for finding in sorted(findings, key=lambda finding: finding.name):
        wanted[text.place(finding, reason)][finding.name] = None
    for place in sorted(wanted, reverse=True):
        text.write(place, tuple(wanted[place]), reason)
    try:
        after = file.with_sections(dict(enumerate(text.sections())))
        same = ast.dump(after.tree) == ast.dump(file.tree)
    except (SyntaxError, ValueError):
        same = False
    if not same:
        raise UsageError(f"{file.path}: adding a comment would change the program; add it by hand")
    return after


class _Text:
    """The lines of a file, with their line endings, and the comment or code at the end of each.

    A comment above a line is written into that line: so each keeps its place in the list.
    """

    def __init__(self, file: File) -> None:
        self.lines = re.findall(LINE, file.text)
        self._file = file
        self._widest = max(_WIDEST, *(len(line.rstrip("\r\n")) for line in self.lines))
        self._end = next((end for line in self.lines if (end := line[len(line.rstrip("\r\n")) :])), "\n")
        self._closed: set[int] = set()  # lines that end neither in a string nor in a backslash
        for token in tokenize.generate_tokens(io.StringIO(file.text, newline="").readline):
            if token.type in (tokenize.NEWLINE, tokenize.NL):
                self._closed.add(token.start[0])
        self._own = {each.comment.line: each for each in suppressions(file) if _can_grow(each)}

    def place(self, finding: Finding, reason: str) -> _CommentPlace:
        """Return the place of the comment for a finding."""
        lines = [finding.span.line]
        statement = statement_at(self._file.tree, finding.span.line)
        if statement is not None:
            compound = hasattr(statement, "body") or hasattr(statement, "cases")
            lines += [statement.lineno, statement.lineno if compound else statement.end_lineno or statement.lineno]
        possible = [line for line in lines if line in self._closed]
        for line in possible:
            if line in self._own:
                return _CommentPlace(line)
        if possible and self._width(possible[0], finding.name, reason) <= self._widest:
            return _CommentPlace(possible[0])
        if statement is not None and not self.lines[statement.lineno - 1][: self._column(statement)].strip():
            return _CommentPlace(statement.lineno, above=True)
        return _CommentPlace(possible[0] if possible else finding.span.line)

    def _column(self, statement: ast.stmt) -> int:
        return self._file.span(statement).column

    def _width(self, line: int, name: str, reason: str) -> int:
        return len(self.lines[line - 1].rstrip("\r\n")) + len(_comment((name,), reason)) + 2

    def write(self, place: _CommentPlace, names: tuple[str, ...], reason: str) -> None:
        index = place.line - 1
        line = self.lines[index]
        code = line.rstrip("\r\n")
        end = line[len(code) :]
        if place.above:
            indent = code[: len(code) - len(code.lstrip())]
            self.lines[index] = f"{indent}{_comment(names, reason)}{end or self._end}{line}"
        elif own := self._own.get(place.line):
            start, stop = own.comment.column, own.comment.end_column
            self.lines[index] = code[:start] + rewrite_comment(code[start:stop], own, names, reason) + code[stop:] + end
        else:
            self.lines[index] = f"{code.rstrip()}  {_comment(names, reason)}{end}"

    def sections(self) -> Iterator[str]:
        """Yield the new text of each section of the file."""
        starts = [section.line - 1 for section in self._file.sections]
        for start, end in pairwise((*starts, len(self.lines))):
            text = "".join(self.lines[start:end])
            yield text.removesuffix("\n") if self._file.notebook is not None else text  # ends the cell


def _can_grow(comment: Suppression) -> bool:
    return bool(comment.rules) and len(comment.lines) == 1 and not comment.noqa


def _comment(names: tuple[str, ...], reason: str) -> str:
    return f"# dbhygiene: ignore[{', '.join(names)}] {reason}".rstrip()
