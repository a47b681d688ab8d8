"""What someone who has some values can still get at."""

from __future__ import annotations

import gc
import logging
import types
from collections import deque
from collections.abc import Iterable
from functools import partial
from itertools import chain, islice

from .orm import Engine, Order, Query, SessionMaker
from .world import Connection, Cursor, Value, World

PROGRAM = "program"  # the module's name


def reachable(values: Iterable[object]) -> set[Connection]:
    """The connections that someone who has these values can still get at."""
    return {value for value in within(values) if isinstance(value, Connection)}


def within(values: Iterable[object], *, by_cursors: bool = True) -> list[object]:
    """All that someone who has these values can still get at; also the connections of cursors, and sessions of queries.

    Without them, it is what someone can close who does not ask a cursor for its connection.
    """
    found: list[object] = []
    seen: set[int] = set()
    todo = list(values)
    while todo:
        value = todo.pop()
        if value is not None and id(value) not in seen:
            seen.add(id(value))
            found.append(value)
            if not isinstance(value, Connection) and (by_cursors or not isinstance(value, (Cursor, Query))):
                todo += _inside(value)
    return found


def _inside(value: object) -> Iterable[object]:
    match value:
        case Cursor():
            return (value.connection,)
        case Query():
            return (value.session,)
        case Order():
            return ()
        case type():
            return tuple(vars(value).values()) if value.__module__ == PROGRAM else ()
        case Value() | str() | int() | types.ModuleType() | logging.Logger() | World() | Engine() | SessionMaker():
            return ()
        case dict():
            return (*value.keys(), *value.values())
        case tuple() | list() | set() | frozenset() | deque():
            return tuple(value)
        case types.FunctionType():
            cells = [cell.cell_contents for cell in value.__closure__ or () if not _is_empty(cell)]
            return (*cells, *(value.__defaults__ or ()))
        case types.MethodType(__func__=Connection.__exit__):
            return ()  # what a stack does at its end: who has that stack cannot close the connection by it
        case types.MethodType():
            return (value.__self__,)
        case partial():
            return (value.func, *value.args, *value.keywords.values())
        case map() | filter() | zip() | enumerate() | chain() | islice() | _Calling():
            return gc.get_referents(value)
        case property() | staticmethod() | classmethod():
            return (value.fget if isinstance(value, property) else value.__func__,)
        case types.GeneratorType():
            return tuple(value.gi_frame.f_locals.values()) if value.gi_frame else ()
    held = tuple(getattr(value, "__dict__", {}).values())
    return (*held, type(value)) if type(value).__module__ == PROGRAM else held  # its methods may be closures


_Calling = type(iter(int, 1))


def _is_empty(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  (an empty cell raises)
    except ValueError:
        return True
    return False
