"""`repetition`: how code comes to run again and again: in requests, jobs, tasks, or the rounds of a loop.

It knows more than `impact`, which answers only if every chain of calls is known: here one chain is enough.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.diagnostics.model import Impact
from dbhygiene.gaps.entry_points import entry_points_of, may_have_entry_points
from dbhygiene.library.background import STARTED_IN, TASK_CLASSES, WORKERS
from dbhygiene.library.request_handlers import handler
from dbhygiene.library.test_files import is_example, is_for_developers, is_test_file
from dbhygiene.lifetimes.fastapi import is_dependency
from dbhygiene.lifetimes.impact import Runs, runs
from dbhygiene.program.callers import callers
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import enclosing_class
from dbhygiene.program.entry_point import EntryPoint, registration
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import Function, Located
from dbhygiene.source.queries import query

_REQUESTS = "in each request"
# Classes whose methods answer requests, by the end of their names, and the methods of others by their beginning.
_VIEWS = re.compile(r"(?:View|ViewSet|ViewSetMixin|Resource|RequestHandler|HTTPEndpoint|ListModelMixin)$")
_RESOLVERS = re.compile(r"ObjectType$")
_AGAIN = frozenset({*WORKERS.values(), "in a scheduled job", "at each event", *(STARTED_IN[c] for c in TASK_CLASSES)})


def repetition(file: File, node: ast.AST) -> Runs | None:
    """Return how the code at a node runs again and again; None if it runs once, or that is not known."""
    own = runs(file, node, by_exception=False)
    if own.impact is not Impact.UNKNOWN:
        return own if own.impact is Impact.REPEATED else None
    function = function_around(file, node)
    around = closure((file, function), _functions_above) if function is not None else ()
    return next((found for each in around if (found := _repetition_of_function(*each)) is not None), None)


def _repetition_of_function(file: File, function: Function) -> Runs | None:
    """Return how a function runs again and again, by itself or by a call that does."""
    if (entry := _entry(file, function)) is not None:
        return Runs(Impact.REPEATED, entry=entry)
    for other, call in _calls(file, function):
        if (found := _runs_of_call(other, call)).impact is Impact.REPEATED:
            if found.loop is None:
                return found
            return Runs(Impact.REPEATED, entry=EntryPoint("in a loop", other, _as_located(found.loop)))
    return None


def _functions_above(at: tuple[File, Function]) -> Iterator[tuple[File, Function]]:
    for other, call in _calls(*at):
        above = function_around(other, call)
        if above is not None and _runs_of_call(other, call).impact is Impact.UNKNOWN:
            yield other, above


@query
def _runs_of_call(file: File, call: ast.Call) -> Runs:
    return runs(file, call, by_exception=False)


def _calls(file: File, function: Function) -> Iterator[tuple[File, ast.Call]]:
    for other, call, _ in callers(file, function):
        if not (is_test_file(other) or is_example(other) or is_for_developers(other)):
            yield other, call


def _as_located(node: ast.AST) -> Located:
    assert isinstance(node, (ast.expr, ast.stmt))
    return node


@query
def _entry(file: File, function: Function) -> EntryPoint | None:
    """Return what makes a framework run a function again and again."""
    if (decorator := handler(function)) is not None:
        return registration(file, decorator)
    if is_dependency(file, function):
        return EntryPoint(_REQUESTS, file, function)
    cls = enclosing_class(file, file.functions[function])
    if cls is not None and any(_VIEWS.search(base) for base in foreign_bases(cls)):
        return EntryPoint(_REQUESTS, cls.file, cls.node)
    if cls is not None and function.name.startswith("resolve_") and any(map(_RESOLVERS.search, foreign_bases(cls))):
        return EntryPoint(_REQUESTS, file, function)
    if _is_view_of_django(file, function):
        return EntryPoint(_REQUESTS, file, function)
    for other in _files_that_start(file, function):
        for root in entry_points_of(other):
            if root.code is function and root.entry.words in _AGAIN:
                return root.entry
    return None


def _is_view_of_django(file: File, function: Function) -> bool:
    """Whether a function of a module takes a request of Django first, as views do."""
    first = [each.arg for each in function.args.args[:1]]
    return first == ["request"] and "django" in file.imported_packages and file.functions[function].parent is file.scope


def _files_that_start(file: File, function: Function) -> list[File]:
    """Return this file, and the others that may pass a function to a scheduler or a queue."""
    others = file.project.files_mentioning_all(function.name) or ()
    return [each for each in (file, *others) if may_have_entry_points(each)]
