"""`is_endless`: whether a loop runs as long as the process, or until other code stops it.

while not stop.is_set():     # endless; not so, if the loop calls `stop.set()` itself
    work()
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.library.background import AWAITED, EVENTS, STOPPED, STOPS
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, LOOP, children, is_true, last_name


def is_endless(file: File, loop: ast.AST) -> bool:
    """Whether a loop ends with its process, or at the request of another part of the program.

    A function that holds such a loop is a process of its own. It is none if the loop itself decides that its work is
    done: by a test of anything but a sign to stop, by another `break` or `return`, or by setting that sign.
    """
    if not isinstance(loop, ast.While) or any(isinstance(node, ast.Yield) for node in ast.walk(loop)):
        return False
    if not (is_true(loop.test) or _goes_on(file, loop, loop.test)):
        return False
    return all(_is_asked_to_stop(file, loop, leaving) for leaving in _exits(loop))


def _exits(loop: ast.While) -> Iterator[ast.stmt]:
    """Return the statements that leave a loop, those of the loops within it left out."""
    todo: list[tuple[ast.AST, bool]] = [(statement, True) for statement in loop.body]
    while todo:
        node, is_own = todo.pop()
        if isinstance(node, (*FUNCTION, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.Return) or (isinstance(node, ast.Break) and is_own):
            yield node
        inner = node.body if isinstance(node, LOOP) else ()
        todo += [(child, is_own and child not in inner) for child in children(node)]


def _is_asked_to_stop(file: File, loop: ast.While, leaving: ast.stmt) -> bool:
    """Whether a statement leaves the loop at a request to stop: by a flag, an event, or an interrupt."""
    below: ast.AST = leaving
    for above in file.around(leaving):
        if above is loop:
            return False
        if isinstance(above, ast.If) and below in above.body and _says_stop(file, loop, above.test):
            return True
        if isinstance(above, ast.If) and below in above.orelse and _goes_on(file, loop, above.test):
            return True
        if isinstance(above, ast.ExceptHandler):
            types = above.type.elts if isinstance(above.type, ast.Tuple) else [above.type]
            if all(type_ is not None and file.resolve(type_) in STOPPED for type_ in types):
                return True
        below = above
    return False


def _goes_on(file: File, loop: ast.While, test: ast.expr) -> bool:
    """Whether a test is true until other code stops the loop."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _says_stop(file, loop, inner)
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(is_true(part) or _goes_on(file, loop, part) for part in parts)
    return _is_sign(file, loop, test)


def _says_stop(file: File, loop: ast.While, test: ast.expr) -> bool:
    """Whether a test is true after other code has stopped the loop, as by `stop.set()`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return _goes_on(file, loop, inner)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return all(_says_stop(file, loop, part) for part in parts)
    return _is_sign(file, loop, test)


def _is_sign(file: File, loop: ast.While, expr: ast.expr) -> bool:
    """Whether an expression is a flag or an event by which other code stops this loop."""
    match expr:
        case ast.Call(func=ast.Attribute(value=event, attr="is_set" | "isSet")):
            return not _is_named(event, AWAITED) and not _is_set_within(file, loop, event)
        case ast.Call(func=ast.Attribute(value=event, attr="wait")):
            known = TypeInference.of(file).type_of(event)
            is_event = isinstance(known, ObjectInstance) and known.name in EVENTS
            is_sign = _is_named(event, STOPS) or (is_event and not _is_named(event, AWAITED))
            return is_sign and not _is_set_within(file, loop, event)
        case ast.Call(func=called, args=[]):
            return _is_named(called, STOPS)
        case ast.Name() | ast.Attribute():
            return _is_flag(file, loop, expr)
    return False


def _is_named(expr: ast.expr, pattern: str) -> bool:
    return re.search(pattern, last_name(expr), re.IGNORECASE) is not None


def _is_flag(file: File, loop: ast.While, expr: ast.Name | ast.Attribute) -> bool:
    """Whether a variable holds a boolean, if its value is known, and is not assigned within the loop."""
    place = Bindings.of(file).place(expr)
    values = Bindings.of(file).values.get(place, []) if place else []
    return (
        _is_named(expr, STOPS)
        and all(isinstance(value, ast.Constant) and isinstance(value.value, bool) for value in values)
        and not _is_assigned_within(file, loop, expr)
    )


def _is_assigned_within(file: File, loop: ast.While, expr: ast.expr) -> bool:
    place = Bindings.of(file).place(expr)
    stored = (node for node in ast.walk(loop) if isinstance(node, (ast.Name, ast.Attribute)))
    return any(not isinstance(node.ctx, ast.Load) and Bindings.of(file).place(node) == place for node in stored)


def _is_set_within(file: File, loop: ast.While, event: ast.expr) -> bool:
    """Whether the loop sets the event that it waits for."""
    written = ast.unparse(event)
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "set"
        and ast.unparse(node.func.value) == written
        for node in ast.walk(loop)
    )
