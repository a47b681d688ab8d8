"""`alias_of`: the alias of the Django database whose connection an expression uses.

orders = Order.objects.using("replica").filter(paid=True)        # "replica"
orders = Order.objects.filter(paid=True)                         # "default"
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from dbhygiene.gaps.django_settings import aliases
from dbhygiene.library import django
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.origins import ExpressionAt, only_value
from dbhygiene.program.values import Constant
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.queries import query

DEFAULT = "default"
NO_DATABASE = ""  # an alias that no connection has: of code whose time counts, and whose queries do not


@query
def aliases_of(file: File) -> tuple[str, ...]:
    """Return the aliases of a file's site: those of its settings, and those that the file names."""
    named: set[str] = set()
    if "using" in file.text or "connections[" in file.text:
        calls = (_alias_of_call(call) for call in file.nodes(ast.Call))
        subscripts = (alias_of_subscript(file, each) for each in file.nodes(ast.Subscript))
        named = {alias for alias in (*calls, *subscripts) if alias is not None}
    return (DEFAULT, *sorted((named | aliases(file)) - {DEFAULT}))


def alias_of(file: File, expr: ast.expr) -> str:
    """Return the alias that `using("a")` or `connections["a"]` names in an expression, or in a variable's value."""
    for owner, part in closure(ExpressionAt(file, expr), _owner):
        match part:
            case ast.Call() if alias := _alias_of_call(part):
                return alias
            case ast.Subscript() if alias := alias_of_subscript(owner, part):
                return alias
    return DEFAULT


def _owner(at: ExpressionAt) -> Sequence[ExpressionAt]:
    """Return the object on which an expression is called or read, or the only value of a variable."""
    match at.expr:
        case ast.Call(func=inner) | ast.Subscript(value=inner) | ast.Attribute(value=inner):
            return (ExpressionAt(at.file, inner),)
        case ast.Await(value=inner) | ast.Starred(value=inner):
            return (ExpressionAt(at.file, inner),)
        case ast.Name():
            return only_value(*at)
    return ()


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
