"""`Values`: what becomes of the values of expressions, and of those that leave the function.

return conn                      # the caller gets the resource: alias (ITSELF, RETURN)
yield conn                       # it escapes, unless this generator gets it back
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.library.calls import AWAITING
from dbhygiene.lifetimes.effects import FunctionSemantics
from dbhygiene.lifetimes.state import (
    CLOSE_METHOD,
    CLOSERS,
    CONTAINER,
    ITSELF,
    RETURN,
    Fact,
    Outcomes,
    bound_method,
    container_of,
    element_of,
)
from dbhygiene.lifetimes.transfer.relations import Relations


class Values:
    """The values of the expressions of one function."""

    def __init__(self, relations: Relations, effects: FunctionSemantics) -> None:
        self.effects = effects
        self.names, self.holds, self.resource = relations.names, relations.holds, relations.resource

    def choose(self, event: cfg.Choose, fact: Fact) -> Outcomes:
        relation = self.holds(event.part, fact)
        fact = fact.drop_aliases([event.node])
        return [("next", fact.drop_aliases([event.part]).add_alias(relation, event.node) if relation else fact)]

    def collect(self, event: cfg.Collect, fact: Fact) -> Outcomes:
        relation = next((relation for each in event.elements if (relation := self.holds(each, fact))), None)
        if relation is None:
            return [("next", fact)]
        return [("next", fact.drop_aliases(event.elements).add_alias(container_of([relation]), event.node))]

    def await_(self, event: cfg.Await, fact: Fact) -> Outcomes:
        awaited = {(ITSELF, each) for each in self._coroutines(event.node.value)}
        if fact.aliases and fact.aliases <= awaited:
            return [("next", fact)]  # it raises instead of returning: never opened
        return [("next", fact), ("raise", fact)]

    def _coroutines(self, value: ast.expr) -> Iterator[ast.expr | str]:
        """Yield an awaited expression, and the coroutine that it runs: the argument of `asyncio.wait_for`."""
        yield value
        while isinstance(value, ast.Call) and value.args and self.effects.resolve(value.func) in AWAITING:
            value = value.args[0]
            yield value
        if isinstance(value, ast.Name):
            yield value.id  # a variable with a coroutine: a connection itself is not awaited

    def discard(self, event: cfg.Discard, fact: Fact) -> Outcomes:
        value = event.node.value
        inner = value.value if isinstance(value, ast.Await) else value
        return [("next", fact.drop_aliases([value, inner]))]

    def define(self, event: cfg.Define, fact: Fact) -> Outcomes:
        """Return the facts after a function definition: the function holds the values of its defaults."""
        if not isinstance(event.node, ast.ClassDef):
            defaults = [*event.node.args.defaults, *event.node.args.kw_defaults]
            if any(self.holds(default, fact) for default in defaults):
                return [("next", fact._replace(state="escaped"))]
        return [("next", fact)]

    def return_(self, event: cfg.Return, fact: Fact) -> Outcomes:
        relation = self.holds(event.node.value, fact)
        fact = fact.drop_aliases([RETURN])
        return [("next", fact.add_alias(relation, RETURN) if relation else fact)]

    def yield_(self, event: cfg.Yield, fact: Fact) -> Outcomes:
        relation = self.holds(event.node.value, fact)
        if relation in {ITSELF, CONTAINER} or (relation and element_of(relation) is not None):
            if not self.names.lends:
                fact = fact._replace(state="escaped")
            elif self.resource(fact).is_lazy:
                fact = fact._replace(state="open")
        elif relation in {*CLOSERS, CLOSE_METHOD} or (bound_method(relation) is not None and not self.names.lends):
            fact = fact._replace(state="escaped")
        return [("next", fact), ("raise", fact)]

    def end(self, event: cfg.End, fact: Fact) -> Outcomes:
        return [("next", fact.drop_aliases([RETURN]))]
