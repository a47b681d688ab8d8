"""`fix_retry`: the fix of a retry on a dead connection: what brings it back, first in the handler.

except OperationalError:
    session.rollback()               # the fix, for a session that only reads
    time.sleep(1)
"""

from __future__ import annotations

import ast
import re
from functools import partial

from dbhygiene.diagnostics.edits import InsertBefore, verbatim
from dbhygiene.diagnostics.model import Fix, NoFix, Safety
from dbhygiene.gaps.close_calls import may_stream, streaming_loop
from dbhygiene.gaps.forked_code import ForkedCode
from dbhygiene.gaps.gap_fixes import HELD, close_outside_transaction, close_statement
from dbhygiene.library import django, sqlalchemy
from dbhygiene.program.arguments import has_parameter
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.bindings import Place
from dbhygiene.program.callers import calls_that_lead_to
from dbhygiene.program.code import calls_in, nodes_of, own_nodes
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.program.values import patterns
from dbhygiene.recovery.attempts import Attempt
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY
from dbhygiene.recovery.handles import Root, handle_of
from dbhygiene.recovery.operations import Operation, has_query, may_use, of_call, summary
from dbhygiene.recovery.retried import DeadRetry
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, last_name

_READS = re.compile(r"\s*(?:SELECT|SHOW)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bFOR\s+(?:UPDATE|SHARE)\b|\bINTO\b|GET_LOCK", re.IGNORECASE)


def fix_retry(found: DeadRetry) -> Fix | NoFix:
    """Return the fix of a retry: a connection of Django is closed, a session that only reads is rolled back."""
    attempt, refusal = found.attempt, found.refusal or "a decorator repeats the function: there is no handler here"
    if attempt is not None and attempt.library == DJANGO:
        if lost := _lost_by_closing(attempt, found.call):
            return NoFix(f"{found.refusal or lost}; {found.advice}")
        code = close_statement(attempt.file)
        if isinstance(attempt.code, FUNCTION):
            code = close_outside_transaction(attempt.file, is_async=isinstance(attempt.code, ast.AsyncFunctionDef))
        return _first_in_handler(attempt, "Close the connection in the handler", code, Safety.SAFE)
    if attempt is not None and attempt.library == SQLALCHEMY and _only_reads(attempt):
        is_async = any(isinstance(attempt.file.parents.get(call), ast.Await) for call in attempt.asked)
        code = f"{'await ' if is_async else ''}{verbatim(_session_name(attempt))}.rollback()"
        safety = Safety.SAFE if _is_own(attempt) else Safety.UNSAFE
        return _first_in_handler(attempt, "Roll back in the handler", code, safety)
    return NoFix(f"{refusal}; {found.advice}")


def _first_in_handler(attempt: Attempt, title: str, code: str, safety: Safety) -> Fix:
    return Fix(title, (InsertBefore(attempt.file.span(attempt.handler.body[0]), code),), safety)


# -- Django -----------------------------------------------------------------------------------------------


def _lost_by_closing(attempt: Attempt, call: ast.Call) -> str:
    """Return what else may be lost with the connection than the transaction that has failed; else an empty string."""
    file, code = attempt.file, attempt.code
    text = file.segment(code) if isinstance(code, FUNCTION) else file.text
    if atomic_around(file, call) is not None or "set_autocommit" in file.text or any(word in text for word in HELD):
        return "a transaction may be open here"
    if ForkedCode(file.project).may_run(file, code):
        return "this may run in a forked process, whose parent uses the same connection"
    loops = (part for part in own_nodes(code) if isinstance(part, (ast.For, ast.AsyncFor)))
    if any(may_stream(file, loop.iter) for loop in loops) or _keeps_cursor(file, attempt):
        return "a cursor may still be in use"
    is_streaming = isinstance(code, FUNCTION) and _is_called_while_streaming(file, code)
    return "a caller may still be reading rows" if is_streaming else ""


def _is_called_while_streaming(file: File, function: Function) -> bool:
    """Whether a caller of a function, or one of that, may read rows in chunks: they end with their connection."""
    return any(
        each is None or streaming_loop(each[0], each[1], partial(may_stream, each[0])) is not None
        for each in calls_that_lead_to(file, function)
    )


def _keeps_cursor(file: File, attempt: Attempt) -> bool:
    """Whether a cursor may live on behind the `try`: none does that a `with` within it opens."""
    types = TypeInference.of(file)
    inside = {
        item.context_expr
        for part in nodes_of(attempt.node.body)
        if isinstance(part, (ast.With, ast.AsyncWith))
        for item in part.items
    }
    cursors = (
        call for call in calls_in(own_nodes(attempt.code)) if types.type_of(call) == ObjectInstance(django.CURSOR)
    )
    return any(call not in inside for call in cursors)


# -- sessions of SQLAlchemy -------------------------------------------------------------------------------


def _only_reads(attempt: Attempt) -> bool:
    """Whether a function does nothing with its session but read, so that a rollback drops nothing."""
    file, code, root = attempt.file, attempt.code, attempt.root
    if not isinstance(code, FUNCTION) or not _session_name(attempt):
        return False
    done = (each for each in summary(file, code).operations if each.library == SQLALCHEMY)
    if any(each.verb in {"writes", "adds", "commits"} and each.root == root for each in done):
        return False
    if any(last_name(call.func) in {"begin", "begin_nested"} for call in calls_in(own_nodes(code))):
        return False  # its block would go on in a transaction that is over
    if any(isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) for part in own_nodes(code)):
        return False  # the attribute of an object may be one of a row
    for call in calls_in(own_nodes(code)):
        if (has_query(_mine(file, call, root)) and not _reads(file, call)) or may_use(file, call, root):
            return False
    return True


def _mine(file: File, call: ast.Call, root: Root) -> list[Operation]:
    return [each for each in of_call(file, call).operations if each.library == SQLALCHEMY and each.root == root]


def _reads(file: File, call: ast.Call) -> bool:
    """Whether a query is known to read rows, and to lock none."""
    method = last_name(call.func)
    if method in sqlalchemy.EXECUTES | {"scalar"} and call.args:
        chain = {last_name(part.func): part for part in ast.walk(call.args[0]) if isinstance(part, ast.Call)}
        if "text" in chain:
            texts = patterns(evaluate(file, chain["text"].args[0])) if chain["text"].args else []
            return bool(texts) and all(_READS.match(text) and not _LOCKS.search(text) for text in texts)
        return "select" in chain and "with_for_update" not in chain
    return method == "connection" or (method == "get" and len(call.args) == 2 and not call.keywords)


def _session_name(attempt: Attempt) -> str:
    """Return how the code of a `try` writes its session; an empty string if in several ways."""
    names = {
        ast.unparse(call.func.value)
        for call in attempt.asked
        if isinstance(call.func, ast.Attribute)
        and (held := handle_of(attempt.file, call.func.value)) is not None
        and held.kind == "session"
    }
    return names.pop() if len(names) == 1 else ""


def _is_own(attempt: Attempt) -> bool:
    """Whether the function makes the session, and loads nothing before the `try` that a rollback would expire."""
    file, root, code = attempt.file, attempt.root, attempt.code
    asked = [call for call in calls_in(own_nodes(code)) if has_query(_mine(file, call, root))]
    return (
        set(asked) <= set(attempt.asked)
        and isinstance(root, Place)
        and root.scope.node is code
        and isinstance(code, FUNCTION)
        and not has_parameter(code, root.path)
    )
