"""`recovers`: whether a handler expects a lost connection, and closes it, so that the next query opens a new one.

try:
    Order.objects.count()            # `recovers` is true here
except OperationalError:
    connection.close()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.gaps.effects import Location
from dbhygiene.library import django
from dbhygiene.program.code import calls_in
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION


def recovers_on_path(query: Location) -> bool:
    """Whether a query that fails is caught here, or in a function on the path to it, and the connection closed."""
    here: Location | None = query
    while here is not None:
        if recovers(here.file, here.node):
            return True
        here = here.inner
    return False


def recovers(file: File, node: ast.AST) -> bool:
    """Whether a failing query here is caught, and the connection closed before the next query."""
    below = node
    for above in file.around(node):
        if isinstance(above, (*FUNCTION, ast.Lambda)):
            return False
        if isinstance(above, ast.Try) and below in above.body:
            if any(closes(file, handler) for handler in above.handlers if catches_loss(file, handler)):
                return True
        below = above
    return False


def catches_loss(file: File, handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches the exceptions of a lost connection."""
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(type_ is None or file.resolve(type_) in django.LOST for type_ in types)


def closes(file: File, code: ast.AST) -> bool:
    """Whether a connection is closed in this code, or in a function that it calls."""
    return any(closes_itself(*each) for each in closure((file, code), _functions_below))


def closes_itself(file: File, code: ast.AST) -> bool:
    """Whether a connection is closed in this code."""
    return any(name in django.CLOSES for call in calls_in(ast.walk(code)) for name in _names(file, call.func))


def _functions_below(at: tuple[File, ast.AST]) -> Iterator[tuple[File, ast.AST]]:
    file, code = at
    for call in calls_in(ast.walk(code)):
        name = file.resolve(call.func)
        called = find_definition(file, name) if name else None
        if called is not None and isinstance(called.node, FUNCTION):
            yield called.file, called.node


def _names(file: File, func: ast.expr) -> Iterator[str]:
    if isinstance(func, ast.Attribute) and isinstance(
        owner := TypeInference.of(file).type_of(func.value), ObjectInstance
    ):
        yield f"{owner.name}.{func.attr}"
    if (name := file.resolve(func)) is not None:
        yield name
