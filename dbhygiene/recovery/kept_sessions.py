"""`KeptSession`: the session of a registry that a thread's work takes a connection with, and that nothing ends.

Session = scoped_session(sessionmaker(engine))   # a registry: each thread has a session of its own
pool.submit(count)                               # `count` queries by `Session`, and no code that it runs ends the
                                                 # transaction: the thread keeps the session, and its connection

Code that is not known may end it. If all code that the work runs is known, and none of it calls `commit`, `rollback`,
`close` or `remove` of anything, the session is kept. Otherwise the paths of the function decide (`_kept_on_path`).
"""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Literal, TypeAlias

from dbhygiene.dataflow import cfg
from dbhygiene.diagnostics.model import Impact
from dbhygiene.gaps.entry_points import entry_points_of, functions_of, may_have_entry_points
from dbhygiene.gaps.jobs import jobs
from dbhygiene.gaps.threads import is_lent_to_lasting_pool, threads
from dbhygiene.library.background import CONTEXT_MAKERS, HOOKS_OF_WORKERS, LENDS_THREADS
from dbhygiene.library.calls import QUIET_METHODS
from dbhygiene.library.sqlalchemy import ASKS, QUERY_ASKS, REGISTRIES, SAME_AS_THREAD
from dbhygiene.library.test_files import is_test_file
from dbhygiene.lifetimes.impact import Runs, runs
from dbhygiene.pools.session_pools import SessionPool, session_pool
from dbhygiene.program.arguments import bind_arguments
from dbhygiene.program.callees import callees
from dbhygiene.program.classes import FunctionAt, class_named, lineage
from dbhygiene.program.code import calls_in, is_generator, own_nodes, return_expressions
from dbhygiene.program.definitions import Definition, find_definition
from dbhygiene.program.endless_loops import is_endless
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name
from dbhygiene.program.values import Called, Constant, options
from dbhygiene.recovery.paths import everywhere, path_to_exit
from dbhygiene.source.file import File, is_mentioned, scope_around, with_others
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, Code, Function, Located, argument_values, last_name, without_arguments
from dbhygiene.source.queries import query, recursive_query
from dbhygiene.source.records import Record

_FLASK = "flask_sqlalchemy.SQLAlchemy"
_NAME_REGISTRIES = ("scoped_session", "flask_sqlalchemy")  # most projects have no registry
_MOST = 300  # functions that one job reaches; with more, it is not understood
_ENDS = frozenset({"commit", "rollback", "remove"})
_ENDS_BY_SESSION = frozenset({"close", "close_all", "invalidate", "reset", "close_all_sessions"})
# Names of sessions and registries: the evaluation of every object with a method `get` would take too long.
_SESSION = lazy_pattern(r"sess|db|maker|factory|store|registry|scoped|conn|work|uow|trans", re.IGNORECASE)
_NAMES_END = lazy_pattern(rf"\b(?:{'|'.join(sorted(_ENDS | _ENDS_BY_SESSION))})\b")
_HAS_END = lazy_pattern(r"\.(?:remove|close|rollback|commit)\(\s*\)")
_ASKS_OF_QUERY = QUERY_ASKS | {"paginate", "get_or_404", "first_or_404", "one_or_404"}
_SCHEDULED = "in a scheduled job"
_WORKERS = frozenset({"in a Celery worker", "in a Dramatiq worker", "in a Huey worker"})
_EVENT = "at each event"
IN_LOOP = "in an endless loop"
_LASTING = frozenset({_SCHEDULED, *_WORKERS, _EVENT})


State: TypeAlias = Literal["ended", "kept", "failed"]  # "failed": kept after an exception
_KEPT: tuple[State, ...] = ("kept", "failed")


class Registry(Record):
    """A registry of sessions, and the call that makes it; `title` is how the code that uses it writes it."""

    file: File
    call: ast.Call
    title: str
    is_flask: bool = False

    @property
    def pool(self) -> SessionPool:
        return session_pool(self.file, self.call)


class Start(Record):
    """A function that runs in a thread, and the node that starts it; `lasts`: the thread outlives the work.

    `arguments` are what the function is given; `runs` is the method that calls it, if a class of the project has one.
    """

    file: File
    node: Located
    owner: File
    function: Function
    words: str
    lasts: bool
    arguments: tuple[ast.expr, ...] = ()
    runs: FunctionAt | None = None

    @property
    def loop(self) -> ast.While | None:
        """The endless loop of the function, if it has one."""
        return _endless_loop(self.owner, self.function)


class Asked(Record):
    """A query by the session of a registry."""

    file: File
    node: ast.expr
    registry: Registry


class Kept(Record):
    """How some work keeps a session: its query; and where it ends then, if it ends the session on another path."""

    asked: Asked
    end: ast.AST | None = None
    by_exception: bool = False


class KeptSession(Record):
    """The start of a function that leaves the session of a registry open, how it does, and further starts of it."""

    start: Start
    kept: Kept
    others: tuple[Start, ...] = ()

    @property
    def runs(self) -> Runs:
        """How often the function is started; what a scheduler, a worker or a consumer runs, it runs again and again."""
        if self.start.words in _LASTING or self.start.words == IN_LOOP:
            return Runs(Impact.REPEATED)
        return runs(self.start.file, self.start.node, by_exception=False, may_last=True)


@query
def kept_sessions(file: File) -> tuple[KeptSession, ...]:
    """Return the sessions that functions which a file starts keep: each function once, at its first start."""
    if is_test_file(file) or not any(is_mentioned(file, word) for word in _NAME_REGISTRIES):
        return ()
    by_function: dict[Function, list[Start]] = {}
    for start in sorted(_starts(file), key=lambda start: (start.node.lineno, start.node.col_offset)):
        by_function.setdefault(start.function, []).append(start)
    found: list[KeptSession] = []
    for first, *others in by_function.values():
        if (kept := _kept(first)) is not None and not _is_ended_around(first, kept.asked.registry):
            found.append(KeptSession(first, kept, tuple(each for each in others if each.node is not first.node)))
    return tuple(found)


# -- starts -----------------------------------------------------------------------------------------------


def _starts(file: File) -> Iterator[Start]:
    """Yield the functions that a file starts in threads and workers, or that run for ever."""
    begun: set[Function] = set()
    for call in file.nodes(ast.Call):
        for thread in threads(file, call):
            lasts = _is_of_lasting_thread(file, call) or _runs_for_ever(thread.file, thread.function)
            begun.add(thread.function)
            yield Start(file, call, thread.file, thread.function, "in a thread", lasts, thread.arguments, thread.runs)
    for job in jobs(file):
        begun.add(job.function)
        yield Start(file, job.call, job.file, job.function, _SCHEDULED, lasts=True)
    for root in entry_points_of(file) if may_have_entry_points(file) else ():
        if not isinstance(root.code, FUNCTION) or root.code in begun:
            continue
        if root.entry.words in _LASTING:
            begun.add(root.code)
            yield Start(root.entry.file, root.entry.node, root.file, root.code, root.entry.words, lasts=True)
        elif root.file is file and (loop := _endless_loop(file, root.code)) is not None:
            begun.add(root.code)
            yield Start(file, loop, file, root.code, IN_LOOP, lasts=True)


def _is_of_lasting_thread(file: File, call: ast.Call) -> bool:
    """Whether a call runs a function in a thread of an event loop, or of a pool that lives as long as the process."""
    name = file.resolve(call.func)
    if name in LENDS_THREADS:
        return True
    if isinstance(call.func, ast.Attribute) and call.func.attr == "run_in_executor":
        given = call.args[0] if call.args else None
        if isinstance(given, ast.Constant) and given.value is None:
            return True
    return is_lent_to_lasting_pool(file, call)


def _runs_for_ever(file: File, function: Function) -> bool:
    return _endless_loop(file, function) is not None


def _endless_loop(file: File, function: Code) -> ast.While | None:
    found = (node for node in own_nodes(function) if isinstance(node, ast.While) and is_endless(file, node))
    return next(found, None)


# -- registries -------------------------------------------------------------------------------------------


@recursive_query(None)
def registry_of(file: File, expr: ast.expr) -> Registry | None:
    """Return the registry that an expression is, or whose session it is; None if it is none, or is not known."""
    if not _SESSION.search(last_name(_without_call(expr))):
        return None
    match expr:
        case ast.Call(func=func, args=[], keywords=[]):
            return registry_of(file, func) or _registry_of_function(file, expr)
        case ast.Attribute(value=owner, attr="session") if (found := _flask_extension(file, owner)) is not None:
            return found
        case ast.Name() | ast.Attribute():
            for option in options(evaluate(file, expr)):
                if isinstance(option, Called) and (made := _made_registry(option, ast.unparse(expr))) is not None:
                    return made
    if isinstance(expr, ast.Name):
        values = file.scope_of(expr).aliases.get(expr.id, ())
        held = [registry_of(file, value) for value in values]
        return held[0] if held and all(held) else None
    return None


def _registry_of_function(file: File, call: ast.Call) -> Registry | None:
    """Return the registry whose session a function of the project returns."""
    found = callees(file, call, scope_around(file, call)).definitions
    if len(found) != 1 or not isinstance(found[0].node, FUNCTION):
        return None
    values = [registry_of(found[0].file, value) for value in return_expressions(found[0].node)]
    return values[0] if values and all(values) else None


def _made_registry(made: Called, title: str) -> Registry | None:
    """Return the registry that a call makes, one session for each thread, whose sessions keep their connection."""
    if made.file is None or made.call is None or canonical_name(made.file, made.name) not in REGISTRIES:
        return None
    scope = made.keywords.items.get("scopefunc")
    named = [word.value for word in made.call.keywords if word.arg == "scopefunc"] + made.call.args[1:]
    if (scope is not None or named) and not any(last_name(each) in SAME_AS_THREAD for each in named):
        return None
    for option in (each for given in made.arguments[:1] for each in options(given)):
        if isinstance(option, Called) and option.keywords.items.get("autocommit") == Constant(True):
            return None
    return Registry(made.file, made.call, title)


def _flask_extension(file: File, owner: ast.expr) -> Registry | None:
    """Return the registry of Flask-SQLAlchemy's extension, if an expression is that: `db` of `db.session`.

    Since 3.0, each application context has a session of its own, without which a query raises.
    """
    for option in options(evaluate(file, owner)):
        if isinstance(option, Called) and option.file is not None and option.call is not None:
            if canonical_name(option.file, option.name) == _FLASK:
                return Registry(option.file, option.call, f"{ast.unparse(owner)}.session", is_flask=True)
    return None


def _needs_context(registry: Registry) -> bool:
    """Whether a session of Flask-SQLAlchemy is there only within an application context."""
    version = registry.file.project.version_of("flask-sqlalchemy")
    return (version is not None and version >= (3,)) or not registry.call.args


# -- what a function does ---------------------------------------------------------------------------------


class _Doing(Record):
    """What a function itself does, and the functions that it calls.

    `contexts`: it may run within a context that ends the session.
    """

    asks: tuple[Asked, ...] = ()
    ends: bool = False
    contexts: bool = False
    pushes: bool = False
    calls: tuple[tuple[File, Code], ...] = ()
    unknown: frozenset[str] = frozenset()


@query
def _doing(file: File, code: Code) -> _Doing:
    asks: list[Asked] = []
    calls: list[tuple[File, Code]] = []
    unknown: set[str] = set()
    pushes = ends = False
    for node in own_nodes(code):
        if opens_context(file, node):
            return _Doing(ends=True, contexts=True)
        ends = ends or ends_session(node)
        if isinstance(node, (ast.Call, ast.For, ast.comprehension)):
            asks += [Asked(file, sent, found) for sent, found in _registries_asked(file, node) if found is not None]
        if isinstance(node, ast.Call):
            pushes = pushes or last_name(node.func) == "push"
            called = callees(file, node, scope_around(file, node))
            for each in called.definitions:
                calls += _functions_of(each)[:1]
            if not called.definitions and isinstance(node.func, ast.Attribute):
                unknown.add(node.func.attr)
    if any("context" in last_name(without_arguments(each)).lower() for each in getattr(code, "decorator_list", ())):
        return _Doing(ends=True, contexts=True)
    return _Doing(tuple(asks), ends, False, pushes, tuple(calls), frozenset(unknown))


@query
def _handed(file: File, code: Code) -> tuple[tuple[File, Code], ...]:
    """Return the functions that a function defines, hands to other code, or is decorated with.

    They take long to find, and matter only for work that asks a registry.
    """
    found: list[tuple[File, Code]] = []
    for node in own_nodes(code):
        if isinstance(node, FUNCTION):
            found.append((file, node))
        elif isinstance(node, ast.Call):
            called = callees(file, node, scope_around(file, node))
            found += [each for definition in called.definitions for each in _functions_of(definition)]
            if not any(True for _ in threads(file, node)):
                found += [each for given in argument_values(node) for each in _functions_given(file, given)]
    return (*found, *_decorators(file, code))


def _decorators(file: File, code: Code) -> list[tuple[File, Code]]:
    """Return the functions of the project that decorate a function."""
    if not isinstance(code, FUNCTION):
        return []
    named = (file.resolve(without_arguments(each)) for each in code.decorator_list)
    found = (find_definition(file, name) for name in named if name is not None)
    return [each for definition in found if definition is not None for each in _functions_of(definition)]


def _functions_of(found: Definition) -> list[tuple[File, Code]]:
    """Return the function of a definition; of a class, what runs when an object of it is made, entered or called."""
    if isinstance(found.node, FUNCTION):
        return [(found.file, found.node)]
    return [
        (each.file, method)
        for each in lineage(found)
        if isinstance(each.node, ast.ClassDef)
        for name in ("__init__", "__enter__", "__exit__", "__call__", "__del__")
        for method in each.node.body
        if isinstance(method, FUNCTION) and method.name == name
    ]


def _functions_given(file: File, given: ast.expr) -> Iterator[tuple[File, Code]]:
    if isinstance(given, (ast.Name, ast.Attribute, ast.Lambda)):
        yield from functions_of(file, given)


def ends_session(node: ast.AST) -> bool:
    """Whether a node ends a transaction, or closes a session."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name), args=[]) if name in _ENDS:
            return True
        case ast.Call(func=ast.Name(id="close_all_sessions")):
            return True
        case ast.Attribute(value=owner, attr=name) if name in _ENDS | _ENDS_BY_SESSION:
            return _SESSION.search(last_name(_without_call(owner))) is not None
    return False


def opens_context(file: File, node: ast.AST) -> bool:
    """Whether a node opens a context that ends the session: of an application, a session or a transaction."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CONTEXT_MAKERS:
            above = file.parents.get(node)
            return not (isinstance(above, ast.Attribute) and above.attr == "push")
        case ast.withitem(context_expr=ast.Call(func=func, args=args, keywords=words) as expr):
            if last_name(func) == "begin":
                return True
            return any(registry_of(file, each) is not None for each in (expr, *args, *(word.value for word in words)))
        case ast.withitem(context_expr=expr):
            return registry_of(file, expr) is not None
    return False


def _without_call(expr: ast.expr) -> ast.expr:
    return expr.func if isinstance(expr, ast.Call) else expr


def _registries_asked(file: File, node: ast.AST) -> Iterator[tuple[ast.expr, Registry | None]]:
    """Yield the expressions of a node that may be sent to the server, and the registry whose session sends them."""
    match node:
        case ast.For(iter=sent) | ast.comprehension(iter=sent) | ast.Call(func=ast.Name(id="list"), args=[sent, *_]):
            yield sent, _registry_of_query(file, sent)
        case ast.Call(func=ast.Attribute(attr=method, value=owner)) if method in ASKS:
            yield node, registry_of(file, owner) or _registry_of_query(file, owner)
        case ast.Call(func=ast.Attribute(attr=method, value=owner)) if method in _ASKS_OF_QUERY:
            yield node, _registry_of_query(file, owner)
    if isinstance(node, ast.Call):
        yield from ((node, found) for found in _registries_handed(file, node))


def _registries_handed(file: File, call: ast.Call) -> Iterator[Registry]:
    """Yield the registries whose sessions a call passes to a function of the project that queries by them."""
    given = [(each, found) for each in argument_values(call) if (found := _session_given(file, each)) is not None]
    for where, function, name, value in _parameters_given(file, call) if given else ():
        if _asks_by(where, function, name):
            yield from (found for each, found in given if each is value)


def _parameters_given(file: File, call: ast.Call) -> Iterator[tuple[File, Function, str, ast.expr]]:
    """Yield the parameters of the project's functions that a call may run, each with its function and its value."""
    for definition in callees(file, call, scope_around(file, call)).definitions:
        where, function = definition.file, definition.node
        if isinstance(function, FUNCTION):
            is_method = where.functions[function].class_scope is not None
            bound = bind_arguments(call, function, bound=is_method and isinstance(call.func, ast.Attribute))
            yield from ((where, function, name, value) for name, value in bound.items())


def _session_given(file: File, given: ast.expr) -> Registry | None:
    return registry_of(file, given) if isinstance(given, (ast.Name, ast.Attribute, ast.Call)) else None


@recursive_query(False)
def _asks_by(file: File, function: Function, name: str) -> bool:
    """Whether a function queries by the session that its parameter of this name is given, itself or by a function."""
    for call in calls_in(own_nodes(function)):
        match call.func:
            case ast.Attribute(attr=method, value=owner) if method in ASKS or method in _ASKS_OF_QUERY:
                if any(isinstance(part, ast.Name) and part.id == name for part in _chain(owner)):
                    return True
        if any(isinstance(each, ast.Name) and each.id == name for each in argument_values(call)):
            for where, inner, other, value in _parameters_given(file, call):
                if isinstance(value, ast.Name) and value.id == name and _asks_by(where, inner, other):
                    return True
    return False


def _chain(expr: ast.expr) -> Iterator[ast.expr]:
    """Yield an expression, and those on whose results it calls methods: `a.b().c()`, `a.b()`, `a`."""
    part = expr
    while isinstance(part, (ast.Call, ast.Attribute)):
        yield part
        part = part.func if isinstance(part, ast.Call) else part.value
    yield part


def _registry_of_query(file: File, expr: ast.expr) -> Registry | None:
    """Return the registry of the query that an expression begins with: `Session.query(Order).filter(...)`."""
    for part in _chain(expr):
        match part:
            case ast.Call(func=ast.Attribute(value=owner, attr="query")):
                return registry_of(file, owner)
            case ast.Attribute(value=model, attr="query"):
                return _registry_of_model(file, model)
    return None


@query
def _registry_of_model(file: File, model: ast.expr) -> Registry | None:
    """Return the registry that a class queries by `query`: Flask-SQLAlchemy's, if it is a model of that."""
    name = file.resolve(model) if isinstance(model, (ast.Name, ast.Attribute)) else None
    cls = class_named(file, name) if name else None
    for each in lineage(cls) if cls is not None else ():
        for base in each.node.bases if isinstance(each.node, ast.ClassDef) else ():
            if isinstance(base, ast.Attribute) and base.attr == "Model":
                return _flask_extension(each.file, base.value)
    return None


# -- all that a start reaches -----------------------------------------------------------------------------


def _kept(start: Start) -> Kept | None:
    """Return how the work that a start begins keeps the session; None if it may end it on each path.

    Most work ends it in code that it calls. All code that it reaches takes long to find, so that is asked last.
    """
    own = (start.owner, start.function)
    if (asked := _first_asked(*own)) is None:
        return None
    given = [found for expr in start.arguments for found in functions_of(start.file, expr)]
    given += [(start.runs.file, start.runs.node)] if start.runs is not None else []
    by_paths = not given and not _runs_for_ever(*own)
    if _ends_in(_called([own, *given])) and not (by_paths and _kept_on_path(*own) is not None):
        return None
    everything = _reach([own, *given])
    if everything is None or any(_doing(*each).contexts for each in everything):
        return None
    if asked.registry.is_flask and _needs_context(asked.registry):
        if not any(_doing(*each).pushes for each in everything):
            return None
    if not _may_end_in(everything):
        return Kept(asked)
    return _kept_on_path(*own) if by_paths else None


def _first_asked(file: File, code: Code) -> Asked | None:
    """Return the first query by a registry that a function makes, itself or by what it calls."""
    return next((asked for each in _called([(file, code)]) for asked in _doing(*each).asks), None)


def _may_end_in(functions: Collection[tuple[File, Code]]) -> bool:
    """Whether one of these functions may end the session, or calls a method that may."""
    if _ends_in(functions):
        return True
    unknown = {name: file for file, code in functions for name in _doing(file, code).unknown}
    return any(_may_end(file, name) for name, file in sorted(unknown.items(), key=itemgetter(0)))


def _ends_in(functions: Iterable[tuple[File, Code]]) -> bool:
    """Whether one of these functions itself may end the session."""
    return any(_doing(*each).ends for each in functions)


@query
def _may_end_below(file: File, code: Code) -> bool:
    """Whether a function, or code that it reaches, may end the session."""
    if _ends_in(_called([(file, code)])):
        return True
    reached = _reach([(file, code)])
    return reached is None or _may_end_in(reached)


@recursive_query(None)
def _kept_on_path(file: File, code: Code) -> Kept | None:
    """Return how a function keeps the session on one of its paths; None if it ends it on all, as far as is known."""

    def transfer(node: cfg.Node, state: State) -> Iterable[tuple[cfg.EdgeKind, State]]:
        match node.event:
            case cfg.Call(call):
                if ends_session(call) or ends_session(call.func):
                    return everywhere("ended")
                after = _state_after(file, call, state)
                return [("next", after), ("raise", "ended" if after == "ended" else "failed")]
            case cfg.Iterate(loop) if any(found for _, found in _registries_asked(file, loop)):
                return everywhere("kept")
            case cfg.Test(test) if _decides_end(file, test):
                return everywhere("ended")
        return everywhere(state)

    if any(_may_end_below(*each) for each in _decorators(file, code)):
        return None
    start: list[State] = ["ended"]
    for state in _KEPT:
        path = path_to_exit(file, code, start, transfer, state)
        if path is not None:
            return _kept_along(file, path, by_exception=state == "failed")
    return None


def _kept_along(file: File, path: list[cfg.Node], *, by_exception: bool) -> Kept | None:
    """Return how a session is kept on a path: by the last query of it."""
    nodes = [node.event.node for node in path if node.event is not None]
    for node in reversed(nodes):
        sent = next((Asked(file, sent, found) for sent, found in _registries_asked(file, node) if found), None)
        below = _kept_below(file, node) if sent is None and isinstance(node, ast.Call) else None
        if (asked := sent or (below.asked if below is not None else None)) is not None:
            ends = [each for each in nodes if isinstance(each, (ast.stmt, ast.expr)) and not isinstance(each, FUNCTION)]
            return Kept(asked, ends[-1] if ends else None, by_exception=by_exception)
    return None


def _state_after(file: File, call: ast.Call, before: State) -> State:
    """Return the state of the session after a call; what may end it does, unless a path is known that does not."""
    if any(found for _, found in _registries_asked(file, call)):
        return "kept" if not _may_end_by(file, call) else "ended"
    below = _kept_below(file, call)
    if below is not None and not below.by_exception:
        return "kept"
    return "ended" if before == "ended" or _may_end_by(file, call) else before


def _may_end_by(file: File, call: ast.Call) -> bool:
    """Whether a call may run code that ends the session."""
    if any(ends_session(part) for given in argument_values(call) for part in ast.walk(given)):
        return True
    called = callees(file, call, scope_around(file, call))
    functions = [each for definition in called.definitions for each in _functions_of(definition)]
    functions += [found for given in argument_values(call) for found in _functions_given(file, given)]
    if any(_may_end_below(*each) for each in functions):
        return True
    return not called.definitions and isinstance(call.func, ast.Attribute) and _may_end(file, call.func.attr)


def _kept_below(file: File, call: ast.Call) -> Kept | None:
    """Return how the only function that a call may run keeps the session: on all paths, or on one of them."""
    called = callees(file, call, scope_around(file, call))
    if len(called.definitions) != 1 or not isinstance(called.definitions[0].node, FUNCTION):
        return None
    where, function = called.definitions[0].file, called.definitions[0].node
    if not _ends_in(_called([(where, function)])):
        asked = _first_asked(where, function)
        if asked is None or not _may_end_below(where, function):
            return Kept(asked) if asked is not None else None
    return _kept_on_path(where, function) if not is_generator(function) else None


def _decides_end(file: File, test: ast.expr) -> bool:
    """Whether a test of a flag, or of the session itself, decides whether the session is ended: `if commit:`."""
    names = {part.id for part in ast.walk(test) if isinstance(part, ast.Name)}
    names |= {part.attr for part in ast.walk(test) if isinstance(part, ast.Attribute)}
    around = next((above for above in file.around(test) if isinstance(above, (ast.If, ast.While, *FUNCTION))), None)
    if not isinstance(around, ast.If) or not any(ends_session(part) for part in ast.walk(around)):
        return False
    bare = test.operand if isinstance(test, ast.UnaryOp) else test
    is_flag = isinstance(bare, ast.Name) and not any(
        isinstance(part, ast.Call) for value in file.scope_of(bare).aliases.get(bare.id, ()) for part in ast.walk(value)
    )
    return is_flag or any(_SESSION.search(name) for name in names)


def _called(begin: Iterable[tuple[File, Code]]) -> Iterator[tuple[File, Code]]:
    """Yield these functions and those that they call, the nearest first: one more than `_MOST` if there are too many.

    They are found soon: questions that some of them decide are asked before all is found that a function reaches.
    """
    return islice(_walk(begin, lambda file, code: _doing(file, code).calls), _MOST + 1)


def _reach(begin: Collection[tuple[File, Code]]) -> list[tuple[File, Code]] | None:
    """Return these functions and those that they call or hand to other code; None if these are too many."""
    if len([*_called(begin)]) > _MOST:
        return None
    found = [*islice(_walk(begin, _calls_and_handed), _MOST + 1)]
    return found if len(found) <= _MOST else None


def _calls_and_handed(file: File, code: Code) -> Iterator[tuple[File, Code]]:
    doing = _doing(file, code)
    yield from doing.calls
    if not doing.contexts:
        yield from _handed(file, code)


def _walk(
    begin: Iterable[tuple[File, Code]], successors: Callable[[File, Code], Iterable[tuple[File, Code]]]
) -> Iterator[tuple[File, Code]]:
    """Yield functions and those that they lead to, each once: the nearest first."""
    todo = deque(begin)
    seen = {code for _, code in todo}
    while todo:
        yield (each := todo.popleft())
        for further in successors(*each):
            if further[1] not in seen:
                seen.add(further[1])
                todo.append(further)


def _may_end(near: File, method: str) -> bool:
    """Whether a method of this name of the project, on an object that is not known, may end a session."""
    if method in QUIET_METHODS or method in ASKS or method in _ASKS_OF_QUERY:
        return False
    defined = f"def {method}("
    others = (each for each in near.project.files_containing(defined) if _NAMES_END.search(each.text))
    return any(
        function.name == method and any(ends_session(node) for node in own_nodes(function))
        for file in with_others(near, (each for each in others if each.is_program))
        for function in file.functions
        if isinstance(function, FUNCTION)
    )


def _is_ended_around(start: Start, registry: Registry) -> bool:
    """Whether a hook of the worker or the scheduler may end the session after each run: of signals, base classes."""
    if start.words not in _LASTING:
        return False
    if isinstance(start.node, ast.Call) and any(word.arg == "base" for word in start.node.keywords):
        return True
    project = start.file.project
    for word in HOOKS_OF_WORKERS:
        for file in (start.file, *project.files_containing(word)):
            if word in file.text and not is_test_file(file):
                return True
    return start.words == _EVENT and any(
        _HAS_END.search(file.text) is not None for file in (registry.file, *project.files_containing("remove()"))
    )
