"""`Calls`: the facts after a call: of what it opens, of its owner, and of its arguments.

conn = pymysql.connect()         # a new fact: this resource is open; if the call raises, there is none
conn.close()                     # the fact is closed
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from dbhygiene.dataflow import cfg
from dbhygiene.library.calls import GIVING_CURSORS, GIVING_DATA, STACKING, reads_later
from dbhygiene.library.resources import ArgumentEffect, Resource
from dbhygiene.lifetimes.effects import CallEffect, FunctionSemantics
from dbhygiene.lifetimes.path_conditions import ANYTHING, FALSY, NONE, TRUTHY, Known, assume, method_owner
from dbhygiene.lifetimes.session_queries import is_query, is_sent_later
from dbhygiene.lifetimes.state import (
    CLOSE_METHOD,
    CLOSER,
    CLOSERS,
    CONTAINER,
    FOREIGN,
    ITSELF,
    LENT_FIELD,
    MAYBE_PART,
    NOT_OPENED,
    OPENED,
    PART,
    PARTS,
    READERS,
    Fact,
    Outcomes,
    Site,
    State,
    bound_method,
    content_of,
    dotted_path,
    element_of,
    item,
)
from dbhygiene.lifetimes.transfer.arguments import Arguments
from dbhygiene.lifetimes.transfer.assignments import Assignments
from dbhygiene.lifetimes.transfer.containers import COPYING, TAKING_OUT, Containers
from dbhygiene.source.file import File
from dbhygiene.source.nodes import argument_values

_ROWS = frozenset("first one one_or_none all scalar scalar_one scalar_one_or_none".split())  # of SQLAlchemy's results
_REMAKING = frozenset({"_asdict", "_replace", "__dict__"})  # of named tuples
_RUNS = frozenset({"execute", "executemany", "callproc"})  # on some drivers, these return the cursor


class Calls:
    """The calls of one function."""

    def __init__(
        self, assignments: Assignments, containers: Containers, arguments: Arguments, effects: FunctionSemantics
    ) -> None:
        self.assignments, self.containers, self.arguments, self.effects = assignments, containers, arguments, effects
        self.relations, self.branches = assignments.relations, assignments.branches
        self.holds, self.resource = assignments.holds, assignments.resource
        self.doubtful: set[Site] = set()  # calls that may open a resource, or return an argument

    def call(self, event: cfg.Call, fact: Fact) -> Outcomes:
        call = event.node
        done: Outcomes
        before = fact.drop_aliases([call])  # the result of the last round
        if (used := self._after_use(call.func, before)) is None:
            return [("raise", before)]
        fact = used
        effect = self.effects.of(call)
        if effect.sets:
            fact = self.assignments.after_assignment(
                [(field, value, self.holds(value, fact)) for field, value in effect.sets], call, fact
            )
            fact = fact.drop_aliases(value for _, value in effect.sets)
            return [("next", fact), ("raise", fact)]
        if fact.site is None:
            done = [*self._after_acquire(call, effect, fact), ("next", fact)]
            return done if self._is_quietly_given_back(call, effect, fact) else [*done, ("raise", fact)]
        done = []
        for path in fact.fields():
            if self.effects.touches(call, path.split(".")[1]):
                fact = fact.add_alias(LENT_FIELD, f"{path}.{LENT_FIELD}")
        done += [("next", after) for after in self._after_call(call, effect, fact, raised=False)]
        if not self._is_quietly_given_back(call, effect, fact):
            done += [("raise", after) for after in self._after_call(call, effect, fact, raised=True)]
        return done

    def _after_use(self, func: ast.expr, fact: Fact) -> Fact | None:
        """Return the fact after a method lookup, which proves its owner not None; return None if the owner is None."""
        path = method_owner(func)
        if path is None or path not in self.branches.keys.keys:
            return fact
        known = assume(fact.known, path, FALSY | TRUTHY)
        return None if known is None else fact._replace(known=known)

    def _after_acquire(self, call: ast.Call, effect: CallEffect, fact: Fact) -> Outcomes:
        if call not in self.relations.sites or (known := self._assume_acquired(call, effect, fact)) is None:
            return []
        relation = ITSELF if effect.summary.element is None else item(effect.summary.element)
        resource = self.relations.sites[call]
        state: State = "closed" if resource.is_lazy or resource.opened_by else "open"
        return [("next", Fact(call, state, frozenset([(relation, call)]), known))]

    def _assume_acquired(self, call: ast.Call, effect: CallEffect, fact: Fact) -> Known | None:
        """Return the path conditions if a call opens a resource, and returns no argument; None if it never does."""
        known: Known | None = fact.known
        for given in effect.alternatives(call):
            mask = ANYTHING if given is None else self.branches.argument_truthiness(given, fact)
            if not mask & TRUTHY:
                continue
            if not mask & (NONE | FALSY):
                return None
            self.doubtful.add(call)
            path = dotted_path(given) if given is not None else None
            if path is not None and path in self.branches.keys.keys and known is not None:
                known = assume(known, path, NONE | FALSY)
        return known

    def _is_quietly_given_back(self, call: ast.Call, effect: CallEffect, fact: Fact) -> bool:
        """Whether a call surely gets a resource, which it returns instead of opening one, and then never raises."""
        given = self.branches.sure_arguments(call, effect, fact)
        return any(not effect.on(call, each, raised=True) for each in given)

    def _after_call(self, call: ast.Call, effect: CallEffect, fact: Fact, raised: bool) -> Iterable[Fact]:
        func = call.func
        if self.holds(func, fact) == CLOSE_METHOD:
            return [fact._replace(state="closed")]
        if effect.closing and call.args and (relation := self.holds(call.args[0], fact)):
            return [fact if raised else fact.add_alias(CLOSER if relation == ITSELF else relation, call)]
        owner = self.holds(func.value, fact) if isinstance(func, ast.Attribute) else None
        if raised and owner is not None and element_of(owner) is not None:
            return []  # a method of a tuple, a dict or a record does not raise
        if isinstance(func, ast.Attribute) and owner is not None and not self._is_function(owner, func):
            if owner == ITSELF and effect.callees and not self.resource(fact).is_object:
                fates = effect.receiver_effects(self.resource(fact), raised)
                if ArgumentEffect.KEEPS not in fates:
                    awake = fact._replace(state="open") if self.resource(fact).is_lazy else fact
                    return self.arguments.apply_effects(call, fates, ITSELF, awake, raised)
            if owner == ITSELF and func.attr in self.resource(fact).may_open and not raised:
                return self._after_attempt(call, func.attr, fact)
            if raised and self._only_builds(call, func.attr, owner, self.resource(fact)):
                return []
            return [self._method(call, func.attr, owner, fact, raised)]
        called = self.holds(func, fact)
        if (method := bound_method(called)) is not None:
            return [self._method(call, method, ITSELF, fact, raised)]
        if called == PART and not raised:
            return [fact.add_alias(PART, call)]
        if (
            isinstance(func, ast.Attribute)
            and (stack := self.containers.stack(func.value))
            and fact.relation_of(stack) in CLOSERS
        ):
            if func.attr in {"close", "aclose"}:
                return [fact._replace(state="closed")]
            if func.attr == "pop_all" and not raised:
                return [self.containers.pop_all(stack, call, fact)]
        if isinstance(func, ast.Attribute) and func.attr in STACKING and self.containers.is_given_resource(call, fact):
            return [self.containers.push_on_stack(call, func, fact, raised)]
        if (
            isinstance(func, ast.Attribute)
            and func.attr in STACKING
            and not raised
            and self.containers.is_given_reader(call, fact)
        ):
            fact = self.containers.enter_in_stack(func, fact)
        if (
            isinstance(func, ast.Attribute)
            and (kept := self.containers.relation_after_insert(call, func.attr, fact)) is not None
        ):
            if self.relations.is_container(func.value):
                return [fact if raised else fact.put_in(kept, dotted_path(func.value) or func.value)]
            if kept == PARTS:
                return [fact if raised else fact.add_alias(PART, FOREIGN)]
        if (made := self._relation_of_record(call, effect, fact)) is not None:
            return [] if raised else [fact.add_alias(made, call)]
        return self.arguments.after(call, effect, fact, raised)

    def _relation_of_record(self, call: ast.Call, effect: CallEffect, fact: Fact) -> str | None:
        """Return the relation of a new named tuple or dataclass to the resource; None for any other call."""
        if not any(self.holds(each, fact) == ITSELF for each in argument_values(call)):
            return None
        fields = self.effects.fields_of_record(call)
        return self.relations.of_new([*fields], fact) if fields is not None else None

    @staticmethod
    def _is_function(owner: str, func: ast.Attribute) -> bool:
        """Whether a method is one of a bound method itself, or of several: it does not belong to the resource."""
        return bound_method(owner) is not None and func.attr not in TAKING_OUT | COPYING

    def _method(self, call: ast.Call, method: str, owner: str, fact: Fact, raised: bool) -> Fact:
        """Return the fact after a method of the resource, of a part of it, or of its container."""
        resource = self.resource(fact)
        if owner in {ITSELF, CLOSER} and method in resource.rests_after:
            return fact._replace(state="closed")
        if owner == ITSELF and method in resource.gives_up:
            return fact._replace(state="escaped")
        if resource.is_lazy and self._wakes(call, method, owner, resource):
            fact = fact._replace(state="open")
        if raised:
            return fact
        if owner == ITSELF and method in resource.opened_by & resource.gives_itself:
            return fact._replace(state="open").add_alias(ITSELF, call)
        if owner == ITSELF and method in resource.opened_by:
            may_show = resource.is_object and not self._is_statement(call)  # perhaps whether it has opened anything
            return fact._replace(state="escaped" if may_show else "open")
        if owner == ITSELF and method in {*resource.gives_itself, "__enter__", "__aenter__"}:
            return fact.add_alias(ITSELF, call)
        if owner == ITSELF and resource.is_lazy and method == "begin":
            return fact.add_alias(CLOSER, call)  # a transaction: the session is idle after it
        if owner == ITSELF or owner in READERS:
            is_part = method in resource.parts
            is_data = (
                method in GIVING_DATA or (method in _RUNS and not is_part) or (method in _ROWS and not resource.is_lazy)
            )
            if not is_data and resource.is_lazy:
                from dbhygiene.lifetimes.selected_columns import reads_data  # for sessions

                is_data = reads_data(self.effects.scope, call)
            if method in GIVING_CURSORS or (is_data and reads_later(method, call)):
                return fact.add_alias(PARTS, call)
            is_data = is_data or (owner == ITSELF and self._gives_data(call, fact))
            return fact if is_data else fact.add_alias(PART if is_part else MAYBE_PART, call)
        if owner in CLOSERS and method == "pop_all" and isinstance(call.func, ast.Attribute):
            stack = call.func.value
            return self.containers.pop_all(dotted_path(stack) or stack, call, fact)
        element = element_of(owner)
        if element is not None and method in _REMAKING:
            return fact._replace(state="escaped")
        if method in TAKING_OUT and (inner := content_of(owner)) is not None:
            key = call.args[0] if call.args else None
            is_other = element is not None and isinstance(key, ast.Constant) and key.value not in element
            return fact if is_other else fact.add_alias(inner, call)
        if method in COPYING and (owner in {CONTAINER, PARTS} or element or bound_method(owner) is not None):
            return fact.add_alias(CONTAINER if element else owner, call)
        return fact

    def _wakes(self, call: ast.Call, method: str, owner: str, resource: Resource) -> bool:
        """Whether a method of a lazy resource, or of a query that was built with it, asks the server."""
        if self._only_builds(call, method, owner, resource):
            return not is_sent_later(self.effects.file, call)
        if owner == ITSELF:
            return method not in resource.rests_during
        return owner in READERS and self._is_query_method(call)

    def _only_builds(self, call: ast.Call, method: str, owner: str, resource: Resource) -> bool:
        """Whether a method builds a query, and asks nothing itself."""
        if method not in resource.only_builds:
            return False
        return owner == ITSELF or (owner in READERS and self._is_query_method(call))

    def _is_query_method(self, call: ast.Call) -> bool:
        return isinstance(call.func, ast.Attribute) and is_query(self.effects.file, call.func.value)

    def _gives_data(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a method of an object of the project is given nothing of the resource, and returns only data."""
        if not self.resource(fact).is_object or self.resource(fact).is_lazy or self._is_statement(call):
            return False
        if any(self.holds(each, fact) for each in argument_values(call)):
            return False
        from dbhygiene.lifetimes.data_results import gives_data  # few programs wrap a connection

        return gives_data(self.effects.of(call))

    def _after_attempt(self, call: ast.Call, method: str, fact: Fact) -> list[Fact]:
        """Return the facts after a method that has opened the resource, or has failed and returned."""
        opened = fact._replace(state="open")
        if self._is_statement(call):
            return [opened, fact]
        if method in self.resource(fact).true_if_opened and is_tested(self.effects.file, call):
            return [opened.add_alias(OPENED, call), fact.add_alias(NOT_OPENED, call)]
        return [fact._replace(state="escaped")]

    def _is_statement(self, call: ast.Call) -> bool:
        """Whether the result of a call is not used."""
        above = self.effects.file.parents.get(call)
        return self.effects.file.is_discarded(above if isinstance(above, ast.Await) else call)


def is_tested(file: File, call: ast.Call) -> bool:
    """Whether a condition asks for nothing of a call's result but its truth: `if not db.open():`."""
    part: ast.AST = call
    while isinstance(above := file.parents.get(part), (ast.UnaryOp, ast.BoolOp)):
        part = above
    return isinstance(above, (ast.If, ast.While, ast.Assert)) and above.test is part
