"""`is_over`: whether a task, thread or process has ended before another one is started.

task = asyncio.create_task(load())
await task                               # here it has ended
asyncio.create_task(store())
"""

from __future__ import annotations

import ast

from dbhygiene.source.file import File, statement_around
from dbhygiene.source.nodes import FUNCTION, block_of

# They return when all that they get has ended.
_WAIT_FOR_ALL = frozenset({"asyncio.wait", "asyncio.gather", "asyncio.wait_for", "asyncio.shield"})
_ENDS_EARLY = frozenset({"timeout", "return_when"})


def is_awaited(file: File, start: ast.expr) -> bool:
    """Whether the code around a start waits at once until the started code has ended: `await wait([create_task(f())])`.

    A `wait_for` that runs out of time cancels the task.
    """
    inside: ast.expr = start
    for around in file.around(start):
        match around:
            case ast.Await():
                return True
            case ast.List() | ast.Tuple() | ast.Set() | ast.Starred():
                inside = around
            case ast.Call(func=func) if func is not inside and _waits_for_all(file, around):
                inside = around
            case _:
                return False
    return False


def _waits_for_all(file: File, call: ast.Call) -> bool:
    name = file.resolve(call.func)
    ends_early = name == "asyncio.wait" and any(each.arg in _ENDS_EARLY for each in call.keywords)
    return name in _WAIT_FOR_ALL and not ends_early


def group_around(file: File, start: ast.Call) -> ast.AsyncWith | None:
    """Return the `async with TaskGroup() as group:` that starts a task by `group.create_task`; its end waits for it."""
    match start.func:
        case ast.Attribute(value=ast.Name(id=group), attr="create_task"):
            for around in file.around(start):
                if isinstance(around, ast.AsyncWith) and group in map(_variable, around.items):
                    return around
                if isinstance(around, (*FUNCTION, ast.Lambda)):
                    break
    return None


def _variable(item: ast.withitem) -> str | None:
    return item.optional_vars.id if isinstance(item.optional_vars, ast.Name) else None


def is_over(file: File, start: ast.Call, before: ast.Call | None = None) -> bool:
    """Whether the started code has ended when another call is reached, or else the end of the block that starts it."""
    group = group_around(file, start)
    if group is not None and before is not None:
        return group not in file.around(before)
    statement = statement_around(file, start)
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    if before is not None and statement in file.around(before):
        return False
    name = statement.targets[0].id
    block = block_of(file.parents[statement], statement)
    for later in block[block.index(statement) + 1 :]:
        if before is not None and before in ast.walk(later):
            return False
        if _waits_for(file, later, name):
            return True
    return False


def _waits_for(file: File, statement: ast.stmt, name: str) -> bool:
    """Whether a statement waits until the task, the tasks, or the thread that a variable holds has ended."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=thread), attr="join"), args=[], keywords=[])):
            return thread == name
        case ast.Expr(value=value) | ast.Assign(value=value) | ast.Return(value=ast.expr() as value):
            held = (part for part in ast.walk(value) if isinstance(part, ast.Name) and part.id == name)
            return any(is_awaited(file, part) for part in held)
    return False
