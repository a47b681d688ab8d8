"""`Graph`: the control-flow graph of one function, with exceptions and `finally`:

    conn = connect()              Call connect ──▶ Bind conn ──▶ Call work ──▶ Call close ──▶ End
    try:                               ┊ raise                        ┊ raise      ▲ next: the graph's exit
        work(conn)                     ▼                              ▼
    finally:                      raised: uncaught ◀── Raise ◀── Call close (the copy of `finally` for this path)
        conn.close()

It is built backwards: each statement gets the node that follows it. Each exit of a block has its own copy of a
`finally`, so that a path in the graph is a path of the program. `Semantics` says what a call does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Literal, TypeAlias, TypeVar

from dbhygiene.dataflow.exceptions import (
    ASSERTION,
    CANCELLED,
    GENERATOR_EXIT,
    ORDINARY,
    Catches,
    Swallow,
    Thrown,
    exception_types,
    match_handler,
    match_swallow,
)
from dbhygiene.source.nodes import children, without_arguments
from dbhygiene.source.records import Frozen, Record, replace

EdgeKind: TypeAlias = Literal["next", "true", "false", "raise"]
Code: TypeAlias = "ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
Comprehension: TypeAlias = "ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp"
Loop: TypeAlias = "ast.For | ast.AsyncFor | ast.comprehension"
Point = TypeVar("Point", bound=Hashable)  # of a graph: a node, perhaps with a fact

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_TRY_STAR: type = getattr(ast, "TryStar", type(None))  # from Python 3.11 on
MAX_NODES = 20_000


class TooLargeError(Exception):
    """Raised for a function whose graph would be too large."""


# -- what happens at a node -------------------------------------------------------------------------------


class BaseEvent:
    """The event at a node, with the piece of the tree that it is about.

    Plain classes: creating twenty data classes at import takes longer than checking a file.
    """

    __slots__ = ("node",)
    __match_args__ = ("node",)

    def __init__(self, node: ast.AST) -> None:
        self.node = node


class Call(BaseEvent):
    """A call, its arguments evaluated. `raise`: it raises."""

    __slots__ = ()
    node: ast.Call


class Load(BaseEvent):
    """An attribute or subscript is read; only if the client requests these events."""

    __slots__ = ()
    node: ast.Attribute | ast.Subscript


class Await(BaseEvent):
    """An awaited value has arrived. `raise`: it failed, or the task was cancelled."""

    __slots__ = ()
    node: ast.Await


class Yield(BaseEvent):
    """A value is yielded, and the function is suspended. `raise`: it is never resumed, or an exception is thrown in."""

    __slots__ = ()
    node: ast.Yield | ast.YieldFrom


class Test(BaseEvent):
    """`true` and `false`, by the truth of an expression, evaluated before."""

    __slots__ = ()
    node: ast.expr


class Iterate(BaseEvent):
    """The head of a loop. `true`: the next item, bound by the Bind that follows. `false`: there is none.

    `raise`: taking the next item raises.
    """

    __slots__ = ()
    node: ast.For | ast.AsyncFor | ast.comprehension


class Catch(BaseEvent):
    """An exception is caught, and its name bound."""

    __slots__ = ()
    node: ast.ExceptHandler


class Attempt(BaseEvent):
    """A `try` with handlers that no exception of the graph enters. `raise`: something that is not modelled raises.

    Only where the client asks for these.
    """

    __slots__ = ()
    node: ast.Try


class Return(BaseEvent):
    """The function is left, with the value of its statement."""

    __slots__ = ()
    node: ast.Return


class End(BaseEvent):
    """Implicit `return None` at the end of the body.

    It overrides the value of an earlier `return` that a `finally` or `break` cancelled.
    """

    __slots__ = ()
    node: Code


class Raise(BaseEvent):
    """An exception is raised and not caught yet."""

    __slots__ = ()
    node: ast.Raise


class Delete(BaseEvent):
    """Names are unbound."""

    __slots__ = ()
    node: ast.Delete


class Define(BaseEvent):
    """A function, lambda or class that may capture names."""

    __slots__ = ()
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


class Discard(BaseEvent):
    """The value of an expression statement is dropped."""

    __slots__ = ()
    node: ast.Expr


class Bind(BaseEvent):
    """`target = value`; `value` is None if it is unknown."""

    __slots__ = ("target", "value")
    node: ast.stmt | ast.expr | ast.comprehension

    def __init__(self, target: ast.expr, value: ast.expr | None, node: ast.stmt | ast.expr | ast.comprehension) -> None:
        super().__init__(node)
        self.target = target
        self.value = value


class Choose(BaseEvent):
    """The value of a conditional or boolean expression is that of its operand `part`."""

    __slots__ = ("part",)
    node: ast.expr

    def __init__(self, node: ast.expr, part: ast.expr) -> None:
        super().__init__(node)
        self.part = part


class Collect(BaseEvent):
    """A comprehension takes in one element."""

    __slots__ = ("elements",)
    node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

    def __init__(self, node: Comprehension, elements: tuple[ast.expr, ...]) -> None:
        super().__init__(node)
        self.elements = elements


class Case(BaseEvent):
    """`true`: the pattern matches the subject; its captures are bound. Guards are tests of their own."""

    __slots__ = ("subject",)
    node: ast.match_case

    def __init__(self, node: ast.match_case, subject: ast.expr) -> None:
        super().__init__(node)
        self.subject = subject


class Enter(BaseEvent):
    """`__enter__`, and the binding of `as`."""

    __slots__ = ("is_async",)
    node: ast.withitem

    def __init__(self, node: ast.withitem, is_async: bool) -> None:
        super().__init__(node)
        self.is_async = is_async


class Leave(BaseEvent):
    """`__exit__`, on one exit of the block. `swallows`: the exception that has `raised` in the block ends here."""

    __slots__ = ("is_async", "raised", "swallows")
    node: ast.withitem

    def __init__(self, node: ast.withitem, is_async: bool, raised: bool, swallows: bool) -> None:
        super().__init__(node)
        self.is_async = is_async
        self.raised = raised
        self.swallows = swallows


Event: TypeAlias = (
    "Call | Load | Await | Yield | Bind | Choose | Collect | Test | Case | Iterate | Enter | Leave | Attempt | Catch"
    " | Return | End | Raise | Delete | Define | Discard | None"  # None: a mere meeting point
)


class Node:
    """A point of the program: what happens there, and where it goes on."""

    __slots__ = ("event", "number", "out")

    def __init__(self, event: Event, number: int) -> None:
        self.event = event
        self.number = number
        self.out: list[tuple[EdgeKind, Node]] = []

    def to(self, kind: EdgeKind, target: Node) -> Node:
        if (kind, target) not in self.out:
            self.out.append((kind, target))
        return self

    def __repr__(self) -> str:
        return f"<{self.number} {type(self.event).__name__} -> {[(k, n.number) for k, n in self.out]}>"


class Graph(Frozen):
    """`entry`: where a function begins. `exit`: where it returns. `raised`: where an `uncaught` exception leaves it.

    `cancelled` are the edges that nothing but the cancellation of an `await` takes: other exceptions go elsewhere.
    """

    entry: Node
    exit: Node
    raised: Node
    uncaught: frozenset[Thrown] = frozenset()
    cancelled: frozenset[tuple[Node, Node]] = frozenset()

    def nodes(self) -> list[Node]:
        """Return every node that can be reached, each once."""
        seen, todo, found = {self.entry}, [self.entry], []
        while todo:
            node = todo.pop()
            found.append(node)
            fresh = [n for _, n in node.out if n not in seen]
            seen.update(fresh)
            todo += dict.fromkeys(fresh)
        return found


# -- what the graph must know of names --------------------------------------------------------------------


class Outcome(Record):
    """How a call may end."""

    returns: bool = True
    raises: tuple[Thrown, ...] = (ORDINARY,)


class Semantics:
    """What names mean, as far as control flow depends on it. This one knows nothing but Python's own.

    `loads` asks for Load nodes; `at_yield` is what may be thrown into the function where it yields.
    """

    loads = False
    at_yield: tuple[Thrown, ...] = (GENERATOR_EXIT,)

    def resolve(self, expr: ast.expr) -> str | None:
        return ast.unparse(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None

    def bases(self, name: str) -> tuple[str, ...] | None:
        """Return the bases of an exception class, None where it is unknown."""
        return None

    def truth(self, test: ast.expr) -> bool | None:
        """Return the only truth of a condition without parts; None if it may be either."""
        return bool(test.value) if isinstance(test, ast.Constant) else None

    def outcome(self, call: ast.Call) -> Outcome:
        return Outcome()

    def may_fail_otherwise(self, stmt: ast.Try) -> bool:
        """Whether something in the body of a `try` may raise that the graph does not model: then it has an Attempt."""
        return False

    def at_await(self, node: ast.Await) -> tuple[Thrown, ...]:
        return (ORDINARY, CANCELLED)

    def at_items(self, iterated: ast.expr) -> tuple[Thrown, ...]:
        """Return what taking the next item of an iterable may raise."""
        return ()

    def retried(self, loop: ast.For | ast.AsyncFor) -> list[ast.stmt] | None:
        """Return what a loop repeats only after an exception, as those of tenacity do; None for other loops."""
        return None

    def enter_raises(self, item: ast.withitem) -> bool:
        return False

    def suspends(self, item: ast.withitem) -> bool:
        """Whether an `async with` may wait as it begins and ends, so that its task may be cancelled there."""
        return True

    def swallows(self, item: ast.withitem) -> Sequence[Swallow]:
        """Return the exceptions that leaving this `with` swallows."""
        return ()


# -- building ---------------------------------------------------------------------------------------------


class Continuations(Frozen):
    """The exits of a block, except for its end. Each is built when it is first used."""

    raises: Callable[[Thrown], Node]
    returns: Callable[[], Node]
    breaks: Callable[[], Node] | None = None
    continues: Callable[[], Node] | None = None
    # What a bare `raise` may raise here, and the name it is caught by.
    handling: tuple[tuple[Thrown, ...], str | None] = (ORDINARY,), None

    def routed_through(self, wrap: Callable[[Node], Node], raising: Callable[[Thrown], Node]) -> Continuations:
        """Return the same continuations, each through its own copy of `wrap`; exceptions go through `raising`."""

        def lead(way: Callable[[], Node] | None) -> Callable[[], Node] | None:
            return way and cache(lambda: wrap(way()))

        returns = self.returns
        return replace(
            self,
            raises=cache(raising),
            returns=cache(lambda: wrap(returns())),
            breaks=lead(self.breaks),
            continues=lead(self.continues),
        )


def build(code: Code, semantics: Semantics | None = None) -> Graph:
    """Return the graph of a module, a function or a lambda. Raises TooLargeError."""
    return _Builder(semantics or Semantics()).graph(code)


class _Builder:
    def __init__(self, semantics: Semantics) -> None:
        self.semantics = semantics
        self.count = 0
        self.copies: dict[tuple[object, ...], Node] = {}
        self.cancelled: set[tuple[Node, Node]] = set()

    def graph(self, code: Code) -> Graph:
        done, raised = self.node(), self.node()
        leaving: set[Thrown] = set()

        def raises(thrown: Thrown) -> Node:
            leaving.add(thrown)
            return raised

        ways = Continuations(raises=raises, returns=lambda: done)
        if isinstance(code, ast.Lambda):
            statement = ast.copy_location(ast.Return(code.body), code.body)
            start = self.block([statement], done, ways)
        else:
            start = self.block(code.body, self.node(End(code)).to("next", done), ways)
        whole = frozenset(each for each in leaving if not each.never or each._replace(never=()) not in leaving)
        return Graph(self.node().to("next", start), done, raised, whole, frozenset(self.cancelled))

    def node(self, event: Event = None) -> Node:
        self.count += 1
        if self.count > MAX_NODES:
            raise TooLargeError
        return Node(event, self.count)

    def raising(self, node: Node, ways: Continuations, *thrown: Thrown) -> Node:
        targets = [ways.raises(each) for each in thrown]
        for target in targets:
            node.to("raise", target)
        if CANCELLED in thrown:
            others = {target for each, target in zip(thrown, targets, strict=True) if each is not CANCELLED}
            self.cancelled.update((node, target) for target in targets if target not in others)
        return node

    # -- statements

    def block(self, statements: Sequence[ast.stmt], after: Node, ways: Continuations) -> Node:
        for statement in reversed(statements):
            after = self.statement(statement, after, ways)
        return after

    def statement(self, stmt: ast.stmt, after: Node, ways: Continuations) -> Node:
        match stmt:
            case ast.Expr(value=value):
                return self.expr(value, self.node(Discard(stmt)).to("next", after), ways)
            case ast.Assign(targets=targets, value=value):
                for target in reversed(targets):
                    after = self.bind(target, value, stmt, after, ways)
                return self.expr(value, after, ways)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return self.expr(value, self.bind(target, value, stmt, after, ways), ways)
            case ast.AugAssign(target=target, value=value):
                return self.expr(value, self.bind(target, None, stmt, after, ways), ways)
            case ast.Return(value=returned):
                node = self.node(Return(stmt)).to("next", ways.returns())
                return self.expr(returned, node, ways) if returned else node
            case ast.Raise():
                return self.raise_(stmt, ways)
            case ast.If():
                return self.if_(stmt, after, ways)
            case ast.While() | ast.For() | ast.AsyncFor():
                return self.loop(stmt, after, ways)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                return self.with_(stmt, items, after, ways)
            case ast.Match():
                return self.match(stmt, after, ways)
            case ast.Break():
                return ways.breaks() if ways.breaks else after
            case ast.Continue():
                return ways.continues() if ways.continues else after
            case ast.Assert(test=test, msg=message):
                failed = self.raising(self.node(), ways, ASSERTION)
                return self.test(test, after, self.expr(message, failed, ways) if message else failed, ways)
            case ast.Delete(targets=targets):
                return self.exprs(targets, self.node(Delete(stmt)).to("next", after), ways)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self.define(stmt, after, ways)
        if isinstance(stmt, (ast.Try, _TRY_STAR)):
            return self.try_(stmt, after, ways)  # type: ignore[arg-type]
        return after  # import, global, pass

    def bind(self, target: ast.expr, value: ast.expr | None, stmt: ast.stmt, after: Node, ways: Continuations) -> Node:
        node = self.node(Bind(target, value, stmt)).to("next", after)
        return node if isinstance(target, ast.Name) else self.exprs([target], node, ways)

    def define(
        self, stmt: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, after: Node, ways: Continuations
    ) -> Node:
        node = self.node(Define(stmt)).to("next", after)
        if isinstance(stmt, ast.ClassDef):
            return self.exprs([*stmt.decorator_list, *stmt.bases, *(k.value for k in stmt.keywords)], node, ways)
        defaults = [*stmt.args.defaults, *(d for d in stmt.args.kw_defaults if d)]
        return self.exprs([*stmt.decorator_list, *defaults], node, ways)

    def raise_(self, stmt: ast.Raise, ways: Continuations) -> Node:
        node = self.raising(self.node(Raise(stmt)), ways, *self.exceptions_of(stmt, ways))
        return self.exprs([part for part in (stmt.exc, stmt.cause) if part], node, ways, quiet=stmt.exc)

    def exceptions_of(self, stmt: ast.Raise, ways: Continuations) -> tuple[Thrown, ...]:
        handling, name = ways.handling
        if stmt.exc is None or (_is_name(stmt.exc, name)):
            return handling
        kind = without_arguments(stmt.exc)
        name = self.semantics.resolve(kind)
        is_class = name is not None and name.rpartition(".")[2][:1].isupper()
        return (Thrown(name) if name and is_class else ORDINARY,)

    def if_(self, stmt: ast.If, after: Node, ways: Continuations) -> Node:
        chain = [stmt]  # an `elif` is an `if` nested in the `else`: thousands of them must not recurse
        while len(chain[-1].orelse) == 1 and isinstance(below := chain[-1].orelse[0], ast.If):
            chain.append(below)
        otherwise = self.block(chain[-1].orelse, after, ways)
        for each in reversed(chain):
            otherwise = self.test(each.test, self.block(each.body, after, ways), otherwise, ways)
        return otherwise

    def loop(self, stmt: ast.While | ast.For | ast.AsyncFor, after: Node, ways: Continuations) -> Node:
        done = self.block(stmt.orelse, after, ways)
        head = self.node()
        inside = replace(ways, breaks=lambda: after, continues=lambda: head)
        if isinstance(stmt, ast.While):
            return head.to("next", self.test(stmt.test, self.block(stmt.body, head, inside), done, ways))
        if (retried := self.semantics.retried(stmt)) is not None:
            again = replace(inside, raises=lambda thrown: self.node().to("next", head).to("next", ways.raises(thrown)))
            body = self.bind(stmt.target, None, stmt, self.block(retried, done, again), ways)
            return self.expr(stmt.iter, head.to("next", self.node(Iterate(stmt)).to("true", body)), ways)
        body = self.bind(stmt.target, None, stmt, self.block(stmt.body, head, inside), ways)
        step = self.node(Iterate(stmt)).to("true", body).to("false", done)
        is_async = isinstance(stmt, ast.AsyncFor)
        self.raising(step, ways, *((ORDINARY, CANCELLED) if is_async else self.semantics.at_items(stmt.iter)))
        return self.expr(stmt.iter, head.to("next", step), ways)

    def match(self, stmt: ast.Match, after: Node, ways: Continuations) -> Node:
        otherwise = after
        for case in reversed(stmt.cases):
            body = self.block(case.body, after, ways)
            if case.guard:
                body = self.test(case.guard, body, otherwise, ways)
            node = self.node(Case(case, stmt.subject)).to("true", body)
            if not _irrefutable(case.pattern, stmt.subject):
                node.to("false", otherwise)
            otherwise = node
        return self.expr(stmt.subject, otherwise, ways)

    def with_(
        self, stmt: ast.With | ast.AsyncWith, items: list[ast.withitem], after: Node, ways: Continuations
    ) -> Node:
        if not items:
            return self.block(stmt.body, after, ways)
        item, is_async = items[0], isinstance(stmt, ast.AsyncWith)
        suspends = is_async and self.semantics.suspends(item)
        swallowed = self.semantics.swallows(item)

        def leave_to(way: Node, raised: bool = False, swallows: bool = False) -> Node:
            key = (item, way, raised, swallows)
            if key not in self.copies:
                leave = self.node(Leave(item, is_async, raised, swallows)).to("next", way)
                self.copies[key] = self.raising(leave, ways, CANCELLED) if suspends else leave
            return self.copies[key]

        def raising(thrown: Thrown) -> Node:
            verdict = _best(match_swallow(thrown, each, self.semantics.bases) for each in swallowed)
            through = self.node()
            if verdict is not Catches.NEVER:
                through.to("next", leave_to(after, True, True))
            if verdict is not Catches.ALWAYS:
                gone = [each.name for each in swallowed if each.surely and not each.exact]
                through.to("next", leave_to(ways.raises(thrown.excluding(gone)), True))
            return through

        inside = self.with_(stmt, items[1:], leave_to(after), ways.routed_through(leave_to, raising))
        enter = self.node(Enter(item, is_async)).to("next", inside)
        if suspends or self.semantics.enter_raises(item):
            self.raising(enter, ways, *((ORDINARY, CANCELLED) if suspends else (ORDINARY,)))
        return self.expr(item.context_expr, enter, ways)

    def try_(self, stmt: ast.Try, after: Node, ways: Continuations) -> Node:
        if stmt.finalbody:
            outer = ways

            def final(way: Node) -> Node:
                key = (stmt, way, outer)
                if key not in self.copies:
                    self.copies[key] = self.block(stmt.finalbody, way, outer)
                return self.copies[key]

            after, ways = final(after), ways.routed_through(final, lambda thrown: final(outer.raises(thrown)))
        otherwise = self.block(stmt.orelse, after, ways)
        if not stmt.handlers:
            return self.block(stmt.body, otherwise, ways)
        entered: set[ast.ExceptHandler] = set()
        body = self.block(stmt.body, otherwise, replace(ways, raises=self.dispatcher(stmt, after, ways, entered)))
        idle = [
            handler
            for number, handler in enumerate(stmt.handlers)
            if handler not in entered and not self.is_shadowed(handler, stmt.handlers[:number])
        ]
        if idle and self.semantics.may_fail_otherwise(stmt):
            return self.attempt(stmt, body, idle, after, ways)
        return body

    def attempt(
        self, stmt: ast.Try, body: Node, idle: list[ast.ExceptHandler], after: Node, ways: Continuations
    ) -> Node:
        node = self.node(Attempt(stmt)).to("next", body)
        for handler in stmt.handlers:
            verdict = _best(self.catches(each, ORDINARY) for each in exception_types(handler.type))
            if handler in idle and verdict is not Catches.NEVER:
                inside = replace(ways, handling=(self.narrow(ORDINARY, handler), handler.name))
                node.to("raise", self.node(Catch(handler)).to("next", self.block(handler.body, after, inside)))
            if verdict is Catches.ALWAYS:
                break  # the handlers below are for signals, which are not modelled
        return node

    def dispatcher(
        self, stmt: ast.Try, after: Node, ways: Continuations, entered: set[ast.ExceptHandler]
    ) -> Callable[[Thrown], Node]:
        """Return the node to which an exception in the body of a `try` goes: it leads to the handlers, or further out.

        Arguments:
            entered: takes in the handlers that an exception enters.
        """
        is_star = isinstance(stmt, _TRY_STAR)
        types = [each for handler in stmt.handlers for each in exception_types(handler.type)]
        named = [self.semantics.resolve(each) for each in types if each is not None]

        @cache
        def enter_handler(handler: ast.ExceptHandler, thrown: tuple[Thrown, ...], after: Node) -> Node:
            body = self.block(handler.body, after, replace(ways, handling=(thrown, handler.name)))
            return self.node(Catch(handler)).to("next", body)

        @cache
        def dispatch(thrown: Thrown) -> Node:
            node = self.node()
            goes_on = True
            for number, handler in enumerate(stmt.handlers):
                verdict = _best(self.catches(each, thrown) for each in exception_types(handler.type))
                if verdict is Catches.NEVER or self.is_shadowed(handler, stmt.handlers[:number]):
                    continue
                entered.add(handler)
                earlier = [each for before in stmt.handlers[:number] for each in exception_types(before.type)]
                here = thrown.excluding(self.semantics.resolve(each) for each in earlier if each is not None)
                reraised = self.narrow(here, handler) if _reraises(handler) else ()
                if is_star:  # a group may be split: another handler can still see the rest
                    node.to("next", enter_handler(handler, reraised, self.node().to("next", after).to("next", node)))
                    goes_on = goes_on and verdict is not Catches.ALWAYS
                    continue
                node.to("next", enter_handler(handler, reraised, after))
                if verdict is Catches.ALWAYS:
                    return node
            return node.to("next", ways.raises(thrown.excluding(named))) if goes_on else node

        return dispatch

    def is_shadowed(self, handler: ast.ExceptHandler, before: list[ast.ExceptHandler]) -> bool:
        """Whether the handlers before this one catch all that it would."""
        types = exception_types(handler.type)
        names = [self.semantics.resolve(each) if each is not None else None for each in types]
        return all(
            name is not None
            and any(
                self.catches(each, Thrown(name)) is Catches.ALWAYS
                for earlier in before
                for each in exception_types(earlier.type)
            )
            for name in names
        )

    def narrow(self, thrown: Thrown, handler: ast.ExceptHandler) -> tuple[Thrown, ...]:
        """Return the exceptions in a handler that has caught this one: its classes, if these are more precise."""
        types = exception_types(handler.type)
        verdicts = {each: self.catches(each, thrown) for each in types}
        names = [self.semantics.resolve(each) if each is not None else None for each in types]
        if Catches.ALWAYS in verdicts.values() or not all(names):
            return (thrown,)
        may = [name for each, name in zip(types, names, strict=True) if verdicts[each] is Catches.MAYBE]
        return tuple(dict.fromkeys(Thrown(name, exact=False) for name in may if name)) or (thrown,)

    def catches(self, type_: ast.expr | None, thrown: Thrown) -> Catches:
        if type_ is None:
            return Catches.ALWAYS
        return match_handler(thrown, self.semantics.resolve(type_), self.semantics.bases)

    # -- conditions

    def test(self, expr: ast.expr, yes: Node, no: Node, ways: Continuations) -> Node:
        """Evaluate a condition, and go on by its truth."""
        match expr:
            case ast.BoolOp(op=ast.And(), values=values):
                for value in reversed(values):
                    yes = self.test(value, yes, no, ways)
                return yes
            case ast.BoolOp(op=ast.Or(), values=values):
                for value in reversed(values):
                    no = self.test(value, yes, no, ways)
                return no
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self.test(operand, no, yes, ways)
        if (truth := self.semantics.truth(expr)) is not None:
            return yes if truth else no
        return self.expr(expr, self.node(Test(expr)).to("true", yes).to("false", no), ways)

    # -- expressions

    def exprs(
        self, parts: Iterable[ast.expr], after: Node, ways: Continuations, *, quiet: ast.expr | None = None
    ) -> Node:
        for part in reversed(list(parts)):
            after = self.expr(part, after, ways, quiet=part is quiet)
        return after

    def expr(self, expr: ast.expr, after: Node, ways: Continuations, *, quiet: bool = False) -> Node:
        """Evaluate an expression; `quiet`: the outermost call is taken not to raise."""
        for part in reversed(list(events(expr, loads=self.semantics.loads))):
            after = self.event(part, after, ways, quiet=quiet and part is expr)
        return after

    def event(self, part: ast.expr, after: Node, ways: Continuations, *, quiet: bool) -> Node:
        match part:
            case ast.Call():
                outcome = self.semantics.outcome(part)
                node = self.node(Call(part))
                if outcome.returns:
                    node.to("next", after)
                return node if quiet else self.raising(node, ways, *outcome.raises)
            case ast.BoolOp():
                return self.boolean(part, after, ways)
            case ast.IfExp():
                return self.conditional(part, after, ways)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                return self.comprehension(part, after, ways)
            case ast.NamedExpr(target=target, value=value):
                return self.node(Bind(target, value, part)).to("next", after)
            case ast.Await():
                return self.raising(self.node(Await(part)).to("next", after), ways, *self.semantics.at_await(part))
            case ast.Yield() | ast.YieldFrom():
                inner = self.semantics.at_items(part.value) if isinstance(part, ast.YieldFrom) else ()
                return self.raising(self.node(Yield(part)).to("next", after), ways, *self.semantics.at_yield, *inner)
            case ast.Lambda():
                return self.node(Define(part)).to("next", after)
            case ast.Attribute() | ast.Subscript():
                return self.node(Load(part)).to("next", after)
        return after

    def boolean(self, expr: ast.BoolOp, after: Node, ways: Continuations) -> Node:
        last = expr.values[-1]
        onward = self.expr(last, self.node(Choose(expr, last)).to("next", after), ways)
        for value in reversed(expr.values[:-1]):
            chosen = self.node(Choose(expr, value)).to("next", after)
            test = self.node(Test(value))
            is_and = isinstance(expr.op, ast.And)
            test.to("true", onward if is_and else chosen).to("false", chosen if is_and else onward)
            onward = self.expr(value, test, ways)
        return onward

    def conditional(self, expr: ast.IfExp, after: Node, ways: Continuations) -> Node:
        chain = [expr]
        while isinstance(below := chain[-1].orelse, ast.IfExp):
            chain.append(below)

        def arm(value: ast.expr, depth: int) -> Node:
            end = after
            for whole in chain[: depth + 1]:  # the value of an inner expression is that of those around it
                end = self.node(Choose(whole, value)).to("next", end)
            return self.expr(value, end, ways)

        otherwise = arm(chain[-1].orelse, len(chain) - 1)
        for depth in reversed(range(len(chain))):
            otherwise = self.test(chain[depth].test, arm(chain[depth].body, depth), otherwise, ways)
        return otherwise

    def comprehension(self, expr: Comprehension, after: Node, ways: Continuations) -> Node:
        elements = (expr.key, expr.value) if isinstance(expr, ast.DictComp) else (expr.elt,)
        collect = self.node(Collect(expr, elements))
        inner, back = self.exprs(elements, collect, ways), after
        heads = [self.node(Iterate(generator)) for generator in expr.generators]
        collect.to("next", heads[-1])
        for depth, generator in reversed(list(enumerate(expr.generators))):
            back = heads[depth - 1] if depth else after
            for condition in reversed(generator.ifs):
                inner = self.test(condition, inner, heads[depth], ways)
            bound = self.node(Bind(generator.target, None, generator)).to("next", inner)
            heads[depth].to("true", bound).to("false", back)
            is_async = generator.is_async
            thrown = (ORDINARY, CANCELLED) if is_async else self.semantics.at_items(generator.iter)
            self.raising(heads[depth], ways, *thrown)
            inner = self.expr(generator.iter, heads[depth], ways)
        return inner


_EVENTS = (ast.Call, ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
_BRANCHES = (ast.BoolOp, ast.IfExp, ast.Lambda, *_COMPREHENSIONS)
_LOADS = (ast.Attribute, ast.Subscript)


def events(expr: ast.expr, *, loads: bool = False) -> Iterator[ast.expr]:
    """Yield the parts of an expression at which something happens, in the order of evaluation.

    Conditional parts and comprehensions come whole: they are graphs of their own. No recursion: `a.b.c...` and
    sums of thousands of terms are met in real code.
    """
    todo: list[tuple[ast.AST, bool]] = [(expr, False)]
    while todo:
        part, evaluated = todo.pop()
        if evaluated or isinstance(part, _BRANCHES):
            yield part  # type: ignore[misc]
            continue
        if isinstance(part, _EVENTS) or (loads and isinstance(part, _LOADS) and isinstance(part.ctx, ast.Load)):
            todo.append((part, True))
        todo += [(child, False) for child in reversed(children(part))]


def _best(verdicts: Iterable[Catches]) -> Catches:
    found = set(verdicts)
    return next((v for v in (Catches.ALWAYS, Catches.MAYBE) if v in found), Catches.NEVER)


def _irrefutable(pattern: ast.pattern, subject: ast.expr | None = None) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _irrefutable(inner, subject)
        case ast.MatchOr(patterns=patterns):
            return any(_irrefutable(each, subject) for each in patterns)
        case ast.MatchSequence(patterns=patterns) if isinstance(subject, ast.Tuple):
            same = len(patterns) == len(subject.elts) and not any(isinstance(e, ast.Starred) for e in subject.elts)
            return same and all(map(_irrefutable, patterns, subject.elts))
    return False


@cache
def _reraises(handler: ast.ExceptHandler) -> bool:
    """Whether a handler raises again what it caught, by a bare `raise` or by name."""
    todo: list[ast.AST] = list(handler.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Raise) and (node.exc is None or _is_name(node.exc, handler.name)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)
    return False


def _is_name(expr: ast.expr, name: str | None) -> bool:
    return isinstance(expr, ast.Name) and expr.id == name


def reachable(start: list[Node], *, past: Callable[[Node], bool]) -> set[Node]:
    """Return every node on a path from these; `past`: whether a path continues after a node."""
    seen, todo = set(start), list(start)
    while todo:
        node = todo.pop()
        if past(node):
            fresh = [target for _, target in node.out if target not in seen]
            seen.update(fresh)
            todo += fresh
    return seen


def predecessors(nodes: Iterable[Node]) -> dict[Node, list[Node]]:
    """Return the nodes from which an edge leads to each node."""
    before: dict[Node, list[Node]] = {}
    for node in nodes:
        for _, target in node.out:
            before.setdefault(target, []).append(node)
    return before


def points_before(before: Mapping[Point, Iterable[Point]], ends: Iterable[Point]) -> set[Point]:
    """Return the points from which one of the ends can be reached, ends included; `before`: the predecessors."""
    found = set(ends)
    todo = list(found)
    while todo:
        for point in before.get(todo.pop(), ()):
            if point not in found:
                found.add(point)
                todo.append(point)
    return found
