"""Tasks that a worker runs from a queue (Celery, RQ, huey ...), and what a call of one means."""

from __future__ import annotations

import ast

from dbhygiene.gaps.call_durations import numbers_of_setting, seconds
from dbhygiene.gaps.classes import FunctionAt, function_named
from dbhygiene.gaps.code import return_expressions
from dbhygiene.gaps.duration import FOR_EVER
from dbhygiene.library.background import ENQUEUED_BY_CALL, TASK_LIBRARIES, TASKS, TIME_LIMIT_SETTINGS, TIME_LIMITS
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query


def is_task(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator makes a task: of a known library, of an app, or the project's own around one of these."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = _meaning(file, file.resolve(called) or "")
    last = name.rpartition(".")[2] or (called.attr if isinstance(called, ast.Attribute) else "")
    if last in TASKS:
        library = name.partition(".")[0]
        return library in TASK_LIBRARIES or last == "shared_task" or (last == "task" and name.count(".") > 0)
    own = function_named(file, name) if last.endswith("task") else None
    return own is not None and any(
        isinstance(made, ast.Call) and (own.file.resolve(made.func) or "").endswith((".shared_task", ".task"))
        for made in return_expressions(own.node)
    )


@query
def time_limit(file: File, function: Code) -> float:
    """The seconds after which a worker ends a function that is a task; without an end where nothing limits it."""
    limits: list[float] = []
    for decorator in function.decorator_list if isinstance(function, FUNCTION) else ():
        if is_task(file, decorator):
            limits += _limits(file, decorator)
    return min(limits, default=FOR_EVER)


def _limits(file: File, decorator: ast.expr) -> list[float]:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    library = (file.resolve(called) or "").partition(".")[0]
    library = library if library in TASK_LIBRARIES else "celery"  # a task of an app
    units = TIME_LIMITS.get(library, {})
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    found = [seconds(file, word.value).most * units[word.arg] for word in keywords if word.arg in units]
    if found or library != "celery":
        return found
    return [max(numbers) for name in TIME_LIMIT_SETTINGS if (numbers := numbers_of_setting(file, name))]


def _meaning(file: File, name: str) -> str:
    """What a name stands for that another module gives to it: `our_task = shared_task`."""
    found = find_module(file, canonical_name(file, name))
    if found is None or len(found[1]) != 1:
        return name
    return found[0].meaning(found[1][0], found[0].scope) or name


def runs_later(function: FunctionAt) -> bool:
    """Whether to call this function only puts it into a queue, as with huey."""
    for decorator in function.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if is_task(function.file, decorator):
            return (function.file.resolve(called) or "").partition(".")[0] in ENQUEUED_BY_CALL
    return False


def task_of(file: File, handle: ast.expr) -> FunctionAt | None:
    """The task that an expression names, as in `task.apply()`."""
    name = file.resolve(handle)
    found = function_named(file, name) if name else None
    return found if found and any(is_task(found.file, each) for each in found.node.decorator_list) else None
