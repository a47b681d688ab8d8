"""The project's calls of a function: their arguments show the types of its parameters.

If a command calls `self.remove(Shelf.objects.get(pk=1))`, the parameter of `def remove(self, shelf)` is a row.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from dbhygiene.program.callees import callees
from dbhygiene.program.definitions import enclosing_class
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.nodes import Function, first_parameter
from dbhygiene.source.queries import recursive_query

_MOST = 20  # calls of one function: with more, none of them is evidence


@recursive_query(())
def callers(file: File, function: Function) -> tuple[tuple[File, ast.Call, bool], ...]:
    """Return the calls of a function of a file, and whether the owner of a method takes the first parameter."""
    found = tuple(islice(_calls(file, function), _MOST + 1))
    return found if len(found) <= _MOST else ()


def _calls(file: File, function: Function) -> Iterator[tuple[File, ast.Call, bool]]:
    scope = file.functions[function]
    cls = enclosing_class(file, scope)
    name = cls.name.rpartition(".")[2] if cls is not None and function.name == "__init__" else function.name
    bound = cls is not None and first_parameter(function) is not None
    others = (other for other in file.project.files_calling(name) if other.path != file.path)
    for other in (file, *others):
        for call in other.calls.get(name, ()):
            found = callees(other, call, scope_around(other, call)).definitions
            if any(each.node is function or (cls is not None and each.node is cls.node) for each in found):
                yield other, call, bound
