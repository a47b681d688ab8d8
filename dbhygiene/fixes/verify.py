"""`same_meaning`: verify a fix: carry out its edits a second time, on the tree of `ast`, and compare.

The editor works on the text, this module on the meaning. If both agree, nothing else of the file has changed, no
parenthesis is missing, and no line of a string has moved.
"""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from dbhygiene.diagnostics.edits import (
    AddItem,
    AddKeyword,
    AddName,
    Edit,
    InsertAfter,
    InsertBefore,
    InsertFirst,
    MoveIntoWith,
    Remove,
    Replace,
    ReplaceItem,
    SetKeyword,
    WrapInTry,
)
from dbhygiene.fixes.targets import target_spans
from dbhygiene.source.file import File, split_lines
from dbhygiene.source.nodes import FUNCTION, Span, first_line, parse

_VALUE = "__the_old_value__"


def same_meaning(file: File, edits: Iterable[Edit], text: str) -> bool:
    """Whether a text is what these edits make of a file; raises SyntaxError where it does not parse."""
    model = _EditModel(file, edits)
    return _Comparison(file.text, text, model.untouched).agree(parse(text), model.tree())


class _Comparison:
    """Compares a tree of the new text with one of the model. A statement without edits agrees if its lines do."""

    def __init__(self, before: str, after: str, untouched: Collection[ast.AST]) -> None:
        self._before, self._after = map(split_lines, (before, after))
        self._untouched = untouched

    def agree(self, new: ast.AST, expected: ast.AST) -> bool:
        """Whether two modules, classes or functions agree."""
        if type(new) is not type(expected) or not isinstance(expected, (ast.Module, ast.ClassDef, *FUNCTION)):
            return self._have_same_lines(new, expected) or _dump(new) == _dump(expected)
        if self._have_same_lines(new, expected):
            return True
        new_body, body = new.body, expected.body  # type: ignore[attr-defined]
        if len(new_body) != len(body) or not all(map(self.agree, new_body, body)):
            return False
        new.body = expected.body = []  # type: ignore[attr-defined]
        return _dump(new) == _dump(expected)

    def _have_same_lines(self, new: ast.AST, expected: ast.AST) -> bool:
        if expected not in self._untouched or not (isinstance(new, ast.stmt) and isinstance(expected, ast.stmt)):
            return False
        if (new.col_offset, new.end_col_offset) != (expected.col_offset, expected.end_col_offset):
            return False
        return self._after[_lines(new)] == self._before[_lines(expected)]


def _lines(statement: ast.stmt) -> slice:
    return slice(first_line(statement) - 1, statement.end_lineno)


def _dump(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):  # a name finds its sorted place
            node.names.sort(key=lambda alias: (alias.name, alias.asname or ""))
        elif isinstance(node, ast.Call):  # a keyword goes before `**more`
            node.keywords.sort(key=lambda keyword: keyword.arg or "")
        orelse = getattr(node, "orelse", None)
        if isinstance(orelse, list) and len(orelse) == 1 and isinstance(orelse[0], ast.Pass):
            orelse.clear()  # an emptied `else` goes, unless comments are left there
    return ast.dump(tree)


class _EditModel(ast.NodeTransformer):
    def __init__(self, file: File, edits: Iterable[Edit]) -> None:
        self.file = file
        self.edits: dict[Span, list[Edit]] = {}
        for edit in dict.fromkeys(edits):
            self.edits.setdefault(target_spans(edit)[0], []).append(edit)
        every = [edit for some in self.edits.values() for edit in some]
        self.removed = {edit.statement for edit in every if isinstance(edit, Remove)}
        self.removed |= {span for edit in every if isinstance(edit, WrapInTry) for span in edit.moved}
        self.lines = sorted(span.line for span in (*self.edits, *self.removed))
        self.untouched: set[ast.AST] = set()  # the statements of the tree that stay as they are

    def tree(self) -> ast.Module:
        return self.visit(parse(self.file.text))  # type: ignore[no-any-return]

    def visit(self, node: ast.AST) -> Any:
        spot = self.file.span(node) if isinstance(node, (ast.expr, ast.stmt)) else None
        if isinstance(node, ast.stmt):
            end = node.end_lineno or node.lineno
            if not any(first_line(node) <= line <= end for line in self.lines):
                self.untouched.add(node)
                return node
        edits = self.edits.get(spot, []) if spot else []
        if isinstance(node, ast.JoinedStr) and spot:
            self.edits.pop(spot, None)  # before Python 3.12, its parts have the same place
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                may_end = name == "finalbody" or isinstance(node, ast.Module)
                setattr(node, name, self._block(value) or ([] if may_end else [ast.Pass()]))
            elif isinstance(value, list):
                setattr(node, name, self._edit_list(value))
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        if isinstance(node, ast.expr):
            return self._expression(node, edits)
        for edit in edits:
            match edit, node:
                case InsertFirst(code=code), ast.stmt():
                    has_docstring = (*FUNCTION, ast.ClassDef)
                    start = int(isinstance(node, has_docstring) and ast.get_docstring(node, clean=False) is not None)
                    node.body[start:start] = _statements(code)  # type: ignore[attr-defined]
                case AddName(name=name), ast.ImportFrom(names=names):
                    names += ast.parse(f"from m import {name}").body[0].names  # type: ignore[attr-defined]
        return node

    def _edit_list(self, values: Sequence[Any]) -> list[Any]:
        result: list[Any] = []
        for value in values:
            if not isinstance(value, ast.withitem):
                result.append(self.visit(value) if isinstance(value, ast.AST) else value)
                continue
            edits = self.edits.get(self.file.span(value.context_expr), [])
            items = [edit for edit in edits if isinstance(edit, ReplaceItem)]
            self.visit(value)
            result += _items(items[0].items, value.context_expr) if items else [value]
        return result

    def _expression(self, node: ast.expr, edits: Sequence[Edit]) -> ast.expr:
        for edit in edits:
            match edit, node:
                case AddKeyword(name=name, value=value), ast.Call():
                    node.keywords.append(ast.keyword(name, _expression(value)))
                case SetKeyword(name=name, value=value), ast.Call():
                    for keyword in node.keywords:
                        if keyword.arg == name:
                            keyword.value = _expression(value, keyword.value)
                case AddItem(key=key, value=value), ast.Dict():
                    node.keys.append(_expression(key))
                    node.values.append(_expression(value))
        for edit in edits:
            if isinstance(edit, Replace):
                node = _expression(edit.code, node, getattr(node, "ctx", None))
        return node

    # -- statements -----------------------------------------------------------------------------------

    def _block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Return a row for each statement; a `with` or `try` makes one of several, whose spans stay known."""
        spans = [self.file.span(statement) for statement in statements]
        edits = [edit for span in spans for edit in self.edits.get(span, [])]
        rows: list[list[ast.stmt]] = []
        for span, statement in zip(spans, statements, strict=True):
            new = self.visit(statement)
            dissolves = isinstance(new, ast.Try) and not new.handlers and not new.finalbody
            rows.append([] if span in self.removed else new.body if dissolves else [new])
        before: list[list[ast.stmt]] = [[] for _ in rows]
        after: list[list[ast.stmt]] = [[] for _ in rows]
        wraps: list[tuple[int, int, int, MoveIntoWith | WrapInTry]] = []
        for edit in edits:
            place = spans.index(target_spans(edit)[0])
            match edit:
                case InsertBefore(code=code):
                    before[place] += _statements(code)
                case InsertAfter(code=code):
                    after[place] += _statements(code)
                case MoveIntoWith(last=last) | WrapInTry(last=last):
                    end = spans.index(last)
                    wraps.append((end - place, place, end, edit))
        for _, start, end, edit in sorted(wraps, key=lambda wrap: wrap[0]):
            if isinstance(edit, MoveIntoWith):
                rows[start] = [_with(edit, rows[start][0], _between(before, rows, after, start, end, skip=True))]
            else:
                rows[start] = [_try(edit, _between(before, rows, after, start, end))]
            for i in range(start, end):
                after[i], before[i + 1], rows[i + 1] = [], [], []
        return [each for row in zip(before, rows, after, strict=True) for part in row for each in part]


_Rows = Sequence[Sequence[ast.stmt]]


def _between(before: _Rows, rows: _Rows, after: _Rows, start: int, end: int, *, skip: bool = False) -> list[ast.stmt]:
    """Return the statements from one row to another, without the code inserted outside of both."""
    result = [] if skip else list(rows[start])
    if start < end:
        result += after[start]
    for i in range(start + 1, end + 1):
        result += [*before[i], *rows[i], *(after[i] if i < end else ())]
    return result or [ast.Pass()]


def _with(edit: MoveIntoWith, assign: ast.stmt, body: list[ast.stmt]) -> ast.stmt:
    items = _items(edit.items, assign.value)  # type: ignore[attr-defined]
    return ast.AsyncWith(items, body) if edit.is_async else ast.With(items, body)


def _try(edit: WrapInTry, body: list[ast.stmt]) -> ast.stmt:
    code = _statements(edit.code)
    only: Any = body[0]  # a Try or, from Python 3.11 on, a TryStar
    if edit.clause == "finally" and len(body) == 1 and getattr(only, "handlers", None) and not only.finalbody:
        only.finalbody = code
        return body[0]
    statement = ast.parse(f"try:\n    pass\n{edit.clause}:\n    pass\n").body[0]
    assert isinstance(statement, ast.Try)
    statement.body = body
    if statement.finalbody:
        statement.finalbody = code
    else:
        statement.handlers[0].body = code
    return statement


# -- templates ------------------------------------------------------------------------------------------


def _statements(code: str) -> list[ast.stmt]:
    return ast.parse(textwrap.dedent(code)).body


def _items(code: str, value: ast.expr) -> list[ast.withitem]:
    statement = ast.parse(f"with {code.replace('$value', _VALUE)}: pass").body[0]
    return _ValueFiller(value).visit(statement).items  # type: ignore[no-any-return]


def _expression(code: str, value: ast.expr | None = None, context: ast.expr_context | None = None) -> ast.expr:
    expression = ast.parse(code.replace("$value", _VALUE), mode="eval").body
    if value is not None:
        expression = _ValueFiller(value).visit(expression)
    if context and hasattr(expression, "ctx"):
        expression.ctx = context
    return expression


class _ValueFiller(ast.NodeTransformer):
    def __init__(self, value: ast.expr) -> None:
        self.value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.value) if node.id == _VALUE else node
