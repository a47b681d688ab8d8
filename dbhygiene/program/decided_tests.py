"""`decided_tests`: the tests of a function that the constant arguments of a call decide.

def report(order, status):
    if status == FAILED:            # False for `report(order, "done")`, and for `report(order, DONE)`
        order.delete()
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from dbhygiene.program.arguments import bind_arguments, defaults, has_unpacked, takes_owner
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.code import bound_once, tests_of_names
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, statements_before


class _Known(NamedTuple):
    """A constant; `owner` is the class with bases that it is an attribute of: a member of an enumeration, perhaps."""

    value: Any
    owner: str = ""


def decided_tests(caller: File, call: ast.Call, file: File, function: Function) -> tuple[tuple[ast.expr, bool], ...]:
    """Return the tests of a function whose result a call decides, by a constant or by leaving out a constant default.

    A parameter that the function binds again is unknown.
    """
    if has_unpacked(call) or not (tests := tests_of_names(function)):
        return ()
    scope = file.functions[function]
    given = {name: (file, value) for name, value in defaults(function).items()}
    passed = bind_arguments(call, function, bound=takes_owner(scope))
    given |= {name: (caller, value) for name, value in passed.items()}
    known: dict[str, _Known] = {}
    for name in {name for name, _ in tests} & given.keys() & bound_once(function):
        constant = _constant(*given[name])
        if constant is not None:
            known[name] = constant
    results = ((test, _result(file, test, known[name])) for name, test in tests if name in known)
    return tuple((test, result) for test, result in results if result is not None)


def conditions(
    file: File, node: ast.AST, *, ends: Callable[[ast.stmt], bool] = lambda _: False
) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the tests that decide whether a function comes to a node, with their results: the nearest first.

    They are those of an `if` around the node, and of one before it whose block leaves: `if not url: return`.

    Arguments:
        ends: whether a statement ends the program, so that a block which it ends leaves, too.
    """
    inside = node
    for around in file.around(node):
        match around:
            case ast.If(test=test, body=body) if inside is not test:
                yield test, inside in body
            case ast.IfExp(test=test, body=body) if inside is not test:
                yield test, inside is body
        for before in reversed(statements_before(around, inside)):
            if isinstance(before, ast.If) and not before.orelse:
                if isinstance(last := before.body[-1], _LEAVING) or ends(last):
                    yield before.test, False
        if isinstance(around, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            return
        inside = around


_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def implied_tests(test: ast.expr, *, result: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the single tests whose results follow from that of a condition: of both parts of an `and` that is true."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from implied_tests(inner, result=not result)
        case ast.BoolOp(op=op, values=parts):
            if isinstance(op, ast.And) is result:
                for part in parts:
                    yield from implied_tests(part, result=result)
        case _:
            yield test, result


def _constant(file: File, expr: ast.expr) -> _Known | None:
    """Return the constant that an expression is: a literal, or a name in capitals of a module or a class."""
    if isinstance(expr, ast.Constant):
        return _Known(expr.value)
    named = expr.attr if isinstance(expr, ast.Attribute) else expr.id if isinstance(expr, ast.Name) else ""
    name = file.resolve(expr)
    is_global = isinstance(expr, ast.Name) and Bindings.of(file).owner(expr.id, file.scope_of(expr)) is file.scope
    if not named.isupper() or not (name or is_global) or not isinstance(found := evaluate(file, expr), Constant):
        return None
    owner = (name or "").rpartition(".")[0]
    cls = find_definition(file, owner)
    is_special = cls is not None and isinstance(cls.node, ast.ClassDef) and bool(cls.node.bases)
    return _Known(found.value, owner if is_special else "")


def _result(file: File, test: ast.expr, known: _Known) -> bool | None:
    """Return the result of a test of a name with a known value; None if it is not known."""
    match test:
        case ast.Name():
            return bool(known.value) if not known.owner else None
        case ast.Compare(ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=None | bool() as single)]):
            return (known.value is single) is isinstance(op, ast.Is)
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() as op], comparators=[other]):
            found = _is_equal(file, known, other)
            return None if found is None else found is isinstance(op, ast.Eq)
        case ast.Compare(
            ops=[ast.In() | ast.NotIn() as op],
            comparators=[ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts)],
        ):
            each = [_is_equal(file, known, part) for part in parts]
            if None in each and True not in each:
                return None
            return (True in each) is isinstance(op, ast.In)
    return None


def _is_equal(file: File, known: _Known, other: ast.expr) -> bool | None:
    """Whether a known value equals a constant; a member of an enumeration only has the others to compare with."""
    found = _constant(file, other)
    if found is None or found.owner != known.owner:
        return None
    return bool(found.value == known.value)
