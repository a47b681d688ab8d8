"""`exceptions_swallowed_by`: the exceptions that the `__exit__` of a class swallows, by the values that it returns.

return kind is KeyError             Swallow("KeyError", exact=True)
return issubclass(kind, OSError)    Swallow("OSError")
return True                         Swallow("BaseException")
return kind is None                 nothing
"""

from __future__ import annotations

import ast

from dbhygiene.dataflow.exceptions import Swallow
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Function, is_none
from dbhygiene.source.records import Row

_ANY = Swallow("BaseException")
_UNKNOWN = Swallow(None, surely=False)


def exceptions_swallowed_by(file: File, leave: Function) -> tuple[Swallow, ...]:
    """Return the exceptions that an `__exit__` may swallow."""
    exit_ = _Exit(file, *[*(arg.arg for arg in leave.args.args[1:3]), "", ""][:2])
    found: dict[Swallow, None] = {}
    others_before = False  # whether an exception may meet another `return` first
    returns = [part for part in file.own(leave) if isinstance(part, ast.Return)]
    for statement in sorted(returns, key=lambda part: part.lineno):
        guards, is_plain = exit_.guards_of(statement, leave)
        if [] not in map(exit_.exceptions_with, guards):
            swallowed = exit_.exceptions_with_all([statement.value or ast.Constant(None), *guards])
            is_sure = is_plain and not others_before
            found.update(dict.fromkeys(each if is_sure else each._replace(surely=False) for each in swallowed))
            others_before = True
    return tuple(found)


class _Exit(Row):
    """The parameters of an `__exit__`: the class of the exception, and the exception."""

    file: File
    kind: str
    value: str

    def exceptions_with(self, test: ast.expr) -> list[Swallow]:
        """Return the exceptions with which a test may be true; a result of another `__exit__` counts as false."""
        match test:
            case ast.Constant(value=value):
                return [_ANY] if value else []
            case ast.Name(id=name) if name in (self.kind, self.value):
                return [_ANY]
            case ast.Await(value=inner) | ast.Call(func=ast.Name(id="bool"), args=[inner]):
                return self.exceptions_with(inner)
            case ast.Call(func=ast.Attribute(attr="__exit__" | "__aexit__")):
                return []
            case ast.Call(func=ast.Name(id="issubclass" | "isinstance"), args=[ast.Name(id=name), classes]):
                return self._classes(classes) if name in (self.kind, self.value) else [_UNKNOWN]
            case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[other]) if name in (self.kind, self.value):
                return self._exceptions_with_comparison(op, other)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return {(): [_ANY], (_ANY,): []}.get(tuple(self.exceptions_with(operand)), [_UNKNOWN])
            case ast.BoolOp(op=ast.Or(), values=values):
                return [each for value in values for each in self.exceptions_with(value)]
            case ast.BoolOp(values=values):
                return self.exceptions_with_all(values)
        return [_UNKNOWN]

    def _exceptions_with_comparison(self, op: ast.cmpop, other: ast.expr) -> list[Swallow]:
        match op:
            case ast.Is() | ast.Eq():
                return [] if is_none(other) else self._classes(other, exact=True)
            case ast.IsNot() | ast.NotEq() if is_none(other):
                return [_ANY]
            case ast.In():
                return self._classes(other, exact=True)
        return [_UNKNOWN]

    def exceptions_with_all(self, tests: list[ast.expr]) -> list[Swallow]:
        """Return the exceptions with which all of these tests may be true."""
        narrower = [found for test in tests if (found := self.exceptions_with(test)) != [_ANY]]
        if len(narrower) < 2 or [] in narrower:
            return min(narrower, key=len, default=[_ANY])
        known = next((found for found in narrower if _UNKNOWN not in found), [_UNKNOWN])
        return [each._replace(surely=False) for each in known]

    def _classes(self, classes: ast.expr, *, exact: bool = False) -> list[Swallow]:
        each = classes.elts if isinstance(classes, (ast.Tuple, ast.List, ast.Set)) else [classes]
        names = map(self.file.resolve, each)
        return [_UNKNOWN if name is None else Swallow(name, exact=exact) for name in names]

    def guards_of(self, statement: ast.stmt, function: Function) -> tuple[list[ast.expr], bool]:
        """Return the conditions around a statement, and whether nothing else decides if it is reached."""
        guards: list[ast.expr] = []
        inner: ast.AST = statement
        for outer in self.file.around(statement):
            if outer is function:
                return guards, True
            if not isinstance(outer, ast.If):
                return guards, False
            guards.append(outer.test if inner in outer.body else ast.UnaryOp(ast.Not(), outer.test))
            inner = outer
        return guards, False
