"""`sending_call`: the call that sends rows which were read before to the server, all of them in one statement.

rows = cursor.fetchall()
Order.objects.bulk_create([Order(id=row[0]) for row in rows])      # without `batch_size`: one INSERT
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library import drivers
from dbhygiene.library.words import words
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.recovery.handles import owner_of
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.nodes import last_name

_ADDS = words("append extend add")


def sending_call(file: File, read: ast.expr) -> ast.Call | None:
    """Return the later call in the same function by which rows go back to the server without being split."""
    function, statement = function_around(file, read), statement_around(file, read)
    if function is None or statement is None:
        return None
    nodes = [node for node in nodes_of(function.body) if getattr(node, "lineno", 0) >= statement.lineno]
    names = set(_names(statement))
    for node in nodes:  # in the order of the source: a list may be filled from another one
        if isinstance(node, (ast.Assign, ast.For)) and _mentions(_source(node), names):
            names |= set(_names(node))
    for call in calls_in(nodes):
        if _sends_at_once(file, call) and any(_mentions(argument, names) for argument in call.args[-1:]):
            return call
    return None


def _source(node: ast.Assign | ast.For) -> ast.expr:
    return node.value if isinstance(node, ast.Assign) else node.iter


def _names(node: ast.stmt) -> Iterator[str]:
    """Yield the variables that a statement gives the rows: by an assignment, or by a loop that adds them to a list."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name
        case ast.For(body=body):
            for call in calls_in(nodes_of(body)):
                if isinstance(call.func, ast.Attribute) and call.func.attr in _ADDS:
                    yield last_name(call.func.value)


def _mentions(expr: ast.expr, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(expr))


def _sends_at_once(file: File, call: ast.Call) -> bool:
    """Whether a call makes one packet of all rows: some drivers' `executemany`, Django's `bulk_create` by default."""
    match call:
        case ast.Call(func=ast.Attribute(attr="bulk_create"), args=[_], keywords=keywords):
            return not any(word.arg in {"batch_size", None} for word in keywords)
        case ast.Call(func=ast.Attribute(attr="executemany"), args=[_, _]):
            held = owner_of(file, call)
            found = drivers.driver(held.library.partition(".")[0]) if held is not None and held.library else None
            return found is not None and found.sends_many_at_once
    return False
