"""`session_call_model`: the calls that return a session or connection of SQLAlchemy, which must be closed.

session = Session()                  # takes a connection at its first query, and returns it at `commit` or `close`
conn = engine.connect()              # takes one at once, and returns it at `close`

The session of a `scoped_session`, or Flask-SQLAlchemy's `db.session`, belongs to its registry.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TypeGuard

from dbhygiene.library.resources import BORROWER, HARMLESS, READS, CallModel, Leaving, ParameterSummary, Resource
from dbhygiene.library.sqlalchemy import BUILDS_QUERY, MAKES_ENGINE, REGISTRIES
from dbhygiene.pools.engines import engine
from dbhygiene.program.arguments import defaults, has_parameter
from dbhygiene.program.callees import receiver_class
from dbhygiene.program.evaluation import evaluate, evaluate_keywords, evaluate_member
from dbhygiene.program.names import canonical_name
from dbhygiene.program.values import UNKNOWN, Called, Constant, Instance, Named, Value, options
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION, keyword_value, last_name
from dbhygiene.source.records import replace

_CONNECTION_METHODS = "execution_options exec_driver_sql execute scalars stream stream_scalars"
_DRIVER_CONNECTION = frozenset({"connection", "dbapi_connection", "driver_connection"})
CONNECTION = Resource(
    kind="engine connection",
    title="SQLAlchemy connection",
    package="sqlalchemy",
    leaving=Leaving(closes=True),
    plain_with=True,
    parts=frozenset(_CONNECTION_METHODS.split()),
    open_if=frozenset(),
    closed_if=frozenset({"closed", "invalidated"}),  # an invalidated one has left the pool, which may open another
    gives_itself=frozenset({"execution_options", "connect"}),
    beneath=_DRIVER_CONNECTION,
    gives_up=frozenset({"detach"}),
)
RAW_CONNECTION = Resource(
    kind="engine connection",
    title="raw connection of an engine",
    package="sqlalchemy",
    leaving=None,
    open_if=frozenset({"is_valid"}),
    beneath=_DRIVER_CONNECTION,
    gives_up=frozenset({"detach"}),
)
SESSION = Resource(
    kind="session",
    title="SQLAlchemy session",
    package="sqlalchemy",
    leaving=Leaving(closes=True),
    plain_with=True,
    parts=frozenset("execute scalars query get connection stream stream_scalars".split()),
    rests_after=frozenset({"commit", "rollback", "close_all", "invalidate", "reset", "remove"}),
    rests_during=frozenset(
        """
        add add_all expunge expunge_all expire expire_all get_bind configure begin begin_nested enable_baked_queries
        is_modified prepare bind_mapper bind_table in_transaction in_nested_transaction
        """.split()
    ),
    only_builds=BUILDS_QUERY,
    open_if=frozenset(),
    usable_if=frozenset({"is_active"}),  # false only after a failed flush, until `rollback`
    is_lazy=True,
)
REGISTRY = replace(
    SESSION,
    title="registry of SQLAlchemy sessions",
    closed_by=frozenset({"close", "remove"}),
    leaving=None,
    plain_with=False,
)
ASYNC_CONNECTION = replace(CONNECTION, title="asynchronous SQLAlchemy connection", is_async=True, awaits_close=True)
ASYNC_SESSION = replace(SESSION, title="asynchronous SQLAlchemy session", is_async=True, awaits_close=True)

_ENGINES = frozenset(
    {
        *("sqlalchemy.Engine", "sqlalchemy.engine.Engine", "sqlalchemy.engine.base.Engine"),
        *("sqlalchemy.future.Engine", "sqlalchemy.future.engine.Engine"),
    }
)
_ASYNC_ENGINES = frozenset({"sqlalchemy.ext.asyncio.AsyncEngine", "sqlalchemy.ext.asyncio.engine.AsyncEngine"})
_FACTORIES = frozenset({"sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker", "sqlmodel.sessionmaker"})
_ASYNC_FACTORIES = frozenset(
    {"sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.ext.asyncio.session.async_sessionmaker"}
)
_SESSIONS = frozenset(
    {
        *("sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session", "sqlalchemy.orm.create_session"),
        *("sqlmodel.Session", "sqlmodel.orm.session.Session"),
    }
)
_ASYNC_SESSIONS = frozenset(
    {
        *("sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.ext.asyncio.session.AsyncSession"),
        *("sqlmodel.ext.asyncio.session.AsyncSession",),
    }
)
_ALL_MAKERS = _FACTORIES | _ASYNC_FACTORIES | _SESSIONS | _ASYNC_SESSIONS
_MAKERS = frozenset(name.rpartition(".")[2] for name in _ALL_MAKERS)
_FLASK = "flask_sqlalchemy.SQLAlchemy"

# Functions and methods that use a connection only while they run.
_BORROWERS = frozenset({"sqlalchemy.Table", "sqlalchemy.schema.Table"})
_BORROWING_METHODS = frozenset({"has_table", "create_all", "drop_all", "reflect", "has_sequence"})
_READERS = frozenset({"sqlalchemy.inspect", "sqlalchemy.inspection.inspect"})

# Functions that only make an expression of SQL.
_WRITES_SQL = lazy_pattern(
    r"(?:sqlalchemy|sqlmodel)(?:\.sql|\.sql\.expression|\.future)?"
    r"\.(?:text|select|insert|update|delete|and_|or_|not_|desc|asc|func\.\w+|literal|bindparam|column|table|cast|case)"
)

# Names of session factories: the evaluation of every called expression would take too long.
_MAKES_SESSIONS = lazy_pattern(r"sess|maker|factory|db", re.IGNORECASE)
_IS_ENGINE = lazy_pattern(r"(?:^|_)(?:async_)?(?:engine|eng)$", re.IGNORECASE)


def session_call_model(file: File, call: ast.Call) -> CallModel | None:
    """Return the model of a call that takes a connection from SQLAlchemy, or uses one; None for any other call."""
    if (resource := resource_of_call(file, call)) is not None:
        return CallModel(returns=resource)
    if isinstance(call.func, ast.Attribute) and call.func.attr in _BORROWING_METHODS:
        return BORROWER
    if isinstance(call.func, ast.Attribute) and call.func.attr == "execution_options":
        return HARMLESS
    name = file.resolve(call.func)
    if name is None:
        return None
    if _WRITES_SQL.fullmatch(name):
        return HARMLESS
    if name in _BORROWERS:
        return BORROWER
    if _uses_connection(file, call, name):
        return CallModel(rest=ParameterSummary.of(READS), may_raise=False)
    return CallModel(rest=ParameterSummary.of(READS)) if name in _READERS else None


def _uses_connection(file: File, call: ast.Call, name: str) -> bool:
    """Whether a call makes a session, or a factory of sessions, of a connection that is its argument."""
    if name.rpartition(".")[2] not in _MAKERS or canonical_name(file, name) not in _ALL_MAKERS:
        return False
    return any(not _takes_from_engine(bind) for bind in bind_arguments_of(file, call))


def resource_of_call(file: File, call: ast.Call) -> Resource | None:
    """Return the session or connection that a call returns to its caller; None for any other call."""
    func = call.func
    if isinstance(func, ast.Attribute) and func.attr in {"connect", "raw_connection"}:
        return _connection(file, func)
    if (name := last_name(func)) and not _MAKES_SESSIONS.search(name):
        return None
    if (named := file.resolve(func)) is not None:
        last = named.rpartition(".")[2]
        if last in {"Session", "AsyncSession", "create_session"}:
            whole = canonical_name(file, named)
            if whole in _SESSIONS | _ASYNC_SESSIONS:
                if _commits_each(file, call):
                    return None
                session = SESSION if whole in _SESSIONS else ASYNC_SESSION
                return session if _takes_from_engine(_bind(file, call)) else None
        if last == "scoped_session" and _is_local_registry(file, call) and canonical_name(file, named) in REGISTRIES:
            return REGISTRY
    if isinstance(func, (ast.Name, ast.Attribute, ast.Call)):
        return _session_of_factory_call(file, func, call)
    return None


def _is_local_registry(file: File, call: ast.Call) -> bool:
    """Whether a function makes a registry for itself alone, in a variable, and uses it as the session."""
    function, above = function_around(file, call), file.parents.get(call)
    if function is None or not isinstance(above, ast.Assign) or len(call.args) != 1:
        return False
    match above.targets:
        case [ast.Name(id=name)] if name not in file.functions[function].globals:
            uses = [
                n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name and n is not above.targets[0]
            ]
            owners = (file.parents.get(use) for use in uses)
            if not uses or any(not isinstance(each, ast.Attribute) or each.attr == "query_property" for each in owners):
                return False
            return all(map(_is_factory, options(evaluate(file, call.args[0]))))
    return False


def _is_factory(option: Value) -> bool:
    if not isinstance(option, Called) or option.file is None or not isinstance(option.call, ast.Call):
        return False
    is_bound = all(map(_takes_from_engine, bind_arguments_of(option.file, option.call)))
    return is_bound and canonical_name(option.file, option.name) in _FACTORIES


def resource_of_session_class(name: str) -> Resource | None:
    """Return the session that an object of SQLAlchemy's class of this name is."""
    return SESSION if name in _SESSIONS else ASYNC_SESSION if name in _ASYNC_SESSIONS else None


def takes_from_pool(file: File, call: ast.Call) -> bool:
    """Whether the session of a call takes its connections from a pool, and keeps them after a query."""
    return not _commits_each(file, call) and all(_takes_from_engine(given) for given in bind_arguments_of(file, call))


def _connection(file: File, func: ast.Attribute) -> Resource | None:
    is_async = engine_is_async(file, func.value)
    if is_async is None and _engine_kinds(file, func.value) == {"sync", "async"}:
        is_async = _is_awaited(file, func)  # one of the two, and this code is written for that
    if is_async is None:
        return None
    if func.attr == "raw_connection":
        return RAW_CONNECTION
    return ASYNC_CONNECTION if is_async else CONNECTION


def _session_of_factory_call(file: File, func: ast.expr, call: ast.Call) -> Resource | None:
    """Return the session that a call of a session factory creates, if the called object may be one."""
    found: set[Resource | None] = set()
    for option in _factories(file, func, call):
        match option:
            case Constant(value=None):
                continue
            case Called(name=name, file=File() as where):
                maker = canonical_name(where, name)
            case Instance(name=name):
                maker = name
            case _:
                return None
        if maker == "functools.partial" and isinstance(option, Called):
            found.add(_session_of_partial(option))
            continue
        if maker in _ASYNC_FACTORIES:
            found.add(ASYNC_SESSION)
        elif maker in _FACTORIES:
            found.add(_resource_of_factory(option))
        else:
            return None
        if isinstance(option, Called) and isinstance(option.call, ast.Call) and option.file is not None:
            made, where = option.call, option.file
            if _commits_each(where, made) or not all(map(_takes_from_engine, bind_arguments_of(where, made))):
                return None
    if _commits_each(file, call) or not all(_takes_from_engine(given) for given in bind_arguments_of(file, call)):
        return None
    return found.pop() if len(found) == 1 else None


def _factories(file: File, func: ast.expr, call: ast.Call) -> Iterator[Value]:
    """Yield what a call calls; for a registry that is made for this call alone, the factory of its session."""
    for option in _functions_called(file, func):
        if _is_registry(option) and _serves_only(file, func, option.call, call):
            yield from options(option.arguments[0])
        else:
            yield option


def _functions_called(file: File, func: ast.expr) -> tuple[Value, ...]:
    """Return what a called expression may be: the field of an object whose class is known, or a parameter's default."""
    found = tuple(options(evaluate(file, func)))
    if UNKNOWN not in found:
        return found
    match func:
        case ast.Attribute(value=owner, attr=name) if (cls := receiver_class(file, owner)) is not None:
            return tuple(options(evaluate_member(cls.file, f"{cls.name}.{name}")))
        case ast.Name(id=name) if isinstance(function := file.scope_of(func).node, FUNCTION):
            if (default := defaults(function).get(name)) is not None and not file.scope_of(func).aliases.get(name):
                return tuple(options(evaluate(file, default)))
    return found


def _is_registry(option: Value) -> TypeGuard[Called]:
    """Whether a value is a registry of sessions that is made of a factory."""
    if not isinstance(option, Called) or option.file is None or not option.arguments:
        return False
    return canonical_name(option.file, option.name) in REGISTRIES


def _serves_only(file: File, func: ast.expr, registry: ast.Call | None, call: ast.Call) -> bool:
    """Whether a function makes a registry only to get one session of it by this call, and never `remove`s that."""
    function = function_around(file, call)
    if registry is None or function is None or function_around(file, registry) is not function:
        return False
    if func is registry:
        return True
    uses = [part for part in ast.walk(function) if isinstance(part, ast.Name) and part.id == last_name(func)]
    return isinstance(func, ast.Name) and [part for part in uses if isinstance(part.ctx, ast.Load)] == [func]


def _session_of_partial(option: Called) -> Resource | None:
    """Return the session that a call of `partial(Session, engine)` creates."""
    match option.arguments:
        case [Named(name=name), *given] if option.file is not None and "autocommit" not in option.keywords.items:
            binds = [*given[:1], *([bind] if (bind := option.keywords.items.get("bind")) is not None else [])]
            session = resource_of_session_class(canonical_name(option.file, name))
            return session if UNKNOWN not in binds and all(map(_takes_from_engine, binds)) else None
    return None


def _resource_of_factory(factory: Value) -> Resource:
    """Return the session of a `sessionmaker`, which is asynchronous if `class_` is."""
    if isinstance(factory, Called):
        for option in options(factory.keywords.items.get("class_", UNKNOWN)):
            if isinstance(option, Named) and option.name in _ASYNC_SESSIONS:
                return ASYNC_SESSION
    return SESSION


# -- what a session is bound to ---------------------------------------------------------------------------


def _bind(file: File, call: ast.Call) -> Value:
    return next(iter(bind_arguments_of(file, call)), UNKNOWN)


def bind_arguments_of(file: File, call: ast.Call) -> list[Value]:
    """Return the possible binds of a call's session, if the call names any."""
    if call.args and not isinstance(call.args[0], ast.Starred):
        return [_resolve_bind(file, call.args[0])]
    named = keyword_value(call, "bind")
    if named is not None:
        return [_resolve_bind(file, named)]
    given = evaluate_keywords(file, call).items
    return [given["bind"]] if "bind" in given else []


def _resolve_bind(file: File, bind: ast.expr) -> Value:
    """Return the bind of a session: for `with engine.connect() as conn: Session(conn)`, the result of `connect`."""
    if (found := evaluate(file, bind)) != UNKNOWN or not isinstance(bind, (ast.Name, ast.Attribute)):
        return found
    is_given = isinstance(bind, ast.Attribute) or has_parameter(file.scope_of(bind).node, bind.id)
    if is_given and last_name(bind).rpartition("_")[2] in {"connection", "conn"}:
        return Instance("sqlalchemy.engine.Connection")  # of another owner, or as events of mapped classes are given
    if isinstance(bind, ast.Attribute):
        return found
    for item in file.nodes(ast.withitem):
        match item.optional_vars:
            case ast.Name(id=bind.id) as target if file.scope_of(target) is file.scope_of(bind):
                return evaluate(file, item.context_expr)
    return found


def _commits_each(file: File, call: ast.Call) -> bool:
    """Whether a session returns its connection after each query: SQLAlchemy before 2.0, `autocommit=True`."""
    return any(keyword.arg == "autocommit" for keyword in call.keywords) and (
        evaluate_keywords(file, call).items.get("autocommit") == Constant(True)
    )


def _takes_from_engine(bind: Value) -> bool:
    """Whether a session may take its connections from a pool: it is not known to be bound to a single connection.

    Where it may be bound to an engine or to a connection, it may.
    """
    if any(_kind(option) in {"sync", "async"} for option in options(bind)):
        return True
    for option in options(bind):
        match option:
            case Called(name=name) if name.rpartition(".")[2] in {"connect", "get_bind", "connection", "begin"}:
                return False
            case Instance(name=name) if name.rpartition(".")[2] in {"Connection", "AsyncConnection"}:
                return False
    return True


# -- engines ----------------------------------------------------------------------------------------------


def engine_is_async(file: File, expr: ast.expr) -> bool | None:
    """Whether an expression is an asynchronous engine; None if it is not known to be an engine."""
    if isinstance(expr, ast.Attribute) and expr.attr == "engine" and _is_flask(evaluate(file, expr.value)):
        return False
    if known := _engine_kinds(file, expr):
        return known == {"async"} if known <= {"sync", "async"} and len(known) == 1 else None
    return _is_engine_by_name(file, expr)


def _engine_kinds(file: File, expr: ast.expr) -> set[str]:
    """Return what an expression may be: a "sync" engine, an "async" one, something "other"."""
    return {_kind(option) for option in options(evaluate(file, expr))} - {"nothing", "unknown"}


def _is_awaited(file: File, func: ast.Attribute) -> bool:
    """Whether the result of a method is awaited, or entered by `async with`."""
    around = file.parents.get(file.parents[func])
    if isinstance(around, ast.withitem):
        return isinstance(file.parents.get(around), ast.AsyncWith)
    return isinstance(around, ast.Await)


def _kind(option: Value) -> str:
    match option:
        case Constant(value=None):
            return "nothing"
        case Instance(name=name) if name in _ENGINES | _ASYNC_ENGINES:
            return "async" if name in _ASYNC_ENGINES else "sync"
        case Called(name=".execution_options", receiver=receiver) if receiver is not None:
            return _kind(next(options(receiver), UNKNOWN))
        case Called(name=".get_engine", receiver=receiver) if receiver is not None and _is_flask(receiver):
            return "sync"
        case Called(name=name) if f".{name.rpartition('.')[2]}" in MAKES_ENGINE:
            return "sync"
        case Called(file=File() as file, call=ast.Call() as call) if (made := engine(file, call)) is not None:
            return "async" if made.is_async else "sync"
        case Called() | Named() | Constant():
            return "other"
    return "unknown"


def _is_flask(found: Value) -> bool:
    return any(
        isinstance(option, Called) and option.file is not None and canonical_name(option.file, option.name) == _FLASK
        for option in options(found)
    )


def _is_engine_by_name(file: File, expr: ast.expr) -> bool | None:
    """Whether an engine, known by its name and the file's imports, is asynchronous; None if it is no engine."""
    if not _IS_ENGINE.search(last_name(expr)):
        return None
    imported = {name for scope in file.scopes for name in scope.imports.values()}
    if not any(each.partition(".")[0] in {"sqlalchemy", "sqlmodel"} for each in imported):
        return None
    return any(each.startswith("sqlalchemy.ext.asyncio") for each in imported)
