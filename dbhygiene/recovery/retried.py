"""`DeadRetry`: a call that queries again on a connection which may be lost (HYG401).

for attempt in range(5):
    try:
        return session.execute(statement)    # after the first error, without a rollback
    except OperationalError:
        time.sleep(1)
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.diagnostics.model import Step
from dbhygiene.gaps.servers import is_sqlite_only
from dbhygiene.library.resources import Version
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.atomic import atomic_around, is_atomic
from dbhygiene.program.bindings import Place
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.pings import loss_of
from dbhygiene.recovery.attempts import Attempt, attempts, is_narrow, retries
from dbhygiene.recovery.errors import DJANGO, LOSS_CLASSES, SQLALCHEMY, join_names, libraries, means_loss
from dbhygiene.recovery.handles import IMPLICIT, RAW, Root, owner_of, variable_title
from dbhygiene.recovery.operations import has_query, is_harmless, of_block, of_call, summary
from dbhygiene.recovery.pings import useless_in_handler
from dbhygiene.recovery.retriers import Retrier, reaches_decorator, retrier_of
from dbhygiene.source.file import File, loop_around
from dbhygiene.source.nodes import FUNCTION, Function, Located, short_name
from dbhygiene.source.records import Frozen, replace

# A handler with one of these words is about an error after which the connection is as good as before.
_OTHER_ERRORS = re.compile(r"deadlock|locked|lock.?wait|serializ|concurren|1205|1213|40001|40P01", re.IGNORECASE)
_CLOSE_BETWEEN = "call `connection.close()` between two attempts: the next query connects again"


class DeadRetry(Frozen):
    """The call, what caught the error before, what comes of it, and why no fix follows the advice."""

    call: ast.Call
    path: tuple[tuple[Located, str] | Step, ...]
    what: str
    next_error: str
    advice: str
    refusal: str  # empty if it depends on the code
    subject: str
    confidence: Confidence = Confidence.CERTAIN
    attempt: Attempt | None = None  # None: a decorator repeats the function


def dead_retries(file: File) -> Iterator[DeadRetry]:
    seen: set[ast.AST] = set()
    for attempt in attempts(file):
        if (found := _dead_retry_of_attempt(attempt)) is not None and found.call not in seen:
            seen.add(found.call)
            yield found
    for code in file.functions:
        if isinstance(code, FUNCTION):
            for found in _dead_retries_of_decorators(file, code):
                if found.call not in seen:
                    seen.add(found.call)
                    yield found


def _dead_retry_of_attempt(attempt: Attempt) -> DeadRetry | None:
    repeated = retries(attempt)
    again = repeated or _later_steps(attempt)
    if not again or attempt.recovered or attempt.escapes or attempt.library == RAW:
        return None
    file = attempt.file
    if not is_narrow(attempt) and not isinstance(loop_around(file, attempt.node), ast.For):
        return None
    if _is_excused(attempt.file, attempt.library, attempt.asked):
        return None
    if useless_in_handler(attempt) is not None:
        return None  # HYG402 reports that
    if _OTHER_ERRORS.search(file.segment(attempt.handler)) or _recovers_later(attempt):
        return None
    call = again[0]
    caught = (
        attempt.handler,
        f"catches {join_names(attempt.classes, attempt.library)}, which a lost connection raises",
    )
    found = _retry(file, call, attempt.library, attempt.root, caught)
    return replace(found, attempt=attempt, confidence=found.confidence if repeated else Confidence.LIKELY)


def _recovers_later(attempt: Attempt) -> bool:
    """Whether another handler of the `try` opens the connection again, as after the error of the next try."""
    others = (part for part in attempt.node.handlers if part is not attempt.handler)
    found = (each for other in others for each in of_block(attempt.file, other.body).operations)
    return any(each.verb == "reopens" and each.root == attempt.root for each in found)


def _later_steps(attempt: Attempt) -> list[ast.Call]:
    """Return the calls behind a `try` whose handler only reports the loss of a connection, and of nothing else."""
    classes = attempt.classes
    if not all(each is not None and each.library == attempt.library and each.name in LOSS_CLASSES for each in classes):
        return []
    if loop_around(attempt.file, attempt.node) is not None or not _reports(attempt.file, attempt.handler):
        return []
    inside = set(nodes_of(attempt.handler.body))
    return [call for call in attempt.again if call not in inside]


def _reports(file: File, handler: ast.ExceptHandler) -> bool:
    """Whether a handler says something of the error, and does nothing else."""
    calls = [*calls_in(nodes_of(handler.body))]
    simple = all(isinstance(each, (ast.Expr, ast.Pass)) for each in handler.body)
    return simple and bool(calls) and all(is_harmless(file, call) for call in calls)


def _is_excused(file: File, library: str, asked: tuple[ast.Call, ...]) -> bool:
    if library == DJANGO:
        return is_sqlite_only(file) or "sqlite" in file.text
    if library == SQLALCHEMY:
        if "sqlite" in file.text:
            return True
        version: Version | None = file.project.version_of("sqlalchemy")
        is_old = version is not None and version < (2,)
        return is_old and any(_is_connection(file, call) for call in asked)
    return False


def _is_connection(file: File, call: ast.Call) -> bool:
    owner = owner_of(file, call)
    return owner is not None and owner.kind == "connection"


def _dead_retries_of_decorators(file: File, code: Function) -> Iterator[DeadRetry]:
    """Yield the same for a function that a decorator repeats, on a connection that it does not open itself."""
    for decorator in code.decorator_list:
        retrier = retrier_of(file, decorator)
        if retrier is None:
            continue
        whole = summary(file, code)
        for library in sorted(libraries(retrier.classes)):
            if not means_loss(retrier.classes, library):
                continue
            touched = {each.root for each in whole.operations if each.verb in {"reopens", "begins"}}
            roots = {each.root for each in whole.operations if has_query((each,)) and each.library == library} - touched
            for root in sorted(roots, key=str):
                call = _first_query(file, code, library, root)
                if call is None or not _is_shared(file, code, library, root, retrier):
                    continue
                if not _is_excused(file, library, (call,)):
                    found = _retry(file, call, library, root, *_steps(file, decorator, code, retrier, library))
                    plain = library == DJANGO and atomic_around(file, call) is None
                    yield replace(found, advice=_CLOSE_BETWEEN) if plain else found


def _steps(
    file: File, decorator: ast.expr, code: Function, retrier: Retrier, library: str
) -> Iterator[tuple[Located, str] | Step]:
    """Yield the decorator, with the function and the errors after which it repeats that, and its handler if known."""
    scope = file.functions[code].class_scope
    name = f"{scope.name}.{code.name}" if scope is not None else code.name
    errors = join_names(retrier.classes, library)
    yield decorator, f"{retrier.name} calls `{name}` again after {errors}"
    if retrier.handler is not None:
        where, handler = retrier.handler
        yield Step(where.path, where.span(handler), f"catches {errors}")


def _is_shared(file: File, code: Function, library: str, root: Root, retrier: Retrier) -> bool:
    """Whether each try of a decorated function gets the same connection."""
    if root == IMPLICIT:
        locks = any(
            isinstance(part, ast.Attribute) and part.attr == "select_for_update" for part in nodes_of(code.body)
        )
        closed = any(
            each is not None and each.library == DJANGO and each.name == "InterfaceError" for each in retrier.classes
        )  # OperationalError may also be that of a deadlock
        if retrier.is_celery or any(is_atomic(file, each) for each in code.decorator_list):
            return False
        return locks or closed
    if not isinstance(root, Place):
        return False
    if retrier.is_celery:
        name = root.path.partition(".")[0]
        is_module = isinstance(root.scope.node, ast.Module)
        return is_module and library == SQLALCHEMY and "." not in root.path and f"{name}.remove" not in file.text
    if root.scope.node is code:
        return has_parameter(code, root.path)
    return isinstance(root.scope.node, (ast.Module, ast.ClassDef))


def _first_query(file: File, code: Function, library: str, root: Root) -> ast.Call | None:
    for part in nodes_of(code.body):
        if isinstance(part, ast.Call):
            done = of_call(file, part).operations
            if has_query(each for each in done if each.root == root and each.library == library):
                if reaches_decorator(file, code, part):
                    return part
    return None


def _retry(file: File, call: ast.Call, library: str, root: Root, *caught: tuple[Located, str] | Step) -> DeadRetry:
    title = variable_title(root)
    if library == SQLALCHEMY:
        what, error = f"`{title}` may have lost its connection", "it raises PendingRollbackError"
        advice = "repeat the whole transaction after `rollback()`"
        refusal = "a rollback also drops earlier writes"
    elif library == DJANGO and atomic_around(file, call) is not None:
        what, error = "the transaction may have lost its connection", "no query in it can succeed"
        advice = (
            "repeat the whole transaction: put the `try` around `atomic()`, and close the connection in the handler"
        )
        refusal = "cannot tell whether all of it may be repeated"
    elif library == DJANGO:
        what, error = "Django's connection may be lost", "each query fails"
        advice = "call `connection.close()` in the handler, outside of transactions: the next query connects again"
        refusal = ""
    else:
        what, error = f"`{title}` may be lost", _later_error(library)
        advice = (
            "open a new connection in the handler or each attempt, and repeat the transaction from its first statement"
        )
        refusal = "cannot tell which statements belong together"
    path = (*caught, (call, "queries the same connection again"))
    return DeadRetry(call, path, what, error, advice, refusal, short_name(call.func))


def _later_error(library: str) -> str:
    loss = loss_of(library)
    later = loss.later_text if loss is not None else "the error"
    return f"it raises {later}"
