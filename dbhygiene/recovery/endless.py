"""`Endless`: a retry without a limit and without a pause, after an error that may last (HYG408).

while True:
    try:
        return work()
    except OperationalError:
        pass                     # begins again without a pause
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library import retries as library
from dbhygiene.program.arguments import bind_arguments, named_parameters
from dbhygiene.program.callees import callees
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.names import canonical_name
from dbhygiene.recovery.errors import classes_of, libraries, means_loss, tries
from dbhygiene.recovery.retriers import retrier_of
from dbhygiene.source.file import File, loop_around, scope_around
from dbhygiene.source.nodes import FUNCTION, Code, Function, last_name, without_arguments
from dbhygiene.source.records import Frozen

# Parts of the names of calls that pause, or give up after some time.
_PAUSES = re.compile(r"sleep|wait|delay|backoff|pause|deadline|exit|abort|fail|raise", re.IGNORECASE)


class Endless(Frozen):
    """What begins the next try, and the handler that lets it: none for a decorator."""

    at: ast.expr | ast.stmt
    what: str
    handler: ast.ExceptHandler | None = None


def endless_retries(file: File) -> Iterator[Endless]:
    for code, node in tries(file):
        for handler in node.handlers:
            if not _means_loss(file, handler) or _is_limited(file, handler):
                continue
            found = _recursion(file, code, handler) or _loop(file, node, handler)
            if found is not None:
                yield found
    for code in file.functions:
        if isinstance(code, FUNCTION):
            yield from _decorators(file, code)


def _means_loss(file: File, handler: ast.ExceptHandler) -> bool:
    classes = classes_of(file, handler)
    return any(means_loss(classes, each) for each in libraries(classes))


def _is_limited(file: File, handler: ast.ExceptHandler) -> bool:
    """Whether a handler pauses, leaves, or decides by anything whether there is another try."""
    for part in nodes_of(handler.body):
        if isinstance(part, (ast.If, ast.IfExp, ast.Raise, ast.Break, ast.While, ast.Try, ast.AugAssign)):
            return True
        if isinstance(part, ast.Call) and _PAUSES.search(last_name(part.func)):
            return True
    return False


def _recursion(file: File, code: Code, handler: ast.ExceptHandler) -> Endless | None:
    """Return the call by which a handler runs its own function again, with the same arguments."""
    for part in nodes_of(handler.body):
        if isinstance(part, ast.Call) and isinstance(code, FUNCTION) and _runs(file, part, code):
            return Endless(part, f"`{code.name}` calls itself", handler)
    return None


def _runs(file: File, call: ast.Call, function: Function) -> bool:
    found = callees(file, call, scope_around(file, call)).definitions
    if not any(each.node is function for each in found):
        return False
    bound = isinstance(call.func, ast.Attribute) and file.functions[function].class_scope is not None
    given = bind_arguments(call, function, bound=bound)
    names = {each.arg for each in named_parameters(function)}
    return all(isinstance(value, ast.Name) and value.id == name for name, value in given.items() if name in names)


def _loop(file: File, node: ast.Try, handler: ast.ExceptHandler) -> Endless | None:
    """Return the endless loop that a `try` leaves only where it succeeds."""
    loop = loop_around(file, node)
    if not isinstance(loop, ast.While) or not (isinstance(loop.test, ast.Constant) and loop.test.value):
        return None
    leaves = any(isinstance(part, (ast.Return, ast.Break)) for part in nodes_of([*node.body, *node.orelse]))
    if not leaves or any(isinstance(part, ast.Return) for part in nodes_of(handler.body)):
        return None
    calls = calls_in(nodes_of(loop.body))
    paused = any(_PAUSES.search(last_name(call.func)) for call in calls)
    return None if paused else Endless(loop, "this loop tries again", handler)


def _decorators(file: File, code: Function) -> Iterator[Endless]:
    """Yield each decorator of a library that neither stops nor pauses by default."""
    for decorator in code.decorator_list:
        called = without_arguments(decorator)
        name = file.resolve(called)
        limits = library.LIMITS.get(canonical_name(file, name)) if name is not None else None
        if limits is None or (retrier := retrier_of(file, decorator)) is None:
            continue
        given = {word.arg for word in decorator.keywords} if isinstance(decorator, ast.Call) else set()
        lasting = any(means_loss(retrier.classes, each) for each in libraries(retrier.classes))
        if lasting and not given & (limits | {None}):
            yield Endless(decorator, f"{retrier.name} calls `{code.name}` again")
