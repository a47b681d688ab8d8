"""`is_recreated`: whether a program makes an engine repeatedly, in functions that keep none of them.

for name in names:
    engine = create_engine(url)      # `repetition_around`: the loop
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice

from dbhygiene.library.request_handlers import handler
from dbhygiene.library.test_files import is_test_file
from dbhygiene.pools.engine_escape import Fate, fate
from dbhygiene.pools.engines import Engine
from dbhygiene.program.callers import callers
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, files_with_word, function_around
from dbhygiene.source.nodes import Function


def is_recreated(made: Engine) -> bool:
    """Whether code that makes an engine, and keeps none, is known to run repeatedly."""
    return not made.has_owner and (repetition_around(made) is not None or bool(careless_calls(made)[0]))


def repetition_around(made: Engine) -> ast.AST | None:
    """Return the loop, or the decorator of the function, that runs a call which makes an engine repeatedly."""
    file, call = made.file, made.call
    function = function_around(file, call)
    if function is None or is_test_file(file) or is_cached(file, function) or fate(file, call) is not Fate.DROPPED:
        return None
    return _loop_around(file, call, function) or handler(function)


def careless_calls(made: Engine) -> tuple[list[tuple[File, ast.Call]], bool]:
    """Return the calls of a function that returns a new engine, and of those that pass it on, whose callers drop it.

    Also return whether calls of each of these functions are known.
    """
    function = function_around(made.file, made.call)
    if function is None or is_test_file(made.file) or is_cached(made.file, function) or function.name == "__init__":
        return [], True
    return _careless(made.file, function) if fate(made.file, made.call) is Fate.HANDED_ON else ([], True)


def calls_that_get(made: Engine) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls of the function that makes and returns an engine, and of those that pass it on."""
    if not is_test_file(made.file):
        yield from islice(closure((made.file, made.call), _calls_that_get), 1, None)


def _calls_that_get(at: tuple[File, ast.Call]) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls of the function around a call, if it returns what that gives it."""
    file, call = at
    function = function_around(file, call)
    if function is not None and not is_cached(file, function) and fate(file, call) is Fate.HANDED_ON:
        yield from _calls(file, function)


def has_no_caller(made: Engine) -> bool:
    """Whether an engine is returned by a function of a module that nothing in the project calls."""
    function = function_around(made.file, made.call)
    if function not in made.file.tree.body or fate(made.file, made.call) is not Fate.HANDED_ON:
        return False
    return not function.decorator_list and next(_calls(made.file, function), None) is None


def _careless(file: File, function: Function) -> tuple[list[tuple[File, ast.Call]], bool]:
    """Return the calls of a function, or of those that return its result, that drop it; none if one keeps it."""
    dropped: list[tuple[File, ast.Call]] = []
    todo, seen, is_complete = [(file, function)], {function}, True
    while todo:
        known = list(_calls(*todo.pop()))
        is_complete = is_complete and bool(known)
        for where, call in known:
            caller, its_fate = function_around(where, call), fate(where, call)
            if its_fate is Fate.KEPT or caller is None or is_cached(where, caller):
                return [], True
            if its_fate is Fate.DROPPED and caller.name not in _ONCE and not is_test_file(where):
                dropped.append((where, call))
            elif its_fate is Fate.HANDED_ON and caller not in seen:
                seen.add(caller)
                todo.append((where, caller))
    return sorted(dropped, key=lambda found: (found[0] is not file, found[0].path, found[1].lineno)), is_complete


def _calls(file: File, function: Function) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls of a function or method, in its own file and in others of the project."""
    if function not in file.tree.body:
        yield from ((where, call) for where, call, _ in callers(file, function))
        return
    for where in files_with_word(file, function.name):
        for call in where.nodes(ast.Call):
            called = where.resolve(call.func)
            if called is not None and called.rpartition(".")[2] == function.name:
                found = find_definition(where, called)
                if found is not None and found.node is function:
                    yield where, call


_ONCE = frozenset({"__init__", "main", "setup", "configure", "create_app", "init_db", "upgrade", "downgrade"})
_CACHES = ("cache", "memo", "singleton", "fixture", "once", "contextmanager")


def is_cached(file: File, function: Function) -> bool:
    """Whether a decorator caches the result of a function."""
    return any(any(word in file.segment(d).lower() for word in _CACHES) for d in function.decorator_list)


def _loop_around(file: File, node: ast.AST, function: Function) -> ast.AST | None:
    for outer in file.around(node):
        if outer is function:
            return None
        if isinstance(outer, (ast.While, ast.For, ast.AsyncFor)):
            return outer
    return None
