"""Functions that other code calls when an event arrives: hours may pass between two calls."""

from __future__ import annotations

import ast

from dbhygiene.gaps.effects import Context, Effects
from dbhygiene.library.event_callbacks import ATTRIBUTES, DECORATED, DECORATORS, REGISTERS, WRITTEN, may_register
from dbhygiene.library.waits import WAITS, WaitKind
from dbhygiene.program.arguments import argument
from dbhygiene.program.definitions import find_definition
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, Located, last_name
from dbhygiene.source.queries import query


@query
def callbacks(file: File) -> tuple[tuple[Function, Located], ...]:
    """The functions of a file that it registers as callbacks, each with the place from which on they are called.

    That is where the program begins to serve; or, if another file does it, where the function is registered.
    """
    if not may_register(file.text):
        return ()
    effects = Effects(Context(file, file.tree))
    found: dict[Function, Located] = {}
    for call in file.nodes(ast.Call):
        for name in effects.names(call.func) if last_name(call.func) in WRITTEN else ():
            if name in REGISTERS and (given := argument(call, *REGISTERS[name])) is not None:
                _note(file, given, call, found)
    for assign in file.nodes(ast.Assign):
        for target in assign.targets:
            if isinstance(target, ast.Attribute) and target.attr in WRITTEN:
                if any(name in ATTRIBUTES for name in effects.names(target)):
                    _note(file, assign.value, assign, found)
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if last_name(called) in DECORATED and any(name in DECORATORS for name in effects.names(called)):
                found[function] = decorator
    serves = _serves(effects) if found else None
    return tuple((function, serves or place) for function, place in found.items())


def _serves(effects: Effects) -> ast.Call | None:
    """The call by which a file waits for what happens."""
    for call in effects.file.nodes(ast.Call):
        if any(WAITS[name].kind is WaitKind.SERVER for name in effects.names(call.func) if name in WAITS):
            return call
    return None


def _note(file: File, given: ast.expr, place: Located, found: dict[Function, Located]) -> None:
    name = file.resolve(given)
    definition = find_definition(file, name) if name else None
    if definition and definition.file is file and isinstance(definition.node, FUNCTION):
        found[definition.node] = place
