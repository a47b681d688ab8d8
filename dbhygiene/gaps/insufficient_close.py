"""`insufficient`: code before a gap that looks as if it closed the connection, but does not, and the reason.

close_old_connections()              # with CONN_MAX_AGE = None, it keeps the connection
time.sleep(100_000)
"""

from __future__ import annotations

import ast

from dbhygiene.diagnostics.quantities import number_text
from dbhygiene.gaps.close_calls import closing_function
from dbhygiene.gaps.effects import Location
from dbhygiene.gaps.implicit import Gap
from dbhygiene.gaps.recovery import closes_itself
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code, without_arguments
from dbhygiene.source.queries import query
from dbhygiene.source.records import replace


def insufficient(gap: Gap) -> Location | None:
    """Return the code that looks as if it closed the connection; its words are why it does not."""
    if (check := gap.age_check) is not None:
        lives = "None" if check.age == float("inf") else number_text(check.age)
        return _with_reason(check.spot, f"`close_old_connections()` keeps it, as CONN_MAX_AGE is {lives}")
    if (call := _on_success(gap)) is not None:
        return Location(gap.file, call, "an exception skips the `close` before the wait")
    if (decorator := _around(gap)) is not None:
        return Location(gap.file, decorator, "the decorator does not close it while the function runs")
    return None


def _with_reason(spot: Location, why: str) -> Location:
    """Return a place, or a chain of calls that leads there, with the reason at its end."""
    if spot.inner is None:
        return replace(spot, words=why)
    return spot.leading_to(_with_reason(spot.inner, why))


def _on_success(gap: Gap) -> ast.Call | None:
    """Return a call that closes after the query, in the body of a `try` that the wait is not part of."""
    file = gap.file
    for call in _closers(file, gap.code):
        if call.lineno < gap.first_query.node.lineno:
            continue
        for block in _tries(file, call):
            if _within(block, gap.first_query.node) and not _within(block, gap.wait.node):
                return call
    return None


@query
def _closers(file: File, code: Code) -> tuple[ast.Call, ...]:
    calls = (node for node in ast.walk(code) if isinstance(node, ast.Call))
    return tuple(call for call in calls if closing_function(file, call) is not None)


def _tries(file: File, node: ast.AST) -> list[ast.Try]:
    """Return the `try` statements in whose body a node lies, within its function."""
    found, below = [], node
    for above in file.around(node):
        if isinstance(above, (*FUNCTION, ast.Lambda)):
            break
        if isinstance(above, ast.Try) and (below in above.body or below in above.orelse):
            found.append(above)
        below = above
    return found


def _within(block: ast.Try, node: ast.AST) -> bool:
    return any(part is node for statement in block.body for part in ast.walk(statement))


def _around(gap: Gap) -> ast.expr | None:
    """Return a decorator of the project's own that closes the connection."""
    for decorator in gap.code.decorator_list if isinstance(gap.code, FUNCTION) else ():
        called = without_arguments(decorator)
        name = gap.file.resolve(called)
        found = find_definition(gap.file, name) if name else None
        if found and isinstance(found.node, FUNCTION) and closes_itself(found.file, found.node):
            return decorator
    return None
