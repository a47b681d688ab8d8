"""Events that are handled at the same time on one connection: each runs its handler in a task of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.gaps.callbacks import callbacks
from dbhygiene.library.request_handlers import handler
from dbhygiene.lifetimes import Lifetime
from dbhygiene.lifetimes.fields import objects_made
from dbhygiene.lifetimes.value_users import ValueUsers, place_of
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.definitions import Definition
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Code


def handler_on_one_connection(life: Lifetime) -> tuple[File, ast.AsyncFunctionDef] | None:
    """Return an asynchronous handler of events that uses a connection which other events use, too."""
    place = place_of(life)
    if place is None or not life.resource.is_async or life.resource.is_object:
        return None
    users = ValueUsers(life, place)
    for function in _handlers(life.file):
        if function in users.users and function is not life.code:
            return life.file, function
    if isinstance(place.scope.node, ast.ClassDef):
        return next(
            _handlers_of_objects(life.file, Definition(life.file, place.scope.node, place.scope.name), users), None
        )
    return None


def _handlers(file: File) -> Iterator[ast.AsyncFunctionDef]:
    registered = {function for function, _ in callbacks(file)}
    for function in file.functions:
        if isinstance(function, ast.AsyncFunctionDef) and (function in registered or handler(function) is not None):
            yield function


def _handlers_of_objects(file: File, cls: Definition, users: ValueUsers) -> Iterator[tuple[File, ast.AsyncFunctionDef]]:
    """Yield the handlers that call a method which uses the connection, of an object that a module keeps."""
    methods = {code.name for code in users.users if isinstance(code, FUNCTION)}
    for maker, call in objects_made(file, cls):
        match maker.parents.get(call):
            case ast.Assign(targets=[ast.Name(id=name)]) if function_around(maker, call) is None:
                for where in _seeing(maker, name):
                    callers = _callers(where, maker, name, methods)
                    yield from ((where, function) for function in _handlers(where) if function in callers)


def _seeing(maker: File, name: str) -> list[File]:
    others = maker.project.files_mentioning_all(maker.module.rpartition(".")[2], name) or ()
    return list({each.path: each for each in (maker, *others)}.values())


def _callers(file: File, maker: File, variable: str, methods: set[str]) -> set[Code | None]:
    """Return the functions of a file that call one of these methods of a module's object, directly or not."""
    found: set[Code | None] = set()
    named: set[str | None] = set()
    before = -1
    while before != len(found):
        before = len(found)
        for call in file.nodes(ast.Call):
            match call.func:
                case ast.Attribute(value=value, attr=attr) if attr in methods and _is_variable(
                    file, value, maker, variable
                ):
                    found.add(function_around(file, call))
                case func if file.resolve(func) in named:
                    found.add(function_around(file, call))
        named = {f"{file.module}.{file.functions[code].name}" for code in found if code is not None}
    return found


def _is_variable(file: File, expr: ast.expr, maker: File, variable: str) -> bool:
    """Whether an expression is a variable of a module, which may be another file's."""
    if file is maker:
        return Bindings.of(file).place(expr) == Place(file.scope, variable)
    return file.resolve(expr) == f"{maker.module}.{variable}"
