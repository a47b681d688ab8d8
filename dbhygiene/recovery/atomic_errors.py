"""`CaughtInside`: errors caught inside of Django's `atomic()`, where the transaction is lost all the same (HYG413).

with transaction.atomic():           # `atomic`
    try:
        order.save()                 # `write`
    except IntegrityError:           # `handler`
        pass
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.words import words
from dbhygiene.program.atomic import atomic_around
from dbhygiene.program.callees import calls_below
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.recovery.errors import DJANGO, classes_of, tries
from dbhygiene.recovery.operations import has_query, of_call
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import Located, last_name
from dbhygiene.source.records import Frozen

# Methods that mark the transaction around them for a rollback if they raise.
_WRITES = words("save create bulk_create update bulk_update delete add set remove clear")
_ALLOWS = words("set_rollback savepoint_rollback rollback")  # a program that calls one of these knows


class CaughtInside(Frozen):
    """The handler, the write whose error it catches, and the transaction around both."""

    handler: ast.ExceptHandler
    write: ast.Call
    atomic: Located


def caught_inside(file: File) -> Iterator[CaughtInside]:
    for _, node in tries(file):
        atomic = atomic_around(file, node)
        if atomic is None:
            continue
        writes = (part for part in calls_in(nodes_of(node.body)) if _writes(file, part))
        write = next((each for each in writes if atomic_around(file, each) is atomic), None)
        for handler in node.handlers if write is not None else ():
            named = classes_of(file, handler)
            if any(each is not None and each.library == DJANGO for each in named) and _goes_on(handler):
                assert write is not None
                yield CaughtInside(handler, write, atomic)
                break


def _writes(file: File, call: ast.Call) -> bool:
    """Whether a call writes by Django's ORM: itself, or in the functions of the project that it runs."""
    below = closure((file, call), _queries_below) if _asks(file, call) else ()
    return any(last_name(each.func) in _WRITES for _, each in below)


def _queries_below(at: tuple[File, ast.Call]) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls by which a call of the project's functions queries with Django's ORM."""
    return (each for each in calls_below(*at) if _asks(*each))


def _asks(file: File, call: ast.Call) -> bool:
    done = of_call(file, call).operations
    return any(each.library == DJANGO for each in done) and has_query(done)


def _goes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the transaction goes on after a handler, for some of its errors."""
    if any(isinstance(part, ast.Call) and last_name(part.func) in _ALLOWS for part in nodes_of(handler.body)):
        return False
    return not isinstance(handler.body[-1], (ast.Raise, ast.Return))
