"""`Engine`: how a program makes an engine of SQLAlchemy, with which options, and for which database.

create_engine(URL, **OPTIONS)    # an `Engine`: its options are those that OPTIONS may hold, its URL that of URL
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.config.settings import Confidence
from dbhygiene.library.server_calls import sets_timeout
from dbhygiene.pools import sqlalchemy as library
from dbhygiene.pools.dialect_evidence import is_mysql_in_production, suggests_another
from dbhygiene.pools.named_databases import names_another
from dbhygiene.pools.pool_listeners import has_ping_listener
from dbhygiene.program.evaluation import evaluate, evaluate_keywords
from dbhygiene.program.names import canonical_name, means
from dbhygiene.program.values import UNKNOWN, Called, Constant, Dict, Named, Value, as_dict, merge_dicts, options
from dbhygiene.source.file import File, function_around
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import last_name
from dbhygiene.source.queries import query, remembered
from dbhygiene.source.records import Frozen


class Engine(Frozen):
    """One call that makes an engine."""

    file: File
    call: ast.Call
    url: Value
    options: Dict
    is_async: bool = False
    configured: bool = False  # `engine_from_config`
    keyword: str = ""  # the argument with its options, if they are not arguments of the call

    @remembered
    def databases(self) -> frozenset[str]:
        """The databases that it may use, by its URL, its `connect_args` and the conditions around it."""
        found = library.databases(self.url)
        if "check_same_thread" in as_dict(self.option("connect_args", Dict())).items:
            found = (found - {library.UNKNOWN_DATABASE}) or frozenset({"sqlite"})
        if library.UNKNOWN_DATABASE in found or len(found) > 1:
            allowed, ruled_out = library.databases_by_conditions(self.file, self.call)
            if allowed:
                return (allowed - ruled_out) or allowed
            if library.MYSQL in ruled_out:
                return (found - ruled_out - {library.UNKNOWN_DATABASE}) or frozenset({"not mysql"})
            return (found - ruled_out) or found
        return found

    def option(self, name: str, default: Value = UNKNOWN) -> Value:
        return self.options.items.get(name, default)

    def sets(self, name: str) -> bool:
        """Whether an option may have a value other than the one that turns it off."""
        return _sets(self.options, name)

    @property
    def is_protected(self) -> bool:
        """Whether something may keep the pool from returning dead connections, or is not visible."""
        return (
            self.options.open
            or self.sets("pool_pre_ping")
            or self.sets("pool_recycle")
            or not self.has_pool
            or not self._has_plain_strategy
            or sets_timeout(self.file)
            or has_ping_listener(self.file)
        )

    @property
    def has_owner(self) -> bool:
        """Whether the object that the call returns keeps the engine for itself."""
        return bool(self.keyword)

    @property
    def _has_plain_strategy(self) -> bool:
        """Whether `strategy`, an option before SQLAlchemy 1.4, leaves it with a pool."""
        found = options(self.option("strategy", Constant("plain")))
        return all(isinstance(each, Constant) and each.value in ("plain", "threadlocal") for each in found)

    @property
    def has_pool(self) -> bool:
        """Whether it keeps connections, in a pool that is known not to protect them by itself."""
        return all(
            _plain_pool(option)
            for name in ("poolclass", "pool")
            for option in options(self.option(name, Constant(None)))
        )


def engine_pool_kind(made: Engine) -> str:
    """Return how an engine keeps connections: "shared", one for all; "none", a new one each time; else ""."""
    given = [one for name in ("poolclass", "pool") for one in options(made.option(name, Constant(None)))]
    pools = {one.name.rpartition(".")[2] if isinstance(one, (Named, Called)) else "" for one in given}
    pools -= {""} if all(isinstance(one, (Named, Called)) or one == Constant(None) for one in given) else set()
    if pools:
        found = {_POOLS.get(name, "") for name in pools}
        return found.pop() if len(found) == 1 else ""
    if made.databases != {"sqlite"}:
        return ""
    return "shared" if library.is_in_memory_url(made.url) else "none"


_POOLS = {"StaticPool": "shared", "SingletonThreadPool": "shared", "NullPool": "none"}


def _plain_pool(found: Value) -> bool:
    match found:
        case Constant(value=None):
            return True
        case Named(name=pool):
            return pool in library.POOLS_WITH_CONNECTIONS
        case Called(name=pool):
            return pool in library.POOLS_WITH_CONNECTIONS and not _pool_is_protected(found)
    return False


def _sets(given: Dict, name: str) -> bool:
    return name in given.items and any(not _turns_off(one) for one in options(given.items[name]))


def _turns_off(found: Value) -> bool:
    return isinstance(found, Constant) and (found.value is None or found.value is False or found.value == -1)


def _pool_is_protected(pool: Called) -> bool:
    given = pool.keywords
    return given.open or _sets(given, "pre_ping") or _sets(given, "recycle") or len(pool.arguments) > 1


def engines_in(file: File) -> Iterator[Engine]:
    """Yield the engines that the calls in a file make, those that they keep for themselves, too."""
    if any(word in file.text for word in (*_LAST_NAMES, "partial")):
        yield from (made for call in file.nodes(ast.Call) if (made := engine(file, call)) is not None)
    if "apscheduler" in file.text:
        yield from (made for call in file.nodes(ast.Call) if (made := _engine_of_job_store(file, call)) is not None)


def _engine_of_job_store(file: File, call: ast.Call) -> Engine | None:
    """Return the engine that APScheduler makes for a job store: `SQLAlchemyJobStore(url=URL, engine_options=OPTIONS)`.

    From APScheduler 3.5.1 on, it calls `create_engine(URL, **OPTIONS)` unless it is given an engine.
    """
    given = evaluate_keywords(file, call)
    version = file.project.version_of("apscheduler")
    if given.open or "engine" in given.items or (version is not None and version < (3, 5, 1)):
        return None
    match call:
        case ast.Call(func=ast.Attribute(attr="add_jobstore"), args=[ast.Constant(value="sqlalchemy"), *_]):
            url = given.items.get("url", UNKNOWN)
        case ast.Call(args=[] | [_]) if means(file, call.func, library.JOB_STORE):
            url = evaluate(file, call.args[0]) if call.args else given.items.get("url", UNKNOWN)
        case _:
            return None
    found = as_dict(given.items.get(library.JOB_STORE_OPTIONS, Dict()))
    return Engine(file, call, url, found, keyword=library.JOB_STORE_OPTIONS)


@query
def engine(file: File, call: ast.Call) -> Engine | None:
    """Return the engine that a call makes; None if it makes none."""
    if isinstance(call.func, ast.Attribute) and call.func.attr not in _LAST_NAMES and not _may_provide(call):
        return None
    name, before = file.resolve(call.func), Dict()
    positional: list[Value] = []
    arguments, function = call.args, call.func
    if name in library.PROVIDERS and _may_provide(call):  # `Singleton(create_engine, URL)` calls `create_engine(URL)`
        function, *arguments = arguments
        name = file.resolve(function)
    if name is None and isinstance(call.func, ast.Name) and "partial" in file.text:
        match evaluate(file, call.func):
            case Called(name="functools.partial", arguments=[Named(name=name), *given], keywords=before):
                positional = list(given)
            case _:
                return None
    if name is None:
        return None
    if not name.endswith(_LAST_NAMES):
        return None
    name = _name_by_star_import(file, function, canonical_name(file, name))
    first = [*positional, *(evaluate(file, argument) for argument in arguments[:2])]
    named = Dict(
        {**before.items, **(own := evaluate_keywords(file, call)).items}, before.open or own.open, own.file, own.literal
    )
    if any(isinstance(argument, ast.Starred) for argument in arguments):
        named = Dict(named.items, open=True)
    if name in library.MAKES_ENGINE or name in library.MAKES_ASYNC_ENGINE:
        url = first[0] if first else named.items.get("url", UNKNOWN)
        return Engine(file, call, url, named, name in library.MAKES_ASYNC_ENGINE)
    if name in library.READS_CONFIGURATION or name in library.READS_ASYNC_CONFIGURATION:
        return _from_configuration(file, call, first, named, name in library.READS_ASYNC_CONFIGURATION)
    return None


def _may_provide(call: ast.Call) -> bool:
    """Whether a call may be of a provider of `dependency_injector` that is given a function which makes an engine."""
    return (
        bool(call.args)
        and isinstance(call.args[0], (ast.Name, ast.Attribute))
        and last_name(call.args[0]) in _LAST_NAMES
    )


def _name_by_star_import(file: File, function: ast.expr, name: str) -> str:
    """Return the name that one of several `from ... import *` binds: SQLAlchemy's, if it is one of them."""
    if isinstance(function, ast.Name) and name in {f"{star}.{function.id}" for star in file.scope.stars}:
        known = (f"{star}.{function.id}" for star in file.scope.stars)
        return next((each for each in known if each in library.MAKES_ENGINE), name)
    return name


_MYSQL_START = lazy_pattern(r"mysql|mariadb")
_LAST_NAMES = ("create_engine", "create_async_engine", "engine_from_config")


def _from_configuration(file: File, call: ast.Call, first: list[Value], named: Dict, is_async: bool) -> Engine:
    """Return the engine of `engine_from_config(configuration, prefix, **options)`; options come first."""
    table = as_dict(first[0] if first else named.items.get("configuration", UNKNOWN))
    prefix = first[1] if len(first) > 1 else named.items.get("prefix", Constant("sqlalchemy."))
    if not (isinstance(prefix, Constant) and isinstance(prefix.value, str)):
        table = Dict(open=True)
        prefix = Constant("")
    start = prefix.value
    read = {key[len(start) :]: item for key, item in table.items.items() if key.startswith(start)}
    found = merge_dicts(Dict({**read, **named.items}, table.open or named.open), Dict())
    return Engine(file, call, found.items.get("url", UNKNOWN), found, is_async, configured=True)


def timeout_confidence(made: Engine) -> Confidence | None:
    """Return how sure it is that the engine's server closes idle connections; None if it is another server."""
    found = made.databases
    if library.MYSQL in found:
        return Confidence.CERTAIN if found == {library.MYSQL} else Confidence.LIKELY
    if library.UNKNOWN_DATABASE not in found:
        return None
    if is_mysql_in_production(found, made.file):
        return Confidence.LIKELY
    if names_another(made.file, made.call, made.call):
        return None
    if len(found) > 1 or (suggests_another(made.file) and not _asks_for_mysql(made)):
        return Confidence.POSSIBLE
    return Confidence.LIKELY


def _asks_for_mysql(made: Engine) -> bool:
    """Whether the file has options of tables for MySQL, or tests the engine's URL: `url.startswith("mysql")`."""
    if "mysql_engine" in made.file.text or "mysql_charset" in made.file.text:
        return True
    url = last_name(made.call.args[0]) if made.call.args else ""
    return bool(url) and any(
        isinstance(call.func, ast.Attribute)
        and last_name(call.func.value) == url
        and any(isinstance(c, ast.Constant) and _MYSQL_START.match(str(c.value)) for c in ast.walk(call))
        for call in made.file.calls.get("startswith", ())
    )


def rivals(made: Engine) -> Iterator[Engine]:
    """Yield the other engines that the same function assigns to the same name, or returns: one in each branch."""
    function = function_around(made.file, made.call)
    target = _target(made.file, made.call)
    for call in made.file.nodes(ast.Call) if target is not None else ():
        if call is not made.call and _target(made.file, call) == target:
            other = engine(made.file, call)
            if other is not None and function_around(made.file, call) is function:
                yield other


def _target(file: File, call: ast.Call) -> str | None:
    match file.parents.get(call):
        case ast.Assign(targets=[target]) | ast.AnnAssign(target=target):
            return ast.unparse(target)
        case ast.Return():
            return "return"
    return None


def option_expression(made: Engine, name: str) -> ast.expr | None:
    """Return the expression of an option's value: a keyword of the call, or an item of a dict in the same file."""
    for keyword in made.call.keywords:
        if keyword.arg == name:
            return keyword.value
        if keyword.arg is None:
            given = evaluate(made.file, keyword.value)
            if isinstance(given, Dict) and given.file is made.file and given.literal is not None:
                for key, item in zip(given.literal.keys, given.literal.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == name:
                        return item
    return None
