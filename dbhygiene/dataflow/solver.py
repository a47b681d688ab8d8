"""`Solution`: a path-sensitive worklist solver, a relative of IFDS.

if done:
    conn.close()
return                           # `at` this node, two facts hold: closed and open; `path` is the witness of each

Facts are independent of each other: a node has a set of facts, and each is propagated by itself. So a worklist over
pairs of node and fact needs no join. The parent pointer of each pair is its witness: the path that leads there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node

Fact = TypeVar("Fact", bound=Hashable)
Transfer = Callable[[Node, Fact], Iterable[tuple[EdgeKind, Fact]]]


class TooManyFactsError(Exception):
    """Raised for a function with too many facts."""


class Solution(Generic[Fact]):
    """Every fact that may hold before each node, and how it came there.

    Arguments:
        graph: where to go.
        start: what holds at the entry.
        transfer: what a fact before a node becomes on each kind of edge out of it; no pair, no way.
        limit: how many facts may be found. Beyond it, TooManyFactsError is raised.
    """

    def __init__(self, graph: Graph, start: Iterable[Fact], transfer: Transfer[Fact], limit: int = 50_000) -> None:
        self.parents: dict[tuple[Node, Fact], tuple[Node, Fact, EdgeKind] | None] = {}
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
        parent: tuple[Node, Fact, EdgeKind] | None,
        todo: deque[tuple[Node, Fact]],
    ) -> None:
        key = (node, fact)
        if key not in self.parents:
            self.parents[key] = parent
            self._at.setdefault(node, []).append(fact)
            todo.append(key)

    def at(self, node: Node) -> list[Fact]:
        """Return the facts before a node, those with the shorter witness first."""
        return self._at.get(node, [])

    def nodes(self) -> Iterator[Node]:
        yield from self._at

    def path(self, node: Node, fact: Fact) -> list[tuple[Node, Fact, EdgeKind]]:
        """Return a shortest path to a fact: its nodes, the fact before each, and the edge out of it."""
        steps: list[tuple[Node, Fact, EdgeKind]] = []
        parent = self.parents[node, fact]
        while parent is not None:
            steps.append(parent)
            parent = self.parents[parent[0], parent[1]]
        return steps[::-1]
