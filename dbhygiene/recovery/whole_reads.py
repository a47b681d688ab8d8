"""`WholeRead`: all rows of a table, read at once: `cursor.fetchall()`, `session.query(Order).all()` (HYG414).

cursor.execute("SELECT id, total FROM orders")     # `query`
for row in cursor.fetchall():                      # `read`
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dbhygiene.dataflow.cfg import Loop
from dbhygiene.library import django, sqlalchemy
from dbhygiene.library.prefilter import DRIVERS
from dbhygiene.library.prefilter import SQLALCHEMY as SQLALCHEMY_PACKAGES
from dbhygiene.lifetimes.impact import Runs
from dbhygiene.pools.dialect_evidence import (
    mentioned_servers,
    servers_by_imports,
    servers_by_requirements,
    suggests_mysql,
)
from dbhygiene.program.bindings import Bindings
from dbhygiene.program.code import calls_in, nodes_of
from dbhygiene.program.types import QuerySet, TypeInference
from dbhygiene.recovery.bulk_writes import sending_call
from dbhygiene.recovery.errors import DJANGO, SQLALCHEMY
from dbhygiene.recovery.growing_tables import Table, may_grow
from dbhygiene.recovery.handles import handle_of
from dbhygiene.recovery.repetition import repetition
from dbhygiene.recovery.whole_queries import table_of_query, table_of_statement
from dbhygiene.source.file import File, function_around, statement_around
from dbhygiene.source.nodes import Located, end_position, last_name
from dbhygiene.source.queries import query, recursive_query
from dbhygiene.source.records import Frozen

_SERVERS = frozenset({"mysql", "postgresql"})
_FILES = frozenset(
    {"sqlite3", "aiosqlite", "pysqlite2", "pysqlite3", "duckdb"}
)  # drivers of databases without a server
_LISTS = django.COPIES | {"dict", "sorted"}
_FETCHES = frozenset({"fetchone", "fetchmany", "fetchall"})


class WholeRead(Frozen):
    """The expression that reads all rows, the query, the table, and how often that happens."""

    read: Located
    query: ast.expr
    table: str
    library: str  # the package of a driver, "sqlalchemy" or "django"; "" if it is not known
    runs: Runs
    sent: ast.Call | None = None  # the call that sends all these rows to the server, in one statement


def whole_reads(file: File) -> Iterator[WholeRead]:
    """Yield the reads in code that runs again and again, of tables that may grow; one for each table of a function."""
    if not _has_server(file):
        return
    reported: set[tuple[ast.AST | None, str]] = set()
    for read, asked, table in _reads(file):
        place = function_around(file, read), table.name
        if place in reported or not may_grow(file, table) or _is_kept(file, read):
            continue
        library, how_often = _library(file, asked), repetition(file, read)
        if how_often is not None and library not in _FILES:
            reported.add(place)
            yield WholeRead(read, asked, table.name, library, how_often, sending_call(file, read))


@query
def _has_server(file: File) -> bool:
    """Whether any evidence in the project shows that its database is a server; not in a file that uses SQLite."""
    if file.imported_packages & _FILES and not file.imported_packages & (DRIVERS - _FILES | SQLALCHEMY_PACKAGES):
        return False
    named = mentioned_servers(file) | servers_by_requirements(file).keys() | servers_by_imports(file).keys()
    return suggests_mysql(file) or not _SERVERS.isdisjoint(named)


# -- what reads all rows ----------------------------------------------------------------------------------


def _reads(file: File) -> Iterator[tuple[ast.expr, ast.expr, Table]]:
    """Yield each expression that reads all rows of a query, the expression that sends the query, and the table."""
    found: dict[ast.expr, tuple[ast.expr, Table]] = {}
    for name in ("fetchall", "all", "fetch", *_LISTS):
        for call in file.calls.get(name, ()):
            if (asked := _read_by_call(file, call)) is not None:
                found[call] = asked
    loops: list[Loop] = [*file.nodes(ast.For), *file.nodes(ast.AsyncFor), *file.nodes(ast.comprehension)]
    for loop in loops:
        if loop.iter not in found and (asked := _read_by_loop(file, loop.iter)) is not None:
            found[loop.iter] = asked
    yield from ((read, *asked) for read, asked in found.items())


def _read_by_call(file: File, call: ast.Call) -> tuple[ast.expr, Table] | None:
    match call:
        case ast.Call(func=ast.Attribute(value=owner, attr="fetchall"), args=[]):
            return _execute_call(file, call, owner)
        case ast.Call(func=ast.Attribute(value=owner, attr="all"), args=[]) if not _is_of_django(file, owner):
            return (
                _execute_call(file, call, owner) if _result(file, owner) is not None else _query_and_table(file, owner)
            )
        case ast.Call(func=ast.Attribute(value=owner, attr="fetch"), args=[statement]):
            held = handle_of(file, owner)
            table = table_of_statement(file, statement) if held is not None and held.library == "asyncpg" else None
            return (call, table) if table is not None else None
        case ast.Call(func=ast.Name(id=name), args=[given]) if name in _LISTS:
            held = handle_of(file, given)
            is_cursor = held is not None and held.kind == "cursor"
            return _execute_call(file, call, given) if is_cursor else _read_by_loop(file, given)
    return None


def _read_by_loop(file: File, expr: ast.expr) -> tuple[ast.expr, Table] | None:
    """Return the iterable of a loop that begins by reading all rows: a query, a result or a queryset; no cursor."""
    return _execute_call(file, expr, expr) if _result(file, expr) is not None else _query_and_table(file, expr)


def _query_and_table(file: File, expr: ast.expr) -> tuple[ast.expr, Table] | None:
    table = table_of_query(file, expr)
    return (expr, table) if table is not None else None


def _is_of_django(file: File, expr: ast.expr) -> bool:
    return isinstance(TypeInference.of(file).type_of(expr), QuerySet)


# -- which query it was -----------------------------------------------------------------------------------


def _execute_call(file: File, read: ast.expr, owner: ast.expr) -> tuple[ast.expr, Table] | None:
    """Return the call of `execute` whose rows an expression reads, in a chain or before, and the table."""
    call = _result(file, owner) or _last_execute(file, read, owner)
    if call is None or not call.args or any(word.arg == "execution_options" for word in call.keywords):
        return None
    table = table_of_statement(file, call.args[0])
    return (call, table) if table is not None else None


@recursive_query(None)
def _result(file: File, expr: ast.expr) -> ast.Call | None:
    """Return the call of `execute` whose result an expression gives: `session.execute(statement).scalars()`."""
    match expr:
        case ast.Await(value=inner):
            return _result(file, inner)
        case ast.Call(func=ast.Attribute(attr=method), args=[_, *_]) if method in sqlalchemy.EXECUTES:
            return expr
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in sqlalchemy.RESULT_FORMS:
            return _result(file, owner)
        case ast.Name():
            bindings = Bindings.of(file)
            place = bindings.place(expr)
            values = bindings.values.get(place, []) if place is not None else []
            if len(values) == 1 and place not in bindings.unclear:
                return _result(file, values[0])
    return None


def _last_execute(file: File, read: ast.expr, cursor: ast.expr) -> ast.Call | None:
    """Return the last call of `execute` of a cursor before it is read, if there is only one since the read before."""
    function = function_around(file, read)
    written = ast.dump(cursor)
    calls = [
        call
        for call in calls_in(nodes_of(function.body if function is not None else file.tree.body))
        if isinstance(call.func, ast.Attribute) and ast.dump(call.func.value) == written
    ]
    before = sorted((c for c in calls if end_position(c) < end_position(read)), key=end_position)
    found: list[ast.Call] = []
    for call in before:
        if last_name(call.func) in _FETCHES:
            found = []
        elif last_name(call.func).startswith("execute") or last_name(call.func) == "callproc":
            found.append(call)
    return found[0] if len(found) == 1 and last_name(found[0].func) == "execute" else None


# -- what becomes of the rows -----------------------------------------------------------------------------


def _is_kept(file: File, read: ast.expr) -> bool:
    """Whether the rows are kept for later calls: by a cache, or in a field or global variable that is tested first."""
    function = function_around(file, read)
    if function is not None and any("cache" in file.segment(each).lower() for each in function.decorator_list):
        return True
    statement = statement_around(file, read)
    above = file.parents.get(statement) if statement is not None else None
    return isinstance(above, ast.If) and isinstance(statement, ast.Assign) and _tests(file, above.test, statement)


def _tests(file: File, test: ast.expr, statement: ast.Assign) -> bool:
    written = {ast.dump(target) for target in statement.targets}
    loads = {ast.dump(part).replace("Load()", "Store()") for part in ast.walk(test) if isinstance(part, ast.expr)}
    return not written.isdisjoint(loads)


def _library(file: File, asked: ast.expr) -> str:
    """Return the library that reads the rows."""
    for part in ast.walk(asked):
        if isinstance(part, ast.expr) and (held := handle_of(file, part)) is not None:
            return held.library
    return DJANGO if _is_of_django(file, asked) else SQLALCHEMY if "sqlalchemy" in file.text else ""
