"""`Transfer`: the transfer function of the lifetimes analysis: (node, fact) -> facts on the outgoing edges.

A resource escapes at an event that the analysis does not model, and an escaped resource is not followed further.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.dataflow.cfg import EdgeKind, Node
from dbhygiene.library.calls import (
    APPLYING,
    BEGINNING,
    GIVING_CURSORS,
    PLAIN,
    READING,
    RUNNING_AWAITED,
    STACKING,
    reads_later,
)
from dbhygiene.library.resources import (
    BORROWS,
    CLOSES,
    KEEPS,
    READS,
    ArgumentEffect,
    ArgumentEffects,
    Leaving,
    Resource,
)
from dbhygiene.lifetimes.effects import CallEffect, FunctionSemantics
from dbhygiene.lifetimes.live_objects import begins, makes_runner, passed_objects
from dbhygiene.lifetimes.path_conditions import (
    ANYTHING,
    FALSY,
    NONE,
    TRUTHY,
    Known,
    TrackedConditions,
    Truth,
    assume,
    is_condition,
    method_owner,
    truthiness,
    truths,
)
from dbhygiene.lifetimes.state import (
    BOUND_METHOD,
    CLOSE_METHOD,
    CLOSER,
    CONTAINER,
    FOREIGN,
    ITSELF,
    LENT_FIELD,
    MAYBE_PART,
    PART,
    PARTS,
    READERS,
    RETURN,
    VISITED,
    Fact,
    Site,
    State,
    Where,
    bound_method,
    container_of,
    content_of,
    is_view,
    item,
    item_index,
    path_of,
)
from dbhygiene.source.nodes import argument_values, last_name

Outcomes: TypeAlias = "list[tuple[EdgeKind, Fact]]"
_Pair: TypeAlias = "tuple[ast.expr, ast.expr | None, str | None]"  # target, value, and its relation to the resource

_DATA = frozenset(
    """
    fetchone fetchall fetchmany fetch fetchrow fetchval rowcount lastrowid description close commit rollback ping
    fetchdf fetch_df df pl fetchnumpy fetch_arrow_table fetch_arrow_all fetch_pandas_all execute_fetchall count
    """.split()
)
_ROWS = frozenset("first one one_or_none all scalar scalar_one scalar_one_or_none".split())  # of SQLAlchemy's results
_RUNS = frozenset({"execute", "executemany", "callproc"})  # on some drivers, these return the cursor
_TO_CONNECTION = frozenset({"connection", "conn", "_connection"})  # attributes of a cursor that hold its connection
_TAKING_OUT = frozenset({"pop", "popleft", "popitem", "get", "get_nowait", "__getitem__"})
_COPYING = frozenset({"values", "items", "copy", "keys"})
_POURING_IN = frozenset({"extend", "extendleft", "update"})
_PUTTING_IN = frozenset({"append", "add", "appendleft", "insert", "setdefault", "put", "put_nowait"})


class Names:
    """The variables of one function: which are its own, and which other code can see, too."""

    def __init__(
        self,
        *,
        shared: Iterable[str] = (),
        captured: Iterable[str] = (),
        containers: Iterable[str] = (),
        inner_fields: Iterable[str] = (),
        stacks: Mapping[str, Where] | None = None,
        lends: bool = False,
        owners: Iterable[str] = ("self", "cls"),
    ) -> None:
        self.shared = frozenset(shared)  # declared global or nonlocal
        self.captured = frozenset(captured)  # read by a function within
        self.inner_fields = frozenset(inner_fields)  # of any object, mentioned by a function within
        self.containers = frozenset(containers)  # only ever bound to a new list, dict or set of this function
        self.stacks = stacks or {}  # names of this function's ExitStacks -> the alias of each
        self.lends = lends  # this generator takes its yielded value back
        self.owners = frozenset(owners)  # variables of the object and of its class, whose fields own their values


class Transfer:
    """The transfer function of one function: a fact before a node -> the facts on the edges out of it."""

    def __init__(
        self,
        effects: FunctionSemantics,
        sites: Mapping[Site, Resource],
        names: Names,
        keys: TrackedConditions,
        recovering: Collection[ast.ExceptHandler] = (),
    ) -> None:
        self.effects, self.sites, self.names, self.keys = effects, sites, names, keys
        self.recovering = recovering  # the handlers that may be for a lost connection
        self.sure = {call for call in sites if isinstance(call, ast.Call) and effects.of(call).summary.is_sure}
        self.escaped: dict[Site, Node] = {}  # with the first node where it escapes
        self.doubtful: set[Site] = set()  # calls that may open a resource, or return an argument
        self.replaced: dict[tuple[Site, ast.AST], None] = {}  # in the order found
        self.given_up: set[Site] = set()  # those replaced because they are lost, or may be

    def __call__(self, node: Node, fact: Fact) -> Iterator[tuple[EdgeKind, Fact]]:
        step = _STEPS.get(type(node.event))
        outcomes = (
            step(self, node.event, fact) if step else [(kind, fact) for kind in ("next", "true", "false", "raise")]
        )
        for kind, after in outcomes:
            if after.state == "escaped":
                if after.site is not None:
                    self.escaped.setdefault(after.site, node)
                continue
            known = self.keys.after(node, after.known)
            thrown = after.thrown or (kind == "raise" and after.site is not None)
            lost = self._is_lost(node.event, kind, after) if self.recovering and after.site is not None else False
            if known is not after.known or thrown != after.thrown or lost != after.lost:
                after = after._replace(known=known, thrown=thrown, lost=lost)
            yield kind, after

    def _is_lost(self, event: cfg.Event, kind: EdgeKind, fact: Fact) -> bool:
        """Whether the resource may be dead: its last query has failed, and the handler treats it as lost."""
        match event:
            case cfg.Call(node=ast.Call() as asked):
                pass
            case cfg.Await(node=ast.Await(value=asked)) | cfg.Iterate(node=ast.For(iter=asked)):
                pass
            case cfg.Enter(node=ast.withitem(context_expr=asked)):
                pass
            case cfg.Catch(node=handler):
                return fact.lost and handler in self.recovering
            case _:
                return fact.lost and kind != "raise"
        on_it = self.is_queried(asked, fact)
        return on_it if kind == "raise" else fact.lost and not on_it

    def is_queried(self, expr: ast.expr, fact: Fact) -> bool:
        """Whether an expression queries the resource: a method of it or of a cursor, a call with one as an argument."""
        if not isinstance(expr, ast.Call):
            return self.holds(expr, fact) in {ITSELF, PART}
        func = expr.func
        owner = [func.value] if isinstance(func, ast.Attribute) else []
        if any(self.holds(part, fact) in {ITSELF, PART} for part in (*owner, *argument_values(expr))):
            return True
        return bool(fact.fields()) and any(path_of(each) == "self" for each in owner)

    def resource(self, fact: Fact) -> Resource:
        assert fact.site is not None
        return self.sites[fact.site]

    # -- what an expression holds

    def holds(self, expr: ast.AST | None, fact: Fact) -> str | None:
        """Return the relation of an evaluated expression to the resource; None if there is none."""
        if expr is None or not fact.aliases:
            return None
        if (relation := fact.relation_of(expr)) is not None:
            return relation
        match expr:
            case ast.Name(id=name):
                return fact.relation_of(name)
            case ast.Attribute(value=value, attr=attr):
                path = path_of(expr)
                if path is not None and (relation := fact.relation_of(path)) is not None:
                    return relation
                return self._member(self.holds(value, fact), attr, fact)
            case ast.Await(value=value):
                return self.holds(value, fact)
            case ast.NamedExpr(target=target, value=value):  # the variable holds what its value has held before
                return self.holds(value, fact) or self.holds(target, fact)
            case ast.Starred(value=value):
                return self._read_out(self.holds(value, fact), fact)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return self._display(elements, fact)
            case ast.Dict(values=values):
                found = {relation for value in values if (relation := self.holds(value, fact))}
                return container_of(found) if found else None
            case ast.GeneratorExp():  # it runs later, on all variables that it mentions
                return PART if any(fact.relation_of(path_of(part) or part) for part in ast.walk(expr)) else None
            case ast.Subscript(value=value, slice=index):
                relation = self.holds(value, fact)
                return self._element(relation, index) or self._within(relation, fact)
            case ast.BinOp():  # of containers; other operands hold no resource
                inside = {relation for term in _terms(expr) if (relation := content_of(self.holds(term, fact)))}
                return container_of(inside) if inside else None
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(attr)), *_]):
                return self._member(self.holds(owner, fact), attr, fact)
        return None

    def _read_out(self, relation: str | None, fact: Fact) -> str | None:
        """Return the relation of all that can be read from an object: rows are data, a session's objects are not."""
        return None if relation in READERS and not self.resource(fact).is_lazy else relation

    def _member(self, owner: str | None, attr: str, fact: Fact) -> str | None:
        if owner == ITSELF and attr in self.resource(fact).closed_by:
            return CLOSE_METHOD
        if owner == CLOSER and attr == "close":
            return CLOSE_METHOD
        if owner in READERS and attr in _TO_CONNECTION:
            return ITSELF
        handed = attr in READING if owner in READERS else owner == ITSELF and attr not in PLAIN
        return BOUND_METHOD + attr if handed else self._within(owner, fact)

    def _within(self, owner: str | None, fact: Fact) -> str | None:
        """Return the relation of a field or element of an object: an object that holds a cursor may return that."""
        return MAYBE_PART if owner == MAYBE_PART and not self.resource(fact).is_lazy else None

    def _display(self, elements: list[ast.expr], fact: Fact) -> str | None:
        found = [(index, relation) for index, element in enumerate(elements) if (relation := self.holds(element, fact))]
        owning = [
            (index, relation)
            for index, relation in found
            if relation in {ITSELF, CONTAINER, CLOSER, CLOSE_METHOD} or item_index(relation) is not None
        ]
        if not owning:
            return container_of(relation for _, relation in found) if found else None
        exact = len(owning) == 1 and owning[0][1] == ITSELF and not any(isinstance(e, ast.Starred) for e in elements)
        return item(owning[0][0]) if exact else CONTAINER

    @staticmethod
    def _element(container: str | None, index: ast.expr) -> str | None:
        number = item_index(container) if container is not None else None
        if number is None:
            return content_of(container)
        match index:
            case ast.Constant(value=int(wanted)) if wanted >= 0:
                return ITSELF if wanted == number else None
        return ITSELF

    # -- calls

    def _call(self, event: cfg.Call, fact: Fact) -> Outcomes:
        call = event.node
        before = fact.drop_aliases([call])  # the result of the last round
        if (used := self._after_use(call.func, before)) is None:
            return [("raise", before)]
        fact = used
        effect = self.effects.of(call)
        if effect.sets:
            fact = self._after_assignment(
                [(field, value, self.holds(value, fact)) for field, value in effect.sets], call, fact
            )
            fact = fact.drop_aliases(value for _, value in effect.sets)
            return [("next", fact), ("raise", fact)]
        if fact.site is None:
            return [*self._after_acquire(call, effect, fact), ("next", fact), ("raise", fact)]
        done: Outcomes = []
        for path in fact.fields():
            if self.effects.touches(call, path.split(".")[1]):
                fact = fact.add_alias(LENT_FIELD, f"{path}.{LENT_FIELD}")
        for kind in ("next", "raise"):
            done += [(kind, after) for after in self._after_call(call, effect, fact, kind == "raise")]
        return done

    def _after_use(self, func: ast.expr, fact: Fact) -> Fact | None:
        """Return the fact after a method lookup, which proves its owner not None; return None if the owner is None."""
        path = method_owner(func)
        if path is None or path not in self.keys.keys:
            return fact
        known = assume(fact.known, path, FALSY | TRUTHY)
        return None if known is None else fact._replace(known=known)

    def _after_acquire(self, call: ast.Call, effect: CallEffect, fact: Fact) -> Outcomes:
        if call not in self.sites or (known := self._assume_acquired(call, effect, fact)) is None:
            return []
        relation = ITSELF if effect.summary.element is None else item(effect.summary.element)
        resource = self.sites[call]
        state: State = "closed" if resource.is_lazy or resource.opened_by else "open"
        return [("next", Fact(call, state, frozenset([(relation, call)]), known))]

    def _assume_acquired(self, call: ast.Call, effect: CallEffect, fact: Fact) -> Known | None:
        """Return the path conditions if a call opens a resource, and returns no argument; None if it never does."""
        known: Known | None = fact.known
        for given in effect.alternatives(call):
            mask = ANYTHING if given is None else self._argument_truthiness(given, fact)
            if not mask & TRUTHY:
                continue
            if not mask & (NONE | FALSY):
                return None
            self.doubtful.add(call)
            path = path_of(given) if given is not None else None
            if path is not None and path in self.keys.keys and known is not None:
                known = assume(known, path, NONE | FALSY)
        return known

    def _argument_truthiness(self, given: ast.expr, fact: Fact) -> int:
        if isinstance(given, (ast.Constant, ast.JoinedStr)):
            return NONE  # no connection
        return self._truthiness(given, fact)

    def _after_call(self, call: ast.Call, effect: CallEffect, fact: Fact, raised: bool) -> Iterable[Fact]:
        func = call.func
        if self.holds(func, fact) == CLOSE_METHOD:
            return [fact._replace(state="closed")]
        if effect.closing and call.args and (relation := self.holds(call.args[0], fact)):
            return [fact if raised else fact.add_alias(CLOSER if relation == ITSELF else relation, call)]
        owner = self.holds(func.value, fact) if isinstance(func, ast.Attribute) else None
        if isinstance(func, ast.Attribute) and owner is not None and not self._is_function(owner, func):
            if owner == ITSELF and effect.callees and not self.resource(fact).is_object:
                fates = effect.receiver_effects(self.resource(fact), raised)
                if ArgumentEffect.KEEPS not in fates:
                    awake = fact._replace(state="open") if self.resource(fact).is_lazy else fact
                    return self._apply_effects(call, fates, ITSELF, awake, raised)
            return [self._method(call, func.attr, owner, fact, raised)]
        called = self.holds(func, fact)
        if (method := bound_method(called)) is not None:
            return [self._method(call, method, ITSELF, fact, raised)]
        if called == PART and not raised:
            return [fact.add_alias(PART, call)]
        if isinstance(func, ast.Attribute) and (stack := self._stack(func.value)) and fact.relation_of(stack) == CLOSER:
            if func.attr in {"close", "aclose"}:
                return [fact._replace(state="closed")]
            if func.attr == "pop_all" and not raised:
                return [fact.drop_aliases([stack]).add_alias(CLOSER, call)]
        if isinstance(func, ast.Attribute) and func.attr in STACKING and self._is_given_resource(call, fact):
            return [self._push_on_stack(call, func, fact, raised)]
        if (
            isinstance(func, ast.Attribute)
            and func.attr in STACKING
            and not raised
            and self._is_given_reader(call, fact)
        ):
            fact = self._enter_in_stack(func, fact)
        if isinstance(func, ast.Attribute) and (kept := self._relation_after_insert(call, func.attr, fact)) is not None:
            if self._is_container(func.value):
                return [fact if raised else fact.put_in(kept, path_of(func.value) or func.value)]
            if kept == PARTS:
                return [fact if raised else fact.add_alias(PART, FOREIGN)]
        return self._arguments(call, effect, fact, raised)

    @staticmethod
    def _is_function(owner: str, func: ast.Attribute) -> bool:
        """Whether a method is one of a bound method itself, or of several: it does not belong to the resource."""
        return bound_method(owner) is not None and func.attr not in _TAKING_OUT | _COPYING

    def _method(self, call: ast.Call, method: str, owner: str, fact: Fact, raised: bool) -> Fact:
        """Return the fact after a method of the resource, of a part of it, or of its container."""
        resource = self.resource(fact)
        if owner in {ITSELF, CLOSER} and method in resource.rests_after:
            return fact._replace(state="closed")
        if owner == ITSELF and resource.is_lazy and method not in resource.rests_during:
            fact = fact._replace(state="open")
        if raised:
            return fact
        if owner == ITSELF and method in resource.opened_by:
            tells = resource.is_object and not self._is_statement(call)  # perhaps whether it has opened anything
            return fact._replace(state="escaped" if tells else "open")
        if owner == ITSELF and method in {*resource.gives_itself, "__enter__", "__aenter__"}:
            return fact.add_alias(ITSELF, call)
        if owner == ITSELF and resource.is_lazy and method == "begin":
            return fact.add_alias(CLOSER, call)  # a transaction: the session is idle after it
        if owner == ITSELF or owner in READERS:
            is_part = method in resource.parts
            is_data = method in _DATA or (method in _RUNS and not is_part) or (method in _ROWS and not resource.is_lazy)
            if method in GIVING_CURSORS or (is_data and reads_later(method, call)):
                return fact.add_alias(PARTS, call)
            return fact if is_data else fact.add_alias(PART if is_part else MAYBE_PART, call)
        if owner == CLOSER and method == "pop_all" and isinstance(call.func, ast.Attribute):
            stack = call.func.value
            return fact.drop_aliases([path_of(stack) or stack]).add_alias(CLOSER, call)
        if method in _TAKING_OUT and (inner := content_of(owner)) is not None:
            return fact.add_alias(inner, call)
        if method in _COPYING and (owner in {CONTAINER, PARTS} or bound_method(owner) is not None):
            return fact.add_alias(owner, call)
        return fact

    def _is_statement(self, call: ast.Call) -> bool:
        """Whether the result of a call is not used."""
        above = self.effects.file.parents.get(call)
        return self.effects.file.is_discarded(above if isinstance(above, ast.Await) else call)

    def _is_given_resource(self, call: ast.Call, fact: Fact) -> bool:
        return any(self.holds(arg, fact) in {ITSELF, CLOSER, CLOSE_METHOD} for arg in call.args)

    def _push_on_stack(self, call: ast.Call, func: ast.Attribute, fact: Fact, raised: bool) -> Fact:
        """Return the fact after `stack.enter_context(conn)` and the like: the stack closes it at its own end."""
        if raised:
            return fact
        relation = self.holds(call.args[0], fact)
        if func.attr in {"enter_context", "enter_async_context", "push", "push_async_exit"} and relation == ITSELF:
            leaving = self.resource(fact).leaving
            if not (leaving and leaving.closes):
                return self._enter_in_stack(func, fact).add_alias(ITSELF, call)
        stack = self._stack(func.value)
        after = fact.add_alias(ITSELF, call) if relation in {ITSELF, CLOSER} else fact
        return after.drop_aliases([stack]).add_alias(CLOSER, stack) if stack else after._replace(state="escaped")

    def _is_given_reader(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a stack gets an object that reads from the resource, or the `close` of one."""
        given = [arg.value if isinstance(arg, ast.Attribute) else arg for arg in call.args]
        return any(self.holds(each, fact) in READERS for each in given)

    def _enter_in_stack(self, func: ast.Attribute, fact: Fact) -> Fact:
        """Return the fact after a stack gets an object that it leaves at its own end: it must be open until then."""
        stack = self._stack(func.value)
        if stack is None:
            return fact.add_alias(PART, FOREIGN)
        return fact if fact.relation_of(stack) == CLOSER else fact.add_alias(PART, stack)

    def _stack(self, expr: ast.expr) -> Where | None:
        return self.names.stacks.get(expr.id) if isinstance(expr, ast.Name) else None

    def _relation_after_insert(self, call: ast.Call, method: str, fact: Fact) -> str | None:
        """Return the relation of a container after one of its methods has added an argument; None if there is none."""
        given = [self.holds(arg, fact) for arg in call.args]
        if method in _POURING_IN:
            given = [self._relation_after_copy(relation, fact) for relation in given]
        elif method not in _PUTTING_IN:
            return None
        kept = {relation for relation in (*given, *(self.holds(k.value, fact) for k in call.keywords)) if relation}
        return container_of(kept) if kept else None

    def _relation_after_copy(self, relation: str | None, fact: Fact) -> str | None:
        """Return the relation of a copy, or of an element, to the resource."""
        return self._read_out(relation, fact) if relation in READERS else content_of(relation)

    def _is_container(self, expr: ast.expr) -> bool:
        seen = self.names.captured | self.names.shared
        return isinstance(expr, ast.Name) and expr.id in self.names.containers and expr.id not in seen

    def _arguments(self, call: ast.Call, effect: CallEffect, fact: Fact, raised: bool) -> Iterable[Fact]:
        """Yield the facts after a call with the resource as an argument."""
        if (given := self._argument(call, fact)) is None:
            return [fact]
        position, keyword, relation = given
        if relation in {*READERS, PARTS} and self.effects.file.resolve(call.func) == "functools.partial":
            return [fact if raised else fact.add_alias(BOUND_METHOD, call)]  # it can be kept, and called, like a method
        if not raised and self._lives_on(call, relation, fact):
            fact = fact.add_alias(PART, FOREIGN)
        if effect.is_manager:
            return [fact if raised else self._after_manager(call, effect, given, fact)]
        if relation == ITSELF and self.resource(fact).is_lazy and effect.summary.may_raise:
            fact = fact._replace(state="open")
        fates = effect.argument_effects(position, keyword, self.resource(fact), relation, raised)
        if fates == BORROWS and (self._is_put_off(call, effect) or reads_later(last_name(call.func), call)):
            fates = READS
        if fates == KEEPS and relation == ITSELF and not raised:
            if fields := effect.keeping_fields(call, position, keyword, self.resource(fact)):
                return [fact._replace(aliases=fact.aliases | {(ITSELF, path) for path in fields})]
        return self._apply_effects(call, fates, relation, fact, raised)

    def _lives_on(self, call: ast.Call, relation: str, fact: Fact) -> bool:
        """Whether an argument that reads from the resource may use it after this function has ended."""
        file = self.effects.file
        if makes_runner(file, call) or (relation in {*READERS, PARTS} and begins(file, call)):
            return True
        effect = self.effects.of(call)
        if not effect.callees and effect.summary.rest.normal == BORROWS:
            return False
        return any(self.holds(each, fact) in READERS for each in passed_objects(file, call))

    def _after_manager(
        self, call: ast.Call, effect: CallEffect, given: tuple[int | None, str | None, str], fact: Fact
    ) -> Fact:
        """Return the fact after a resource is passed to a context manager of the project, which is entered at once."""
        fates = effect.argument_effects(*given[:2], self.resource(fact), given[2], raised=False)
        is_entered = isinstance(self.effects.file.parents.get(call), ast.withitem)
        if len(fates) != 1 or not is_entered or (fates == CLOSES and given[2] != ITSELF):
            return fact._replace(state="escaped")
        match next(iter(fates)):
            case ArgumentEffect.BORROWS:
                relation = None
            case ArgumentEffect.CLOSES:
                relation = CLOSER
            case ArgumentEffect.READS:
                relation = MAYBE_PART
            case ArgumentEffect.RETURNS:
                relation = given[2]
            case _:
                return fact._replace(state="escaped")
        awake = fact._replace(state="open") if self.resource(fact).is_lazy else fact
        return awake.add_alias(relation, call) if relation is not None else awake

    def _is_put_off(self, call: ast.Call, effect: CallEffect) -> bool:
        """Whether a call only makes a coroutine that is returned, stored, or run concurrently."""
        if not any(isinstance(each.node, ast.AsyncFunctionDef) for each in effect.definitions):
            return False
        match self.effects.file.parents.get(call):
            case ast.Call(func=func):
                return last_name(func) in BEGINNING
            case ast.Await() | ast.Expr() | ast.keyword() | ast.Starred():
                return False
        return True

    def _argument(self, call: ast.Call, fact: Fact) -> tuple[int | None, str | None, str] | None:
        """Return the argument that is the resource, and its relation: itself, before a method or a part of it."""
        given = [
            *(
                (position, None, relation)
                for position, arg in enumerate(call.args)
                if (relation := self.holds(arg, fact))
            ),
            *((None, k.arg, relation) for k in call.keywords if (relation := self.holds(k.value, fact))),
        ]
        return min(given, key=lambda each: (each[2] in {*READERS, PARTS}, is_view(each[2])), default=None)

    def closes_argument(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a call closes the resource that is its argument, whenever it returns."""
        given = self._argument(call, fact)
        if (
            given is None
            or given[2] != ITSELF
            or (isinstance(call.func, ast.Attribute) and self.holds(call.func.value, fact))
        ):
            return False
        return self.effects.of(call).argument_effects(*given[:2], self.resource(fact), ITSELF, raised=False) == CLOSES

    def _apply_effects(
        self, call: ast.Call, fates: ArgumentEffects, relation: str, fact: Fact, raised: bool
    ) -> Iterator[Fact]:
        method = bound_method(relation)
        if method and fates == KEEPS and isinstance(self.effects.file.parents.get(call), ast.Await):
            fates = READS if last_name(call.func) in RUNNING_AWAITED else fates
        for fate in sorted(fates, key=lambda fate: fate.value):
            if fate is ArgumentEffect.BORROWS:
                yield fact
            elif fate is ArgumentEffect.CLOSES:
                yield fact if is_view(relation) else fact._replace(state="closed")
            elif fate is ArgumentEffect.RETURNS:
                yield fact if raised else fact.add_alias(relation, call)
            elif fate is ArgumentEffect.GATHERS:
                lives = self._relation_in_new_container(relation, fact)
                yield fact.add_alias(lives, call) if lives and not raised else fact
            elif fate is ArgumentEffect.HOLDS and (relation in {ITSELF, *READERS} or method is not None):
                yield fact if raised else fact.add_alias(container_of([relation]), call)
            elif fate is ArgumentEffect.HOLDS_PARTS:
                yield fact if raised else fact.add_alias(PARTS, call)
            elif relation in {*READERS, PARTS} or fate is ArgumentEffect.READS:
                effect = self.effects.of(call)
                is_known = fate is ArgumentEffect.READS and not effect.definitions
                if fate is ArgumentEffect.KEEPS and effect.definitions and effect.complete and not raised:
                    fact = fact.add_alias(PART, FOREIGN)  # an unknown function is taken to keep no cursor
                several = relation in {PARTS, BOUND_METHOD} or (
                    method and method not in _DATA and last_name(call.func) in APPLYING
                )
                yield fact if raised else fact.add_alias(PARTS if several else PART if is_known else MAYBE_PART, call)
            else:
                yield fact._replace(state="escaped")

    def _relation_in_new_container(self, relation: str, fact: Fact) -> str | None:
        """Return the relation of a new container of the elements of an object, which `list(found)` makes."""
        if relation in {PARTS, BOUND_METHOD}:
            return relation
        if relation == CONTAINER or item_index(relation) is not None:
            return CONTAINER
        return MAYBE_PART if self._read_out(relation, fact) in READERS else None

    # -- names

    def _bind(self, event: cfg.Bind, fact: Fact) -> Outcomes:
        value = event.value
        if isinstance(event.node, ast.AugAssign):
            added = self.holds(event.node.value, fact)
            is_own = self._is_container(event.target)
            if added in READERS or (added is None and is_own):
                return [("next", fact)]  # rows, or a number
            if added is not None and is_own:
                return [("next", fact.put_in(added, path_of(event.target) or event.target))]
            if added is not None:  # the list may be the caller's
                return [("next", fact.add_alias(PART, FOREIGN) if is_view(added) else fact._replace(state="escaped"))]
        if value is None and isinstance(event.node, (ast.For, ast.AsyncFor, ast.comprehension)):
            is_past = fact.state == "closed" and fact.relation_of(event.node) and not self.resource(fact).is_lazy
            each = None if is_past else content_of(self.holds(event.node.iter, fact))
            targets = single_targets(event.target) if is_view(each) else [event.target]
            pairs: list[_Pair] = [(target, None, each) for target in targets]
        else:
            pairs = list(self._pairs(event.target, value, fact))
        gone: list[Where] = []
        last = not isinstance(event.node, ast.Assign) or event.target is event.node.targets[-1]
        if last and isinstance(value, ast.AST):
            gone = [value, value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value]
        return [
            ("next", self._after_assignment(pairs, event.node, each).drop_aliases(gone))
            for each in self._split_by_conditions(pairs, fact)
        ]

    def _split_by_conditions(self, pairs: Sequence[_Pair], fact: Fact) -> list[Fact]:
        """Split a fact before conditions are assigned to variables: one for each result, with its path conditions."""
        answers = [fact.known]
        for target, value, _how in pairs:
            if value is None or path_of(target) not in self.keys.keys:
                continue
            if is_condition(value):
                answers = [known for before in answers for _, known in self._truths(value, fact._replace(known=before))]
            elif (source := path_of(value)) in self.keys.objects and source in self.keys.keys:
                both = [self.keys.assume(before, source, mask) for before in answers for mask in (NONE, TRUTHY)]
                answers = [known for known in both if known is not None]
        return [fact if known is fact.known else fact._replace(known=known) for known in dict.fromkeys(answers)]

    def _after_assignment(self, pairs: Sequence[_Pair], node: ast.AST, fact: Fact) -> Fact:
        """Return the fact after all of these are assigned at once."""
        masks = [self._truthiness(value, fact) for _, value, _ in pairs]
        after = fact
        for target, value, _ in pairs:
            if (path := path_of(target)) is not None:
                dropped = isinstance(value, ast.Constant)  # `conn = None`: no other value takes its place
                after = self._before_rebinding(path, after, node, dropped=dropped)
        for (target, _, relation), mask in zip(pairs, masks, strict=True):
            after = self._bind_target(target, relation, mask, after)
        return after

    def _truthiness(self, value: ast.expr | None, fact: Fact) -> int:
        """Return the possible truth values of an assigned value."""
        if is_condition(value):
            truths_ = {truth for truth, _ in self._truths(value, fact)}
            return (TRUTHY if True in truths_ else 0) | (FALSY if False in truths_ else 0)
        return truthiness(value and self._value_of_target(value), fact.known, self.sure)

    def _pairs(self, target: ast.expr, value: ast.expr | None, fact: Fact) -> Iterator[_Pair]:
        """Yield each single target of an assignment, its value if there is one, and the relation of that."""
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for each, part in zip(target.elts, value.elts, strict=True):
                    yield from self._pairs(each, part, fact)
                return
            relation = self.holds(value, fact)
            index = item_index(relation) if relation else None
            for number, each in enumerate(target.elts):
                if index is None or number == index:
                    taken = content_of(relation) or self._within(relation, fact)
                else:
                    taken = MAYBE_PART  # `return conn, conn.cursor()`
                yield (each.value if isinstance(each, ast.Starred) else each), None, taken
            return
        yield target, value, self.holds(value, fact)

    def _before_rebinding(self, path: str, fact: Fact, node: ast.AST, *, dropped: bool) -> Fact:
        """Return the fact before this node assigns another value to a variable or field."""
        if fact.relation_of(f"{path}.{LENT_FIELD}"):
            return fact._replace(state="escaped")
        after = fact.forget_path(path)
        if fact.lost and fact.state == "open" and fact.relation_of(path) == ITSELF and not _reachable(after):
            self.given_up.add(fact.site)  # type: ignore[arg-type]
            return fact._replace(state="escaped")
        if (
            after is not fact
            and fact.state == "open"
            and fact.relation_of(path) == ITSELF
            and not (dropped or _reachable(after))
        ):
            self.replaced[fact.site, node] = None  # type: ignore[index]
        return after._replace(known=self.keys.invalidate(after.known, path)) if after.known else after

    def _bind_target(self, target: ast.expr, relation: str | None, mask: int, fact: Fact) -> Fact:
        path = path_of(target)
        if relation is not None:
            mask = TRUTHY if relation == ITSELF else ANYTHING
            fact = self._store(target, path, relation, fact)
        if path is not None and mask != ANYTHING and path in self.keys.keys:
            known = assume(fact.known, path, mask)
            fact = fact._replace(known=known) if known is not None else fact
        return fact

    def _store(self, target: ast.expr, path: str | None, relation: str, fact: Fact) -> Fact:
        if path is None:
            container = target.value if isinstance(target, ast.Subscript) else None
            if container is not None and self._is_container(container):
                return fact.put_in(relation, path_of(container) or container)
            return fact.add_alias(PART, FOREIGN) if relation in {*READERS, PARTS} else fact._replace(state="escaped")
        root, _, rest = path.partition(".")
        if rest:
            if root in self.names.owners:
                fact = fact.add_alias(relation, path)
                is_lent = rest.partition(".")[0] in self.names.inner_fields
                return fact.add_alias(LENT_FIELD, f"{path}.{LENT_FIELD}") if is_lent else fact
            is_own = (
                bound_method(relation) is not None and fact.relation_of(root) == ITSELF
            )  # `conn.row_factory = conn.factory`
            return fact if is_own else fact._replace(state="escaped")
        if root in self.names.shared or root in self.names.captured:
            return fact._replace(state="escaped")
        return fact.add_alias(relation, path)

    def _attempt(self, event: cfg.Attempt, fact: Fact) -> Outcomes:
        """Enter the handlers that no known exception enters: only to see what they open themselves.

        Whether an open resource is still open there depends on where the exception came from, as do the conditions.
        """
        if fact.site is not None:
            return [("next", fact)]
        return [("next", fact), ("raise", fact._replace(known=frozenset()))]

    def _catch(self, event: cfg.Catch, fact: Fact) -> Outcomes:
        return [("next", fact.forget_path(event.node.name) if event.node.name else fact)]

    def _delete(self, event: cfg.Delete, fact: Fact) -> Outcomes:
        for target in event.node.targets:
            if path := path_of(target):
                fact = fact.forget_path(path)
        return [("next", fact)]

    def _choose(self, event: cfg.Choose, fact: Fact) -> Outcomes:
        relation = self.holds(event.part, fact)
        fact = fact.drop_aliases([event.node])
        return [("next", fact.drop_aliases([event.part]).add_alias(relation, event.node) if relation else fact)]

    def _collect(self, event: cfg.Collect, fact: Fact) -> Outcomes:
        relation = next((relation for each in event.elements if (relation := self.holds(each, fact))), None)
        if relation is None:
            return [("next", fact)]
        return [("next", fact.drop_aliases(event.elements).add_alias(container_of([relation]), event.node))]

    def _await(self, event: cfg.Await, fact: Fact) -> Outcomes:
        value = event.node.value
        if fact.aliases == {(ITSELF, value)}:
            return [("next", fact)]  # it raises instead of returning: never opened
        return [("next", fact), ("raise", fact)]

    def _discard(self, event: cfg.Discard, fact: Fact) -> Outcomes:
        value = event.node.value
        inner = value.value if isinstance(value, ast.Await) else value
        return [("next", fact.drop_aliases([value, inner]))]

    def _iterate(self, event: cfg.Iterate, fact: Fact) -> Outcomes:
        loop = event.node
        relation = self.holds(loop.iter, fact)
        holds_it = fact.state == "open" and (relation == CONTAINER or item_index(relation or "") is not None)
        inside = fact.add_alias(VISITED, loop) if holds_it else fact
        inside = inside._replace(known=self.keys.in_round(loop, inside.known))
        known = self.keys.at_end(loop, fact.known)
        if known is None or (holds_it and not fact.relation_of(loop)):
            return [("true", inside), ("raise", fact)]  # all elements are visited before the loop ends
        return [("true", inside), ("raise", fact), ("false", fact.drop_aliases([loop])._replace(known=known))]

    # -- tests

    def _test(self, event: cfg.Test, fact: Fact) -> Outcomes:
        return [
            ("true" if truth else "false", fact if known is fact.known else fact._replace(known=known))
            for truth, known in self._truths(event.node, fact)
        ]

    def _truths(self, test: ast.expr, fact: Fact) -> list[Truth]:
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

    def _decide(self, test: ast.expr, fact: Fact) -> bool | None:
        """Return the only possible truth of a condition about the resource itself; None if it may be either."""
        if fact.site is None:
            return None
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
        return fact.state == "open" and self._is_container(expr) and self.holds(expr, fact) == CONTAINER

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
        """Return the answer of `conn.is_connected()`, `conn.open`, `conn.closed`."""
        asked = expr.func if isinstance(expr, ast.Call) else expr
        if isinstance(asked, ast.Attribute) and self.holds(asked.value, fact) == ITSELF:
            resource = self.resource(fact)
            if asked.attr in resource.open_if:
                return fact.state == "open"
            if asked.attr in resource.closed_if:
                return fact.state != "open"
        return None

    def _case(self, event: cfg.Case, fact: Fact) -> Outcomes:
        pattern, subject = event.node.pattern, event.subject
        is_none = isinstance(pattern, ast.MatchSingleton) and pattern.value is None
        relation = self.holds(subject, fact)
        if relation is not None:
            if is_none:
                return [("false", fact)]
            return [("true", self._bind_capture(pattern, relation, fact)), ("false", fact)]
        path = path_of(subject)
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

    # -- with

    def _enter(self, event: cfg.Enter, fact: Fact) -> Outcomes:
        item_, name = event.node, event.node.optional_vars
        relation = self.holds(item_.context_expr, fact)
        fact = failed = fact.drop_aliases([item_.context_expr, _unwrap(item_.context_expr)])
        path = path_of(name) if name is not None else None
        if path is not None:
            fact = fact.forget_path(path)
            fact = fact._replace(known=self.keys.invalidate(fact.known, path)) if fact.known else fact
        gives = relation if relation in READERS else None
        if relation == ITSELF and self._is_own_manager(item_.context_expr):
            gives = ITSELF
        elif relation in {ITSELF, CLOSER}:
            leaving = self._exit_effect(item_, fact)
            fact = fact.add_alias(relation, item_)
            gives = PART if relation == ITSELF and leaving is not None and leaving.binds == "cursor" else ITSELF
        if name is not None:
            fact = self._bind_target(
                name, gives, truthiness(self._value_of_target(item_.context_expr), fact.known, self.sure), fact
            )
        if event.is_async and (relation in {ITSELF, CLOSER} or _unwrap(item_.context_expr) is fact.site):
            return [("next", fact)]  # only the opening itself raises; an open resource enters itself
        return [("next", fact), ("raise", failed)]

    def _is_own_manager(self, expr: ast.expr) -> bool:
        """Whether a `with` enters a context manager of the project that leaves its argument open."""
        return isinstance(expr, ast.Call) and self.effects.of(expr).is_manager

    def _value_of_target(self, expr: ast.expr) -> ast.expr:
        """Return the value of `as`: for `closing`, its argument, and for a stack the object that it enters."""
        match expr:
            case ast.Call(func=ast.Attribute(attr="enter_context" | "enter_async_context"), args=[given]):
                return self._value_of_target(given)
            case ast.Call(args=[given]) if self.effects.of(expr).closing:
                return given
        return expr

    def _leave(self, event: cfg.Leave, fact: Fact) -> Outcomes:
        if self.is_closed_by(event.node, fact):
            fact = fact._replace(state="closed")
        fact = fact.drop_aliases([event.node])
        return [("next", fact), ("raise", fact)]

    def is_closed_by(self, item_: ast.withitem, fact: Fact) -> bool:
        """Whether leaving this `with` closes the resource."""
        relation = fact.relation_of(item_)
        if relation not in {ITSELF, CLOSER} or fact.site is None:
            return False
        leaving = self._exit_effect(item_, fact)
        return relation == CLOSER or leaving is None or leaving.closes

    def _exit_effect(self, item_: ast.withitem, fact: Fact) -> Leaving | None:
        return self.effects.leaving(item_, self.resource(fact))

    # -- ways out

    def _define(self, event: cfg.Define, fact: Fact) -> Outcomes:
        """Return the facts after a function definition: the function holds the values of its defaults."""
        if not isinstance(event.node, ast.ClassDef):
            defaults = [*event.node.args.defaults, *event.node.args.kw_defaults]
            if any(self.holds(default, fact) for default in defaults):
                return [("next", fact._replace(state="escaped"))]
        return [("next", fact)]

    def _return(self, event: cfg.Return, fact: Fact) -> Outcomes:
        relation = self.holds(event.node.value, fact)
        fact = fact.drop_aliases([RETURN])
        return [("next", fact.add_alias(relation, RETURN) if relation else fact)]

    def _end(self, event: cfg.End, fact: Fact) -> Outcomes:
        return [("next", fact.drop_aliases([RETURN]))]

    def _yield(self, event: cfg.Yield, fact: Fact) -> Outcomes:
        relation = self.holds(event.node.value, fact)
        if relation in {ITSELF, CONTAINER} or (relation and item_index(relation) is not None):
            if not self.names.lends:
                fact = fact._replace(state="escaped")
            elif self.resource(fact).is_lazy:
                fact = fact._replace(state="open")
        elif relation in {CLOSER, CLOSE_METHOD} or (bound_method(relation) is not None and not self.names.lends):
            fact = fact._replace(state="escaped")
        return [("next", fact), ("raise", fact)]


# Not in the object: a reference to itself would keep it until a garbage collection, and the program runs none.
_STEPS: dict[type, Callable[..., Outcomes]] = {
    cfg.Call: Transfer._call,
    cfg.Bind: Transfer._bind,
    cfg.Test: Transfer._test,
    cfg.Case: Transfer._case,
    cfg.Enter: Transfer._enter,
    cfg.Leave: Transfer._leave,
    cfg.Return: Transfer._return,
    cfg.End: Transfer._end,
    cfg.Yield: Transfer._yield,
    cfg.Choose: Transfer._choose,
    cfg.Collect: Transfer._collect,
    cfg.Attempt: Transfer._attempt,
    cfg.Catch: Transfer._catch,
    cfg.Delete: Transfer._delete,
    cfg.Iterate: Transfer._iterate,
    cfg.Await: Transfer._await,
    cfg.Discard: Transfer._discard,
    cfg.Define: Transfer._define,
}


def _terms(expr: ast.expr) -> list[ast.expr]:
    """Return the terms of a sum, in no order."""
    found, todo = [], [expr]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.BinOp):
            todo += (part.left, part.right)
        else:
            found.append(part)
    return found


def single_targets(target: ast.expr) -> Iterator[ast.expr]:
    """Yield the single targets of an assignment or a loop."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from single_targets(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


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


def _unwrap(expr: ast.expr) -> ast.expr:
    return expr.value if isinstance(expr, (ast.Await, ast.NamedExpr)) else expr


def _reachable(fact: Fact) -> bool:
    return any(
        relation in {ITSELF, CONTAINER, CLOSER} or item_index(relation) is not None for relation, _ in fact.aliases
    )
