"""`asks_for_data`: whether a session is asked for columns and computed values, and not for its objects.

session.query(Order.id, func.count(Item.id))         # data: the rows need no session afterwards
session.execute(select(Order))                       # objects: `order.items` is loaded by the session when it is read
"""

from __future__ import annotations

import ast

from dbhygiene.library.sqlalchemy import BUILDS_QUERY, RESULT_FORMS
from dbhygiene.library.words import words
from dbhygiene.pools.sqlalchemy import STATEMENTS
from dbhygiene.source.closure import closure, leaves
from dbhygiene.source.nodes import last_name
from dbhygiene.source.scopes import Scope

CHANGES_COLUMNS = words(
    "with_entities returning add_columns add_column add_entity from_statement union union_all except_ intersect"
)
_ASKING = words("query execute scalars scalar with_entities")
_READS_ROWS = words("all first one one_or_none scalar scalar_one scalar_one_or_none fetchall fetchone fetchmany")


def asks_for_data(scope: Scope, call: ast.Call) -> bool:
    """Whether `session.query(...)` or `session.execute(...)` selects only columns."""
    asked = call.args if last_name(call.func) in {"query", "with_entities"} else call.args[:1]
    return (
        last_name(call.func) not in {"get", "get_one", "merge"}
        and bool(asked)
        and all(_is_data(scope, a) for a in asked)
    )


def reads_data(scope: Scope, call: ast.Call) -> bool:
    """Whether a call at the end of a chain reads rows that hold no objects: `session.query(Order.id).all()`."""
    if last_name(call.func) not in _READS_ROWS:
        return False
    begin = [call] if last_name(call.func) == "scalar" and call.args else _before(scope, call)
    chain = (each for first in begin for each in closure(first, lambda each: _before(scope, each)))
    for each in chain:
        if _asks(each):
            return asks_for_data(scope, each)
        if last_name(each.func) not in (BUILDS_QUERY | RESULT_FORMS) - CHANGES_COLUMNS:
            return False
    return False


def _asks(call: ast.Call) -> bool:
    """Whether a call selects, as `scalars` of a session does, and `scalars` of a result does not."""
    last = last_name(call.func)
    return last in _ASKING and (last not in RESULT_FORMS or bool(call.args))


def _before(scope: Scope, call: ast.Call) -> list[ast.Call]:
    """Return the call whose method a call calls; none if it may be several, or something else."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    is_one = not isinstance(owner, ast.Name) or len(scope.aliases.get(owner.id, [])) == 1
    return calls_before(scope, call) if is_one else []


def calls_before(scope: Scope, expr: ast.expr) -> list[ast.Call]:
    """Return the calls whose method a call calls; those that give a variable its values."""
    owner = expr.func.value if isinstance(expr, ast.Call) and isinstance(expr.func, ast.Attribute) else expr
    values = scope.aliases.get(owner.id, []) if isinstance(owner, ast.Name) else [owner]
    return [each for each in values if isinstance(each, ast.Call) and each is not expr]


def _is_data(scope: Scope, asked: ast.expr) -> bool:
    found = leaves(asked, lambda each: _columns(scope, each))
    return bool(found) and all(map(_is_column, found))


def _columns(scope: Scope, asked: ast.expr) -> list[ast.expr] | None:
    """Return what an expression selects; None if it is a column, or not known."""
    match asked:
        case ast.Name(id=name):
            return scope.aliases.get(name) or None
        case ast.Call() if _is_column(asked):
            return None
        case ast.Call(func=func, args=args) if last_name(func) == "select":
            return args or None
        case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name not in CHANGES_COLUMNS:
            return [inner]  # `select(...).where(...)`, `func.count(...).label(...)`
    return None


def _is_column(asked: ast.expr) -> bool:
    """Whether an expression selects a column or a computed value, or is a statement that gives no objects."""
    match asked:
        case ast.Constant() | ast.JoinedStr():
            return True
        case ast.Attribute(value=owner, attr=attr):
            return last_name(owner)[:1].isupper() and not attr[:1].isupper()
        case ast.Call(func=ast.Attribute(value=ast.Attribute() | ast.Name() as owner)) if last_name(owner) == "func":
            return True
        case ast.Call(func=func):
            return last_name(func) in STATEMENTS
    return False
