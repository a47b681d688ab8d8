"""`databases`: the databases that a URL of SQLAlchemy may name; and SQLAlchemy's names.

"mysql+pymysql://db/shop"            # "mysql"
URL                                  # `UNKNOWN_DATABASE`, if it comes from the environment
"""

from __future__ import annotations

import ast
import re

from dbhygiene.library.calls import NEVER_RETURN
from dbhygiene.program.decided_tests import conditions
from dbhygiene.program.values import HOLE, Called, Constant, Text, Value, options, patterns
from dbhygiene.source.file import File
from dbhygiene.source.lazy_pattern import lazy_pattern


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MAKES_ENGINE = frozenset(
    f"{module}.create_engine"
    for module in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.engine.create", "sqlalchemy.future", "sqlmodel")
)
MAKES_ASYNC_ENGINE = frozenset(
    {"sqlalchemy.ext.asyncio.create_async_engine", "sqlalchemy.ext.asyncio.engine.create_async_engine"}
)
READS_CONFIGURATION = frozenset(
    {
        "sqlalchemy.engine_from_config",
        "sqlalchemy.engine.engine_from_config",
        "sqlalchemy.engine.create.engine_from_config",
    }
)
READS_ASYNC_CONFIGURATION = frozenset(
    {"sqlalchemy.ext.asyncio.async_engine_from_config", "sqlalchemy.ext.asyncio.engine.async_engine_from_config"}
)
# Providers of `dependency_injector`: each calls its first argument with the other ones.
PROVIDERS = frozenset(
    f"dependency_injector.providers.{name}"
    for name in ("Singleton", "ThreadSafeSingleton", "ThreadLocalSingleton", "Factory", "Callable", "Resource")
)
JOB_STORE, JOB_STORE_OPTIONS = "apscheduler.jobstores.sqlalchemy.SQLAlchemyJobStore", "engine_options"

POOLS_WITH_CONNECTIONS = frozenset(
    f"sqlalchemy.pool.{name}"
    for name in _words(
        "QueuePool AsyncAdaptedQueuePool FallbackAsyncAdaptedQueuePool StaticPool SingletonThreadPool AssertionPool"
    )
) | {"sqlalchemy.QueuePool", "sqlalchemy.StaticPool", "sqlalchemy.pool.impl.QueuePool"}

# Objects that hold the engine or connection that they are made with.
HOLDS_ENGINE = _words("sessionmaker scoped_session async_sessionmaker async_scoped_session create_session registry")
GIVES_ENGINE = _words("connect begin raw_connection execution_options contextual_connect session_factory")
LISTENERS = frozenset({"sqlalchemy.event.listens_for", "sqlalchemy.event.listen", "sqlalchemy.event.api.listens_for"})
PINGS_AT = frozenset({"checkout", "engine_connect"})

# The columns of mapped classes; and the types of plain values, as annotations name them.
COLUMNS = _words("Column mapped_column Field column_property deferred")
PLAIN_TYPES = _words(
    "Mapped Optional Union str int float bool bytes complex Decimal decimal date datetime time timedelta UUID uuid None"
)

# Statements whose result holds no objects, unless they say what they return.
STATEMENTS = _words("text insert update delete exists literal literal_column literal_text count")

# Methods of a session: those that take objects, and those that return none.
TAKING_OBJECTS = _words("add add_all merge delete refresh expire flush enable_relationship_loading")
WITHOUT_OBJECTS = TAKING_OBJECTS - {"merge"} | _words(
    """
    begin begin_nested bulk_insert_mappings bulk_save_objects bulk_update_mappings close commit connection
    execution_options expire_all expunge expunge_all get_bind in_nested_transaction in_transaction invalidate
    is_modified prepare remove reset rollback
    """
)

SETS_OF_OBJECTS = _words("new dirty deleted identity_map")  # attributes of a session

# Methods of a query, a result, or an attribute of an object that return no object.
GIVING_DATA = _words(
    """
    add append clear close count decode delete encode endswith exists extend format hex index insert isoformat lower
    lstrip remove replace rstrip sort split startswith strftime strip timestamp title total_seconds update upper
    """
)

# -- databases --------------------------------------------------------------------------------------------

MYSQL = "mysql"  # and MariaDB
CLOSES_IDLE = (
    "MySQL closes connections that are idle for `wait_timeout` seconds; the next query fails with error 2006, 2013 or"
    " 4031"
)
UNKNOWN_DATABASE = "?"

_MYSQL_DRIVERS = _words(
    "pymysql mysqldb mysqlconnector asyncmy aiomysql cymysql oursql mariadbconnector gaerdbms zxjdbc"
)
OTHERS = _words(
    """sqlite postgresql postgres oracle mssql db2 ibm_db_sa redshift snowflake duckdb cockroachdb firebird
    sybase access teradata teradatasql bigquery clickhouse clickhousedb hive presto trino awsathena databricks
    druid vertica hana crate impala exasol gsheets elasticsearch risingwave timescaledb rds_postgresql"""
)
_SCHEME = lazy_pattern(rf"(?P<dialect>[a-z0-9_]+|{HOLE})(?:\+(?P<driver>[a-z0-9_]+|{HOLE}))?:", re.IGNORECASE)
_URL_MAKERS = ("sqlalchemy.engine.url.URL", "sqlalchemy.engine.URL", "sqlalchemy.URL")
_SAME_URL = _words(
    """.set ._replace .render_as_string .__to_string__ .update_query_dict .update_query_string
    .update_query_pairs .difference_update_query .unicode_string .human_repr .with_path .with_query .with_user
    .with_host"""
)


def database_of(scheme: str) -> str:
    """Return the database of a URL, of which only the beginning may be known."""
    match = _SCHEME.match(scheme)
    if match is None:
        return UNKNOWN_DATABASE
    dialect, driver = match["dialect"].lower(), (match["driver"] or "").lower()
    if dialect in (MYSQL, "mariadb") or driver in _MYSQL_DRIVERS:
        return MYSQL
    return UNKNOWN_DATABASE if dialect == HOLE or len(dialect) == 1 else dialect


def databases(url: Value) -> frozenset[str]:
    """Return the databases that a URL may be of, with `UNKNOWN_DATABASE` if it may be of any."""
    found: set[str] = set()
    for option in options(url):
        match option:
            case Constant(value=None):
                continue
            case Constant(value=str(text)) if text and ":" not in text:
                found.add("none")  # the name of a key, or a text to be replaced: no URL
            case Constant(value=str()) | Text():
                found |= {database_of(pattern) for pattern in patterns(option)}
            case Called():
                found |= _databases_of_call(option)
            case _:
                found.add(UNKNOWN_DATABASE)
    return frozenset(found or {UNKNOWN_DATABASE})


_OF_SERVERS = frozenset({MYSQL, "postgresql", "postgres", "oracle", "mssql"})


def has_server(found: frozenset[str]) -> bool:
    """Whether each of the databases that a URL may be of is a server's.

    A database of SQLite in memory lives as long as its connection: a pool that replaces the connection empties it.
    """
    return found <= _OF_SERVERS


_IN_MEMORY = lazy_pattern(
    r"sqlite(\+\w+)?:/{0,3}(:memory:|file::memory:.*|file:.*[?&]mode=memory.*)?(\?.*)?", re.IGNORECASE
)


def is_in_memory_url(url: Value) -> bool:
    """Whether a URL is of an SQLite database in memory, for which SQLAlchemy keeps one connection for all."""
    known = list(options(url))
    return bool(known) and all(
        isinstance(option, Constant) and isinstance(option.value, str) and bool(_IN_MEMORY.fullmatch(option.value))
        for option in known
    )


def _databases_of_call(call: Called) -> frozenset[str]:
    """Return the databases of a URL that a library makes of another one, or of its parts."""
    scheme = next((call.keywords.items[key] for key in ("drivername", "scheme") if key in call.keywords.items), None)
    last = call.name.rpartition(".")[2]
    if scheme is None and call.arguments and call.name.removesuffix(".create") in _URL_MAKERS:
        scheme = call.arguments[0]
    if scheme is not None:
        return frozenset(database_of(f"{pattern}:") for pattern in patterns(scheme))
    if call.receiver is not None and call.name in _SAME_URL:
        return databases(call.receiver)
    if call.arguments and last in {"make_url", "str", "URL", "quote", "SecretStr"}:
        return databases(call.arguments[0])
    return frozenset({UNKNOWN_DATABASE})


# -- what the code around says ----------------------------------------------------------------------------


def databases_by_conditions(file: File, node: ast.AST) -> tuple[frozenset[str], frozenset[str]]:
    """Return the databases that the conditions around a node allow, and those that they rule out.

    `if url.startswith("mysql")`, `if "sqlite" in url`, `if url.drivername == "mysql"`, and their `else`; also an `if`
    before the node whose block does not reach it: `if url.startswith("mysql"): raise ValueError(url)`.
    """
    allowed: frozenset[str] = frozenset()
    ruled_out: set[str] = set()
    for test, result in conditions(file, node, ends=_ends_program):
        named, truth = _databases_of_test(test, result)
        if truth:
            allowed = (allowed & named) or allowed or named
        else:
            ruled_out.update(named)
    return allowed, frozenset(ruled_out)


def _ends_program(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call(func=func)):
            return ast.unparse(func) in NEVER_RETURN
    return False


def _databases_of_test(test: ast.expr, truth: bool) -> tuple[frozenset[str], bool]:
    """Return the databases that a test mentions, and whether they are allowed if its result is `truth`."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _databases_of_test(operand, not truth)
        case ast.BoolOp(op=ast.And(), values=values) if truth:
            found = [_databases_of_test(value, True) for value in values]
            return next((one for one in found if one[0]), (frozenset(), truth))
        case ast.BoolOp(op=ast.Or(), values=values):
            # In `not url or kind == SQLITE`, only the second operand names a database.
            found = [_databases_of_test(each, truth) for each in values if not (truth and _is_negated(each))]
            alike = [named for named, told in found if told is truth and named]
            is_clear = not truth or len(alike) == len(found)
            return frozenset[str]().union(*(alike if is_clear else ())), truth
        case ast.Compare(ops=[ast.Eq() | ast.In() | ast.Is()], comparators=[other], left=left):
            return _databases_in(left) | _databases_in(other), truth
        case ast.Compare(ops=[ast.NotEq() | ast.NotIn()], comparators=[other], left=left):
            return _databases_in(left) | _databases_in(other), not truth
        case ast.Call(func=ast.Attribute(attr="startswith"), args=[argument]):
            return _databases_in(argument), truth
    return frozenset(), truth


def _is_negated(test: ast.expr) -> bool:
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


def _databases_in(expr: ast.expr) -> frozenset[str]:
    names = set()
    parts = expr.elts if isinstance(expr, (ast.Tuple, ast.List, ast.Set)) else [expr]
    for part in parts:
        match part:
            case ast.Constant(value=str(text)):
                name = re.split(r"[+:]", text.lower())[0]
            case ast.Attribute(attr=member) if member.isupper():
                name = member.lower()  # of an enumeration
            case _:
                continue
        if name in ("mysql", "mariadb"):
            names.add(MYSQL)
        elif name in OTHERS:
            names.add(name)
    return frozenset(names)


# -- what a file is for ------------------------------------------------------------------------------------


def in_migrations(file: File) -> bool:
    """Whether a file is one that Alembic runs once: its environment, or a revision."""
    return not file.imported_names.isdisjoint({"alembic.context", "alembic.op"})
