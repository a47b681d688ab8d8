"""SQLAlchemy's engines in a program: how each is made, of what options, for which database, and who keeps it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from dbhygiene.flow.names import locate, origin
from dbhygiene.flow.reading import keywords, value
from dbhygiene.flow.values import UNKNOWN, Called, Constant, Dict, Named, Value, as_dict, merged, options
from dbhygiene.library import sqlalchemy as library
from dbhygiene.library.idle import SETS_TIMEOUT
from dbhygiene.settings import Confidence
from dbhygiene.source import FUNCTION, File, Function


@dataclass(frozen=True, eq=False)
class Engine:
    """One call that makes an engine."""

    file: File
    call: ast.Call
    url: Value
    options: Dict
    is_async: bool = False
    configured: bool = False  # `engine_from_config`

    @cached_property
    def databases(self) -> frozenset[str]:
        """The databases that it may be of, by its URL, its `connect_args` and the conditions around."""
        found = library.databases(self.url)
        if "check_same_thread" in as_dict(self.option("connect_args", Dict())).items:
            found = (found - {library.UNKNOWN_DATABASE}) or frozenset({"sqlite"})
        if library.UNKNOWN_DATABASE in found or len(found) > 1:
            allowed, ruled_out = library.guarded(self.file, self.call)
            if allowed:
                return allowed
            known = found - {library.UNKNOWN_DATABASE}
            if library.MYSQL in ruled_out and not known - ruled_out:
                return frozenset({"not mysql"})
            return (found - ruled_out) or found
        return found

    def option(self, name: str, default: Value = UNKNOWN) -> Value:
        return self.options.items.get(name, default)

    def sets(self, name: str) -> bool:
        """Whether an option may have a value other than the one that turns it off."""
        return _sets(self.options, name)

    @property
    def protected(self) -> bool:
        """Whether something may keep its pool from handing out dead connections, or cannot be seen."""
        return (
            self.options.open
            or self.sets("pool_pre_ping")
            or self.sets("pool_recycle")
            or not self.has_pool
            or "strategy" in self.options.items
            or SETS_TIMEOUT.search(self.file.text) is not None
            or pings(self.file)
            or _pinged_elsewhere(self.file)
        )

    @property
    def has_pool(self) -> bool:
        """Whether it keeps connections, in a pool that is known not to protect them by itself."""
        return all(
            _plain_pool(option)
            for name in ("poolclass", "pool")
            for option in options(self.option(name, Constant(None)))
        )


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


def engine(file: File, call: ast.Call) -> Engine | None:
    """The engine that a call makes, if it makes one."""
    known: dict[ast.Call, Engine | None] = vars(file).setdefault("_engines", {})  # several rules ask
    if call not in known:
        known[call] = _engine(file, call)
    return known[call]


def _engine(file: File, call: ast.Call) -> Engine | None:
    if isinstance(call.func, ast.Attribute) and call.func.attr not in _LAST_NAMES:
        return None
    name, before = file.resolve(call.func), Dict()
    positional: list[Value] = []
    if name is None and isinstance(call.func, ast.Name) and "partial" in file.text:
        match value(file, call.func):
            case Called(name="functools.partial", arguments=[Named(name=name), *given], keywords=before):
                positional = list(given)
            case _:
                return None
    if name is None:
        return None
    if not name.endswith(_LAST_NAMES):
        return None
    name = _of_stars(file, call.func, origin(file, name))
    first = [*positional, *(value(file, argument) for argument in call.args[:2])]
    named = Dict(
        {**before.items, **(own := keywords(file, call)).items}, before.open or own.open, own.file, own.literal
    )
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        named = Dict(named.items, open=True)
    if name in library.MAKES_ENGINE or name in library.MAKES_ASYNC_ENGINE:
        url = first[0] if first else named.items.get("url", UNKNOWN)
        return Engine(file, call, url, named, name in library.MAKES_ASYNC_ENGINE)
    if name in library.READS_CONFIGURATION or name in library.READS_ASYNC_CONFIGURATION:
        return _from_configuration(file, call, first, named, name in library.READS_ASYNC_CONFIGURATION)
    return None


def _of_stars(file: File, function: ast.expr, name: str) -> str:
    """The name that one of several `from ... import *` gives: SQLAlchemy's, if it is one of them."""
    if isinstance(function, ast.Name) and name in {f"{star}.{function.id}" for star in file.scope.stars}:
        known = (f"{star}.{function.id}" for star in file.scope.stars)
        return next((each for each in known if each in library.MAKES_ENGINE), name)
    return name


_LAST_NAMES = ("create_engine", "create_async_engine", "engine_from_config")


def _from_configuration(file: File, call: ast.Call, first: list[Value], named: Dict, is_async: bool) -> Engine:
    """What `engine_from_config(configuration, prefix, **options)` makes: options win over the configuration."""
    table = as_dict(first[0] if first else named.items.get("configuration", UNKNOWN))
    prefix = first[1] if len(first) > 1 else named.items.get("prefix", Constant("sqlalchemy."))
    if not (isinstance(prefix, Constant) and isinstance(prefix.value, str)):
        table = Dict(open=True)
        prefix = Constant("")
    start = prefix.value
    read = {key[len(start) :]: item for key, item in table.items.items() if key.startswith(start)}
    found = merged(Dict({**read, **named.items}, table.open or named.open), Dict())
    return Engine(file, call, found.items.get("url", UNKNOWN), found, is_async, configured=True)


def pings(file: File) -> bool:
    """Whether a listener of this file tests connections as they leave a pool."""
    return any(
        len(call.args) > 1
        and isinstance(event := call.args[1], ast.Constant)
        and event.value in library.PINGS_AT
        and file.resolve(call.func) in library.LISTENERS
        for call in file.nodes(ast.Call)
    )


_EVERY_ENGINE = frozenset(
    {"sqlalchemy.pool.Pool", "sqlalchemy.pool.base.Pool", "sqlalchemy.engine.Engine", "sqlalchemy.Engine"}
)


def _pinged_elsewhere(file: File) -> bool:
    """Whether a listener in another file tests the connections of this file's engines, or of all."""
    for other in (found for event in sorted(library.PINGS_AT) for found in file.project.mentions(event)):
        if other.path != file.path and pings(other):
            for call in other.nodes(ast.Call):
                if call.args and other.resolve(call.func) in library.LISTENERS:
                    target = call.args[0].value if isinstance(call.args[0], ast.Attribute) else call.args[0]
                    names = {other.resolve(call.args[0]), other.resolve(target)} - {None}
                    if any(name in _EVERY_ENGINE or name.startswith(f"{file.module}.") for name in names if name):
                        return True
    return False


def concern(made: Engine) -> Confidence | None:
    """How sure it is that an engine is of a server that closes idle connections; None where it is of another."""
    found = made.databases
    if library.MYSQL in found:
        return Confidence.CERTAIN if found == {library.MYSQL} else Confidence.LIKELY
    if library.UNKNOWN_DATABASE not in found:
        return None
    if len(found) > 1 or library.speaks_for_another(made.file):
        return Confidence.POSSIBLE
    return Confidence.LIKELY


def lasts(made: Engine) -> bool:
    """Whether an engine may live as long as a server's patience: not in tests, nor dropped where it is made."""
    file = made.file
    return not (library.in_tests(file) or library.in_migrations(file)) and fate(file, made.call) in _LASTING


def rivals(made: Engine) -> Iterator[Engine]:
    """The other engines that the same function makes for the same name, or returns: one in each branch."""
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


def written(made: Engine, name: str) -> ast.expr | None:
    """Where an option's value is written: as a keyword of the call, or in a dict literal of the same file."""
    for keyword in made.call.keywords:
        if keyword.arg == name:
            return keyword.value
        if keyword.arg is None:
            given = value(made.file, keyword.value)
            if isinstance(given, Dict) and given.file is made.file and given.literal is not None:
                for key, item in zip(given.literal.keys, given.literal.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == name:
                        return item
    return None


# -- who keeps an engine ----------------------------------------------------------------------------------


class Fate(Enum):
    """What becomes of an object after the statement that makes it."""

    KEPT = "kept"  # by the module, an object, a cache
    HANDED_ON = "handed on"  # returned or yielded: its caller decides
    LENT = "lent"  # to a function of the project, which may do anything with it
    DROPPED = "dropped"  # used in one function, and left to the garbage collector
    DISPOSED = "disposed of"


_LASTING = (Fate.KEPT, Fate.HANDED_ON)


def fate(file: File, expr: ast.expr) -> Fate:
    """What becomes of an engine, or of a session factory or connection made of it."""
    function = function_around(file, expr)
    if function is None:
        return Fate.DROPPED if _is_script(file, expr) else Fate.KEPT
    if any(isinstance(outer, ast.Lambda) for outer in file.around(expr)):
        return Fate.HANDED_ON
    return _Follow(file, function).of(expr)


def function_around(file: File, node: ast.AST) -> Function | None:
    return next((outer for outer in file.around(node) if isinstance(outer, FUNCTION)), None)


def _is_script(file: File, node: ast.AST) -> bool:
    """Whether a node is run only where its file is the program: `if __name__ == "__main__":`."""
    return any(
        isinstance(outer, ast.If)
        and any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(outer.test))
        for outer in file.around(node)
    )


class _Follow:
    """Follows one object through the names of one function."""

    def __init__(self, file: File, function: Function) -> None:
        self.file = file
        self.scope = file.functions[function]
        self.names: set[str] = set()
        self.fates: set[Fate] = set()

    def of(self, expr: ast.expr) -> Fate:
        self._climb(expr)
        strongest = (Fate.DISPOSED, Fate.KEPT, Fate.HANDED_ON, Fate.LENT)
        return next((each for each in strongest if each in self.fates), Fate.DROPPED)

    def _climb(self, node: ast.AST) -> None:
        """From an expression that holds the object, outwards to where that goes."""
        for outer in self.file.around(node):
            match outer:
                case ast.Attribute(attr=attribute):
                    if attribute == "dispose":
                        self.fates.add(Fate.DISPOSED)
                    elif attribute not in library.GIVES_ENGINE:
                        return
                case ast.Call(func=func) if node is not func and not self._holds(func):
                    self._put(func)
                    return
                case ast.Return() | ast.Yield() | ast.YieldFrom() | ast.Lambda():
                    self.fates.add(Fate.HANDED_ON)
                    return
                case ast.Assign(targets=targets):
                    for target in targets:
                        self._store(target)
                    return
                case ast.AnnAssign(target=target) | ast.NamedExpr(target=target) | ast.AugAssign(target=target):
                    self._store(target)
                    if not isinstance(outer, ast.NamedExpr):
                        return
                case ast.withitem(optional_vars=target):
                    if target is not None:
                        self._store(target)
                    return
                case ast.stmt() | ast.comprehension():
                    return
            node = outer

    def _holds(self, func: ast.expr) -> bool:
        """Whether what a call makes holds on to its arguments."""
        last = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        return last in library.HOLDS_ENGINE or last[:1].isupper()

    def _put(self, func: ast.expr) -> None:
        """`engines.append(engine)`: kept by the list."""
        if isinstance(func, ast.Attribute) and func.attr in {"append", "add", "setdefault", "put", "update"}:
            self._store(func.value)
        elif (name := self.file.resolve(func)) is None:
            if not isinstance(func, ast.Attribute):
                self.fates.add(Fate.LENT)
        elif locate(self.file, origin(self.file, name)) is not None:
            self.fates.add(Fate.LENT)

    def _store(self, target: ast.expr) -> None:
        match target:
            case ast.Name(id=name) if name in self.scope.bound:
                self._follow(name)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                for inner in targets:
                    self._store(inner)
            case ast.Subscript(value=ast.Name(id=name)) if name in self.scope.bound:
                self._follow(name)
            case _:
                self.fates.add(Fate.KEPT)

    def _follow(self, name: str) -> None:
        if name in self.names:
            return
        self.names.add(name)
        for use in self.file.nodes(ast.Name):
            if use.id != name or not isinstance(use.ctx, ast.Load):
                continue
            scope = self.file.scope_of(use)
            if scope is self.scope:
                self._climb(use)
            elif self._is_inner(scope, name):
                self.fates.add(Fate.HANDED_ON)  # an inner function may outlive this one

    def _is_inner(self, scope: object, name: str) -> bool:
        here = getattr(scope, "parent", None)
        while here is not None and here is not self.scope:
            if name in here.bound:
                return False
            here = here.parent
        return here is self.scope and name not in getattr(scope, "bound", ())


# -- engines made again and again -------------------------------------------------------------------------


def made_again(made: Engine) -> ast.AST | None:
    """What shows that a function that makes an engine, and keeps none, is called again and again."""
    file, call = made.file, made.call
    function = function_around(file, call)
    if function is None or library.in_tests(file) or _is_cached(file, function):
        return None
    its_fate = fate(file, call)
    if its_fate is Fate.DROPPED:
        return _loop_around(file, call, function) or _handler(file, function)
    if its_fate is Fate.HANDED_ON and function.name != "__init__":
        careless = _careless(file, function)
        return careless[0] if careless and not _kept_elsewhere(file, function) else None
    return None


def _kept_elsewhere(file: File, function: Function) -> bool:
    """Whether another file of the project keeps what a function of this one returns."""
    name = f"{file.module}.{file.functions[function].name}"
    return any(
        fate(other, call) is Fate.KEPT
        for other in file.project.mentions(function.name)
        if other.path != file.path
        for call in other.nodes(ast.Call)
        if (called := other.resolve(call.func)) is not None and name in (called, origin(other, called))
    )


def _careless(file: File, function: Function) -> list[ast.Call]:
    """The calls of a function, or of those that hand its result on, that drop it; none where any of them keeps it."""
    dropped: list[ast.Call] = []
    todo, seen = [function], {function}
    while todo:
        name = f"{file.module}.{file.functions[todo.pop()].name}"
        for call in file.nodes(ast.Call):
            if file.resolve(call.func) != name:
                continue
            caller, its_fate = function_around(file, call), fate(file, call)
            if its_fate is Fate.KEPT or caller is None or _is_cached(file, caller):
                return []
            if its_fate is Fate.DROPPED and caller.name not in _ONCE:
                dropped.append(call)
            elif its_fate is Fate.HANDED_ON and caller not in seen:
                seen.add(caller)
                todo.append(caller)
    return sorted(dropped, key=lambda call: call.lineno)


_ONCE = frozenset({"__init__", "main", "setup", "configure", "create_app", "init_db", "upgrade", "downgrade"})
_CACHES = ("cache", "memo", "singleton", "fixture", "once", "contextmanager")
_HANDLES = frozenset(
    {
        *("route", "get", "post", "put", "patch", "delete", "websocket", "task", "shared_task", "on_message"),
        *("view_config", "errorhandler", "before_request", "after_request", "scheduled_job"),
    }
)


def _is_cached(file: File, function: Function) -> bool:
    return any(any(word in file.segment(d).lower() for word in _CACHES) for d in function.decorator_list)


def _handler(file: File, function: Function) -> ast.AST | None:
    """The decorator that makes a function answer each request, message or task."""
    for decorator in function.decorator_list:
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        last = inner.attr if isinstance(inner, ast.Attribute) else inner.id if isinstance(inner, ast.Name) else ""
        if last in _HANDLES:
            return decorator
    return None


def _loop_around(file: File, node: ast.AST, function: Function) -> ast.AST | None:
    for outer in file.around(node):
        if outer is function:
            return None
        if isinstance(outer, (ast.While, ast.For, ast.AsyncFor)):
            return outer
    return None
