"""`Comparison` and `Edges`: a test of an error says that the connection is lost, that it is not, or neither.

if error.args[0] in (2006, 2013):    # true: lost; false: not lost
if "deadlock" in str(error):         # true: not lost
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.origins import ExpressionAt, only_value
from dbhygiene.program.values import Constant, Value, options
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import is_none, last_name, walk
from dbhygiene.source.records import Record

LOST = frozenset({2006, 2013, 2055, 4031, -1, 0, 2003, 2002, 5014})
LOST_TEXT = lazy_pattern(
    r"gone away|lost connection|connect|closed|terminat|broken pipe|server|reset|transaction|^$|2006|2013|2055",
    re.IGNORECASE,
)
_LOST_NAMES = lazy_pattern(r"lost|gone|disconnect|conn|closed|transient|retr(?:y|i)|recover|invalid", re.IGNORECASE)
_CONSTANTS = {  # of the modules of constants that drivers have
    **{"SERVER_GONE_ERROR": 2006, "CR_SERVER_GONE_ERROR": 2006, "CR_SERVER_GONE": 2006},
    **{"SERVER_LOST": 2013, "CR_SERVER_LOST": 2013, "CR_SERVER_LOST_EXTENDED": 2055, "SERVER_LOST_EXTENDED": 2055},
    **{"CONNECTION_ERROR": 2002, "CR_CONNECTION_ERROR": 2002, "CONN_HOST_ERROR": 2003, "CR_CONN_HOST_ERROR": 2003},
    **{"ER_CLIENT_INTERACTION_TIMEOUT": 4031},
}


class Comparison(NamedTuple):
    """A test of the number of an error: `negated` for `!=` and `not in`; None for a number that is not known."""

    asked: ast.expr  # what gives the number, such as `error.args[0]`
    numbers: tuple[int | None, ...]
    negated: bool
    literal: ast.expr  # the number, or the tuple of them, as written


class Edges(Record):
    """Which outcomes of a test are ruled out, if the connection is lost."""

    true: bool = False
    false: bool = False


def mentions(node: ast.AST, name: str | None) -> bool:
    return name is not None and any(isinstance(part, ast.Name) and part.id == name for part in walk(node))


def number_comparison(file: File, test: ast.expr, name: str | None) -> Comparison | None:
    """Return what a test compares the number of the error with; `name` is the variable of the handler."""
    match test:
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() | ast.Eq() | ast.NotEq() as op], comparators=[right]):
            if not _is_about(file, left, name):
                if not (isinstance(op, (ast.Eq, ast.NotEq)) and _is_about(file, right, name)):
                    return None
                left, right = right, left
            numbers = _numbers(file, right)
            if numbers and any(each is not None for each in numbers):
                return Comparison(left, numbers, isinstance(op, (ast.NotIn, ast.NotEq)), right)
    return None


def _is_about(file: File, expr: ast.expr, name: str | None) -> bool:
    """Whether an expression is made of the error: `error.args[0]`, or a variable that holds that."""
    if mentions(expr, name):
        return True
    return isinstance(expr, ast.Name) and any(mentions(value, name) for value in _values(file, expr))


def _values(file: File, variable: ast.Name) -> Iterator[ast.expr]:
    """Yield a variable of the function and its values, through other variables."""

    def values(expr: ast.expr) -> Sequence[ast.expr]:
        return file.scope_of(expr).aliases.get(expr.id, ()) if isinstance(expr, ast.Name) else ()

    return closure(variable, values)


def _numbers(file: File, expr: ast.expr) -> tuple[int | None, ...]:
    parts = _parts(file, expr)
    return tuple(_number(*part) for part in parts)


def _parts(file: File, expr: ast.expr) -> list[ExpressionAt]:
    """Return the expressions that a list of constants holds, or the only one; `numbers` may be a variable."""
    *_, last = closure(ExpressionAt(file, expr), _same_list)
    match last.expr:
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [ExpressionAt(last.file, part) for part in parts]
    return [last]


def _same_list(at: ExpressionAt) -> list[ExpressionAt]:
    match at.expr:
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[inner]):
            return [ExpressionAt(at.file, inner)]
    return only_value(*at)


def _number(file: File, expr: ast.expr) -> int | None:
    if (known := _CONSTANTS.get(last_name(expr))) is not None:
        return known
    found: Value = evaluate(file, expr)
    for option in options(found):
        if isinstance(option, Constant) and isinstance(option.value, int) and not isinstance(option.value, bool):
            return option.value
    return None


def texts_of(file: File, test: ast.expr, name: str | None) -> list[str]:
    """Return the texts that a test looks for in the error: `"gone away" in str(error)`."""
    match test:
        case ast.Compare(left=ast.Constant(value=str(text)), ops=[ast.In() | ast.NotIn()], comparators=[right]):
            return [text] if _is_about(file, right, name) else []
        case ast.Call(
            func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp(elt=ast.Compare() as each, generators=[loop])]
        ):
            if _is_about(file, each, name):
                return [
                    part.value
                    for _, part in _parts(file, loop.iter)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
        case ast.Call(func=ast.Attribute(attr="startswith" | "search" | "match" | "endswith"), args=args):
            if _is_about(file, test, name):
                return [each.value for each in args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return []


def excluded_outcomes(file: File, test: ast.expr, name: str | None, *, is_part: bool = False) -> Edges:
    """Return which outcomes a test does not have where the connection is lost; `is_part`: of a longer test."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = excluded_outcomes(file, operand, name, is_part=is_part)
            return Edges(inner.false, inner.true)
        case ast.Attribute(attr="connection_invalidated" | "is_disconnect"):
            return Edges(false=True)
    if (compared := number_comparison(file, test, name)) is not None:
        means_loss = any(number in LOST for number in compared.numbers if number is not None)
        return Edges(*(means_loss is compared.negated, means_loss is not compared.negated))
    if texts := texts_of(file, test, name):
        negated = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotIn)
        means_loss = any(LOST_TEXT.search(text) for text in texts)
        return Edges(*(means_loss is negated, means_loss is not negated))
    if isinstance(test, ast.Name) and not is_part and name is not None and test.id != name:
        for value in _values(file, test):
            if mentions(value, name):
                return _outcomes_of_long_test(file, value, name)
    if isinstance(test, ast.Call) and name is not None and mentions(test, name):
        called = last_name(test.func)
        if called in {"isinstance", "hasattr", "str", "len", "getattr", "repr"}:
            return Edges()
        return Edges(false=True) if _LOST_NAMES.search(called) else Edges(true=True)
    if isinstance(test, ast.Compare) and mentions(test, name) and not any(is_none(each) for each in test.comparators):
        return Edges(true=True, false=True)  # a test that is not understood: nothing is said of what follows
    return Edges()


def _outcomes_of_long_test(file: File, value: ast.expr, name: str) -> Edges:
    """Return the same for a variable that holds a longer test: whether any part of it looks for a loss."""
    for part in walk(value):
        if isinstance(part, ast.expr):
            inner = excluded_outcomes(file, part, name, is_part=True)
            if inner.false and not inner.true:
                return Edges(false=True)
    return Edges(true=True)
