"""`solve_facts`: facts along the paths of one function, from the handler of a lost connection on.

except OperationalError as error:
    if error.args[0] != 2006:        # `while_lost`: only the edge where this is false
        raise
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Graph, Node, TooLargeError
from dbhygiene.dataflow.exceptions import GENERATOR_EXIT, ORDINARY
from dbhygiene.dataflow.solver import Fact, Solution, TooManyFactsError, Transfer
from dbhygiene.library.calls import NEVER_RETURN
from dbhygiene.program.definitions import Definition, is_context_manager
from dbhygiene.program.names import canonical_name
from dbhygiene.recovery.conditions import excluded_outcomes
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Code
from dbhygiene.source.queries import query

_KINDS: tuple[EdgeKind, ...] = ("next", "true", "false", "raise")


def solve_facts(file: File, code: Code, start: Iterable[Fact], transfer: Transfer[Fact]) -> Solution[Fact] | None:
    """Return the facts of a function; None if it is too large, or has too many of them."""

    def step(node: Node, fact: Fact) -> Iterable[tuple[EdgeKind, Fact]]:
        ends = isinstance(node.event, cfg.Call) and file.resolve(node.event.node.func) in NEVER_RETURN
        return [(kind, after) for kind, after in transfer(node, fact) if kind == "raise" or not ends]

    graph = _graph_of(file, code)
    try:
        return Solution(graph, start, step) if graph is not None else None
    except TooManyFactsError:
        return None


def path_to_exit(
    file: File, code: Code, start: Iterable[Fact], transfer: Transfer[Fact], wanted: Fact
) -> list[Node] | None:
    """Return the nodes of a path on which a function returns with a fact; None if there is none, or it is not known."""
    graph, solution = _graph_of(file, code), solve_facts(file, code, start, transfer)
    if graph is None or solution is None or wanted not in solution.at(graph.exit):
        return None
    return [node for node, _, _ in solution.path(graph.exit, wanted)]


def everywhere(fact: Fact) -> list[tuple[EdgeKind, Fact]]:
    """Return a fact on each kind of edge."""
    return [(kind, fact) for kind in _KINDS]


def nodes_after(file: File, code: Code, handler: ast.ExceptHandler) -> list[Node]:
    """Return the nodes that may follow a handler."""

    def transfer(node: Node, state: bool) -> Iterable[tuple[EdgeKind, bool]]:
        return everywhere(state or (isinstance(node.event, cfg.Catch) and node.event.node is handler))

    solution = solve_facts(file, code, [False], transfer)
    return [node for node in solution.nodes() if True in solution.at(node)] if solution is not None else []


def nodes_after_while_lost(file: File, code: Code, handler: ast.ExceptHandler) -> list[Node]:
    """Return the nodes that may follow a handler before the next error is caught, if the connection is lost."""

    def transfer(node: Node, state: bool) -> Iterable[tuple[EdgeKind, bool]]:
        event = node.event
        if isinstance(event, (cfg.Catch, cfg.Attempt)):
            return everywhere(isinstance(event, cfg.Catch) and event.node is handler)
        if state and isinstance(event, cfg.Test):
            return while_lost(file, event.node, handler, state)
        return everywhere(state)

    solution = solve_facts(file, code, [False], transfer)
    return [node for node in solution.nodes() if True in solution.at(node)] if solution is not None else []


def while_lost(file: File, test: ast.expr, handler: ast.ExceptHandler, fact: Fact) -> list[tuple[EdgeKind, Fact]]:
    """Return a fact on the edges of a test that a handler takes if the connection is lost."""
    edges = excluded_outcomes(file, test, handler.name)
    kinds: list[EdgeKind] = [*(() if edges.true else ("true",)), *(() if edges.false else ("false",))]
    return [(kind, fact) for kind in kinds]


def is_in_handler(file: File, node: ast.AST) -> bool:
    """Whether a node stands in a handler of its function."""
    for above in file.around(node):
        if isinstance(above, ast.ExceptHandler):
            return True
        if isinstance(above, FUNCTION):
            return False
    return False


@query
def _graph_of(file: File, code: Code) -> Graph | None:
    try:
        return cfg.build(code, _Semantics(file, code))
    except TooLargeError:
        return None


class _Semantics(cfg.Semantics):
    def __init__(self, file: File, code: Code) -> None:
        self.file = file
        if isinstance(code, FUNCTION) and is_context_manager(Definition(file, code, code.name)):
            self.at_yield = (ORDINARY, GENERATOR_EXIT)

    def resolve(self, expr: ast.expr) -> str | None:
        name = self.file.resolve(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None
        return canonical_name(self.file, name) if name is not None else None
