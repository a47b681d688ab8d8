"""`values_of`: the expressions that a name may stand for; `closure`: all that follows from one, however far it leads.

HOST = "db"
host = HOST                          # `values_of(host)` is `HOST`, and that of `HOST` is "db"

A search through names, tables or functions gives the successors of one step. The walk itself is here: it visits each
node once, so that a chain may have any length, a cycle adds nothing, and it does not matter where a search begins.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.source.file import File

Visited = TypeVar("Visited", bound=Hashable)


class ExpressionAt(NamedTuple):
    """An expression, and the file that it stands in."""

    file: File
    expr: ast.expr


def closure(start: Visited, successors: Callable[[Visited], Iterable[Visited]]) -> Iterator[Visited]:
    """Yield a node and all that its successors lead to, each once: in depth first, in the order of the successors."""
    seen: set[Visited] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            yield node
            todo += reversed([*successors(node)])


def leaves(start: Visited, successors: Callable[[Visited], Iterable[Visited] | None]) -> list[Visited]:
    """Return the nodes of the closure that lead no further: those for which `successors` returns None."""
    found: list[Visited] = []

    def follow(node: Visited) -> Iterable[Visited]:
        if (further := successors(node)) is None:
            found.append(node)
        return further or ()

    for _ in closure(start, follow):
        pass
    return found


def assigned_variable(file: File, expr: ast.expr) -> tuple[File, Place] | None:
    """Return the variable or attribute that an expression names, here or in the module that it is imported from.

    None if no assignment binds it. Other statements may bind it, too: then it is among the `unclear` ones.
    """
    place = Bindings.of(file).place(expr)
    if place is not None and Bindings.of(file).values.get(place):
        return file, place
    name = file.resolve(expr)
    found = find_module(file, canonical_name(file, name)) if name else None
    if found is None or len(found[1]) != 1:
        return None
    where, place = found[0], Place(found[0].scope, found[1][0])
    return (where, place) if Bindings.of(where).values.get(place) else None


def values_of(file: File, expr: ast.expr) -> list[ExpressionAt]:
    """Return what assignments bind to the variable or attribute that an expression names."""
    found = assigned_variable(file, expr)
    return [ExpressionAt(found[0], value) for value in Bindings.of(found[0]).values[found[1]]] if found else []
