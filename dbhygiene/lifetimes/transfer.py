"""What becomes of a resource at each node: opened, named, closed, handed on.

Whatever is not understood lets the resource escape, and an escaped one is followed no further.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from dbhygiene.flow import cfg
from dbhygiene.flow.cfg import Kind, Node
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
from dbhygiene.library.resources import BORROWS, CLOSES, KEEPS, READS, Does, Fates, Leaving, Resource
from dbhygiene.lifetimes.effects import Effect, Effects
from dbhygiene.lifetimes.heap import (
    BOUND,
    CLOSE,
    CLOSER,
    ELSEWHERE,
    FOUND,
    IN,
    IS,
    LENT,
    PART,
    PARTS,
    READERS,
    RETURN,
    Fact,
    Site,
    State,
    Where,
    container_of,
    content_of,
    item,
    item_index,
    method_bound,
    path_of,
    uses,
)
from dbhygiene.lifetimes.knowledge import (
    ANYTHING,
    FALSY,
    NONE,
    TRUTHY,
    Keys,
    Known,
    Truth,
    is_test,
    learn,
    method_owner,
    truths,
    worth,
)
from dbhygiene.source import last_name

Outcomes: TypeAlias = "list[tuple[Kind, Fact]]"
_Pair: TypeAlias = "tuple[ast.expr, ast.expr | None, str | None]"  # target, value, and how that holds the resource

_DATA = frozenset(
    """
    fetchone fetchall fetchmany fetch fetchrow fetchval rowcount lastrowid description close commit rollback ping
    fetchdf fetch_df df pl fetchnumpy fetch_arrow_table fetch_arrow_all fetch_pandas_all execute_fetchall
    """.split()
)
_ROWS = frozenset("first one one_or_none all scalar scalar_one scalar_one_or_none".split())  # of SQLAlchemy's results
_RUNS = frozenset({"execute", "executemany", "callproc"})  # on some drivers, these give the cursor back
_TO_CONNECTION = frozenset({"connection", "conn", "_connection"})  # a cursor's way back
_TAKING_OUT = frozenset({"pop", "popleft", "popitem", "get", "get_nowait", "__getitem__"})
_COPYING = frozenset({"values", "items", "copy", "keys"})
_POURING_IN = frozenset({"extend", "extendleft", "update"})
_PUTTING_IN = frozenset({"append", "add", "appendleft", "insert", "setdefault", "put", "put_nowait"})


class Names:
    """What the names of one function are: its own, or somebody else's too."""

    def __init__(
        self,
        *,
        shared: Iterable[str] = (),
        captured: Iterable[str] = (),
        containers: Iterable[str] = (),
        inner_fields: Iterable[str] = (),
        stacks: Mapping[str, Where] | None = None,
        lends: bool = False,
    ) -> None:
        self.shared = frozenset(shared)  # declared global or nonlocal
        self.captured = frozenset(captured)  # seen by a function within
        self.inner_fields = frozenset(inner_fields)  # of anything, spoken of by a function within
        self.containers = frozenset(containers)  # only ever bound to a new list, dict or set of this function's
        self.stacks = stacks or {}  # names of ExitStacks of this function's -> what stands for them
        self.lends = lends  # what this generator yields, it takes back


class Transfer:
    """The step of the analysis of one function: a fact before a node -> the facts on the edges out of it."""

    def __init__(
        self,
        effects: Effects,
        sites: Mapping[Site, Resource],
        names: Names,
        keys: Keys,
        recovering: Collection[ast.ExceptHandler] = (),
    ) -> None:
        self.effects, self.sites, self.names, self.keys = effects, sites, names, keys
        self.recovering = recovering  # the handlers that may be there for a connection that is lost
        self.sure = {call for call in sites if isinstance(call, ast.Call) and effects.of(call).summary.is_sure}
        self.escaped: dict[Site, Node] = {}  # and where, as seen first
        self.doubtful: set[Site] = set()  # what may be opened there, or be what the call was given
        self.replaced: dict[tuple[Site, ast.AST], None] = {}  # in the order found
        self.given_up: set[ast.AST] = set()  # where it is replaced since it is lost, or may be

    def __call__(self, node: Node, fact: Fact) -> Iterator[tuple[Kind, Fact]]:
        step = _STEPS.get(type(node.act))
        outcomes = step(self, node.act, fact) if step else [(kind, fact) for kind in ("next", "true", "false", "raise")]
        for kind, after in outcomes:
            if after.state == "escaped":
                if after.site is not None:
                    self.escaped.setdefault(after.site, node)
                continue
            known = self.keys.after(node, after.known)
            thrown = after.thrown or (kind == "raise" and after.site is not None)
            lost = self._is_lost(node.act, kind, after) if self.recovering and after.site is not None else False
            if known is not after.known or thrown != after.thrown or lost != after.lost:
                after = after._replace(known=known, thrown=thrown, lost=lost)
            yield kind, after

    def _is_lost(self, act: cfg.Act, kind: Kind, fact: Fact) -> bool:
        """Whether the resource may be dead: what was asked of it last has failed, and is handled as if it were."""
        match act:
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
        on_it = self._is_asked(asked, fact)
        return on_it if kind == "raise" else fact.lost and not on_it

    def _is_asked(self, expr: ast.expr, fact: Fact) -> bool:
        """Whether an expression is a question to the resource: a method of it or of a cursor, a call given one."""
        if not isinstance(expr, ast.Call):
            return self.holds(expr, fact) in {IS, PART}
        func = expr.func
        owner = [func.value] if isinstance(func, ast.Attribute) else []
        if any(
            self.holds(part, fact) in {IS, PART} for part in (*owner, *expr.args, *(w.value for w in expr.keywords))
        ):
            return True
        return bool(fact.fields()) and any(path_of(each) == "self" for each in owner)

    def resource(self, fact: Fact) -> Resource:
        assert fact.site is not None
        return self.sites[fact.site]

    # -- what an expression holds

    def holds(self, expr: ast.AST | None, fact: Fact) -> str | None:
        """How the value of an evaluated expression is related to the resource; None: not at all."""
        if expr is None or not fact.aliases:
            return None
        if (how := fact.how(expr)) is not None:
            return how
        match expr:
            case ast.Name(id=name):
                return fact.how(name)
            case ast.Attribute(value=value, attr=attr):
                path = path_of(expr)
                if path is not None and (how := fact.how(path)) is not None:
                    return how
                return self._member(self.holds(value, fact), attr, fact)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                return self.holds(value, fact)
            case ast.Starred(value=value):
                return self._read_out(self.holds(value, fact), fact)
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return self._display(elements, fact)
            case ast.Dict(values=values):
                found = {how for value in values if (how := self.holds(value, fact))}
                return container_of(found) if found else None
            case ast.GeneratorExp():  # which is run later, on all that it speaks of
                return PART if any(fact.how(path_of(part) or part) for part in ast.walk(expr)) else None
            case ast.Subscript(value=value, slice=index):
                return self._element(self.holds(value, fact), index)
            case ast.BinOp():  # of containers, as far as a resource is concerned
                inside = {how for term in _terms(expr) if (how := content_of(self.holds(term, fact)))}
                return container_of(inside) if inside else None
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(attr)), *_]):
                return self._member(self.holds(owner, fact), attr, fact)
        return None

    def _read_out(self, how: str | None, fact: Fact) -> str | None:
        """How all that can be read from something relates to the resource: rows are data, a session's objects not."""
        return None if how in READERS and not self.resource(fact).is_lazy else how

    def _member(self, owner: str | None, attr: str, fact: Fact) -> str | None:
        if owner == IS and attr in self.resource(fact).closed_by:
            return CLOSE
        if owner == CLOSER and attr == "close":
            return CLOSE
        if owner in READERS and attr in _TO_CONNECTION:
            return IS
        handed = attr in READING if owner in READERS else owner == IS and attr not in PLAIN
        return BOUND + attr if handed else None

    def _display(self, elements: list[ast.expr], fact: Fact) -> str | None:
        found = [(index, how) for index, element in enumerate(elements) if (how := self.holds(element, fact))]
        owning = [(index, how) for index, how in found if how in {IS, IN, CLOSER, CLOSE} or item_index(how) is not None]
        if not owning:
            return container_of(how for _, how in found) if found else None
        exact = len(owning) == 1 and owning[0][1] == IS and not any(isinstance(e, ast.Starred) for e in elements)
        return item(owning[0][0]) if exact else IN

    @staticmethod
    def _element(container: str | None, index: ast.expr) -> str | None:
        number = item_index(container) if container is not None else None
        if number is None:
            return content_of(container)
        match index:
            case ast.Constant(value=int(wanted)) if wanted >= 0:
                return IS if wanted == number else None
        return IS

    # -- calls

    def _call(self, act: cfg.Call, fact: Fact) -> Outcomes:
        call = act.node
        before = fact.without([call])  # the one of the last round
        if (used := self._used(call.func, before)) is None:
            return [("raise", before)]
        fact = used
        effect = self.effects.of(call)
        if effect.sets:
            fact = self._assigned([(field, value, self.holds(value, fact)) for field, value in effect.sets], call, fact)
            fact = fact.without(value for _, value in effect.sets)
            return [("next", fact), ("raise", fact)]
        if fact.site is None:
            return [*self._born(call, effect, fact), ("next", fact), ("raise", fact)]
        done: Outcomes = []
        for path in fact.fields():
            if self.effects.touches(call, path.split(".")[1]):
                fact = fact.with_(LENT, f"{path}.{LENT}")
        for kind in ("next", "raise"):
            done += [(kind, after) for after in self._called(call, effect, fact, kind == "raise")]
        return done

    def _used(self, func: ast.expr, fact: Fact) -> Fact | None:
        """After a look at a method of something: that is not None. None where it is, and so has no method."""
        path = method_owner(func)
        if path is None or path not in self.keys.keys:
            return fact
        known = learn(fact.known, path, FALSY | TRUTHY)
        return None if known is None else fact._replace(known=known)

    def _born(self, call: ast.Call, effect: Effect, fact: Fact) -> Outcomes:
        if call not in self.sites or (known := self._opened_anew(call, effect, fact)) is None:
            return []
        how = IS if effect.summary.element is None else item(effect.summary.element)
        resource = self.sites[call]
        state: State = "closed" if resource.is_lazy or resource.opened_by else "open"
        return [("next", Fact(call, state, frozenset([(how, call)]), known))]

    def _opened_anew(self, call: ast.Call, effect: Effect, fact: Fact) -> Known | None:
        """What is known where a call opens something, and does not give back what it is given; None: it never does."""
        known: Known | None = fact.known
        for given in effect.alternatives(call):
            mask = ANYTHING if given is None else self._given_worth(given, fact)
            if not mask & TRUTHY:
                continue
            if not mask & (NONE | FALSY):
                return None
            self.doubtful.add(call)
            path = path_of(given) if given is not None else None
            if path is not None and path in self.keys.keys and known is not None:
                known = learn(known, path, NONE | FALSY)
        return known

    def _given_worth(self, given: ast.expr, fact: Fact) -> int:
        if isinstance(given, (ast.Constant, ast.JoinedStr)):
            return NONE  # no connection
        return self._worth(given, fact)

    def _called(self, call: ast.Call, effect: Effect, fact: Fact, raised: bool) -> Iterable[Fact]:
        func = call.func
        if self.holds(func, fact) == CLOSE:
            return [fact._replace(state="closed")]
        if effect.closing and call.args and (how := self.holds(call.args[0], fact)):
            return [fact if raised else fact.with_(CLOSER if how == IS else how, call)]
        owner = self.holds(func.value, fact) if isinstance(func, ast.Attribute) else None
        if isinstance(func, ast.Attribute) and owner is not None and not self._is_function(owner, func):
            return [self._method(call, func.attr, owner, fact, raised)]
        called = self.holds(func, fact)
        if (method := method_bound(called)) is not None:
            return [self._method(call, method, IS, fact, raised)]
        if called == PART and not raised:
            return [fact.with_(PART, call)]
        if isinstance(func, ast.Attribute) and (stack := self._stack(func.value)) and fact.how(stack) == CLOSER:
            if func.attr in {"close", "aclose"}:
                return [fact._replace(state="closed")]
            if func.attr == "pop_all" and not raised:
                return [fact.without([stack]).with_(CLOSER, call)]
        if isinstance(func, ast.Attribute) and func.attr in STACKING and self._given(call, fact):
            return [self._stacked(call, func, fact, raised)]
        if isinstance(func, ast.Attribute) and (kept := self._put_in(call, func.attr, fact)) is not None:
            if self._is_container(func.value):
                return [fact if raised else fact.with_(kept, path_of(func.value) or func.value)]
            if kept == PARTS:
                return [fact if raised else fact.with_(PART, ELSEWHERE)]
        return self._arguments(call, effect, fact, raised)

    @staticmethod
    def _is_function(owner: str, func: ast.Attribute) -> bool:
        """Whether a method is one of a bound method itself, or of several: of nothing that belongs to the resource."""
        return method_bound(owner) is not None and func.attr not in _TAKING_OUT | _COPYING

    def _method(self, call: ast.Call, method: str, owner: str, fact: Fact, raised: bool) -> Fact:
        """A method of the resource, of a part of it, or of what holds it."""
        resource = self.resource(fact)
        if owner in {IS, CLOSER} and method in resource.rests_after:
            return fact._replace(state="closed")
        if owner == IS and resource.is_lazy and method not in resource.rests_during:
            fact = fact._replace(state="open")
        if raised:
            return fact
        if owner == IS and method in resource.opened_by:
            return fact._replace(state="open")
        if owner == IS and method in resource.gives_itself:
            return fact.with_(IS, call)
        if owner == IS and resource.is_lazy and method == "begin":
            return fact.with_(CLOSER, call)  # a transaction: the session rests after it
        if owner == IS or owner in READERS:
            is_part = method in resource.parts
            is_data = method in _DATA or (method in _RUNS and not is_part) or (method in _ROWS and not resource.is_lazy)
            if method in GIVING_CURSORS or (is_data and reads_later(method, call)):
                return fact.with_(PARTS, call)
            return fact if is_data else fact.with_(PART if is_part else FOUND, call)
        if owner == CLOSER and method == "pop_all" and isinstance(call.func, ast.Attribute):
            stack = call.func.value
            return fact.without([path_of(stack) or stack]).with_(CLOSER, call)
        if method in _TAKING_OUT and (inner := content_of(owner)) is not None:
            return fact.with_(inner, call)
        if method in _COPYING and (owner in {IN, PARTS} or method_bound(owner) is not None):
            return fact.with_(owner, call)
        return fact

    def _given(self, call: ast.Call, fact: Fact) -> bool:
        return any(self.holds(arg, fact) in {IS, CLOSER, CLOSE} for arg in call.args)

    def _stacked(self, call: ast.Call, func: ast.Attribute, fact: Fact, raised: bool) -> Fact:
        """`stack.enter_context(conn)` and the like: the stack closes it, when it is left itself."""
        if raised:
            return fact
        how = self.holds(call.args[0], fact)
        if func.attr in {"enter_context", "enter_async_context", "push", "push_async_exit"} and how == IS:
            leaving = self.resource(fact).leaving
            if not (leaving and leaving.closes):
                return fact.with_(IS, call)
        stack = self._stack(func.value)
        after = fact.with_(IS, call) if how in {IS, CLOSER} else fact
        return after.with_(CLOSER, stack) if stack else after._replace(state="escaped")

    def _stack(self, expr: ast.expr) -> Where | None:
        return self.names.stacks.get(expr.id) if isinstance(expr, ast.Name) else None

    def _put_in(self, call: ast.Call, method: str, fact: Fact) -> str | None:
        """How a container relates to the resource for what one of its methods puts in; None: not at all."""
        given = [self.holds(arg, fact) for arg in call.args]
        if method in _POURING_IN:
            given = [self._poured(how, fact) for how in given]
        elif method not in _PUTTING_IN:
            return None
        kept = {how for how in (*given, *(self.holds(k.value, fact) for k in call.keywords)) if how}
        return container_of(kept) if kept else None

    def _poured(self, how: str | None, fact: Fact) -> str | None:
        """How what comes out of something relates to the resource."""
        return self._read_out(how, fact) if how in READERS else content_of(how)

    def _is_container(self, expr: ast.expr) -> bool:
        seen = self.names.captured | self.names.shared
        return isinstance(expr, ast.Name) and expr.id in self.names.containers and expr.id not in seen

    def _arguments(self, call: ast.Call, effect: Effect, fact: Fact, raised: bool) -> Iterable[Fact]:
        """What becomes of a resource that is given to a call."""
        if (given := self._argument(call, fact)) is None:
            return [fact]
        position, keyword, how = given
        if how in READERS and not raised and last_name(call.func) in BEGINNING:
            fact = fact.with_(PART, ELSEWHERE)
        if how == IS and self.resource(fact).is_lazy and effect.summary.may_raise:
            fact = fact._replace(state="open")
        fates = effect.fates(position, keyword, self.resource(fact), how, raised)
        if fates == BORROWS and (self._is_put_off(call, effect) or reads_later(last_name(call.func), call)):
            fates = READS
        return self._fated(call, fates, how, fact, raised)

    def _is_put_off(self, call: ast.Call, effect: Effect) -> bool:
        """Whether a call only makes a coroutine, that is returned, kept, or run beside what follows."""
        if not any(isinstance(each.node, ast.AsyncFunctionDef) for each in effect.definitions):
            return False
        match self.effects.file.parents.get(call):
            case ast.Call(func=func):
                return last_name(func) in BEGINNING
            case ast.Await() | ast.Expr() | ast.keyword() | ast.Starred():
                return False
        return True

    def _argument(self, call: ast.Call, fact: Fact) -> tuple[int | None, str | None, str] | None:
        """Where a call is given the resource, and how: itself, before a method or a part of it."""
        given = [
            *((position, None, how) for position, arg in enumerate(call.args) if (how := self.holds(arg, fact))),
            *((None, k.arg, how) for k in call.keywords if (how := self.holds(k.value, fact))),
        ]
        return min(given, key=lambda each: (each[2] in {*READERS, PARTS}, uses(each[2])), default=None)

    def closes_argument(self, call: ast.Call, fact: Fact) -> bool:
        """Whether a call closes the resource that it is given, whenever it returns."""
        given = self._argument(call, fact)
        if (
            given is None
            or given[2] != IS
            or (isinstance(call.func, ast.Attribute) and self.holds(call.func.value, fact))
        ):
            return False
        return self.effects.of(call).fates(*given[:2], self.resource(fact), IS, raised=False) == CLOSES

    def _fated(self, call: ast.Call, fates: Fates, how: str, fact: Fact, raised: bool) -> Iterator[Fact]:
        method = method_bound(how)
        if method and fates == KEEPS and isinstance(self.effects.file.parents.get(call), ast.Await):
            fates = READS if last_name(call.func) in RUNNING_AWAITED else fates
        for fate in sorted(fates, key=lambda fate: fate.value):
            if fate is Does.BORROWS:
                yield fact
            elif fate is Does.CLOSES:
                yield fact if uses(how) else fact._replace(state="closed")
            elif fate is Does.RETURNS:
                yield fact if raised else fact.with_(how, call)
            elif fate is Does.GATHERS:
                lives = how if how in {PARTS, BOUND} else FOUND if self._read_out(how, fact) in READERS else None
                yield fact.with_(lives, call) if lives and not raised else fact
            elif fate is Does.HOLDS and how == IS:
                yield fact if raised else fact.with_(IN, call)
            elif how in {*READERS, PARTS} or fate is Does.READS:
                is_known = fate is Does.READS and not self.effects.of(call).definitions
                several = how in {PARTS, BOUND} or (method and method not in _DATA and last_name(call.func) in APPLYING)
                yield fact if raised else fact.with_(PARTS if several else PART if is_known else FOUND, call)
            else:
                yield fact._replace(state="escaped")

    # -- names

    def _bind(self, act: cfg.Bind, fact: Fact) -> Outcomes:
        value = act.value
        if isinstance(act.node, ast.AugAssign) and self._is_container(act.target):
            added = self.holds(act.node.value, fact)
            if added is None or added in READERS:
                return [("next", fact)]
            return [("next", fact.with_(container_of([added]), path_of(act.target) or act.target))]
        if value is None and isinstance(act.node, (ast.For, ast.AsyncFor, ast.comprehension)):
            how = self.holds(act.node.iter, fact)
            each = content_of(how)
            targets = single_targets(act.target) if uses(each) else [act.target]
            pairs: list[_Pair] = [(target, None, each) for target in targets]
        else:
            pairs = list(self._pairs(act.target, value, fact))
        gone: list[Where] = []
        last = not isinstance(act.node, ast.Assign) or act.target is act.node.targets[-1]
        if last and isinstance(value, ast.AST):
            gone = [value, value.value if isinstance(value, (ast.Await, ast.NamedExpr)) else value]
        return [("next", self._assigned(pairs, act.node, each).without(gone)) for each in self._answered(pairs, fact)]

    def _answered(self, pairs: Sequence[_Pair], fact: Fact) -> list[Fact]:
        """Before variables are given the answers of conditions: each answer apart, with what is known then."""
        answers = [fact.known]
        for target, value, _how in pairs:
            if value is None or path_of(target) not in self.keys.keys:
                continue
            if is_test(value):
                answers = [known for before in answers for _, known in self._truths(value, fact._replace(known=before))]
            elif (source := path_of(value)) in self.keys.objects and source in self.keys.keys:
                both = [self.keys.learned(before, source, mask) for before in answers for mask in (NONE, TRUTHY)]
                answers = [known for known in both if known is not None]
        return [fact if known is fact.known else fact._replace(known=known) for known in dict.fromkeys(answers)]

    def _assigned(self, pairs: Sequence[_Pair], node: ast.AST, fact: Fact) -> Fact:
        """After all of these are assigned at once."""
        masks = [self._worth(value, fact) for _, value, _ in pairs]
        after = fact
        for target, value, _ in pairs:
            if (path := path_of(target)) is not None:
                dropped = isinstance(value, ast.Constant)  # `conn = None`: no other takes its place
                after = self._unbound(path, after, node, dropped=dropped)
        for (target, _, how), mask in zip(pairs, masks, strict=True):
            after = self._bound(target, how, mask, after)
        return after

    def _worth(self, value: ast.expr | None, fact: Fact) -> int:
        """What is known of a value that is assigned."""
        if is_test(value):
            truths_ = {truth for truth, _ in self._truths(value, fact)}
            return (TRUTHY if True in truths_ else 0) | (FALSY if False in truths_ else 0)
        return worth(value and self._entered(value), fact.known, self.sure)

    def _pairs(self, target: ast.expr, value: ast.expr | None, fact: Fact) -> Iterator[_Pair]:
        """Each single target of an assignment, its value where there is one, and what that holds."""
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for each, part in zip(target.elts, value.elts, strict=True):
                    yield from self._pairs(each, part, fact)
                return
            how = self.holds(value, fact)
            index = item_index(how) if how else None
            for number, each in enumerate(target.elts):
                taken = content_of(how) if index is None or number == index else None
                yield (each.value if isinstance(each, ast.Starred) else each), None, taken
            return
        yield target, value, self.holds(value, fact)

    def _unbound(self, path: str, fact: Fact, node: ast.AST, *, dropped: bool) -> Fact:
        """Before a variable or field is given another value, at this node."""
        if fact.how(f"{path}.{LENT}"):
            return fact._replace(state="escaped")
        after = fact.unbound(path)
        if fact.lost and fact.state == "open" and fact.how(path) == IS and not _reachable(after):
            self.given_up.add(node)
            return fact._replace(state="escaped")
        if after is not fact and fact.state == "open" and fact.how(path) == IS and not (dropped or _reachable(after)):
            self.replaced[fact.site, node] = None  # type: ignore[index]
        return after._replace(known=self.keys.rebound(after.known, path)) if after.known else after

    def _bound(self, target: ast.expr, how: str | None, mask: int, fact: Fact) -> Fact:
        path = path_of(target)
        if how is not None:
            mask = TRUTHY if how == IS else ANYTHING
            fact = self._stored(target, path, how, fact)
        if path is not None and mask != ANYTHING and path in self.keys.keys:
            known = learn(fact.known, path, mask)
            fact = fact._replace(known=known) if known is not None else fact
        return fact

    def _stored(self, target: ast.expr, path: str | None, how: str, fact: Fact) -> Fact:
        if path is None:
            container = target.value if isinstance(target, ast.Subscript) else None
            if container is not None and self._is_container(container):
                return fact.with_(container_of([how]), path_of(container) or container)
            return fact.with_(PART, ELSEWHERE) if how in {*READERS, PARTS} else fact._replace(state="escaped")
        root, _, rest = path.partition(".")
        if rest:
            if root in {"self", "cls"}:
                fact = fact.with_(how, path)
                is_lent = rest.partition(".")[0] in self.names.inner_fields
                return fact.with_(LENT, f"{path}.{LENT}") if is_lent else fact
            is_own = method_bound(how) is not None and fact.how(root) == IS  # `conn.row_factory = conn.factory`
            return fact if is_own else fact._replace(state="escaped")
        if root in self.names.shared or root in self.names.captured:
            return fact._replace(state="escaped")
        return fact.with_(how, path)

    def _catch(self, act: cfg.Catch, fact: Fact) -> Outcomes:
        return [("next", fact.unbound(act.node.name) if act.node.name else fact)]

    def _delete(self, act: cfg.Delete, fact: Fact) -> Outcomes:
        for target in act.node.targets:
            if path := path_of(target):
                fact = fact.unbound(path)
        return [("next", fact)]

    def _choose(self, act: cfg.Choose, fact: Fact) -> Outcomes:
        how = self.holds(act.part, fact)
        fact = fact.without([act.node])
        return [("next", fact.without([act.part]).with_(how, act.node) if how else fact)]

    def _collect(self, act: cfg.Collect, fact: Fact) -> Outcomes:
        how = next((how for each in act.elements if (how := self.holds(each, fact))), None)
        if how is None:
            return [("next", fact)]
        return [("next", fact.without(act.elements).with_(container_of([how]), act.node))]

    def _await(self, act: cfg.Await, fact: Fact) -> Outcomes:
        value = act.node.value
        if fact.aliases == {(IS, value)}:
            return [("next", fact)]  # raised instead of given: never opened
        return [("next", fact), ("raise", fact)]

    def _discard(self, act: cfg.Discard, fact: Fact) -> Outcomes:
        value = act.node.value
        inner = value.value if isinstance(value, ast.Await) else value
        return [("next", fact.without([value, inner]))]

    def _iterate(self, act: cfg.Iterate, fact: Fact) -> Outcomes:
        going_on: Outcomes = [("true", fact), ("raise", fact)]
        how = self.holds(act.node.iter, fact)
        if fact.state == "open" and how is not None and (how == IN or item_index(how) is not None):
            target = path_of(act.node.target)
            if target is None or fact.how(target) != IS:
                return going_on  # what is in there comes by before the loop ends
        return [*going_on, ("false", fact)]

    # -- tests

    def _test(self, act: cfg.Test, fact: Fact) -> Outcomes:
        return [
            ("true" if truth else "false", fact if known is fact.known else fact._replace(known=known))
            for truth, known in self._truths(act.node, fact)
        ]

    def _truths(self, test: ast.expr, fact: Fact) -> list[Truth]:
        """What a condition may come to, each with what is known then."""

        def assume(part: ast.expr, known: Known) -> Iterator[Truth]:
            truth = self._decided(part, fact)
            asks = self.keys.question(part)
            if truth is not None:
                yield truth, known
            elif asks is None:
                yield from ((True, known), (False, known))
            else:
                for truth, mask in ((True, asks.if_true), (False, asks.if_false)):
                    if (after := self.keys.learned(known, asks.key, mask)) is not None:
                        yield truth, after

        return truths(test, fact.known, assume)

    def _decided(self, test: ast.expr, fact: Fact) -> bool | None:
        """What a condition about the resource itself must come to; None: either."""
        if fact.site is None:
            return None
        match test:
            case ast.Compare(
                left=ast.Name() as left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Name() as other]
            ):
                held = {self.holds(left, fact), self.holds(other, fact)}
                return isinstance(op, ast.Is) == (len(held) == 1) if IS in held and held <= {IS, None} else None
            case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]):
                return False if self._is_object(left, fact) else None
            case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]):
                return True if self._is_object(left, fact) else None
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[ast.Constant(value=value)]):
                state = self._state_asked(left, fact)
                return None if state is None else state == bool(value)
            case ast.Compare(left=ast.Constant(value=str(name)), ops=[op], comparators=[ast.Call(func=func)]):
                if isinstance(func, ast.Name) and func.id in {"locals", "globals", "vars", "dir"} and fact.how(name):
                    return isinstance(op, ast.In)
            case ast.Call(func=ast.Name(id="callable"), args=[asked]) if self.holds(asked, fact) == CLOSE:
                return True
            case ast.Call(func=ast.Name(id="hasattr"), args=[owner, ast.Constant(value=str(name))]):
                return True if self.holds(ast.Attribute(owner, name), fact) in {IS, CLOSE} else None
        if self._is_object(test, fact):
            return True
        return self._state_asked(test, fact)

    def _is_object(self, expr: ast.expr, fact: Fact) -> bool:
        how = self.holds(expr, fact)
        if how == PART and self.resource(fact).is_lazy:
            return False  # what a session finds may be nothing: `session.query(...).first()`
        return how not in {None, IN, FOUND, PARTS} and method_bound(how) is None

    def _state_asked(self, expr: ast.expr, fact: Fact) -> bool | None:
        """The answer of `conn.is_connected()`, `conn.open`, `conn.closed`."""
        asked = expr.func if isinstance(expr, ast.Call) else expr
        if isinstance(asked, ast.Attribute) and self.holds(asked.value, fact) == IS:
            resource = self.resource(fact)
            if asked.attr in resource.open_if:
                return fact.state == "open"
            if asked.attr in resource.closed_if:
                return fact.state != "open"
        return None

    def _case(self, act: cfg.Case, fact: Fact) -> Outcomes:
        pattern, subject = act.node.pattern, act.subject
        is_none = isinstance(pattern, ast.MatchSingleton) and pattern.value is None
        how = self.holds(subject, fact)
        if how is not None:
            if is_none:
                return [("false", fact)]
            return [("true", self._captured(pattern, how, fact)), ("false", fact)]
        path = path_of(subject)
        if not is_none or path is None or path not in self.keys.keys:
            return [("true", fact), ("false", fact)]
        answers: list[tuple[Kind, int]] = [("true", NONE), ("false", FALSY | TRUTHY)]
        return [
            (kind, fact._replace(known=known))
            for kind, mask in answers
            if (known := self.keys.learned(fact.known, path, mask)) is not None
        ]

    @staticmethod
    def _captured(pattern: ast.pattern, how: str, fact: Fact) -> Fact:
        for part in ast.walk(pattern):
            match part:
                case ast.MatchAs(name=str(name)):
                    fact = fact.unbound(name)
                    fact = fact.with_(how if part is pattern else content_of(how) or IS, name)
        return fact

    # -- with

    def _enter(self, act: cfg.Enter, fact: Fact) -> Outcomes:
        item_, name = act.node, act.node.optional_vars
        how = self.holds(item_.context_expr, fact)
        fact = failed = fact.without([item_.context_expr, _unwrapped(item_.context_expr)])
        path = path_of(name) if name is not None else None
        if path is not None:
            fact = fact.unbound(path)
            fact = fact._replace(known=self.keys.rebound(fact.known, path)) if fact.known else fact
        gives = how if how in READERS else None
        if how in {IS, CLOSER}:
            leaving = self._leaving(item_, fact)
            fact = fact.with_(how, item_)
            gives = PART if how == IS and leaving is not None and leaving.binds == "cursor" else IS
        if name is not None:
            fact = self._bound(name, gives, worth(self._entered(item_.context_expr), fact.known, self.sure), fact)
        if act.is_async and (how in {IS, CLOSER} or _unwrapped(item_.context_expr) is fact.site):
            return [("next", fact)]  # what raises is the opening itself; what has been opened enters itself
        return [("next", fact), ("raise", failed)]

    def _entered(self, expr: ast.expr) -> ast.expr:
        """What `as` is given: `closing` gives what it was given, and a stack what it enters."""
        match expr:
            case ast.Call(func=ast.Attribute(attr="enter_context" | "enter_async_context"), args=[given]):
                return self._entered(given)
            case ast.Call(args=[given]) if self.effects.of(expr).closing:
                return given
        return expr

    def _leave(self, act: cfg.Leave, fact: Fact) -> Outcomes:
        if self.closed_by(act.node, fact):
            fact = fact._replace(state="closed")
        fact = fact.without([act.node])
        return [("next", fact), ("raise", fact)]

    def closed_by(self, item_: ast.withitem, fact: Fact) -> bool:
        """Whether leaving this `with` closes the resource."""
        how = fact.how(item_)
        if how is None or fact.site is None:
            return False
        leaving = self._leaving(item_, fact)
        return how == CLOSER or leaving is None or leaving.closes

    def _leaving(self, item_: ast.withitem, fact: Fact) -> Leaving | None:
        return self.effects.leaving(item_, self.resource(fact))

    # -- ways out

    def _define(self, act: cfg.Define, fact: Fact) -> Outcomes:
        """A function takes the values of its defaults along."""
        if not isinstance(act.node, ast.ClassDef):
            defaults = [*act.node.args.defaults, *act.node.args.kw_defaults]
            if any(self.holds(default, fact) for default in defaults):
                return [("next", fact._replace(state="escaped"))]
        return [("next", fact)]

    def _return(self, act: cfg.Return, fact: Fact) -> Outcomes:
        how = self.holds(act.node.value, fact)
        fact = fact.without([RETURN])
        return [("next", fact.with_(how, RETURN) if how else fact)]

    def _end(self, act: cfg.End, fact: Fact) -> Outcomes:
        return [("next", fact.without([RETURN]))]

    def _yield(self, act: cfg.Yield, fact: Fact) -> Outcomes:
        how = self.holds(act.node.value, fact)
        if how in {IS, IN} or (how and item_index(how) is not None):
            if not self.names.lends:
                fact = fact._replace(state="escaped")
            elif self.resource(fact).is_lazy:
                fact = fact._replace(state="open")
        elif how in {CLOSER, CLOSE} or (method_bound(how) is not None and not self.names.lends):
            fact = fact._replace(state="escaped")
        return [("next", fact), ("raise", fact)]


# Not in the object: what refers to itself is kept until a collector of garbage comes, and none is wanted.
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
    cfg.Catch: Transfer._catch,
    cfg.Delete: Transfer._delete,
    cfg.Iterate: Transfer._iterate,
    cfg.Await: Transfer._await,
    cfg.Discard: Transfer._discard,
    cfg.Define: Transfer._define,
}


def _terms(expr: ast.expr) -> list[ast.expr]:
    """The terms of a sum, in no order."""
    found, todo = [], [expr]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.BinOp):
            todo += (part.left, part.right)
        else:
            found.append(part)
    return found


def single_targets(target: ast.expr) -> Iterator[ast.expr]:
    """The single targets of an assignment or a loop."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from single_targets(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _unwrapped(expr: ast.expr) -> ast.expr:
    return expr.value if isinstance(expr, (ast.Await, ast.NamedExpr)) else expr


def _reachable(fact: Fact) -> bool:
    return any(how in {IS, IN, CLOSER} or item_index(how) is not None for how, _ in fact.aliases)
