"""The one fixed-point loop.

Facts are independent of each other: what holds at a node is a set of them, and each is carried on by itself. So a
worklist over (node, fact) needs no join, and its parent pointers are the witness of every fact for free.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from dbhygiene.flow.cfg import Graph, Kind, Node

Fact = TypeVar("Fact", bound=Hashable)
Transfer = Callable[[Node, Fact], Iterable[tuple[Kind, Fact]]]


class TooManyFactsError(Exception):
    """A function in which more can be true than is worth its time."""


class Solution(Generic[Fact]):
    """Every fact that may hold before each node, and how it came there.

    Arguments:
        graph: where to go.
        start: what holds at the entry.
        transfer: what a fact before a node becomes on each kind of edge out of it; no pair, no way.
        limit: how many facts may be found. Beyond it, TooManyFactsError is raised.
    """

    def __init__(self, graph: Graph, start: Iterable[Fact], transfer: Transfer[Fact], limit: int = 50_000) -> None:
        self.parents: dict[tuple[Node, Fact], tuple[Node, Fact, Kind] | None] = {}
        self._at: dict[Node, list[Fact]] = {}
        todo: deque[tuple[Node, Fact]] = deque()
        for fact in start:
            self._add(graph.entry, fact, None, todo)
        while todo:
            node, fact = todo.popleft()
            leaving = list(transfer(node, fact))
            for kind, target in node.out:
                for leaving_kind, after in leaving:
                    if kind == leaving_kind:
                        self._add(target, after, (node, fact, kind), todo)
            if len(self.parents) > limit:
                raise TooManyFactsError

    def _add(
        self,
        node: Node,
        fact: Fact,
        parent: tuple[Node, Fact, Kind] | None,
        todo: deque[tuple[Node, Fact]],
    ) -> None:
        key = (node, fact)
        if key not in self.parents:
            self.parents[key] = parent
            self._at.setdefault(node, []).append(fact)
            todo.append(key)

    def at(self, node: Node) -> list[Fact]:
        """The facts before a node, those with the shorter witness first."""
        return self._at.get(node, [])

    def nodes(self) -> Iterator[Node]:
        yield from self._at

    def path(self, node: Node, fact: Fact) -> list[tuple[Node, Fact, Kind]]:
        """A shortest way to a fact: the nodes passed, the fact before each, and the edge taken out of it."""
        steps: list[tuple[Node, Fact, Kind]] = []
        parent = self.parents[node, fact]
        while parent is not None:
            steps.append(parent)
            parent = self.parents[parent[0], parent[1]]
        return steps[::-1]
