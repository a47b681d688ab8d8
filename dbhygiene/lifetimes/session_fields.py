"""`UnclosedSession`: a session, or an engine's connection, in a field: each object, or each call, leaves one open.

class Orders:
    def __init__(self):
        self.session = Session()     # never closed; and each request makes an object of `Orders`

An object that lives as long as the program may keep its session. Not so an object that is made for each request, or a
method that stores a new session each time that it is called.
"""

from __future__ import annotations

import ast

from dbhygiene.diagnostics.model import Impact
from dbhygiene.lifetimes.fields import Field
from dbhygiene.lifetimes.lifetime import Leak, Lifetime, field_of
from dbhygiene.program.definitions import find_method
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.records import Record

_MAKING = frozenset({"__init__", "__new__", "__post_init__", "__enter__", "__aenter__"})


class UnclosedSession(Record):
    """A session in a field that is never closed: one of each object, or one of each call of a method."""

    field: Field
    method: Function | None  # stores a new one each time


def unclosed_session(life: Lifetime) -> UnclosedSession | None:
    """Return the field in which a session stays open repeatedly; None if it may be closed, or kept on purpose."""
    if life.leak not in {None, Leak.RAISED} or (field := field_of(life)) is None or field.is_container:
        return None
    method = function_around(life.file, life.birth)
    if method is None or not _is_used(life.file, field):
        return None
    anew = _is_set_anew(life.file, field, method)
    if not anew and life.runs.impact is not Impact.REPEATED:
        return None
    return UnclosedSession(field, method if anew else None) if field.never_closed() else None


def _is_used(file: File, field: Field) -> bool:
    """Whether a method of the object uses the session in a way that needs a connection."""
    if not field.resource.is_lazy:
        return True
    above = (file.parents.get(use) for use in field.uses(file))
    return any(isinstance(each, ast.Attribute) and each.attr not in field.resource.rests_during for each in above)


def _is_set_anew(file: File, field: Field, method: Function) -> bool:
    """Whether each call of a method stores a new session and goes on to use it: it does not only set up the object."""
    if method.name in _MAKING or any(_names_field(part.test, field.name) for part in _tests(method)):
        return False
    made = find_method(field.cls, "__init__")
    if made is not None and _calls_method(made.node, {method.name}):
        return False
    statement = statement_around(file, field.birth)  # type: ignore[arg-type]
    if statement not in method.body:
        return False
    later = method.body[method.body.index(statement) + 1 :]
    users = {name for name, node in _methods(field).items() if _names_field(node, field.name)}
    return any(_names_field(each, field.name) or _calls_method(each, users) for each in later)


def _tests(method: Function) -> list[ast.If | ast.IfExp | ast.While]:
    return [part for part in ast.walk(method) if isinstance(part, (ast.If, ast.IfExp, ast.While))]


def _methods(field: Field) -> dict[str, Function]:
    scope = field.cls.file.classes.get(field.cls.name)
    defined = scope.defined.items() if scope is not None else ()
    return {name: node for name, node in defined if isinstance(node, FUNCTION)}


def _names_field(node: ast.AST, field: str) -> bool:
    return any(
        isinstance(part, ast.Attribute) and part.attr == field and _is_self(part.value) for part in ast.walk(node)
    )


def _calls_method(node: ast.AST, names: set[str]) -> bool:
    return any(
        isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in names
        and _is_self(part.func.value)
        for part in ast.walk(node)
    )


def _is_self(expr: ast.expr) -> bool:
    return isinstance(expr, ast.Name) and expr.id in {"self", "cls"}
