"""`Fact`: the abstract state of one resource at a node: open or closed, and the relations by which it can be reached.

conn = connect()                     # state "open", aliases {(ITSELF, "conn")}
cursor = conn.cursor()               # and (PART, "cursor")
conn.close()                         # state "closed"
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

from dbhygiene.dataflow.cfg import EdgeKind
from dbhygiene.library.resources import Element

Site: TypeAlias = "ast.Call | ast.arg"  # the call that opened it; a parameter: the caller opened it
State: TypeAlias = Literal["open", "closed", "escaped"]
Where: TypeAlias = "str | ast.AST"  # a variable or `self.field`; an expression just evaluated; a `with` item
Alias: TypeAlias = "tuple[str, Where]"

# The relations of an object to the resource:
ITSELF: Final = "is"
PART: Final = "part"  # lives in it, and may still read from it: a cursor
MAYBE_PART: Final = "found"  # may be a part, None, or data: a row, or the result of a function of it
PARTS: Final = "parts"  # a container of its parts
CONTAINER: Final = "in"  # a container that holds it
CLOSER: Final = "closer"  # closes it when it is left or closed: closing(conn), a second ExitStack that has it
STACK: Final = "stack"  # the ExitStack that closes it when it is left or closed, unless `pop_all()` empties it
CLOSE_METHOD: Final = "close"  # its bound `close` method
BOUND_METHOD: Final = "bound "  # and a name: its method of this name, not called; without a name: a container of such
LENT_FIELD: Final = "<lent>"  # below a field: other code has seen that since, and may have closed it
RETURN: Final = "<return>"  # the place of the function's result
OPENED: Final = "opened"  # the result of a method that is true if this has opened the resource: it has
NOT_OPENED: Final = "not opened"  # the same result: it has not
VISITED: Final = "visited"  # at a loop: a round of it has had the element that holds it
FOREIGN: Final = "<elsewhere>"  # in a container or object of other code


READERS: Final = frozenset({PART, MAYBE_PART})
CLOSERS: Final = frozenset({CLOSER, STACK})


class Fact(NamedTuple):
    """An abstract state that may hold before a node.

    Without a `site` it concerns no resource, only the path conditions. `known` are the path conditions; `thrown`:
    an exception was raised since the resource was opened; `lost`: the last one came from the resource itself, which may
    be dead.
    """

    site: Site | None = None
    state: State = "open"
    aliases: frozenset[Alias] = frozenset()
    known: frozenset[tuple[str, int]] = frozenset()
    thrown: bool = False
    lost: bool = False

    def relation_of(self, where: Where) -> str | None:
        """Return the relation between the object at this place and the resource; None if there is none."""
        for relation, place in self.aliases:
            if place is where or (type(place) is str and place == where):
                return relation
        return None

    def fields(self) -> list[str]:
        """Return the fields of `self` that hold it, or an object that closes it."""
        return [where for _, where in self.aliases if type(where) is str and where.count(".") == 1]

    @property
    def is_in_field(self) -> bool:
        """Whether a field of an object holds it, or something of it."""
        return any(type(where) is str and "." in where for _, where in self.aliases)

    def add_alias(self, relation: str, where: Where) -> Fact:
        return self._replace(aliases=self.aliases | {(relation, where)})

    def put_in(self, relation: str, where: Where) -> Fact:
        """Return the fact after an object of this relation is put into a container, whatever that has held before."""
        before = {how for how, place in self.aliases if place is where or (type(place) is str and place == where)}
        return self.drop_aliases([where] if before else ()).add_alias(container_of([relation, *before]), where)

    def drop_aliases(self, wheres: Iterable[Where]) -> Fact:
        gone = set(wheres)
        kept = frozenset(alias for alias in self.aliases if alias[1] not in gone)
        return self if len(kept) == len(self.aliases) else self._replace(aliases=kept)

    def forget_path(self, path: str) -> Fact:
        """Return the fact after an assignment to `path`, which also ends every path below it."""
        inner = path + "."
        kept = frozenset(
            (relation, where)
            for relation, where in self.aliases
            if not (type(where) is str and (where == path or where.startswith(inner)))
        )
        return self if len(kept) == len(self.aliases) else self._replace(aliases=kept)


Outcomes: TypeAlias = "list[tuple[EdgeKind, Fact]]"  # after a node: the facts on the edges out of it


def item(element: Element) -> str:
    """Return the relation of a tuple, a dict or a record to the resource that is its element."""
    position, name = element
    return f"item{'' if position is None else position}{'' if name is None else f'.{name}'}"


def element_of(relation: str) -> Element | None:
    """Return the place of the resource in a tuple, dict or record of this relation; None for any other relation."""
    if not relation.startswith("item"):
        return None
    position, dot, name = relation[4:].partition(".")
    return Element(int(position) if position else None, name if dot else None)


def bound_method(relation: str | None) -> str | None:
    """Return the method of the resource that an object is, bound; "" for a container of methods."""
    return relation[len(BOUND_METHOD) :] if relation is not None and relation.startswith(BOUND_METHOD) else None


def is_view(relation: str | None) -> bool:
    """Whether an object reads from the resource, or holds such an object, and neither is nor holds the resource."""
    return relation in {*READERS, PARTS} or bound_method(relation) is not None


def container_of(hows: Iterable[str]) -> str:
    """Return the relation of a container whose elements have these relations: the strongest of them."""
    found = set(hows)
    if any(not is_view(relation) for relation in found):
        return CONTAINER
    return BOUND_METHOD if any(bound_method(relation) is not None for relation in found) else PARTS


def content_of(relation: str | None) -> str | None:
    """Return the relation of an object taken out of a container; rows are data."""
    if relation == CONTAINER or (relation is not None and element_of(relation) is not None):
        return ITSELF
    if relation == PARTS:
        return MAYBE_PART
    return BOUND_METHOD if bound_method(relation) is not None else None


def dotted_path(expr: ast.AST) -> str | None:
    """Return `a.b.c` as text; None for anything else."""
    parts: list[str] = []
    while isinstance(expr, ast.Attribute):
        parts.append(expr.attr)
        expr = expr.value
    return ".".join([expr.id, *reversed(parts)]) if isinstance(expr, ast.Name) else None
