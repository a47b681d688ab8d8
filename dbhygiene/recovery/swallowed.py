"""`Swallowed`: a handler after which the caller takes a lost connection for an ordinary answer (HYG407).

A write that was rolled back looks done, and None is the answer of a query that found nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.library.test_files import is_test_file
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.recovery.errors import (
    PYTHON,
    STATEMENT_ERRORS,
    ErrorClass,
    classes_of,
    libraries,
    means_loss,
    tries,
)
from dbhygiene.recovery.handles import owner_of
from dbhygiene.recovery.operations import has_query, is_harmless, of_block, of_call
from dbhygiene.recovery.paths import nodes_after
from dbhygiene.recovery.retriers import parameters_around
from dbhygiene.source.file import File, loop_around
from dbhygiene.source.nodes import FUNCTION, Function, is_none, last_name
from dbhygiene.source.records import Frozen

_CLOSES = frozenset({"rollback", "close", "remove", "expunge_all", "expire_all"})


class Swallowed(Frozen):
    """The handler, what hides the error from the caller, and the place where that begins."""

    handler: ast.ExceptHandler
    at: ast.expr | ast.stmt
    message: str
    advice: str


def swallowed_errors(file: File) -> Iterator[Swallowed]:
    if is_test_file(file):
        return
    for code, node in tries(file):
        if not isinstance(code, FUNCTION) or loop_around(file, node) is not None:
            continue
        for handler in node.handlers:
            found = (
                _commit(file, node, handler) or _nothing(file, code, node, handler) or _any(file, code, node, handler)
            )
            if found is not None:
                yield found
                break


# -- a write that looks done ------------------------------------------------------------------------------


def _commit(file: File, node: ast.Try, handler: ast.ExceptHandler) -> Swallowed | None:
    """Return a handler that rolls a failed `commit()` back, and does nothing else."""
    classes = classes_of(file, handler)
    if not libraries(classes) or _expects_another_error(classes) or "sqlite" in file.text:
        return None
    if not _only_closes(handler):
        return None
    commits = [part for part in calls_in(nodes_of(node.body)) if _commits(file, part)]
    if not commits or not any(_is_call_of(part, "rollback") for part in nodes_of(handler.body)):
        return None
    text = "if this fails, the handler only rolls back: the rows are lost, and the caller gets no error"
    return Swallowed(handler, commits[-1], text, "raise the error again after the rollback")


def _expects_another_error(classes: Iterable[ErrorClass | None]) -> bool:
    """Whether a handler also names an error of the statement itself, such as that the row is there."""
    return any(each is not None and each.name in STATEMENT_ERRORS for each in classes)


def _commits(file: File, call: ast.Call) -> bool:
    return last_name(call.func) == "commit" and owner_of(file, call) is not None


def _only_closes(handler: ast.ExceptHandler) -> bool:
    """Whether each statement of a handler rolls back or closes: nothing is raised, returned or reported."""
    for statement in handler.body:
        match statement:
            case ast.Expr(value=ast.Call() as call) if last_name(call.func) in _CLOSES:
                continue
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
        return False
    return True


def _is_call_of(part: ast.AST, method: str) -> bool:
    return isinstance(part, ast.Call) and last_name(part.func) == method


# -- None, which means something else ---------------------------------------------------------------------


def _nothing(file: File, code: Function, node: ast.Try, handler: ast.ExceptHandler) -> Swallowed | None:
    """Return a handler after which a function ends with None, which it also gives where it finds nothing."""
    classes = classes_of(file, handler)
    if not any(means_loss(classes, library) for library in libraries(classes)) or not _only_reports(file, handler):
        return None
    returned = [part for part in nodes_of([*node.body, *node.orelse]) if isinstance(part, ast.Return)]
    empty = next((each for each in returned if _is_none(each.value)), None)
    if empty is None or all(_is_none(each.value) for each in returned) or not _ends(file, code, handler):
        return None
    if not has_query(of_block(file, node.body).operations):
        return None
    text = f"after a lost connection, `{code.name}` returns None, as if there were no rows"
    return Swallowed(handler, handler.type or handler.body[0], text, "raise the error again, or return another value")


def _is_none(value: ast.expr | None) -> bool:
    return value is None or is_none(value)


def _only_reports(file: File, handler: ast.ExceptHandler) -> bool:
    """Whether a handler only logs: no statement raises, returns, or keeps anything."""
    calls = [*calls_in(nodes_of(handler.body))]
    simple = all(isinstance(each, (ast.Expr, ast.Pass)) for each in handler.body)
    return simple and all(is_harmless(file, call) for call in calls)


def _ends(file: File, code: Function, handler: ast.ExceptHandler) -> bool:
    """Whether a function ends after a handler, without another statement."""
    nodes = nodes_after(file, code, handler)
    after = [node.event for node in nodes if isinstance(node.event, (cfg.Call, cfg.Return, cfg.Bind))]
    inside = set(nodes_of(handler.body))
    return any(isinstance(node.event, cfg.End) for node in nodes) and all(event.node in inside for event in after)


# -- a decorator that takes care of the connection, and hides every error -----------------------------------


def _any(file: File, code: Function, node: ast.Try, handler: ast.ExceptHandler) -> Swallowed | None:
    """Return the handler of a wrapper that closes connections, and gives None for each error of its function."""
    named = classes_of(file, handler)
    if not all(each is not None and each.library == PYTHON and each.covers("", "") for each in named):
        return None
    returned = [part for part in nodes_of(node.body) if isinstance(part, ast.Return)]
    parameters = set(parameters_around(file, code))
    wrapped = next((each for each in returned if _calls_any(each.value, parameters)), None)
    if wrapped is None or not _only_reports(file, handler) or not _ends(file, code, handler):
        return None
    cared = calls_in(nodes_of(node.body))
    if not any(each.verb == "reopens" for call in cared for each in of_call(file, call).operations):
        return None
    text = "this function returns None after any error, also after a lost connection"
    return Swallowed(handler, handler.type or handler.body[0], text, "raise the error again after it is logged")


def _calls_any(value: ast.expr | None, names: set[str]) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in names
