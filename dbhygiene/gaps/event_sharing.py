"""`EventHandler`: events that use one connection at the same time, since each runs its handler in a task of its own.

async def on_message(message):           # each message runs it in a task of its own, all with the same `conn`
    await conn.execute(message)
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.library.request_handlers import handler
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.fields import constructor_calls
from dbhygiene.lifetimes.value_users import ValueUsers, place_of
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, function_around, with_others
from dbhygiene.source.nodes import FUNCTION, Code, Function


class EventHandler(NamedTuple):
    """An asynchronous handler of events, and where it uses a connection that other events use, too, if that is seen."""

    file: File
    function: ast.AsyncFunctionDef
    use: ast.expr | None


def handler_on_one_connection(life: Lifetime) -> EventHandler | None:
    """Return an asynchronous handler of events that uses a connection which other events use, too."""
    place = place_of(life)
    if place is None or not life.resource.is_async or life.resource.is_object:
        return None
    users = ValueUsers(life, place)
    for function in _handlers(life.file):
        if function in users.users and function is not life.code:
            return EventHandler(life.file, function, users.use_in(function))
    if isinstance(place.scope.node, ast.ClassDef):
        cls = Definition(life.file, place.scope.node, place.scope.name)
        return next(_handlers_of_objects(life.file, cls, users), None)
    return None


def _handlers(file: File) -> Iterator[ast.AsyncFunctionDef]:
    registered = {function for function, _ in callbacks(file)}
    for function in file.functions:
        if isinstance(function, ast.AsyncFunctionDef) and (function in registered or handler(function) is not None):
            yield function


def _handlers_of_objects(file: File, cls: Definition, users: ValueUsers) -> Iterator[EventHandler]:
    """Yield the handlers that call a method which uses the connection, of an object that a module keeps."""
    methods = {code.name: code for code in users.users if isinstance(code, FUNCTION)}
    for maker, call in constructor_calls(file, cls):
        match maker.parents.get(call):
            case ast.Assign(targets=[ast.Name(id=name)]) if function_around(maker, call) is None:
                for where in _functions_that_see(maker, name):
                    callers = _callers(where, maker, name, methods)
                    for function in _handlers(where):
                        if function in callers:
                            yield EventHandler(where, function, users.use_in(callers[function]))


def _functions_that_see(maker: File, name: str) -> list[File]:
    others = maker.project.files_mentioning_all(maker.module.rpartition(".")[2], name) or ()
    return with_others(maker, others)


def _callers(file: File, maker: File, variable: str, methods: dict[str, Function]) -> dict[Code | None, Function]:
    """Return the functions of a file that call a method of a module's object, directly or not, with that method."""
    found: dict[Code | None, Function] = {}
    named: dict[str | None, Function] = {}
    before = -1
    while before != len(found):
        before = len(found)
        for call in file.nodes(ast.Call):
            match call.func:
                case ast.Attribute(value=value, attr=attr) if attr in methods and _is_variable(
                    file, value, maker, variable
                ):
                    found.setdefault(function_around(file, call), methods[attr])
                case func if (method := named.get(file.resolve(func))) is not None:
                    found.setdefault(function_around(file, call), method)
        named = {f"{file.module}.{file.functions[code].name}": found[code] for code in found if code is not None}
    return found


def _is_variable(file: File, expr: ast.expr, maker: File, variable: str) -> bool:
    """Whether an expression is a variable of a module, which may be another file's."""
    if file is maker:
        return Bindings.of(file).place(expr) == Place(file.scope, variable)
    return file.resolve(expr) == f"{maker.module}.{variable}"
