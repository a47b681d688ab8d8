"""The aliases of Django's databases: which connection an expression uses (`using("replica")`)."""

from __future__ import annotations

import ast

from dbhygiene.gaps.django_settings import aliases
from dbhygiene.library import django
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.values import Constant
from dbhygiene.source.file import File
from dbhygiene.source.queries import query

DEFAULT = "default"
NO_DATABASE = ""  # an alias that no connection has: of code whose time counts, and whose queries do not
_DEPTH = 8


@query
def aliases_of(file: File) -> tuple[str, ...]:
    """Return the aliases of a file's site: those of its settings, and those that the file names."""
    named: set[str] = set()
    if "using" in file.text or "connections[" in file.text:
        calls = (_alias_of_call(call) for call in file.nodes(ast.Call))
        subscripts = (alias_of_subscript(file, each) for each in file.nodes(ast.Subscript))
        named = {alias for alias in (*calls, *subscripts) if alias is not None}
    return (DEFAULT, *sorted((named | aliases(file)) - {DEFAULT}))


def alias_of(file: File, expr: ast.expr, depth: int = _DEPTH) -> str:
    """Return the alias that `using("a")` or `connections["a"]` names in an expression, or in a variable's value."""
    if not depth:
        return DEFAULT
    match expr:
        case ast.Call(func=func):
            return _alias_of_call(expr) or alias_of(file, func, depth - 1)
        case ast.Subscript(value=owner):
            return alias_of_subscript(file, expr) or alias_of(file, owner, depth - 1)
        case ast.Await(value=inner) | ast.Starred(value=inner):
            return alias_of(file, inner, depth - 1)
        case ast.Attribute(value=owner):
            return alias_of(file, owner, depth - 1)
        case ast.Name():
            place = Bindings.of(file).place(expr)
            values = Bindings.of(file).values.get(place, ()) if place else ()
            return alias_of(file, values[0], depth - 1) if len(values) == 1 else DEFAULT
    return DEFAULT


def _alias_of_call(call: ast.Call) -> str | None:
    match call:
        case ast.Call(func=ast.Attribute(attr="using" | "db_manager"), args=[ast.Constant(value=str(alias))]):
            return alias
    for word in call.keywords:
        if word.arg == "using" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str):
            return word.value.value
    return None


def alias_of_subscript(file: File, subscript: ast.Subscript) -> str | None:
    """Return the alias in `connections["a"]`, None if it is not known."""
    if file.resolve(subscript.value) != django.CONNECTIONS:
        return None
    match evaluate(file, subscript.slice):
        case Constant(value=str(alias)):
            return alias
    return None
