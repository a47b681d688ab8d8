"""`Retrier`: a decorator that calls its function again after an error: the project's own, or that of a library."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library import retries as library
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.code import nodes_of
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.names import canonical_name
from dbhygiene.recovery.attempts import START, State
from dbhygiene.recovery.errors import ErrorClass, classes_in, classes_of, libraries, tries
from dbhygiene.recovery.operations import is_harmless, of_call
from dbhygiene.recovery.paths import everywhere, solve_facts, while_lost
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, last_name, without_arguments
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record


class Retrier(Record):
    """A decorator that repeats a function after errors of these classes, and does nothing else in between."""

    classes: tuple[ErrorClass | None, ...]
    name: str
    handler: tuple[File, ast.ExceptHandler] | None = None  # of a decorator of the project
    is_celery: bool = False


@query
def retrier_of(file: File, decorator: ast.expr) -> Retrier | None:
    """Return what a decorator repeats its function for; None if it repeats nothing, or may recover in between."""
    called = without_arguments(decorator)
    name = file.resolve(called)
    if name is not None:
        whole = canonical_name(file, name)
        found = find_definition(file, whole)
        if found is not None:
            return _own(found.file, found.node) if isinstance(found.node, FUNCTION) else None
        if whole in library.RETRIES:
            return _retrier_of_library(file, decorator, whole)
    if isinstance(decorator, ast.Call):
        for keyword in decorator.keywords:
            if keyword.arg == library.CELERY_OPTION:
                return Retrier(classes_in(file, keyword.value), f"`{library.CELERY_OPTION}`", is_celery=True)
    return None


def reaches_decorator(file: File, code: Function, call: ast.Call) -> bool:
    """Whether the error of a call leaves its function, so that a decorator sees it: no handler there ends it."""
    for above in file.around(call):
        if above is code:
            return True
        if isinstance(above, ast.Try) and any(call is part for part in nodes_of(above.body)):
            for handler in above.handlers:
                classes = classes_of(file, handler)
                catches = libraries(classes) or any(each is not None and each.covers("", "") for each in classes)
                if catches and not any(isinstance(part, ast.Raise) for part in nodes_of(handler.body)):
                    return False
    return True


def _retrier_of_library(file: File, decorator: ast.expr, name: str) -> Retrier | None:
    if not isinstance(decorator, ast.Call):
        return None
    keywords = {word.arg: word.value for word in decorator.keywords}
    if any(option in keywords and not _only_logs(keywords[option]) for option in library.HOOKS):
        return None
    position, options = library.RETRIES[name]
    given = next((keywords[option] for option in options if option in keywords), None)
    if given is None and position is not None and position < len(decorator.args):
        given = decorator.args[position]
    if given is None:
        return None
    return Retrier(tuple(_classes_of_condition(file, given)), f"`@{last_name(decorator.func)}`")


def _classes_of_condition(file: File, given: ast.expr) -> Iterator[ErrorClass | None]:
    """Yield the classes that a condition names: `retry_if_exception_type((A, B)) | retry_if_exception_type(C)`."""
    match given:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            yield from _classes_of_condition(file, left)
            yield from _classes_of_condition(file, right)
        case ast.Call(func=called, args=[first, *_]) if last_name(called) in library.CONDITIONS:
            yield from classes_in(file, first)
        case ast.Call() | ast.Lambda():
            yield None
        case _:
            yield from classes_in(file, given)


def _only_logs(hook: ast.expr) -> bool:
    return "log" in (last_name(hook.func) if isinstance(hook, ast.Call) else last_name(hook)).lower()


# -- decorators of the project ----------------------------------------------------------------------------


@query
def _own(file: File, decorator: Function) -> Retrier | None:
    """Return the same for a decorator of the project: a wrapper that calls its parameter in a `try`, and again."""
    inside = set(ast.walk(decorator))
    for code, node in tries(file):
        if code not in inside or not isinstance(code, FUNCTION):
            continue
        for parameter in parameters_around(file, code, decorator):
            if not any(_calls(part, parameter) for part in nodes_of(node.body)):
                continue
            for handler in node.handlers:
                classes = classes_of(file, handler)
                if libraries(classes) and _repeats(file, code, handler, parameter):
                    return Retrier(classes, f"`@{decorator.name}`", (file, handler))
    return None


def parameters_around(file: File, code: Function, outermost: Function | None = None) -> list[str]:
    """Return the parameters of the functions around a wrapper, up to its decorator if that is given."""
    found: list[str] = []
    for above in file.around(code):
        if isinstance(above, FUNCTION):
            found += [each.arg for each in named_parameters(above)]
        if above is outermost:
            return found
    return found if outermost is None else []


def _calls(part: ast.AST, name: str) -> bool:
    return isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == name


def _repeats(file: File, code: Function, handler: ast.ExceptHandler, parameter: str) -> bool:
    """Whether a wrapper calls its function again after a handler, and recovers on no path in between."""
    repeated, other = [], []

    def transfer(node: Node, state: State) -> Iterable[tuple[EdgeKind, State]]:
        event = node.event
        if isinstance(event, cfg.Catch) and event.node is handler and state == "live":
            return everywhere("dead")
        if state == "dead" and isinstance(event, cfg.Call):
            call = event.node
            if _calls(call, parameter):
                repeated.append(call)
                return []
            done = of_call(file, call)
            if any(each.verb == "reopens" for each in done.operations) or not (
                done.complete or is_harmless(file, call)
            ):
                other.append(call)
                return []
        if state == "dead" and isinstance(event, cfg.Test):
            return while_lost(file, event.node, handler, state)
        return everywhere(state)

    return solve_facts(file, code, START, transfer) is not None and bool(repeated) and not other
