"""`session_objects`: the objects of a session, or of the sessions that are made of a connection.

Few connections have any: what finds them is imported for those.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.source.nodes import last_name

if TYPE_CHECKING:
    from dbhygiene.lifetimes.session_objects import SessionObjects


def session_objects(life: Lifetime) -> SessionObjects | None:
    """Return the objects of a session, if a resource is one, or a connection of which sessions are made."""
    made = _sessions_made_of(life)
    if not (life.resource.is_lazy or made):
        return None
    from dbhygiene.lifetimes.session_objects import SessionObjects

    return SessionObjects(life, made)


def _sessions_made_of(life: Lifetime) -> set[str]:
    """Return the variables that hold a session made of a connection, or a factory of such: `Session(bind=conn)`."""
    found: set[str] = set()
    before = -1
    while before != len(found):
        before = len(found)
        for name, values in life.scope.aliases.items():
            if any(_makes_session(life, value, found) for value in values):
                found.add(name)
    return found


def _makes_session(life: Lifetime, value: ast.expr, factories: set[str]) -> bool:
    match value:
        case ast.Call(func=ast.Name(id=name)) if name in factories:
            return True
        case ast.Call():
            calls = [part for part in ast.walk(value) if isinstance(part, ast.Call)]
            made = (life.file.resolve(call.func) or last_name(call.func) for call in calls)
            used = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
            return bool(used & set(life.names)) and any("session" in name.lower() for name in made)
    return False
