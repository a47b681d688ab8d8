"""`callers`: the project's calls of a function. Their arguments show the types of its parameters.

def remove(self, shelf): ...             # `callers` returns the call below: so `shelf` is a row

self.remove(Shelf.objects.get(pk=1))
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from dbhygiene.program.callees import may_run
from dbhygiene.program.definitions import Definition, enclosing_class
from dbhygiene.program.hierarchy import names_of_family
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import Function, first_parameter
from dbhygiene.source.queries import recursive_query

_MOST = 20  # calls of one function: with more, none of them is evidence


def callers(file: File, function: Function) -> tuple[tuple[File, ast.Call, bool], ...]:
    """Return the calls of a function of a file, and whether the owner of a method takes the first parameter.

    Where there are too many to look at all, return none.
    """
    found = _first_callers(file, function)
    return found if len(found) <= _MOST else ()


def calls_that_lead_to(file: File, function: Function) -> Iterator[tuple[File, ast.Call] | None]:
    """Yield the calls of a function, of the functions around those, and so on; None: there are further ones."""

    def functions_above(at: tuple[File, Function]) -> Iterator[tuple[File, Function]]:
        for other, call, _ in callers(*at):
            if (above := function_around(other, call)) is not None:
                yield other, above

    for each in closure((file, function), functions_above):
        found = _first_callers(*each)
        yield from ((other, call) for other, call, _ in found) if len(found) <= _MOST else (None,)


@recursive_query(())
def _first_callers(file: File, function: Function) -> tuple[tuple[File, ast.Call, bool], ...]:
    """Return the calls of a function; one more than the most that are looked at, if there are more."""
    return tuple(islice(_calls(file, function), _MOST + 1))


def _calls(file: File, function: Function) -> Iterator[tuple[File, ast.Call, bool]]:
    scope = file.functions[function]
    cls = enclosing_class(file, scope)
    bound = cls is not None and first_parameter(function) is not None
    called = Definition(file, function, scope.name)
    if cls is not None and function.name == "__init__":
        called, cls = cls, None  # which is called by its name, as functions are
    for other in (file, *_others(called, cls)):
        for call in other.calls.get(called.last_name, ()):
            if may_run(other, call, called, cls):
                yield other, call, bound


def _others(called: Definition, cls: Definition | None) -> Iterator[File]:
    """Yield the other files that may call a function or a class, or a method of a class, by their text."""
    if called.name.rpartition(".")[0].endswith("<locals>"):
        return  # only the code of the function around it knows its name
    project, path = called.file.project, called.file.path
    names = {word for each in names_of_family(cls) for word in project.names_for(each)} if cls else set()
    for other in project.files_calling(called.last_name):
        if other.path == path:
            continue
        may_know = project.imports_any(other, (path,)) if cls is None else not names.isdisjoint(other.words)
        if may_know and other.is_program:
            yield other
