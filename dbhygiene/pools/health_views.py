"""`View`: a view that answers health checks, its routes, and whether it queries the database.

@app.get("/health")                  # `routes`: "/health"
def health():
    session.execute(text("SELECT 1"))        # `find_query`: this call
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from dbhygiene.program.callees import calls_below
from dbhygiene.program.code import calls_in, own_nodes
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.nodes import FUNCTION, Function
from dbhygiene.source.queries import query
from dbhygiene.source.records import Frozen

_ROUTES = frozenset({"get", "route", "api_route", "head"})
_NEAR = ("fastapi", "flask", "starlette", "django", "quart", "litestar", "sanic")
_EXECUTES = frozenset({"execute", "scalar", "scalars", "exec_driver_sql", "fetchval", "fetchrow", "fetch", "exec"})
_ORM = frozenset({"exists", "count", "first", "aexists", "acount", "afirst"})
_SQL = re.compile(r"\s*(?:select|show|values)\b", re.IGNORECASE)
_SQL_MAKERS = ("text", "select", "func", "SQL")
_LOGIN = re.compile(r"login_required|(?:role|permission|staff|admin|auth)\w*_(?:required|test)|requires?_auth")
_PINGS = ("pymysql.", "MySQLdb.", "mysql.connector.", "aiomysql.", "asyncmy.")


class View(Frozen):
    """A function that answers requests, its routes as they are written, and its framework."""

    file: File
    function: Function
    routes: tuple[str, ...]
    framework: str


def views(file: File) -> Iterator[View]:
    """Yield the views of a file that have literal routes."""
    framework = next((name for name in _NEAR if name in file.imported_packages), "")
    for function in file.functions:
        if isinstance(function, FUNCTION) and not _needs_login(file, function):
            routes = tuple(_routes(file, function)) or tuple(_django_routes(file, function, framework))
            if routes:
                yield View(file, function, routes, framework)


def _needs_login(file: File, function: Function) -> bool:
    """Whether a view is for users who have logged in: a probe has not."""
    return any(_LOGIN.search(file.segment(each)) for each in function.decorator_list)


def _routes(file: File, function: Function) -> Iterator[str]:
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(
                func=ast.Attribute(attr=name, value=owner), args=[ast.Constant(value=str(route)), *_], keywords=keywords
            ) if name in _ROUTES and _accepts_get(keywords):
                yield join(_prefix(file, owner), route)


def _accepts_get(keywords: list[ast.keyword]) -> bool:
    """Whether a route that is limited to some methods accepts GET or HEAD, with which probes ask."""
    for keyword in keywords:
        if keyword.arg == "methods" and isinstance(keyword.value, (ast.List, ast.Tuple, ast.Set)):
            methods = {str(each.value).upper() for each in keyword.value.elts if isinstance(each, ast.Constant)}
            return len(methods) < len(keyword.value.elts) or not methods.isdisjoint(("GET", "HEAD"))
    return True


def _prefix(file: File, owner: ast.expr) -> str:
    """Return the prefix of a router or blueprint that is made in the same file."""
    if not isinstance(owner, ast.Name):
        return ""
    for assign in file.nodes(ast.Assign):
        match assign:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(keywords=keywords)) if name == owner.id:
                for keyword in keywords:
                    if keyword.arg in ("prefix", "url_prefix") and isinstance(keyword.value, ast.Constant):
                        return str(keyword.value.value)
    return ""


def join(*parts: str) -> str:
    """Return a path with one slash before it and between its parts, and none at its end."""
    return "/" + "/".join(part.strip("/") for part in parts if part.strip("/"))


def _django_routes(file: File, function: Function, framework: str) -> Iterator[str]:
    """Return the routes of a Django view: `path("healthz/", views.healthz)`, in any file of URLs."""
    if framework not in ("django", "") or file.functions[function].parent is not file.scope:
        return
    pattern = re.compile(rf"""\b(?:re_)?path\(\s*r?["']\^?([^"'$]*)\$?["'],\s*(?:\w+\.)*{function.name}\b""")
    for other in (file, *file.project.files_containing("urlpatterns")):
        if function.name in other.words and "urlpatterns" in other.words:
            yield from (join(found) for found in pattern.findall(other.text))


def find_query(file: File, function: Function) -> tuple[File, ast.Call] | None:
    """Return the first call that queries the database, in a function or in the project's functions that it calls."""
    queries = (query_by(file, call) for call in calls_in(own_nodes(function)))
    return next((query for query in queries if query is not None), None)


@query
def query_by(file: File, call: ast.Call) -> tuple[File, ast.Call] | None:
    """Return the call that queries the database when this one runs: itself, or one in a function of the project."""
    return next((each for each in closure((file, call), lambda at: calls_below(*at)) if _is_query(*each)), None)


def _is_query(file: File, call: ast.Call) -> bool:
    """Whether a call sends a query to a database, by its method and its argument."""
    match call.func:
        case ast.Attribute(attr="ensure_connection"):
            return True
        case ast.Attribute(attr="ping"):
            return any(name.startswith(_PINGS) for scope in file.scopes for name in scope.imports.values())
        case ast.Attribute(attr=name, value=owner) if name in _ORM:
            return any(isinstance(part, ast.Attribute) and part.attr == "objects" for part in ast.walk(owner))
        case ast.Attribute(attr=name) if name in _EXECUTES and call.args:
            return _is_sql(call.args[0])
    return False


def _is_sql(argument: ast.expr) -> bool:
    match argument:
        case ast.Constant(value=str(text)):
            return _SQL.match(text) is not None
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _SQL_MAKERS
    return False
