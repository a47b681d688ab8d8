"""`Branches`: which edges of a condition, a loop or a `try` a fact takes, and the path conditions there.

if conn is None:                 # if `conn` is the resource, only the edge of a false condition
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind
from dbhygiene.library.resources import RETURNS
from dbhygiene.lifetimes.effects import CallEffect, FunctionSemantics
from dbhygiene.lifetimes.path_conditions import (
    FALSY,
    NONE,
    TRUTHY,
    Known,
    TrackedConditions,
    Truth,
    is_condition,
    truthiness,
    truths,
)
from dbhygiene.lifetimes.state import (
    CLOSE_METHOD,
    CONTAINER,
    ITSELF,
    MAYBE_PART,
    NOT_OPENED,
    OPENED,
    PART,
    PARTS,
    VISITED,
    Fact,
    Outcomes,
    bound_method,
    content_of,
    dotted_path,
    element_of,
)
from dbhygiene.lifetimes.transfer.relations import Relations
from dbhygiene.source.nodes import without_arguments


class Branches:
    """The branches of one function."""

    def __init__(self, relations: Relations, keys: TrackedConditions, effects: FunctionSemantics) -> None:
        self.relations, self.keys, self.effects = relations, keys, effects
        self.holds, self.resource = relations.holds, relations.resource
        self.sure = {
            call for call in relations.sites if isinstance(call, ast.Call) and effects.of(call).summary.is_sure
        }

    def test(self, event: cfg.Test, fact: Fact) -> Outcomes:
        truths = self.truths(event.node, fact)
        fact = fact.drop_aliases([where for relation, where in fact.aliases if relation in {OPENED, NOT_OPENED}])
        held = self._truth_if_held(event.node, fact)
        return [
            (
                "true" if truth else "false",
                fact._replace(known=known, state="escaped" if truth is held else fact.state),
            )
            for truth, known in truths
        ]

    def _truth_if_held(self, test: ast.expr, fact: Fact) -> bool | None:
        """Return the result of `conn in pool` that says that a container of other code holds the connection."""
        match test:
            case ast.Compare(left=left, ops=[ast.In() | ast.NotIn() as op], comparators=[container]):
                if fact.state == "open" and self.holds(left, fact) == ITSELF and self.holds(container, fact) is None:
                    return isinstance(op, ast.In)
        return None

    def case(self, event: cfg.Case, fact: Fact) -> Outcomes:
        pattern, subject = event.node.pattern, event.subject
        is_none = isinstance(pattern, ast.MatchSingleton) and pattern.value is None
        relation = self.holds(subject, fact)
        if relation is not None:
            if is_none:
                return [("false", fact)]
            return [("true", self._bind_capture(pattern, relation, fact)), ("false", fact)]
        path = dotted_path(subject)
        if not is_none or path is None or path not in self.keys.keys:
            return [("true", fact), ("false", fact)]
        answers: list[tuple[EdgeKind, int]] = [("true", NONE), ("false", FALSY | TRUTHY)]
        return [
            (kind, fact._replace(known=known))
            for kind, mask in answers
            if (known := self.keys.assume(fact.known, path, mask)) is not None
        ]

    @staticmethod
    def _bind_capture(pattern: ast.pattern, relation: str, fact: Fact) -> Fact:
        for part in ast.walk(pattern):
            match part:
                case ast.MatchAs(name=str(name)):
                    fact = fact.forget_path(name)
                    fact = fact.add_alias(relation if part is pattern else content_of(relation) or ITSELF, name)
        return fact

    def iterate(self, event: cfg.Iterate, fact: Fact) -> Outcomes:
        loop = event.node
        relation = self.holds(loop.iter, fact)
        holds_it = fact.state == "open" and (relation == CONTAINER or element_of(relation or "") is not None)
        inside = fact.add_alias(VISITED, loop) if holds_it else fact
        inside = inside._replace(known=self.keys.in_round(loop, inside.known))
        failing: Outcomes = [("raise", fact)] if self.keys.may_raise(loop, fact.known) else []
        known = self.keys.at_end(loop, fact.known)
        if known is None or (holds_it and not fact.relation_of(loop)):
            return [("true", inside), *failing]  # all elements are visited before the loop ends
        return [("true", inside), *failing, ("false", fact.drop_aliases([loop])._replace(known=known))]

    def attempt(self, event: cfg.Attempt, fact: Fact) -> Outcomes:
        """Enter the handlers that no known exception enters: only to see what they open themselves.

        Whether an open resource is still open there depends on where the exception came from, as do the conditions on
        fields, and on the variables that the `try` assigns.
        """
        if fact.site is not None:
            return [("next", fact)]
        known = frozenset(each for each in fact.known if "." not in each[0])
        for name in _assigned(event.node) if known else ():
            known = self.keys.invalidate(known, name)
        return [("next", fact), ("raise", fact._replace(known=known))]

    def truths(self, test: ast.expr, fact: Fact) -> list[Truth]:
        """Return the possible truths of a condition, each with the path conditions then."""

        def assume(part: ast.expr, known: Known) -> Iterator[Truth]:
            truth = self._decide(part, fact)
            asks = self.keys.condition_of(part)
            if truth is not None:
                yield truth, known
            elif asks is None:
                yield from ((True, known), (False, known))
            else:
                for truth, mask in ((True, asks.if_true), (False, asks.if_false)):
                    if (after := self.keys.assume(known, asks.key, mask)) is not None:
                        yield truth, after

        return truths(test, fact.known, assume)

    def truthiness(self, value: ast.expr | None, fact: Fact) -> int:
        """Return the possible truth values of an assigned value."""
        if is_condition(value):
            truths_ = {truth for truth, _ in self.truths(value, fact)}
            return (TRUTHY if True in truths_ else 0) | (FALSY if False in truths_ else 0)
        inner = value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value
        if isinstance(inner, ast.Call) and self._gives_back(inner, fact):
            return TRUTHY
        return truthiness(value and self.value_of_target(value), fact.known, self.sure)

    def argument_truthiness(self, given: ast.expr, fact: Fact) -> int:
        """Return the possible truth values of an argument that may be a connection."""
        if isinstance(given, (ast.Constant, ast.JoinedStr)):
            return NONE  # no connection
        return self.truthiness(given, fact)

    def sure_arguments(self, call: ast.Call, effect: CallEffect, fact: Fact) -> Iterator[ast.expr]:
        """Yield the arguments that a call may return instead of opening a resource, if they surely are one."""
        for given in effect.alternatives(call):
            if given is not None and not self.argument_truthiness(given, fact) & (NONE | FALSY):
                yield given

    def _gives_back(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a call surely returns an argument that surely is a resource."""
        effect = self.effects.of(call)
        given = self.sure_arguments(call, effect, fact)
        return any(effect.on(call, each, raised=False) == RETURNS for each in given)

    def value_of_target(self, expr: ast.expr) -> ast.expr:
        """Return the value of `as`: for `closing`, its argument, and for a stack the object that it enters."""
        match expr:
            case ast.Call(func=ast.Attribute(attr="enter_context" | "enter_async_context"), args=[given]):
                return self.value_of_target(given)
            case ast.Call(args=[given]) if self.effects.of(expr).closing:
                return given
        return expr

    def _decide(self, test: ast.expr, fact: Fact) -> bool | None:
        """Return the only possible truth of a condition about the resource itself; None if it may be either."""
        if fact.site is None:
            return None
        if (answer := fact.relation_of(test)) in {OPENED, NOT_OPENED}:
            return answer == OPENED
        match test:
            case ast.Compare(left=ast.Call(func=ast.Name(id="len"), args=[sized])) if self._is_filled(sized, fact):
                return _compares_length(test)
            case ast.Call(func=ast.Name(id="len"), args=[sized]) if self._is_filled(sized, fact):
                return True
            case ast.Compare(
                left=ast.Name() | ast.Attribute() as left,
                ops=[ast.Is() | ast.IsNot() as op],
                comparators=[ast.Name() | ast.Attribute() as other],
            ):
                same = self._decide_identity(left, other, fact)
                return None if same is None else isinstance(op, ast.Is) == same
            case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
                exists = self._decide_existence(left, fact)
                return None if exists is None else not exists
            case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
                return self._decide_existence(left, fact)
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[ast.Constant(value=value)]):
                if self.holds(left, fact) == ITSELF:
                    return False  # `conn == 0`, `conn is False`: what a function returns where it fails
                state = self._decide_state(left, fact)
                return None if state is None else state == bool(value)
            case ast.Compare(left=left, ops=[ast.NotEq() | ast.IsNot()], comparators=[ast.Constant()]):
                return True if self.holds(left, fact) == ITSELF else None
            case ast.Compare(left=ast.Constant(value=str(name)), ops=[op], comparators=[ast.Call(func=func)]):
                if (
                    isinstance(func, ast.Name)
                    and func.id in {"locals", "globals", "vars", "dir"}
                    and fact.relation_of(name)
                ):
                    return isinstance(op, ast.In)
            case ast.Call(func=ast.Name(id="callable"), args=[asked]) if self.holds(asked, fact) == CLOSE_METHOD:
                return True
            case ast.Call(func=ast.Name(id="hasattr"), args=[owner, ast.Constant(value=str(name))]):
                return True if self.holds(ast.Attribute(owner, name), fact) in {ITSELF, CLOSE_METHOD} else None
        if self._is_object(test, fact) or self._is_filled(test, fact):
            return True
        return self._decide_state(test, fact)

    def _is_filled(self, expr: ast.expr, fact: Fact) -> bool:
        """Whether an expression is a container of this function that holds the resource: it is not empty."""
        return fact.state == "open" and self.relations.is_container(expr) and self.holds(expr, fact) == CONTAINER

    def _is_object(self, expr: ast.expr, fact: Fact) -> bool:
        relation = self.holds(expr, fact)
        if relation == PART and self.resource(fact).is_lazy:
            return False  # a session may find no object: `session.query(...).first()`
        return relation not in {None, CONTAINER, MAYBE_PART, PARTS} and bound_method(relation) is None

    def _decide_identity(self, left: ast.expr, right: ast.expr, fact: Fact) -> bool | None:
        """Return whether two expressions are the resource, if one is; None if a field may hold it by another name."""
        held = {self.holds(left, fact), self.holds(right, fact)}
        if ITSELF not in held or not held <= {ITSELF, None}:
            return None
        of_objects = isinstance(left, ast.Attribute) or isinstance(right, ast.Attribute)
        if of_objects and len(held) > 1 and fact.is_in_field:
            return None
        return len(held) == 1

    def _decide_existence(self, expr: ast.expr, fact: Fact) -> bool | None:
        """Return whether an expression is not None: it is the resource, or the field of an object that holds it."""
        if self._is_object(expr, fact):
            return True
        return self._decide_state(expr, fact) if self.resource(fact).is_object else None

    def _decide_state(self, expr: ast.expr, fact: Fact) -> bool | None:
        """Return the answer of `conn.is_connected()`, `conn.open`, `conn.closed`, if it follows from the state."""
        asked = without_arguments(expr)
        if isinstance(asked, ast.Attribute) and self.holds(asked.value, fact) == ITSELF:
            resource = self.resource(fact)
            if asked.attr in resource.open_if:
                return fact.state == "open"
            if asked.attr in resource.closed_if:
                return fact.state != "open"
            if asked.attr in resource.usable_if and fact.state == "open":
                return True
        return None


def _assigned(stmt: ast.Try) -> set[str]:
    """Return the variables that the body of a `try` may assign."""
    found: set[str] = set()
    for part in (part for each in stmt.body for part in ast.walk(each)):
        match part:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                found.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                found.add(name)
    return found


def _compares_length(test: ast.Compare) -> bool | None:
    """Return the truth of a comparison of a length that is at least one; None if it may be either."""
    match test.ops, test.comparators:
        case [op], [ast.Constant(value=0)]:
            return {ast.Eq: False, ast.LtE: False, ast.Lt: False, ast.Gt: True, ast.NotEq: True, ast.GtE: True}.get(
                type(op)
            )
        case [op], [ast.Constant(value=1)]:
            return {ast.Lt: False, ast.GtE: True}.get(type(op))
    return None
