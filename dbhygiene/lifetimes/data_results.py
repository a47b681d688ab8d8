"""`gives_data`: whether a method returns plain data, which no longer needs the connection of its object.

def names(self):
    cursor = self.conn.cursor()
    cursor.execute(sql)
    return [row[0] for row in cursor]    # data; `return cursor` would read from the connection
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property, partial

from dbhygiene.library.calls import GIVING_DATA, PLAIN_OF_CURSOR, QUERIES, reads_later
from dbhygiene.lifetimes.effects import CallEffect, FunctionSummaries
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.definitions import Definition
from dbhygiene.source.closure import closure
from dbhygiene.source.nodes import argument_values

_MAKING_DATA = frozenset("abs all any bool float int isinstance len print range repr round str sum".split())
_COLLECTING = frozenset("dict frozenset list max min set sorted tuple".split())
_ITERATING = frozenset("enumerate reversed zip".split())
_READ_BY_ROWS = frozenset({"cursor", "execute"})  # methods whose results give rows, one after the other


def gives_data(effect: CallEffect) -> bool:
    """Whether a call runs only functions of the project that return nothing but data."""
    if not effect.complete or not effect.definitions:
        return False
    start: list[Definition | None] = [*effect.definitions]
    return None not in {each for one in start for each in closure(one, partial(_needed, effect.summaries))}


def _needed(summaries: FunctionSummaries, function: Definition | None) -> Iterator[Definition | None]:
    """Yield the functions whose results a function returns; None if it may return anything else than data."""
    if function is None:
        return
    node = function.node
    if not isinstance(node, ast.FunctionDef) or node.decorator_list or function.file.functions[node].yields:
        yield None
        return
    results = _Results(summaries, function, node)
    if all(part.value is None or results.is_data(part.value) for part in function.file.functions[node].returns):
        yield from results.called
    else:
        yield None


class _Results:
    """The values that one function may return."""

    def __init__(self, summaries: FunctionSummaries, function: Definition, node: ast.FunctionDef) -> None:
        self.file = function.file
        self.effects = summaries.effects(function.file, node)
        self.own = list(function.file.own(node))
        self.parameters = {each.arg for each in named_parameters(node)}
        self.called: list[Definition] = []  # the functions whose results must be data, too
        self._known: dict[str, bool] = {}

    def is_data(self, expr: ast.expr) -> bool:
        """Whether an expression holds nothing that reads from a connection."""
        match expr:
            case ast.Constant() | ast.JoinedStr() | ast.Compare():
                return True
            case ast.Name(id=name):
                return self._holds_data(name)
            case ast.Attribute(value=value, attr=attr):
                return attr in PLAIN_OF_CURSOR and self._is_read_by_rows(value)
            case ast.Subscript(value=value) | ast.UnaryOp(operand=value) | ast.Starred(value=value):
                return self.is_data(value)
            case ast.BinOp(left=left, right=right):
                return self.is_data(left) and self.is_data(right)
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return all(map(self.is_data, parts))
            case ast.Dict(values=parts):
                return all(map(self.is_data, parts))
            case ast.IfExp(body=body, orelse=otherwise):
                return self.is_data(body) and self.is_data(otherwise)
            case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.DictComp(value=element):
                return self.is_data(element)
            case ast.Call():
                return self._gives_data(expr)
        return False

    def _gives_data(self, call: ast.Call) -> bool:
        effect = self.effects.of(call)
        if effect.definitions:
            self.called += effect.definitions
            return effect.complete and all(map(self.is_data, argument_values(call)))
        match call.func:
            case ast.Attribute(value=owner, attr=method):
                if method in GIVING_DATA and not reads_later(method, call):
                    return self._is_read_by_rows(owner)
                return self.is_data(owner) and all(map(self.is_data, argument_values(call)))
            case ast.Name(id=name) if self.file.resolve(call.func) == name:
                if name in _COLLECTING:
                    return all(self.is_data(each) or self._is_read_by_rows(each) for each in argument_values(call))
                return name in _MAKING_DATA or (name in _ITERATING and all(map(self.is_data, argument_values(call))))
        return False

    def _is_read_by_rows(self, expr: ast.expr) -> bool:
        """Whether an expression is a cursor, or what one of its methods gives: all its items are rows."""
        match expr:
            case ast.Call(func=ast.Attribute(attr=method)):
                return method in _READ_BY_ROWS and not self.effects.of(expr).definitions
            case ast.Call(func=ast.Name(id=name), args=args) if name in _ITERATING:
                return all(self.is_data(each) or self._is_read_by_rows(each) for each in args)
            case ast.Name(id=name):
                bound = self._bound.get(name, [])
                return bool(bound) and name not in self.parameters and all(map(self._gives_rows, bound))
        return False

    def _gives_rows(self, bound: ast.AST) -> bool:
        match bound:
            case ast.Assign(targets=[ast.Name()], value=value):
                return self._is_read_by_rows(value)
            case ast.withitem(context_expr=value):
                return self._is_read_by_rows(value)
        return False

    # -- variables

    @cached_property
    def _bound(self) -> dict[str, list[ast.AST]]:
        """What binds each variable."""
        found: dict[str, list[ast.AST]] = {}
        for part in self.own:
            if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
                around = self.file.parents[part]
                while isinstance(around, (ast.Tuple, ast.List, ast.Starred)):
                    around = self.file.parents[around]
                found.setdefault(part.id, []).append(around)
        return found

    def _holds_data(self, name: str) -> bool:
        """Whether a variable is given nothing but data, and nothing else is put into it."""
        if name not in self._known:
            self._known[name] = True  # until the opposite is found
            bound = self._bound.get(name, [])
            is_given = bool(bound) or name in self.parameters
            self._known[name] = is_given and all(map(self._binds_data, bound)) and all(self._puts_data(name))
        return self._known[name]

    def _binds_data(self, bound: ast.AST) -> bool:
        match bound:
            case ast.Assign(value=value) | ast.AugAssign(value=value) | ast.NamedExpr(value=value):
                return self.is_data(value)
            case ast.AnnAssign(value=value):
                return value is None or self.is_data(value)
            case ast.For(iter=items) | ast.comprehension(iter=items, is_async=0):
                return self.is_data(items) or self._is_read_by_rows(items)
        return False

    def _puts_data(self, name: str) -> Iterator[bool]:
        """Yield of each use of a variable whether it puts nothing but data into what the variable holds."""
        for part in self.own:
            if isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Load):
                yield self._leaves_data(part)

    def _leaves_data(self, used: ast.expr) -> bool:
        around = self.file.parents[used]
        match around:
            case ast.Subscript(value=value) if value is used:
                if isinstance(around.ctx, ast.Load):
                    return self._leaves_data(around)
                return self._binds_data(self.file.parents[around])
            case ast.Attribute(value=value) if value is used:
                call = self.file.parents[around]
                is_called = isinstance(call, ast.Call) and call.func is around
                return is_called and all(map(self.is_data, argument_values(call)))  # type: ignore[arg-type]
            case ast.Call(func=ast.Attribute(attr=method)) if method in QUERIES:
                return True
            case ast.Call(func=func):
                is_given = isinstance(used, ast.Name) and used.id in self.parameters
                return is_given or self.file.resolve(func) in _MAKING_DATA | _COLLECTING | _ITERATING
            case ast.Yield() | ast.YieldFrom() | ast.keyword() | ast.Starred():
                return False
        return True
