"""`passed_calls`: each `PassedCall` is a call of a function that a pool or a thread makes, as it was passed to them.

pool.submit(remove, shelf)                     # `remove(shelf)`
pool.map(remove, shelves)                      # `remove(..)` for each of `shelves`
Thread(target=remove, args=(shelf,)).start()   # `remove(shelf)`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.background import HANDS_OVER, PASSES_ITEMS, PASSES_REST, THREAD_CLASSES, THREADS
from dbhygiene.program.arguments import argument
from dbhygiene.program.dispatch import definitions
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Function, keyword_value, last_name
from dbhygiene.source.queries import recursive_query
from dbhygiene.source.records import Record

_NAMES = (*HANDS_OVER, *{name.rpartition(".")[2]: None for name in THREADS})


class PassedCall(Record):
    """A call as a pool or a thread makes it; with `of_items`, once for each item of its arguments."""

    call: ast.Call
    of_items: bool = False


@recursive_query(())
def passed_calls(file: File, function: Function) -> tuple[PassedCall, ...]:
    """Return the calls of a function that its file lets pools and threads make."""
    return tuple(
        made
        for name in _NAMES
        for call in file.calls.get(name, ())
        if (made := _call_made(file, call)) is not None
        and last_name(made.call.func) == function.name
        and any(each.node is function for each in definitions(file, made.call.func))
    )


def _call_made(file: File, call: ast.Call) -> PassedCall | None:
    """Return the call that a pool or a thread makes, if its function and arguments are known."""
    name = file.resolve(call.func)
    if name in THREAD_CLASSES:
        return _call_of_thread(call, *THREAD_CLASSES[name])
    if name in THREADS and name != "_thread.start_new_thread":  # which takes a tuple
        return _call_with_rest(call, *THREADS[name])
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    if method in PASSES_REST or method in PASSES_ITEMS:
        made = _call_with_rest(call, *HANDS_OVER[method])
        return PassedCall(made.call, of_items=method in PASSES_ITEMS) if made is not None else None
    return None


def _call_with_rest(call: ast.Call, position: int, word: str) -> PassedCall | None:
    """Return the call of an argument with those that follow it: `submit(f, a, b=c)`."""
    if (given := argument(call, position, word)) is None:
        return None
    words = [each for each in call.keywords if each.arg != word]
    return PassedCall(ast.copy_location(ast.Call(given, call.args[position + 1 :], words), call))


def _call_of_thread(call: ast.Call, position: int, word: str) -> PassedCall | None:
    """Return the call that a thread makes: `Thread(target=f, args=(a,), kwargs={"b": c})`."""
    given = argument(call, position, word)
    if given is None:
        return None
    match keyword_value(call, "args"):
        case ast.Tuple(elts=arguments) | ast.List(elts=arguments):
            return PassedCall(ast.copy_location(ast.Call(given, list(arguments), list(_words(call))), call))
    return PassedCall(ast.copy_location(ast.Call(given, [], list(_words(call))), call))


def _words(call: ast.Call) -> Iterator[ast.keyword]:
    match keyword_value(call, "kwargs"):
        case ast.Dict(keys=names, values=values):
            for name, value in zip(names, values, strict=True):
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield ast.keyword(name.value, value)
