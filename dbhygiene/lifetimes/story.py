"""What a reader is told of a leak beyond its path."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.library.resources import Resource
from dbhygiene.lifetimes.lifetime import Leak, Lifetime
from dbhygiene.source import Located

_LIMITS = {
    "mysql": "each one holds a server connection: under load, error 1226 or 1040",
    "postgresql": 'each one holds a server connection: under load, "too many clients already"',
    "sqlite": "each one holds the database file open, and may keep it locked",
}


def named(node: Located) -> str:
    """A call, as it is named in a sentence."""
    inner = node.value if isinstance(node, ast.Await) else node
    if isinstance(inner, ast.Call):
        return f"`{_short(inner.func)}`"
    return f"the statement in line {node.lineno}"


def _short(func: ast.expr) -> str:
    """`a.b(...).c` as it is written, without arguments; of what is long, the last part."""
    match func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name() | ast.Attribute() | ast.Call() as owner, attr=attr):
            whole = f"{_short(owner)}.{attr}"
            return whole if len(whole) <= 40 else attr
        case ast.Attribute(attr=attr):
            return attr
        case ast.Call(func=inner, args=[], keywords=[]):
            return f"{_short(inner)}()"
        case ast.Call(func=inner):
            return f"{_short(inner)}(...)"
    return ast.unparse(func)[:40]


def closed(resource: Resource) -> str:
    """What is to become of it: closed, or given back to its pool."""
    return "given back" if resource.is_pooled else "closed"


def notes(life: Lifetime, leak: Leak) -> Iterator[str]:
    """Facts about the driver, other ways to leak, and where it ends."""
    told = {at for at, _ in life.steps(leak)}
    others = [call for call in life.raisers if call not in told] if leak is not Leak.NEVER_CLOSED else []
    if others:
        shown = " or ".join(dict.fromkeys(f"{named(call)} (line {call.lineno})" for call in others[:3]))
        more = f", or one of {len(others) - 3} more," if len(others) > 3 else ""
        yield f"also stays open if {shown}{more} raises"
    yield from consequence(life.resource)


def consequence(resource: Resource) -> Iterator[str]:
    """What becomes of the server, or of its pool, when such a resource is left open again and again."""
    if resource.is_pooled or resource.kind in {"session", "engine connection"}:
        yield "the pool has one connection less for each: under load, callers wait for one, or get an error"
    elif (limit := _LIMITS.get(resource.server)) is not None:
        yield limit
