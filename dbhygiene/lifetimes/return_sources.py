"""`sources`: the sources of a function's return value: its parameters, or objects that outlive the call (`OUTSIDE`).

def pick(conn, pool):
    return conn or pool.get()        # "conn", OUTSIDE
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.library.resources import ArgumentEffect, Element
from dbhygiene.lifetimes.effects import FunctionSemantics
from dbhygiene.lifetimes.path_conditions import TRUTHY, condition_of
from dbhygiene.lifetimes.state import dotted_path
from dbhygiene.program.arguments import named_parameters
from dbhygiene.source.nodes import FUNCTION, argument_values

OUTSIDE = "<outside>"  # an attribute, an element, a name of the module: other code can reach it, too
_CLOSING = frozenset({"close", "aclose"})
_TAKING_OUT = frozenset({"get", "pop", "setdefault", "getattr", "__getitem__"})

_Fact = tuple[str, str]  # the source of a value, and a variable that may hold it


class _Sources:
    """The sources of the values of one function, at each node of its graph.

    Arguments:
        element: the element to follow, if the function returns a tuple, a dict or a record.
    """

    def __init__(self, effects: FunctionSemantics, element: Element | None) -> None:
        self._effects, self._element = effects, element
        self.returned: set[str] = set()

    def __call__(self, node: Node, fact: _Fact) -> Iterator[tuple[EdgeKind, _Fact]]:
        origin, name = fact
        match node.event:
            case cfg.Bind(target=target, value=value):
                yield from (("next", after) for after in self._after_binding(target, value, fact))
            case cfg.Test(node=test) if (asks := condition_of(test)) is not None and asks.key == name:
                if asks.if_true & TRUTHY:
                    yield "true", fact
                if asks.if_false & TRUTHY:
                    yield "false", fact
            case cfg.Return(node=ast.Return(value=ast.expr() as value)):
                if name in self._names(value):
                    self.returned.add(origin)
                yield "next", fact
            case _:
                yield from (("next", fact), ("true", fact), ("false", fact), ("raise", fact))

    def _after_binding(self, target: ast.expr, value: ast.expr | None, fact: _Fact) -> Iterator[_Fact]:
        origin, name = fact
        if isinstance(target, (ast.Tuple, ast.List)):
            same = isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            values = value.elts if same and isinstance(value, (ast.Tuple, ast.List)) else [value] * len(target.elts)
            pairs = list(zip(target.elts, values, strict=True))
        else:
            pairs = [(target, value)]
        if name not in {dotted_path(each) for each, _ in pairs}:
            yield fact
        for each, given in pairs:
            if isinstance(each, ast.Name) and given is not None and name in self._names(given):
                yield origin, each.id

    def _names(self, value: ast.expr) -> set[str]:
        return set(self._values(value))

    def _values(self, value: ast.expr) -> Iterator[str]:
        """Yield the variables whose value an expression may have; OUTSIDE for a value of no variable here."""
        match value:
            case ast.Name(id=name):
                yield name if name in self._effects.scope.bound else OUTSIDE
            case ast.Attribute(attr=attr) if attr in _CLOSING:
                pass  # a method, not what it closes
            case ast.Attribute() | ast.Subscript():
                yield OUTSIDE
            case ast.BoolOp(op=ast.Or(), values=parts):
                for part in parts:
                    yield from self._values(part)
            case ast.BoolOp(values=parts):
                yield from self._values(parts[-1])
            case ast.IfExp(body=body, orelse=otherwise):
                yield from self._values(body)
                yield from self._values(otherwise)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                yield from self._values(inner)
            case ast.Tuple() | ast.Dict() | ast.Call() if held := self._effects.at(value, self._element):
                yield from self._values(held)
            case ast.Call():
                yield from self._sources_of_call(value)

    def _sources_of_call(self, call: ast.Call) -> Iterator[str]:
        """Yield the sources of a call's result: the arguments that it may return."""
        effect = self._effects.of(call)
        match call.func:
            case ast.Attribute(value=owner, attr=name) if name in _TAKING_OUT and effect.summary.returns is None:
                root = dotted_path(owner)
                yield root if root in self._effects.scope.bound else OUTSIDE
                return
            case ast.Name(id="getattr"):
                yield OUTSIDE
                return
        if effect.summary.returns is not None:
            given: list[ast.expr | None] = [*effect.alternatives(call)]
        elif (
            effect.callees
            or effect.summary.rest.normal & {ArgumentEffect.KEEPS, ArgumentEffect.RETURNS}
            or effect.summary.arguments
        ):
            given = [*argument_values(call)]
        else:
            given = []
        for each in given:
            yield from (name for name in self._values(each) if name != OUTSIDE) if each is not None else ()


def sources(graph: Graph, effects: FunctionSemantics, element: Element | None) -> frozenset[str]:
    """Return the parameters that a function may return, and OUTSIDE if it may return an older object."""
    code = effects.scope.node
    assert isinstance(code, FUNCTION)
    args = code.args
    every = (*named_parameters(code), *(arg for arg in (args.vararg, args.kwarg) if arg))
    step = _Sources(effects, element)
    try:
        Solution(graph, [(OUTSIDE, OUTSIDE), *((arg.arg, arg.arg) for arg in every)], step)
    except TooManyFactsError:
        return frozenset({OUTSIDE})
    return frozenset(step.returned)
