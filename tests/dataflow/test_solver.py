"""The fixed-point loop, on graphs of a few nodes."""

from __future__ import annotations

import ast

import pytest

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.dataflow.solver import Solution, TooManyFactsError


def graph(program: str) -> cfg.Graph:
    return cfg.build(ast.parse(program))


def count_calls(node: Node, fact: int) -> list[tuple[EdgeKind, int]]:
    """How many calls have returned, up to three."""
    called = isinstance(node.event, cfg.Call)
    return [("next", min(fact + called, 3)), ("true", fact), ("false", fact), ("raise", fact)]


def test_facts_of_every_way_are_kept_apart() -> None:
    built = graph("if a:\n    f()\nelse:\n    f(); f()")
    assert sorted(Solution(built, [0], count_calls).at(built.exit)) == [1, 2]


def test_a_loop_ends_when_nothing_new_is_found() -> None:
    built = graph("while a:\n    f()")
    assert sorted(Solution(built, [0], count_calls).at(built.exit)) == [0, 1, 2, 3]


def test_a_transfer_that_gives_nothing_ends_the_way() -> None:
    built = graph("f()\ng()")
    assert Solution(built, [0], lambda node, fact: []).at(built.exit) == []


def test_paths_are_shortest() -> None:
    built = graph("while a:\n    f()\n    if b:\n        f(); f()\ng()")
    solution = Solution(built, [0], count_calls)
    calls = [
        ast.unparse(node.event.node)
        for node, _, kind in solution.path(built.exit, 1)
        if isinstance(node.event, cfg.Call) and kind == "next"
    ]
    assert calls == ["g()"]
    nodes = [node for node, _, _ in solution.path(built.exit, 1)]
    assert nodes[0] is built.entry
    assert len(set(nodes)) == len(nodes)


def test_the_path_says_which_edge_was_taken() -> None:
    built = graph("f()")
    kinds = {
        end: [k for n, _, k in Solution(built, [0], count_calls).path(end, fact) if n.event]
        for end, fact in ((built.exit, 1), (built.raised, 0))
    }
    assert kinds[built.exit][0] == "next"
    assert kinds[built.raised] == ["raise"]


def test_too_many_facts_are_refused() -> None:
    def count(node: Node, fact: int) -> list[tuple[EdgeKind, int]]:
        return [(kind, fact + 1) for kind in ("next", "true", "false")]

    with pytest.raises(TooManyFactsError):
        Solution(graph("while a:\n    f()"), [0], count, limit=100)
