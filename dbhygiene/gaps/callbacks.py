"""`callbacks`: the functions of a file that other code calls when an event arrives: hours may pass between two calls.

client.on_message = store            # with paho-mqtt: `store` is a callback,
client.loop_forever()                # called from this place on
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.gaps.effects import Context, Effects
from dbhygiene.library.event_callbacks import (
    CALLED,
    HANDLERS,
    IN_THREADS_OF_THEIR_OWN,
    LISTS,
    SERVICER,
    may_register,
)
from dbhygiene.library.waits import WAITS, WaitKind
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.definitions import Definition, find_definition
from dbhygiene.program.dispatch import functions
from dbhygiene.program.event_handlers import event_arguments, is_event_attribute, is_event_decorator
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function, Located
from dbhygiene.source.queries import query


@query
def callbacks(file: File) -> tuple[tuple[Function, Located], ...]:
    """Return the functions of a file that it registers as callbacks, each with the place from which on they are called.

    That is where the program begins to serve; or, if another file does it, where the function is registered.
    """
    if not may_register(file.text):
        return ()
    found: dict[Function, Located] = {}
    for call in file.nodes(ast.Call):
        for given in event_arguments(file, call):
            _note(file, given, call, found)
    for assign in file.nodes(ast.Assign):
        if any(is_event_attribute(file, target) for target in assign.targets):
            _note(file, assign.value, assign, found)
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        for decorator in function.decorator_list:
            if is_event_decorator(file, decorator):
                found[function] = decorator
    for given, place in _listeners(file):
        _note(file, given, place, found)
    for function in _methods_of_handlers(file):
        found.setdefault(function, function)
    serves = _serves(file) if found else None
    return tuple((function, serves or place) for function, place in found.items())


def _listeners(file: File) -> Iterator[tuple[ast.expr, ast.Call]]:
    """Return the functions that a file puts into a list of listeners, or passes to a consumer by name."""
    for call in (call for name in ("append", *CALLED) for call in file.calls.get(name, ())):
        match call.func:
            case ast.Attribute(value=ast.Attribute(attr=name), attr="append") if name in LISTS:
                if LISTS[name] in file.text:
                    yield from ((given, call) for given in call.args)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in CALLED and CALLED[name][1] in file.text:
                given = [word.value for word in call.keywords if word.arg in CALLED[name][0]]
                given += call.args if name.startswith("register") else []
                for each in given:
                    parts = each.elts if isinstance(each, (ast.List, ast.Tuple)) else [each]
                    yield from ((part, call) for part in parts)


def _methods_of_handlers(file: File) -> Iterator[Function]:
    """Return the methods that a library calls on objects of the classes that the file derives from its own."""
    if any(word in file.text for word in IN_THREADS_OF_THEIR_OWN):
        return
    for name, scope in file.classes.items():
        if isinstance(scope.node, ast.ClassDef) and scope.node.bases:
            bases = foreign_bases(Definition(file, scope.node, name))
            patterns = [HANDLERS[base] for base in bases if base in HANDLERS]
            patterns += [r"[A-Z]\w*" for base in bases if SERVICER.search(base)]
            for member, node in scope.defined.items():
                if isinstance(node, FUNCTION) and any(re.fullmatch(pattern, member) for pattern in patterns):
                    yield node


def _serves(file: File) -> ast.Call | None:
    """Return the call by which a file waits for events."""
    effects = Effects(Context(file, file.tree))
    for call in file.nodes(ast.Call):
        if any(WAITS[name].kind is WaitKind.SERVER for name in effects.names(call.func) if name in WAITS):
            return call
    return None


def _note(file: File, given: ast.expr, place: Located, found: dict[Function, Located]) -> None:
    name = file.resolve(given)
    definition = find_definition(file, name) if name else None
    if definition and definition.file is file and isinstance(definition.node, FUNCTION):
        found[definition.node] = place
    for each in functions(file, given) if definition is None else ():
        if each.file is file:
            found[each.node] = place
