"""Comments that silence findings: `# dbhygiene: ignore[name] reason`, `ignore-file[name]`, `# noqa: HYG101`.

A comment counts for the finding that begins or ends on its line, and for the statement that does. An `ignore` alone
on its line counts for the next line of code: many lines are full already.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dbhygiene.model import Finding
from dbhygiene.source import File

_OURS = re.compile(r"#\s*dbhygiene:\s*ignore(?P<file>-file)?(?:\s*\[(?P<rules>[^\]]*)\])?(?![\w\[-])(?P<reason>.*)")
_NOQA = re.compile(r"#\s*noqa(?::\s*(?P<rules>[A-Z]+[0-9]*(?:[,\s]+[A-Z]+[0-9]+)*))?(?![\w:])", re.I)
_SEPARATOR = re.compile(r"[,\s]+")


class Suppression(NamedTuple):
    """One comment: the line that it counts for (None: the whole file), and the rules; none named means all."""

    line: int | None
    rules: tuple[str, ...] = ()
    reason: str = ""
    noqa: bool = False

    def names(self, finding: Finding) -> bool:
        if not self.rules:
            return True
        if self.noqa:  # as flake8 reads it: codes, by prefix
            return finding.code.startswith(tuple(rule.upper() for rule in self.rules))
        return finding.code in self.rules or finding.name in self.rules


def unsuppressed(file: File, findings: Iterable[Finding]) -> list[Finding]:
    """The findings that no comment silences."""
    findings = list(findings)
    if not findings or not (comments := suppressions(file)):
        return findings
    return [
        finding
        for finding in findings
        if not any(c.names(finding) and (c.line is None or c.line in _lines(file, finding)) for c in comments)
    ]


def suppressions(file: File) -> tuple[Suppression, ...]:
    """The comments of a file that silence something."""
    if "dbhygiene:" not in file.text and "noqa" not in file.text.lower():
        return ()
    try:
        return tuple(_read(file.text))
    except (tokenize.TokenError, SyntaxError):  # parsed all the same: `tokenize` is the stricter of the two
        return ()


def _read(text: str) -> Iterator[Suppression]:
    pending: list[Suppression] = []  # comments alone on their lines, until the next code
    code_line = 0
    for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if match := _OURS.search(token.string):
                alone = line != code_line
                place = None if match["file"] else line
                found = Suppression(place, _rules(match["rules"]), match["reason"].strip())
                if alone and place:
                    pending.append(found)
                yield found
            elif match := _NOQA.search(token.string):
                yield Suppression(line, _rules(match["rules"]), noqa=True)
        elif token.type not in _BLANK:
            for above in pending:
                yield Suppression(line, above.rules, above.reason)
            pending.clear()
            code_line = token.end[0]


_BLANK = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def _rules(text: str | None) -> tuple[str, ...]:
    return tuple(word for word in _SEPARATOR.split(text or "") if word)


def _lines(file: File, finding: Finding) -> set[int]:
    """The lines on which a comment silences a finding: first and last of it, and of its statement."""
    lines = {finding.span.line, finding.span.end_line}
    statement = _statement(file.tree, finding.span.line)
    if statement is not None:
        body = getattr(statement, "body", None)
        if body:  # of a compound statement, only the head belongs to the finding
            return {finding.span.line, statement.lineno, max(statement.lineno, body[0].lineno - 1)}
        lines |= {statement.lineno, statement.end_lineno or statement.lineno}
    return lines


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    """The innermost statement that covers a line."""
    covering = [s for s in ast.walk(tree) if isinstance(s, ast.stmt) and s.lineno <= line <= (s.end_lineno or 0)]
    return max(covering, key=lambda s: (s.lineno, s.col_offset), default=None)
