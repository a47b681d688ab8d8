"""`closure`: all that follows from one node of a graph, however far it leads.

>>> list(closure("a", {"a": "bc", "b": "d", "c": "d", "d": "a"}.__getitem__))
['a', 'b', 'd', 'c']

A search through names, tables or functions says what one step leads to. The walk itself is here: it visits each node
once. So a chain may have any length, a cycle adds nothing, and a diamond takes linear time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

Visited = TypeVar("Visited", bound=Hashable)


def closure(start: Visited, successors: Callable[[Visited], Iterable[Visited]]) -> Iterator[Visited]:
    """Yield a node and all that its successors lead to, each once: depth first, in the order of the successors."""
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
