"""What a function of the project returns in place of a resource: `return False` where it fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.lifetimes.effects import CallEffect
from dbhygiene.program.callees import callees
from dbhygiene.program.definitions import Definition
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.scopes import Scope

_MOST = 4  # functions, one within another


def substitute(effect: CallEffect) -> str | None:
    """Return a constant, but not None, that a call may give in place of a resource; None if there is none.

    A fix that closes the result if it is not None would call the constant's `close`.
    """
    element = effect.summary.element
    found = (given for each in effect.definitions for given in _constants(each, element, _MOST))
    return next((repr(given.value) for given in found if given.value is not None), None)


def _constants(definition: Definition, element: int | None, depth: int) -> Iterator[ast.Constant]:
    """Yield the constants that a function may return, or may have at this place of the tuple that it returns."""
    if not isinstance(definition.node, FUNCTION) or not depth:
        return
    scope = definition.file.functions[definition.node]
    seen: set[str] = set()
    for returned in scope.returns:
        yield from _constants_of(definition, scope, returned.value, element, depth, seen)


def _constants_of(
    definition: Definition, scope: Scope, value: ast.expr | None, element: int | None, depth: int, seen: set[str]
) -> Iterator[ast.Constant]:
    parts: list[ast.expr | None] = []
    match value:
        case ast.Constant():
            yield value
        case ast.Tuple(elts=elements) if element is not None and element < len(elements):
            yield from _constants_of(definition, scope, elements[element], None, depth, seen)
        case ast.IfExp(body=body, orelse=otherwise):
            parts = [body, otherwise]
        case ast.BoolOp(values=values):
            parts = [*values]
        case ast.Await(value=inner):
            parts = [inner]
        case ast.Name(id=name) if name not in seen:
            seen.add(name)
            parts = [*scope.aliases.get(name, ())]
        case ast.Call():
            for each in callees(definition.file, value, scope).definitions:
                yield from _constants(each, element, depth - 1)
    for part in parts:
        yield from _constants_of(definition, scope, part, element, depth, seen)
