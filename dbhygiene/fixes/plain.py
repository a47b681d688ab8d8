"""`plain_edit`: carry out simple edits on the lines of a file. It writes what `Editor` writes, without LibCST.

conn = connect()                 with closing(connect()) as conn:
work(conn)              ──▶          work(conn)

To import LibCST takes 0.2 s, several times as long as the check of a small file. Where comments, blank lines, brackets
or strings would need a closer look, no plain edit is made.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from dbhygiene.diagnostics.edits import (
    AddKeyword,
    AddName,
    Edit,
    InsertAfter,
    InsertBefore,
    MoveIntoWith,
    Remove,
    WrapInTry,
    widest,
)
from dbhygiene.fixes.targets import insertion_index, name_orders, target_spans
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import Span, block_of, first_line

_STEP = "    "
_SIMPLE_VALUE = lazy_pattern(r"[\w.\"']+")


def plain_edit(file: File, edits: Iterable[Edit]) -> str | None:
    """Return the text of a file after these edits; None if they are not simple."""
    edits = list(dict.fromkeys(edits))
    is_plain = file.notebook is None and file.text.endswith("\n") and not re.search(r"[\r\f]|^ *\t", file.text, re.M)
    if not is_plain or _first_step(file.tree.body) not in (None, len(_STEP)):
        return None
    try:
        return _Lines(file, edits).text()
    except _NotSimpleError:
        return None


class _NotSimpleError(Exception):
    """Raised if an edit needs LibCST."""


class _Lines:
    """The lines of a file, each with what stands before it, after it, and in its place. They are counted from 0."""

    def __init__(self, file: File, edits: Sequence[Edit]) -> None:
        self._file, self._lines = file, file.text.split("\n")[:-1]
        self._own: dict[int, str | None] = {}
        self._before: dict[int, list[str]] = {}
        self._after: dict[int, list[str]] = {}
        self._shifted: list[range] = []
        self._inserted: list[int] = []
        first = {span[:2] for edit in edits for span in target_spans(edit)}
        lines = {line for line, _ in first}
        near = [node for node in ast.walk(file.tree) if getattr(node, "lineno", 0) in lines]
        self._statements = {file.span(node): node for node in near if isinstance(node, ast.stmt)}
        self._calls = {file.span(node): node for node in near if isinstance(node, ast.Call)}
        keywords: dict[Span, list[AddKeyword]] = {}
        for edit in edits:
            match edit:
                case AddKeyword():
                    keywords.setdefault(edit.call, []).append(edit)
                case AddName():
                    self._add_name(edit)
                case InsertBefore():
                    self._insert_before(edit)
                case InsertAfter():
                    self._insert_after(edit)
                case MoveIntoWith():
                    self._move_into_with(edit)
                case WrapInTry():
                    self._wrap_in_try(edit)
                case Remove():
                    self._remove(self._statement(edit.statement))
                case _:
                    raise _NotSimpleError
        for call, added in keywords.items():
            self._add_keywords(call, added)
        _require(not any(line in shifted for line in self._inserted for shifted in self._shifted))

    def text(self) -> str:
        return "".join(f"{line}\n" for number in range(len(self._lines)) for line in self._written(number))

    def _written(self, number: int) -> Iterator[str]:
        yield from self._before.get(number, ())
        line = self._own.get(number, self._lines[number])
        if line is not None:
            yield _STEP + line if line and any(number in shifted for shifted in self._shifted) else line
        yield from self._after.get(number, ())

    # -- parts ----------------------------------------------------------------------------------------

    def _statement(self, span: Span) -> ast.stmt:
        """Return the statement at a place, which begins its first line, and ends its last one."""
        node = self._statements.get(span)
        _require(node is not None)
        assert node is not None
        _require(not self._lines[span.line - 1][: span.column].strip())
        _require(not self._lines[span.end_line - 1][span.end_column :].strip())
        return node

    def _siblings(self, node: ast.stmt) -> list[ast.stmt]:
        """Return the statements of the block that has this one."""
        return block_of(self._file.parents[node], node)

    def _has_comment(self, number: int) -> bool:
        """Whether a line is a comment."""
        return 0 <= number < len(self._lines) and self._lines[number].lstrip().startswith("#")

    def _replace(self, number: int, line: str | None) -> None:
        _require(number not in self._own)
        self._own[number] = line

    # -- expressions and imports ------------------------------------------------------------------------

    def _add_keywords(self, span: Span, edits: Sequence[AddKeyword]) -> None:
        call, line = self._calls.get(span), self._lines[span.line - 1]
        _require(call is not None and span.line == span.end_line)
        assert call is not None
        before = line[: span.end_column - 1]
        _require(not any(isinstance(each, ast.GeneratorExp) for each in call.args))
        _require(all(keyword.arg for keyword in call.keywords) and all(_SIMPLE_VALUE.fullmatch(e.value) for e in edits))
        _require(not {keyword.arg for keyword in call.keywords} & {edit.name for edit in edits})
        _require(before == before.rstrip() and before[-1:] != "," and line[span.end_column - 1] == ")")
        added = ", ".join(f"{edit.name}={edit.value}" for edit in edits)
        new = f"{before}{', ' if call.args or call.keywords else ''}{added}{line[span.end_column - 1 :]}"
        self._replace(span.line - 1, self._not_too_wide(new))

    def _not_too_wide(self, line: str) -> str:
        file = self._file
        _require(len(line) <= widest(file.lines, file.project.line_length(file)))
        return line

    def _add_name(self, edit: AddName) -> None:
        node, line = self._statement(edit.statement), self._lines[edit.statement.line - 1]
        plain = re.fullmatch(r"from ([\w.]+) import (\w+(?:, \w+)*)", line.strip())
        _require(isinstance(node, ast.ImportFrom) and plain is not None and edit.name.isidentifier())
        assert plain is not None
        names = plain[2].split(", ")
        names.insert(insertion_index(names, edit.name, name_orders(self._file.tree)), edit.name)
        indent = line[: edit.statement.column]
        self._replace(edit.statement.line - 1, self._not_too_wide(f"{indent}from {plain[1]} import {', '.join(names)}"))

    # -- statements -----------------------------------------------------------------------------------

    @staticmethod
    def _code(edit: InsertBefore | InsertAfter) -> tuple[list[str], int]:
        code, blank = _split_code(edit.code)
        _require(edit.statement.column == 0 or not (blank or "" in code))  # within a block, LibCST indents blank lines
        return code, blank

    def _insert_before(self, edit: InsertBefore) -> None:
        node, indent = self._statement(edit.statement), edit.statement.column * " "
        number = first_line(node) - 1
        _require(not self._has_comment(number - 1) and not edit.code.startswith("\n"))
        code, blank = self._code(edit)
        self._inserted.append(number)
        self._before.setdefault(number, []).extend([*_indented(code, indent), *[""] * blank])

    def _insert_after(self, edit: InsertAfter) -> None:
        node, indent = self._statement(edit.statement), edit.statement.column * " "
        _require(not hasattr(node, "body"))
        number = edit.statement.end_line - 1
        code, blank = self._code(edit)
        following = 0
        while number + 1 + following < len(self._lines) and not self._lines[number + 1 + following]:
            following += 1
        _require(blank <= following or self._siblings(node)[-1] is not node)
        _require(number not in self._after)
        self._inserted.append(number)
        self._after[number] = [*_indented(code, indent), *[""] * (blank - following)]

    def _remove(self, node: ast.stmt) -> None:
        """Remove a statement that has no comment, and no blank line above it."""
        number = node.lineno - 1
        above = self._lines[number - 1] if number else ""
        _require(node.lineno == node.end_lineno and bool(above.strip()) and not self._has_comment(number - 1))
        block = self._siblings(node)
        _require(any(each.lineno - 1 not in self._own for each in block if each is not node))
        self._replace(number, None)

    def _move_into_with(self, edit: MoveIntoWith) -> None:
        assign, last = self._statement(edit.assign), self._statement(edit.last)
        match assign:
            case ast.Assign(targets=[_], value=ast.Call() as value) | ast.AnnAssign(value=ast.Call() as value):
                pass
            case _:
                raise _NotSimpleError
        _require(assign is not last and assign.lineno == assign.end_lineno)
        number, indent = assign.lineno - 1, edit.assign.column * " "
        items = edit.items.replace("$value", self._file.excerpt(self._file.span(value)))
        self._replace(number, f"{indent}{'async ' if edit.is_async else ''}with {items}:")
        start = number + 1
        while not self._lines[start]:
            self._replace(start, None)
            start += 1
        self._shift(assign, last, start)

    def _wrap_in_try(self, edit: WrapInTry) -> None:
        first, last = self._statement(edit.first), self._statement(edit.last)
        moved = [self._statement(span) for span in edit.moved]
        block = self._siblings(first)
        number, indent = first_line(first) - 1, edit.first.column * " "
        within = block[block.index(first) : block.index(last) + 1] if last in block else []
        kept = [each for each in within if each not in moved]
        _require(bool(kept) and kept[0] is first and not self._has_comment(number - 1))
        _require(all(each in block for each in moved) and not isinstance(kept[0], ast.Try))
        for each in moved:
            self._remove(each)
        self._shift(first, last, number)
        code, blank = _split_code(edit.code)
        _require(not blank and "" not in code)
        self._before.setdefault(number, []).append(f"{indent}try:")
        self._after[edit.last.end_line - 1] = [f"{indent}{edit.clause}:", *_indented(code, indent + _STEP)]

    def _shift(self, first: ast.stmt, last: ast.stmt, start: int) -> None:
        """Indent the lines from one statement of a block to another one."""
        block, base = self._siblings(first), first.col_offset
        above = self._file.parents[first]
        _require(last in block and base - getattr(above, "col_offset", base) in (0, len(_STEP)))
        within = block[block.index(first) : block.index(last) + 1]
        parts = (part for statement in within for part in ast.walk(statement))
        texts = (part for part in parts if isinstance(part, (ast.Constant, ast.JoinedStr)))
        _require(all(part.lineno == part.end_lineno for part in texts))
        end = last.end_lineno or last.lineno
        for line in self._lines[start:end]:
            _require(not line or (line.startswith(" " * base) and bool(line.strip())))
        following = next((line for line in self._lines[end:] if line.strip()), "")
        _require(not following.startswith(" " * (base + 1)))  # a comment that may belong to the last statement
        region = range(start, end)
        _require(not any(set(region) & set(other) for other in self._shifted))
        _require(not any(line in self._before or line in self._after for line in region))
        self._shifted.append(region)


def _require(is_simple: bool) -> None:
    if not is_simple:
        raise _NotSimpleError


def _first_step(statements: Iterable[ast.stmt]) -> int | None:
    """Return by how much the first block of a file is indented; None if there is no block, 0 if it is not known."""
    for statement in statements:
        body = getattr(statement, "body", None)
        if isinstance(body, list) and body and body[0].lineno > statement.lineno:
            return int(body[0].col_offset) - statement.col_offset
        if isinstance(statement, ast.Match):
            return 0
    return None


def _split_code(code: str) -> tuple[list[str], int]:
    """Return the lines of inserted code, and the number of blank lines that follow it."""
    lines = textwrap.dedent(code).rstrip(" \t").rstrip("\n").split("\n")
    return lines, max(0, len(code) - len(code.rstrip("\n")) - 1)


def _indented(lines: Iterable[str], indent: str) -> list[str]:
    return [indent + line if line else "" for line in lines]
