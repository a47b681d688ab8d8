"""`leaking_exit`: whether the `__exit__` that closes the resource of `__enter__` may raise before it does.

def __exit__(self, *error):
    self.conn.commit()           # may raise: `fix_exit` puts the `close` into a `finally`
    self.conn.close()
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.dataflow.limits import TOO_MUCH, give_up
from dbhygiene.dataflow.solver import Solution, TooManyFactsError
from dbhygiene.diagnostics.edits import WrapInTry, verbatim
from dbhygiene.diagnostics.model import Fix, NoFix
from dbhygiene.lifetimes.analysis import follow
from dbhygiene.lifetimes.lifetime import Lifetime
from dbhygiene.lifetimes.state import CONTAINER, ITSELF, Alias, Fact
from dbhygiene.lifetimes.transfer import Transfer
from dbhygiene.source.nodes import FUNCTION, Function

_PAIRS = {"__enter__": "__exit__", "__aenter__": "__aexit__"}
_GIVING_BACK = frozenset(
    {"rollback", "close", "aclose", "remove", "invalidate"}
)  # these return it to the pool, even if they raise


def leaking_exit(life: Lifetime) -> tuple[Function, ast.Call] | None:
    """Return the `__exit__` that closes the resource of `__enter__`, and its call before that may raise.

    Return None if no call comes between, or if the resource is closed elsewhere, or nowhere.
    """
    leaving = _exit_method(life)
    kept = frozenset(_aliases_in_exit(life)) if leaving is not None else None
    if leaving is None or not kept:
        return None
    effects = life.analysis.effects.summaries.effects(life.file, leaving)
    start = Fact(life.birth, "open", kept)
    parts = follow(life.file, leaving, effects, {life.birth: life.resource}, start)
    if parts is None:
        return None
    graph, transfer = parts
    try:
        solution = Solution(graph, [start], lambda node, fact: _step(transfer, node, fact))
    except TooManyFactsError:
        give_up(life.file, leaving, TOO_MUCH)
        return None
    if any(fact.state == "open" for fact in solution.at(graph.exit)) or not solution.at(graph.exit):
        return None
    for fact in solution.at(graph.raised):
        raising = [node for node, _, kind in solution.path(graph.raised, fact) if kind == "raise"]
        culprit = raising[0].event.node if raising and isinstance(raising[0].event, cfg.Call) else None
        if fact.state == "open" and culprit is not None and _uses(transfer, culprit, solution.at(raising[0])):
            return leaving, culprit
    return None


def fix_exit(life: Lifetime, leaving: Function, culprit: ast.Call) -> Fix | NoFix:
    """Move the close into a `finally` around the calls before it that may raise."""
    file = life.file
    inside = {part: number for number, stmt in enumerate(leaving.body) for part in ast.walk(stmt)}
    closing = next((n for n, stmt in enumerate(leaving.body) if _closes(life, stmt)), None)
    if closing is None or inside.get(culprit, closing) >= closing:
        why = "no statement only closes it" if closing is None else "a `close` comes before the call that raises"
        return NoFix(f"{why}; close it in a `finally` of `{leaving.name}`")
    first, close = leaving.body[inside[culprit]], leaving.body[closing]
    wrap = WrapInTry(
        file.span(first),
        file.span(leaving.body[closing - 1]),
        "finally",
        verbatim(file.segment(close)),
        moved=(file.span(close),),
    )
    return Fix(f"Close it in a `finally` of `{leaving.name}`", (wrap,))


def _closes(life: Lifetime, stmt: ast.stmt) -> bool:
    """Whether a statement is only `x.close()`."""
    call = stmt.value if isinstance(stmt, ast.Expr) else None
    call = call.value if isinstance(call, ast.Await) else call
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name() | ast.Attribute(), attr=attr), args=[], keywords=[]):
            return attr in life.resource.closed_by
    return False


def _exit_method(life: Lifetime) -> Function | None:
    """Return the method that runs at the end of the `with` whose start opens the resource."""
    cls, entering = life.scope.class_scope, life.scope.node
    name = _PAIRS.get(entering.name) if isinstance(entering, FUNCTION) else None
    found = cls.defined.get(name) if cls is not None and name is not None else None
    return found if isinstance(found, FUNCTION) else None


def _aliases_in_exit(life: Lifetime) -> Iterator[Alias]:
    """Yield the places where `__exit__` finds the resource: in a field, or in a context variable."""
    yield from ((ITSELF, name) for name in life.names if name.startswith("self."))
    match life.file.parents.get(life.birth):
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="set")):
            values = life.file.scope.aliases.get(name, ())
            if any(isinstance(v, ast.Call) and life.file.resolve(v.func) == "contextvars.ContextVar" for v in values):
                yield CONTAINER, name


def _step(transfer: Transfer, node: Node, fact: Fact) -> Iterator[tuple[EdgeKind, Fact]]:
    """Apply the transfer function, except that a failing commit returns nothing to the pool."""
    for kind, after in transfer(node, fact):
        if kind == "raise" and isinstance(node.event, cfg.Call) and _uses(transfer, node.event.node, [fact]):
            yield kind, after._replace(state=fact.state)
        else:
            yield kind, after


def _uses(transfer: Transfer, call: ast.Call, facts: list[Fact]) -> bool:
    """Whether a call is one of the resource's own methods, and does not return it to its pool."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr in _GIVING_BACK:
        return False
    return any(transfer.holds(func.value, fact) == ITSELF for fact in facts)
