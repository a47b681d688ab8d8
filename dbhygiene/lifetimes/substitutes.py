"""`substitute`: what a function of the project may return in place of a resource, other than None.

def get_db():
    try:
        return connect()
    except OSError:
        return False             # "False", which has no `close`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import TypeAlias

from dbhygiene.library.calls import CALLS
from dbhygiene.library.resources import ArgumentEffect, Element
from dbhygiene.lifetimes.effects import CallEffect, FunctionSemantics, FunctionSummaries
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.definitions import Definition
from dbhygiene.source.closure import closure
from dbhygiene.source.nodes import FUNCTION, LOOP, last_name
from dbhygiene.source.records import Record

_DISPLAYS = {
    ast.List: "a list",
    ast.ListComp: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dictionary",
    ast.DictComp: "a dictionary",
    ast.Set: "a set",
    ast.SetComp: "a set",
    ast.GeneratorExp: "a generator",
    ast.Lambda: "a function",
    ast.JoinedStr: "a text",
    ast.Compare: "a truth value",
    ast.UnaryOp: "a plain value",
    ast.BinOp: "a plain value",
}


def substitute(effect: CallEffect) -> str | None:
    """Return what a call may give in place of a resource, as part of a sentence; None if it gives nothing but None.

    A fix that closes each result but None would call the `close` of a list, or close a connection that other code uses.
    """
    if effect.summary.returns is None:
        return None
    passed = effect.semantics.passed_call(effect.call, effect.callees, effect.complete)
    if passed is not None:
        return substitute(effect.semantics.of(passed))
    starts: list[_Origin] = [_ResultOf(each, effect.summary.element) for each in effect.definitions]
    found = (other for start in starts for other in closure(start, partial(_returned_by, effect.summaries)))
    return next((other for other in found if isinstance(other, str)), None)


class _ResultOf(Record):
    """The result of a function, or what it has at this place of a tuple, dict or record."""

    function: Definition
    element: Element | None


_Origin: TypeAlias = "str | _ResultOf"  # a part of a sentence, or a function whose own results are still to be found


def _returned_by(summaries: FunctionSummaries, origin: _Origin) -> Iterator[_Origin]:
    """Yield what a function may return but the resource and None."""
    if isinstance(origin, _ResultOf) and isinstance(origin.function.node, FUNCTION):
        found = _Returned(summaries, origin.function)
        for returned in found.scope.returns:
            yield from found.others(returned.value, origin.element)


def _unknown(name: str) -> str:
    return f"what `{name}` returns, which dbhygiene does not know"


class _Returned:
    """The values that one function may return."""

    def __init__(self, summaries: FunctionSummaries, function: Definition) -> None:
        self.file = function.file
        assert isinstance(function.node, FUNCTION)
        self.effects: FunctionSemantics = summaries.effects(function.file, function.node)
        self.scope = self.effects.scope
        self._parameters = {each.arg for each in named_parameters(function.node)}
        self._seen: set[str] = set()

    def others(self, value: ast.expr | None, element: Element | None) -> Iterator[_Origin]:
        """Yield what an expression may be but the resource and None."""
        match value:
            case None | ast.Constant(value=None):
                return
            case ast.Constant(value=constant):
                yield f"{constant!r}, which has no `close`"
            case ast.Tuple() | ast.Dict() | ast.Call() if (part := self.effects.at(value, element)) is not None:
                yield from self.others(part, None)
            case ast.IfExp(body=body, orelse=otherwise):
                yield from self.others(body, element)
                yield from self.others(otherwise, element)
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self.others(each, element)
            case ast.Await(value=inner) | ast.NamedExpr(value=inner) | ast.Starred(value=inner):
                yield from self.others(inner, element)
            case ast.Name(id=name):
                yield from self._substitutes_of_variable(name, element)
            case ast.Call():
                yield from self._substitutes_of_call(value, element)
            case ast.Attribute(attr=name):
                yield f"the attribute `{name}` of an object, which other code may use"
            case ast.Subscript():
                yield f"`{ast.unparse(value)}`, which other code may use"
            case _:
                kind = next((text for cls, text in _DISPLAYS.items() if isinstance(value, cls)), "another value")
                yield f"{kind}, which has no `close`"

    def _substitutes_of_variable(self, name: str, element: Element | None) -> Iterator[_Origin]:
        if name in self._seen or name in self._parameters:
            return
        self._seen.add(name)
        if name not in self.scope.bound:
            yield f"`{name}`, which other code may use"
        for each in self.scope.aliases.get(name, ()):
            yield from self.others(each, element)
        for node in self.file.own(self.scope.node):
            if isinstance(node, LOOP) and not isinstance(node, ast.While):
                if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node.target)):
                    yield f"an element of `{ast.unparse(node.iter)}`, which other code may use"

    def _substitutes_of_call(self, call: ast.Call, element: Element | None) -> Iterator[_Origin]:
        effect = self.effects.of(call)
        name = self.file.resolve(call.func)
        if element is not None and isinstance(call.func, ast.Attribute) and call.func.attr == "cursor":
            return  # the caller unpacks a tuple
        if effect.definitions:
            if not effect.complete:
                yield _unknown(last_name(call.func))
            yield from (_ResultOf(each, element) for each in effect.definitions)
        elif effect.summary.returns is None:
            passed = [arg for number, arg in enumerate(call.args) if _gives_back(effect, number)]
            if name in CALLS and passed:
                for arg in passed:
                    yield from self.others(arg, element)
            else:
                yield _unknown(last_name(call.func))


def _gives_back(effect: CallEffect, position: int) -> bool:
    return ArgumentEffect.RETURNS in effect.summary.argument(position).normal
