"""`call_in_thread`: the function that another thread runs while this one waits, as with `asyncio.to_thread`.

with ThreadPoolExecutor() as pool:   # its end waits for `work`: `calls_of_executor`
    pool.map(work, orders)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from dbhygiene.library.background import HANDS_OVER, RUN_BESIDE
from dbhygiene.program.arguments import argument
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.dispatch import binding_loops
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.records import Row

_SAME_FUTURES = frozenset({"concurrent.futures.as_completed", "list", "tuple", "set", "reversed"})


def call_in_thread(file: File, call: ast.Call) -> ast.Call | None:
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


def calls_of_executor(file: File, item: ast.withitem) -> Iterator[ast.Call]:
    """Return the calls that an executor makes, and for whose end the `with` block waits that made it."""
    block = file.parents.get(item)
    pool = item.optional_vars
    if not isinstance(pool, ast.Name) or not isinstance(block, (ast.With, ast.AsyncWith)):
        return
    nodes = [node for statement in block.body for node in ast.walk(statement)]
    awaited = {submit for node in nodes for submit in _finished_submits(file, node)}
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=pool.id), attr="submit" | "map" as method)):
                if (
                    node not in awaited
                    and (made := _call_of(node, *HANDS_OVER[method], is_passed_on=method == "submit")) is not None
                ):
                    yield made


def _finished_submits(file: File, node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of `submit` whose functions have ended after a node: `job.result()`."""
    match node:
        case ast.Call(func=ast.Attribute(value=future, attr="result"), args=[], keywords=[]):
            yield from _submits(file, future)


def run_for_future(file: File, future: ast.expr) -> list[ast.Call]:
    """Return the calls that an executor makes for a future: of one variable, or for each of a list."""
    return [made for submit in _submits(file, future) if (made := _call_of(submit, *HANDS_OVER["submit"])) is not None]


class _Future(Row):
    """An expression that is a future, or `holds` some."""

    expr: ast.expr
    holds: bool = False


def _submits(file: File, future: ast.expr) -> Iterator[ast.Call]:
    """Yield the calls of `submit` of which a future may be the result."""
    for each in closure(_Future(future), partial(_origins, file)):
        match each:
            case _Future(ast.Call(func=ast.Attribute(attr="submit")) as call, False):
                yield call


def _origins(file: File, future: _Future) -> Iterator[_Future]:
    """Yield the futures that a variable may be, or that a list, a set, or the keys of a dict may hold."""
    match future:
        case _Future(ast.Name() as name, holds) if (place := Bindings.of(file).place(name)) is not None:
            yield from (_Future(value, holds) for value in Bindings.of(file).values.get(place, ()))
            for loop, position in binding_loops(file, name) if not holds else ():
                if position is None:
                    yield _Future(loop.iter, True)
            for call in file.calls.get("append", ()) if holds else ():
                if isinstance(call.func, ast.Attribute) and Bindings.of(file).place(call.func.value) == place:
                    yield from map(_Future, call.args)
        case _Future(ast.ListComp(elt=one) | ast.SetComp(elt=one) | ast.GeneratorExp(elt=one), True):
            yield _Future(one)
        case _Future(ast.DictComp(key=one), True):
            yield _Future(one)
        case _Future(ast.List(elts=several) | ast.Tuple(elts=several), True):
            yield from map(_Future, several)
        case _Future(ast.Call(func=called, args=[inner, *_]), True) if file.resolve(called) in _SAME_FUTURES:
            yield _Future(inner, True)


def _call_of(call: ast.Call, position: int, name: str, *, is_passed_on: bool = True) -> ast.Call | None:
    """Return the call of a function that a call passes to another thread, with its arguments."""
    given = argument(call, position, name)
    if given is None:
        return None
    arguments = call.args[position + 1 :] if is_passed_on else []
    words = [word for word in call.keywords if word.arg != name] if is_passed_on else []
    return ast.copy_location(ast.Call(given, arguments, words), call)
