"""`Handle`: the connection, session or engine that an expression gives, and the variable that holds it.

self.conn = pymysql.connect()
cursor = self.conn.cursor()          # cursor: Handle("cursor", "pymysql", root=`conn` of the class)
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Literal, TypeAlias

from dbhygiene.library import django, drivers, sqlalchemy
from dbhygiene.library.prefilter import SQLALCHEMY as SQLALCHEMY_PACKAGES
from dbhygiene.library.server_calls import CONNECTION_ASKS, CURSOR_ASKS, REFRESHES
from dbhygiene.library.sqlalchemy import REGISTRIES
from dbhygiene.library.words import words
from dbhygiene.lifetimes.driver_pools import lenders
from dbhygiene.pools import sessions
from dbhygiene.pools.sqlalchemy import MAKES_ASYNC_ENGINE, MAKES_ENGINE
from dbhygiene.program.arguments import bind_arguments, named_parameters
from dbhygiene.program.bindings import Bindings, Place
from dbhygiene.program.callees import callees
from dbhygiene.program.callers import callers
from dbhygiene.program.classes import ancestry
from dbhygiene.program.code import attributes_used, calls_in, nodes_of, own_nodes, return_expressions
from dbhygiene.program.definitions import Definition, is_context_manager
from dbhygiene.program.evaluation import evaluate
from dbhygiene.program.names import canonical_name, find_module
from dbhygiene.program.types import ObjectInstance, TypeInference
from dbhygiene.program.values import Called, options
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY, classes_of
from dbhygiene.source.file import File, scope_around
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.queries import query, recursive_query
from dbhygiene.source.records import Record, replace

Kind: TypeAlias = Literal["connection", "cursor", "session", "engine"]
Root: TypeAlias = "Place | str"  # a variable; or, for what no variable of ours holds, one of the next two

IMPLICIT = "django"  # the connection that Django keeps for each thread
FRESH = ""  # made on the spot
RAW = "raw"  # the library of a connection whose driver is not known
EITHER = "either"  # that of a connection of one of several drivers

_FLASK = "flask_sqlalchemy.SQLAlchemy"
_WRAPPERS = frozenset({"contextlib.closing", "contextlib.aclosing", "contextlib.nullcontext"})


class Handle(Record):
    """What speaks to a server; `root` is the variable that holds its connection or session."""

    kind: Kind
    library: str  # the package of a driver, "sqlalchemy" or "django"
    root: Root = FRESH
    either: frozenset[str] = frozenset()  # the packages of drivers, if it may be of several ones


@recursive_query(None)
def handle_of(file: File, expr: ast.expr) -> Handle | None:
    """Return the handle that an expression gives; None if it is none, or is not known."""
    match expr:
        case ast.Await(value=inner) | ast.NamedExpr(value=inner):
            return handle_of(file, inner)
        case ast.IfExp(body=one, orelse=other):
            return _common_handle(file, [one, other])
        case ast.BoolOp(values=parts):
            return _common_handle(file, parts)
        case ast.Subscript(value=owner):
            return Handle("connection", DJANGO, IMPLICIT) if file.resolve(owner) == django.CONNECTIONS else None
        case ast.Call():
            return _handle_of_call(file, expr)
        case ast.Name() | ast.Attribute():
            return _handle_of_name(file, expr)
    return None


def _common_handle(file: File, exprs: Iterable[ast.expr]) -> Handle | None:
    """Return the first handle that some expressions give; None if they are of several libraries."""
    found = [each for expr in exprs if (each := handle_of(file, expr)) is not None]
    return found[0] if len({each.library for each in found}) == 1 else None


def owner_of(file: File, call: ast.Call) -> Handle | None:
    """Return the handle whose method a call runs."""
    return handle_of(file, call.func.value) if isinstance(call.func, ast.Attribute) else None


def bound_variable(file: File, target: ast.expr) -> Place | None:
    """Return the variable that an assignment binds, as roots name it: a field by the class that first binds it."""
    place = Bindings.of(file).place(target)
    return next((found for _, found in _homes(file, place)), place) if place is not None else None


def variable_title(root: Root) -> str:
    """Return how the code of its class or module writes a variable: `self.conn`."""
    if not isinstance(root, Place):
        return django.CONNECTION if root == IMPLICIT else "the connection"
    return f"self.{root.path}" if isinstance(root.scope.node, ast.ClassDef) else root.path


# -- names ------------------------------------------------------------------------------------------------


def _handle_of_name(file: File, expr: ast.Name | ast.Attribute) -> Handle | None:
    name = file.resolve(expr)
    if name == django.CONNECTION:
        return Handle("connection", DJANGO, IMPLICIT)
    place = Bindings.of(file).place(expr)
    if place is not None:
        for owner, its_place in [*_homes(file, place), (file, place)]:
            if (found := _handle_of_place(owner, its_place)) is not None:
                return found
    if name is not None and (elsewhere := find_module(file, canonical_name(file, name))) is not None:
        other, path = elsewhere
        if other is not file and len(path) == 1:
            return _handle_of_place(other, Place(other.scope, path[0]))
        if other is not file and len(path) == 2 and path[1] == "session":
            return _flask_session(other, path[0])
    if isinstance(expr, ast.Attribute) and expr.attr == "session" and isinstance(expr.value, ast.Name):
        return _flask_session(file, expr.value.id)
    if _mentions_django(file) and TypeInference.of(file).type_of(expr) == ObjectInstance(django.CONNECTION):
        return Handle("connection", DJANGO, IMPLICIT)
    return None


@query
def _mentions_django(file: File) -> bool:
    return "django" in file.text


def _flask_session(file: File, variable: str) -> Handle | None:
    """Return the session of Flask-SQLAlchemy's extension, if a variable of a module holds that."""
    for value in file.scope.aliases.get(variable, ()):
        for option in options(evaluate(file, value)):
            if isinstance(option, Called) and option.name == _FLASK:
                return Handle("session", SQLALCHEMY, Place(file.scope, f"{variable}.session"))
    name = file.meaning(variable, file.scope)
    elsewhere = find_module(file, canonical_name(file, name)) if name and "." in name else None
    if elsewhere is not None and elsewhere[0] is not file and len(elsewhere[1]) == 1:
        return _flask_session(elsewhere[0], elsewhere[1][0])
    return None


def _homes(file: File, place: Place) -> Iterator[tuple[File, Place]]:
    """Yield the variables that a field may be: that of its class, or of a base class that binds it."""
    node = place.scope.node
    if not isinstance(node, ast.ClassDef):
        return
    for owner, scope in ancestry(Definition(file, node, place.scope.name)):
        its_place = Place(scope, place.path)
        if Bindings.of(owner).values.get(its_place) or _with_targets(owner).get(its_place):
            yield owner, its_place


def _handle_of_place(file: File, place: Place) -> Handle | None:
    """Return the handle that a variable holds."""
    values = [*Bindings.of(file).values.get(place, ()), *_with_targets(file).get(place, ())]
    found = _common_handle(file, values)
    if found is not None:
        return replace(found, root=place) if found.root == FRESH or _is_foreign(found.root, place) else found
    found = _handle_by_annotation(file, place) or _parameter(file, place)
    return replace(found, root=place) if found is not None and found.root != IMPLICIT else found


def _is_foreign(root: Root, place: Place) -> bool:
    """Whether a root is a variable of a function that another place outlives: the argument that a field is set to."""
    return isinstance(root, Place) and isinstance(root.scope.node, FUNCTION) and root.scope is not place.scope


@query
def _with_targets(file: File) -> dict[Place, list[ast.expr]]:
    """Return the expressions that `with ... as` binds to a variable."""
    found: dict[Place, list[ast.expr]] = defaultdict(list)
    for item in file.nodes(ast.withitem):
        if isinstance(item.optional_vars, (ast.Name, ast.Attribute)):
            place = Bindings.of(file).place(item.optional_vars)
            if place is not None:
                found[place].append(item.context_expr)
    return found


@query
def _annotations(file: File) -> dict[Place, ast.expr]:
    found: dict[Place, ast.expr] = {}
    for each in file.nodes(ast.AnnAssign):
        place = Bindings.of(file).place(each.target)
        if place is not None:
            found[place] = each.annotation
    return found


# Members of connections, cursors, sessions and engines besides those that other tables name.
_MEMBERS = words(
    """cursor execute executescript commit rollback close closed begin connection engine session bind dispose connect
    raw_connection add add_all merge delete flush refresh expunge expire get scalar exec fetchone fetchall fetchmany
    lastrowid rowcount description autocommit isolation_level transaction in_transaction close_if_unusable_or_obsolete
    is_usable settings_dict run_callable begin_nested info escape_string"""
)


@cache
def _members_of_handles() -> frozenset[str]:
    """Return the methods and attributes that functions use of connections, cursors, sessions and engines."""
    losses = [each.loss for each in drivers.drivers() if each.loss is not None]
    return _MEMBERS.union(
        REFRESHES,
        CURSOR_ASKS,
        CONNECTION_ASKS,
        sqlalchemy.ASKS,
        sqlalchemy.WRITES,
        sqlalchemy.SESSION_RECOVERS,
        sqlalchemy.CONNECTION_RECOVERS,
        *(loss.opens_again for loss in losses),
        *(loss.asks_nothing for loss in losses),
    )


def _handle_by_annotation(file: File, place: Place) -> Handle | None:
    annotation = _annotations(file).get(place)
    return of_annotation(file, annotation) if annotation is not None else None


def _parameter(file: File, place: Place) -> Handle | None:
    """Return the handle that a parameter is given: by its annotation, or by the calls of its function."""
    node = place.scope.node
    if not isinstance(node, FUNCTION):
        return None
    for each in named_parameters(node):
        if each.arg == place.path:
            if each.annotation is not None:
                return of_annotation(file, each.annotation)
            return _handle_by_callers(file, node, place.path)
    return None


def _handle_by_callers(file: File, function: Function, name: str) -> Handle | None:
    used = attributes_used(function).get(name, frozenset())
    if used and used.isdisjoint(_members_of_handles()):
        return None  # an object of another kind: its calls, which are everywhere, need not be found
    found: set[tuple[Kind, str]] = set()
    calls = list(callers(file, function))
    for other, call, bound in calls:
        value = bind_arguments(call, function, bound=bound).get(name)
        given = handle_of(other, value) if value is not None else None
        if value is not None and given is None:
            return None
        if given is not None:
            found.add((given.kind, given.library))
    if not calls:
        return _handle_by_handlers(file, function, name)
    if len(found) != 1:
        return None
    kind, library = found.pop()
    return Handle(kind, library, IMPLICIT if library == DJANGO else FRESH)


def _handle_by_handlers(file: File, function: Function, name: str) -> Handle | None:
    """Return the handle that a parameter must be: a `try` calls its `cursor()`, and catches one driver's errors."""
    packages: set[str] = set()
    for node in file.own(function):
        if isinstance(node, ast.Try) and any(map(partial(_asks_for_cursor, name), calls_in(nodes_of(node.body)))):
            classes = (each for handler in node.handlers for each in classes_of(file, handler))
            packages |= {each.library for each in classes if each is not None and each.is_database}
    driver = drivers.driver(packages.pop()) if len(packages) == 1 else None
    return Handle("connection", driver.package) if driver is not None and driver.loss is not None else None


def _asks_for_cursor(name: str, call: ast.Call) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr="cursor"):
            return owner == name
    return False


def of_annotation(file: File, annotation: ast.expr) -> Handle | None:
    """Return the handle that an annotation names: `Session`, `pymysql.connections.Connection | None`."""
    match annotation:
        case ast.Constant(value=str(text)):
            name = file.meaning(text, file.scope) if text.isidentifier() else text
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return of_annotation(file, left) or of_annotation(file, right)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return of_annotation(file, inner)
        case ast.Subscript(
            value=ast.Name(id="Annotated") | ast.Attribute(attr="Annotated"), slice=ast.Tuple(elts=parts)
        ):
            return of_annotation(file, parts[0])
        case ast.Subscript(value=owner):
            return of_annotation(file, owner)
        case ast.Name() | ast.Attribute():
            name = file.resolve(annotation)
        case _:
            return None
    return _handle_of_class(canonical_name(file, name)) if name and "." in name else None


def _handle_of_class(name: str) -> Handle | None:
    package, _, _ = name.partition(".")
    last = name.rpartition(".")[2]
    if package in SQLALCHEMY_PACKAGES:
        if "Session" in last or last == "scoped_session":
            return Handle("session", SQLALCHEMY)
        kinds: dict[str, Kind] = {
            "Connection": "connection",
            "AsyncConnection": "connection",
            "Engine": "engine",
            "AsyncEngine": "engine",
        }
        return Handle(kinds[last], SQLALCHEMY) if last in kinds else None
    found = drivers.driver(package)
    if found is None or found.loss is None:
        return None
    if last.endswith("Cursor"):
        return Handle("cursor", found.package)
    return Handle("connection", found.package) if last.lower().endswith("connection") else None


# -- calls ------------------------------------------------------------------------------------------------


def _handle_of_call(file: File, call: ast.Call) -> Handle | None:
    func = call.func
    name = file.resolve(func)
    if name is not None:
        whole = canonical_name(file, name)
        found = drivers.driver(whole.partition(".")[0])
        if found is not None and whole in found.opens:
            return Handle("connection", found.package)
        if whole in MAKES_ENGINE | MAKES_ASYNC_ENGINE:
            return Handle("engine", SQLALCHEMY)
        if whole in REGISTRIES:
            return Handle("session", SQLALCHEMY)
        if whole in _WRAPPERS and call.args:
            return handle_of(file, call.args[0])
    if lent := sorted(each.package for each in lenders(file, call)):
        return Handle("connection", EITHER, either=frozenset(lent)) if lent[1:] else Handle("connection", lent[0])
    if isinstance(func, ast.Attribute) and (owner := handle_of(file, func.value)) is not None:
        return _handle_of_method(owner, func.attr)
    if (opened := sessions.resource_of_call(file, call)) is not None:
        if opened is sessions.RAW_CONNECTION:
            return Handle("connection", RAW)
        return Handle("session" if opened.kind == "session" else "connection", SQLALCHEMY)
    if isinstance(func, ast.Name) and (registry := handle_of(file, func)) is not None and registry.kind == "session":
        return registry  # `Session()` of a `scoped_session` gives the session of this thread
    return _handle_of_function(file, call)


def _handle_of_method(owner: Handle, method: str) -> Handle | None:
    """Return what a method of a handle gives."""
    if method in {"cursor", "xcursor"} and owner.kind == "connection":
        return replace(owner, kind="cursor")
    if owner.library == SQLALCHEMY and owner.kind == "engine":
        if method in {"connect", "begin"}:
            return Handle("connection", SQLALCHEMY)
        return Handle("connection", RAW) if method == "raw_connection" else None
    if method in {"connection", "execution_options", "__enter__"} and owner.library == SQLALCHEMY:
        return owner
    return None


def _handle_of_function(file: File, call: ast.Call) -> Handle | None:
    """Return what a function of the project gives: its return value, or the value that a context manager yields."""
    found = callees(file, call, scope_around(file, call))
    given = {
        each for definition in found.definitions if (each := _handle_by_return(file, call, definition)) is not None
    }
    return given.pop() if len(given) == 1 and len(found.definitions) == 1 else None


def _handle_by_return(file: File, call: ast.Call, definition: Definition) -> Handle | None:
    node, owner = definition.node, definition.file
    if not isinstance(node, FUNCTION):
        return None
    values = return_expressions(node)
    if is_context_manager(definition):
        values = [part.value for part in own_nodes(node) if isinstance(part, ast.Yield) and part.value is not None]
    for value in values:
        made = handle_of(owner, value)
        if made is None:
            continue
        if isinstance(made.root, Place) and made.root.scope.node is node:
            bound = isinstance(call.func, ast.Attribute)
            given = bind_arguments(call, node, bound=bound and owner.functions[node].class_scope is not None)
            argument = given.get(made.root.path)
            outer = handle_of(file, argument) if argument is not None else None
            return replace(made, root=outer.root if outer is not None else FRESH)
        return made
    return None
