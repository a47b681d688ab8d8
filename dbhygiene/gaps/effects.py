"""`Query`, `Wait`, `Close`, `ProjectCall`: effects on Django's connection. They are the input of the analysis.

for order in Order.objects.all():    # Query
    time.sleep(600)                  # Wait
    notify(order)                    # ProjectCall
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Container, Iterable, Iterator
from enum import Enum
from functools import cached_property
from typing import TypeAlias

from dbhygiene.dataflow.cfg import Call, Enter, Event, Iterate, Leave, Load, Test
from dbhygiene.dataflow.limits import UNSETTLED, give_up
from dbhygiene.gaps.caches import CacheUse, cache_use, use_of
from dbhygiene.gaps.call_durations import duration, duration_by_name, item_duration, poll_duration
from dbhygiene.gaps.close_calls import asks_for_transaction, is_closed_if_lost
from dbhygiene.gaps.commands import commands_of_call, names_of_command
from dbhygiene.gaps.concurrency import call_in_thread, calls_of_executor, run_for_future
from dbhygiene.gaps.database_aliases import DEFAULT, alias_of, alias_of_subscript
from dbhygiene.gaps.duration import UNBOUNDED, Duration
from dbhygiene.gaps.lazy_fields import loads_related_row
from dbhygiene.gaps.properties import may_run_property
from dbhygiene.gaps.quick_commands import quick_arguments
from dbhygiene.gaps.signals import called_receivers
from dbhygiene.library import django
from dbhygiene.library.background import EXECUTORS, FUTURE_RESULT
from dbhygiene.library.opt_in_waits import OPT_IN
from dbhygiene.library.waits import LEFT, WAITS, WaitingCall, WaitKind, iterated_wait, wait_by_name
from dbhygiene.program import dispatch
from dbhygiene.program.arguments import bind_arguments, takes_owner
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.cached_functions import cache_of
from dbhygiene.program.callees import callees, find_callees
from dbhygiene.program.classes import FunctionAt, ancestry, class_named, foreign_bases, function_named, lineage
from dbhygiene.program.code import called_names, is_generator
from dbhygiene.program.decided_tests import decided_tests
from dbhygiene.program.definitions import Definition, enclosing_class, find_method
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.program.tasks import runs_later, task_of
from dbhygiene.program.thread_wrappers import closes_around, is_transparent
from dbhygiene.program.types import ModelInstance, ObjectInstance, QuerySet, TypeInference
from dbhygiene.source.file import File, files_with_word
from dbhygiene.source.nodes import FUNCTION, Code, Function, Located, without_arguments
from dbhygiene.source.queries import consult, query, with_inputs
from dbhygiene.source.records import Record, replace


class Location(Record):
    """A place, and its effect; `inner` is the place in the callee if this is only a call that leads there.

    `lasts` is how long a single wait takes here, if it is one.
    """

    file: File
    node: Located
    words: str
    inner: Location | None = None
    lasts: Duration | None = None

    def leading_to(self, inner: Location) -> Location:
        """Return this place as a call that leads to an inner place."""
        return replace(self, inner=inner)

    @cached_property
    def origin(self) -> Location:
        here = self
        while here.inner is not None:
            here = here.__dict__.get("origin") or here.inner  # a chain of calls may be long
        return here

    def __hash__(self) -> int:
        return hash((self.node, self.words))  # of this place alone, likewise


class Segment(Enum):
    """The part of a function that runs."""

    WHOLE = "all of it"
    ENTER = "up to its yield"  # a context manager's function
    LEAVE = "from its yield on"
    ROUND = "from one yield to the next"  # a generator's
    DRAINED = "all of it, its yields too"  # likewise


class Context(Record):
    """A function of the project, in the context of a call.

    `callbacks` are parameters that stand for known code, `closers` parameters that are functions which close the
    connection, `decided` tests whose result is known by the constant arguments of the call, `quick` parameters that are
    commands which end at once.
    """

    file: File
    code: Code
    part: Segment = Segment.WHOLE
    callbacks: tuple[tuple[str, Context], ...] = ()
    closers: tuple[str, ...] = ()
    ignore_decorators: bool = False  # without its decorators
    decided: tuple[tuple[ast.expr, bool], ...] = ()
    quick: tuple[str, ...] = ()
    alias: str = DEFAULT  # the database whose connection is analysed


def report_unsettled(routine: Context) -> None:
    """Report a function whose summary grows with each round of a recursion, in spite of widening."""
    give_up(routine.file, routine.code, UNSETTLED)


class Query(Record):
    """A query; none if `rows` hold a queryset's rows already, which it may keep from now on."""

    spot: Location
    rows: Place | None = None
    keeps: bool = True
    alias: str = DEFAULT


class MayQuery(Record):
    """Code that may query the database: the connection may be in use, although nothing else shows it."""

    spot: Location


class Wait(Record):
    """A wait: time passes."""

    spot: Location
    seconds: Duration
    kind: WaitKind


class Close(Record):
    """A close: the next query opens a fresh connection; with `by_age`, only if this one is old."""

    spot: Location
    by_age: bool = False
    alias: str | None = None  # None: all of them


class ProjectCall(Record):
    """A call of the project's code: of one of these functions, if a table or a subclass decides which.

    `once` is the place that keeps the result: from now on, a read of it runs nothing. `beside`: the code runs in
    another thread, with another connection, while this one waits.
    """

    spot: Location
    routines: tuple[Context, ...]
    once: Place | None = None
    beside: bool = False


Effect: TypeAlias = "Query | MayQuery | Wait | Close | ProjectCall"


class Effects:
    """The effects of the events of one function."""

    def __init__(self, routine: Context) -> None:
        self.file = routine.file
        self.routine = routine
        self.things = TypeInference.of(routine.file)
        self._calls: dict[ast.Call, tuple[list[Effect], int]] = {}  # with their inputs
        if not (routine.callbacks or routine.closers or routine.quick):
            self._calls = routine.file.query_results[Effects.of_call]

    def of(self, event: Event) -> list[Effect]:
        match event:
            case Call(node=call):
                return self.of_call(call)
            case Load(node=node):
                return self.of_load(node)
            case Test(node=expr):
                return self.of_test(expr)
            case Enter(node=item):
                return list(self._context(item, Segment.ENTER))
            case Leave(node=item):
                return list(self._context(item, Segment.LEAVE))
            case Iterate(node=loop):
                return list(self.of_next_item(loop.iter))
        return []

    def of_load(self, node: ast.Attribute | ast.Subscript) -> list[Effect]:
        """Return the effects of reading an item or an attribute: `queryset[0]` queries a row."""
        match node:
            case ast.Subscript(value=owner, slice=key) if not isinstance(key, ast.Slice):
                if isinstance(self.things.type_of(owner), QuerySet):
                    spot = self._location(node, "queries the database for this row")
                    return [Query(spot, self.own_place(owner), False, alias_of(self.file, owner))]
            case ast.Attribute(value=owner, attr=attr):
                if attr in django.ATTRIBUTES_ASK and f"{django.PAGINATOR}.{attr}" in self.names(node):
                    return [Query(self._location(node, "queries the database"))]
                if loads_related_row(self.file, node):
                    place = self.path(node)
                    own = place is not None and place.scope.node is self.routine.code  # its reads are all known
                    return [Query(self._location(node, f"queries the database for `{attr}`"), place)] if own else []
                if (read := self._property(owner, attr)) is not None:
                    run = self._project_call(node, f"reads the property `{attr}`", read)
                    return [replace(run, once=self.path(node)) if _keeps_result(read) else run]
        return []

    def _property(self, owner: ast.expr, attribute: str) -> FunctionAt | None:
        """Return the function that runs when an attribute of a row or an object is read."""
        if not may_run_property(self.file, attribute):
            return None  # before its owner's type is inferred, which may take a search through the project
        match self.things.type_of(owner):
            case ObjectInstance(name=name) | ModelInstance(model=str(name)):
                function = function_named(self.file, f"{name}.{attribute}")
                if function and _is_decorated(function, django.PROPERTIES):
                    return function
        return None

    def of_test(self, expr: ast.expr) -> list[Effect]:
        match expr:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[found]) if (
                use := use_of(self.file, found)
            ) is not CacheUse.NONE:
                return [self._use_cache(expr, use)]
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[found]) if isinstance(
                self.things.type_of(found), QuerySet
            ):
                spot = self._location(expr, "queries the database to search these rows")
                return [Query(spot, self.own_place(found), alias=alias_of(self.file, found))]
        if not isinstance(expr, ast.Call) and isinstance(self.things.type_of(expr), QuerySet):
            spot = self._location(expr, "queries the database to test for rows")
            return [Query(spot, self.own_place(expr), alias=alias_of(self.file, expr))]
        return []

    def of_context(self, item: ast.withitem) -> list[Effect]:
        return [*self._context(item, Segment.ENTER), *self._context(item, Segment.LEAVE)]

    def of_call(self, call: ast.Call) -> list[Effect]:
        if (known := self._calls.get(call)) is None:
            known = self._calls[call] = with_inputs(lambda: list(self._call(call)))
        else:
            consult(known[1])
        return known[0]

    def of_loop_start(self, loop: ast.For | ast.AsyncFor | ast.comprehension) -> list[Effect]:
        """Return the effects of the start of a loop: a queryset queries its rows."""
        iterated = loop.iter
        while isinstance(iterated, ast.Call) and iterated.args and self._resolve(iterated.func) in django.WRAPPERS:
            iterated = next(
                (a for a in iterated.args if isinstance(self.things.type_of(a), QuerySet)), iterated.args[0]
            )
        if isinstance(self.things.type_of(iterated), QuerySet):
            spot = self._location(iterated, "queries the database for these rows")
            return [Query(spot, self.own_place(iterated), alias=alias_of(self.file, iterated))]
        return []

    def own_place(self, expr: ast.expr) -> Place | None:
        """Return the variable of this function that an expression is."""
        place = Bindings.of(self.file).place(expr) if isinstance(expr, ast.Name) else None
        return place if place and place.scope.node is self.routine.code else None

    def path(self, expr: ast.Attribute) -> Place | None:
        """Return the path of an attribute of a variable, or of one of its attributes: `self.order.total`."""
        path, root = [expr.attr], expr.value
        while isinstance(root, ast.Attribute):
            path.append(root.attr)
            root = root.value
        if not isinstance(root, ast.Name):
            return None
        owner = Bindings.of(self.file).owner(root.id, self.file.scope_of(root))
        return Place(owner, ".".join([root.id, *reversed(path)])) if owner else None

    def _location(self, node: Located, words: str) -> Location:
        return Location(self.file, node, words)

    def _resolve(self, expr: ast.expr) -> str | None:
        return self.file.resolve(expr) if isinstance(expr, (ast.Name, ast.Attribute)) else None

    # -- names ----------------------------------------------------------------------------------------

    def names(self, func: ast.expr) -> Iterator[str]:
        """Return the dotted names that a called expression may have: by import, and by the class of its owner."""
        if isinstance(func, ast.Attribute):
            if _is_super(func.value):
                yield from self._inherited_names(func.attr)
                return
            match self.things.type_of(func.value):
                case ObjectInstance(name=name, others=others):
                    for each in (name, *others):
                        yield f"{each}.{func.attr}"
                        yield from (f"{base}.{func.attr}" for base in self._foreign_bases(each))
                case ModelInstance(model=str(name)):
                    yield f"{name}.{func.attr}"
                    yield from (f"{base}.{func.attr}" for base in self._foreign_bases(name))
        if (resolved := self._resolve(func)) is not None:
            yield canonical_name(self.file, resolved)

    def _inherited_names(self, method: str) -> Iterator[str]:
        """Return the names of a method that `super()` may find."""
        scope = self.file.functions.get(self.routine.code)
        cls = enclosing_class(self.file, scope) if scope else None
        if cls is not None:
            yield from (f"{base.dotted_name}.{method}" for base in lineage(cls)[1:])
            yield from (f"{base}.{method}" for base in foreign_bases(cls))

    def _foreign_bases(self, name: str) -> tuple[str, ...]:
        found = class_named(self.file, name)
        return foreign_bases(found) if found else ()

    # -- calls ----------------------------------------------------------------------------------------

    def _call(self, call: ast.Call) -> Iterator[Effect]:
        func = self._binding_of(call.func)
        if isinstance(func, ast.Lambda):
            yield from self._body(func.body)
            return
        if isinstance(func, ast.Call) and func.args and is_transparent(self.file, name := self._resolve(func.func)):
            inner = ast.copy_location(ast.Call(func.args[0], call.args, call.keywords), call)
            effects = [replace(effect, spot=replace(effect.spot, node=call)) for effect in self._call(inner)]
            yield from self._add_closes(call, effects) if closes_around(self.file, name) else effects
            return
        if isinstance(func, ast.Name) and func.id in self.routine.closers:
            yield Close(self._location(call, f"calls `{func.id}`, which closes the connection"))
            return
        if isinstance(func, ast.Name) and (given := dict(self.routine.callbacks).get(func.id)) is not None:
            yield ProjectCall(self._location(call, f"calls `{func.id}`"), (given,))
            return
        names = list(self.names(func))
        if any(name in django.CLOSES for name in names):
            by_age = any(name in django.CLOSES_BY_AGE for name in names)
            yield Close(self._location(call, "closes the connection"), by_age, self._closed_alias(func))
            return
        if not django.SENDS_CLOSING.isdisjoint(names):
            yield Close(self._location(call, "closes old connections"), by_age=True)
            return
        if django.IS_USABLE in names and is_closed_if_lost(self.file, call):
            yield Close(self._location(call, "tests the connection"), alias=self._closed_alias(func))
            return
        if (set_duration := self._configured_duration(names)) is not None:
            yield from self._wait_at(call, WaitKind.JOB, set_duration)
        elif (wait := next((WAITS[name] for name in names if name in WAITS), None)) is not None:
            yield from [*self._wait_for_future(call, func, names)] or self._wait(call, wait)
            return
        if self._is_query(call, func, names):
            yield self._query(call, func)
            return
        if (use := cache_use(self.file, call)) is not CacheUse.NONE:
            yield self._use_cache(call, use)
            return
        if django.CALL_COMMAND in names:
            yield from self._run_command(call)
            return
        if names == ["next"] and call.args:
            yield from self.of_next_item(call.args[0])
            return
        if (made := call_in_thread(self.file, call)) is not None:
            yield from self._run_beside(call, made)
            return
        yield from self._drain_generator(call, names)
        yield from self._run_queued_task(call, func)
        if receivers := called_receivers(self.file, func):
            routines = tuple(Context(each.file, each.node) for each in receivers)
            yield from (ProjectCall(self._location(call, "calls the signal's receivers"), (each,)) for each in routines)
            return
        found = [*self._project(call, func, names)] or [*self._wait_by_name(call, func, names)]
        if not found and self._is_method_of_unknown_row(func):
            found = [MayQuery(self._location(call, "may query the database"))]
        yield from found

    def _is_method_of_unknown_row(self, func: ast.expr) -> bool:
        """Whether a call runs a method that a model of the project defines, of a row whose model is not known."""
        match func:
            case ast.Attribute(value=owner, attr=name) if self.things.type_of(owner) == ModelInstance(None):
                return bool(files_with_word(self.file, f"def {name}("))
        return False

    def _add_closes(self, call: ast.Call, effects: Iterable[Effect]) -> Iterator[Effect]:
        """Add the close of old connections before and after the effects of a call, if the library does so."""
        close = Close(self._location(call, "closes old connections"), by_age=True)
        yield from (close, *effects, close)

    def _body(self, body: ast.expr) -> Iterator[Effect]:
        """Return the effects of a lambda: `f()`, or `connection.in_atomic_block or connection.close()`."""
        match body:
            case ast.Call():
                yield from self.of_call(body)
            case ast.BoolOp(op=ast.Or(), values=[test, ast.Call() as closer]) if asks_for_transaction(test):
                yield from self.of_call(closer)

    def _wait(self, call: ast.Call, wait: WaitingCall) -> Iterator[Wait]:
        """Return the wait of a call, if it waits."""
        lasts = poll_duration(self.file, call, duration(self.file, call, wait, self.routine.quick))
        return self._wait_at(call, wait.kind, lasts)

    def _wait_by_name(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> Iterator[Effect]:
        """Return the wait of a method of another library whose name says that it waits; functions have time limits."""
        if not isinstance(func, ast.Attribute) or self._resolve(func) is not None or wait_by_name(func.attr) is None:
            return
        foreign = [name for name in names if find_module(self.file, name) is None]
        if not names:
            foreign = [func.attr] if not files_with_word(self.file, f"def {func.attr}(") else []
        if (kind := next(filter(None, map(wait_by_name, foreign)), None)) is not None:
            yield from self._wait_at(call, kind, poll_duration(self.file, call, duration_by_name(self.file, call)))

    def _run_beside(self, node: ast.expr, made: ast.Call) -> Iterator[Effect]:
        """Return the effect of waiting for a call that another thread makes."""
        for effect in self._call(made):
            match effect:
                case Wait(spot=spot):
                    yield replace(effect, spot=replace(spot, node=node))
                case ProjectCall(spot=spot, routines=routines):
                    yield ProjectCall(replace(spot, node=node), routines, beside=True)

    def _wait_for_future(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> Iterator[Effect]:
        """Return the effects of waiting for what an executor runs, if the functions are the project's."""
        if FUTURE_RESULT not in names or call.args or call.keywords or not isinstance(func, ast.Attribute):
            return
        made = run_for_future(self.file, func.value)
        found = [[*self._run_beside(call, each)] for each in made]
        if all(found):
            yield from (effect for effects in found for effect in effects)

    def _run_command(self, call: ast.Call) -> Iterator[Effect]:
        """Return the effects of `call_command`; a command that is chosen at run time may be any long job."""
        commands = commands_of_call(self.file, call)
        if commands is None:
            yield from self._wait_at(call, WaitKind.COMMAND, UNBOUNDED)
        elif commands:
            routines = tuple(Context(each.file, each.node) for each in commands)
            yield ProjectCall(self._location(call, "runs another command"), routines)
        elif any(name in django.COMMANDS_ASK for name in names_of_command(self.file, call.args[0]) or ()):
            yield Query(self._location(call, "queries the database: runs one of Django's commands"))

    def _closed_alias(self, func: ast.expr) -> str | None:
        """Return the alias whose connection a call closes; None if it closes all, or an unknown one."""
        if not isinstance(func, ast.Attribute) or func.attr != "close":
            return None
        if self._resolve(func.value) == django.CONNECTION:
            return DEFAULT
        if isinstance(func.value, ast.Subscript):
            return alias_of_subscript(self.file, func.value)
        named = alias_of(self.file, func.value)
        return named if named != DEFAULT else None

    def _use_cache(self, node: ast.expr, use: CacheUse) -> Effect:
        """Return the effect of a call of Django's cache."""
        if use is CacheUse.UNKNOWN:
            return MayQuery(self._location(node, "may query the database"))
        return Query(self._location(node, "queries the database for the cache, which is one of its tables"))

    def _configured_duration(self, names: Iterable[str]) -> Duration | None:
        """Return the duration that the user configured for a function of one of these names, or for its package."""
        gaps = self.file.project.settings.gaps
        for name in names if gaps else ():
            package, _, rest = name.partition(".")
            of_package = rest.rpartition(".")[2] in OPT_IN.get(package, ())
            if (found := gaps.get(name) or (gaps.get(package) if of_package else None)) is not None:
                return Duration(found.least, found.most, found.most)
        return None

    def _binding_of(self, func: ast.expr) -> ast.expr:
        """Return the called expression, or the call that makes it in `f = sync_to_async(g)`."""
        if isinstance(func, ast.Name):
            bindings = Bindings.of(self.file)
            place = bindings.place(func)
            match bindings.values.get(place, ()) if place is not None and place not in bindings.unclear else ():
                case [ast.Call(func=maker, args=[ast.Attribute() | ast.Name() | ast.Lambda(), *_]) as made]:
                    return made if is_transparent(self.file, self._resolve(maker)) else func
        return func

    def _drain_generator(self, call: ast.Call, names: Iterable[str]) -> Iterator[Effect]:
        """Return the effects of `list(generator())`: all of a generator runs at once."""
        if any(name in django.DRAINS for name in names) and isinstance(given := next(iter(call.args), None), ast.Call):
            for name in self.names(given.func):
                if (function := function_named(self.file, name)) is not None and is_generator(function.node):
                    yield self._project_call(
                        call, f"runs the generator `{function.node.name}` to its end", function, Segment.DRAINED
                    )
                    return

    def _run_queued_task(self, call: ast.Call, func: ast.expr) -> Iterator[Effect]:
        """Return the effects of `task.apply()`, which runs a task of a worker here."""
        if isinstance(func, ast.Attribute) and func.attr in {"apply", "call_local"}:
            if (task := task_of(self.file, func.value)) is not None:
                yield self._project_call(call, f"runs `{task.node.name}`", task)

    def _project(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> Iterator[Effect]:
        """Return the effects of the project's own function, or of any that the call may run."""
        candidates = self._candidates(call, func, names)
        meant = [each for each in candidates if not (is_generator(each.node) or runs_later(each))]
        if meant:
            routines = tuple(self._context_for(call, each) for each in meant)
            words = " or ".join(dict.fromkeys(f"`{each.node.name}`" for each in meant[:3]))
            once = Place(meant[0].file.functions[meant[0].node], "") if all(map(_keeps_result, meant)) else None
            run = ProjectCall(self._location(call, f"calls {words}"), routines, once)
            around = all(_is_closed_around(each) for each in meant)
            yield from self._add_closes(call, [run]) if around else [run]

    def _context_for(self, call: ast.Call, function: FunctionAt) -> Context:
        """Return a function in the context of a call's arguments."""
        handed = list(self._callback_arguments(call, function))
        given = tuple((name, code) for name, value in handed if (code := self._context_of(value)) is not None)
        closers = tuple(name for name, value in handed if self._closes(value))
        known = decided_tests(self.file, call, function.file, function.node)
        quick = tuple(quick_arguments(self.file, call, function, self.routine.quick))
        return Context(function.file, function.node, callbacks=given, closers=closers, decided=known, quick=quick)

    def candidates(self, call: ast.Call) -> tuple[FunctionAt, ...]:
        """Return the functions of the project that a call may run."""
        return self._candidates(call, call.func, list(self.names(call.func)))

    def _candidates(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> tuple[FunctionAt, ...]:
        """Return the functions of the project that a call may run."""
        scope = self.file.functions.get(self.routine.code)
        resolved = callees(self.file, call, scope).definitions if scope is not None else ()
        if not resolved:  # find them by the types of objects and by tables of functions
            named = [found for name in names if (found := find_callees(self.file, name).definitions)]
            resolved = tuple(itertools.chain(*(named if self._may_be_another(func) else named[:1])))
        run = (
            each
            for definition in resolved or dispatch.definitions(self.file, func)
            for each in _function_of_call(definition)
        )
        return tuple({each.node: each for each in run}.values())

    def _may_be_another(self, func: ast.expr) -> bool:
        """Whether the owner of a method may be of several classes."""
        owner = self.things.type_of(func.value) if isinstance(func, ast.Attribute) else None
        return isinstance(owner, ObjectInstance) and bool(owner.others)

    def _callback_arguments(self, call: ast.Call, function: FunctionAt) -> Iterator[tuple[str, ast.expr]]:
        """Return the parameters that a function calls or passes on, each with its argument."""
        wanted = called_names(function.node)
        given = bind_arguments(call, function.node, bound=takes_owner(function.file.functions[function.node]))
        yield from ((name, value) for name, value in given.items() if name in wanted)

    def _closes(self, value: ast.expr) -> bool:
        """Whether a value is a function that closes the connection: `connection.close`, or a lambda that calls it."""
        if isinstance(value, ast.Name) and value.id in self.routine.closers:
            return True
        called = value.body.func if isinstance(value, ast.Lambda) and isinstance(value.body, ast.Call) else value
        return any(name in django.CLOSES for name in self.names(called))

    def _context_of(self, value: ast.expr) -> Context | None:
        if isinstance(value, ast.Name) and (given := dict(self.routine.callbacks).get(value.id)) is not None:
            return given
        match value:
            case ast.Call(func=maker, args=[inner, *_]) if self._resolve(maker) == "functools.partial":
                return self._context_of(inner)
            case ast.Lambda() if not self._closes(value):
                return Context(self.file, _as_function(self.file, value))
        name = self._resolve(value)
        found = function_named(self.file, name) if name else None
        return Context(found.file, found.node) if found and not is_generator(found.node) else None

    def _query(self, call: ast.Call, func: ast.expr) -> Query:
        spot = self._location(call, "queries the database")
        match func:
            case ast.Name() if call.args:  # `list(queryset)`
                return Query(spot, self.own_place(call.args[0]), alias=alias_of(self.file, call.args[0]))
            case ast.Attribute(value=owner, attr="count" | "exists" | "__len__"):
                return Query(spot, self.own_place(owner), False, alias_of(self.file, call))
        return Query(spot, alias=alias_of(self.file, call))

    def _is_query(self, call: ast.Call, func: ast.expr, names: Iterable[str]) -> bool:
        if any(name in django.ASKS for name in names):
            return True
        if any(name in django.CONSUMERS for name in names):
            return any(isinstance(self.things.type_of(argument), QuerySet) for argument in call.args[:1])
        if django.SERIALIZE in names:
            return any(isinstance(self.things.type_of(argument), QuerySet) for argument in call.args[1:2])
        if not isinstance(func, ast.Attribute):
            return False
        owner, method = self.things.type_of(func.value), func.attr
        match owner:
            case QuerySet():
                return method in django.RELATED_ASKS
            case ModelInstance(model=model):
                overridden = (
                    model is not None and not _is_super(func.value) and function_named(self.file, f"{model}.{method}")
                )
                asks = method in django.ROW_ASKS or method.startswith(django.ROW_ASKS_BY_FIELD)
                return asks and not overridden
            case ObjectInstance(name=name) if method == "is_valid":
                cls = class_named(self.file, name)
                return cls is not None and any(base.endswith(django.CHECKS_ROWS) for base in foreign_bases(cls))
            case ObjectInstance(name=name) if method == "save" and not call.keywords:  # as in `commit=False`
                return self._is_bound_to_model(name)
        if self.things.is_related(func.value):
            return method in django.RELATED_ASKS
        if method in django.SURELY_ROW_ASKS or (method in django.DISTINCTIVE and method in django.QUERYSET_ASKS):
            return True
        return method == "save" and not call.args and self._may_be_row(func.value)

    def _is_bound_to_model(self, name: str) -> bool:
        """Whether a class is a form or a serializer that writes rows: by its `Meta`, or by the name of a base."""
        cls = class_named(self.file, name)
        if cls is None:
            return False
        if any(base.endswith(django.WRITES_ROWS) for base in foreign_bases(cls)):
            return True
        return any(
            Bindings.of(file).values.get(Place(meta, "model"))
            for file, scope in ancestry(cls)
            if (meta := file.classes.get(f"{scope.name}.Meta")) is not None
        )

    def _may_be_row(self, owner: ast.expr) -> bool:
        """Whether an object of unknown class that has a `save()` is likely a row: its file mentions models."""
        known = any(".models" in name or name.startswith("django.db") for name in self.file.imported_names)
        return known and isinstance(owner, (ast.Name, ast.Attribute)) and self._resolve(owner) != "self"

    # -- with and for ---------------------------------------------------------------------------------

    def _context(self, item: ast.withitem, part: Segment) -> Iterator[Effect]:
        expr = item.context_expr
        called = without_arguments(expr)
        if (resolved := self._resolve(called)) is None:
            return
        name = canonical_name(self.file, resolved)
        if name in django.ATOMIC:
            words = "begins a transaction" if part is Segment.ENTER else "ends the transaction"
            yield Query(self._location(expr, words), alias=alias_of(self.file, expr))
            return
        if part is Segment.LEAVE and name in EXECUTORS:
            for made in calls_of_executor(self.file, item):
                yield from self._run_beside(expr, made)
            return
        if part is Segment.LEAVE and name in LEFT and isinstance(expr, ast.Call):
            yield from self._wait(expr, LEFT[name])
            return
        if (its_class := class_named(self.file, name)) is not None:
            method = "__enter__" if part is Segment.ENTER else "__exit__"
            if (function := function_named(self.file, f"{its_class.dotted_name}.{method}")) is not None:
                yield self._project_call(expr, f"calls `{method}`", function)
            return
        function = function_named(self.file, name)
        if function is not None and is_generator(function.node):
            yield self._project_call(expr, f"calls `{function.node.name}`", function, part)

    def _project_call(
        self, node: ast.expr, words: str, function: FunctionAt, part: Segment = Segment.WHOLE
    ) -> ProjectCall:
        return ProjectCall(self._location(node, words), (Context(function.file, function.node, part),))

    def of_next_item(self, iterated: ast.expr) -> Iterator[Effect]:
        """Return the effects of a loop that takes its next item."""
        if not isinstance(iterated, ast.Call):
            match self.things.type_of(iterated):
                case ObjectInstance(name=name):
                    yield from self._next_of(iterated, name)
                case None if (path := self._path(iterated)) is not None:
                    yield from self._next_of(iterated, path)
            return
        match iterated:
            case ast.Call(func=ast.Name(id="iter"), args=[called, _]):  # calls it until it gives the other
                yield from self.of_call(ast.copy_location(ast.Call(called, [], []), iterated))
                return
        for name in self.names(iterated.func):
            if iterated_wait(name) is not None or class_named(self.file, name) is not None:
                yield from self._next_of(iterated, name)
                return
            if (function := function_named(self.file, name)) is not None:
                if is_generator(function.node):
                    yield self._project_call(
                        iterated,
                        f"runs the generator `{function.node.name}` to its next `yield`",
                        function,
                        Segment.ROUND,
                    )
                    return
                break  # its result is iterated
            if name in django.WRAPPERS and iterated.args:
                yield from self.of_next_item(iterated.args[0])
                return
        match self.things.type_of(iterated):
            case ObjectInstance(name=name):
                yield from self._next_of(iterated, name)

    def _path(self, expr: ast.expr) -> str | None:
        """Return the name of a stream: `sys.stdin`, or a field of an object of a known class."""
        if isinstance(expr, ast.Attribute):
            match self.things.type_of(expr.value):
                case ObjectInstance(name=name):
                    return f"{name}.{expr.attr}"
        return self._resolve(expr)

    def _next_of(self, node: ast.expr, name: str) -> Iterator[Effect]:
        """Return the effects of a loop, or of `next`, that takes an item of an object of a class, or of a stream."""
        if (kind := iterated_wait(name)) is not None:
            yield from self._wait_at(node, kind, item_duration(self.file, node, name))
            return
        for method in ("__next__", "__anext__", "__iter__", "__aiter__"):
            found = find_callees(self.file, f"{name}.{method}").definitions  # those of subclasses, too
            routines = tuple(
                Context(each.file, each.node, Segment.ROUND if is_generator(each.node) else Segment.WHOLE)
                for each in found
                if isinstance(each.node, FUNCTION) and (method.endswith("next__") or is_generator(each.node))
            )
            if routines:
                yield ProjectCall(self._location(node, f"takes the next item with `{method}`"), routines)
                return

    def _wait_at(self, node: ast.expr, kind: WaitKind, lasts: Duration) -> Iterator[Wait]:
        """Return a wait, if it takes any time."""
        if lasts.most:
            yield Wait(Location(self.file, node, kind.value, lasts=lasts), lasts, kind)


@query
def _as_function(file: File, made: ast.Lambda) -> Function:
    """Return a lambda as a function, which `file.functions` does not have."""
    returns = ast.copy_location(ast.Return(made.body), made.body)
    function = ast.FunctionDef("<lambda>", made.args, [returns], [], None, None)
    return ast.copy_location(function, made)


def _function_of_call(definition: Definition) -> Iterator[FunctionAt]:
    """Return the function that runs when a definition is called: itself, or the constructor of a class."""
    if isinstance(definition.node, FUNCTION):
        yield FunctionAt(definition.file, definition.node)
    elif (made := find_method(definition, "__init__")) is not None and isinstance(made.node, FUNCTION):
        yield FunctionAt(made.file, made.node)


def _is_decorated(function: FunctionAt, names: Container[str]) -> bool:
    """Whether one of a function's decorators, called or not, has one of these names."""
    called = (without_arguments(each) for each in function.node.decorator_list)
    return any(function.file.resolve(each) in names for each in called)


def _is_closed_around(function: FunctionAt) -> bool:
    """Whether one of a function's decorators closes old connections around each call."""
    called = (without_arguments(each) for each in function.node.decorator_list)
    return any(closes_around(function.file, function.file.resolve(each)) for each in called)


def _keeps_result(function: FunctionAt) -> bool:
    """Whether later reads of a property or calls of a function do not run it again."""
    return cache_of(function.file, function.node, django.CACHED_PROPERTIES | django.CACHES) is not None


def _is_super(owner: ast.expr) -> bool:
    return isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
