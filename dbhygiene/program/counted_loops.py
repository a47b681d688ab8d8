"""`count_items`: the number of items of a loop; and the truth of a condition in its last round.

for attempt in range(3):         # `count_items`: 3
    ...
    if attempt == 2:             # `truth_at_end`: true when there are no more items
        conn.close()
        raise
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

from dbhygiene.source.records import Row

_COMPARES: Mapping[type[ast.cmpop], Callable[[int, int], bool]] = {
    **{ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt},
    **{ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge},
}


class _Sum(Row):
    """An expression and a number: `limit - 1` is `limit` and -1, `2` is nothing and 2."""

    base: str
    number: int


def count_items(iterated: ast.expr) -> int | None:
    """Return how many items a `for` takes from an expression; None if that is not known."""
    match iterated:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
            return None if any(isinstance(each, ast.Starred) for each in elements) else len(elements)
        case ast.Constant(value=str() as text):
            return len(text)
        case ast.Call(func=ast.Name(id="range"), args=[*_, _] as given, keywords=[]) if len(given) < 3:
            start, stop = _sum(given[0]) if len(given) == 2 else _Sum("", 0), _sum(given[-1])
            return max(0, stop.number - start.number) if start.base == stop.base else None
    return None


def truth_at_end(loop: ast.For, condition: ast.AST) -> bool | None:
    """Return the truth of a condition on the variable of a loop once there are no more items; None if not known."""
    match loop.iter, loop.target, condition:
        case (
            ast.Call(func=ast.Name(id="range"), args=[*_, _] as given, keywords=[]),
            ast.Name(id=name),
            ast.Compare(left=left, ops=[op], comparators=[right]),
        ) if len(given) < 3 and type(op) in _COMPARES:
            stop = _sum(given[-1])
            last = _Sum(stop.base, stop.number - 1)
            sides = [_sum(left), _sum(right)]
            first, second = (_with_value(side, name, last) for side in sides)
            is_about = any(side.base == name for side in sides)
            if is_about and first.base == second.base and not _assigns_any(loop, {name, *_names(given[-1])}):
                return _COMPARES[type(op)](first.number, second.number)
    return None


def _sum(expr: ast.expr) -> _Sum:
    match expr:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return _Sum("", number)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=ast.Constant(value=int() as number)):
            base = _sum(left)
            return _Sum(base.base, base.number + (number if isinstance(op, ast.Add) else -number))
    return _Sum(ast.unparse(expr), 0)


def _with_value(sum_: _Sum, name: str, value: _Sum) -> _Sum:
    return _Sum(value.base, value.number + sum_.number) if sum_.base == name else sum_


def _names(expr: ast.expr) -> set[str]:
    """Return the variables and attributes that an expression mentions."""
    parts = list(ast.walk(expr))
    return {part.id for part in parts if isinstance(part, ast.Name)} | {
        part.attr for part in parts if isinstance(part, ast.Attribute)
    }


def _assigns_any(loop: ast.For, names: set[str]) -> bool:
    """Whether the body of a loop assigns one of these variables or attributes."""
    for statement in loop.body:
        for part in ast.walk(statement):
            match part:
                case (
                    ast.Name(id=name, ctx=ast.Store() | ast.Del())
                    | ast.Attribute(attr=name, ctx=ast.Store() | ast.Del())
                ) if name in names:
                    return True
    return False
