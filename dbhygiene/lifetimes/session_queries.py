"""`is_sent_later`: whether a call only builds a query of a session, which holds no connection before one is sent.

rows = session.query(Order).filter(Order.paid)       # two calls that build
rows.all()                                           # one that sends
"""

from __future__ import annotations

import ast

from dbhygiene.library.sqlalchemy import BUILDS_QUERY, MAKES_CLAUSE
from dbhygiene.library.words import words
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import COMPREHENSION, walk
from dbhygiene.source.scopes import Scope

_TAKES_CLAUSE = BUILDS_QUERY | words("in_ not_in notin_ any has")


def is_query(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a query that a session has begun, and that is not sent yet."""
    origins = {*closure(_origin(expr), lambda origin: map(_origin, _values(file, origin)))}
    return all(_begins_query(each) or _values(file, each) for each in origins)


def _begins_query(expr: ast.expr) -> bool:
    """Whether a call may begin a query of a session: no query of another library, which is given a text."""
    return isinstance(expr, ast.Call) and not any(isinstance(each, ast.Constant) for each in expr.args)


def _origin(expr: ast.expr) -> ast.expr:
    """Return what a query is built from: a call of `query`, or the expression before the calls that only build."""
    while isinstance(expr, ast.Call) and isinstance(expr.func, ast.Attribute):
        if expr.func.attr == "query" or expr.func.attr not in BUILDS_QUERY - MAKES_CLAUSE:
            return expr if expr.func.attr == "query" else expr.func
        expr = expr.func.value
    return expr if isinstance(expr, ast.Name) else ast.Constant(None)


def _values(file: File, expr: ast.expr) -> list[ast.expr]:
    """Return the values of a variable; none if it is a parameter, or bound in a way that shows no value."""
    return _scope_of(file, expr).aliases.get(expr.id, []) if isinstance(expr, ast.Name) else []


def _scope_of(file: File, name: ast.Name) -> Scope:
    """Return the scope that binds a name: that of the function, for a name in a comprehension."""
    scope = file.scope_of(name)
    while isinstance(scope.node, COMPREHENSION) and name.id not in scope.bound and scope.parent is not None:
        scope = scope.parent
    return scope


def is_sent_later(file: File, call: ast.Call) -> bool:
    """Whether a call begins or builds a query, and nothing is done with that but to build, or by methods that send."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in BUILDS_QUERY):
        return False
    return call.func.attr in MAKES_CLAUSE or _is_only_called(file, call)


def _is_only_called(file: File, query: ast.expr) -> bool:
    """Whether nothing is done with a query but to call its methods, or to make it a part of another query."""
    match file.parents.get(query):
        case ast.Attribute() as method:
            above = file.parents.get(method)
            return isinstance(above, ast.Call) and above.func is method
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in _TAKES_CLAUSE
        case ast.Assign(targets=[ast.Name(id=name) as variable]):
            scope = file.scope_of(variable)
            named = (each for each in walk(scope.node) if isinstance(each, ast.Name) and each.id == name)
            uses = [each for each in named if isinstance(each.ctx, ast.Load)]
            return all(_scope_of(file, each) is scope and _is_only_called(file, each) for each in uses)
    return False
