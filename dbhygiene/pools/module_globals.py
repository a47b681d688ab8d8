"""`repeated_use`: where functions use a variable of a module, unless any code closes it.

session = Session()

def load():
    return session.query(Order).all()        # `repeated_use(file, "session", ...)`: `session.query`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.request_handlers import handler
from dbhygiene.library.resources import Resource
from dbhygiene.program.names import means
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Function, last_name

_TRANSACTION_ENDS = frozenset({"commit", "rollback"})
_ENDS = frozenset({"close", "remove", "dispose", "invalidate", "detach", "close_all"})


def repeated_use(file: File, name: str, resource: Resource) -> tuple[File, ast.Attribute] | None:
    """Return a place where repeated code uses a module's variable, None if any code closes it."""
    found: tuple[File, ast.Attribute] | None = None
    if len(file.scope.aliases.get(name, ())) != 1:
        return None
    for where, use in _uses(file, name):
        above = where.parents.get(use)
        if not isinstance(above, ast.Attribute):
            if isinstance(above, (ast.withitem, ast.Assign, ast.Return, ast.Yield)):
                return None
            continue
        if above.attr in _ENDS | resource.closed_by:
            return None
        if found is None and any(isinstance(outer, FUNCTION) for outer in where.around(use)):
            found = where, above
    return found


def ends_its_transactions(file: File, name: str) -> bool:
    """Whether most functions that use a session of their module commit it, or roll it back, in a program of one file.

    Then it has mostly given its connection back before the program waits. Requests are answered by several threads.
    """
    ends: dict[Function, bool] = {}
    for where, use in _uses(file, name):
        function = function_around(where, use)
        if where is not file or (function is not None and handler(function) is not None):
            return False
        above = where.parents.get(use)
        if function is not None and isinstance(above, ast.Attribute):
            ends[function] = ends.get(function, False) or above.attr in _TRANSACTION_ENDS
    return 2 * sum(ends.values()) > len(ends)


def _uses(file: File, name: str) -> Iterator[tuple[File, ast.expr]]:
    """Yield the places in the project that mention a module's variable."""
    dotted = f"{file.module}.{name}"
    for use in file.nodes(ast.Name):
        if use.id == name and isinstance(use.ctx, ast.Load) and file.scope_of(use) is not None:
            if not _is_hidden(file, use):
                yield file, use
    for other in file.project.parsed_files_containing(name):
        if other is not file and other.path != file.path:
            yield from _uses_by_import(other, name, dotted)


def _uses_by_import(file: File, name: str, dotted: str) -> Iterator[tuple[File, ast.expr]]:
    for kind in (ast.Name, ast.Attribute):
        for use in file.nodes(kind):
            is_loaded = isinstance(use, (ast.Name, ast.Attribute)) and isinstance(use.ctx, ast.Load)
            if is_loaded and last_name(use) == name and means(file, use, dotted):
                yield file, use


def _is_hidden(file: File, use: ast.Name) -> bool:
    """Whether a function's own variable of this name stands before the module's."""
    here = file.scope_of(use)
    while here is not file.scope:
        if use.id in here.bound and use.id not in here.globals:
            return True
        if here.parent is None:
            return False
        here = here.parent
    return False
