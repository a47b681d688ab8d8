"""`fix_gap`: the fix for a gap, which closes the connection before the wait, if that loses nothing.

if not connection.in_atomic_block:
    connection.close()               # inserted by the fix
time.sleep(3600)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from dbhygiene.diagnostics.edits import InsertAfter, InsertBefore, InsertFirst
from dbhygiene.diagnostics.model import Fix, NoFix
from dbhygiene.gaps.close_calls import may_stream, streaming_loop
from dbhygiene.gaps.database_aliases import aliases_of
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.implicit import Gap, Sharing
from dbhygiene.gaps.properties import may_query_as_property
from dbhygiene.library import django
from dbhygiene.library.waits import WaitKind
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.callers import calls_that_lead_to
from dbhygiene.program.definitions import find_definition
from dbhygiene.program.replaced import replacements
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, Located, walk
from dbhygiene.source.queries import query

CLOSES_PARENTS = (
    "a forked process may run this, and would close its parent's connection; close the connection in the parent, before"
    " it forks"
)
_OF_CONNECTION = lazy_pattern(r"(?i)\bTEMP(?:ORARY)?\s+TABLE|GET_LOCK|advisory_lock|\bLOCK\s+TABLES\b")
HELD = ("select_for_update", "GET_LOCK", "advisory_lock", "TEMPORARY TABLE", "LISTEN ")


def fix_gap(gap: Gap) -> Fix | NoFix:
    """Return the fix that closes the connection before the wait, or the reason why that would do harm."""
    if (reason := next(_reasons(gap), None)) is not None:
        return NoFix(reason)
    if gap.between_calls and isinstance(gap.code, FUNCTION):
        title = f"Close the connection at the start of `{gap.code.name}`"
        return Fix(title, (InsertFirst(gap.file.span(gap.code), _close_code(gap)),))
    if gap.loop is not None:
        return Fix(
            "Close the connection before the loop that waits",
            (InsertBefore(gap.file.span(gap.loop), _close_code(gap)),),
        )
    statement = _statement(gap.file, gap.wait.node)
    if statement is None:
        return NoFix("the wait is not in a statement of its own; close the connection before the wait")
    if isinstance(statement, ast.While):
        return NoFix("the wait is in the condition of a loop; close the connection before the wait")
    span, code = gap.file.span(statement), _close_code(gap)
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return Fix("Close the connection after the wait, at the start of each round", (InsertFirst(span, code),))
    if _is_closed_after(gap):
        return Fix("Close the connection after the wait, and before it is used again", (InsertAfter(span, code),))
    return Fix("Close the connection before the wait", (InsertBefore(span, code),))


def _close_code(gap: Gap) -> str:
    """Return the statements that close the idle connection."""
    if isinstance(gap.code, ast.Module):  # no caller, and thus no transaction of one
        return close_statement(gap.file)
    return close_outside_transaction(gap.file, is_async=isinstance(gap.code, ast.AsyncFunctionDef))


def close_outside_transaction(file: File, *, is_async: bool) -> str:
    """Return the statements that close the site's connections, unless a transaction is open: a caller's, or a test's.

    Every test of a `TestCase` runs within a transaction. To close the connection there makes its next query fail.
    """
    close = close_statement(file)
    if is_async:
        return close_for_coroutine(close)
    return f"if not {_in_transaction(close)}:\n    {close}"


def close_for_coroutine(close: str) -> str:
    """Return the code that closes them in the thread of a coroutine's queries: this thread cannot see them."""
    guard, blank = _in_transaction(close), "\n    " if "connections}.close" in close else ""
    return f"await {{asgiref.sync.sync_to_async}}({blank}lambda: {guard} or {close}{blank.rstrip(' ')})()"


def _in_transaction(close: str) -> str:
    """Return the test whether the connection that this code closes is in a transaction."""
    if "{django.db.connections}" in close:
        return "any(each.in_atomic_block for each in {django.db.connections}.all())"
    return "{django.db.connection}.in_atomic_block"


def close_statement(file: File, *, several: bool = False) -> str:
    """Return the statement that closes the connections of the site that a file belongs to."""
    several = several or len(aliases_of(file)) > 1
    return "{django.db.connections}.close_all()" if several else "{django.db.connection}.close()"


def _statement(file: File, node: ast.AST) -> ast.stmt | None:
    return node if isinstance(node, ast.stmt) else statement_around(file, node)


def waits_in_transaction(gap: Gap) -> bool:
    """Whether the wait lies within a transaction, of its function or of a caller in the same file."""
    return any(atomic_around(gap.file, place) for place in (gap.wait.node, *_callers(gap)))


# -- why not ----------------------------------------------------------------------------------------------


def _reasons(gap: Gap) -> Iterator[str]:
    file, node = gap.file, gap.wait.node
    callers = _calls_above(gap)
    files = {file, *(each for each, _ in callers)}
    if any(streaming_loop(each, place, partial(may_stream, each)) for each, place in ((file, node), *callers)):
        yield "the rows of `.iterator()` are still being read; read all rows first, then close the connection"
    if gap.kind is WaitKind.COMMAND:
        yield "a `close` before the command is not enough: the command may connect again; close it after the command"
    if (read := next(_reads_that_may_query(gap), "")) and not _is_closed_after(gap):
        yield f"between the `close` of a fix and the wait, `{read}` may connect again; close it right before the wait"
    if gap.shared_with is Sharing.PARENT:
        yield CLOSES_PARENTS
    if gap.shared_with is Sharing.CHILD:
        yield "a forked process may still use it; close the connection before the fork"
    text = file.segment(gap.code) if isinstance(gap.code, FUNCTION) else file.text
    if any(word in text for word in HELD) or any(_OF_CONNECTION.search(each.text) for each in files):
        yield "closing drops its locks and temporary tables; take locks and make temporary tables after the wait"
    if any("set_autocommit" in each.text for each in files):
        yield "closing rolls back an open transaction; commit before the wait, then close the connection"
    for found in replacements(file, [django.CONNECTION_LOOK_UP]):
        if file.path.stem in found.file.text:
            yield f"{found.words} of `connections`; close the connection before the wait, and change the test"
    if _has_cursor(file, gap.code):
        yield "a cursor may still be in use; close the cursor and the connection before the wait"
    if any(_has_cursor_around(each, call) for each, call in callers):
        yield "a caller may still use a cursor; close the cursor, then the connection, before the wait"


def _is_closed_after(gap: Gap) -> bool:
    """Whether the fix closes the connection after the wait: the function that waits has queried before."""
    return gap.first_query.node is gap.wait.node is not gap.next_query.node


def _reads_that_may_query(gap: Gap) -> Iterator[str]:
    """Yield the attributes that are read after the place of the fix, before the wait, and are properties that query.

    The classes of their objects need not be known: the names of properties are enough.
    """
    here: Location | None = gap.wait
    within: Located = gap.loop or _statement(gap.file, gap.wait.node) or gap.wait.node
    while here is not None:
        for part in walk(within):
            if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load):
                if part.lineno <= (here.node.end_lineno or part.lineno) and may_query_as_property(here.file, part.attr):
                    yield here.file.segment(part)
        here = here.inner
        if here is not None:
            within = function_around(here.file, here.node) or here.node


def _callers(gap: Gap) -> Iterator[ast.Call]:
    """Return the calls of the gap's function in its own file."""
    if isinstance(gap.code, FUNCTION):
        for call in gap.file.nodes(ast.Call):
            name = gap.file.resolve(call.func)
            if name and name.rpartition(".")[2] == gap.code.name:
                found = find_definition(gap.file, name)
                if found and found.node is gap.code:
                    yield call


def _calls_above(gap: Gap) -> list[tuple[File, ast.Call]]:
    """Return the calls of the gap's function, of the functions around those, and so on, as far as they are known."""
    if not isinstance(gap.code, FUNCTION):
        return []
    return [each for each in calls_that_lead_to(gap.file, gap.code) if each is not None]


def _has_cursor_around(file: File, call: ast.Call) -> bool:
    """Whether the function around a call may use a cursor after it: one that no `with` elsewhere opens and closes."""
    code = function_around(file, call)
    if code is None or not _has_cursor(file, code):
        return False
    around, things = {*file.around(call)}, TypeInference.of(file)
    ended = {
        item.context_expr
        for part in ast.walk(code)
        if isinstance(part, (ast.With, ast.AsyncWith)) and part not in around
        for item in part.items
    }
    calls = (node for node in ast.walk(code) if isinstance(node, ast.Call) and node not in ended)
    return any(things.type_of(each) == ObjectInstance(django.CURSOR) for each in calls)


@query
def _has_cursor(file: File, code: Code) -> bool:
    things = TypeInference.of(file)
    calls = (node for node in ast.walk(code) if isinstance(node, ast.Call))
    return any(things.type_of(call) == ObjectInstance(django.CURSOR) for call in calls)
