"""Functions that run in other threads while a function waits for them: those of an executor, of `asyncio.to_thread`.

with ThreadPoolExecutor() as pool:   # its end waits for `work`
    pool.map(work, orders)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.background import HANDS_OVER, RUN_BESIDE
from dbhygiene.program.arguments import argument
from dbhygiene.source.file import File


def run_and_awaited(file: File, call: ast.Call) -> ast.Call | None:
    """Return the call that another thread makes for this one, if this function uses the result."""
    func = call.func
    name = file.resolve(func)
    if isinstance(file.parents.get(call), ast.Expr):
        return None  # started, and not awaited
    if name in RUN_BESIDE:
        return _call_of(call, *RUN_BESIDE[name])
    if isinstance(func, ast.Attribute) and func.attr == "run_in_executor":
        return _call_of(call, *HANDS_OVER[func.attr])
    return None


def run_until_left(file: File, item: ast.withitem) -> Iterator[ast.Call]:
    """Return the calls that an executor makes, and for whose end the `with` block waits that made it."""
    block = file.parents.get(item)
    pool = item.optional_vars
    if not isinstance(pool, ast.Name) or not isinstance(block, (ast.With, ast.AsyncWith)):
        return
    for node in (node for statement in block.body for node in ast.walk(statement)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=pool.id), attr="submit" | "map" as method)):
                if (made := _call_of(node, *HANDS_OVER[method], is_passed_on=method == "submit")) is not None:
                    yield made


def _call_of(call: ast.Call, position: int, name: str, *, is_passed_on: bool = True) -> ast.Call | None:
    """Return the call of a function that a call passes to another thread, with its arguments."""
    given = argument(call, position, name)
    if given is None:
        return None
    arguments = call.args[position + 1 :] if is_passed_on else []
    words = [word for word in call.keywords if word.arg != name] if is_passed_on else []
    return ast.copy_location(ast.Call(given, arguments, words), call)
