"""`hover_at`: the life of a connection, as `dbhygiene explain` prints it, or the rules that a comment silences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lsprotocol import types

from dbhygiene import DOCUMENTATION
from dbhygiene.checker.own_pages import page_of
from dbhygiene.checker.registry import all_rules
from dbhygiene.diagnostics.suppressions import suppressions
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.explanation import explain, states, table
from dbhygiene.lsp.documents import Document
from dbhygiene.lsp.notebooks import part_of
from dbhygiene.lsp.positions import column_at, range_of
from dbhygiene.lsp.workspace import Workspace
from dbhygiene.reports.common import page_address
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Span

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_MOST = 3  # lives in one hover: a name may be used again and again


def hover_at(workspace: Workspace, document: Document, position: types.Position) -> types.Hover | None:
    """Return the life of the connection at a position, or the rules that a comment there silences; else None."""
    project = workspace.project_of(document.path)
    file = project.file(document.path) if project and project.includes(document.path) else None
    if project is None or file is None or not file.is_program:
        return None
    above, _, lines = part_of(file, document.cell)
    if position.line >= len(lines):
        return None
    line, text = above + position.line + 1, lines[position.line]
    column = column_at(position.character, text, workspace.client.encoding)
    texts = list(_describe_ignored_rules(file, line, column))
    start = end = column
    if not texts and (name := _name_at(text, column)) is not None:
        start, end = name.span()
        lives = project.analyses(document.path).subjects("Lifetime", file)
        texts = [_describe(life, line, file) for life in lives if _is_named(life, line, name[0])][:_MOST]
    if not texts:
        return None
    contents = types.MarkupContent(types.MarkupKind.Markdown, "\n\n---\n\n".join(texts))
    span = Span(position.line + 1, start, position.line + 1, end)
    return types.Hover(contents, range_of(span, lines, workspace.client.encoding))


def _name_at(text: str, column: int) -> re.Match[str] | None:
    """Return the name with its dots around a column, up to the end of the word there."""
    for found in _NAME.finditer(text):
        if found.start() <= column <= found.end():
            end = next((dot for dot in range(column, found.end()) if text[dot] == "."), found.end())
            return _NAME.match(text, found.start(), end)
    return None


def _is_named(life: Lifetime, line: int, name: str) -> bool:
    """Whether a name in a line stands for a resource: where it is opened, or where it exists."""
    is_opened = life.statement.lineno <= line <= (life.birth.end_lineno or 0)
    return name in life.names and (is_opened or bool(states(life, line)))


def _describe(life: Lifetime, line: int, file: File) -> str:
    explanation = explain(life)
    rows = table(explanation, file)
    here = "" if life.birth.lineno == line else " or ".join(states(life, line))
    before = f"Before this line, it is {here}.\n\n" if here else ""
    return f"**{explanation.title}**: {explanation.verdict}\n\n{before}```text\n{chr(10).join(rows)}\n```"


def _describe_ignored_rules(file: File, line: int, column: int) -> Iterator[str]:
    """Yield what each rule is about that a comment here silences."""
    for comment in suppressions(file):
        if comment.comment.line == line and comment.comment.column <= column <= comment.comment.end_column:
            for rule in all_rules():
                if comment.rules and comment.names(rule.code, rule.name):
                    page = page_address(rule.name, DOCUMENTATION)
                    more = f"[Its page]({page})" if page else f"`dbhygiene rule {rule.name}` prints its page."
                    yield f"**{rule.code} {rule.name}**: {page_of(rule.name).strip().partition(chr(10))[0]}\n\n{more}"
