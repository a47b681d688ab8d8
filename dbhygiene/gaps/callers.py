"""The project's calls of a function: what they give to its parameters says what these are.

def remove(self, shelf): ...         # self.remove(Shelf.objects.get(pk=1)): `shelf` is a row
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.flow.callees import callees
from dbhygiene.flow.calls import enclosing_class
from dbhygiene.source import File, Function, Scope, mentioning

_MOST = 20  # calls of one function: where there are more, none of them says what its parameters are


def callers(file: File, function: Function) -> tuple[tuple[File, ast.Call, int], ...]:
    """The calls of a function of a file, and how many of its parameters the owner of a method takes; found once."""
    known = file.answers[callers]
    if function not in known:
        known[function] = ()  # what it says of itself
        found = tuple(_calls(file, function))
        known[function] = found if len(found) <= _MOST else ()
    return known[function]  # type: ignore[no-any-return]


def _calls(file: File, function: Function) -> Iterator[tuple[File, ast.Call, int]]:
    scope = file.functions[function]
    cls = enclosing_class(file, scope)
    name = cls.name.rpartition(".")[2] if cls is not None and function.name == "__init__" else function.name
    static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in function.decorator_list)
    bound = int(cls is not None and not static)
    for other in mentioning(file, f"{name}("):
        for call in other.calls.get(name, ()):
            found = callees(other, call, _scope(other, call)).definitions
            if any(each.node is function or (cls is not None and each.node is cls.node) for each in found):
                yield other, call, bound


def _scope(file: File, node: ast.AST) -> Scope:
    around = next((each for each in file.around(node) if each in file.functions), None)
    return file.functions[around] if around is not None else file.scope
