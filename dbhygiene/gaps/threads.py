"""`Thread`: the threads that a program starts, the code of each, and whether it ends before the process does.

Thread(target=count).start()    # a `Thread` with the code of `count`, which Django gives a connection of its own
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import TypeGuard

from dbhygiene.diagnostics.model import Impact
from dbhygiene.gaps.decorators import with_decorators
from dbhygiene.gaps.django_settings import age_of_connections
from dbhygiene.gaps.effects import Close, Context, Effects, Location, ProjectCall, Query, Wait
from dbhygiene.gaps.entry_points import functions_of
from dbhygiene.gaps.reachability import AgeCheck, EffectSet, Reachability, first_query
from dbhygiene.library import django
from dbhygiene.library.background import (
    HANDS_OVER,
    RUNS_IN_THREADS,
    THREAD_CLASSES,
    THREAD_POOLS,
    THREADS,
    THREADS_IF_FALSE,
)
from dbhygiene.library.entry_points import PASSIVE_BASES
from dbhygiene.library.waits import WaitKind
from dbhygiene.lifetimes.impact import runs
from dbhygiene.program.arguments import argument, bind_arguments, has_parameter, named_parameters
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.cached_functions import cache_of
from dbhygiene.program.classes import FunctionAt, class_named, foreign_bases
from dbhygiene.program.code import calls_in, is_generator, own_nodes
from dbhygiene.program.definitions import Definition, find_method
from dbhygiene.program.dispatch import functions
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.program.names import canonical_name
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.source.file import File, function_around
from dbhygiene.source.nodes import FUNCTION, Code, Function, argument_values, is_none, keyword_value, last_name
from dbhygiene.source.queries import query
from dbhygiene.source.records import Record


class Thread(Record):
    """A function that a call starts in a thread, with the expressions that the call passes to it.

    `runs` is the method of a class of the project that calls the function; None if there is no such method.
    """

    file: File
    function: Function
    starter: File
    arguments: tuple[ast.expr, ...]
    runs: FunctionAt | None = None


class UnclosedThreads(Record):
    """Threads that leave their connection open, and the calls of the file that start one of their functions."""

    threads: tuple[Thread, ...]
    calls: tuple[ast.Call, ...]


@query
def unclosed_threads(file: File) -> tuple[UnclosedThreads, ...]:
    """Return the threads of a file that leave their connection open: each function once, at the first call."""
    kept: dict[ast.Call, dict[Function, Thread]] = {}
    for call in sorted(file.nodes(ast.Call), key=lambda call: (call.lineno, call.col_offset)):
        kept[call] = {thread.function: thread for thread in threads(file, call) if keeps_connection(thread)}
        if kept[call] and is_lent_to_lasting_pool(file, call):
            kept[call] = {
                function: thread for function, thread in kept[call].items() if not _keeps_for_next_job(thread)
            }
    seen, found = set[Function](), list[UnclosedThreads]()
    for started in kept.values():
        new = {function: thread for function, thread in started.items() if function not in seen}
        seen |= new.keys()
        if new:
            calls = tuple(each for each, others in kept.items() if new.keys() & others.keys())
            found.append(UnclosedThreads(tuple(new.values()), calls))
    return tuple(found)


def threads(file: File, call: ast.Call) -> Iterator[Thread]:
    """Return the functions that a call starts in a thread: one of its own, or one of a pool.

    A coroutine function, or a generator function, only makes an object there: its body does not run.
    """
    target = _target(file, call)
    if target is None:
        yield from _threads_of_class(file, call)
        return
    yield from _begin(file, target, file, tuple(_thread_arguments(call, target)))


def _begin(
    file: File, target: ast.expr | Function, starter: File, handed: tuple[ast.expr, ...], runs: FunctionAt | None = None
) -> Iterator[Thread]:
    """Return the threads that begin with the function that an expression of a file names."""
    for owner, function in _functions_of_target(file, target):
        if _runs_at_once(function):
            yield Thread(owner, function, starter, handed, runs)


def _functions_of_target(file: File, target: ast.expr | Function) -> Iterator[tuple[File, Code]]:
    """Return the functions that a target is; if it is a call, it has run before, and its result is the function."""
    if isinstance(target, FUNCTION):
        yield file, target
    elif isinstance(target, (ast.Name, ast.Attribute, ast.Lambda, ast.Constant)) or _is_partial(file, target):
        yield from functions_of(file, target)
    else:
        yield from ((found.file, found.node) for found in functions(file, target))


def _is_partial(file: File, target: ast.expr) -> bool:
    return isinstance(target, ast.Call) and file.resolve(target.func) == "functools.partial"


def _runs_at_once(function: Code) -> TypeGuard[ast.FunctionDef]:
    return isinstance(function, ast.FunctionDef) and not is_generator(function)


def _target(file: File, call: ast.Call) -> ast.expr | Function | None:
    """Return the argument that is the thread's function, or the function that the call decorates."""
    if (name := file.resolve(call.func)) in THREADS:
        return argument(call, *THREADS[name])
    if name in THREADS_IF_FALSE:
        position, word, switch = THREADS_IF_FALSE[name]
        if not _is_false(call, switch):
            return None
        decorated = file.parents.get(call)
        is_decorator = isinstance(decorated, FUNCTION) and call in decorated.decorator_list
        return decorated if is_decorator else argument(call, position, word)  # type: ignore[return-value]
    if isinstance(call.func, ast.Attribute) and call.func.attr in HANDS_OVER:
        is_loop = call.func.attr == "run_in_executor"
        pool = argument(call, 0, "executor") if is_loop else call.func.value
        if pool is not None and (_is_pool(file, pool) or (is_loop and is_none(pool))):
            return argument(call, *HANDS_OVER[call.func.attr])
    if isinstance(call.func, ast.Attribute) and call.func.attr in RUNS_IN_THREADS:
        package, word, without = RUNS_IN_THREADS[call.func.attr]
        is_threaded = package in file.imported_packages and not re.search(rf"\b(?:{without})\b", file.text)
        return keyword_value(call, word) if is_threaded and not _is_parameter(file, call.func.value) else None
    return None


def is_lent_to_lasting_pool(file: File, call: ast.Call) -> bool:
    """Whether a call passes a job to a pool that lives as long as the process: in a global variable, or a field.

    Its threads are few, and do not end. A pool that each request makes, or a view object, is none.
    """
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in HANDS_OVER:
        return False
    pool = argument(call, 0, "executor") if call.func.attr == "run_in_executor" else call.func.value
    bindings = Bindings.of(file)
    place = bindings.place(pool) if pool is not None else None
    if place is None or isinstance(place.scope.node, FUNCTION):
        return False
    return any(_is_made_for_long(file, made) for made in bindings.values.get(place, ()) if not is_none(made))


def _is_made_for_long(file: File, made: ast.expr) -> bool:
    """Whether a pool is made at module level, or by a class that no framework makes objects of, for each request."""
    function = function_around(file, made)
    if function is None:
        return True
    scope = file.functions[function].class_scope
    if scope is None:
        return runs(file, made, by_exception=False, may_last=True).impact is Impact.ONCE
    cls = Definition(file, scope.node, scope.name)  # type: ignore[arg-type]
    if not PASSIVE_BASES.issuperset(foreign_bases(cls)):
        return False
    return runs(file, made, by_exception=False).impact is not Impact.REPEATED


def _keeps_for_next_job(thread: Thread) -> bool:
    """Whether a job checks the age of its connection, so that the next one in its thread gets no lost connection."""
    age = age_of_connections(thread.file)
    return age is not None and age < inf and checks_age(thread)


def _is_parameter(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a parameter: such an object runs its functions in the thread where it is used."""
    function = function_around(file, expr)
    return isinstance(expr, ast.Name) and isinstance(function, FUNCTION) and has_parameter(function, expr.id)


def _is_false(call: ast.Call, name: str) -> bool:
    """Whether a call passes False by this name."""
    return any(
        word.arg == name and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def _is_pool(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a pool of threads, of the library's class or of one derived from it."""
    owner = TypeInference.of(file).type_of(expr)
    if not isinstance(owner, ObjectInstance):
        return False
    cls = class_named(file, owner.name)
    return not THREAD_POOLS.isdisjoint(foreign_bases(cls) if cls else (owner.name,))


# -- classes of threads -----------------------------------------------------------------------------------


def _threads_of_class(file: File, call: ast.Call) -> Iterator[Thread]:
    """Return the threads of a call that makes an object of a thread class of the project.

    Such a thread runs its `run`. If `run` calls the inherited one, or is missing, it runs the constructor's target.
    """
    name = file.resolve(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else None
    if name is None or not _may_be_thread_class(file, name):
        return
    cls = class_named(file, canonical_name(file, name))
    kind = next((base for base in foreign_bases(cls) if base in THREAD_CLASSES), None) if cls else None
    if cls is None or kind is None or not _may_start(file, call, cls):
        return
    run = find_method(cls, "run")
    own = FunctionAt(run.file, run.node) if run is not None and isinstance(run.node, FUNCTION) else None
    handed = tuple(argument_values(call))
    if own is None or _calls_inherited_run(own):
        if (given := _target_of_class(cls, kind, file, call)) is not None:
            where, target = given
            rest = tuple(each for each in handed if each is not target)
            yield from _begin(where, target, file, rest, own)
    elif _runs_at_once(own.node):
        yield Thread(own.file, own.node, file, handed)


def _may_be_thread_class(file: File, name: str) -> bool:
    """Whether a dotted name may be a class of threads: most classes of other files are none, as their names show."""
    is_own = name.startswith(f"{file.module}.")
    return is_own or name.rpartition(".")[2] in _names_of_thread_classes(file)


@query
def _names_of_thread_classes(file: File) -> frozenset[str]:
    """Return the names that classes of threads of the project may have, by its texts."""
    project = file.project
    classes = {each.name for kind in THREAD_CLASSES for each in project.class_texts_below(kind.rpartition(".")[2])}
    return frozenset(name for each in classes for name in project.names_for(each))


def _may_start(file: File, made: ast.Call, cls: Definition) -> bool:
    """Whether an object of a thread class is started, or leaves the function that makes it, where that may happen.

    Many classes of threads have methods that their users call directly, for objects that are never started.
    """
    if any(_is_method(part, "self", "start") for part in ast.walk(cls.node)):
        return True
    match file.parents.get(made):
        case ast.Attribute(attr=attr):
            return attr == "start"
        case ast.Assign(targets=[ast.Name(id=name) as target]):
            scope = file.scope_of(target)
            if scope is file.scope or name in scope.globals:
                return True
            uses = (use for use in file.nodes(ast.Name) if use.id == name and isinstance(use.ctx, ast.Load))
            return any(_may_start_by(file, use) for use in uses if scope.node in file.around(use))
    return True


def _may_start_by(file: File, use: ast.Name) -> bool:
    above = file.parents.get(use)
    return not isinstance(above, ast.Attribute) or above.attr == "start"


def _is_method(node: ast.AST, owner: str, attr: str) -> bool:
    """Whether a node is `owner.attr`."""
    return isinstance(node, ast.Attribute) and node.attr == attr and last_name(node.value) == owner


def _calls_inherited_run(run: FunctionAt) -> bool:
    """Whether a `run` calls that of the library's class: by `super`, by the class, or by the field behind both."""
    calls = calls_in(own_nodes(run.node))
    return any(
        isinstance(call.func, ast.Attribute)
        and (call.func.attr == "_target" or (call.func.attr == "run" and _is_inherited(run.file, call.func.value)))
        for call in calls
    )


def _is_inherited(file: File, owner: ast.expr) -> bool:
    """Whether an expression is `super()`, or the library's class of threads."""
    is_super = isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id == "super"
    return is_super or file.resolve(owner) in THREAD_CLASSES


def _target_of_class(cls: Definition, kind: str, file: File, call: ast.Call) -> tuple[File, ast.expr] | None:
    """Return the function that a class's constructor passes to the library's, and the file where it stands."""
    init = find_method(cls, "__init__")
    if init is None or not isinstance(init.node, FUNCTION):
        given = argument(call, *THREAD_CLASSES[kind])
        return (file, given) if given is not None else None
    for inner in calls_in(own_nodes(init.node)):
        match inner.func:
            case ast.Attribute(value=owner, attr="__init__") if _is_inherited(init.file, owner):
                position, word = THREAD_CLASSES[kind]
                by_class = not isinstance(owner, ast.Call)  # `Thread.__init__(self, ...)`
                given = argument(inner, position + by_class, word)
                if given is None and any(keyword.arg is None for keyword in inner.keywords):
                    given = argument(call, position, word)  # `super().__init__(**kwargs)`
                    return (file, given) if given is not None else None
                return _value_for_caller(init, file, call, given) if given is not None else None
    return None


def _value_for_caller(init: Definition, file: File, call: ast.Call, given: ast.expr) -> tuple[File, ast.expr] | None:
    """Return the value of an expression in a constructor: for a parameter, the argument of the call."""
    assert isinstance(init.node, FUNCTION)
    if isinstance(given, ast.Name) and has_parameter(init.node, given.id):
        passed = bind_arguments(call, init.node, bound=True).get(given.id)
        return (file, passed) if passed is not None else None
    return init.file, given


def _thread_arguments(call: ast.Call, target: ast.expr | Function) -> Iterator[ast.expr]:
    """Return the expressions that the thread's function may get: by the call, or by `partial` or a lambda in it."""
    todo = argument_values(call)
    while todo:
        match part := todo.pop():
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Dict(values=parts):
                todo += parts
            case ast.Starred(value=inner):
                todo.append(inner)
            case (
                ast.Call(args=arguments, keywords=words) | ast.Lambda(body=ast.Call(args=arguments, keywords=words))
            ) if part is target:
                todo += [*arguments, *(word.value for word in words)]
            case _ if part is not target:
                yield part


def keeps_connection(thread: Thread) -> bool:
    """Whether a thread queries the database, closes nothing, and ends, and all of its code is known."""
    handed = [found for expr in thread.arguments for found in functions_of(thread.starter, expr)]
    reach = _explore(thread)
    is_known = not any(place for doing in reach for place in _unknown_calls(doing, reach))
    asks = _asks(reach)
    reach.explore(handed)
    if not asks and (is_known or not _asks(reach)):
        return False
    if any(Close in doing.effects or _lives_on(doing) for doing in reach):
        return False
    return (is_known or bool(handed)) and not any(_closes(thread.starter, expr) for expr in thread.arguments)


def closing_calls(thread: Thread) -> Iterator[Location]:
    """Return where the code of a thread closes its connection."""
    for doing in _explore(thread):
        effects = Effects(Context(doing.file, doing.code, ignore_decorators=True))
        for node in own_nodes(doing.code):
            if isinstance(node, ast.Call):
                yield from (each.spot for each in effects.of_call(node) if isinstance(each, Close))


def unknown_calls(thread: Thread) -> Iterator[Location]:
    """Return where the code of a thread calls a parameter whose value is unknown: it may close the connection."""
    reach = _explore(thread)
    for doing in reach:
        yield from _unknown_calls(doing, reach)


def _asks(reach: Reachability) -> bool:
    return any(Query in doing.effects for doing in reach)


def queries_once(thread: Thread) -> bool:
    """Whether all queries of a thread lie in functions whose result is cached, and that it calls with constants.

    Only the first thread of the process queries then.
    """
    handed = [found for expr in thread.arguments for found in functions_of(thread.starter, expr)]
    reach = _explore(thread, handed, leave_out=_is_cached)
    if _asks(reach):
        return False
    return all(_passes_constants(call) for doing in reach for call in _cached_calls(doing))


def _passes_constants(call: ast.Call) -> bool:
    return all(isinstance(each, ast.Constant) for each in argument_values(call))


def _cached_calls(doing: EffectSet) -> Iterator[ast.Call]:
    """Yield the calls in a function that run one whose result is cached."""
    effects = Effects(Context(doing.file, doing.code, ignore_decorators=True))
    for call in calls_in(own_nodes(doing.code)):
        for effect in effects.of_call(call):
            if isinstance(effect, ProjectCall) and any(_is_cached(each.file, each.code) for each in effect.routines):
                yield call


def _is_cached(file: File, code: Code) -> bool:
    return isinstance(code, FUNCTION) and cache_of(file, code) is not None


def checks_age(thread: Thread) -> bool:
    """Whether a thread closes connections by their age alone, although settings let them live on."""
    return any(AgeCheck in doing.effects for doing in _explore(thread))


def query_of(thread: Thread) -> Location | None:
    """Return where a thread queries the database: in its own function, if that does so."""
    handed = [found for expr in thread.arguments for found in functions_of(thread.starter, expr)]
    return first_query(_explore(thread, handed))


def _explore(
    thread: Thread,
    handed: Iterable[tuple[File, Code]] = (),
    leave_out: Callable[[File, Code], bool] | None = None,
) -> Reachability:
    reach = Reachability(thread.file.project, sync_only=True, leave_out=leave_out)
    reach.explore([(thread.file, thread.function)])
    reach.explore([(thread.runs.file, thread.runs.node)] if thread.runs is not None else [])
    reach.explore(handed)
    return reach


def _closes(file: File, expr: ast.expr) -> bool:
    """Whether an expression is a function that closes the connection: `connection.close`."""
    called = expr.body.func if isinstance(expr, ast.Lambda) and isinstance(expr.body, ast.Call) else expr
    return any(name in django.CLOSES for name in Effects(Context(file, file.tree)).names(called))


def _lives_on(doing: EffectSet) -> bool:
    """Whether a function runs as long as the process: in a loop until it is stopped, or as a server."""
    return any(is_endless(doing.file, node) for node in own_nodes(doing.code)) or _serves(doing.file, doing.code)


@query
def _serves(file: File, code: Code) -> bool:
    effects = Effects(Context(file, code, ignore_decorators=True))
    calls = calls_in(own_nodes(code))
    return any(isinstance(e, Wait) and e.kind is WaitKind.SERVER for call in calls for e in effects.of_call(call))


def _unknown_calls(doing: EffectSet, reach: Reachability) -> Iterator[Location]:
    """Return where a function calls a parameter whose value is unknown."""
    given = _known_callbacks(doing, reach)
    for node in own_nodes(doing.code):
        if isinstance(node, ast.Call) and (name := _parameter(doing.file, node.func)) is not None and name not in given:
            yield Location(doing.file, node.func, "calls a parameter")


def _parameter(file: File, called: ast.expr) -> str | None:
    """Return the parameter that is called: of the function, of one around it, or kept in a field by the constructor."""
    bindings = Bindings.of(file)
    match called:
        case ast.Name(id=name):
            owner = bindings.owner(name, file.scope_of(called))
            if owner is None or not isinstance(owner.node, FUNCTION) or name not in _parameters(owner.node):
                return None
            return name
        case ast.Attribute(attr=name) if (place := bindings.place(called)) is not None:
            values = bindings.values.get(place, ())
            return name if any(isinstance(v, ast.Name) and _parameter(file, v) for v in values) else None
    return None


def _parameters(function: Function) -> set[str]:
    return {each.arg for each in named_parameters(function)} - {"self", "cls"}


def _known_callbacks(doing: EffectSet, reach: Reachability) -> set[str]:
    """Return the parameters of a function for which callers pass code of the project, or only a decorator does."""
    found: set[str] = set()
    for caller in reach:
        routines = [with_decorators(Context(caller.file, caller.code))]
        effects = Effects(Context(caller.file, caller.code, ignore_decorators=True))
        for node in own_nodes(caller.code):
            for effect in effects.of_call(node) if isinstance(node, ast.Call) else ():
                routines += effect.routines if isinstance(effect, ProjectCall) else ()
        for routine in routines:
            if routine.code is doing.code:
                found |= {name for name, _ in routine.callbacks}
    return found
