"""`Runs`: how often leaking code runs in one process: repeatedly, or once.

The callers of a function are found by its name, in all files of the project; a possible call counts as one. Code
runs once only if every chain of calls begins at a module's top level, in a command, in a test or in an example,
passes no loop, and the process ends soon after: `load <- main <- top level`. An exception that nothing on this chain
catches ends the program, its thread or its task: then loops make no difference.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from dbhygiene.dataflow.exceptions import exception_types
from dbhygiene.diagnostics.model import Impact
from dbhygiene.library.background import FORKS, PROCESSES, STOPPED, TASKS, THREAD_CLASSES
from dbhygiene.library.calls import BEGINNING, NEVER_RETURN
from dbhygiene.library.django import COMMANDS as DJANGO_COMMANDS
from dbhygiene.library.entry_points import (
    AIRFLOW_TASK,
    ARGUMENTS,
    CALLED_IN_TASK,
    CALLED_ONCE,
    CALLED_PER_WORKER,
    COMMAND_CONTEXTS,
    COMMAND_LINES,
    COMMANDS,
    CRAWL_METHODS,
    EVENTS,
    EXTENSION,
    LIFESPANS,
    MIGRATIONS,
    NEUTRAL,
    ONCE_IN_CRAWLS,
    PASSIVE_BASES,
    PROMPTS,
    RERUN,
    RUNS_ON,
    SERVERS,
    SET_UP,
    SET_UP_PART,
    SET_UP_WORDS,
    STARTS,
    SUB_COMMANDS,
    TEST_CASES,
    is_of_platform,
    registers,
)
from dbhygiene.library.request_handlers import handler, is_of_view
from dbhygiene.library.retries import RETRIES
from dbhygiene.library.test_files import directories, is_in_fixture, is_of_scripts, is_test_file
from dbhygiene.lifetimes.decorators import only_wraps
from dbhygiene.lifetimes.fastapi import DEPENDS
from dbhygiene.lifetimes.lasting_variables import is_of_all
from dbhygiene.lifetimes.unused_code import (
    LOOK_UPS,
    is_in_package,
    is_main,
    is_script,
    is_unused_class,
    is_unused_function,
    is_unused_module,
    may_be_loaded,
    strings_of,
)
from dbhygiene.pools.sqlalchemy import in_migrations
from dbhygiene.program.arguments import named_parameters
from dbhygiene.program.cached_functions import cache_of
from dbhygiene.program.callees import callees
from dbhygiene.program.classes import foreign_bases
from dbhygiene.program.crawls import part_of_crawl
from dbhygiene.program.decided_tests import conditions, decided_tests, implied_tests
from dbhygiene.program.definitions import Definition, base_classes, find_definition, find_method
from dbhygiene.program.entry_point import EntryPoint, loop_step, registration
from dbhygiene.program.event_handlers import event_registration, is_event_decorator
from dbhygiene.program.hierarchy import is_of_family
from dbhygiene.program.names import canonical_name
from dbhygiene.program.retired import reason_outside
from dbhygiene.source.file import File, file_query, function_around, scope_around, with_others
from dbhygiene.source.nodes import (
    COMPREHENSION,
    FUNCTION,
    LOOP,
    Function,
    Located,
    argument_values,
    block_of,
    keyword_value,
    last_name,
    walk,
    without_arguments,
)
from dbhygiene.source.queries import query, tables
from dbhygiene.source.records import Record, Row
from dbhygiene.source.scopes import Scope

_MOST = 100  # functions on the chains to one leak; with more, the impact is unknown
_FEW_ROUNDS = 10  # a literal loop of at most so many rounds does not count as repetition
_RUNS_TARGET = THREAD_CLASSES | {name: FORKS[name] for name in PROCESSES}
_BY_CLASS = frozenset({"__init__", "__new__", "__enter__", "__aenter__", "__exit__", "__aexit__", "__post_init__"})


class Runs(Record):
    """How often some code runs, and the reason: an entry point, the loop around the code itself, or another one."""

    impact: Impact
    reason: str = ""  # a sentence without its full stop
    entry: EntryPoint | None = None
    loop: ast.AST | None = None

    def notes(self, near: File) -> Iterator[str]:
        """Yield the note of a finding in a file; a loop around the code itself is a step instead."""
        if self.entry is not None:
            yield self.entry.note(near)
        elif self.reason:
            yield self.reason

    @property
    def steps(self) -> Iterator[tuple[Located, str]]:
        if self.loop is not None and (step := loop_step(self.loop)) is not None:
            yield step


_UNKNOWN = Runs(Impact.UNKNOWN)
_AT_START = Runs(Impact.ONCE, "runs once, when the program starts")
_UNUSED = Runs(Impact.ONCE, "no code in this project calls this, except perhaps tests")
_IN_TEST = Runs(Impact.ONCE, "runs in a test")
_AT_THE_ENDS = "once, when the program starts or stops"
_IN_BOT = "once, when the bot loads it"
_CACHED = "once, since its result is cached"
_IN_PROCESS = "once in a process of its own, which then ends"
_SETS_UP = "once, as its name says, to set up a database"


class _CallSite(Record):
    """A node on a chain of calls: the leak itself, or a call that leads to it.

    `caught` means that the program goes on after the leak: without an exception, or with one that a `try` catches.
    """

    file: File
    node: ast.AST
    caught: bool
    is_sure: bool = True  # the call may be of another function of the same name
    is_first: bool = False
    leaves: bool = False  # an exception leaves the function, whatever surrounds the place
    in_thread: bool = False  # the call starts a thread or process, and returns at once


def runs(
    file: File,
    node: ast.AST,
    *,
    by_exception: bool,
    leaves: bool = False,
    may_go_on: bool = True,
    may_last: bool = False,
) -> Runs:
    """Return how often the code at a node runs.

    Arguments:
        by_exception: whether only an exception there leaves something open.
        leaves: whether this exception leaves the function.
        may_go_on: whether the resource also stays open if the code after it does not run to its end.
        may_last: whether code also runs once if the process goes on for long after it.
    """
    if (outside := _outside_of_programs(file)) is not None:
        return outside
    if _is_in_own_fixture(file, node):
        return _IN_TEST
    place = _CallSite(file, node, not by_exception, is_first=True, leaves=leaves)
    found = _along_calls(place, may_go_on=may_go_on, may_last=may_last)
    if found is not _UNKNOWN:
        return found
    found = _along_calls(place, may_go_on=may_go_on, may_last=may_last, by_name=True)
    if found is not _UNKNOWN:
        return found
    return _of_set_up(place, may_go_on=may_go_on)


def _of_set_up(place: _CallSite, *, may_go_on: bool) -> Runs:
    """Return how often a function runs that sets up a part of a database by its name, as `create_prices_table`.

    The name is evidence only if nothing calls the function, or only code that a program runs once, at its start.
    """
    file, function = place.file, function_around(place.file, place.node)
    if function is None or not _is_named_by(SET_UP_PART, file, function):
        return _UNKNOWN
    climb = _climb(place, ends=not may_go_on)
    if climb.verdict is not None or any(map(registers, function.decorator_list)):
        return _UNKNOWN
    scope = file.functions[function].class_scope
    cls = Definition(file, scope.node, scope.name) if scope is not None else None  # type: ignore[arg-type]
    if _mentions(file, function, cls) == []:
        return Runs(Impact.ONCE, entry=EntryPoint(_SETS_UP, file, function))
    return _along_calls(place, may_go_on=may_go_on, may_last=True, by_name=True)


def _along_calls(first: _CallSite, *, may_go_on: bool, may_last: bool, by_name: bool = False) -> Runs:
    """Return how often code runs, by all chains of calls that lead to it.

    Arguments:
        by_name: whether a chain ends at a function that sets up a database by its name.
    """
    todo = [first]
    by_exception = not first.caught
    above: dict[Function, set[Function | None]] = {}
    verdict, goes_on = _UNKNOWN, False
    for place in todo:  # grows during the loop
        function, caught, found = _climb(place, ends=not (may_go_on if place.is_first else by_exception))
        if found is None and caught and not place.is_first and _lasts_after(place, function):
            if not (may_last or any(each.in_thread for each in todo)):
                return _UNKNOWN
            goes_on = True
        if found is None and function is not None and (may_last or not caught):
            found = _once_for_all(place, function)
        if found is None and by_name and function is not None and _is_named_by(SET_UP, place.file, function):
            found = Runs(Impact.ONCE, entry=EntryPoint(_SETS_UP, place.file, function))
        if found is None:
            if function is not None:
                found = _callers(place, function, caught, may_last=may_last)
            else:
                found = _top_level(place.file, place.node)
        if isinstance(found, Runs):
            verdict = found
            if found.impact is not Impact.ONCE:
                return found if all(each.is_sure for each in todo) else _UNKNOWN
        elif function is not None:
            above.setdefault(function, set()).update(function_around(each.file, each.node) for each in found)
            todo += [each for each in found if each not in todo]
        if len(todo) > _MOST:
            return _UNKNOWN
    if _has_cycle(above):
        return _UNKNOWN
    return _AT_START if goes_on else verdict


def _once_for_all(place: _CallSite, function: Function) -> Runs | None:
    """Return how often code runs that fills a lasting variable: once, if it is reached only while that is empty.

    If it raises, the next call comes here again. But a program that fails so does nothing else.
    """
    file, scope = place.file, place.file.functions[function]
    for test, result in _guards(file, place.node):
        if (kept := _empty(test, result=result)) is None or not is_of_all(file, scope, kept):
            continue
        written = ast.unparse(kept)
        stores = [each for each in _stores(file, last_name(kept)) if function_around(file, each) is not None]
        own = [each for each in stores if function_around(file, each) is function and ast.unparse(each) == written]
        others = file.project.files_setting(last_name(kept))
        if own and len(own) == len(stores) and all(each.path == file.path for each in others):
            return Runs(Impact.ONCE, entry=EntryPoint("once, and keeps the result", file, own[0]))
    return None


def _empty(test: ast.expr, *, result: bool) -> ast.expr | None:
    """Return the variable that is None or empty if a test has this result; None if it says something else."""
    match test:
        case ast.Name() | ast.Attribute() if not result:
            return test
        case ast.Compare(left=left, ops=[ast.Is() | ast.Eq()], comparators=[ast.Constant(value=None)]) if result:
            return left
        case ast.Compare(left=left, ops=[ast.IsNot() | ast.NotEq()], comparators=[ast.Constant(value=None)]) if (
            not result
        ):
            return left
    return None


def _stores(file: File, name: str) -> Iterator[ast.expr]:
    """Yield the names and attributes of this name that a file assigns to, or deletes."""
    yield from (each for each in file.nodes(ast.Name) if each.id == name and not isinstance(each.ctx, ast.Load))
    yield from (each for each in file.nodes(ast.Attribute) if each.attr == name and not isinstance(each.ctx, ast.Load))


def _is_named_by(names: re.Pattern[str], file: File, function: Function) -> bool:
    """Whether a function has such a name; not if its class calls it for each new object."""
    name = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", function.name)
    if not any(word in name.lower() for word in SET_UP_WORDS):  # to compile these patterns takes 2 ms
        return False
    if names.fullmatch(name) is None:
        return False
    around = file.parents.get(function)
    makers = (n for n in around.body if getattr(n, "name", "") in _BY_CLASS) if isinstance(around, ast.ClassDef) else ()
    return not any(getattr(part, "attr", "") == function.name for maker in makers for part in ast.walk(maker))


def _has_cycle(above: dict[Function, set[Function | None]]) -> bool:
    """Whether one of these functions calls itself through others, and so may run any number of times."""
    left = {function: callers & above.keys() for function, callers in above.items()}
    while settled := [function for function, callers in left.items() if not callers & left.keys()]:
        for function in settled:
            del left[function]
    return bool(left)


@query
def _outside_of_programs(file: File) -> Runs | None:
    """Return the verdict on files that are not part of a long-lived program; None for others."""
    if is_test_file(file):
        return _IN_TEST
    if in_migrations(file) or any(MIGRATIONS.fullmatch(name) for name in directories(file)):
        return Runs(Impact.ONCE, "runs in a migration")
    reason = reason_outside(file)
    return Runs(Impact.ONCE, reason) if reason is not None else None


def _is_in_own_fixture(file: File, node: ast.AST) -> bool:
    """Whether code is in a fixture of pytest for tests of this project, wherever it keeps these."""
    functions = [each for each in (node, *file.around(node)) if isinstance(each, FUNCTION)]
    return is_in_fixture(file, node) and not _is_for_others(file, [functions[-1].name])


class _Climb(Row):
    """The walk outwards from a node to the function around it, None for the module."""

    function: Function | None
    caught: bool
    verdict: Runs | list[_CallSite] | None = None


def _climb(place: _CallSite, *, ends: bool) -> _Climb:
    """Go outwards from a place, and note loops and handlers on the path.

    Arguments:
        ends: whether a loop that is left once the code of the place has run does not count.
    """
    file, inside, caught = place.file, place.node, place.caught
    is_last = is_left = False  # whether the loop around is left after it; whether the function is
    for around in file.around(place.node):
        is_last = is_last or (ends and _is_left_after(around, inside))
        match around:
            case ast.Lambda():
                chosen = _choice_of_command(file, around)
                command = Runs(Impact.ONCE, entry=EntryPoint("once, as a command", file, chosen)) if chosen else None
                return _Climb(None, caught, command or _UNKNOWN)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if inside in around.body:
                return _Climb(around, caught)
            case _ if place.leaves:
                pass
            case ast.Try() if not caught and (after := _statements_after_exception(file, around, inside)):
                caught = True
                is_last = is_last or all(isinstance(each, ast.Break) for each in after)
                is_left = all(isinstance(each, ast.Return) for each in after)
            case ast.With() | ast.AsyncWith() if inside in around.body:
                caught = caught or any(_suppresses(file, each) for each in around.items)
            case ast.For() | ast.AsyncFor() | ast.While() if is_last or is_left:
                is_last = False
            case ast.stmt() | ast.expr() if caught and _repeats(around, inside):
                return _Climb(None, caught, _in_loop(place, around))
        inside = around
    return _Climb(None, caught)


def _is_left_after(around: ast.AST, inside: ast.AST) -> bool:
    """Whether the statements that follow within a block, or the `else` of a `try`, end in `break` or `return`."""
    if not (block := block_of(around, inside)):
        return False
    rest = block[block.index(inside) + 1 :]  # type: ignore[arg-type]
    if isinstance(around, ast.Try) and block is around.body:
        rest += around.orelse
    return bool(rest) and isinstance(rest[-1], (ast.Break, ast.Return)) and not _goes_round(rest)


def _goes_round(statements: list[ast.stmt]) -> bool:
    return any(isinstance(part, ast.Continue) for statement in statements for part in ast.walk(statement))


def _in_loop(place: _CallSite, loop: ast.stmt | ast.expr) -> Runs:
    if place.is_first:
        return Runs(Impact.REPEATED, loop=loop)
    return Runs(Impact.REPEATED, entry=EntryPoint("in a loop", place.file, loop))


def _lasts_after(place: _CallSite, function: Function | None) -> bool:
    """Whether the program goes on for long after a call: a loop without an end, a menu, a server, a window."""
    file, line = place.file, place.node.end_lineno  # type: ignore[attr-defined]
    return any(
        each.lineno > line and function_around(file, each) is function
        for each in walk(function or file.tree)
        if (isinstance(each, ast.While) and _is_lasting(each)) or (isinstance(each, ast.Call) and _runs_on(each))
    )


def _is_lasting(loop: ast.While) -> bool:
    """Whether a loop goes on until it is left, or prompts its user each time."""
    if isinstance(loop.test, ast.Constant):
        return bool(loop.test.value)
    return any(isinstance(part, ast.Call) and last_name(part.func) == "input" for part in walk(loop))


def _runs_on(call: ast.Call) -> bool:
    """Whether a call returns when the program ends."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "run":
        return last_name(call.func.value) in SERVERS
    return last_name(call.func) in RUNS_ON


def _statements_after_exception(file: File, around: ast.Try, inside: ast.AST) -> list[ast.stmt]:
    """Return the last statements of the handlers after which the program goes on, if an exception is raised inside.

    A `finally` that leaves the `try` by a `return`, `break` or `continue` swallows it.
    """
    if inside in around.finalbody:
        return []
    left: list[ast.stmt] = [part for each in around.finalbody for part in walk(each) if isinstance(part, _LEAVING)]
    if left or inside not in around.body:
        return left
    return [each.body[-1] for each in around.handlers if _goes_on(file, each)]


_LEAVING = (ast.Return, ast.Break, ast.Continue)


def _goes_on(file: File, caught: ast.ExceptHandler) -> bool:
    """Whether the program goes on after a handler of errors, which neither raises nor exits at its end."""
    types = [file.resolve(each) if each is not None else None for each in exception_types(caught.type)]
    if all(name in _NO_ERRORS for name in types):
        return False
    return not _never_returns(file, caught.body)


def _never_returns(file: File, block: Sequence[ast.stmt], *, is_first: bool = True) -> bool:
    """Whether a block surely raises or exits at its end, itself or by a function of the project."""
    match block:
        case [*_, ast.Raise()]:
            return True
        case [*_, ast.If(body=body, orelse=rest)]:
            return _never_returns(file, body) and _never_returns(file, rest)
        case [*_, ast.With(body=body)]:
            return _never_returns(file, body)
        case [*_, ast.Expr(value=ast.Call(func=called) as call)]:
            if file.resolve(called) in NEVER_RETURN:
                return True
            return is_first and _ends_by_call(file, call)
    return False


def _ends_by_call(file: File, call: ast.Call) -> bool:
    """Whether a call runs functions of the project, none of which returns."""
    found = callees(file, call, scope_around(file, call))
    bodies = [(each.file, each.node) for each in found.definitions if isinstance(each.node, FUNCTION)]
    if not bodies or not found.complete or len(bodies) < len(found.definitions):
        return False
    return all(
        not any(isinstance(part, ast.Return) for part in where.own(node))
        and _never_returns(where, node.body, is_first=False)
        for where, node in bodies
    )


_PROPERTIES = frozenset({"property", "cached_property"})
_NO_ERRORS = STOPPED | {"GeneratorExit", "asyncio.exceptions.CancelledError"}


def _suppresses(file: File, item: ast.withitem) -> bool:
    """Whether a `with` may swallow an exception, so that the program goes on."""
    call = item.context_expr
    if not isinstance(call, ast.Call):
        return False
    if last_name(call.func) == "suppress":
        return True
    return any(map(_swallows, callees(file, call, scope_around(file, call)).definitions))


def _swallows(manager: Definition) -> bool:
    """Whether the project's own context manager may swallow an exception of the `with` block."""
    if isinstance(manager.node, FUNCTION):
        yields = manager.file.functions[manager.node].yields
        return any(
            isinstance(around, ast.Try) and any(_goes_on(manager.file, handler) for handler in around.handlers)
            for each in yields
            for around in manager.file.around(each)
        )
    leave = find_method(manager, "__exit__") or find_method(manager, "__aexit__")
    if leave is None or not isinstance(leave.node, FUNCTION):
        return False
    from dbhygiene.lifetimes.swallowed import exceptions_swallowed_by  # few classes have one

    return bool(exceptions_swallowed_by(leave.file, leave.node))


def _repeats(around: ast.AST, inside: ast.AST) -> bool:
    """Whether a node repeats the node inside of it: it is a loop of more than a few rounds."""
    match around:
        case ast.While(orelse=rest):
            return inside not in rest
        case ast.For(iter=rounds, body=body) | ast.AsyncFor(iter=rounds, body=body):
            return inside in body and not _is_short(rounds)
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return inside is not around.generators[0] and not _is_short(around.generators[0].iter)
    return False


def _is_short(iterated: ast.expr) -> bool:
    """Whether a loop has a few literal rounds."""
    from dbhygiene.program.counted_loops import count_items  # few openings are in a loop

    count = count_items(iterated)
    return count is not None and count <= _FEW_ROUNDS


def _callers(place: _CallSite, function: Function, caught: bool, *, may_last: bool) -> Runs | list[_CallSite]:
    """Return the places that may call the function around a place, or how often that runs if it is known."""
    file = place.file
    scope = file.functions[function].class_scope
    cls = Definition(file, scope.node, scope.name) if scope is not None else None  # type: ignore[arg-type]
    if cls is not None and not TEST_CASES.isdisjoint(foreign_bases(cls)):
        return _IN_TEST
    if (verdict := _runs_as_registered(place, function, caught=caught, keeps=caught and not may_last)) is not None:
        return verdict
    if _is_program(file, function):
        return Runs(Impact.ONCE, entry=EntryPoint("once, as a program", file, function))
    if cls is None and _adds_extension(function):
        return _UNKNOWN if caught and not may_last else Runs(Impact.ONCE, entry=EntryPoint(_IN_BOT, file, function))
    cache = cache_of(file, function) if caught and cls is None else None  # no cache keeps an exception
    of_cache = Runs(Impact.ONCE, entry=EntryPoint(_CACHED, file, cache)) if cache is not None else None
    if of_cache is not None and not (named_parameters(function) or function.args.vararg or function.args.kwarg):
        return of_cache
    if (crawl := _in_crawl(file, function)) is not None:
        return crawl
    runs_itself = cls is not None and _is_run_of_thread(cls, function)
    by_base = _runs_by_base_class(cls, function) if cls is not None and not runs_itself else None
    if by_base is _UNKNOWN or _may_be_imported(file, function, cls):
        return _UNKNOWN
    if cls is not None and by_base is None and not runs_itself and is_unused_class(cls):
        return _UNUSED
    mentions = _uses_where_made(file, function, cls) if cls is not None and not runs_itself else None
    if mentions is None:
        mentions = _mentions(file, function, cls, is_made=runs_itself)
    if mentions is None:
        return _UNKNOWN
    places, guards, is_ruled_out = [], [*_guards(file, place.node)], False
    goes_on = _lasts_after(place, function)
    is_property = any(last_name(without_arguments(each)) in _PROPERTIES for each in function.decorator_list)
    for where, node, is_sure in mentions:  # grows during the loop
        if (starts := _call_of_workers(where, node)) is not None:
            by_base = Runs(Impact.ONCE, entry=EntryPoint("once in each worker", where, starts))
            continue
        if (operator := _operator_of_task(where, node)) is not None:
            by_base = Runs(Impact.ONCE, entry=EntryPoint(_IN_PROCESS, where, operator))
            continue
        if (app := _app_with_lifespan(where, node)) is not None:
            if caught and not may_last:
                return _UNKNOWN
            by_base = Runs(Impact.ONCE, entry=EntryPoint(_AT_THE_ENDS, where, app))
            continue
        if (depends := _dependency_on(where, node)) is not None:
            return Runs(Impact.REPEATED, entry=EntryPoint("in each request", where, depends)) if is_sure else _UNKNOWN
        if (registers := event_registration(where, node)) is not None:
            at_events = Runs(Impact.REPEATED, entry=EntryPoint("in each request or event", where, registers))
            return at_events if is_sure else _UNKNOWN
        if (chosen := _choice_of_command(where, node)) is not None:
            by_base = Runs(Impact.ONCE, entry=EntryPoint("once, as a command", where, chosen))
            continue
        if (call := _call(where, node)) is not None:
            if guards and _rules_out(where, call, node, file, function, guards):
                is_ruled_out = True
                continue
            if of_cache is not None and isinstance(call, ast.Call) and _passes_constants(call):
                by_base = of_cache
                continue
            if runs_itself and not goes_on and cls is not None and not PROCESSES.isdisjoint(foreign_bases(cls)):
                by_base = Runs(Impact.ONCE, entry=EntryPoint(_IN_PROCESS, where, call))  # type: ignore[arg-type]
                continue
            is_beside = runs_itself or _is_put_off(call, where, function)
            places.append(_CallSite(where, call, caught or is_beside, is_sure=is_sure, in_thread=is_beside))
        elif is_property:
            places.append(_CallSite(where, node, caught, is_sure=is_sure))
        elif (call := _start_of_thread(where, node)) is not None:
            if _makes_process(where, call) and not goes_on:
                by_base = Runs(Impact.ONCE, entry=EntryPoint(_IN_PROCESS, where, call))
                continue
            places.append(_CallSite(where, call, caught=True, is_sure=is_sure, in_thread=True))
        elif (further := _further_mentions(where, node)) is not None:
            mentions += [(*each, is_sure) for each in further if each not in [known[:2] for known in mentions]]
        else:
            return _UNKNOWN
    if not places and by_base is None and is_ruled_out:
        return _UNKNOWN
    if not places and by_base is None:
        if function.name == "main" and cls is None and is_of_scripts(file):
            return Runs(Impact.ONCE, entry=EntryPoint("once, as a program", file, function))
        # By the user, or as a plugin.
        may_be_called = file.is_interactive or (is_in_package(file) and may_be_loaded(file))
        is_unused = (is_script(file) and not may_be_called) or is_unused_function(file, function, cls)
        return _UNUSED if is_unused else _UNKNOWN
    return by_base if by_base is not None and not places else places


def _passes_constants(call: ast.Call) -> bool:
    return all(isinstance(each, ast.Constant) for each in argument_values(call))


def _is_put_off(call: ast.AST, file: File, function: Function) -> bool:
    """Whether a call of a coroutine function only makes a task, or something else that keeps its exception."""
    around = file.parents.get(call)
    if not isinstance(function, ast.AsyncFunctionDef) or not isinstance(around, ast.Call):
        return False
    kept = keyword_value(around, "return_exceptions")
    return last_name(around.func) in BEGINNING or (isinstance(kept, ast.Constant) and kept.value is True)


def _further_mentions(file: File, node: ast.expr) -> list[tuple[File, ast.expr]] | None:
    """Return the mentions that stand for a function or class besides its own name; None if other code may run it.

    A variable or a table may hold it. Objects of its subclasses are made as its own are.
    """
    above = file.parents.get(node)
    if isinstance(above, ast.ClassDef) and node in above.bases:
        name = next((name for name, scope in file.classes.items() if scope.node is above), None)
        if name is None:  # another class has its name
            return None
        below = Definition(file, above, name)
        found = _mentions_of(below, below.last_name, is_method=False)
        return [each[:2] for each in found] if found is not None else None
    if _is_type(file, node):
        return []
    from dbhygiene.program.held_functions import uses_of_held  # most mentions are calls

    uses = uses_of_held(file, node)
    return [(file, use) for use in uses] if uses is not None else None


def _is_type(file: File, node: ast.expr) -> bool:
    """Whether a class is mentioned as the type of something: in an annotation, a test, or a handler."""
    inside: ast.AST = node
    for around in file.around(node):
        match around:
            case ast.arg() | ast.ExceptHandler():
                return True
            case ast.AnnAssign(annotation=annotation):
                return annotation is inside
            case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
                return returns is inside
            case ast.Call(func=called, args=[_, types]):
                return types is inside and last_name(called) in ("isinstance", "issubclass")
            case ast.Subscript() | ast.BinOp(op=ast.BitOr()) | ast.Tuple():
                inside = around
            case _:
                return False
    return False


def _guards(file: File, node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """Yield the single tests, with their results, that lead to a node of a function: it runs only then."""
    for test, result in conditions(file, node):
        yield from implied_tests(test, result=result)


def _rules_out(
    caller: File, call: ast.AST, named: ast.expr, file: File, function: Function, guards: list[tuple[ast.expr, bool]]
) -> bool:
    """Whether the constant arguments of a call decide that a place behind these tests of its function does not run."""
    if not isinstance(call, ast.Call) or call.func is not named:
        return False
    decided = dict(decided_tests(caller, call, file, function))
    return any(decided.get(test, result) is not result for test, result in guards)


def _runs_as_registered(place: _CallSite, function: Function, *, caught: bool, keeps: bool) -> Runs | None:
    """Return how often a framework or platform runs a function; None if no decorator or signature says so.

    Arguments:
        caught: whether the function returns after the leak; what retries it then does not call it again.
        keeps: whether it matters that a program which goes on keeps the connection.
    """
    if is_of_platform(function):
        return Runs(Impact.REPEATED, entry=EntryPoint("in each request or event", place.file, function))
    for decorator in function.decorator_list:
        called = without_arguments(decorator)
        word = last_name(called)
        if word in NEUTRAL or (caught and place.file.resolve(called) in RETRIES):
            continue
        if AIRFLOW_TASK.match(place.file.resolve(called) or ""):
            return Runs(Impact.ONCE, entry=EntryPoint(_IN_PROCESS, place.file, decorator))
        if _is_start(decorator):
            if keeps:
                return _UNKNOWN
            return Runs(Impact.ONCE, entry=EntryPoint(_AT_THE_ENDS, place.file, decorator))
        if word in COMMAND_CONTEXTS and "click" in str(place.file.resolve(called)):
            return Runs(Impact.ONCE, entry=EntryPoint("once, as a part of a command", place.file, decorator))
        if word in COMMANDS and _is_command_line(place.file, called):
            return Runs(Impact.ONCE, entry=EntryPoint("once, as a command", place.file, decorator))
        if word in TASKS or handler(function) is decorator or is_event_decorator(place.file, decorator):
            return Runs(Impact.REPEATED, entry=registration(place.file, decorator))
        if is_of_view(place.file.resolve(called) or ""):
            return Runs(Impact.REPEATED, entry=EntryPoint("in each request", place.file, decorator))
        if only_wraps(place.file, decorator) and not _may_call_again(place.file, called):
            continue
        is_start = _is_program(place.file, function) or _is_main_function(place.file, function)
        if not is_start or _may_call_again(place.file, called):
            return _UNKNOWN  # a program's start is not registered anywhere else
    return None


def _may_call_again(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator may call its function again after an error: one of a library for that, or with a loop."""
    name = file.resolve(decorator)
    found = find_definition(file, name) if name is not None else None
    repeating = (*LOOP, *COMPREHENSION)
    return name in RETRIES or (found is not None and any(isinstance(part, repeating) for part in ast.walk(found.node)))


def _in_crawl(file: File, function: Function) -> Runs | None:
    """Return how often a crawl calls a method of one of its parts; None if the method is not one that a crawl calls."""
    part = part_of_crawl(file, function)
    if part is None or file.parents.get(function) is not part:
        return None
    if function.name in ONCE_IN_CRAWLS:
        return Runs(Impact.ONCE, entry=EntryPoint("once in each crawl, which then ends", file, part))
    if function.name in CRAWL_METHODS:
        return Runs(Impact.REPEATED, entry=EntryPoint("for each item or request of a crawl", file, function))
    return None


def _is_main_function(file: File, function: Function) -> bool:
    """Whether a function is the `main` that its module calls when it is run as a program."""
    if function.name != "main":
        return False
    calls = (call for each in file.tree.body if is_main(file, each) for call in ast.walk(each))
    return any(
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "main" for call in calls
    )


def _is_program(file: File, function: Function) -> bool:
    """Whether the project installs a function as a program."""
    return f"{file.module}:{function.name}" in file.project.programs


def _adds_extension(function: Function) -> bool:
    """Whether a function adds objects of its module to a bot, which calls it when it loads the module."""
    name, adds = EXTENSION
    return function.name == name and any(getattr(part, "attr", "") == adds for part in walk(function))


def _is_start(decorator: ast.expr) -> bool:
    """Whether a decorator registers a function that a web framework calls when the program starts, or stops."""
    match decorator:
        case ast.Call(func=called, args=[ast.Constant(value=str(event)), *_]):
            return last_name(called) in EVENTS and event in STARTS
        case ast.Call(func=called) | called:
            return last_name(called) in STARTS


def _is_command_line(file: File, decorator: ast.expr) -> bool:
    """Whether a decorator makes a command of a program: click's, typer's, or `@app.cli.command` of Flask."""
    if isinstance(decorator, ast.Attribute) and last_name(decorator.value) == "cli":
        return True
    return not COMMAND_LINES.isdisjoint(file.imported_packages)


def _runs_by_base_class(cls: Definition, function: Function) -> Runs | None:
    """Return how often a base class of another package calls a method; None if no such class does."""
    for each in (cls, *base_classes(cls)):
        if not isinstance(each.node, ast.ClassDef):
            return _UNKNOWN
        for base in each.node.bases:
            name = each.file.resolve(base.value if isinstance(base, ast.Subscript) else base)
            if name is None:
                return _UNKNOWN
            if (
                find_definition(each.file, name) is not None
                or (name := canonical_name(each.file, name)) in PASSIVE_BASES
            ):
                continue
            if name in DJANGO_COMMANDS:
                return Runs(Impact.ONCE, entry=EntryPoint("once, in a management command", each.file, each.node))
            return _UNKNOWN
    return None


def _is_run_of_thread(cls: Definition, function: Function) -> bool:
    """Whether a method is the `run` of a thread or process: each object of the class runs it once."""
    if function.name != "run":
        return False
    return any(name in _RUNS_TARGET for name in foreign_bases(cls))


def is_made_for_others(cls: Definition) -> bool:
    """Whether other projects may make objects of a class."""
    return _is_for_others(cls.file, cls.name.split("."))


def _may_be_imported(file: File, function: Function, cls: Definition | None) -> bool:
    """Whether other projects may call a function."""
    names = [function.name] if cls is None else [*cls.name.split("."), *({function.name} - _BY_CLASS)]
    return _is_for_others(file, names)


def _is_for_others(file: File, names: list[str]) -> bool:
    """Whether other projects may use something of this name: it is public in a package that is distributed.

    A package that installs programs is an application: only the names that the package itself offers are for others.
    """
    if any(name.startswith("_") for name in names) or names == ["main"] or not file.project.is_distributed:
        return False
    if _prompts(file):
        return False
    if file.project.programs:
        top = file.project.module(file.module.partition(".")[0], file)
        return top is not None and _offers(top, file, names[0])
    if is_script(file):
        return False
    return file.path.name == "__init__.py" or is_in_package(file)


@query
def _prompts(file: File) -> bool:
    """Whether a module prompts its user, as a part of a program does, and no library."""
    return any(file.resolve(call.func) in PROMPTS for call in file.nodes(ast.Call))


def _offers(package: File, file: File, name: str) -> bool:
    """Whether a package offers a name of one of its files: by a mention, or by a star import.

    A package whose `__init__.py` is itself the program mentions what it uses.
    """
    if any(each.startswith(f"{package.module}:") for each in file.project.programs):
        return False
    stars = re.findall(r"\bfrom\s+([\w.]+)\s+import\s+\*", package.text)
    if any(star.rpartition(".")[2] in file.module.split(".") for star in stars):
        return True
    return re.search(rf"\b{name}\b", package.text) is not None


def _mentions(
    file: File, function: Function, cls: Definition | None, *, is_made: bool = False
) -> list[tuple[File, ast.expr, bool]] | None:
    """Return the mentions of a function outside of tests and examples, and whether each is surely this function.

    Return None if too many files mention its name, or a string does.

    Arguments:
        is_made: whether each object of the class runs the function, so that mentions of the class are meant.
    """
    if cls is not None and (is_made or function.name in _BY_CLASS):
        return _mentions_of(cls, cls.last_name, is_method=False)
    is_private = function.name.startswith("__") and not function.name.endswith("__")
    if cls is not None and function.name.startswith("__") and not is_private:
        return None
    own = Definition(file, function, file.functions[function].name)
    return _mentions_of(own, function.name, is_method=cls is not None, is_private=is_private and cls is not None)


def _mentions_of(
    target: Definition, name: str, *, is_method: bool, is_private: bool = False
) -> list[tuple[File, ast.expr, bool]] | None:
    """Return the mentions of a function or class by its name, as `_mentions` does.

    Arguments:
        is_private: whether only its own file knows the name.
    """
    file = target.file
    is_in_class = is_method or isinstance(target.node, ast.ClassDef)
    others = () if is_private else _files_with_word(file, name, is_method=is_in_class)
    if others is None:
        return None
    found: list[tuple[File, ast.expr, bool]] = []
    module = file.module.rpartition(".")[2]
    for where in with_others(file, [*others, *file.project.scripts_mentioning(name)]):
        if _outside_of_programs(where) is not None:
            continue
        may_look_up = is_method or (_looks_up_names(file) if where.path == file.path else where.mentions(module))
        if may_look_up and any(_looks_up(where, node) for node in strings_of(where).get(name, ())):
            return None  # as in `getattr(self, "name")`, or `__all__`
        named = ((node, _is_it(where, node, target, is_method=is_method)) for node in _reads_of_name(where, name))
        known = [(where, node, is_sure) for node, is_sure in named if is_sure is not None]
        found += [each for each in known if not _is_in_own_fixture(where, each[1])]
    return found


def _uses_where_made(file: File, function: Function, cls: Definition) -> list[tuple[File, ast.expr, bool]] | None:
    """Return the calls of a method of a class whose objects are all used where they are made: `Shop().open()`.

    Return None if an object of the class is stored or passed, so that any call of such a method may be meant.
    """
    if function.name.startswith("__") or "." in cls.name or not isinstance(cls.node, ast.ClassDef):
        return None
    own = list(walk(cls.node))
    if any(isinstance(n, ast.Name) and n.id == "self" and not _is_owner(file, n) for n in own):
        return None
    others = file.project.files_mentioning_all(cls.name)
    if others is None:
        return None
    found: list[tuple[File, ast.expr, bool]] = [
        (file, n, True) for n in own if isinstance(n, ast.Attribute) and n.attr == function.name
    ]
    for where in with_others(file, [*others, *file.project.scripts_mentioning(cls.name)]):
        if _outside_of_programs(where) is not None:
            continue
        if any(_looks_up(where, node) for node in strings_of(where).get(cls.name, ())):
            return None
        for node in _reads_of_name(where, cls.name):
            is_sure = _is_it(where, node, cls, is_method=False)
            if is_sure is None:
                continue
            made = where.parents.get(node)
            used = where.parents.get(made) if isinstance(made, ast.Call) and made.func is node else None
            if not is_sure or not isinstance(used, ast.Attribute):
                return None
            if used.attr == function.name:
                found.append((where, used, True))
    return found


def _is_owner(file: File, name: ast.Name) -> bool:
    """Whether a name is read for one of its attributes."""
    above = file.parents.get(name)
    return isinstance(above, ast.Attribute) and above.value is name


@file_query
def _looks_up_names(file: File) -> bool:
    """Whether strings in a file may name its own functions: not in a script that never looks a name up."""
    return not is_script(file) or LOOK_UPS.search(file.text) is not None


def _looks_up(file: File, node: ast.Constant) -> bool:
    """Whether a string may name a function; not where it is compared, or is a word of the command line.

    `{"load": load}`, `("load", load)` and `Task(name="load", run=load)` give a name to the function itself.
    """
    for around in file.around(node):
        match around:
            case ast.Dict() if any(_has_name(value, node.value) for value in around.values):
                return False
            case ast.Tuple() | ast.List() if any(_has_name(item, node.value) for item in around.elts):
                return False
            case ast.Call() if any(_has_name(value, node.value) for value in argument_values(around)):
                return False
            case ast.Compare() | ast.MatchValue() | ast.keyword(arg="choices" | "default_map"):
                return False
            case ast.Subscript(value=ast.Name() | ast.Attribute() as mapping):  # `options["load"]`
                return last_name(mapping) == "__dict__"
            case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.AugAssign(target=ast.Name(id="__all__")):
                return False
            case ast.Call(func=called):
                return last_name(called) not in ARGUMENTS | SUB_COMMANDS
            case ast.Tuple() | ast.List() | ast.Set() | ast.Dict() | ast.keyword():
                continue
        return True
    return True


def _has_name(node: ast.expr, name: object) -> bool:
    return any(isinstance(part, (ast.Name, ast.Attribute)) and last_name(part) == name for part in ast.walk(node))


def _files_with_word(file: File, name: str, *, is_method: bool) -> Sequence[File] | None:
    """Return the files that may mention a function by its name; None if there are too many.

    No file imports a script, or a module that is no longer in use. Every program has its `main`: for a common name,
    only files that also mention the function's module count.
    """
    if is_script(file) or is_unused_module(file):
        return ()
    if (others := file.project.files_mentioning_all(name)) is not None or is_method:
        return others
    others = file.project.files_mentioning_all(name, *file.module.split(".")[-1:])
    if _may_hand_on(others) and "." in file.module:
        others = _files_importing(file, name)
    return None if _may_hand_on(others) else others


def _may_hand_on(files: Sequence[File] | None) -> bool:
    """Whether one of these files may give a name to files that do not mention its module, as a package does."""
    return files is None or any(each.path.name == "__init__.py" for each in files)


def _files_importing(file: File, name: str) -> Sequence[File] | None:
    """Return the files that may import a common name from a module of a package.

    Those outside of the package's folder name the package, too.
    """
    package, own = file.module.split(".")[-2:]
    if (far := file.project.files_mentioning_all(name, own, package)) is None:
        return None
    folder = file.path.parent
    near = [each for each in file.project.files_containing(name) if each.path.is_relative_to(folder)]
    if len(near) > _MOST:
        return None
    return [*far, *(each for each in near if each.is_program and each not in far)]


def _reads_of_name(file: File, name: str) -> Iterator[ast.Name | ast.Attribute]:
    """Yield the nodes that read a name, or an import's alias of it, or an attribute of this name."""
    names, attributes = _reads(file)
    own = {name, *_import_aliases(file).get(name, ())}
    yield from (node for _, node in sorted((found for each in own for found in names.get(each, ())), key=itemgetter(0)))
    yield from attributes.get(name, ())


@tables
def _reads(file: File) -> tuple[Mapping[str, list[tuple[int, ast.Name]]], Mapping[str, list[ast.Attribute]]]:
    """Return the names and the attributes that a file reads, by name; each name with its index among all of them."""
    names, attributes = defaultdict[str, list[tuple[int, ast.Name]]](list), defaultdict[str, list[ast.Attribute]](list)
    for number, name in enumerate(file.nodes(ast.Name)):
        if isinstance(name.ctx, ast.Load):
            names[name.id].append((number, name))
    for attribute in file.nodes(ast.Attribute):
        if isinstance(attribute.ctx, ast.Load):
            attributes[attribute.attr].append(attribute)
    return file.table("names", names, _reads), file.table("attributes", attributes, _reads)


@file_query
def _import_aliases(file: File) -> Mapping[str, set[str]]:
    """Return the names that a file gives to its imports, by the last part of each dotted name."""
    found = defaultdict[str, set[str]](set)
    for scope in file.scopes:
        for own, said in scope.imports.items():
            package, _, word = said.rpartition(".")
            if package:
                found[word].add(own)
    return found


def _is_it(file: File, node: ast.Name | ast.Attribute, target: Definition, *, is_method: bool) -> bool | None:
    """Whether a name surely stands for a function; None if it stands for something else."""
    name = file.resolve(node)
    found = find_definition(file, name) if name is not None else None
    if found is not None and found.is_same(target):
        return True
    if is_method:
        if not isinstance(node, ast.Attribute) or not (found is None or "." in found.name):
            return None
        return None if _is_of_other_class(file, node, target) else False
    if name is not None or not isinstance(node, ast.Name) or _is_variable(file, node):
        return None
    return False


def _is_of_other_class(file: File, attribute: ast.Attribute, method: Definition) -> bool:
    """Whether an attribute is read from a class that is not related to the class of a method."""
    name = file.resolve(attribute.value)
    read_from = find_definition(file, name) if name is not None else None
    own = find_definition(method.file, f"{method.file.module}.{method.name.rpartition('.')[0]}")
    if read_from is None or own is None or not isinstance(read_from.node, ast.ClassDef):
        return False
    return not is_of_family(read_from, own)


def _is_variable(file: File, name: ast.Name) -> bool:
    """Whether a name is a local variable, which holds a function only after an assignment that mentions it."""
    scope: Scope | None = file.scope_of(name)
    while scope is not None and name.id not in scope.bound:
        scope = scope.parent
    if scope is None or scope is file.scope:
        return False
    return name.id not in scope.imports and name.id not in scope.defined and name.id not in scope.globals


def _passed_to(file: File, node: ast.AST) -> tuple[ast.Call | None, str | None]:
    """Return the call that a node is an argument of, and its keyword."""
    above = file.parents.get(node)
    keyword = above.arg if isinstance(above, ast.keyword) else None
    call = file.parents.get(above) if isinstance(above, ast.keyword) else above
    return (call if isinstance(call, ast.Call) and call.func is not node else None), keyword


def _call(file: File, node: ast.expr) -> ast.AST | None:
    """Return the call that runs a function at its mention: its own, or one that runs its argument once."""
    above = file.parents.get(node)
    if isinstance(above, ast.Call) and above.func is node:
        return above
    call, _ = _passed_to(file, above if isinstance(above, ast.Dict) else node)  # `Fire({"load": load})`
    return call if call is not None and last_name(call.func) in CALLED_ONCE else None


def _start_of_thread(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that makes a thread or process which runs a function: `Thread(target=function)`."""
    call, keyword = _passed_to(file, node)
    if call is None:
        return None
    if (name := file.resolve(call.func)) is None:  # of a context of multiprocessing
        return call if keyword == "target" and last_name(call.func) == "Process" else None
    position, word = _RUNS_TARGET.get(name, (-1, ""))
    return call if keyword == word or node in call.args[position : position + 1] else None


def _makes_process(file: File, call: ast.Call) -> bool:
    name = file.resolve(call.func)
    return name is None or name in PROCESSES


def _call_of_workers(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that makes workers, each of which runs a function when it starts."""
    call, keyword = _passed_to(file, node)
    return call if keyword in CALLED_PER_WORKER else None


def _operator_of_task(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that makes a task of Airflow which runs a function: `PythonOperator(python_callable=f)`."""
    call, keyword = _passed_to(file, node)
    is_sensor = call is not None and last_name(call.func).endswith("Sensor")
    return call if keyword in CALLED_IN_TASK and not is_sensor else None


def _app_with_lifespan(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that makes a web application which runs a function around its life: `FastAPI(lifespan=f)`."""
    above = file.parents.get(node)
    call, keyword = _passed_to(file, above if isinstance(above, ast.List) else node)  # `Starlette(on_startup=[f])`
    return call if keyword in LIFESPANS or keyword in STARTS else None


def _dependency_on(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that lets FastAPI run a function in each request: `Depends(function)`."""
    call, _ = _passed_to(file, node)
    return call if call is not None and file.resolve(call.func) in DEPENDS else None


def _choice_of_command(file: File, node: ast.expr) -> ast.Call | None:
    """Return the call that makes a function a sub-command: `parser.set_defaults(run=f)`, `app.command()(f)`."""
    call, keyword = _passed_to(file, node)
    if call is None:
        return None
    if isinstance(made := call.func, ast.Call):
        return call if last_name(made.func) in COMMANDS and _is_command_line(file, made.func) else None
    return call if keyword and last_name(call.func) in SUB_COMMANDS else None


def _top_level(file: File, node: ast.AST) -> Runs:
    """Return how often the top level of a module runs."""
    if file.is_interactive or not RERUN.isdisjoint(file.imported_packages):
        return _UNKNOWN
    if any(is_main(file, around) for around in file.around(node)):
        return Runs(Impact.ONCE, f"runs once, when `{file.path.name}` is run as a program; then the process ends")
    return Runs(Impact.ONCE, f"runs once, when `{file.path.name}` is run or imported")
