"""Queries that depend on each other: their results are a fixed point, whichever is asked first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbhygiene.source.queries import query, recursive_query

NODES = range(6)


@dataclass
class Network:
    """A directed graph, and the node that a query is about."""

    edges: dict[int, list[int]]
    node: int = 0
    query_results: dict[Any, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def query_key(self) -> Hashable:
        return self.node

    @property
    def query_input(self) -> int:
        return 1 << self.node

    def at(self, node: int) -> Network:
        return Network(self.edges, node, self.query_results)


@recursive_query(frozenset())
def reached(network: Network) -> frozenset[int]:
    return frozenset({network.node}) | from_successors(network)


@query
def from_successors(network: Network) -> frozenset[int]:
    """A query that is not recursive by itself: what it makes of a provisional result is provisional, too."""
    return frozenset().union(*(reached(network.at(each)) for each in network.edges[network.node]))


@recursive_query(None)
def contrary(network: Network) -> bool | None:
    return not contrary(network.at(network.node))


@recursive_query(frozenset())
def failing(network: Network) -> frozenset[int]:
    if network.node == 2:
        raise LookupError
    return frozenset({network.node}).union(*(failing(network.at(each)) for each in network.edges[network.node]))


@given(
    edges=st.fixed_dictionaries({node: st.lists(st.sampled_from(NODES), max_size=3, unique=True) for node in NODES}),
    order=st.permutations(NODES),
)
def test_a_result_does_not_depend_on_which_query_was_asked_first(edges: dict[int, list[int]], order: list[int]) -> None:
    network = Network(edges)
    for node in order:
        expected, todo = {node}, [node]
        while todo:
            fresh = set(edges[todo.pop()]) - expected
            expected |= fresh
            todo += fresh
        assert reached(network.at(node)) == expected
        assert from_successors(network.at(node)) <= expected


def test_a_recursion_without_a_stable_result_is_unknown() -> None:
    assert contrary(Network({0: []})) is None


def test_a_failure_leaves_nothing_provisional() -> None:
    network = Network({0: [1], 1: [0, 2], 2: [], 3: [0]})
    for node in (0, 1, 3):
        with pytest.raises(LookupError):
            failing(network.at(node))
    network.edges[1] = [0]
    assert failing(network.at(3)) == {0, 1, 3}


@recursive_query(0)
def length(network: Network) -> int:
    """The number of nodes on the path from a node on, up to the first that is repeated; each counts only once."""
    return max((1 + through_another(network.at(each)) for each in network.edges[network.node]), default=0)


@query
def through_another(network: Network) -> int:
    return length(network)


@pytest.mark.parametrize("first", [0, 500, 2999])
def test_a_chain_of_queries_may_be_of_any_length(first: int) -> None:
    network = Network({node: [node + 1] * (node < 2999) for node in range(3000)})
    assert length(network.at(first)) == 2999 - first
    assert length(network) == 2999


def test_a_long_chain_branches_and_joins() -> None:
    """There are 2**300 paths, and each query runs once."""
    network = Network({node: [node + 1, node + 2] if node < 300 else [] for node in range(302)})
    assert length(network) == 300


@pytest.mark.parametrize("size", [2, 39, 41, 70])
def test_a_cycle_may_be_longer_than_the_chain_that_is_computed_at_once(size: int) -> None:
    network = Network({node: [(node + 1) % size] for node in range(size)})
    for node in (size // 2, 0, size - 1):
        assert reached(network.at(node)) == set(range(size))
    assert reached(Network({**network.edges, size: [0]}, size)) == set(range(size + 1))
