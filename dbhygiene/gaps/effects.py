"""What a point of the program means to the connection: it asks the server, waits, closes, or runs other code."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator
from enum import Enum
from functools import cached_property
from typing import TypeAlias

from dbhygiene.flow.bindings import Bindings, Place
from dbhygiene.flow.calls import enclosing_class
from dbhygiene.flow.cfg import Act, Call, Enter, Iterate, Leave, Load, Test
from dbhygiene.flow.limits import UNSETTLED, give_up
from dbhygiene.flow.names import origin
from dbhygiene.frozen import Record, replace
from dbhygiene.gaps import dispatch
from dbhygiene.gaps.aliases import DEFAULT, alias_of, alias_of_subscript
from dbhygiene.gaps.classes import FunctionAt, ancestry, class_of, foreign_bases, function_of, lineage
from dbhygiene.gaps.closing import asks_for_transaction
from dbhygiene.gaps.code import called_names, is_generator, tested_names
from dbhygiene.gaps.commands import called_command
from dbhygiene.gaps.durations import duration, polled
from dbhygiene.gaps.seconds import UNBOUNDED, Seconds
from dbhygiene.gaps.tasks import runs_later, task_of
from dbhygiene.gaps.things import Object, Row, Rows, Things
from dbhygiene.library import django
from dbhygiene.library.long_work import ON_REQUEST
from dbhygiene.library.waits import ITERATED, LEFT, WAITS, Kind, Wait
from dbhygiene.source import Code, File, Function, Located


class Spot(Record):
    """A place, and what happens there; `inner` is where it happens, if this is only the call that leads there."""

    file: File
    node: Located
    words: str
    inner: Spot | None = None

    def leading_to(self, inner: Spot) -> Spot:
        return replace(self, inner=inner)

    @cached_property
    def origin(self) -> Spot:
        here = self
        while here.inner is not None:
            here = here.__dict__.get("origin") or here.inner  # a chain of calls may be long
        return here

    def __hash__(self) -> int:
        return hash((self.node, self.words))  # of this place alone, likewise


class Part(Enum):
    """Which part of a function runs."""

    WHOLE = "all of it"
    ENTER = "up to its yield"  # a context manager's function
    LEAVE = "from its yield on"
    ROUND = "from one yield to the next"  # a generator's
    DRAINED = "all of it, its yields too"  # likewise


class Routine(Record):
    """Code of the project that may run.

    `given` are parameters that are known to stand for other code, `closers` those that are known to be a function
    which closes the connection, `flags` those that are known to be true or false.
    """

    file: File
    code: Code
    part: Part = Part.WHOLE
    given: tuple[tuple[str, Routine], ...] = ()
    closers: tuple[str, ...] = ()
    plain: bool = False  # without its decorators
    flags: tuple[tuple[str, bool], ...] = ()
    alias: str = DEFAULT  # whose connection is looked at


def unsettled(routine: Routine) -> None:
    """Name code whose summary grows with each round of a recursion, whatever is done."""
    give_up(routine.file, routine.code, UNSETTLED)


class Ask(Record):
    """The server is asked; not so where `rows` hold a queryset's rows already, which it may keep from now on."""

    spot: Spot
    rows: Place | None = None
    keeps: bool = True
    alias: str = DEFAULT


class Idle(Record):
    """Time goes by."""

    spot: Spot
    seconds: Seconds
    kind: Kind


class Close(Record):
    """The connection is closed, or made anew: the next question opens a fresh one; `by_age`, only if it is old."""

    spot: Spot
    by_age: bool = False
    alias: str | None = None  # None: all of them


class Run(Record):
    """Code of the project runs: one of these, where a table, or a subclass, decides which.

    `once` is what keeps its result: from now on, that is read without a run.
    """

    spot: Spot
    routines: tuple[Routine, ...]
    once: Place | None = None


Effect: TypeAlias = "Ask | Idle | Close | Run"


class Effects:
    """The effects of the acts of one routine."""

    def __init__(self, routine: Routine) -> None:
        self.file = routine.file
        self.routine = routine
        self.things = Things.of(routine.file)
        known: dict[ast.Call, list[Effect]] = vars(routine.file).setdefault("_gaps_calls", {})
        self._calls = {} if routine.given or routine.closers else known

    def of(self, act: Act) -> list[Effect]:
        match act:
            case Call(node=call):
                return self.of_call(call)
            case Load(node=node):
                return self.of_load(node)
            case Test(node=expr):
                return self.of_test(expr)
            case Enter(node=item):
                return list(self._context(item, Part.ENTER))
            case Leave(node=item):
                return list(self._context(item, Part.LEAVE))
            case Iterate(node=loop):
                return list(self.each(loop.iter))
        return []

    def of_load(self, node: ast.Attribute | ast.Subscript) -> list[Effect]:
        """What happens when an item or an attribute is read: `queryset[0]` asks for a row."""
        match node:
            case ast.Subscript(value=owner, slice=key) if not isinstance(key, ast.Slice):
                if isinstance(self.things.thing(owner), Rows):
                    spot = self._spot(node, "queries the database for this row")
                    return [Ask(spot, self.own_place(owner), False, alias_of(self.file, owner))]
            case ast.Attribute(value=owner, attr=attr):
                if attr in django.ATTRIBUTES_ASK and f"{django.PAGINATOR}.{attr}" in self.names(node):
                    return [Ask(self._spot(node, "queries the database"))]
                if (read := self._property(owner, attr)) is not None:
                    run = self._run(node, f"reads `{attr}`", read)
                    return [replace(run, once=self.path(node)) if _keeps_result(read) else run]
        return []

    def _property(self, owner: ast.expr, attribute: str) -> FunctionAt | None:
        """The function that runs when an attribute of a row or an object is read."""
        match self.things.thing(owner):
            case Object(name=name) | Row(model=str(name)):
                function = function_of(self.file, f"{name}.{attribute}")
                if function and _is_decorated(function, django.PROPERTIES):
                    return function
        return None

    def of_test(self, expr: ast.expr) -> list[Effect]:
        match expr:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[found]) if isinstance(
                self.things.thing(found), Rows
            ):
                spot = self._spot(expr, "queries the database to search these rows")
                return [Ask(spot, self.own_place(found), alias=alias_of(self.file, found))]
        if not isinstance(expr, ast.Call) and isinstance(self.things.thing(expr), Rows):
            spot = self._spot(expr, "queries the database to test for rows")
            return [Ask(spot, self.own_place(expr), alias=alias_of(self.file, expr))]
        return []

    def of_context(self, item: ast.withitem) -> list[Effect]:
        return [*self._context(item, Part.ENTER), *self._context(item, Part.LEAVE)]

    def of_call(self, call: ast.Call) -> list[Effect]:
        if call not in self._calls:
            self._calls[call] = list(self._call(call))
        return self._calls[call]

    def beginning(self, loop: ast.For | ast.AsyncFor | ast.comprehension) -> list[Effect]:
        """What happens when a loop begins: a queryset asks for its rows."""
        iterated = loop.iter
        while isinstance(iterated, ast.Call) and iterated.args and self._resolve(iterated.func) in django.WRAPPERS:
            iterated = next((a for a in iterated.args if isinstance(self.things.thing(a), Rows)), iterated.args[0])
        if isinstance(self.things.thing(iterated), Rows):
            spot = self._spot(iterated, "queries the database for these rows")
            return [Ask(spot, self.own_place(iterated), alias=alias_of(self.file, iterated))]
        return []

    def own_place(self, expr: ast.expr) -> Place | None:
        """The variable of this function that an expression is."""
        place = Bindings.of(self.file).place(expr) if isinstance(expr, ast.Name) else None
        return place if place and place.scope.node is self.routine.code else None

    def path(self, expr: ast.Attribute) -> Place | None:
        """An attribute of a variable, or of one of its attributes, by its path: `self.order.total`."""
        path, root = [expr.attr], expr.value
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        if not isinstance(root, ast.Name):
            return None
        owner = Bindings.of(self.file).owner(root.id, self.file.scope_of(root))
        return Place(owner, ".".join([root.id, *reversed(path)])) if owner else None

    def _spot(self, node: Located, words: str) -> Spot:
        return Spot(self.file, node, words)

    def _resolve(self, expr: ast.expr) -> str | None:
        return self.file.resolve(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None

    # -- names ----------------------------------------------------------------------------------------

    def names(self, func: ast.expr) -> Iterator[str]:
        """The dotted names that a called expression may have: by import, and by the class of its owner."""
        if isinstance(func, ast.Attribute):
            if _is_super(func.value):
                yield from self._inherited(func.attr)
                return
            match self.things.thing(func.value):
                case Object(name=name, others=others):
                    for each in (name, *others):
                        yield f"{each}.{func.attr}"
                        yield from (f"{base}.{func.attr}" for base in self._foreign_bases(each))
                case Row(model=str(name)):
                    yield f"{name}.{func.attr}"
                    yield from (f"{base}.{func.attr}" for base in self._foreign_bases(name))
        if (resolved := self._resolve(func)) is not None:
            yield origin(self.file, resolved)

    def _inherited(self, method: str) -> Iterator[str]:
        """The names of a method, as `super()` may find it."""
        scope = self.file.functions.get(self.routine.code)
        cls = enclosing_class(self.file, scope) if scope else None
        if cls is not None:
            yield from (f"{base.dotted}.{method}" for base in lineage(cls)[1:])
            yield from (f"{base}.{method}" for base in foreign_bases(cls))

    def _foreign_bases(self, name: str) -> tuple[str, ...]:
        found = class_of(self.file, name)
        return foreign_bases(found) if found else ()

    # -- calls ----------------------------------------------------------------------------------------

    def _call(self, call: ast.Call) -> Iterator[Effect]:
        func = self._made(call.func)
        if isinstance(func, ast.Lambda):
            yield from self._body(func.body)
            return
        if isinstance(func, ast.Call) and func.args and (name := self._resolve(func.func)) in django.TRANSPARENT:
            inner = ast.copy_location(ast.Call(func.args[0], call.args, call.keywords), call)
            effects = [replace(effect, spot=replace(effect.spot, node=call)) for effect in self._call(inner)]
            yield from self._closed_around(call, effects) if name in django.CLOSES_AROUND else effects
            return
        if isinstance(func, ast.Name) and func.id in self.routine.closers:
            yield Close(self._spot(call, f"calls `{func.id}`, which closes the connection"))
            return
        if isinstance(func, ast.Name) and (given := dict(self.routine.given).get(func.id)) is not None:
            yield Run(self._spot(call, f"calls `{func.id}`"), (given,))
            return
        names = list(self.names(func))
        if any(name in django.CLOSES for name in names):
            by_age = any(name in django.CLOSES_BY_AGE for name in names)
            yield Close(self._spot(call, "closes the connection"), by_age, self._alias_closed(func))
            return
        if (told := self._told(names)) is not None:
            if told.most:
                yield Idle(self._spot(call, _waiting(Kind.JOB, told)), told, Kind.JOB)
        elif (wait := next((WAITS[name] for name in names if name in WAITS), None)) is not None:
            yield from self._idle(call, wait)
            return
        if self._asks(call, func, names):
            yield self._ask(call, func)
            return
        if django.CALL_COMMAND in names:
            if (command := called_command(self.file, call)) is not None:
                yield self._run(call, "runs another command", command)
            elif any(isinstance(name, ast.Constant) and name.value in django.COMMANDS_ASK for name in call.args[:1]):
                yield Ask(self._spot(call, "queries the database: runs one of Django's commands"))
            return
        if names == ["next"] and call.args:
            yield from self.each(call.args[0])
            return
        yield from self._drained(call, names)
        yield from self._queued(call, func)
        yield from self._project(call, func, names)

    def _closed_around(self, call: ast.Call, effects: Iterable[Effect]) -> Iterator[Effect]:
        """The effects of a call before and after which old connections are closed."""
        close = Close(self._spot(call, "closes old connections"), by_age=True)
        yield from (close, *effects, close)

    def _body(self, body: ast.expr) -> Iterator[Effect]:
        """What a function without a name does: `f()`, or `connection.in_atomic_block or connection.close()`."""
        match body:
            case ast.Call():
                yield from self.of_call(body)
            case ast.BoolOp(op=ast.Or(), values=[test, ast.Call() as closer]) if asks_for_transaction(test):
                yield from self.of_call(closer)

    def _idle(self, call: ast.Call, wait: Wait) -> Iterator[Effect]:
        """The time that a call takes, if it takes any."""
        lasts = polled(self.file, call, duration(self.file, call, wait))
        if lasts.most:
            yield Idle(self._spot(call, _waiting(wait.kind, lasts)), lasts, wait.kind)

    def _alias_closed(self, func: ast.expr) -> str | None:
        """The alias whose connection a call closes, None where it closes all, or nobody knows which."""
        if not isinstance(func, ast.Attribute) or func.attr != "close":
            return None
        if self._resolve(func.value) == django.CONNECTION:
            return DEFAULT
        if isinstance(func.value, ast.Subscript):
            return alias_of_subscript(self.file, func.value)
        named = alias_of(self.file, func.value)
        return named if named != DEFAULT else None

    def _told(self, names: Iterable[str]) -> Seconds | None:
        """How long the user says that a function of one of these names takes, or the like of its package."""
        gaps = self.file.project.settings.gaps
        for name in names if gaps else ():
            package, _, rest = name.partition(".")
            of_package = rest.rpartition(".")[2] in ON_REQUEST.get(package, ())
            if (found := gaps.get(name) or (gaps.get(package) if of_package else None)) is not None:
                return Seconds(found.least, found.most, found.most)
        return None

    def _made(self, func: ast.expr) -> ast.expr:
        """`f`, or the call that makes it in `f = sync_to_async(g)`."""
        if isinstance(func, ast.Name):
            values = Bindings.of(self.file).values.get(Place(self.file.scope_of(func), func.id), ())
            match values:
                case [ast.Call(func=maker, args=[ast.Attribute(), *_]) as made]:
                    return made if self._resolve(maker) in django.TRANSPARENT else func
        return func

    def _drained(self, call: ast.Call, names: Iterable[str]) -> Iterator[Effect]:
        """`list(generator())`: all of a generator runs at once."""
        if any(name in django.DRAINS for name in names) and isinstance(given := next(iter(call.args), None), ast.Call):
            for name in self.names(given.func):
                if (function := function_of(self.file, name)) is not None and is_generator(function.node):
                    yield self._run(
                        call, f"runs the generator `{function.node.name}` to its end", function, Part.DRAINED
                    )
                    return

    def _queued(self, call: ast.Call, func: ast.expr) -> Iterator[Effect]:
        """`task.apply()`: what was written to be run by a worker runs here."""
        if isinstance(func, ast.Attribute) and func.attr in {"apply", "call_local"}:
            if (task := task_of(self.file, func.value)) is not None:
                yield self._run(call, f"runs `{task.node.name}`", task)

    def _project(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> Iterator[Effect]:
        """What the project's own function does, or any of those that may be meant."""
        meant = [each for each in self._functions(func, names) if not (is_generator(each.node) or runs_later(each))]
        if meant:
            routines = tuple(self._called_with(call, each) for each in meant)
            words = " or ".join(dict.fromkeys(f"`{each.node.name}`" for each in meant[:3]))
            once = Place(meant[0].file.functions[meant[0].node], "") if all(map(_keeps_result, meant)) else None
            run = Run(self._spot(call, f"calls {words}"), routines, once)
            around = all(_is_decorated(each, django.CLOSES_AROUND) for each in meant)
            yield from self._closed_around(call, [run]) if around else [run]

    def _called_with(self, call: ast.Call, function: FunctionAt) -> Routine:
        """A function, with what a call gives to its parameters."""
        handed = list(self._handed(call, function))
        given = tuple((name, code) for name, value in handed if (code := self._routine_of(value)) is not None)
        closers = tuple(name for name, value in handed if self._closes(value))
        known = flags(call, function.file, function.node)
        return Routine(function.file, function.node, given=given, closers=closers, flags=known)

    def _functions(self, func: ast.expr, names: Iterable[str]) -> tuple[FunctionAt, ...]:
        found = []
        for name in names:
            function = function_of(self.file, name)
            if function is None and (its_class := class_of(self.file, name)) is not None:
                function = function_of(self.file, f"{its_class.dotted}.__init__")
            if function is not None:
                found.append(function)
                if not self._may_be_another(func):
                    break
        if not found:
            return dispatch.functions(self.file, func)
        return tuple(meant for each in found for meant in (dispatch.overriding(each) or (each,)))

    def _may_be_another(self, func: ast.expr) -> bool:
        """Whether the owner of a method may be of one class or another."""
        owner = self.things.thing(func.value) if isinstance(func, ast.Attribute) else None
        return isinstance(owner, Object) and bool(owner.others)

    def _handed(self, call: ast.Call, function: FunctionAt) -> Iterator[tuple[str, ast.expr]]:
        """The parameters that a function calls, or hands on, with what a call gives to them."""
        wanted = called_names(function.node)
        parameters = [argument.arg for argument in (*function.node.args.posonlyargs, *function.node.args.args)]
        if parameters[:1] in (["self"], ["cls"]):
            parameters = parameters[1:]
        pairs = [*zip(parameters, call.args, strict=False), *((word.arg, word.value) for word in call.keywords)]
        yield from ((name, value) for name, value in pairs if name in wanted)

    def _closes(self, value: ast.expr) -> bool:
        """Whether a value is a function that closes the connection: `connection.close`, or a lambda that calls it."""
        if isinstance(value, ast.Name) and value.id in self.routine.closers:
            return True
        called = value.body.func if isinstance(value, ast.Lambda) and isinstance(value.body, ast.Call) else value
        return any(name in django.CLOSES for name in self.names(called))

    def _routine_of(self, value: ast.expr) -> Routine | None:
        if isinstance(value, ast.Name) and (given := dict(self.routine.given).get(value.id)) is not None:
            return given
        name = self._resolve(value)
        found = function_of(self.file, name) if name else None
        return Routine(found.file, found.node) if found and not is_generator(found.node) else None

    def _ask(self, call: ast.Call, func: ast.expr) -> Ask:
        spot = self._spot(call, "queries the database")
        match func:
            case ast.Name() if call.args:  # `list(queryset)`
                return Ask(spot, self.own_place(call.args[0]), alias=alias_of(self.file, call.args[0]))
            case ast.Attribute(value=owner, attr="count" | "exists" | "__len__"):
                return Ask(spot, self.own_place(owner), False, alias_of(self.file, call))
        return Ask(spot, alias=alias_of(self.file, call))

    def _asks(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> bool:
        if any(name in django.ASKS for name in names):
            return True
        if any(name in django.CONSUMERS for name in names):
            return any(isinstance(self.things.thing(argument), Rows) for argument in call.args[:1])
        if django.SERIALIZE in names:
            return any(isinstance(self.things.thing(argument), Rows) for argument in call.args[1:2])
        if not isinstance(func, ast.Attribute):
            return False
        owner, method = self.things.thing(func.value), func.attr
        match owner:
            case Rows():
                return method in django.RELATED_ASKS
            case Row(model=model):
                overridden = (
                    model is not None and not _is_super(func.value) and function_of(self.file, f"{model}.{method}")
                )
                asks = method in django.ROW_ASKS or method.startswith(django.ROW_ASKS_BY_FIELD)
                return asks and not overridden
            case Object(name=name):
                return method == "save" and not call.keywords and self._is_bound_to_model(name)  # as in `commit=False`
        if self.things.is_related(func.value):
            return method in django.RELATED_ASKS
        if method in django.SURELY_ROW_ASKS or (method in django.DISTINCTIVE and method in django.QUERYSET_ASKS):
            return True
        return method == "save" and not call.args and self._speaks_of_models(func.value)

    def _is_bound_to_model(self, name: str) -> bool:
        """Whether a class is a form or a serializer that writes rows: by its `Meta`, or by the name of a base."""
        cls = class_of(self.file, name)
        if cls is None:
            return False
        if any(base.endswith(django.WRITES_ROWS) for base in foreign_bases(cls)):
            return True
        return any(
            Bindings.of(file).values.get(Place(meta, "model"))
            for file, scope in ancestry(cls)
            if (meta := file.classes.get(f"{scope.name}.Meta")) is not None
        )

    def _speaks_of_models(self, owner: ast.expr) -> bool:
        """Whether something of unknown class that has a `save()` is likely a row: its file knows models."""
        imports = (name for scope in self.file.scopes for name in scope.imports.values())
        known = any(".models" in name or name.startswith("django.db") for name in imports)
        return known and isinstance(owner, (ast.Name, ast.Attribute)) and self._resolve(owner) != "self"

    # -- with and for ---------------------------------------------------------------------------------

    def _context(self, item: ast.withitem, part: Part) -> Iterator[Effect]:
        expr = item.context_expr
        called = expr.func if isinstance(expr, ast.Call) else expr
        if (resolved := self._resolve(called)) is None:
            return
        name = origin(self.file, resolved)
        if name in django.ATOMIC:
            words = "begins a transaction" if part is Part.ENTER else "ends the transaction"
            yield Ask(self._spot(expr, words), alias=alias_of(self.file, expr))
            return
        if part is Part.LEAVE and name in LEFT and isinstance(expr, ast.Call):
            yield from self._idle(expr, LEFT[name])
            return
        if (its_class := class_of(self.file, name)) is not None:
            method = "__enter__" if part is Part.ENTER else "__exit__"
            if (function := function_of(self.file, f"{its_class.dotted}.{method}")) is not None:
                yield self._run(expr, f"calls `{method}`", function)
            return
        function = function_of(self.file, name)
        if function is not None and is_generator(function.node):
            yield self._run(expr, f"calls `{function.node.name}`", function, part)

    def _run(self, node: ast.expr, words: str, function: FunctionAt, part: Part = Part.WHOLE) -> Run:
        return Run(self._spot(node, words), (Routine(function.file, function.node, part),))

    def each(self, iterated: ast.expr) -> Iterator[Effect]:
        """What happens each time that a loop asks for its next item."""
        if not isinstance(iterated, ast.Call):
            match self.things.thing(iterated):
                case Object(name=name):
                    yield from self._next_of(iterated, name)
                case None if (path := self._path(iterated)) is not None:
                    yield from self._next_of(iterated, path)
            return
        match iterated:
            case ast.Call(func=ast.Name(id="iter"), args=[called, _]):  # calls it until it gives the other
                yield from self.of_call(ast.copy_location(ast.Call(called, [], []), iterated))
                return
        for name in self.names(iterated.func):
            if name in ITERATED or class_of(self.file, name) is not None:
                yield from self._next_of(iterated, name)
                return
            if (function := function_of(self.file, name)) is not None:
                if is_generator(function.node):
                    yield self._run(
                        iterated, f"runs the generator `{function.node.name}` to its next `yield`", function, Part.ROUND
                    )
                return
            if name in django.WRAPPERS and iterated.args:
                yield from self.each(iterated.args[0])
                return

    def _path(self, expr: ast.expr) -> str | None:
        """The name of a stream: `sys.stdin`, or a field of an object of a known class."""
        if isinstance(expr, ast.Attribute):
            match self.things.thing(expr.value):
                case Object(name=name):
                    return f"{name}.{expr.attr}"
        return self._resolve(expr)

    def _next_of(self, node: ast.expr, name: str) -> Iterator[Effect]:
        """What happens when a loop, or `next`, takes an item of an object of a class, or of a stream."""
        if name in ITERATED:
            yield self._unbounded(node, ITERATED[name])
            return
        for method in ("__next__", "__anext__", "__iter__", "__aiter__"):
            function = function_of(self.file, f"{name}.{method}")
            if function is not None and (method.endswith("next__") or is_generator(function.node)):
                part = Part.ROUND if is_generator(function.node) else Part.WHOLE
                yield self._run(node, f"takes the next item by `{method}`", function, part)
                return

    def _unbounded(self, node: ast.expr, kind: Kind) -> Idle:
        """A wait without a bound."""
        lasts = UNBOUNDED
        return Idle(self._spot(node, _waiting(kind, lasts)), lasts, kind)


def flags(call: ast.Call, file: File, function: Function) -> tuple[tuple[str, bool], ...]:
    """The parameters that a function asks for their truth, where a call gives a constant, or leaves the default."""
    if any(isinstance(given, ast.Starred) for given in call.args) or any(word.arg is None for word in call.keywords):
        return ()
    asked = tested_names(function)
    args, found = function.args, {}
    named = [*args.posonlyargs, *args.args]
    defaults = dict(zip(reversed([argument.arg for argument in named]), reversed(args.defaults), strict=False))
    defaults |= {a.arg: value for a, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value}
    inner = [argument.arg for argument in named][1 if file.functions[function].class_scope else 0 :]
    given = dict(zip(inner, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
    scope = file.functions[function]
    for name in asked & (given.keys() | defaults.keys()):
        value = given.get(name, defaults.get(name))
        if isinstance(value, ast.Constant) and not Bindings.of(file).values.get(Place(scope, name)):
            found[name] = bool(value.value)
    return tuple(sorted(found.items()))


def _is_decorated(function: FunctionAt, names: Container[str]) -> bool:
    """Whether one of a function's decorators, called or not, is one of these."""
    called = (each.func if isinstance(each, ast.Call) else each for each in function.node.decorator_list)
    return any(function.file.resolve(each) in names for each in called)


def _keeps_result(function: FunctionAt) -> bool:
    """Whether what a function returns is kept, and read when it is asked for again."""
    return _is_decorated(function, django.CACHED_PROPERTIES | django.CACHES)


def _waiting(kind: Kind, lasts: Seconds) -> str:
    return f"{kind.value}, {lasts}"


def _is_super(owner: ast.expr) -> bool:
    return isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
