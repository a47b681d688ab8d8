"""`application_field`: a field of the application, which a framework passes to each request or event.

app.state.db = pymysql.connect(...)      # ("state", "db"), and so is each of the next two
request.app.state.db.cursor()
self.bot.state.db.cursor()
"""

from __future__ import annotations

import ast
import re
from typing import TypeAlias

from dbhygiene.library.words import words
from dbhygiene.lifetimes import Lifetime
from dbhygiene.program.bindings import self_class
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Function

ApplicationField: TypeAlias = tuple[str, ...]

_APPLICATIONS = words("app application bot current_app")
_CLASSES = frozenset("Application Bot AutoShardedBot Client Flask FastAPI Quart Sanic Starlette".split())
_STARTS = lazy_pattern(r"start|lifespan|set_?up|ready|creat|init|main|before_serving", re.IGNORECASE)


def application_field(file: File, expr: ast.AST) -> ApplicationField | None:
    """Return the names that lead from an application to what an expression reads; None if it is no such field."""
    names: list[str] = []
    while True:
        match expr:
            case ast.Attribute(value=owner, attr=name):
                if name in _APPLICATIONS and names:
                    break
                names.append(name)
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(key))):
                names.append(f"[{key}]")
            case ast.Name(id=name):
                if not names or not (name in _APPLICATIONS or _is_self_of_application(file, expr)):
                    return None
                break
            case _:
                return None
        expr = owner
    return tuple(reversed(names))


def kept_by_application(life: Lifetime) -> ApplicationField | None:
    """Return the field of the application that is given a connection when the program starts, and by no request."""
    target = life.file.parents.get(life.birth)
    if isinstance(target, ast.Await):
        target = life.file.parents.get(target)
    match target:
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript() as kept]):
            function = life.scope.node
            if not isinstance(function, FUNCTION) or _runs_at_start(life.file, function):
                return application_field(life.file, kept)
    return None


def _runs_at_start(file: File, function: Function) -> bool:
    named = [function.name, *map(file.segment, function.decorator_list)]
    return any(_STARTS.search(each) is not None for each in named)


def _is_self_of_application(file: File, name: ast.Name) -> bool:
    """Whether a name is the `self` of a class that a framework's application is a base of."""
    scope = self_class(scope_around(file, name), name.id)
    if scope is None or not isinstance(scope.node, ast.ClassDef):
        return False
    bases = foreign_bases(Definition(file, scope.node, scope.name))
    return any(base.rpartition(".")[2] in _CLASSES for base in bases)
