"""`is_task`: whether a decorator makes a function a task, which a worker runs from a queue (Celery, RQ, huey ...).

@shared_task
def nightly(): ...                       # `nightly.apply()` runs it here: `task_of(file, nightly)` returns it
"""

from __future__ import annotations

import ast

from dbhygiene.library.background import ENQUEUED_BY_CALL, TASKS
from dbhygiene.program.classes import FunctionAt, function_named
from dbhygiene.program.code import return_expressions
from dbhygiene.program.entry_point import task_library
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File
from dbhygiene.source.nodes import without_arguments


def is_task(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator makes a task: that of a known library, of an app, or of the project around one of these."""
    called = without_arguments(decorator)
    name = _origin(file, file.resolve(called) or "")
    last = name.rpartition(".")[2] or (called.attr if isinstance(called, ast.Attribute) else "")
    if last in TASKS:
        is_of_app = last == "task" and name.count(".") > 0
        return last == "shared_task" or is_of_app or task_library(file, called) is not None
    own = function_named(file, name) if last.endswith("task") else None
    return own is not None and any(
        isinstance(made, ast.Call) and (own.file.resolve(made.func) or "").endswith((".shared_task", ".task"))
        for made in return_expressions(own.node)
    )


def _origin(file: File, name: str) -> str:
    """Return the origin of a name that another module binds: `our_task = shared_task`."""
    found = find_module(file, canonical_name(file, name))
    if found is None or len(found[1]) != 1:
        return name
    return found[0].meaning(found[1][0], found[0].scope) or name


def runs_later(function: FunctionAt) -> bool:
    """Whether a call of this function only puts it into a queue, as with huey."""
    for decorator in function.node.decorator_list:
        called = without_arguments(decorator)
        if is_task(function.file, decorator):
            return task_library(function.file, called) in ENQUEUED_BY_CALL
    return False


def task_of(file: File, handle: ast.expr) -> FunctionAt | None:
    """Return the task that an expression names, as in `task.apply()`."""
    name = file.resolve(handle)
    found = function_named(file, name) if name else None
    return found if found and any(is_task(found.file, each) for each in found.node.decorator_list) else None
