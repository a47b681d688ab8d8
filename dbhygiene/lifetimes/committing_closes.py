"""`committing_close`: the method by which an object of the project commits before it closes its connection.

class Writer:
    def close(self):
        self.conn.commit()       # in a `finally`, this would commit half of the work after an exception
        self.conn.close()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.openings import definitions_of, openings
from dbhygiene.program.definitions import Definition, find_method
from dbhygiene.source.closure import closure
from dbhygiene.source.nodes import FUNCTION, last_name, walk

_COMMITS = frozenset({"commit", "flush"})


def committing_close(life: Lifetime) -> Definition | None:
    """Return the method that closes an object of the project and commits, itself or by another method of the object."""
    if not life.resource.is_object:
        return None
    summaries = life.analysis.effects.summaries
    made = (each for opening in openings(life) for each in definitions_of(summaries, opening))
    for cls in made:
        if not isinstance(cls.node, ast.ClassDef):
            continue
        for name in sorted(life.resource.closed_by):
            method = find_method(cls, name)
            if method is not None and any(map(_commits, closure(method, partial(_own_methods, cls)))):
                return method
    return None


def _own_methods(cls: Definition, method: Definition) -> Iterator[Definition]:
    for part in walk(method.node):
        match part:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                if (called := find_method(cls, name)) is not None and isinstance(called.node, FUNCTION):
                    yield called


def _commits(method: Definition) -> bool:
    return any(isinstance(part, ast.Call) and last_name(part.func) in _COMMITS for part in walk(method.node))
