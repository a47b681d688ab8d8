"""`names_another`: whether the names around an engine whose URL is unknown show that its database is not MySQL.

create_engine(settings.POSTGRES_URL)     # the names in the call, and in what its variables hold
class SqliteStore: ...                   # the class, the function and the module that make the engine
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from dbhygiene.library.words import words
from dbhygiene.program.origins import ExpressionAt, values_of
from dbhygiene.source.closure import closure
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern
from dbhygiene.source.nodes import FUNCTION

_MYSQL = lazy_pattern(r"mysql|maria_?db", re.IGNORECASE)
_SERVER = lazy_pattern(
    r"postg(?:res|is)|psycopg|pgvector|pgsql|asyncpg|pg8000|timescale|cockroach|redshift|snowflake|bigquery|duckdb"
    r"|clickhouse|mssql|sql_?server|pyodbc|pymssql|cx_?oracle|oracledb|(?:^|_)pg(?:_|$)",
    re.IGNORECASE,
)
# SQLite is often a default: in the expression of a URL, its name says nothing of the other databases.
_ANY_OTHER = lazy_pattern(rf"{_SERVER.pattern}|sqlite", re.IGNORECASE)
_MAKES = lazy_pattern(r"engine|connect|session|pool|database|(?:^|_)db(?:_|$)", re.IGNORECASE)
_CAMEL = lazy_pattern(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# Options of engines, and items of their `connect_args`, that only drivers of PostgreSQL accept.
_POSTGRES_OPTIONS = words(
    """client_encoding executemany_mode use_batch_mode sslmode application_name server_settings target_session_attrs
    keepalives keepalives_idle command_timeout statement_cache_size prepared_statement_cache_size gssencmode"""
)
_MOST = 40  # expressions that variables stand for
_LONGEST = 200  # characters of a text: a longer one is no URL


def names_another(file: File, node: ast.AST, url: ast.AST) -> bool:
    """Whether names say that a database is another one than MySQL and MariaDB, and none says that it is.

    Arguments:
        node: the place where the engine is made.
        url: the expression of the URL, or the call that is given it.
    """
    if _MYSQL.search(_code_around(file, node)):
        return False
    around, inside = [*_names_around(file, node)], [*_words_of(file, url)]
    if any(_MYSQL.search(name) for name in (*around, *inside)):
        return False
    return (
        any(_ANY_OTHER.search(name) for name in around)
        or any(_SERVER.search(name) for name in inside)
        or not _POSTGRES_OPTIONS.isdisjoint(inside)
    )


def _code_around(file: File, node: ast.AST) -> str:
    """Return the text of the outermost class or function around a node; of the file, if there is none."""
    outer = next((each for each in file.around(node) if each in file.tree.body), None)
    return file.segment(outer) if isinstance(outer, (*FUNCTION, ast.ClassDef)) else file.text


def _spelled(name: str) -> tuple[str, str]:
    """Return a name as it is, and with its words separated: `PgStore`, `Pg_Store`."""
    return name, _CAMEL.sub("_", name)


def _names_around(file: File, node: ast.AST) -> Iterator[str]:
    """Yield the names of the classes, the functions and the module around a node."""
    for outer in file.around(node):
        if isinstance(outer, ast.ClassDef) or (isinstance(outer, FUNCTION) and _MAKES.search(outer.name)):
            yield from _spelled(outer.name)
    yield from file.module.split(".")[-2:]


def _words_of(file: File, expr: ast.AST) -> Iterator[str]:
    """Yield the names and the texts of an expression, and of those that its variables stand for."""
    start = [ExpressionAt(file, part) for part in ast.iter_child_nodes(expr) if isinstance(part, ast.expr)]
    keywords = expr.keywords if isinstance(expr, ast.Call) else []
    yield from (keyword.arg or "" for keyword in keywords)
    start += [ExpressionAt(file, keyword.value) for keyword in keywords]
    if not isinstance(expr, ast.Call) and isinstance(expr, ast.expr):
        start = [ExpressionAt(file, expr)]
    for each in start:
        for where, part in islice(closure(each, _values), _MOST):
            yield from _own_words(where, part)


def _values(at: ExpressionAt) -> list[ExpressionAt]:
    parts = (part for part in ast.walk(at.expr) if isinstance(part, (ast.Name, ast.Attribute)))
    return [found for part in parts for found in values_of(at.file, part)]


def _own_words(file: File, expr: ast.expr) -> Iterator[str]:
    for part in ast.walk(expr):
        match part:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield from _spelled(name)
            case ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)) if len(text) <= _LONGEST:
                yield text
