"""`called_receivers`: the functions of the project that a call of `send` on one of its signals runs.

@receiver(order_paid)
def notify(sender, **kwargs): ...

order_paid.send(sender=Order)        # runs `notify`
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

from dbhygiene.library import django
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.classes import FunctionAt
from dbhygiene.program.dispatch import functions
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION
from dbhygiene.source.queries import query


def called_receivers(file: File, func: ast.expr) -> tuple[FunctionAt, ...]:
    """Return the project's receivers that a call of `send` on one of its own signals runs."""
    match func:
        case ast.Attribute(value=signal, attr=method) if method in django.SENDS:
            name = _own_signal(file, signal)
            return tuple(_receivers(file).get(name, ())) if name is not None else ()
    return ()


def _own_signal(file: File, expr: ast.expr) -> str | None:
    """Return the dotted name of a signal that a module of the project makes; None if an expression is none."""
    place = Bindings.of(file).place(expr)
    if place is not None and place.scope is file.scope and place in Bindings.of(file).values:
        owner, variable = file, place.path
    else:
        name = file.resolve(expr)
        found = find_module(file, canonical_name(file, name)) if name else None
        if found is None or len(found[1]) != 1:
            return None
        owner, [variable] = found
    values = Bindings.of(owner).values.get(Place(owner.scope, variable), ())
    is_signal = any(isinstance(value, ast.Call) and owner.resolve(value.func) in django.SIGNALS for value in values)
    return f"{owner.module}.{variable}" if is_signal else None


@query
def _receivers(file: File) -> dict[str, list[FunctionAt]]:
    """Return the project's receivers of each of its own signals."""
    found: dict[str, list[FunctionAt]] = defaultdict(list)
    files = {each.path: each for word in ("receiver(", ".connect(") for each in files_with_word(file, word)}
    for each in files.values():
        for signal, function in _registered_receivers(each):
            if (name := _own_signal(each, signal)) is not None:
                found[name].append(function)
    return found


def _registered_receivers(file: File) -> Iterator[tuple[ast.expr, FunctionAt]]:
    """Return the receivers that a file registers, by decorator or by `connect`, with their signals."""
    for function in (code for code in file.functions if isinstance(code, FUNCTION)):
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and decorator.args and file.resolve(decorator.func) in django.RECEIVERS:
                signals = decorator.args[0]
                parts = signals.elts if isinstance(signals, (ast.List, ast.Tuple)) else [signals]
                yield from ((part, FunctionAt(file, function)) for part in parts)
    for call in file.calls.get("connect", ()):
        if isinstance(call.func, ast.Attribute) and call.args:
            yield from ((call.func.value, found) for found in functions(file, call.args[0]))
