"""What may be true of one resource at one point: whether it is open, and through what it can be reached."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

Site: TypeAlias = "ast.Call | ast.arg"  # the call that opened it; a parameter stands for what the caller opened
State: TypeAlias = Literal["open", "closed", "escaped"]
Where: TypeAlias = "str | ast.AST"  # a variable or `self.field`; an expression just evaluated; a `with` item
Alias: TypeAlias = "tuple[str, Where]"

# How something is related to the resource:
IS: Final = "is"
PART: Final = "part"  # lives in it, and may still read from it: a cursor
FOUND: Final = "found"  # may be such a part, or None, or data: a row, or what a function returns that is given it
PARTS: Final = "parts"  # a container of parts of it
IN: Final = "in"  # a container that holds it
CLOSER: Final = "closer"  # closes it when it is left or closed: closing(conn), an ExitStack
CLOSE: Final = "close"  # its bound `close` method
BOUND: Final = "bound "  # and a name: its method of this name, not called; without a name: a container of such
LENT: Final = "<lent>"  # below a field: somebody else has seen that since, and may have closed it
RETURN: Final = "<return>"  # where the function's result is
ELSEWHERE: Final = "<elsewhere>"  # in somebody's container or object


READERS: Final = frozenset({PART, FOUND})


class Fact(NamedTuple):
    """One thing that may be true before a node.

    Without a `site` it speaks of no resource: only of what is known on the way there. `known` holds what has been
    learned of tested variables; `thrown`: an exception has been raised since the resource was opened; `lost`: the last
    one came from the resource itself, which may be dead.
    """

    site: Site | None = None
    state: State = "open"
    aliases: frozenset[Alias] = frozenset()
    known: frozenset[tuple[str, int]] = frozenset()
    thrown: bool = False
    lost: bool = False

    def how(self, where: Where) -> str | None:
        """How what stands there is related to the resource."""
        for how, place in self.aliases:
            if place is where or (type(place) is str and place == where):
                return how
        return None

    def fields(self) -> list[str]:
        """The fields of `self` that hold it, or what closes it."""
        return [where for _, where in self.aliases if type(where) is str and where.count(".") == 1]

    def with_(self, how: str, where: Where) -> Fact:
        return self._replace(aliases=self.aliases | {(how, where)})

    def without(self, wheres: Iterable[Where]) -> Fact:
        gone = set(wheres)
        kept = frozenset(alias for alias in self.aliases if alias[1] not in gone)
        return self if len(kept) == len(self.aliases) else self._replace(aliases=kept)

    def unbound(self, path: str) -> Fact:
        """After `path`, and with it what hangs on it, is given another value."""
        inner = path + "."
        kept = frozenset(
            (how, where)
            for how, where in self.aliases
            if not (type(where) is str and (where == path or where.startswith(inner)))
        )
        return self if len(kept) == len(self.aliases) else self._replace(aliases=kept)


def item(index: int) -> str:
    """How a tuple is related to the resource that is its element."""
    return f"item{index}"


def item_index(how: str) -> int | None:
    return int(how[4:]) if how.startswith("item") else None


def method_bound(how: str | None) -> str | None:
    """The method that something is, bound to the resource; "" where it is a container of methods."""
    return how[len(BOUND) :] if how is not None and how.startswith(BOUND) else None


def uses(how: str | None) -> bool:
    """Whether something still reads from the resource, or holds what does, without being the resource or holding it."""
    return how in {*READERS, PARTS} or method_bound(how) is not None


def container_of(hows: Iterable[str]) -> str:
    """How a container relates to the resource to which its elements relate so: by the strongest of them."""
    found = set(hows)
    if any(not uses(how) for how in found):
        return IN
    return BOUND if any(method_bound(how) is not None for how in found) else PARTS


def content_of(how: str | None) -> str | None:
    """How what is taken out of a container relates to the resource; rows are data."""
    if how == IN or (how is not None and item_index(how) is not None):
        return IS
    if how == PARTS:
        return FOUND
    return BOUND if method_bound(how) is not None else None


def path_of(expr: ast.AST) -> str | None:
    """`a.b.c` as text; None for anything else."""
    parts: list[str] = []
    while isinstance(expr, ast.Attribute):
        parts.append(expr.attr)
        expr = expr.value
    return ".".join([expr.id, *reversed(parts)]) if isinstance(expr, ast.Name) else None
