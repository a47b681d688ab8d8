"""`WithBlocks`: the facts after a `with` is entered, and after it is left.

with closing(conn): ...          # when it is left, `conn` is closed
with conn: ...                   # with sqlite3, this ends the transaction: `conn` is still open
"""

from __future__ import annotations

import ast

from dbhygiene.dataflow import cfg
from dbhygiene.library.resources import Leaving
from dbhygiene.lifetimes.effects import FunctionSemantics
from dbhygiene.lifetimes.path_conditions import ANYTHING, TRUTHY, truthiness
from dbhygiene.lifetimes.state import CLOSER, CLOSERS, ITSELF, PART, READERS, STACK, Fact, Outcomes, dotted_path
from dbhygiene.lifetimes.transfer.assignments import Assignments


class WithBlocks:
    """The `with` statements of one function."""

    def __init__(self, assignments: Assignments, effects: FunctionSemantics) -> None:
        self.assignments, self.branches, self.effects = assignments, assignments.branches, effects
        self.keys, self.holds, self.resource = assignments.keys, assignments.holds, assignments.resource

    def enter(self, event: cfg.Enter, fact: Fact) -> Outcomes:
        item_, name = event.node, event.node.optional_vars
        relation = self.holds(item_.context_expr, fact)
        fact = failed = fact.drop_aliases([item_.context_expr, _unwrap(item_.context_expr)])
        path = dotted_path(name) if name is not None else None
        mask = self._truthiness(item_.context_expr, fact) if path in self.keys.keys else ANYTHING
        if path is not None:
            fact = fact.forget_path(path)
            fact = fact._replace(known=self.keys.invalidate(fact.known, path)) if fact.known else fact
        gives = relation if relation in {*READERS, STACK} else None
        if relation == ITSELF and self._is_own_manager(item_.context_expr):
            gives = ITSELF
        elif relation == STACK:
            fact = fact.add_alias(relation, item_)
        elif relation in {ITSELF, CLOSER}:
            leaving = self._exit_effect(item_, fact)
            fact = fact.add_alias(relation, item_)
            gives = PART if relation == ITSELF and leaving is not None and leaving.binds == "cursor" else ITSELF
        if name is not None:
            fact = self.assignments.bind_target(name, gives, mask, fact)
        if event.is_async and (relation in {ITSELF, *CLOSERS} or _unwrap(item_.context_expr) is fact.site):
            return [("next", fact)]  # only the opening itself raises; an open resource enters itself
        if event.is_async and relation in READERS and _makes_cursor(item_.context_expr):
            return [("next", fact)]  # like `cursor` without `async with`
        return [("next", fact), ("raise", failed)]

    def _truthiness(self, expr: ast.expr, fact: Fact) -> int:
        """Return the possible truth values of what `as` binds."""
        if isinstance(expr, ast.Call) and self.effects.of(expr).lends_resource:
            return TRUTHY
        return truthiness(self.branches.value_of_target(expr), fact.known, self.branches.sure)

    def leave(self, event: cfg.Leave, fact: Fact) -> Outcomes:
        if self.is_closed_by(event.node, fact):
            fact = fact._replace(state="closed")
        fact = fact.drop_aliases([event.node])
        return [("next", fact), ("raise", fact)]

    def is_closed_by(self, item_: ast.withitem, fact: Fact) -> bool:
        """Whether leaving this `with` closes the resource."""
        relation = fact.relation_of(item_)
        if relation not in {ITSELF, *CLOSERS} or fact.site is None:
            return False
        leaving = self._exit_effect(item_, fact)
        return relation in CLOSERS or leaving is None or leaving.closes

    def _exit_effect(self, item_: ast.withitem, fact: Fact) -> Leaving | None:
        return self.effects.leaving(item_, self.resource(fact))

    def _is_own_manager(self, expr: ast.expr) -> bool:
        """Whether a `with` enters a context manager of the project that leaves its argument open."""
        return isinstance(expr, ast.Call) and self.effects.of(expr).is_manager


def _unwrap(expr: ast.expr) -> ast.expr:
    return expr.value if isinstance(expr, (ast.Await, ast.NamedExpr)) else expr


def _makes_cursor(expr: ast.expr) -> bool:
    made = _unwrap(expr)
    return isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute) and made.func.attr == "cursor"
