"""Functions that run in other threads while a function waits for them: those of an executor, of `asyncio.to_thread`.

with ThreadPoolExecutor() as pool:   # its end waits for `work`
    pool.map(work, orders)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow.cfg import Loop
from dbhygiene.library.background import HANDS_OVER, RUN_BESIDE
from dbhygiene.program.arguments import argument
from dbhygiene.program.bindings import Bindings
from dbhygiene.source.file import File

_DEPTH = 5  # of variables
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
            yield from _submits(file, future, _DEPTH)


def run_for_future(file: File, future: ast.expr) -> list[ast.Call]:
    """Return the calls that an executor makes for a future: of one variable, or for each of a list."""
    return [
        made
        for submit in _submits(file, future, _DEPTH)
        if (made := _call_of(submit, *HANDS_OVER["submit"])) is not None
    ]


def _submits(file: File, future: ast.expr, depth: int) -> Iterator[ast.Call]:
    """Yield the calls of `submit` of which a future may be the result."""
    match future:
        case ast.Call(func=ast.Attribute(attr="submit")):
            yield future
        case ast.Name() if depth and (place := Bindings.of(file).place(future)) is not None:
            for value in Bindings.of(file).values.get(place, ()):
                yield from _submits(file, value, depth - 1)
            loops: list[Loop] = [*file.nodes(ast.For), *file.nodes(ast.comprehension)]
            for loop in loops:
                if isinstance(loop.target, ast.Name) and Bindings.of(file).place(loop.target) == place:
                    yield from _submits_in(file, loop.iter, depth - 1)


def _submits_in(file: File, futures: ast.expr, depth: int) -> Iterator[ast.Call]:
    """Yield the calls of `submit` whose results a list, a set, or the keys of a dict may hold."""
    match futures:
        case ast.ListComp(elt=one) | ast.SetComp(elt=one) | ast.GeneratorExp(elt=one) | ast.DictComp(key=one):
            yield from _submits(file, one, depth)
        case ast.List(elts=several) | ast.Tuple(elts=several):
            for one in several:
                yield from _submits(file, one, depth)
        case ast.Call(func=ast.Name() | ast.Attribute(), args=[inner, *_]) if depth:
            if file.resolve(futures.func) in _SAME_FUTURES:
                yield from _submits_in(file, inner, depth - 1)
        case ast.Name() if depth and (place := Bindings.of(file).place(futures)) is not None:
            for value in Bindings.of(file).values.get(place, ()):
                yield from _submits_in(file, value, depth - 1)
            for call in file.calls.get("append", ()):
                if isinstance(call.func, ast.Attribute) and Bindings.of(file).place(call.func.value) == place:
                    for one in call.args:
                        yield from _submits(file, one, depth - 1)


def _call_of(call: ast.Call, position: int, name: str, *, is_passed_on: bool = True) -> ast.Call | None:
    """Return the call of a function that a call passes to another thread, with its arguments."""
    given = argument(call, position, name)
    if given is None:
        return None
    arguments = call.args[position + 1 :] if is_passed_on else []
    words = [word for word in call.keywords if word.arg != name] if is_passed_on else []
    return ast.copy_location(ast.Call(given, arguments, words), call)
