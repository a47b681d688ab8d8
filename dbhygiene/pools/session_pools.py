"""`session_pool`: what becomes of the connection of a session or an engine when that is left open, by its engine.

session = Session(create_engine(url, poolclass=NullPool))      # `PoolKind.NONE`: no other code waits for it
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from dbhygiene.config.settings import Confidence
from dbhygiene.library.words import words
from dbhygiene.pools.dialect_evidence import suggests_another
from dbhygiene.pools.engine_escape import Fate, fate
from dbhygiene.pools.engines import Engine, engine, engine_pool_kind, timeout_confidence
from dbhygiene.pools.sessions import bind_arguments_of, resource_of_call
from dbhygiene.program.callees import callees
from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.names import means
from dbhygiene.program.values import Called, Value, options
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File, function_around, scope_around, with_others
from dbhygiene.source.nodes import FUNCTION, Function, last_name, walk


class PoolKind(Enum):
    """How the engine of a session or connection keeps its connections."""

    LASTING = "a pool that outlives the call, or an unknown one"
    EACH_CALL = "a pool of an engine that each call makes"
    OWN = "a pool of an engine that the same function makes and drops: closed or not, its connections stay open"
    NONE = "none: each connection is a new one"
    ONE = "one connection for all"


_KINDS = {"": PoolKind.LASTING, "none": PoolKind.NONE, "shared": PoolKind.ONE}


class SessionPool(NamedTuple):
    """The pool of a session or connection, and the database of its engine: "" if that may be one of several."""

    kind: PoolKind
    database: str = ""

    @property
    def costs_nothing(self) -> bool:
        """Whether no server and no pool loses a connection that is left open."""
        return self.kind in {PoolKind.OWN, PoolKind.ONE}


def session_pool(file: File, call: ast.Call) -> SessionPool:
    """Return the pool from which the session or connection of a call comes; the call may be one of a helper."""
    found = {_pool_of(*birth) for birth in _births(file, call)}
    return found.pop() if len(found) == 1 else SessionPool(PoolKind.LASTING)


def _births(file: File, call: ast.Call) -> Iterator[tuple[File, ast.Call]]:
    """Yield the calls that make the session which a call returns: itself, or those of the functions that it runs."""

    def made_by(at: tuple[File, ast.Call]) -> Iterable[tuple[File, ast.Call]]:
        where, each = at
        if resource_of_call(where, each) is not None:
            return
        for called in callees(where, each, scope_around(where, each)).definitions:
            if isinstance(called.node, FUNCTION):
                own = [(called.file, inner) for inner in called.file.functions[called.node].calls]
                births = [inner for inner in own if resource_of_call(*inner) is not None]
                yield from births or [inner for inner in own if _is_returned(called.file, inner[1])]

    yield from (at for at in closure((file, call), made_by) if resource_of_call(*at) is not None)


def _is_returned(file: File, call: ast.Call) -> bool:
    return isinstance(file.parents.get(call), (ast.Return, ast.Tuple, ast.Yield, ast.Await))


def _pool_of(file: File, call: ast.Call) -> SessionPool:
    made = engines(file, call)
    databases = frozenset[str]().union(*(each.databases for each in made))
    database = next(iter(databases)) if len(databases) == 1 else ""
    kinds = {_KINDS[engine_pool_kind(each)] for each in made}
    if kinds == {PoolKind.LASTING}:
        if all(_is_of_this_call(file, call, each) for each in made):
            return SessionPool(PoolKind.OWN, database)
        if all(_is_made_each_time(file, call, each) for each in made):
            return SessionPool(PoolKind.EACH_CALL, database)
    return SessionPool(kinds.pop() if len(kinds) == 1 else PoolKind.LASTING, database)


def engines(file: File, call: ast.Call) -> list[Engine]:
    """Return the visible engines from which the session or connection of a call may come."""
    found: list[Engine] = []
    seen: set[ast.Call] = set()
    todo = [evaluate(file, call.func), *bind_arguments_of(file, call), *_binds_later(file, call.func)]
    if isinstance(call.func, ast.Attribute):
        todo.append(evaluate(file, call.func.value))
    while todo:
        for option in options(todo.pop()):
            match option:
                case Called(file=File() as where, call=ast.Call() as maker) if maker not in seen:
                    seen.add(maker)
                    if (made := engine(where, maker)) is not None:
                        found.append(made)
                    else:
                        held = [*option.arguments[:1], option.keywords.items.get("bind"), option.receiver]
                        todo += [each for each in held if each is not None]
    return found


def _binds_later(file: File, factory: ast.expr) -> Iterator[Value]:
    """Yield the engines that a session factory is given later: `Session.configure(bind=engine)`."""
    made = _makers(file, factory)
    others = with_others(file, file.project.files_calling("configure")) if made else []
    for other in (each for each in others if each.is_program):
        for call in other.calls.get("configure", ()):
            if isinstance(call.func, ast.Attribute) and not made.isdisjoint(_makers(other, call.func.value)):
                if (given := evaluate_keywords(other, call).items.get("bind")) is not None:
                    yield given


def _makers(file: File, factory: ast.expr) -> set[ast.AST]:
    """Return the calls that may have made a session factory."""
    found = options(evaluate(file, factory))
    return {each.call for each in found if isinstance(each, Called) and each.call is not None}


def _is_made_each_time(file: File, call: ast.Call, made: Engine) -> bool:
    """Whether the function that takes a connection also makes the engine, itself or by a helper, and keeps none."""
    function = function_around(file, call)
    if function is None or function.decorator_list or fate(made.file, made.call) is Fate.KEPT:
        return False
    return bool(_calls_that_make(file, function, made))


def _is_of_this_call(file: File, call: ast.Call, made: Engine) -> bool:
    """Whether the function that takes a connection also makes the engine, itself or by a helper, and drops it."""
    function = function_around(file, call)
    if function is None:
        return False
    makers = _calls_that_make(file, function, made)
    return bool(makers) and all(_is_dropped(file, function, call, each) for each in makers)


def _calls_that_make(file: File, function: Function, made: Engine) -> list[ast.Call]:
    """Return the calls of a function that make an engine: the one that does so itself, or those of a helper."""
    if made.file.path == file.path and function is function_around(file, made.call):
        return [made.call]
    name = _name_of_maker(made)
    return [each for each in file.functions[function].calls if name and means(file, each.func, name)]


def _is_dropped(file: File, function: Function, call: ast.Call, made: ast.Call) -> bool:
    """Whether a function drops an engine that it makes for the session or connection of a call."""
    around = file.parents[made]
    match around:
        case ast.Assign(targets=[ast.Name(id=name)]) if name in file.functions[function].bound:
            names = (part for part in walk(function) if isinstance(part, ast.Name) and part.id == name)
            return all(_only_connects(file, each) for each in names if isinstance(each.ctx, ast.Load))
        case ast.keyword():
            return file.parents[around] is call
    return around is call or around is call.func  # `Session(create_engine(url))`, `create_engine(url).connect()`


def _name_of_maker(made: Engine) -> str:
    """Return the name of a function that makes this engine in each call, and returns it; "" if there is none."""
    maker = function_around(made.file, made.call)
    if maker is None or maker.decorator_list or made.file.parents.get(maker) is not made.file.tree:
        return ""
    match made.file.parents[made.call]:
        case ast.Return():
            return f"{made.file.module}.{maker.name}"
        case ast.Assign(targets=[ast.Name(id=name)]) if name in made.file.functions[maker].bound:
            names = (part for part in walk(maker) if isinstance(part, ast.Name) and part.id == name)
            owners = [made.file.parents[each] for each in names if isinstance(each.ctx, ast.Load)]
            if all(isinstance(each, (ast.Return, ast.Attribute)) for each in owners):
                return f"{made.file.module}.{maker.name}"
    return ""


_MADE_WITH_ENGINE = words("sessionmaker async_sessionmaker scoped_session Session AsyncSession")


def _only_connects(file: File, engine_name: ast.Name) -> bool:
    """Whether a mention of an engine takes a connection from it, or makes a session or a factory of them."""
    around = file.parents[engine_name]
    if isinstance(around, ast.Attribute):
        return around.attr != "dispose"
    call = file.parents[around] if isinstance(around, ast.keyword) else around
    return isinstance(call, ast.Call) and last_name(call.func) in _MADE_WITH_ENGINE


def session_timeout_confidence(file: File, call: ast.Call) -> Confidence | None:
    """Return how sure it is that the server of a call's result closes idle connections; None if it does not."""
    made = engines(file, call)
    if not made:
        return Confidence.POSSIBLE if suggests_another(file) else Confidence.LIKELY
    known = [found for each in made if (found := timeout_confidence(each)) is not None]
    return max(known) if known else None
